"""Somebody sets the machine's clock while calls are under way, and stops processes for a while."""

import contextlib
import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
import unittest

from downstream import Downstream
from harness import ONETAKE, ROOT, E2eTest, Onetaked, PracticeApi, booking, manifests
from plugin_harness import PROBED, PYTHON, PluginE2e, note
from stepped_clock import DAY, SteppedClock

MANIFESTS = ROOT / "tools" / "dental" / "manifests"
# Seconds.
STEPS = (DAY, -DAY, 3650 * DAY, -3650 * DAY)
# Whoever waits by the wall clock waits a day; whoever does not is long done.
LONG_S = 60


class Booking:
    """Books once a key, and each time without one. The first `lost` answers are never given, or
    those whose number `lost` says yes to."""

    def __init__(self, lost=0):
        self._lock = threading.Lock()
        self._lost = lost if callable(lost) else lambda number: number <= lost
        self.rows = []  # (key, patient)

    def __call__(self, request, connection):
        patient = request.json()["patient"]
        with self._lock:
            if not request.key or (request.key, patient) not in self.rows:
                self.rows.append((request.key, patient))
        if self._lost(request.number):
            connection.wait_closed(LONG_S)
        else:
            connection.reply(201, {"patient": patient})

    def effects(self, patient):
        with self._lock:
            return sum(1 for _, whose in self.rows if whose == patient)


class SteppedClockTest(E2eTest):
    def start(self, behave, attempt="1s", **more):
        self.clock = self.enter_context(SteppedClock())
        self.downstream = self.enter_context(Downstream(behave))
        self.server = self.enter_context(Onetaked(
            self.downstream.url, tools=manifests(attempt=attempt), env=self.clock.environment,
            **more))
        self.api = self.server.api()

    def call(self, tool, patient, **fields):
        return self.api.start_execute(tool, booking(patient=patient), timeout=2 * LONG_S,
                                      session_id="s", patience_ms=LONG_S * 1000, **fields)

    def end_of(self, call):
        return self.api.disposition(call.result(2 * LONG_S))

    def test_the_clock_of_the_records_is_the_one_that_was_set(self):
        self.start(Booking())
        patients = (f"p-{number}" for number in itertools.count())

        def is_right(off):
            answer = self.call("book", next(patients)).result()
            created_at = self.api.get_intent(answer.intent.id).generations[0].summary.created_at
            return abs(created_at.seconds - time.time() - off) < LONG_S
        for off in (0, DAY, -DAY):
            self.clock.set_off(off)
            # Abseil counts cycles, and looks at the clock now and then.
            self.eventually(lambda off=off: is_right(off), True)

    def test_an_attempt_ends_as_if_nothing_had_happened(self):
        for off in STEPS:
            with self.subTest(off=off):
                # Long enough that it is set while the attempt is under way.
                self.start(Booking(lost=1), attempt="3s")
                lost = self.call("book", "p-1")
                self.downstream.wait_for(1)
                self.clock.set_off(off)
                self.assertEqual(self.end_of(lost), "NEEDS_REVIEW")
                self.assertEqual(self.end_of(self.call("book_keyed", "p-2")), "DONE")

    def test_patience_ends_as_if_nothing_had_happened(self):
        for off in STEPS:
            with self.subTest(off=off):
                release = threading.Event()

                def held(request, connection, release=release):
                    release.wait(LONG_S)
                    connection.reply(201, {"id": 1})
                self.start(held, attempt="30s")
                call = self.api.start_execute("book", booking(), timeout=2 * LONG_S,
                                              session_id="s", patience_ms=1500)
                self.downstream.wait_for(1)
                self.clock.set_off(off)
                answer = call.result(LONG_S)
                self.assertEqual(self.api.disposition(answer), "PENDING")
                release.set()
                settled = self.api.wait_for(answer.intent.id, timeout=LONG_S)
                self.assertEqual(self.api.disposition(settled), "DONE")

    def test_a_key_that_the_downstream_may_have_forgotten_by_either_clock_is_not_sent_again(self):
        # The manifest says an hour: two hours later nobody can tell, and two hours before the
        # key's birth it is as good as new.
        for off, told in ((2 * 3600, "NEEDS_REVIEW"), (-2 * 3600, "DONE")):
            with self.subTest(off=off):
                practice = Booking(lost=1)
                self.start(practice, attempt="3s")
                call = self.call("book_keyed", "p-1")
                self.downstream.wait_for(1)
                self.clock.set_off(off)
                self.assertEqual(self.end_of(call), told)
                self.eventually(lambda practice=practice: practice.effects("p-1"), 1)

    def test_calls_go_on_while_it_is_set_to_and_fro(self):
        practice = Booking(lost=lambda number: number % 11 == 0)
        self.start(practice)
        steps = random.Random(11)
        calls = []
        for number in range(120):
            tool = ("book", "book_keyed")[number % 2]
            calls.append((tool, f"p-{number}", self.call(tool, f"p-{number}")))
            self.clock.set_off(steps.choice(STEPS) * steps.random())
            if number % 10 == 9:
                calls[-1][2].result(2 * LONG_S)
        for tool, patient, call in calls:
            told = self.end_of(call)
            # Of a lost one nobody may know whether its key is still remembered.
            self.assertIn(told, ("DONE", "NEEDS_REVIEW"))
            # A request that was sent may be read later than it was given up.
            self.eventually(lambda patient=patient: practice.effects(patient), 1)
        self.assert_records_are_whole()
        # And it starts again, in what is the past for its ledger.
        self.clock.set_off(-3650 * DAY)
        self.assertEqual(self.server.stop(), 0)
        self.server.start()
        self.api = self.server.api(self.api.schema)
        for tool, patient, call in calls:
            if self.end_of(call) == "DONE":
                again = self.call(tool, patient).result(2 * LONG_S)
                self.assertTrue(again.replayed)
                self.assertEqual(again.result_json, call.result().result_json)
                self.assertEqual(practice.effects(patient), 1)
        self.assert_records_are_whole()

    def assert_records_are_whole(self):
        self.assertFalse(self.api.verify_chain().HasField("fault"))
        verified = subprocess.run(
            [ONETAKE, "ledger", "verify", "--ledger", str(self.server.folder / "onetake.db")],
            capture_output=True, text=True, timeout=LONG_S, check=False)
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)


class SteppedClockPluginTest(PluginE2e):
    def test_a_plugin_that_hangs_is_given_up(self):
        clock = self.enter_context(SteppedClock())
        for off in STEPS:
            with self.subTest(off=off):
                clock.set_off(0)
                spec = {"command": [PYTHON, str(ROOT / "tests/e2e/odd_plugin.py")],
                        "environment": self.variables(),
                        "log_file": str(self.folder / "plugin.log")}
                with self.server(spec, PROBED, "1s", clock.environment) as server:
                    self.api = server.api()
                    server.wait_for_event("plugin.ready", timeout=LONG_S)
                    call = self.api.start_execute(
                        "add_note", note(f"hang {off}"), timeout=2 * LONG_S, session_id="s",
                        patience_ms=LONG_S * 1000)
                    self.eventually(lambda off=off: f"hang {off}" in [
                        one["text"] for one in self.notes()], True, timeout=LONG_S)
                    clock.set_off(off)
                    self.expect(call.result(2 * LONG_S), "DONE")
                    self.assertEqual(server.stop(), 0)


class StoppedTest(E2eTest):
    """SIGSTOP: a machine that stands still, or a laptop's lid."""

    def stop_for(self, pid, seconds):
        os.kill(pid, signal.SIGSTOP)
        timer = threading.Timer(seconds, os.kill, (pid, signal.SIGCONT))
        timer.start()
        self.addCleanup(timer.join)
        return timer

    def bookings(self, api, tool, count):
        return [(f"p-{number}", api.start_execute(
            tool, booking(patient=f"p-{number}"), timeout=2 * LONG_S, session_id="s",
            patience_ms=LONG_S * 1000)) for number in range(count)]

    def test_a_server_that_stood_still_goes_on(self):
        for tool in ("book", "book_keyed"):
            with self.subTest(tool):
                release = threading.Event()
                practice = Booking()

                def held(request, connection, release=release, practice=practice):
                    release.wait(LONG_S)
                    practice(request, connection)
                downstream = self.enter_context(Downstream(held))
                server = self.enter_context(
                    Onetaked(downstream.url, tools=manifests(attempt="1s")))
                api = server.api()
                calls = self.bookings(api, tool, 20)
                downstream.wait_for(20, timeout=LONG_S)
                # The answers come while it stands still, and longer than an attempt.
                stopped = self.stop_for(server.pid, 3)
                release.set()
                stopped.join()
                for patient, call in calls:
                    told = api.disposition(call.result(2 * LONG_S))
                    self.eventually(lambda patient=patient, practice=practice:
                                    practice.effects(patient), 1)
                    self.assertIn(told, ("DONE",) if tool == "book_keyed"
                                  else ("DONE", "NEEDS_REVIEW"))
                self.assertFalse(api.verify_chain().HasField("fault"))

    def test_a_downstream_that_stood_still_is_asked_or_waited_for(self):
        practice = self.enter_context(PracticeApi("--time-scale", "0.01", "--keys", "honour"))
        server = self.enter_context(Onetaked(
            "", env={"PRACTICE_API": practice.url, "DENTAL_FLOOR": "500ms",
                     "DENTAL_CEILING": "1s", "DENTAL_KEY_RETENTION": "24h",
                     "DENTAL_ATTEMPTS": "20"},
            tool_folders=(MANIFESTS / "common", MANIFESTS / "keyed")))
        api = server.api()
        stopped = self.stop_for(practice.pid, 3)
        calls = [api.start_execute("book_appointment", json.dumps(
            {"slot_iso": f"2026-06-{1 + number:02}T14:00:00Z", "provider_id": "dr-kim",
             "patient_id": f"p-{number}", "notes": ""}), timeout=2 * LONG_S, session_id="s",
             patience_ms=LONG_S * 1000) for number in range(20)]
        stopped.join()
        for call in calls:
            answer = call.result(2 * LONG_S)
            if api.disposition(answer) != "DONE":
                answer = api.wait_for(answer.intent.id, timeout=2 * LONG_S,
                                      patience_ms=LONG_S * 1000)
            self.assertEqual(api.disposition(answer), "DONE")
        with contextlib.closing(sqlite3.connect(practice.db)) as rows:
            self.assertEqual(rows.execute(
                "SELECT count(*), count(DISTINCT patient) FROM appointments").fetchone(), (20, 20))


if __name__ == "__main__":
    unittest.main()
