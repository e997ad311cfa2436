"""What scripts/bench calls measures, group by group: each fills rows of figures."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from bench_servers import BIN, Onetaked, Process

IN_FLIGHT = (1, 16, 64, 256)
# Of the peak, as runtime/server/OPERATIONS.md advises: what is left is for refusing the rest.
_SHARE = 0.6
# While auditors read, at each number in flight.
_AUDITED_SECONDS = 2
_SYNCS = 200
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


def sync_times_us(folder):
    """How long fdatasync(2) takes after each of some appends of 4 KB, in rising order."""
    times = []
    file = os.open(folder / "syncs", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        for _ in range(_SYNCS):
            os.write(file, b"s" * 4096)
            begun = time.monotonic()
            os.fdatasync(file)
            times.append((time.monotonic() - begun) * 1e6)
    finally:
        os.close(file)
    return sorted(times)


class Bench:
    def __init__(self, seconds, stored):
        self.rows = []
        self._seconds = seconds
        self._stored = stored
        self._runs = 0

    def run(self, groups):
        with tempfile.TemporaryDirectory(prefix="onetake-bench-") as folder:
            for group in groups:
                getattr(self, group)(pathlib.Path(folder))

    def _start_load(self, server, workload, in_flight, *flags, rate=0, cores=None, seconds=None):
        seconds = seconds or self._seconds
        channels = 16 if rate or "--heed" in flags else min(4, max(1, in_flight // 16))
        return subprocess.Popen(
            [BIN / "tests/bench/call_load", "--server", server, "--workload", workload,
             "--in-flight", str(in_flight), "--run", f"r{os.getpid()}-{self._runs}",
             "--rate", str(rate), "--seconds", str(seconds), "--warm-up",
             str(min(1, seconds)), "--channels", str(channels), *flags],
            stdout=subprocess.PIPE, text=True,
            preexec_fn=None if cores is None else lambda: os.sched_setaffinity(0, cores))

    @staticmethod
    def _end_load(load):
        out, _ = load.communicate(timeout=600)
        if load.returncode != 0:
            raise SystemExit("call_load failed")
        return out

    def load(self, server, name, workload, in_flight, *flags, auditors=0, extra=None, **how):
        """One row. `auditors`: so many read the ledger meanwhile."""
        self._runs += 1
        if workload == "replay":
            self._end_load(self._start_load(server.address, workload, 64, "--first-times"))
        before = server.figures()
        readers = [self._start_load(server.address, "audit", 1, **how) for _ in range(auditors)]
        load = self._start_load(server.address, workload, in_flight, *flags, **how)
        row = {"name": name, **json.loads(self._end_load(load)), **(extra or {})}
        read = [json.loads(self._end_load(reader)) for reader in readers]
        after = server.figures()
        # What a session leaves under way is done all the same.
        done = row["answered"] + (in_flight if workload == "session" else 0)
        grown = {what: (after[what] - before[what]) / max(1, done) for what in before}
        row["cpu_us"] = round(grown["cpu_s"] * 1e6)
        if "syncs" in grown:
            row["commits_a_call"] = round(grown["commits"], 2)
            row["syncs_a_call"] = round(grown["syncs"], 2)
            row["bytes_a_call"] = round(grown["ledger_bytes"])
            row["peak_rss_mb"] = round(after["peak_rss_mb"])
        self.add(row)
        for one in read:
            self.add({"name": f"auditor beside {in_flight}", **one})
        return row

    def add(self, row):
        self.rows.append(row)
        print(f"{row['name']:16} {row['workload']:7} {row['in_flight']:4} in flight: "
              f"{row['per_second']:8.0f}/s  p50 {row['p50_us']} us, p99 {row['p99_us']} us",
              file=sys.stderr)

    def echo(self, _):
        for edge in ("callback", "queue"):
            with Process(BIN / "tests/bench/echo_server", "--edge", edge) as echo:
                for in_flight in IN_FLIGHT:
                    self.load(echo, f"echo-{edge}", "new", in_flight)

    def commits(self, folder):
        """Writers that wait until their row is durable."""
        for waiting in IN_FLIGHT:
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
            for in_flight in IN_FLIGHT:
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
            self.syncs(folder / "calls")
            for workload in ("new", "session", "replay", "read", "join"):
                for in_flight in IN_FLIGHT:
                    self.load(server, "onetaked", workload, in_flight)
            for in_flight in IN_FLIGHT:
                self.load(server, "audited", "new", in_flight, auditors=2,
                          seconds=min(_AUDITED_SECONDS, self._seconds))

    def syncs(self, folder):
        """In the ledger's folder, just before the lone writes that are held against it."""
        times = sync_times_us(folder)
        self.add({"name": "fdatasync", "workload": "4 KB", "in_flight": 1,
                  "per_second": round(1e6 * len(times) / sum(times)),
                  **{name: round(times[int(share * (len(times) - 1))]) for name, share in (
                      ("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999))}})

    def overload(self, folder):
        """The client is as loud as it likes: it does not take from the server. The peak is measured
        before and after each load, because the machine's speed drifts."""
        cores = sorted(os.sched_getaffinity(0))
        ours, others = {cores[-1]}, set(cores[:-1]) or {cores[-1]}
        in_flight = "limits: { in_flight: 128%s }\n"
        with Process(BIN / "tests/bench/http_downstream", cores=others) as downstream:
            with Onetaked(folder / "peak", downstream.address, in_flight % "", ours) as server:
                def peak():
                    return self.load(server, "peak", "new", 128, cores=others)["good_per_second"]
                # An empty ledger is quicker than any that is in use.
                self.load(server, "first", "new", 128, cores=others)
                rate = 3 * peak()
                self.load(server, "callers", "new", 3 * 128, "--heed", cores=others)
                peak()
                self.load(server, "overload", "new", 2048, rate=rate, cores=others)
                rate = max(10, round(_SHARE * peak()))
            limits = in_flight % f", tenant: {{ rate: {rate}, burst: {rate // 10} }}"
            with Onetaked(folder / "limited", downstream.address, limits, ours) as server:
                for name, times in (("limited", 1), ("limited-overload", 3)):
                    self.load(server, name, "new", 2048, rate=times * rate, cores=others,
                              extra={"allowed": rate})

    def growth(self, folder):
        with Process(BIN / "tests/bench/http_downstream") as downstream:
            for stored in self._stored:
                ledger = folder / f"{stored}.db"
                subprocess.run([BIN / "tests/bench/questions_bench", "--path", ledger, "--intents",
                                str(stored), "--fill-only"], check=True)
                with Onetaked(folder / str(stored), downstream.address, ledger=ledger) as server:
                    for in_flight in (1, 64):
                        self.load(server, "onetaked", "new", in_flight, extra={"stored": stored})
