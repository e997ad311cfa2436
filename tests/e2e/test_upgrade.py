"""Upgrades under load: onetaked is stopped and another program started in its place, the first time
on a ledger of the schema before this one, while orchestrators go on calling. The practice's rows
are the truth."""

import collections
import contextlib
import datetime
import json
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time

import grpc

import earlier_schema
from harness import E2eTest, ONETAKE, ONETAKED, Onetaked, PracticeApi, ROOT

_CALLERS = 8
_MANIFESTS = ROOT / "tools" / "dental" / "manifests"
_FIRST_SLOT = datetime.datetime(2026, 6, 1, 13, tzinfo=datetime.timezone.utc)
# REJECTED of what a stop kept from being sent. CANCELLED is gRPC's own word to a call that comes
# in the last moment before the listener is gone.
_AGAIN = ("PENDING", "UNCERTAIN", "REJECTED", "UNAVAILABLE", "CANCELLED")
# Nobody waits as long; it would be a lost answer.
_RPC_S = 60


class Callers:
    """Each books one appointment after the other, and calls again until it is told DONE."""

    def __init__(self, apis):
        self._apis = apis
        self._enough = threading.Event()
        self._told = threading.Condition()
        self.done = []  # patients, one an intent
        self.other = collections.Counter()  # what was told before DONE
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(len(apis))]
        self.failures = []

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *unused):
        self._enough.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more(self, count):
        """Until so many more bookings were told DONE."""
        with self._told:
            wanted = len(self.done) + count
            return self._told.wait_for(lambda: len(self.done) >= wanted or self.failures,
                                       timeout=_RPC_S) and not self.failures

    def _run(self, number):
        try:
            booked = 0
            while not self._enough.is_set():
                self._book(number, booked)
                booked += 1
        except Exception as error:  # pylint: disable=broad-except
            with self._told:
                self.failures.append(repr(error))
                self._told.notify_all()

    def _book(self, number, booked):
        patient = f"p-{number}-{booked}"
        slot = _FIRST_SLOT + datetime.timedelta(days=number, minutes=30 * booked)
        arguments = json.dumps({"slot_iso": slot.isoformat(), "provider_id": f"dr-{number}",
                                "patient_id": patient})
        tries = 0
        deadline = time.monotonic() + _RPC_S
        while (what := self._call(number, patient, arguments, tries)) != "DONE":
            # The same delivery is told the same; half of the others are the model's own repetition.
            tries += 2 if what == "REJECTED" else 1
            with self._told:
                self.other[what] += 1
            if what not in _AGAIN or time.monotonic() > deadline:
                raise AssertionError(f"{patient} was told {what}")
            grpc.channel_ready_future(self._apis[number].channel).result(_RPC_S)
        with self._told:
            self.done.append(patient)
            self._told.notify_all()

    def _call(self, number, patient, arguments, tries):
        api = self._apis[number]
        try:
            answer = api.execute("book_appointment", arguments, _RPC_S, session_id=patient,
                                 tool_call_id=f"tc-{tries // 2}", patience_ms=5000)
        except grpc.RpcError as error:
            return error.code().name
        what = api.disposition(answer)
        rejected = what == "REJECTED"
        if rejected and (answer.reason != "drain.not_sent" or not answer.guidance.may_call_again):
            return f"REJECTED: {answer.reason}"
        return what


class UpgradeTest(E2eTest):
    def start(self, mode):
        practice = self.enter_context(PracticeApi(
            "--time-scale", "0.1", "--keys", "honour" if mode == "keyed" else "ignore"))
        # So short that a stop leaves attempts behind of which nobody knows yet how they end.
        server = self.enter_context(Onetaked(
            "", config="drain_grace: 50ms\n", listen="unix:onetake.sock",
            tool_folders=(_MANIFESTS / "common", _MANIFESTS / mode),
            env={"PRACTICE_API": practice.url, "DENTAL_PATIENCE": "400ms",
                 "DENTAL_FILLER": "150ms", "DENTAL_FLOOR": "800ms", "DENTAL_CEILING": "4s",
                 "DENTAL_RETRY_BASE": "20ms", "DENTAL_RETRY_CAP": "1s",
                 "DENTAL_PROBE_INTERVAL": "200ms", "DENTAL_ATTEMPTS": "20"}))
        return practice, server

    def upgrade(self, server, version):
        folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
        server.program = str(folder / f"onetaked-{version}")
        shutil.copy2(ONETAKED, server.program)
        self.assertEqual(server.stop(), 0)
        ledger = server.folder / "onetake.db"
        if version == 2:
            # What it left is what a program of the version before would have left.
            earlier_schema.take_last_step_back(ledger)
            self.assertLess(earlier_schema.version(ledger), earlier_schema.newest_version())
        server.start()
        self.assertEqual(earlier_schema.version(ledger), earlier_schema.newest_version())
        self.assertEqual(pathlib.Path(f"/proc/{server.pid}/exe").readlink(),
                         pathlib.Path(server.program))

    @staticmethod
    def count(path, query):
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return dict(db.execute(query).fetchall())

    def upgrade_twice_under_load(self, mode):
        practice, server = self.start(mode)
        schema = server.api().schema
        with Callers([server.api(schema) for _ in range(_CALLERS)]) as callers:
            self.assertTrue(callers.wait_for_more(_CALLERS), callers.failures)
            for version in (2, 3):
                self.upgrade(server, version)
                self.assertTrue(callers.wait_for_more(_CALLERS), callers.failures)
        self.assertEqual(callers.failures, [])
        self.assertGreater(callers.other["UNAVAILABLE"], 0, "no stop met a caller")
        once = {patient: 1 for patient in callers.done}
        self.assertEqual(len(once), len(callers.done))
        self.assertEqual(self.count(practice.db, "SELECT patient, count(*) FROM appointments"
                                    " WHERE cancelled = 0 GROUP BY patient"), once)
        self.assertEqual(server.stop(), 0)
        ledger = server.folder / "onetake.db"
        self.assertEqual(self.count(ledger, "SELECT session_id, count(*) FROM intents"
                                    " WHERE state = 'SUCCEEDED' GROUP BY session_id"), once)
        states = self.count(ledger, "SELECT state, count(*) FROM intents GROUP BY state")
        self.assertEqual(states.pop("SUCCEEDED"), len(once))
        self.assertLessEqual(set(states), {"REJECTED"}, "generations that were never sent")
        # Of what the stops cut off: else they met nobody in the middle of a write.
        attempts = self.count(ledger, "SELECT attempts > 1 OR ambiguous, count(*) FROM intents"
                              " GROUP BY 1")
        self.assertGreater(attempts.get(1, 0), 0, "no stop met a write")
        verified = subprocess.run([ONETAKE, "ledger", "verify", "--ledger", str(ledger)],
                                  capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)

    def test_upgrades_while_keyed_writes_are_retried_lose_nothing(self):
        self.upgrade_twice_under_load("keyed")

    def test_upgrades_while_probed_writes_are_retried_lose_nothing(self):
        self.upgrade_twice_under_load("probed")
