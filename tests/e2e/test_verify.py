"""`onetake ledger verify` on real ledgers, beside a verifier in Python of its own."""

import contextlib
import json
import shutil
import sqlite3
import subprocess
import threading

from chain_by_hand import Chain
from downstream import Downstream, books
from harness import E2eTest, ONETAKE, Onetaked, booking


def verify(path, *arguments):
    """(exit code, the record)"""
    done = subprocess.run([ONETAKE, "ledger", "verify", "--ledger", str(path), "--output", "jsonl",
                           *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


class VerifyTest(E2eTest):
    def setUp(self):
        self.downstream = self.enter_context(Downstream(books()))
        self.server = self.enter_context(Onetaked(self.downstream.url))
        self.ledger = self.server.folder / "onetake.db"

    def fill(self, api, session="s"):
        api.execute("book", booking(), session_id=session, tool_call_id="tc-1")
        api.execute("book", booking(), session_id=session, tool_call_id="tc-2")  # replayed
        api.execute("book", booking(party=2), session_id=session, tool_call_id="tc-3")  # conflict
        api.execute("find", json.dumps({"slot": "2026-06-24"}), session_id=session)
        api.execute("book", "{}", session_id=session)  # invalid

    def agreed(self, path):
        """What both verifiers say of an intact ledger."""
        code, record = verify(path)
        self.assertEqual((code, record["verdict"]), (0, "intact"), record)
        chain = Chain(path)
        self.assertEqual(chain.faults, [])
        return chain, record

    def test_ledger_of_a_server_is_intact_while_it_runs_and_after(self):
        self.fill(self.server.api())
        self.server.stop()
        chain, record = self.agreed(self.ledger)
        self.assertEqual(chain.head, (int(record["head_seq"]), record["head_hash"]))
        for kind in ("claimed", "settled", "call", "answered"):
            self.assertIn(kind, chain.kinds)
        self.server.start()
        self.fill(self.server.api(), "another")
        more, _ = self.agreed(self.ledger)
        self.assertGreater(more.head[0], chain.head[0])

    def test_ledger_is_intact_under_writes(self):
        api = self.server.api()
        stop = threading.Event()

        def write():
            number = 0
            while not stop.is_set():
                api.execute("book", booking(patient=f"p-{number}"), session_id="s")
                number += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            seen = 0
            for _ in range(10):
                code, record = verify(self.ledger)
                self.assertEqual(code, 0, record)
                self.assertGreaterEqual(int(record["events"]), seen)
                seen = int(record["events"])
        finally:
            stop.set()
            writer.join()
        self.assertGreater(seen, 0)

    def test_ledger_is_intact_after_a_kill(self):
        self.fill(self.server.api())
        self.server.kill()
        self.agreed(self.ledger)
        self.server.start()
        self.fill(self.server.api(), "again")
        self.server.kill()
        self.agreed(self.ledger)

    def test_copy_that_was_tampered_with_is_found_out(self):
        self.fill(self.server.api())
        self.server.stop()
        copy = self.server.folder / "copy.db"
        for sql, seq, how in (
                ("UPDATE events SET actor = 'nobody' WHERE seq = 2", "2", "edited"),
                ("DELETE FROM events WHERE seq = 3", "3", "removed"),
                ("UPDATE results SET result = '{}'", "2", "row edited"),
                ("DELETE FROM calls WHERE role = 'replayed'", "4", "row removed")):
            with self.subTest(sql):
                shutil.copy(self.ledger, copy)
                self.agreed(copy)
                with contextlib.closing(sqlite3.connect(copy)) as db:
                    for (name,) in db.execute(
                            "SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
                        db.execute(f"DROP TRIGGER {name}")
                    db.execute(sql)
                    db.commit()
                code, record = verify(copy)
                self.assertEqual(code, 10, record)
                self.assertEqual((record["verdict"], record["bad_seq"], record["how"]),
                                 ("tampered", seq, how))
                self.assertNotEqual(Chain(copy).faults, [])
                plain = subprocess.run([ONETAKE, "ledger", "verify", "--ledger", str(copy)],
                                       capture_output=True, text=True, timeout=60, check=False)
                self.assertIn(f"TAMPERED: event {seq}: {how}", plain.stdout)

    def test_what_is_no_ledger_is_said_to_be_none(self):
        other = self.server.folder / "other.db"
        with contextlib.closing(sqlite3.connect(other)) as db:
            db.execute("CREATE TABLE t (x)")
        self.assertEqual(verify(other), (1, f"onetake: INVALID_ARGUMENT: {other}: the file is not a"
                                            " ledger of onetake\n"))
        self.assertNotIn(verify(self.server.folder / "missing.db")[0], (0, 10))
        self.assertEqual(verify(self.ledger, "--from-seq", "99")[0], 7)
