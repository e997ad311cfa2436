"""Starts the real onetaked on a free port in a temporary folder, and always stops it."""

import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from api import Api

# ctest says which binaries; by hand, those of the preset "test" are taken:
#   cd tests/e2e && /usr/bin/python3 -m unittest -v test_writes
ROOT = pathlib.Path(__file__).resolve().parents[2]
_BUILD = ROOT / "build" / "test"
ONETAKED = os.environ.get("ONETAKED", str(_BUILD / "runtime" / "server" / "onetaked"))
ONETAKE = os.environ.get("ONETAKE", str(_BUILD / "runtime" / "cli" / "onetake"))
PRACTICE_API = os.environ.get("PRACTICE_API_BINARY",
                              str(_BUILD / "tools" / "dental" / "practice_api"))

_SCHEMA = """
parameters:
  type: object
  additionalProperties: false
  required: [slot, patient]
  properties:
    slot: { type: string }
    patient: { type: string }
    note: { type: string }
    party: { type: integer, minimum: 1, maximum: 8 }
"""

_WRITE = """
name: %(name)s
description: Books a slot for the caller.
effect: WRITE
""" + _SCHEMA + """
intent:
  identity: { slot: instant, patient: verbatim }
  ignored: [note]
safety: %(safety)s
timeouts: { patience: 20s, attempt: %(attempt)s, floor: 100ms, ceiling: 30s }
retries: { attempts: %(attempts)s, total: 60s, base: 50ms, cap: 400ms }
http: { method: POST, url: "${DOWNSTREAM}/bookings", body: $%(headers)s }
"""

_READ = """
name: find
description: Finds the bookings of a slot.
effect: READ
parameters: { type: object, properties: { slot: { type: string } } }
timeouts: { patience: 20s, attempt: 5s, floor: 100ms }
retries: { attempts: 2, base: 20ms, cap: 50ms, total: 20s }
http: { method: GET, url: "${DOWNSTREAM}/bookings", query: { slot: $.slot } }
"""


def manifests(attempt="5s", attempts=5):
    """book: WRITE NONE; book_keyed: KEYED; book_natural: NATURAL; find: READ."""
    safeties = {
        "book": "{}",
        "book_keyed": "{ keyed: { header: Idempotency-Key, retention: 1h } }",
        "book_natural": "{ natural: true }",
    }
    files = {f"{name}.yaml": _WRITE % {"name": name, "safety": safety, "attempt": attempt,
                                       "attempts": attempts, "headers": ""}
             for name, safety in safeties.items()}
    files["find.yaml"] = _READ
    return files


class Onetaked:
    """One server and its folder; survives kill() and start() again, as the ledger does."""

    def __init__(self, downstream_url, tools=None, config="", env=None, listen="127.0.0.1:0",
                 arguments=(), tool_folders=()):
        """`tool_folders`: these instead of the manifests in `tools`. Open to everybody, unless the
        `config` says who has access."""
        if not re.search("^access:", config, re.MULTILINE):
            config += "access: open\n"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="onetake-e2e-"))
        (self.folder / "tools.d").mkdir()
        for name, text in (tools or manifests()).items():
            (self.folder / "tools.d" / name).write_text(text)
        (self.folder / "onetake.yaml").write_text(
            f"listen: {listen}\nledger: {{ path: onetake.db }}\n"
            f"tools: {json.dumps([str(folder) for folder in tool_folders or ['tools.d']])}\n"
            f"{config}")
        self._env = {**os.environ, "DOWNSTREAM": downstream_url, **(env or {})}
        self.arguments = arguments
        self.program = ONETAKED
        self._process = None
        self._reader = None
        self._started = None
        self.address = None
        self.logs = []
        self._reads_logs = threading.Event()
        self._reads_logs.set()
        self._apis = []

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        for api in self._apis:
            api.close()
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder)

    def start(self, **env):
        self.launch(**env)
        if not self.wait_started():
            self.kill()
            raise AssertionError("onetaked did not start:\n" + "\n".join(self.logs))
        return self

    def launch(self, **env):
        """Starts the process, with these variables too, and waits for nothing."""
        self._process = subprocess.Popen(
            [self.program, "--config", str(self.folder / "onetake.yaml"), *self.arguments],
            env={**self._env, **env}, cwd=self.folder, stderr=subprocess.PIPE, text=True)
        self._started = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self._process, self._started))
        self._reader.start()

    def wait_started(self, timeout=120):
        """False: it ended before it took calls, or took too long."""
        deadline = time.monotonic() + timeout
        while not self._started.wait(0.01):
            if self._process.poll() is not None:
                self._reader.join()  # its last line is in `logs`
                return False
            if time.monotonic() > deadline:
                return False
        return True

    def api(self, schema=None, **how):
        """`how`: as Api takes it."""
        api = Api(self.address, schema, **how)
        self._apis.append(api)
        return api

    @property
    def pid(self):
        return self._process.pid

    def terminate(self):
        self._process.send_signal(signal.SIGTERM)

    def hang_up(self):
        """Read what is configured again."""
        self._process.send_signal(signal.SIGHUP)

    def wait(self, timeout=30):
        """The exit code."""
        code = self._process.wait(timeout)
        self._reader.join()
        return code

    def wait_process(self, timeout):
        """The exit code, without what is left of its log; None when it still runs."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def wait_dead(self, timeout):
        """The exit code, or None when it still runs after `timeout` seconds."""
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def stop(self):
        self.terminate()
        return self.wait()

    def kill(self):
        """kill -9: no destructor, no flush."""
        self.read_logs_again()
        if self._process.poll() is None:
            self._process.kill()
        self.wait()

    def stop_reading_logs(self):
        """As if whoever reads them hung; few fit in between."""
        self._reads_logs.clear()
        fcntl.fcntl(self._process.stderr, fcntl.F_SETPIPE_SZ, 4096)

    def read_logs_again(self):
        self._reads_logs.set()

    def events(self, name, after=0):
        """Log lines of this event, behind so many of all."""
        lines = [json.loads(line) for line in list(self.logs)[after:]]
        return [line for line in lines if line["event"] == name]

    def wait_for_event(self, name, timeout=60, after=0):
        deadline = time.monotonic() + timeout
        while not self.events(name, after):
            if time.monotonic() > deadline:
                raise AssertionError(f"no log line {name}:\n" + "\n".join(self.logs))
            time.sleep(0.01)

    def _read(self, process, started):
        for line in process.stderr:
            self._reads_logs.wait()
            self.logs.append(line.rstrip("\n"))
            if '"event":"server.started"' in line:
                self.address = json.loads(line)["address"]
                started.set()
        process.stderr.close()


class PracticeApi:
    """The demo's practice: slow, faulty, with a file of its own that outlives it."""

    def __init__(self, *flags):
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="onetake-practice-"))
        self.db = self._folder / "practice.db"
        self._flags = flags
        self._process = None
        self.url = None

    def __enter__(self):
        self._process = subprocess.Popen(
            [PRACTICE_API, "--db", str(self.db), *self._flags], stdout=subprocess.PIPE, text=True)
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            self.__exit__()
            raise AssertionError("practice_api did not start")
        return self

    @property
    def pid(self):
        return self._process.pid

    def __exit__(self, *unused):
        self._process.terminate()
        self._process.wait(30)
        self._process.stdout.close()
        shutil.rmtree(self._folder)


class E2eTest(unittest.TestCase):
    """Test cases start what they need with self.enter_context(...), which is stopped after them."""

    def enter_context(self, manager):
        value = manager.__enter__()
        self.addCleanup(manager.__exit__, None, None, None)
        return value

    def eventually(self, ask, expected, timeout=60):
        """Until ask() gives `expected`: for what the ledger records without anybody waiting."""
        deadline = time.monotonic() + timeout
        while (value := ask()) != expected and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(value, expected)

    def run_cli(self, server, *arguments, stdin=None, env=None):
        return subprocess.run([ONETAKE, "--server", server.address, *arguments],
                              capture_output=True, text=True, timeout=60, input=stdin, check=False,
                              env={**os.environ, **(env or {})})


def booking(slot="2026-06-24T14:00:00-05:00", patient="p-1", **more):
    return json.dumps({"slot": slot, "patient": patient, **more})
