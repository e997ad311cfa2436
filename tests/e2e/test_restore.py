"""A ledger that is put back from an older copy (edge case 15)."""

import contextlib
import json
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile

from downstream import Downstream, answers, books
from harness import E2eTest, ONETAKE, ONETAKED, Onetaked, booking

LATER = "2026-07-01T10:00:00Z"


def of_an_empty_database():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "empty.db")
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("VACUUM")
        return path.read_bytes()


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
        self.server.arguments = ["--accept-restored"]
        self.server.start()
        return self.server.api()

    def test_it_is_refused_until_somebody_says_to_go_on(self):
        self.lose_a_booking()
        self.server.launch()
        self.assertFalse(self.server.wait_started())
        error = self.server.events("ledger.refused")[0]["error"]
        self.assertIn("restored from an older copy", error)
        self.assertIn("--accept-restored", error)
        self.assertIn("every new write, one with a key too, is confirmed by the user", error)
        flags = subprocess.run([ONETAKED, "--help"], capture_output=True, text=True, timeout=60,
                               check=True).stdout
        self.assertIn("every new write, one with a key too, is confirmed by the user",
                      " ".join(flags.split()))

    def test_what_was_forgotten_is_not_written_again_unasked(self):
        self.lose_a_booking()
        api = self.accept()
        self.assertTrue(api.execute("book", booking(), session_id="s").replayed)
        sent = len(self.downstream.requests)
        asked = api.execute("book", booking(slot=LATER), session_id="s", turn_id="t1")
        self.assertEqual(api.disposition(asked), "NEEDS_CONFIRMATION")
        self.assertEqual(len(self.downstream.requests), sent)
        # A key does not tell of later generations; with a yes it is the same, for it is derived.
        keyed = api.execute("book_keyed", booking(slot=LATER), session_id="s", turn_id="t1")
        self.assertEqual(api.disposition(keyed), "NEEDS_CONFIRMATION")
        keyed = api.execute("book_keyed", booking(slot=LATER), session_id="s", turn_id="t2",
                            confirm_token=keyed.confirm_token)
        self.assertEqual(keyed.intent.key, self.key)
        done = api.execute("book", booking(slot=LATER), session_id="s", turn_id="t2",
                           confirm_token=asked.confirm_token)
        self.assertEqual(api.disposition(done), "DONE")

    def test_it_stays_on_record_and_a_new_file_of_checkpoints_begins(self):
        self.lose_a_booking()
        self.accept()
        self.server.stop()
        self.server.arguments = []
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

    def test_checkpoints_that_are_missing_are_missed(self):
        self.server.api().execute("book", booking(), session_id="s")
        self.server.stop()
        self.server.start()  # it knows now that there are some
        self.server.stop()
        (self.server.folder / "onetake.db.checkpoints").unlink()
        self.server.launch()
        self.assertFalse(self.server.wait_started())
        self.assertIn("checkpoints", self.server.events("ledger.refused")[0]["error"])

    def expect_refused(self, *said):
        self.server.launch()
        self.assertFalse(self.server.wait_started())
        for text in said:
            self.assertIn(text, self.server.events("ledger.refused")[-1]["error"])

    def remove(self, *suffixes):
        for suffix in suffixes:
            pathlib.Path(f"{self.ledger}{suffix}").unlink(missing_ok=True)

    def test_checkpoints_are_missed_of_a_copy_of_the_first_run(self):
        api = self.server.api()
        copy = self.server.folder / "copy.db"
        with contextlib.closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as db:
            with contextlib.closing(sqlite3.connect(copy)) as target:
                db.backup(target)
        api.execute("book", booking(slot=LATER), session_id="s")
        self.server.stop()
        self.remove("-wal", "-shm", ".checkpoints")
        copy.rename(self.ledger)
        for _ in range(2):
            self.expect_refused("had a file of checkpoints, which is not there")

    def test_a_ledger_that_is_gone_is_missed(self):
        self.server.api().execute("book", booking(slot=LATER), session_id="s")
        self.server.stop()
        lost = [(["", "-wal", "-shm"], "onetake.key"),
                ([".checkpoints", ".signing-key", ".signing-key.pub"], "onetake.key")]
        for suffixes, tells in lost:
            with self.subTest(suffixes):
                self.remove(*suffixes)
                self.expect_refused("there is no ledger", tells, "--accept-restored",
                                    "every write, one with a key too, is then confirmed")
                self.assertFalse(self.ledger.exists())
        # Somebody begins an empty one: what was forgotten is not written again unasked.
        sent = len(self.downstream.requests)
        api = self.accept()
        asked = api.execute("book", booking(slot=LATER), session_id="s")
        self.assertEqual(api.disposition(asked), "NEEDS_CONFIRMATION")
        self.assertEqual(len(self.downstream.requests), sent)

    def lose_the_ledger(self, server=None):
        """A booking is forgotten with it; a key is left."""
        self.server = server or self.enter_context(Onetaked(self.downstream.url))
        self.ledger = self.server.folder / "onetake.db"
        self.server.api().execute("book", booking(slot=LATER), session_id="s")
        self.server.stop()
        self.remove("", "-wal", "-shm", ".checkpoints")

    def expect_asked(self):
        sent = len(self.downstream.requests)
        api = self.server.api()
        asked = api.execute("book", booking(slot=LATER), session_id="s")
        self.assertEqual(api.disposition(asked), "NEEDS_CONFIRMATION")
        self.assertEqual(len(self.downstream.requests), sent)

    def launch_and_end(self, arguments, **env):
        """The exit code of a start that does not come through."""
        self.server.arguments = arguments
        self.server.launch(**env)
        self.assertFalse(self.server.wait_started())
        return self.server.wait()

    def test_a_loss_that_was_accepted_is_not_forgotten_when_that_start_fails(self):
        self.lose_the_ledger()
        key = self.server.folder / "onetake.db.signing-key"
        key.chmod(0o644)
        self.assertEqual(self.launch_and_end(["--accept-restored"]), 3)
        key.chmod(0o600)
        self.server.arguments = []
        for _ in range(2):
            self.expect_refused("in the place of one that was lost", "--accept-restored")
        self.accept()
        self.expect_asked()
        self.server.stop()
        self.server.arguments = []
        self.server.start()
        self.expect_asked()

    def test_a_start_that_accepts_a_loss_may_be_killed_anywhere(self):
        before = ("store.before_migration_commit:1", "store.after_migration_commit:1",
                  "store.after_migration_commit:2", "ledger.lost_drafted", "ledger.opened")
        on_record = ("ledger.restored", "ledger.checkpoint_file_made")
        self.lose_the_ledger()
        for place in before + on_record:
            with self.subTest(place):
                self.remove("", "-wal", "-shm", ".checkpoints")
                code = self.launch_and_end(["--accept-restored"], ONETAKE_FAILPOINT=place)
                self.assertEqual(code, -signal.SIGKILL)
                self.server.arguments = []
                if place in before:
                    self.expect_refused("lost" if self.ledger.exists() else "there is no ledger",
                                        "--accept-restored")
                    self.accept()
                else:
                    self.server.start()
                self.expect_asked()
                self.server.kill()

    def test_a_start_that_accepts_an_older_copy_may_be_killed_anywhere(self):
        self.lose_a_booking()
        older = {path: path.read_bytes() for path in (
            self.ledger, self.server.folder / "onetake.db.checkpoints")}
        for place in ("ledger.opened", "ledger.restored", "ledger.checkpoint_file_made"):
            with self.subTest(place):
                self.remove("-wal", "-shm")
                for path, content in older.items():
                    path.write_bytes(content)
                code = self.launch_and_end(["--accept-restored"], ONETAKE_FAILPOINT=place)
                self.assertEqual(code, -signal.SIGKILL)
                self.server.arguments = []
                if place == "ledger.checkpoint_file_made":
                    self.server.start()
                else:  # its checkpoints are there still
                    self.expect_refused("restored from an older copy")
                    self.accept()
                self.expect_asked()
                self.server.kill()

    def test_a_loss_that_nothing_tells_of_is_one_when_somebody_says_so(self):
        self.lose_the_ledger(self.enter_context(Onetaked(
            self.downstream.url, env={"KEY": "k" * 32}, config="intent_key: { env: KEY }\n")))
        self.remove(".signing-key", ".signing-key.pub")
        self.accept()
        self.expect_asked()

    def test_a_file_with_nothing_in_it_is_no_ledger(self):
        for content in (b"", of_an_empty_database()):
            with self.subTest(len(content)):
                self.lose_the_ledger(self.enter_context(Onetaked(self.downstream.url)))
                self.remove(".signing-key", ".signing-key.pub")
                self.ledger.write_bytes(content)
                self.expect_refused("which is empty, but", "onetake.key is there",
                                    "--accept-restored")
                self.assertEqual(self.ledger.read_bytes(), content)
                self.accept()
                self.expect_asked()
                self.server.kill()

    def test_tables_without_a_version_are_not_replaced(self):
        """A ledger that was repaired by a dump, or another program's database."""
        self.lose_the_ledger(self.enter_context(Onetaked(self.downstream.url)))
        with contextlib.closing(sqlite3.connect(self.ledger)) as db:
            db.execute("CREATE TABLE intents (intent_row)")
            db.commit()
        self.server.arguments = ["--accept-restored"]
        self.expect_refused("onetake.db")
        with contextlib.closing(sqlite3.connect(self.ledger)) as db:
            self.assertEqual(db.execute("SELECT name FROM sqlite_schema").fetchall(),
                             [("intents",)])

    def test_a_first_start_that_found_no_room_has_left_no_ledger(self):
        server = Onetaked(self.downstream.url)
        self.addCleanup(server.__exit__)
        wal = server.folder / "onetake.db-wal"
        wal.mkdir()  # in the place of a full disk: it fails when it has made the keys
        for _ in range(2):
            server.launch()
            self.assertFalse(server.wait_started())
            self.assertNotIn("there was one", server.events("ledger.refused")[-1]["error"])
        wal.rmdir()
        server.start()

    def test_a_snapshot_of_the_whole_folder_is_a_copy_when_somebody_says_so(self):
        self.server.api().execute("book", booking(), session_id="s")
        self.server.stop()
        snapshot = self.server.folder.with_name(self.server.folder.name + ".snapshot")
        shutil.copytree(self.server.folder, snapshot)
        self.addCleanup(shutil.rmtree, snapshot)
        self.server.start()
        self.server.api().execute("book", booking(slot=LATER), session_id="s")
        self.server.kill()
        self.remove("", "-wal", "-shm", ".checkpoints")
        for file in snapshot.glob("onetake.db*"):
            shutil.copy(file, self.server.folder)
        api = self.accept()
        self.assertEqual(len(self.server.events("ledger.restored")), 1)
        self.assertTrue(api.execute("book", booking(), session_id="s").replayed)
        self.expect_asked()

    def test_keys_that_were_there_before_the_first_start_are_no_ledger_that_is_gone(self):
        server = Onetaked(self.downstream.url)
        self.addCleanup(server.__exit__)
        key = server.folder / "onetake.key"
        key.write_text("k" * 32)
        key.chmod(0o600)
        server.launch()
        self.assertFalse(server.wait_started())
        self.assertIn("--new-ledger", server.events("ledger.refused")[0]["error"])
        self.assertFalse((server.folder / "onetake.db").exists())
        server.arguments = ["--new-ledger"]
        server.start()
        self.assertEqual(key.read_text(), "k" * 32)
        api = server.api()
        done = api.execute("book", booking(), session_id="s")
        self.assertEqual(api.disposition(done), "DONE", "nothing was forgotten")
        # Of a ledger that is there it says nothing.
        server.stop()
        server.start()
        self.assertTrue(server.api().execute("book", booking(), session_id="s").replayed)

    def test_checkpoints_tell_of_a_ledger_that_is_gone_when_the_key_is_no_file(self):
        server = self.enter_context(Onetaked(self.downstream.url, env={"KEY": "k" * 32},
                                             config="intent_key: { env: KEY }\n"))
        server.api().execute("book", booking(), session_id="s")
        server.stop()
        self.server, self.ledger = server, server.folder / "onetake.db"
        self.remove("", "-wal", "-shm", ".signing-key")
        self.expect_refused("onetake.db.checkpoints is there")

    def test_a_backup_is_not_taken_for_the_ledger_itself(self):
        api = self.server.api()
        api.execute("book", booking(), session_id="s")
        api.execute("book_keyed", booking(slot=LATER), session_id="s")
        copy = self.server.folder / "copy.db"
        done = subprocess.run([ONETAKE, "ledger", "backup", str(copy), "--ledger",
                               str(self.ledger)], capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.server.stop()
        for name in self.server.folder.glob("onetake.db*"):
            name.unlink()  # the whole machine is lost
        copy.rename(self.ledger)
        self.server.launch()
        self.assertFalse(self.server.wait_started())
        self.assertIn("backup's copy", self.server.events("ledger.refused")[0]["error"])
        api = self.accept()
        self.assertTrue(api.execute("book", booking(), session_id="s").replayed)

    def test_what_was_open_in_the_copy_waits_for_a_person(self):
        self.downstream.set_behaviour(answers(500, {}))
        api = self.server.api()
        api.execute("book_natural", booking(), session_id="s", patience_ms=100)
        copy = self.server.folder / "copy"
        self.server.kill()
        shutil.copy(self.ledger, copy)
        if pathlib.Path(f"{self.ledger}-wal").exists():
            shutil.copy(f"{self.ledger}-wal", f"{copy}-wal")
        self.downstream.set_behaviour(books())
        self.server.start()
        api = self.server.api()
        settled = api.execute("book_natural", booking(), session_id="s", patience_ms=20_000)
        self.assertEqual(api.disposition(settled), "DONE")
        self.server.stop()
        sent = len(self.downstream.requests)
        shutil.copy(copy, self.ledger)
        if pathlib.Path(f"{copy}-wal").exists():
            shutil.copy(f"{copy}-wal", f"{self.ledger}-wal")
        api = self.accept()
        again = api.execute("book_natural", booking(), session_id="s")
        self.assertEqual(api.disposition(again), "NEEDS_REVIEW")
        self.assertEqual(len(self.downstream.requests), sent)
