"""What callers said, at rest: sealed, readable with its keys only, and nowhere else."""

import json
import os
import re
import signal
import sqlite3
import stat
import threading
import urllib.request

from downstream import Downstream, answers, books
from harness import E2eTest, Onetaked, booking, manifests

CANARY = "canary-5550199"
MASTER_ONE = "1" * 64
MASTER_TWO = "2" * 64


def write_key(server, name, text):
    path = server.folder / name
    path.write_text(text)
    os.chmod(path, 0o600)
    return path


def stored_bytes(server):
    """Database and WAL; the server may run."""
    return b"".join(path.read_bytes() for path in server.folder.glob("onetake.db*"))


def ask(server, sql):
    """As an auditor with sqlite3 -readonly."""
    with sqlite3.connect(f"file:{server.folder / 'onetake.db'}?mode=ro", uri=True) as database:
        return database.execute(sql).fetchall()


class SealingTest(E2eTest):
    def test_nothing_that_a_caller_said_is_in_ledger_log_or_metrics(self):
        downstream = self.enter_context(Downstream(answers(201, {"id": CANARY})))
        server = self.enter_context(Onetaked(
            downstream.url, config="log_level: debug\nmetrics: { listen: '127.0.0.1:0' }\n"))
        api = server.api()
        said = {"attributes": {"caller_phone": CANARY}, "session_id": "s"}
        done = api.execute("book", booking(patient=CANARY, note=CANARY), **said)
        self.assertEqual(api.disposition(done), "DONE")
        self.assertIn(CANARY, done.result_json)
        api.execute("book", booking(patient=CANARY, party=3), **said)          # drift
        api.execute("book", json.dumps({"slot": CANARY}), **said)              # invalid
        downstream.set_behaviour(answers(500, {"error": CANARY}))
        api.execute("book", booking(slot="2026-07-01T10:00:00Z", patient=CANARY), **said)  # doubt
        downstream.set_behaviour(answers(409, {"error": CANARY}))
        api.execute("book", booking(slot="2026-07-02T10:00:00Z", patient=CANARY), **said)  # refusal
        api.execute("find", booking(patient=CANARY), **said)
        api.execute(f"book_{CANARY}", booking(patient=CANARY), **said)          # no such tool
        metrics = self.scrape(server)
        self.assertIn("onetake_", metrics)
        self.assertNotIn(CANARY, metrics)
        self.assertNotIn(CANARY.encode(), stored_bytes(server))
        again = api.execute("book", booking(patient=CANARY, note=CANARY), **said)
        self.assertTrue(again.replayed)
        self.assertEqual(again.result_json, done.result_json)
        server.stop()
        self.assertNotIn(CANARY.encode(), stored_bytes(server))
        self.assertNotIn(CANARY, "\n".join(server.logs))

    def scrape(self, server):
        address = server.events("metrics.started")[0]["address"]
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as response:
            return response.read().decode()

    def test_a_lost_write_is_settled_after_a_crash_from_what_was_sealed(self):
        downstream = self.enter_context(Downstream(answers(500, {})))
        server = self.enter_context(Onetaked(downstream.url))
        api = server.api()
        api.execute("book_keyed", booking(patient=CANARY), session_id="s", patience_ms=100)
        server.kill()
        downstream.set_behaviour(books())
        server.start()
        api = server.api()
        answer = api.execute("book_keyed", booking(patient=CANARY), session_id="s",
                             patience_ms=20_000)
        self.assertEqual(api.disposition(answer), "DONE")
        self.assertEqual(len({request.body for request in downstream.requests}), 1)

    def test_the_master_key_is_the_owners_and_its_loss_is_an_error(self):
        downstream = self.enter_context(Downstream(books()))
        server = self.enter_context(Onetaked(downstream.url))
        server.api().execute("book", booking(), session_id="s")
        path = server.folder / "onetake.master"
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertTrue(server.events("master_key.created"))
        server.stop()
        path.unlink()
        with self.assertRaises(AssertionError):
            server.start()
        self.assertIn("Restore the key", server.events("master_key.refused")[0]["error"])
        write_key(server, "onetake.master", MASTER_ONE)  # another one
        with self.assertRaises(AssertionError):
            server.start()
        self.assertIn("sealing.previous", server.events("ledger.refused")[0]["error"])

    def test_a_rotation_needs_no_stop_and_then_the_old_key_no_more(self):
        downstream = self.enter_context(Downstream(books()))
        server = Onetaked(downstream.url)
        write_key(server, "onetake.master", MASTER_ONE)
        self.enter_context(server)
        api = server.api()
        first = api.execute("book", booking(), session_id="s")
        write_key(server, "onetake.master", MASTER_TWO)
        os.kill(server.pid, signal.SIGHUP)
        server.wait_for_event("sealing.rotated")
        self.assertTrue(api.execute("book", booking(), session_id="s").replayed)
        server.stop()
        server.start()
        again = server.api().execute("book", booking(), session_id="s")
        self.assertEqual(again.result_json, first.result_json)

    def test_a_backup_of_before_a_rotation_needs_the_key_of_then(self):
        downstream = self.enter_context(Downstream(books()))
        server = Onetaked(downstream.url)
        write_key(server, "onetake.master", MASTER_ONE)
        self.enter_context(server)
        server.api().execute("book", booking(), session_id="s")
        copied = self.run_cli(server, "ledger", "backup", str(server.folder / "copy.db"),
                              "--ledger", str(server.folder / "onetake.db"))
        self.assertEqual(copied.returncode, 0, copied.stderr)
        write_key(server, "onetake.master", MASTER_TWO)
        server.hang_up()
        server.wait_for_event("sealing.rotated")
        rotated = server.events("sealing.rotated")[-1]
        server.stop()
        for name in server.folder.glob("onetake.db*"):
            name.unlink()
        (server.folder / "copy.db").rename(server.folder / "onetake.db")
        server.arguments = ["--accept-restored"]
        server.launch()
        self.assertFalse(server.wait_started())
        refused = server.events("ledger.refused")[-1]["error"]
        self.assertIn("A backup from before a rotation needs the key of then", refused)
        key = re.search("sealed under master key ([0-9a-f]{16}):", copied.stdout).group(1)
        self.assertIn(key, refused)
        # With both the way is the same as at a rotation.
        old = write_key(server, "old.master", MASTER_ONE)
        config = server.folder / "onetake.yaml"
        config.write_text(config.read_text() + f"sealing: {{ previous: [{{ file: {old} }}] }}\n")
        server.start()
        self.assertTrue(server.api().execute("book", booking(), session_id="s").replayed)
        told = server.events("sealing.rotated")[-1]
        self.assertEqual((told["count"], told["version"]), (1, rotated["version"]))

    def test_writes_go_on_through_rotations(self):
        downstream = self.enter_context(Downstream(books()))
        server = self.enter_context(Onetaked(downstream.url))
        stop, told, wrong = threading.Event(), [], []

        def write(caller):
            api = server.api()
            number = 0
            while not stop.is_set():
                patient = f"{caller}-{number}"
                answer = api.execute("book", booking(patient=patient), session_id=caller)
                told.append((patient, caller, answer.result_json))
                if api.disposition(answer) != "DONE":
                    wrong.append(answer)
                number += 1

        callers = [threading.Thread(target=write, args=(f"s{n}",)) for n in range(3)]
        for caller in callers:
            caller.start()
        for n in range(4):
            write_key(server, "onetake.master", str(n + 2) * 64)
            # Some are written under each key.
            self.eventually(lambda seen=len(told): len(told) > seen + 3, True)
            server.hang_up()
            self.eventually(lambda n=n: len(server.events("sealing.rotated")) > n, True)
        stop.set()
        for caller in callers:
            caller.join()
        self.assertEqual(wrong, [])
        server.stop()
        server.start()
        api = server.api()
        for patient, session, result in told[:60]:
            again = api.execute("book", booking(patient=patient), session_id=session)
            self.assertTrue(again.replayed)
            self.assertEqual(again.result_json, result)

    def test_a_rotation_to_a_key_that_is_not_there_changes_nothing(self):
        downstream = self.enter_context(Downstream(books()))
        server = self.enter_context(Onetaked(downstream.url))
        api = server.api()
        api.execute("book", booking(), session_id="s")
        (server.folder / "onetake.master").rename(server.folder / "away")
        os.kill(server.pid, signal.SIGHUP)
        server.wait_for_event("sealing.rotation_failed")
        self.assertTrue(api.execute("book", booking(), session_id="s").replayed)

    def test_the_master_key_can_come_from_a_command(self):
        downstream = self.enter_context(Downstream(books()))
        server = self.enter_context(Onetaked(
            downstream.url,
            config=f"sealing: {{ master: {{ command: [/bin/echo, '{MASTER_ONE}'] }} }}\n"))
        server.api().execute("book", booking(patient=CANARY), session_id="s")
        self.assertNotIn(CANARY.encode(), stored_bytes(server))
        self.assertFalse((server.folder / "onetake.master").exists())

    def test_sealing_off_is_told_in_the_log_and_what_is_stored_is_plain(self):
        downstream = self.enter_context(Downstream(books()))
        server = self.enter_context(Onetaked(downstream.url, config="sealing: off\n"))
        self.assertTrue(server.events("sealing.off"))
        server.api().execute("book", booking(patient=CANARY), session_id="s")
        self.assertIn(CANARY.encode(), stored_bytes(server))

    def test_each_argument_is_stored_as_its_schema_says(self):
        downstream = self.enter_context(Downstream(books()))
        tools = manifests()
        tools["book.yaml"] = tools["book.yaml"].replace("    note: { type: string }\n", """
    note: { type: string }
    room: { type: string, x-onetake-store: keep }
    email: { type: string, x-onetake-store: hash }
    phone: { type: string, x-onetake-store: mask }
    ssn: { type: string, x-onetake-store: drop }
""")
        server = self.enter_context(Onetaked(downstream.url, tools=tools))
        api = server.api()
        said = dict(room="3b", email=CANARY, phone="+1-555-019-9123", ssn="078-05-1120")
        done = api.execute("book", booking(**said), session_id="s")
        self.assertEqual(api.disposition(done), "DONE")
        self.assertEqual(json.loads(downstream.requests[0].body)["ssn"], "078-05-1120")
        clear = json.loads(ask(server, "SELECT clear_arguments FROM v_intents")[0][0])
        self.assertEqual(clear["room"], "3b")
        self.assertRegex(clear["email"], "^hmac:[0-9a-f]{16}$")
        self.assertEqual(clear["phone"], "****9123")
        self.assertNotIn("ssn", clear)
        self.assertNotIn("patient", clear)
        self.assertEqual(ask(server, "SELECT * FROM requests"), [])
        self.assertTrue(api.execute("book", booking(**said), session_id="s").replayed)
        drift = api.execute("book", booking(**{**said, "ssn": "078-05-1121"}), session_id="s")
        self.assertEqual(api.disposition(drift), "CONFLICT")
        self.assertEqual(len(downstream.requests), 1)

    def test_what_is_erased_is_gone_for_everybody_and_its_skeleton_stays(self):
        downstream = self.enter_context(Downstream(answers(201, {"id": CANARY})))
        server = self.enter_context(Onetaked(downstream.url))
        api = server.api()
        first = api.execute("book", booking(patient=CANARY), session_id="s")
        api.execute("book_keyed", booking(patient=CANARY), session_id="s")
        api.execute("book", booking(patient=CANARY), session_id="other")
        erased = self.run_cli(server, "ledger", "erase", "--session", "s", "--by", "dana",
                              "--reason", "case 17")
        self.assertEqual((erased.returncode, erased.stdout), (0, "erased: 2 generations\n"))
        shown = self.run_cli(server, "ledger", "show", "--unseal", first.intent.id)
        self.assertNotIn(CANARY, shown.stdout)
        self.assertIn("dana", shown.stdout)
        self.assertIn(first.intent.key, shown.stdout)
        again = api.execute("book", booking(patient=CANARY), session_id="s")
        self.assertEqual(api.disposition(again), "DONE")
        self.assertTrue(again.replayed)
        self.assertEqual(again.result_json, "")
        self.assertEqual(len(downstream.requests), 3)
        kept = api.execute("book", booking(patient=CANARY), session_id="other")
        self.assertIn(CANARY, kept.result_json)
        self.assertEqual(ask(server, "SELECT count(*) FROM intent_keys"), [(1,)])
        verified = self.run_cli(server, "ledger", "verify", "--ledger",
                                str(server.folder / "onetake.db"))
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)

    def test_nonsense_is_not_erased(self):
        server = self.enter_context(Onetaked("http://127.0.0.1:1"))
        for arguments, code, said in (
                (["--intent", "abcd", "--by", "d", "--reason", "r"], 7, "no intent"),
                (["--session", "none", "--by", "d", "--reason", "r"], 7, "conversation"),
                (["--session", "s", "--intent", "abcd", "--by", "d", "--reason", "r"], 1, "option"),
                (["--by", "d", "--reason", "r"], 1, "option"),
                (["--session", "s", "--by", "d"], 1, "--reason"),
                (["--session", "s", "--by", "d" * 200, "--reason", "r"], 1, "by")):
            done = self.run_cli(server, "ledger", "erase", *arguments)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(said, done.stdout + done.stderr)

    def test_a_person_is_erased_by_an_indexed_attribute(self):
        downstream = self.enter_context(Downstream(answers(201, {"id": CANARY})))
        server = self.enter_context(Onetaked(downstream.url))
        config = server.folder / "onetake.yaml"
        server.stop()
        config.write_text(config.read_text().replace(
            "ledger: { path: onetake.db }",
            "ledger: { path: onetake.db, indexed_attributes: [caller_phone] }"))
        server.start()
        api = server.api()
        for session, phone in (("a", "+1555"), ("b", "+1555"), ("c", "+1777")):
            api.execute("book", booking(patient=CANARY), session_id=session,
                        attributes={"caller_phone": phone})
        for phone in ("+1555", "+1999"):
            api.execute("find", booking(), session_id="d", attributes={"caller_phone": phone})
        attributes = "SELECT count(*) FROM attributes"
        self.eventually(lambda: ask(server, attributes), [(5,)])
        erased = self.run_cli(server, "ledger", "erase", "--subject", "caller_phone=+1555", "--by",
                              "dana", "--reason", "case 18")
        self.assertEqual((erased.returncode, erased.stdout), (0, (
            "erased: 2 generations\nattributes erased of calls without an intent of theirs: 1\n")))
        # Somebody who has only asked.
        erased = self.run_cli(server, "ledger", "erase", "--subject", "caller_phone=+1999", "--by",
                              "dana", "--reason", "case 19")
        self.assertEqual(erased.returncode, 0, erased.stderr)
        self.assertEqual(ask(server, attributes), [(1,)])
        self.assertEqual(ask(server, "SELECT session_id FROM intents WHERE erased_at IS NULL"),
                         [("c",)])
        for subject, said in (("email=x", "indexed_attributes"), ("nonsense", "NAME=VALUE")):
            done = self.run_cli(server, "ledger", "erase", "--subject", subject, "--by", "d",
                                "--reason", "r")
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn(said, done.stderr)
