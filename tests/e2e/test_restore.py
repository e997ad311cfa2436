"""A ledger that is put back from an older copy (edge case 15)."""

import json
import shutil
import subprocess

from downstream import Downstream, books
from harness import E2eTest, ONETAKE, Onetaked, booking

LATER = "2026-07-01T10:00:00Z"


class RestoreTest(E2eTest):
    def setUp(self):
        self.downstream = self.enter_context(Downstream(books()))
        self.server = self.enter_context(Onetaked(self.downstream.url))
        self.ledger = self.server.folder / "onetake.db"

    def lose_a_booking(self):
        """Two bookings are made after the copy that is put back."""
        api = self.server.api()
        api.execute("book", booking(), session_id="s")
        self.server.stop()
        copy = self.server.folder / "copy"
        shutil.copy(self.ledger, copy)
        self.server.start()
        api = self.server.api()
        api.execute("book", booking(slot=LATER), session_id="s")
        self.key = api.execute("book_keyed", booking(slot=LATER), session_id="s").intent.key
        self.server.stop()
        shutil.copy(copy, self.ledger)

    def accept(self):
        self.server._arguments = ["--accept-restored"]  # pylint: disable=protected-access
        self.server.start()
        return self.server.api()

    def test_it_is_refused_until_somebody_says_to_go_on(self):
        self.lose_a_booking()
        self.server.launch()
        self.assertFalse(self.server.wait_started())
        error = self.server.events("ledger.refused")[0]["error"]
        self.assertIn("restored from an older copy", error)
        self.assertIn("--accept-restored", error)

    def test_what_was_forgotten_is_not_written_again_unasked(self):
        self.lose_a_booking()
        api = self.accept()
        self.assertTrue(api.execute("book", booking(), session_id="s").replayed)
        sent = len(self.downstream.requests)
        asked = api.execute("book", booking(slot=LATER), session_id="s", turn_id="t1")
        self.assertEqual(api.disposition(asked), "NEEDS_CONFIRMATION")
        self.assertEqual(len(self.downstream.requests), sent)
        # The downstream knows the key, which is derived and so the same.
        keyed = api.execute("book_keyed", booking(slot=LATER), session_id="s")
        self.assertEqual(keyed.intent.key, self.key)
        done = api.execute("book", booking(slot=LATER), session_id="s", turn_id="t2",
                           confirm_token=asked.confirm_token)
        self.assertEqual(api.disposition(done), "DONE")

    def test_it_stays_on_record_and_a_new_file_of_checkpoints_begins(self):
        self.lose_a_booking()
        self.accept()
        self.server.stop()
        self.server._arguments = []  # pylint: disable=protected-access
        self.server.start()
        api = self.server.api()
        asked = api.execute("book", booking(slot=LATER), session_id="s")
        self.assertEqual(api.disposition(asked), "NEEDS_CONFIRMATION")  # it is remembered
        self.server.stop()
        self.assertEqual(len(list(self.server.folder.glob("onetake.db.checkpoints.before-*"))), 1)
        verified = subprocess.run([ONETAKE, "ledger", "verify", "--ledger", str(self.ledger),
                                   "--output", "jsonl"], capture_output=True, text=True, timeout=60,
                                  check=False)
        self.assertEqual(json.loads(verified.stdout)["verdict"], "intact", verified.stderr)
