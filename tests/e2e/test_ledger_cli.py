"""`onetake ledger` as an auditor uses it."""

import concurrent.futures
import contextlib
import csv
import fcntl
import io
import json
import os
import shutil
import sqlite3
import stat
import subprocess

from downstream import Downstream, books
from harness import E2eTest, ONETAKE, Onetaked, booking, manifests


class LedgerE2eTest(E2eTest):
    def start(self, behave, **options):
        self.downstream = self.enter_context(Downstream(behave))
        self.server = self.enter_context(Onetaked(self.downstream.url, **options))

    def run_ok(self, *arguments, code=0):
        result = self.run_cli(self.server, *arguments)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout

    def until_told(self, part, *command):
        """What the command prints once that is in it: calls are recorded when they have been
        answered."""
        self.eventually(lambda: part in self.run_ok(*command), True)
        return self.run_ok(*command)

    def call(self, tool="book", patient="p-1", session="s", **flags):
        arguments = [part for name, value in flags.items()
                     for part in (f"--{name.replace('_', '-')}", value)]
        result = self.run_cli(self.server, "call", tool, booking(patient=patient), "--session",
                              session, *arguments, "--json")
        return json.loads(result.stdout)


class LedgerCliTest(LedgerE2eTest):
    def test_explain_says_why_a_retry_was_sent_and_another_held_back(self):
        def lost_once(request, connection):
            if request.number == 1:
                connection.reset()
            else:
                connection.reply(201, {"id": 7})

        self.start(lost_once, tools=manifests(attempt="1s"))
        intent_id = self.call("book_keyed", tool_call_id="tc-1")["intent"]["id"]
        self.call("book_keyed", tool_call_id="tc-2")
        text = self.until_told("call tc-2 comes in (replayed), and is told DONE", "ledger",
                               "explain", intent_id[:8], "--utc")
        self.assertIn("It took effect. 2 attempts were begun", text)
        self.assertIn("[R3.keyed]", text)
        self.assertIn("cannot take effect twice, so it is sent again", text)
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

    def test_the_reason_of_a_verdict_is_shown_to_whoever_unseals(self):
        self.start(lambda request, connection: connection.reset(), tools=manifests(attempt="1s"))
        intent_id = self.call()["intent"]["id"]
        self.run_ok("review", "resolve", intent_id[:8], "--applied", "--by", "dana", "--evidence",
                    "the desk sees it")
        for command, asked in (("explain", intent_id), ("show", intent_id), ("timeline", "s")):
            hidden = self.run_ok("ledger", command, asked)
            self.assertNotIn("the desk sees it", hidden)
            self.assertIn("hidden; --unseal shows it to the role unseal", hidden)
            shown = self.run_ok("ledger", command, asked, "--unseal")
            self.assertIn("the desk sees it", shown)
            self.assertNotIn("hidden", shown)

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
        for flags, offset in ((["--zone", "Asia/Kolkata"], "+05:30"), ([], "Z")):
            for question in (["list", "--output", "jsonl"], ["tail", "--output", "jsonl"],
                             ["export"]):
                line = json.loads(self.run_ok("ledger", *question, *flags).splitlines()[0])
                at = line.get("at") or line["created_at"]
                self.assertTrue(at.endswith(offset), at)
        wrong = self.run_cli(self.server, "ledger", "list", "--zone", "Mars/Base")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("Europe/Berlin", wrong.stderr)
        self.run_ok("ledger", "list", "--zone", "UTC", "--utc", code=1)

    def test_a_read_is_found_by_the_models_id(self):
        self.start(books())
        self.run_ok("call", "find", json.dumps({"slot": "x"}), "--session", "s",
                    "--tool-call-id", "toolu_read")
        ask = ("ledger", "export", "--kind", "calls", "--tool-call-id")
        self.eventually(lambda: [json.loads(line)["role"] for line in
                                 self.run_ok(*ask, "toolu_read").splitlines()], ["read"])
        self.assertEqual(self.run_ok(*ask, "toolu_other"), "")
        self.run_ok("ledger", "export", "--tool-call-id", "toolu_read", code=1)

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
        for output in ("csv", "jsonl", "table"):
            heading = 0 if output == "jsonl" else 1
            cut = self.run_cli(self.server, "ledger", "list", "--output", output, "--limit", "2")
            said = cut.stdout if output == "table" else cut.stderr
            self.assertIn("... and more: raise --limit", said, output)
            rows = [line for line in cut.stdout.splitlines() if "... and more" not in line]
            self.assertEqual(len(rows), 2 + heading, output)
            whole = self.run_cli(self.server, "ledger", "list", "--output", output, "--limit", "3")
            self.assertNotIn("more", whole.stdout + whole.stderr, output)
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
        for command in (["verify"], ["prove", "proof.json", "--intent", "0" * 32]):
            missing = subprocess.run([ONETAKE, "ledger", *command, "--ledger", "nothing.db"],
                                     capture_output=True, text=True, timeout=60, check=False,
                                     cwd=self.server.folder)
            self.assertEqual(missing.returncode, 7, missing.stderr)
            self.assertIn("nothing.db is no file: name the ledger's", missing.stderr)

    def test_a_backup_that_fails_at_last_leaves_nothing_that_looks_like_one(self):
        self.start(books())
        self.call()
        folder = self.server.folder
        with contextlib.closing(sqlite3.connect(folder / "other.db")) as db:
            db.execute("CREATE TABLE t (a)")
        (folder / "late.db.partial").write_text("of a backup that was killed")
        failed = self.backup("late.db", "--ledger", "other.db")
        self.assertNotEqual(failed.returncode, 0)
        self.assertIn("not a ledger of onetake", failed.stderr)
        self.assertEqual([path.name for path in folder.glob("late.db*")], [])
        (folder / "late.db.partial").write_text("of a backup that was killed")
        self.assertEqual(self.backup("late.db").returncode, 0)
        self.assertEqual([path.name for path in folder.glob("late.db*")], ["late.db"])

    def test_a_backup_lets_another_one_to_the_same_file_come_to_its_end(self):
        self.start(books())
        self.call()
        folder = self.server.folder
        draft = folder / "copy.db.partial"
        draft.write_text("of a backup that is under way")
        with open(f"{draft}.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            held = self.backup("copy.db")
            self.assertEqual(held.returncode, 1, held.stderr)
            self.assertIn("another backup", held.stderr)
            self.assertEqual(draft.read_text(), "of a backup that is under way")
        for number in range(4):
            name = f"{number}.db"
            with concurrent.futures.ThreadPoolExecutor(2) as both:
                ended = list(both.map(self.backup, (name, name)))
            self.assertEqual(sorted(one.returncode for one in ended), [0, 1],
                             [one.stderr for one in ended])
            self.assertEqual([path.name for path in folder.glob(f"{name}*")], [name])
            verified = subprocess.run([ONETAKE, "ledger", "verify", "--ledger", name],
                                      capture_output=True, text=True, timeout=60, check=False,
                                      cwd=folder)
            self.assertEqual(verified.returncode, 0, verified.stderr)

    def test_a_backup_is_a_ledger_to_go_on_with_once_somebody_says_so(self):
        self.start(books())
        answer = self.call()
        self.assertEqual(self.backup("copy.db").returncode, 0)
        self.server.stop()
        os.replace(self.server.folder / "copy.db", self.server.folder / "onetake.db")
        self.server.arguments = ["--accept-restored"]
        self.server.start()
        again = self.call()
        self.assertTrue(again["replayed"])
        self.assertEqual(again["intent"]["id"], answer["intent"]["id"])


class LedgerQuestionsTest(LedgerE2eTest):
    def retried(self):
        """Session CA1: a booking whose first answer is lost, then a retry by the model."""
        def lost_once(request, connection):
            if request.number == 1:
                connection.reset()
            else:
                connection.reply(201, {"id": request.number})

        self.start(lost_once, tools=manifests(attempt="1s"))
        self.call("book_keyed", session="CA1", tool_call_id="tc-1")
        self.call("book_keyed", session="CA1", tool_call_id="tc-2")

    def test_timeline_tells_a_conversation_in_order(self):
        self.retried()
        self.call("find", session="CA1", tool_call_id="tc-3")
        self.call("book", patient="p-2", session="CA2")
        text = self.until_told("session CA1: 3 calls, 1 intent, 1 call held back", "ledger",
                               "timeline", "CA1", "--utc")
        order = [text.index(part) for part in
                 ("call tc-1 comes in (opened)", "attempt 1 is sent", "[R3.keyed]",
                  "attempt 2 is sent", "call tc-1 is told DONE", "call tc-2 comes in (replayed)",
                  "call tc-3 comes in (read)")]
        self.assertEqual(order, sorted(order), text)
        self.assertNotIn("p-2", text)
        lines = self.run_ok("ledger", "timeline", "CA1", "--output", "jsonl").splitlines()
        self.assertGreater(len(lines), 8)
        self.assertEqual({json.loads(line)["session_id"] for line in lines}, {"CA1"})
        missing = self.run_cli(self.server, "ledger", "timeline", "CA9")
        self.assertEqual(missing.returncode, 7)
        self.assertIn("no call of session CA9", missing.stderr)

    def test_report_counts_what_was_held_back(self):
        self.retried()
        text = self.until_told("tc-2", "ledger", "report", "--utc")
        self.assertIn("1 call that would have written again, of 1 intent", text)
        self.assertRegex(text, r"\d{4}-\d\d-\d\d  book_keyed  replayed  1 ")
        [row] = csv.DictReader(io.StringIO(
            self.run_ok("ledger", "report", "--output", "csv", "--zone", "Asia/Tokyo")))
        self.assertEqual((row["tool"], row["role"], row["calls"]), ("book_keyed", "replayed", "1"))
        self.assertEqual(json.loads(self.run_ok("ledger", "report", "--json"))["held_back"], "1")
        self.assertIn("no call would have written again",
                      self.run_ok("ledger", "report", "--until", "1h"))
        for command in ("report", "list", "export"):
            refused = self.run_cli(self.server, "ledger", command, "--since", "1h", "--until", "2h")
            self.assertEqual(refused.returncode, 1)
            self.assertRegex(refused.stderr, "--until, .*, is before --since, ")
        self.run_ok("ledger", "report", "--calls", "501", code=1)

    def listed(self, *flags, code=0):
        text = self.run_ok("ledger", "list", "--output", "jsonl", *flags, code=code)
        return [json.loads(line)["session_id"] for line in text.splitlines()]

    def test_every_filter_is_a_flag(self):
        self.start(books())
        config = self.server.folder / "onetake.yaml"
        self.server.stop()
        config.write_text(config.read_text().replace(
            "path: onetake.db", "path: onetake.db, indexed_attributes: [caller_phone]"))
        self.server.start()
        api = self.server.api()
        for number in range(4):
            api.execute("book", booking(patient=f"p-{number}"), session_id=f"s-{number}",
                        tool_call_id=f"tc-{number}",
                        attributes={"caller_phone": f"+4912{number % 2}", "mood": "canary-mood"})
        api.execute("book", booking(patient="p-1"), session_id="s-1", tool_call_id="tc-again")
        api.execute("book", booking(patient="p-2", party=3), session_id="s-2", tool_call_id="tc-p")
        self.eventually(lambda: self.listed("--drift"), ["s-2"])
        self.assertEqual(self.listed("--tool-call-id", "tc-3"), ["s-3"])
        self.assertEqual(self.listed("--replayed"), ["s-1"])
        self.assertEqual(self.listed("--held-back"), ["s-2", "s-1"])
        self.assertEqual(self.listed("--disposition", "conflict"), ["s-2"])
        self.assertEqual(self.listed("--attribute", "caller_phone=+49121"), ["s-3", "s-1"])
        self.assertEqual(self.listed("--attribute", "caller_phone=+49129"), [])
        self.assertEqual(self.listed("--review"), [])
        self.assertEqual(len(self.listed("--disposition", "done", "--tool", "book")), 4)
        refused = self.run_cli(self.server, "ledger", "list", "--attribute", "mood=canary-mood")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("not an indexed one", refused.stderr)
        self.assertIn("reason NOT_INDEXED", refused.stderr)
        for nonsense in (["--attribute", "caller_phone"], ["--disposition", "fine"],
                         ["--id", "abc"], ["--state", "done"]):
            self.listed(*nonsense, code=1)
        self.server.stop()
        for path in self.server.folder.glob("onetake.db*"):
            self.assertNotIn(b"+4912", path.read_bytes(), path)
            self.assertNotIn(b"canary-mood", path.read_bytes(), path)

    def export(self, *flags, code=0):
        result = self.run_cli(self.server, "ledger", "export", *flags)
        self.assertEqual(result.returncode, code, result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()], result.stderr

    def test_export_goes_on_where_it_ended(self):
        self.start(books())
        for number in range(3):
            self.call(patient=f"p-{number}")
        events, said = self.export("--limit", "4")
        self.assertEqual([event["record"] for event in events], ["event"] * 4)
        resume = said.split("--resume ")[1].strip()
        rest, said = self.export("--resume", resume)
        seqs = [int(event["seq"]) for event in events + rest]
        self.assertEqual(seqs, list(range(1, seqs[-1] + 1)), "every event once, requests too")
        self.call(patient="p-9")
        fresh, _ = self.export("--resume", said.split("--resume ")[1].strip())
        self.assertEqual(int(fresh[0]["seq"]), seqs[-1] + 1)
        made = ("--kind", "calls", "--since", "1h")
        self.eventually(lambda: [call["role"] for call in self.export(*made)[0]], ["opened"] * 4)
        calls, _ = self.export(*made)
        self.assertEqual(len({call["intent_id"] for call in calls}), 4)
        intents, _ = self.export("--kind", "intents", "--tool", "book", "--limit", "3")
        self.assertEqual(len(intents), 3)
        self.assertNotIn("p-9", json.dumps([events, calls, intents]))
        self.export("--kind", "intents", "--resume", "r17", code=1)
        # A call is listed by when it came and recorded when it is answered; new intents come first.
        place = self.server.folder / "export.place"
        for kind in ("calls", "intents"):
            _, said = self.export("--kind", kind, "--resume-file", str(place), code=1)
            self.assertIn("--resume-file: goes with --kind events", said)
        for flag in ("--since", "--until"):
            _, said = self.export("--resume-file", str(place), flag, "1h", code=1)
            self.assertIn(f"--resume-file: does not go with {flag}", said)
        self.assertFalse(place.exists())
        self.export("--tool", "book", code=1)
        self.export("--kind", "secrets", code=1)

    def test_export_keeps_its_place_in_a_file(self):
        self.start(books())
        self.call()
        self.eventually(lambda: "answered" in [event["kind"] for event in self.export()[0]], True)
        place = str(self.server.folder / "export.place")
        first, _ = self.export("--resume-file", place)
        self.assertEqual(self.export("--resume-file", place)[0], [])
        self.call(patient="p-2")
        second, _ = self.export("--resume-file", place)
        seqs = [int(event["seq"]) for event in first + second]
        self.assertEqual(seqs, list(range(1, len(seqs) + 1)))

    def test_a_place_of_another_history_is_refused(self):
        self.start(books())
        self.call()
        place = self.server.folder / "export.place"
        self.export("--resume-file", str(place))
        self.assertRegex(place.read_text(), r"^seq:\d+:[0-9a-f]{64}\n$")
        self.server.stop()
        for name in ("onetake.db", "onetake.db.checkpoints"):
            shutil.copy(self.server.folder / name, self.server.folder / f"{name}.copy")
        self.server.start()
        self.call(patient="p-2")
        self.export("--resume-file", str(place))
        lost = place.read_text()
        self.server.stop()
        for name in ("onetake.db", "onetake.db.checkpoints"):
            shutil.copy(self.server.folder / f"{name}.copy", self.server.folder / name)
        self.server.start()
        _, said = self.export("--resume-file", str(place), code=1)
        self.assertIn("the ledger ends before event", said)
        for number in range(4):  # the same numbers again, of other events
            self.call(patient=f"p-{number + 3}")
        _, said = self.export("--resume-file", str(place), code=1)
        self.assertIn("not the one that the export ended with", said)
        self.assertIn(f"{place}: ", said)
        self.assertIn("restored from a copy", said)
        self.assertIn("Without this file everything is exported anew", said)
        self.assertEqual(place.read_text(), lost, "a refused place stays")
        _, said = self.export("--resume", lost.strip(), code=1)
        self.assertIn("--resume: ", said)

    def test_a_place_is_checked_before_it_is_used(self):
        self.start(books())
        self.call()
        place = self.server.folder / "export.place"
        for text, complaint in (("seq:9999", "ends before event 9999"), ("seq:", "is no place"),
                                ("seq:1:abc", "is no place"), ("seq:-1", "is no place"),
                                (f"seq:1:{'0' * 64}", "not the one that")):
            place.write_text(text + "\n")
            _, said = self.export("--resume-file", str(place), code=1)
            self.assertIn(complaint, said)
            self.assertEqual(place.read_text(), text + "\n")
        place.write_text("seq:1\n")  # as versions before wrote it
        events, _ = self.export("--resume-file", str(place))
        self.assertEqual(int(events[0]["seq"]), 2)
        _, said = self.export("--resume-file", str(self.server.folder), code=9)
        self.assertIn("cannot be read", said)

    def test_tail_follows_over_a_crash_of_the_server(self):
        self.start(books(), listen="127.0.0.1:0")
        port = self.server.address.rsplit(":", 1)[1]
        config = self.server.folder / "onetake.yaml"
        config.write_text(config.read_text().replace("listen: 127.0.0.1:0",
                                                     f"listen: 127.0.0.1:{port}"))
        self.call()
        tail = subprocess.Popen([ONETAKE, "--server", self.server.address, "ledger", "tail", "-f"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for stream in (tail.stdout, tail.stderr):
            self.addCleanup(stream.close)
        self.addCleanup(tail.wait)
        self.addCleanup(tail.kill)
        seen = [tail.stdout.readline() for _ in range(2)]
        self.call(patient="p-2")
        seen += [tail.stdout.readline() for _ in range(2)]
        self.server.kill()
        self.assertIn("trying again", tail.stderr.readline())
        self.server.start()
        self.call(patient="p-3")
        seen += [tail.stdout.readline() for _ in range(2)]
        api = self.server.api()
        listed = api.call("onetake.v1.LedgerService", "ListEvents")
        self.assertEqual([int(line.split()[0]) for line in seen],
                         [event.seq for event in listed.events], "no gap and no repetition")

    def test_tail_shows_requests_when_asked(self):
        self.start(books())
        self.call("find", session="s-r")
        self.assertEqual(self.run_ok("ledger", "tail"), "")
        self.eventually(lambda: "call" in self.run_ok("ledger", "tail", "--calls"), True)
        self.run_ok("ledger", "tail", "--calls", "--session", "s-r", code=1)
