"""The programs that scripts/bench calls starts, and what they use of the machine."""

import base64
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.request

BIN = pathlib.Path(os.environ["BENCH_BIN"])
# How long a ledger may take to come to rest.
_REST_S = 10
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


class Process:
    """A program of the benchmark, stopped at the end. `cores`: it stays on these."""

    def __init__(self, *command, ready=None, cores=None, **how):
        pin = None if cores is None else lambda: os.sched_setaffinity(0, cores)
        self._process = subprocess.Popen([str(part) for part in command], text=True,
                                         stdout=subprocess.PIPE, preexec_fn=pin, **how)
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
        """CPU seconds so far."""
        stat = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return {"cpu_s": (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")}


class Onetaked(Process):
    """onetaked with one keyed write and one read. `ledger`: one that is there already."""

    def __init__(self, folder, downstream, limits="", cores=None, ledger=None):
        folder.mkdir()
        (folder / "tools.d").mkdir()
        (folder / "tools.d" / "book.yaml").write_text(_MANIFEST % (
            "book", "WRITE", _WRITE, "POST", "body: $"))
        (folder / "tools.d" / "find.yaml").write_text(_MANIFEST % (
            "find", "READ", "", "GET", "query: { slot: $.slot }"))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._metrics = f"127.0.0.1:{free.getsockname()[1]}"
        self._ledger = ledger or folder / "onetake.db"
        self._wal = self._ledger.with_name(self._ledger.name + "-wal")
        (folder / "onetake.yaml").write_text(
            f"listen: 127.0.0.1:0\nledger: {{ path: {self._ledger} }}\ntools: [tools.d]\n"
            f"access: open\nlog_level: error\nmetrics: {{ listen: {self._metrics} }}\n"
            "intent_key: { env: INTENT_KEY }\nsealing: { master: { env: MASTER_KEY } }\n"
            f"{limits}")
        port = folder / "port"

        def ready():
            deadline = time.monotonic() + 60
            while not port.exists():
                if time.monotonic() > deadline:
                    raise SystemExit("onetaked did not start")
            return port.read_text().strip()
        super().__init__(BIN / "runtime/server/onetaked", "--config", folder / "onetake.yaml",
                         "--port-file", port, ready=ready, cores=cores,
                         env={**os.environ, "DOWNSTREAM": downstream, "INTENT_KEY": "i" * 32,
                              "MASTER_KEY": base64.b64encode(b"m" * 32).decode()})

    def figures(self):
        """CPU seconds, commits and syncs so far, the resident size at its highest in MB, and what
        the ledger's file and its WAL have in bytes. Waits until the WAL is copied into the file and
        empty, which onetaked does when it has had nothing to do for a second: what has been
        written is paid for then."""
        deadline = time.monotonic() + _REST_S
        while self._wal.stat().st_size > 0 and time.monotonic() < deadline:
            time.sleep(0.02)
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        with urllib.request.urlopen(f"http://{self._metrics}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return {
            **super().figures(),
            "commits": float(re.search(r"^onetake_ledger_commits_total (\S+)", text, re.M)[1]),
            "syncs": float(re.search(r"^onetake_ledger_syncs_total (\S+)", text, re.M)[1]),
            "peak_rss_mb": int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024 / 1e6,
            "ledger_bytes": self._ledger.stat().st_size + self._wal.stat().st_size,
        }
