#!/usr/bin/python3
"""Usage: scripts/bench calls [--seconds S] [--json FILE] [--markdown FILE] [--only GROUP...]
                         [--stored N...] [--guard FILE] [--keep-lowest FILE]

What a call costs, all in one run on this machine, so that the ratios mean something. Groups:

  echo      a bare gRPC server with our messages: callback API, and one completion queue
  commits   SQLite's group commit alone
  direct    the downstream without onetake
  calls     onetaked with a quick HTTP downstream: new writes (unary, and over sessions), replays,
            reads, 16 callers of one intent, new writes while two auditors read
  overload  the server on a core of its own: its peak, three times that with `limits.in_flight`
            alone, and three times what `limits.tenant.rate` lets in
  growth    new writes to ledgers that hold so many intents already (--stored; not by default)

Prints Markdown; --json keeps the figures. --guard ends with 1 when a ratio has fallen by more than
a fifth against those in the file and does so again when its groups are repeated. --keep-lowest
writes such a file, or lowers what is in it."""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from bench_servers import BIN, Onetaked, Process
from calls_report import Report, fallen

GROUPS = ("echo", "commits", "direct", "calls", "overload")
# Of the peak, as runtime/server/OPERATIONS.md advises: what is left is for refusing the rest.
_SHARE = 0.6
# How often what has fallen is measured again before it counts: this machine is shared.
_REPEATS = 2
# Prints the figures under the names that call_load gives them.
_DIRECT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"slot":"2026-06-24T14:00:00-05:00","patient":"p-1","note":"by phone"}'
function done(summary, latency, requests)
  io.write(string.format('{"per_second":%.0f,"p50_us":%d,"p99_us":%d,"p999_us":%d}\\n',
    summary.requests / summary.duration * 1e6, latency:percentile(50), latency:percentile(99),
    latency:percentile(99.9)))
end
"""


class Bench:
    def __init__(self, seconds, stored):
        self.rows = []
        self._seconds = seconds
        self._warm_up = min(1, seconds)
        self._stored = stored
        self._runs = 0

    def run(self, groups):
        with tempfile.TemporaryDirectory(prefix="onetake-bench-") as folder:
            for group in groups:
                getattr(self, group)(pathlib.Path(folder))

    def _start_load(self, server, workload, in_flight, rate=0, cores=None):
        self._runs += 1
        channels = 16 if rate else min(4, max(1, in_flight // 16))
        return subprocess.Popen(
            [BIN / "tests/bench/call_load", "--server", server, "--workload", workload,
             "--in-flight", str(in_flight), "--run", f"r{os.getpid()}-{self._runs}",
             "--rate", str(rate), "--seconds", str(self._seconds), "--warm-up",
             str(self._warm_up), "--channels", str(channels)],
            stdout=subprocess.PIPE, text=True,
            preexec_fn=None if cores is None else lambda: os.sched_setaffinity(0, cores))

    @staticmethod
    def _end_load(load):
        out, _ = load.communicate(timeout=600)
        if load.returncode != 0:
            raise SystemExit("call_load failed")
        return json.loads(out)

    def load(self, server, name, workload, in_flight, **how):
        before = server.figures() if isinstance(server, Onetaked) else None
        extra = {key: how.pop(key) for key in ("stored", "allowed") if key in how}
        load = self._start_load(server.address, workload, in_flight, **how)
        row = {"name": name, **self._end_load(load), **extra}
        if before is not None:
            after = server.figures()
            total = max(1, row["per_second"] * (self._seconds + self._warm_up))
            row["cpu_us"] = round((after["cpu_s"] - before["cpu_s"]) * 1e6 / total)
            row["commits_a_call"] = round((after["commits"] - before["commits"]) / total, 2)
            row["bytes_a_call"] = round((after["ledger_bytes"] - before["ledger_bytes"]) / total)
            row["rss_mib"] = round(after["rss_mib"])
        self.add(row)
        return row

    def add(self, row):
        self.rows.append(row)
        print(f"{row['name']:16} {row['workload']:7} {row['in_flight']:4} in flight: "
              f"{row['per_second']:8.0f}/s  p50 {row['p50_us']} us, p99 {row['p99_us']} us",
              file=sys.stderr)

    def echo(self, _):
        for edge in ("callback", "queue"):
            with Process(BIN / "tests/bench/echo_server", "--edge", edge) as echo:
                for in_flight in (1, 16, 64, 256):
                    self.load(echo, f"echo-{edge}", "new", in_flight)

    def commits(self, folder):
        """Writers that wait until their row is durable."""
        for waiting in (1, 16, 64, 256):
            done = subprocess.run(
                [BIN / "tests/bench/group_commit_bench", "--waiting", str(waiting), "--seconds",
                 str(self._seconds), "--path", folder / "commits.db"],
                capture_output=True, text=True, check=True, timeout=600)
            row = json.loads(done.stdout)
            self.add({"name": "commits", "workload": "new", "in_flight": waiting,
                      "per_second": row["writes_per_second"], **row})

    def direct(self, folder):
        script = folder / "book.lua"
        script.write_text(_DIRECT)
        with Process(BIN / "tests/bench/http_downstream") as downstream:
            for in_flight in (1, 16, 64, 256):
                done = subprocess.run(
                    ["wrk", "-t", "1", "-c", str(in_flight), "-d",
                     f"{max(1, self._seconds):.0f}s", "-s", script,
                     f"{downstream.address}/bookings"],
                    capture_output=True, text=True, check=True, timeout=600)
                self.add({"name": "direct", "workload": "new", "in_flight": in_flight,
                          **json.loads(done.stdout.splitlines()[-1])})

    def calls(self, folder):
        with Process(BIN / "tests/bench/http_downstream") as downstream, \
                Onetaked(folder / "calls", downstream.address) as server:
            for workload in ("new", "session", "replay", "read", "join"):
                for in_flight in (1, 16, 64, 256):
                    self.load(server, "onetaked", workload, in_flight)
            auditors = [self._start_load(server.address, "audit", 1) for _ in range(2)]
            self.load(server, "audited", "new", 64)
            for auditor in auditors:
                self.add({"name": "auditor", **self._end_load(auditor)})

    def overload(self, folder):
        """The client is as loud as it likes: it does not take from the server."""
        cores = sorted(os.sched_getaffinity(0))
        ours, others = {cores[-1]}, set(cores[:-1]) or {cores[-1]}
        in_flight = "limits: { in_flight: 128%s }\n"
        with Process(BIN / "tests/bench/http_downstream", cores=others) as downstream:
            with Onetaked(folder / "peak", downstream.address, in_flight % "", ours) as server:
                peak = self.load(server, "peak", "new", 128, cores=others)["good_per_second"]
                self.load(server, "overload", "new", 2048, rate=3 * peak, cores=others)
            rate = max(10, round(_SHARE * peak))
            limits = in_flight % f", tenant: {{ rate: {rate}, burst: {rate // 10} }}"
            with Onetaked(folder / "limited", downstream.address, limits, ours) as server:
                for name, times in (("limited", 1), ("limited-overload", 3)):
                    self.load(server, name, "new", 2048, rate=times * rate, cores=others,
                              allowed=rate)

    def growth(self, folder):
        with Process(BIN / "tests/bench/http_downstream") as downstream:
            for stored in self._stored:
                ledger = folder / f"{stored}.db"
                subprocess.run([BIN / "tests/bench/questions_bench", "--path", ledger, "--intents",
                                str(stored), "--fill-only"], check=True)
                with Onetaked(folder / str(stored), downstream.address, ledger=ledger) as server:
                    for in_flight in (1, 64):
                        self.load(server, "onetaked", "new", in_flight, stored=stored)


def guard(bench, options):
    """Ends the process with 1 when a ratio stays below."""
    baseline = json.loads(options.guard.read_text())
    below = fallen(Report(bench.rows).ratios(), baseline)
    for _ in range(_REPEATS):
        if not below:
            return
        print(f"measured again: {', '.join(name for name, _, _ in below)}", file=sys.stderr)
        again = Bench(options.seconds, options.stored)
        again.run(options.only)
        names = {name for name, _, _ in fallen(Report(again.rows).ratios(), baseline)}
        below = [entry for entry in below if entry[0] in names]
    if below:
        raise SystemExit("slower than it was:\n" + "\n".join(
            f"{name}: {value}, was {before}" for name, value, before in below))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path)
    parser.add_argument("--guard", type=pathlib.Path)
    parser.add_argument("--keep-lowest", type=pathlib.Path)
    parser.add_argument("--stored", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--only", nargs="+", default=GROUPS, choices=(*GROUPS, "growth"),
                        metavar="GROUP")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    bench = Bench(options.seconds, options.stored)
    bench.run(options.only)
    report = Report(bench.rows)
    print(report.markdown())
    if options.markdown:
        options.markdown.write_text(report.markdown())
    if options.json:
        options.json.write_text(report.json())
    if options.keep_lowest:
        lowest = {name: value for name, value, _ in report.ratios()}
        if options.keep_lowest.exists():
            before = json.loads(options.keep_lowest.read_text())
            lowest = {name: min(value, before.get(name, value)) for name, value in lowest.items()}
        options.keep_lowest.write_text(json.dumps(lowest, indent=1) + "\n")
    if options.guard:
        guard(bench, options)


if __name__ == "__main__":
    main()
