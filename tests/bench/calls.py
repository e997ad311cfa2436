#!/usr/bin/python3
"""Usage: scripts/bench calls [--seconds S] [--json FILE] [--markdown FILE] [--only NAME...]
                         [--guard FILE]

What a call costs, all in one run on this machine, so that the ratios mean something: the bare
gRPC echo with our messages (callback API, and one thread with one completion queue), SQLite's
group commit alone, the downstream called directly, onetaked with a quick HTTP downstream (new
writes, replays, reads, 16 callers of one intent), and three times as many calls a second as it can
take. Prints a Markdown table; `--json` keeps the figures. `--guard`: ends with 1 when a ratio has
fallen by more than a fifth against those in the file."""

import argparse
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import time

BIN = pathlib.Path(os.environ["BENCH_BIN"])
_MANIFEST = """
name: %s
description: Books a slot for the caller.
effect: %s
parameters:
  type: object
  properties: { slot: { type: string }, patient: { type: string }, note: { type: string } }
%s
timeouts: { patience: 20s, attempt: 10s, floor: 100ms }
http: { method: %s, url: "${DOWNSTREAM}/bookings", %s }
"""
_WRITE = """intent:
  identity: { slot: instant, patient: verbatim }
  ignored: [note]
safety: { keyed: { header: Idempotency-Key, retention: 24h } }"""
# Of the peak, for what a server takes on by its limits.
_SHARE = 0.5
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


class Process:
    """A program of the benchmark, stopped at the end."""

    def __init__(self, *command, ready=None, **how):
        self._process = subprocess.Popen([str(part) for part in command], text=True,
                                         stdout=subprocess.PIPE, **how)
        self.address = self._process.stdout.readline().strip() if ready is None else ready()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        self._process.stdout.close()

    @property
    def pid(self):
        return self._process.pid

    def figures(self):
        """CPU seconds so far, and the resident size in MiB."""
        stat = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks = os.sysconf("SC_CLK_TCK")
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        [rss] = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
        return (int(stat[11]) + int(stat[12])) / ticks, int(rss) / 1024


def onetaked(folder, downstream, limits=""):
    folder.mkdir()
    (folder / "tools.d").mkdir()
    (folder / "tools.d" / "book.yaml").write_text(_MANIFEST % (
        "book", "WRITE", _WRITE, "POST", "body: $"))
    (folder / "tools.d" / "find.yaml").write_text(_MANIFEST % (
        "find", "READ", "", "GET", "query: { slot: $.slot }"))
    (folder / "onetake.yaml").write_text(
        "listen: 127.0.0.1:0\nledger: { path: onetake.db }\ntools: [tools.d]\naccess: open\n"
        f"log_level: warning\n{limits}")
    port = folder / "port"

    def ready():
        deadline = time.monotonic() + 30
        while not port.exists():
            if time.monotonic() > deadline:
                raise SystemExit("onetaked did not start")
        return port.read_text().strip()
    return Process(BIN / "runtime/server/onetaked", "--config", folder / "onetake.yaml",
                   "--port-file", port, ready=ready,
                   env={**os.environ, "DOWNSTREAM": downstream})


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.rows = []
        self._runs = 0

    def load(self, server, name, workload, in_flight, process=None, rate=0):
        if self.arguments.only and name not in self.arguments.only:
            return {}
        self._runs += 1
        before = process.figures() if process else None
        done = subprocess.run(
            [BIN / "tests/bench/call_load", "--server", server, "--workload", workload,
             "--in-flight", str(in_flight), "--run", f"r{self._runs}", "--rate", str(rate),
             "--seconds", str(self.arguments.seconds), "--channels",
             str(16 if rate else min(4, max(1, in_flight // 16)))],
            capture_output=True, text=True, check=True, timeout=600)
        row = {"name": name, **json.loads(done.stdout)}
        if process:
            after = process.figures()
            total = row["per_second"] * (self.arguments.seconds + 1)
            row["cpu_us_per_call"] = round((after[0] - before[0]) * 1e6 / max(1, total))
            row["rss_mib"] = round(after[1])
        self.rows.append(row)
        print(f"{name:10} {workload:7} {in_flight:4} in flight: {row['per_second']:8.0f}/s  p50 "
              f"{row['p50_us']} us, p99 {row['p99_us']} us", file=sys.stderr)
        return row

    def commits(self, folder):
        """SQLite alone: writers that wait until their row is durable."""
        for waiting in (1, 64, 256):
            done = subprocess.run(
                [BIN / "tests/bench/group_commit_bench", "--waiting", str(waiting), "--seconds",
                 str(self.arguments.seconds), "--path", folder / "commits.db"],
                capture_output=True, text=True, check=True, timeout=600)
            row = json.loads(done.stdout)
            self.rows.append({"name": "commits", "workload": "new", "in_flight": waiting,
                              "per_second": row["writes_per_second"], **row})

    def direct(self, folder, downstream, in_flight):
        """The downstream without onetake."""
        script = folder / "book.lua"
        script.write_text(_DIRECT)
        done = subprocess.run(
            ["wrk", "-t", "1", "-c", str(in_flight), "-d", f"{max(1, self.arguments.seconds):.0f}s",
             "-s", script, f"{downstream}/bookings"],
            capture_output=True, text=True, check=True, timeout=600)
        row = json.loads(done.stdout.splitlines()[-1])
        self.rows.append({"name": "direct", "workload": "new", "in_flight": in_flight, **row})

    def run(self, folder):
        for edge in ("callback", "queue"):
            with Process(BIN / "tests/bench/echo_server", "--edge", edge) as echo:
                for in_flight in (1, 64, 256):
                    self.load(echo.address, f"echo-{edge}", "new", in_flight)
        if not self.arguments.only or "commits" in self.arguments.only:
            self.commits(folder)
        with Process(BIN / "tests/bench/http_downstream") as downstream:
            for in_flight in (1, 64, 256):
                self.direct(folder, downstream.address, in_flight)
            with onetaked(folder / "main", downstream.address) as server:
                for workload in ("new", "replay", "read", "join"):
                    for in_flight in (1, 16, 64, 256):
                        self.load(server.address, "onetaked", workload, in_flight, server)
            with onetaked(folder / "over", downstream.address,
                          "limits: { in_flight: 128 }\n") as server:
                peak = self.load(server.address, "peak", "new", 128, server)
                if peak:
                    self.load(server.address, "overload", "new", 2048, server,
                              rate=3 * peak["per_second"])
            if peak:
                self.limited(folder, downstream.address, round(_SHARE * peak["per_second"]))

    def limited(self, folder, downstream, rate):
        """As OPERATIONS.md advises: a rate that leaves the machine some time to refuse the rest."""
        limits = f"limits: {{ in_flight: 128, tenant: {{ rate: {rate}, burst: {rate // 10} }} }}\n"
        with onetaked(folder / "limited", downstream, limits) as server:
            self.load(server.address, "limited", "new", 2048, server, rate=rate)
            self.load(server.address, "limited-overload", "new", 2048, server, rate=3 * rate)

    def best(self, names, in_flight, workload="new", figure="per_second"):
        found = [row[figure] for row in self.rows
                 if row["name"] in names and row["in_flight"] == in_flight
                 and row["workload"] == workload]
        return max(found, default=None)

    def ratios(self):
        """The goals of the project that this run can judge: name, figure, goal."""
        ratios = []

        def add(name, value, over, goal):
            if value is not None and over:
                ratios.append((name, round(value / over, 3), goal))
        echo = ("echo-callback", "echo-queue")
        for in_flight in (64, 256):
            add(f"replays over the best echo, {in_flight} in flight",
                self.best(["onetaked"], in_flight, "replay"), self.best(echo, in_flight), ">= 0.8")
            halves = [half / 2 for half in (self.best(echo, in_flight),
                                            self.best(["commits"], in_flight)) if half]
            add("new writes over half the best echo or half the commits, whichever is less, "
                f"{in_flight} in flight",
                self.best(["onetaked"], in_flight), min(halves, default=0), ">= 0.7")
        add("good answers at three times the load over the peak",
            self.best(["overload"], 2048, figure="good_per_second"),
            self.best(["peak"], 128, figure="good_per_second"), ">= 0.9")
        add("the same with a rate of half the peak allowed",
            self.best(["limited-overload"], 2048, figure="good_per_second"),
            self.best(["limited"], 2048, figure="good_per_second"), ">= 0.9")
        return ratios


def markdown(bench):
    lines = ["| server | workload | in flight | calls/s | p50 ms | p99 ms | p99.9 ms |"
             " CPU us/call | RSS MiB |", "|---|---|---|---|---|---|---|---|---|"]
    for row in bench.rows:
        lines.append(
            f"| {row['name']} | {row['workload']} | {row['in_flight']} | {row['per_second']:.0f} | "
            f"{row['p50_us'] / 1000:.2f} | {row['p99_us'] / 1000:.2f} | "
            f"{row['p999_us'] / 1000:.2f} | {row.get('cpu_us_per_call', '')} | "
            f"{row.get('rss_mib', '')} |")
    lines += ["", "| ratio | is | goal |", "|---|---|---|"]
    lines += [f"| {name} | {value} | {goal} |" for name, value, goal in bench.ratios()]
    for row in bench.rows:
        if row["name"] in ("overload", "limited-overload"):
            lines.append(f"| p99 of a refusal at three times the load ({row['name']}), ms | "
                         f"{row['refused_p99_us'] / 1000:.2f} | <= 10 |")
    return "\n".join(lines) + "\n"


def fallen(ratios, baseline):
    """What has fallen by more than a fifth, in words."""
    before = {name: value for name, value, _ in baseline["ratios"]}
    return [f"{name}: {value}, was {before[name]}" for name, value, _ in ratios
            if name in before and value < 0.8 * before[name]]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path)
    parser.add_argument("--guard", type=pathlib.Path)
    parser.add_argument("--only", nargs="*", help="names of servers in the table")
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    bench = Bench(arguments)
    with tempfile.TemporaryDirectory(prefix="onetake-bench-") as folder:
        bench.run(pathlib.Path(folder))
    text = markdown(bench)
    print(text)
    if arguments.markdown:
        arguments.markdown.write_text(text)
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": bench.rows, "ratios": bench.ratios()},
                                             indent=1) + "\n")
    if arguments.guard:
        worse = fallen(bench.ratios(), json.loads(arguments.guard.read_text()))
        if worse:
            raise SystemExit("slower than it was:\n" + "\n".join(worse))


if __name__ == "__main__":
    main()
