#!/usr/bin/python3
"""Usage: scripts/blackbox [--seconds S] [--mode keyed|probed|none|all] [--seed N] [--keep FOLDER]

Runs the built onetaked against the demo's practice with 16 client processes, a third of which hold
streams, and a nemesis: kill -9, drains, SIGSTOP, a disk that gets full (NOT RUN where no tmpfs can
be mounted), a clock that is set, reloads of good and of broken configurations, and TCP proxies on
both sides that cut, reset, swallow and refuse connections. Then lets it settle, collects what was
told, the practice's rows and the ledger's export, and has them and the file checked by
tests/blackbox/checker.py, which shares no code with onetake. Exits 1 when a promise is broken.

  --seconds S    how long it is tormented, in each mode (default 60)
  --mode MODE    what the practice offers: it honours keys, can be asked, or neither; all: one after
                 the other. Absent: one of them, by the seed
  --seed N       repeats the faults and what the clients do, not the threads' timing
  --keep FOLDER  the history stays there, in a folder for each mode
"""

import argparse
import contextlib
import json
import pathlib
import random
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from harness import ONETAKE, ROOT, Onetaked, PracticeApi
from nemesis import Nemesis, SmallDisk
from proxy import Proxy
from stepped_clock import SteppedClock

CLIENTS = 16
# The kinds of practice.
MODES = ("keyed", "probed", "none")
MANIFESTS = ROOT / "tools" / "dental" / "manifests"
ENVIRONMENT = {"DENTAL_FILLER": "150ms", "DENTAL_PATIENCE": "1s", "DENTAL_FLOOR": "800ms",
               "DENTAL_CEILING": "3s", "DENTAL_RETRY_BASE": "50ms", "DENTAL_RETRY_CAP": "1s",
               "DENTAL_PROBE_INTERVAL": "300ms", "DENTAL_KEY_RETENTION": "24h",
               "DENTAL_ATTEMPTS": "20"}
FAULTS = ("--error-before-commit", "0.03", "--error-after-commit", "0.05",
          "--commit-then-stall", "0.03", "--commit-then-reset", "0.05")


class BlackBox:
    def __init__(self, options, mode, folder):
        self._options = options
        self._mode = mode
        self._folder = folder
        self._rng = random.Random(f"{options.seed} {mode}")
        self._stack = contextlib.ExitStack()
        self.nemesis = None

    def run(self):
        with self._stack:
            self._start()
            try:
                self._clients()
                self._settle()
                self._collect()
            finally:
                (self._folder / "onetaked.log").write_text("\n".join(self._server.logs) + "\n")

    def _start(self):
        self._practice = self._stack.enter_context(PracticeApi(
            "--threads", "300", "--time-scale", "0.05", "--stall-ms", "3000",
            "--key-retention", "864000", "--seed", str(self._options.seed),
            "--keys", "honour" if self._mode == "keyed" else "ignore", *FAULTS))
        port = int(self._practice.url.rsplit(":", 1)[1])
        self._downstream = self._proxy(("127.0.0.1", port))
        self._socket = str(self._folder / "onetake.sock")
        clock = self._stack.enter_context(SteppedClock())
        disk = self._stack.enter_context(SmallDisk())
        self._server = Onetaked(
            "", env={**ENVIRONMENT, **clock.environment,
                     "PRACTICE_API": f"http://127.0.0.1:{self._downstream.port}"},
            listen=f"unix:{self._socket}",
            tool_folders=(MANIFESTS / "common", MANIFESTS / self._mode))
        self._ledger = pathlib.Path(disk.folder if disk else self._server.folder) / "onetake.db"
        config = self._server.folder / "onetake.yaml"
        config.write_text(config.read_text().replace("path: onetake.db", f"path: {self._ledger}"))
        self._stack.enter_context(self._server)
        self.nemesis = Nemesis(self._rng, self._server, clock, disk)
        self._edge = self._proxy(self._socket)

    def _proxy(self, target):
        proxy = Proxy(target, self._rng.random())
        self._stack.callback(proxy.close)
        return proxy

    def _clients(self):
        now = time.monotonic()
        begin_until, end_at = now + self._options.seconds, now + self._options.seconds + 60
        addresses = [f"unix:{self._socket}", f"127.0.0.1:{self._edge.port}"]
        children = []
        for number in range(CLIENTS):
            plan = {"number": number, "seed": self._rng.randrange(2**31), "addresses": addresses,
                    "folder": str(self._folder), "wishes": 10_000, "begin_until": begin_until,
                    "end_at": end_at}
            program = "stream_client.py" if number % 3 == 0 else "client.py"
            children.append(subprocess.Popen([sys.executable, "-B", str(HERE / program),
                                              json.dumps(plan)]))
        try:
            self._torment(begin_until)
            for child in children:
                if child.wait(120) != 0:
                    raise AssertionError(f"a client ended with {child.returncode}")
        finally:
            for child in children:
                if child.poll() is None:
                    child.kill()
                    child.wait()

    def _torment(self, until):
        self._downstream.faulty = self._edge.faulty = True
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, self._rng.uniform(0.3, 2)))
            if time.monotonic() < until:
                self.nemesis.strike()
        self.nemesis.relent()
        self._downstream.faulty = self._edge.faulty = False

    def _settle(self):
        """Until nothing is open any more, or for so long that it is the checker's to say."""
        api = self._server.api()
        deadline = time.monotonic() + 60
        for state in ("INTENT_STATE_IN_FLIGHT", "INTENT_STATE_UNKNOWN"):
            while time.monotonic() < deadline and self._any(api, state):
                time.sleep(0.2)

    @staticmethod
    def _any(api, state):
        number = api.schema.pool.FindEnumTypeByName(
            "onetake.v1.IntentState").values_by_name[state].number
        return len(api.list_intents(state=number, page_size=1).intents) > 0

    def _collect(self):
        for kind in ("calls", "wishes", "streams"):
            lines = "".join(path.read_text() for path in self._folder.glob(f"{kind}.*.jsonl"))
            (self._folder / f"{kind}.jsonl").write_text(lines)
        with contextlib.closing(sqlite3.connect(f"file:{self._practice.db}?mode=ro",
                                                uri=True)) as db:
            rows = [dict(zip(("id", "patient", "slot", "provider", "cancelled"), row))
                    for row in db.execute("SELECT id, patient, slot, provider, cancelled"
                                          " FROM appointments")]
        (self._folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        with (self._folder / "export.jsonl").open("w", encoding="utf-8") as export:
            for kind in ("events", "intents"):
                export.write(self._export(kind))
            export.write(self._results())
        if self._server.stop() != 0:
            raise AssertionError("onetaked does not stop as it should")
        (self._folder / "verify.jsonl").write_text(json.dumps(self._verify()) + "\n")

    def _verify(self):
        """The file, by itself."""
        done = subprocess.run([ONETAKE, "ledger", "verify", "--ledger", str(self._ledger),
                               "--output", "jsonl"], capture_output=True, text=True, timeout=300,
                              check=False)
        report = json.loads(done.stdout or "{}")
        return {"exit": done.returncode, "events": report.get("events", "0"),
                "what": report.get("what") or done.stderr}

    def _export(self, kind):
        done = subprocess.run([ONETAKE, "--server", f"unix:{self._socket}", "ledger", "export",
                               "--kind", kind], capture_output=True, text=True, timeout=300,
                              check=True)
        return done.stdout

    def _results(self):
        api, lines, seen = self._server.api(), [], set()
        for line in (self._folder / "calls.jsonl").read_text().splitlines():
            intent = json.loads(line).get("intent_id")
            if not intent or intent in seen:
                continue
            seen.add(intent)
            for generation in api.get_intent(intent).generations:
                lines.append(json.dumps({"record": "result", "intent_id": intent,
                                         "generation": generation.summary.intent.generation,
                                         "result": generation.result_json}) + "\n")
        return "".join(lines)


def parse(arguments):
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--mode", choices=(*MODES, "all"))
    parser.add_argument("--seed", type=int)
    parser.add_argument("--keep")
    options = parser.parse_args(arguments)
    if options.help:
        print(__doc__.strip())
        sys.exit(0)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1, 2**31)
    if options.mode is None:
        options.mode = random.Random(options.seed).choice(MODES)
    return options


def torment(options, mode):
    """0, or 1 when a promise was broken."""
    with tempfile.TemporaryDirectory(prefix="onetake-blackbox-") as folder:
        path = pathlib.Path(options.keep or folder)
        path /= mode
        path.mkdir(parents=True, exist_ok=True)
        # Before anything can go wrong.
        print(f"seed {options.seed}, mode {mode}", flush=True)
        run = BlackBox(options, mode, path)
        run.run()
        checked = subprocess.run([sys.executable, "-B", str(HERE / "checker.py"), str(path)],
                                 check=False)
    print(f"nemesis {dict(run.nemesis.counts)}", flush=True)
    return checked.returncode


def main(arguments):
    options = parse(arguments)
    modes = MODES if options.mode == "all" else (options.mode,)
    return max([torment(options, mode) for mode in modes])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
