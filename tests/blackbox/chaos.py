#!/usr/bin/python3
"""Usage: scripts/chaos [--intents N] [--seed S] [--json FILE]

Duplicates per million: N bookings (default 2,000) a cell, each wanted once, by

  naive      an HTTP client that tries again when it got no 201, as most do
  keys only  the same with an Idempotency-Key that stays the same over its tries
  onetake    an agent that calls onetaked again until it is told an end

against a practice that honours keys, one that ignores them but can be asked, and one that offers
nothing (its manifests declare neither). All of them have the same to bear: the demo's practice
commits and then stalls, resets or answers 500, or answers 500 without committing, 2 of 100 each;
of the connections to it 4 of 100 are cut, reset, swallowed, throttled or refused. onetaked is also
killed by kill -9 every few seconds, and started again.

Counts bookings with more than one row (duplicates); those that are lost: their caller was told
done without a row, or failed with one, or they were given up without one; and those of which nobody
but a person can tell (unresolved). Bounds are Wilson's, of 95 %.
"""

import argparse
import concurrent.futures
import contextlib
import datetime
import http.client
import json
import math
import pathlib
import random
import sqlite3
import sys
import tempfile
import threading
import time
import urllib.parse

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import grpc

from api import Api
from harness import ROOT, Onetaked, PracticeApi
from proxy import Proxy

PRACTICES = {"keyed": "honour", "probed": "ignore", "none": "ignore"}
CLIENTS = ("naive", "keys only", "onetake")
MANIFESTS = ROOT / "tools" / "dental" / "manifests"
FAULTS = ("--error-before-commit", "0.02", "--error-after-commit", "0.02",
          "--commit-then-stall", "0.02", "--commit-then-reset", "0.02")
ENVIRONMENT = {"DENTAL_FILLER": "150ms", "DENTAL_PATIENCE": "1s", "DENTAL_FLOOR": "2s",
               "DENTAL_CEILING": "2500ms", "DENTAL_RETRY_BASE": "20ms", "DENTAL_RETRY_CAP": "1s",
               "DENTAL_PROBE_INTERVAL": "200ms", "DENTAL_KEY_RETENTION": "24h",
               "DENTAL_ATTEMPTS": "20"}
CUT_CONNECTIONS = 0.04
KILL_EVERY_S = (3, 8)
# Long enough that a busy machine alone, whose practice answers in 40 ms, loses no answers.
TIMEOUT_S = 2
TRIES = 3
WORKERS = 32
FIRST_DAY = datetime.datetime(2026, 6, 1, 13, tzinfo=datetime.timezone.utc)


def wilson(hits, count):
    """The bounds of the share that `hits` of `count` tell of, at 95 %."""
    if count == 0:
        return 0.0, 1.0
    z, share = 1.959964, hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(
        share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def booking(number):
    slot = FIRST_DAY + datetime.timedelta(minutes=30 * (number % 18), days=number // 18 % 300)
    return {"slot_iso": slot.strftime("%Y-%m-%dT%H:%M:%SZ"), "provider_id": f"dr-{number % 7}",
            "patient_id": f"pat-{number}", "notes": "cleaning"}


def over_http(url, number, with_key):
    """What a client that only knows HTTP ends with: "done", "failed"."""
    host = urllib.parse.urlsplit(url).netloc
    body = json.dumps(booking(number))
    headers = {"Content-Type": "application/json"}
    if with_key:
        headers["Idempotency-Key"] = f"booking-{number}"
    for _ in range(TRIES):
        connection = http.client.HTTPConnection(host, timeout=TIMEOUT_S)
        try:
            connection.request("POST", "/appointments", body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status in (200, 201):
                return "done"
        except (OSError, http.client.HTTPException):
            pass  # let me try that again
        finally:
            connection.close()
    return "failed"


def over_onetake(api, number):
    """"done", "failed", or "unresolved": in the list of what only a person can settle."""
    deadline = time.monotonic() + 120
    for call in range(10_000):
        try:
            answer = api.execute("book_appointment", json.dumps(booking(number)), timeout=10,
                                 session_id=f"s-{number}", tool_call_id=f"tc-{number}-{call}",
                                 patience_ms=2000)
        except grpc.RpcError:
            time.sleep(0.05)
            continue
        told = api.disposition(answer)
        if told == "DONE":
            return "done"
        if told == "NEEDS_REVIEW":
            return "unresolved"
        if told not in ("PENDING", "UNCERTAIN", "REJECTED"):
            raise AssertionError(f"a booking was answered {told}")
        if time.monotonic() > deadline:
            return "failed" if told == "REJECTED" else "unresolved"
        time.sleep(max(0.02, min(answer.guidance.check_after_ms / 1000, 0.3)))
    return "unresolved"


class Killer:
    """Kills a server now and then, and starts it again."""

    def __init__(self, server, seed):
        self._server = server
        self._rng = random.Random(seed)
        self._over = threading.Event()
        self.kills = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self):
        self._over.set()
        self._thread.join()

    def _run(self):
        while not self._over.wait(self._rng.uniform(*KILL_EVERY_S)):
            self._server.kill()
            self._server.start()
            self.kills += 1


def start_onetaked(stack, url, practice, seed):
    """The server, connections to it, and who kills it."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="onetake-chaos-"))
    server = stack.enter_context(Onetaked(
        "", env={**ENVIRONMENT, "PRACTICE_API": url}, listen=f"unix:{folder}/onetake.sock",
        tool_folders=(MANIFESTS / "common", MANIFESTS / practice)))
    address = f"unix:{folder}/onetake.sock"
    first = Api(address)
    apis = [first] + [Api(address, first.schema) for _ in range(3)]
    for api in apis:
        stack.callback(api.close)
    return apis, stack.enter_context(contextlib.closing(Killer(server, seed)))


def cell(client, practice, intents, seed):
    """Counts of one cell."""
    with contextlib.ExitStack() as stack:
        api = stack.enter_context(PracticeApi(
            "--threads", "300", "--time-scale", "0.02", "--stall-ms", "4000", "--seed", str(seed),
            "--key-retention", "864000", "--keys", PRACTICES[practice], *FAULTS))
        network = Proxy(("127.0.0.1", int(api.url.rsplit(":", 1)[1])), seed, CUT_CONNECTIONS)
        stack.callback(network.close)
        network.faulty = True
        url, killer = f"http://127.0.0.1:{network.port}", None
        if client == "onetake":
            apis, killer = start_onetaked(stack, url, practice, seed)

        def want(number):
            if client == "onetake":
                return over_onetake(apis[number % len(apis)], number)
            return over_http(url, number, client == "keys only")
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
            told = list(workers.map(want, range(intents)))
        # A request that was cut off may still be on its way to its row.
        time.sleep(1)
        return {**count(told, rows_of(api.db)), "kills": killer.kills if killer else 0}


def rows_of(db):
    with contextlib.closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as connection:
        return dict(connection.execute(
            "SELECT patient, count(*) FROM appointments WHERE cancelled = 0 GROUP BY patient"))


def count(told, rows):
    counts = {"intents": len(told), "duplicates": 0, "lost": 0, "unresolved": 0}
    for number, what in enumerate(told):
        own = rows.get(f"pat-{number}", 0)
        counts["duplicates"] += own > 1
        counts["lost"] += (what == "done" and own == 0) or what == "failed"
        counts["unresolved"] += what == "unresolved"
    return counts


def per_million(counts, what):
    low, high = wilson(counts[what], counts["intents"])
    share = counts[what] / counts["intents"]
    return f"{share * 1e6:,.0f} ({low * 1e6:,.0f} to {high * 1e6:,.0f})"


def main(arguments):
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--intents", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 2**31))
    parser.add_argument("--json")
    options = parser.parse_args(arguments)
    if options.help:
        print(__doc__.strip())
        return 0
    results = []
    print("Per million bookings, with the bounds of 95 %:\n")
    print("| client | practice | duplicates | lost | left to a person |")
    print("|---|---|---|---|---|")
    for practice in PRACTICES:
        for client in CLIENTS:
            counts = cell(client, practice, options.intents, options.seed)
            results.append({"client": client, "practice": practice, **counts})
            print(f"| {client} | {practice} | " + " | ".join(
                per_million(counts, what) for what in ("duplicates", "lost", "unresolved"))
                + " |", flush=True)
    print(f"\n{options.intents} bookings a row, seed {options.seed}; onetaked was killed "
          f"{sum(result['kills'] for result in results)} times")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1) + "\n")
    # What onetake promises of these: a person is asked only where nobody else can tell.
    ours = [r for r in results if r["client"] == "onetake"]
    return 1 if any(r["duplicates"] or r["lost"] or (r["unresolved"] and r["practice"] != "none")
                    for r in ours) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
