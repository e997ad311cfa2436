"""`onetake ledger` as an auditor uses it."""

import csv
import io
import json
import os
import sqlite3
import stat
import subprocess

from downstream import Downstream, books
from harness import E2eTest, ONETAKE, Onetaked, booking, manifests


class LedgerCliTest(E2eTest):
    def start(self, behave, **options):
        self.downstream = self.enter_context(Downstream(behave))
        self.server = self.enter_context(Onetaked(self.downstream.url, **options))

    def run_ok(self, *arguments, code=0):
        result = self.run_cli(self.server, *arguments)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout

    def call(self, tool="book", patient="p-1", session="s", **flags):
        arguments = [part for name, value in flags.items()
                     for part in (f"--{name.replace('_', '-')}", value)]
        result = self.run_cli(self.server, "call", tool, booking(patient=patient), "--session",
                              session, *arguments, "--json")
        return json.loads(result.stdout)

    def test_explain_says_why_a_retry_was_sent_and_another_held_back(self):
        def lost_once(request, connection):
            if request.number == 1:
                connection.reset()
            else:
                connection.reply(201, {"id": 7})

        self.start(lost_once, tools=manifests(attempt="1s"))
        intent_id = self.call("book_keyed", tool_call_id="tc-1")["intent"]["id"]
        self.call("book_keyed", tool_call_id="tc-2")
        text = self.run_ok("ledger", "explain", intent_id[:8], "--utc")
        self.assertIn("It took effect. 2 attempts were begun", text)
        self.assertIn("[R3.keyed]", text)
        self.assertIn("cannot take effect twice, so it is sent again", text)
        self.assertIn("call tc-2 comes in (replayed), and is told DONE", text)
        self.assertNotIn("has no text for this rule", text)
        order = [text.index(part) for part in
                 ("call tc-1 comes in", "[R1.claim]", "attempt 1 ended", "[R3.keyed]",
                  "attempt 2 is sent", "[table.success_of_resend]", "call tc-2")]
        self.assertEqual(order, sorted(order), text)
        lines = [json.loads(line) for line in
                 self.run_ok("ledger", "explain", intent_id, "--output", "jsonl").splitlines()]
        self.assertIn("R3.keyed", [line["rule"] for line in lines])
        rows = list(csv.DictReader(io.StringIO(
            self.run_ok("ledger", "explain", intent_id, "--output", "csv"))))
        self.assertEqual([row["what"] for row in rows], [line["what"] for line in lines])
        self.run_ok("ledger", "explain", "ffff" + intent_id, code=7)
        self.run_ok("ledger", "explain", "abc", code=1)

    def test_times_are_in_the_readers_zone_with_the_offset(self):
        self.start(books())
        self.call()
        for flags, offset in ((["--utc"], "+00:00"), (["--zone", "Asia/Kolkata"], "+05:30"),
                              ([], "-05:00")):
            result = subprocess.run(
                [ONETAKE, "--server", self.server.address, "ledger", "list", *flags],
                capture_output=True, text=True, timeout=60, check=True,
                env={**os.environ, "TZ": "America/Bogota"})
            self.assertRegex(result.stdout, r"\d\d:\d\d:\d\d\.\d{3}\%s  " % offset)
        wrong = self.run_cli(self.server, "ledger", "list", "--zone", "Mars/Base")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("Europe/Berlin", wrong.stderr)
        self.run_ok("ledger", "list", "--zone", "UTC", "--utc", code=1)

    def test_lists_are_tables_json_lines_or_csv(self):
        self.start(books())
        for number in range(3):
            self.call(patient=f"p-{number}")
        lines = self.run_ok("ledger", "list", "--output", "jsonl").splitlines()
        self.assertEqual([json.loads(line)["tool"] for line in lines], ["book"] * 3)
        rows = list(csv.DictReader(io.StringIO(self.run_ok("ledger", "list", "--output", "CSV"))))
        self.assertEqual([row["state"] for row in rows], ["SUCCEEDED"] * 3)
        self.assertEqual([row["intent_id"] for row in rows],
                         [json.loads(line)["intent"]["id"] for line in lines])
        events = list(csv.DictReader(io.StringIO(
            self.run_ok("ledger", "tail", "--output", "csv"))))
        seqs = [int(event["seq"]) for event in events]
        self.assertEqual((len(seqs), seqs), (6, sorted(set(seqs))))
        refused = self.run_cli(self.server, "ledger", "list", "--output", "xml")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("--output", refused.stderr)
        self.run_ok("ledger", "list", "--output", "csv", "--json", code=1)

    def test_times_may_be_written_as_people_write_them(self):
        self.start(books())
        self.call()
        for since, found in (("2h", 2), ("2000-01-01", 2), ("2000-01-01 21:00", 2), ("00:00", 2),
                             ("2000-01-01T21:00:00Z", 2), ("2999-01-01 21:00", 1)):
            text = self.run_ok("ledger", "list", "--since", since, "--utc")
            self.assertEqual(len(text.splitlines()), found, since)
        refused = self.run_cli(self.server, "ledger", "list", "--since", "yesterday evening")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("must be a time such as", refused.stderr)

    def backup(self, *arguments):
        return subprocess.run([ONETAKE, "ledger", "backup", *arguments], capture_output=True,
                              text=True, timeout=60, check=False, cwd=self.server.folder)

    def test_backup_copies_a_ledger_that_is_in_use(self):
        self.start(books())
        self.call()
        done = self.backup("copy.db")
        self.assertEqual(done.returncode, 0, done.stderr)
        copy = self.server.folder / "copy.db"
        self.assertEqual(stat.S_IMODE(copy.stat().st_mode), 0o600)
        with sqlite3.connect(f"file:{copy}?mode=ro", uri=True) as db:
            self.assertEqual(db.execute("SELECT state FROM intents").fetchall(), [("SUCCEEDED",)])
        self.call(patient="p-2")  # the ledger goes on
        self.assertEqual(len(self.run_ok("ledger", "list").splitlines()), 3)
        again = self.backup("copy.db")
        self.assertEqual(again.returncode, 1)
        self.assertIn("exists already", again.stderr)
        self.assertEqual(self.backup("other.db", "--ledger", "nothing.db").returncode, 7)
        self.assertEqual(self.backup("no/folder/copy.db").returncode, 7)
        self.assertEqual(self.backup().returncode, 1)
        self.assertFalse((self.server.folder / "other.db").exists())

    def test_a_backup_is_a_ledger_to_start_with(self):
        self.start(books())
        answer = self.call()
        self.assertEqual(self.backup("copy.db").returncode, 0)
        self.server.stop()
        os.replace(self.server.folder / "copy.db", self.server.folder / "onetake.db")
        self.server.start()
        again = self.call()
        self.assertTrue(again["replayed"])
        self.assertEqual(again["intent"]["id"], answer["intent"]["id"])
