"""What sets the state of a thing (`intent.sets`): the moves of one appointment, with the manifests
that ship, against the demo's practice. Its own file is the truth about where the appointment is."""

import contextlib
import json
import sqlite3
import unittest

from harness import ROOT, E2eTest, Onetaked, PracticeApi

MANIFESTS = ROOT / "tools" / "dental" / "manifests"
MONDAY, TUESDAY, WEDNESDAY = (f"2026-06-{day}T14:00:00Z" for day in (22, 23, 24))


class MoveTest(E2eTest):
    def start(self, mode, time_scale="0.001"):
        self.practice = self.enter_context(PracticeApi(
            "--time-scale", time_scale, "--keys", "honour" if mode == "keyed" else "ignore"))
        self.server = self.enter_context(Onetaked(
            "", config="sealing: off\n",
            env={"PRACTICE_API": self.practice.url, "DENTAL_PATIENCE": "20s"},
            tool_folders=(MANIFESTS / "common", MANIFESTS / mode)))
        self.api = self.server.api()

    def execute(self, tool, **arguments):
        answer = self.api.execute(tool, json.dumps(arguments), session_id="s")
        self.assertEqual(self.api.disposition(answer), "DONE", answer)
        return answer

    def book(self):
        answer = self.execute("book_appointment", slot_iso=MONDAY, provider_id="dr-kim",
                              patient_id="p-1", notes="")
        return json.loads(answer.result_json)["id"]

    def move(self, appointment, slot):
        return self.execute("reschedule_appointment", appointment_id=appointment, slot_iso=slot)

    def slots(self):
        with contextlib.closing(sqlite3.connect(self.practice.db)) as rows:
            return [slot for slot, in rows.execute(
                "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', slot, 'unixepoch') FROM appointments")]

    def moves(self):
        """(slot, generation, state) of every move, as an auditor reads them."""
        with contextlib.closing(sqlite3.connect(
                f"file:{self.server.folder / 'onetake.db'}?mode=ro", uri=True)) as ledger:
            return ledger.execute(
                "SELECT json_extract(arguments, '$.slot_iso') AS slot, generation, state"
                " FROM v_intents JOIN bodies USING (intent_row)"
                " WHERE tool = 'reschedule_appointment' ORDER BY slot, generation").fetchall()

    def test_back_to_where_it_was_is_a_move_and_what_was_said_again_is_none(self):
        for mode in ("keyed", "probed", "none"):
            with self.subTest(mode):
                self.start(mode)
                appointment = self.book()
                for slot in (TUESDAY, WEDNESDAY, TUESDAY):
                    answer = self.move(appointment, slot)
                    self.assertFalse(answer.replayed)
                    self.assertEqual(self.slots(), [slot])
                self.assertTrue(self.move(appointment, TUESDAY).replayed)
                self.assertEqual(self.moves(), [
                    (TUESDAY, 1, "REVERSED"), (TUESDAY, 2, "SUCCEEDED"),
                    (WEDNESDAY, 1, "REVERSED")])

    def test_moves_that_were_cut_off_end_where_the_caller_wanted_it_last(self):
        self.start("keyed", time_scale="0.3")
        appointment = self.book()
        for slot in (TUESDAY, WEDNESDAY, TUESDAY):
            cut_off = self.api.start_execute(
                "reschedule_appointment",
                json.dumps({"appointment_id": appointment, "slot_iso": slot}), session_id="s")
            self.eventually(lambda slot=slot: any(
                at == slot and state != "REVERSED" for at, _, state in self.moves()), True)
            self.server.kill()
            self.assertIsNotNone(cut_off.exception())
            self.server.start()
            self.api = self.server.api()
            self.move(appointment, slot)
            self.assertEqual(self.slots(), [slot])


if __name__ == "__main__":
    unittest.main()
