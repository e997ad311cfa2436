"""`onetake ledger verify` on real ledgers, beside a verifier in Python of its own."""

import base64
import contextlib
import json
import shutil
import sqlite3
import subprocess
import threading

import grpc

from chain_by_hand import Chain, digest, encode, link
from downstream import Downstream, books
from harness import E2eTest, ONETAKE, Onetaked, booking


def verify(path, *arguments):
    """(exit code, the record)"""
    done = subprocess.run([ONETAKE, "ledger", "verify", "--ledger", str(path), "--output", "jsonl",
                           *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def cut_off_the_last_call(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        triggers = db.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        [[last, row]] = db.execute("SELECT seq, call_row FROM events ORDER BY seq DESC LIMIT 1")
        db.execute("DELETE FROM events WHERE seq = ?", (last,))
        db.execute("DELETE FROM calls WHERE call_row = ?", (row,))
        for _, sql in triggers:
            db.execute(sql)
        db.commit()
    return last


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

    def test_end_that_was_cut_off_is_missed_by_a_checkpoint(self):
        self.fill(self.server.api())
        self.server.stop()
        _, record = self.agreed(self.ledger)
        self.assertGreaterEqual(int(record["checkpoints"]), 1)
        self.assertEqual(record["checkpointed_seq"], record["head_seq"])
        key = self.server.folder / "onetake.db.signing-key"
        self.assertEqual(key.stat().st_mode & 0o777, 0o600)
        copy = self.server.folder / "copy.db"
        shutil.copy(self.ledger, copy)
        last = cut_off_the_last_call(copy)
        self.assertEqual(Chain(copy).faults, [], "nothing in the file tells")
        self.assertEqual(verify(copy)[0], 0)
        code, record = verify(copy, "--checkpoints", f"{self.ledger}.checkpoints",
                              "--public-key", f"{key}.pub")
        self.assertEqual((code, record["bad_seq"], record["how"]), (10, str(last), "cut off"))
        # No server is started on it.
        shutil.copy(copy, self.ledger)
        self.server.launch()
        self.assertFalse(self.server.wait_started())
        self.assertIn("--accept-restored", self.server.events("ledger.refused")[0]["error"])

    def test_a_backup_is_held_against_the_checkpoints_of_later(self):
        api = self.server.api()
        self.fill(api)
        self.server.stop()  # which signs
        self.server.start()
        api = self.server.api()
        copy = self.server.folder / "copy.db"
        subprocess.run([ONETAKE, "ledger", "backup", str(copy), "--ledger", str(self.ledger)],
                       capture_output=True, timeout=60, check=True)
        self.fill(api, "later")
        self.server.stop()
        of_later = ("--checkpoints", f"{self.ledger}.checkpoints", "--public-key",
                    f"{self.ledger}.signing-key.pub")
        # Whoever cuts off an end could set the mark, too.
        code, record = verify(copy, *of_later)
        self.assertEqual((code, record["how"]), (10, "cut off"))
        self.assertIn("--copy", record["what"])
        code, record = verify(copy, "--copy", *of_later)
        self.assertEqual((code, record["verdict"]), (0, "intact"), record)
        self.assertGreaterEqual(int(record["checkpoints"]), 1)
        self.assertEqual(record["later_checkpoints"], "1")
        code, said = verify(self.ledger, "--copy")
        self.assertNotEqual(code, 0)
        self.assertIn("not marked as a backup's copy", said)
        # What was signed before it was made is in it.
        last = cut_off_the_last_call(copy)
        code, record = verify(copy, "--copy", *of_later)
        self.assertEqual((code, record["bad_seq"], record["how"]), (10, str(last), "cut off"))

    def test_checkpoints_that_are_missing_are_missed(self):
        self.fill(self.server.api())
        self.server.stop()
        self.server.start()  # it has seen that there are some
        self.server.stop()
        checkpoints = self.server.folder / "onetake.db.checkpoints"
        self.assertEqual(verify(self.ledger)[1]["had_checkpoints"], "true")
        checkpoints.write_text("")
        code, record = verify(self.ledger)
        self.assertEqual((code, record["how"]), (10, "checkpoints missing"))
        checkpoints.unlink()  # this may as well be a copy
        code, record = verify(self.ledger)
        self.assertEqual((code, record["verdict"], record["had_checkpoints"]),
                         (0, "intact", "true"))
        plain = subprocess.run([ONETAKE, "ledger", "verify", "--ledger", str(self.ledger)],
                               capture_output=True, text=True, timeout=60, check=False)
        self.assertIn("no checkpoints were looked at, and this ledger has had some", plain.stdout)

    def test_a_backup_of_a_ledger_that_was_tampered_with_says_so(self):
        self.fill(self.server.api())
        self.server.stop()
        with contextlib.closing(sqlite3.connect(self.ledger)) as db:
            db.execute("UPDATE calls SET disposition = 'DONE' WHERE role = 'conflict'")
            db.commit()
        copy = self.server.folder / "backup.db"
        done = subprocess.run([ONETAKE, "ledger", "backup", str(copy), "--ledger",
                               str(self.ledger)], capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, 10, done.stdout + done.stderr)
        self.assertIn("row edited", done.stderr)
        self.assertTrue(copy.exists(), "it may be evidence")

    def test_checkpoints_are_checked_by_openssl(self):
        self.fill(self.server.api())
        self.server.stop()
        line = (self.server.folder / "onetake.db.checkpoints").read_text().splitlines()[-1]
        checkpoint = json.loads(line)
        message = self.server.folder / "message"
        signature = self.server.folder / "signature"
        message.write_bytes(encode("onetake.ledger.checkpoint.1\0", {
            "instance": checkpoint["instance"], "seq": checkpoint["seq"],
            "hash": bytes.fromhex(checkpoint["hash"]), "at": checkpoint["at"]}))
        signature.write_bytes(bytes.fromhex(checkpoint["signature"]))
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-rawin", "-inkey",
                   str(self.ledger) + ".signing-key.pub", "-in", str(message), "-sigfile",
                   str(signature)]
        self.assertEqual(subprocess.run(command, capture_output=True, check=False).returncode, 0)
        message.write_bytes(message.read_bytes() + b"x")
        self.assertNotEqual(subprocess.run(command, capture_output=True, check=False).returncode, 0)
        self.assertEqual((checkpoint["seq"], checkpoint["hash"]), Chain(self.ledger).head)

    def test_proof_is_checked_without_the_ledger(self):
        api = self.server.api()
        self.fill(api)
        other = api.execute("book", booking(patient="p-other"), session_id="s2")
        mine = api.execute("book", booking(), session_id="s")
        self.server.stop()
        proof = self.server.folder / "proof.json"
        elsewhere = self.server.folder / "key.pub"
        shutil.copy(str(self.ledger) + ".signing-key.pub", elsewhere)

        def run(*arguments, code=0):
            done = subprocess.run([ONETAKE, "ledger", *arguments], capture_output=True, text=True,
                                  timeout=60, check=False)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
            return done.stdout

        run("prove", str(proof), "--ledger", str(self.ledger), "--intent", mine.intent.id)
        self.assertNotIn(other.intent.id, proof.read_text())
        check = ("check-proof", str(proof), "--public-key", str(elsewhere))
        self.assertIn("kind: settled", run(*check))
        events = [json.loads(line) for line in run(*check, "--output", "jsonl").splitlines()]
        self.assertEqual({event["intent_id"] for event in events}, {mine.intent.id})
        self.assertIn("replayed", [event["rule"] for event in events])
        document = json.loads(proof.read_text())
        head = bytes.fromhex(document["before"]["hash"])
        for number, event in enumerate(document["events"], document["before"]["seq"] + 1):
            record = bytes.fromhex(event["digest"]) if "digest" in event else digest(
                base64.b64decode(event["record"]))
            head = link(number, head, record)
        self.assertEqual(head.hex(), document["checkpoint"]["hash"])
        document["events"].pop(0)
        proof.write_text(json.dumps(document))
        self.assertIn("NOT PROVED", run(*check, code=10))
        run("prove", str(proof), "--ledger", str(self.ledger), "--intent", "none", code=7)
        run("prove", str(proof), "--ledger", str(self.ledger), code=1)

    def test_chain_is_verified_by_grpc_in_parts(self):
        api = self.server.api()
        self.fill(api)
        self.eventually(lambda: "invalid" in Chain(self.ledger).rules, True)
        chain = Chain(self.ledger)
        seen, at = 0, 1
        while at:
            page = api.verify_chain(from_seq=at, max_events=3)
            self.assertFalse(page.HasField("fault"))
            seen, at = seen + page.events, page.next_seq
        self.assertEqual((seen, page.hash), chain.head)
        with self.assertRaises(grpc.RpcError) as refused:
            api.verify_chain(from_seq=1000)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_what_is_no_ledger_is_said_to_be_none(self):
        other = self.server.folder / "other.db"
        with contextlib.closing(sqlite3.connect(other)) as db:
            db.execute("CREATE TABLE t (x)")
        self.assertEqual(verify(other), (1, f"onetake: INVALID_ARGUMENT: {other}: the file is not a"
                                            " ledger of onetake\n"))
        self.assertNotIn(verify(self.server.folder / "missing.db")[0], (0, 10))
        self.assertEqual(verify(self.ledger, "--from-seq", "99")[0], 7)
