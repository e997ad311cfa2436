"""`onetake` as an operator uses it."""

import json
import os
import pathlib
import subprocess
import tempfile
import threading

from downstream import Downstream, answers, books, books_after
from harness import E2eTest, ONETAKE, Onetaked, booking, manifests


class CliTest(E2eTest):
    def start(self, behave, **options):
        self.downstream = self.enter_context(Downstream(behave))
        self.server = self.enter_context(Onetaked(self.downstream.url, **options))

    def run_ok(self, *arguments, code=0, stdin=None):
        result = self.run_cli(self.server, *arguments, stdin=stdin)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout

    def call(self, *arguments, code=0):
        return json.loads(self.run_ok("call", *arguments, "--json", code=code))

    def test_call_shows_what_was_answered(self):
        self.start(books())
        text = self.run_ok("call", "book", booking(), "--session", "s", "--tool-call-id", "tc-1")
        self.assertIn("DONE", text)
        self.assertIn('{"id": 1}', text)
        again = self.call("book", booking(), "--session", "s", "--tool-call-id", "tc-2")
        self.assertTrue(again["replayed"])
        self.assertEqual(again["result_json"], '{"id": 1}')
        from_stdin = self.run_ok("call", "book", "-", "--session", "s", "--json", stdin=booking())
        self.assertTrue(json.loads(from_stdin)["replayed"])

    def test_exit_codes_say_what_became_of_the_call(self):
        self.start(answers(422, {"error": "no"}), tools=manifests(attempt="20s"))
        self.call("book", booking(), "--session", "s", code=3)
        self.call("bok", booking(), "--session", "s", code=6)
        self.downstream.set_behaviour(lambda request, connection: connection.reset())
        self.call("book", booking(patient="p-2"), "--session", "s", code=5)
        release = threading.Event()
        self.downstream.set_behaviour(books_after(release))
        pending = self.call("book", booking(patient="p-3"), "--session", "s", "--patience", "100ms",
                            code=4)
        release.set()
        awaited = json.loads(self.run_ok("await", pending["intent"]["id"], "--json"))
        self.assertEqual(awaited["disposition"], "DISPOSITION_DONE")
        self.run_ok("await", pending["intent"]["id"][:8])
        self.run_ok("await", "ffff" + pending["intent"]["id"][:8], code=7)
        self.call("book", booking(patient="p-3", party=2), "--session", "s", code=6)
        self.run_ok("await", "0" * 32, code=7)
        refused = self.run_cli(self.server, "call", "book", booking())
        self.assertEqual(refused.returncode, 1)
        self.assertIn("field session_id", refused.stderr)
        self.assertEqual(self.run_cli(self.server, "call").returncode, 1)
        self.assertEqual(self.run_cli(self.server, "call", "book", "{}", "--patience", "soon")
                         .returncode, 1)
        self.server.stop()
        gone = self.run_cli(self.server, "call", "book", booking(), "--session", "s")
        self.assertEqual(gone.returncode, 2)
        self.assertIn("run the same command again", gone.stderr)

    def test_help_is_enough_to_work_from(self):
        for command in ([], ["call"], ["await"], ["tools"], ["tools", "lint"], ["tools", "latency"],
                        ["ledger"], ["ledger", "list"], ["ledger", "show"], ["ledger", "explain"],
                        ["ledger", "tail"], ["ledger", "backup"]):
            result = subprocess.run([ONETAKE, *command, "--help"], capture_output=True, text=True,
                                    check=False, timeout=60)
            self.assertEqual(result.returncode, 0)
            self.assertIn("Usage:", result.stdout)
        whole = subprocess.run([ONETAKE, "--help"], capture_output=True, text=True, check=False,
                               timeout=60).stdout
        self.assertIn("Exit codes: 0 done", whole)

    def test_an_empty_value_is_refused_wherever_it_stands(self):
        self.start(books())
        self.call("book", booking(), "--session", "s")
        for command in (["ledger", "timeline", ""], ["ledger", "show", ""],
                        ["ledger", "list", "--session", ""], ["ledger", "export", "--session", ""],
                        ["ledger", "tail", "--intent", ""], ["await", ""],
                        ["ledger", "erase", "--session", "", "--by", "a", "--reason", "b"],
                        ["review", "resolve", "", "--applied", "--by", "a", "--evidence", "b"],
                        ["call", "book", booking(), "--session", ""]):
            refused = self.run_cli(self.server, *command)
            self.assertEqual((refused.returncode, refused.stdout), (1, ""), command)
            self.assertIn("is empty", refused.stderr)

    def test_what_could_not_be_written_is_no_success(self):
        self.start(books())
        self.call("book", booking(), "--session", "s")
        with open("/dev/full", "wb") as full:
            for command in (["ledger", "list", "--json"], ["ledger", "export"], ["version"]):
                cut = subprocess.run(
                    [ONETAKE, "--server", self.server.address, *command], stdout=full,
                    stderr=subprocess.PIPE, text=True, timeout=60, check=False)
                self.assertEqual(cut.returncode, 9, command)
                self.assertIn("standard output cannot be written to", cut.stderr)

    def test_errors_name_flags_and_commands(self):
        self.start(books())
        for command, said in (
                (["ledger", "list", "--id", "abc"], "--id: must have at least 4"),
                (["ledger", "export", "--kind", "intents", "--resume", "r17"], "--resume: "),
                (["ledger", "list", "--output", "xml"], "must be one of table|jsonl|csv"),
                (["ledger", "list", "--output", "2"], "must be one of table|jsonl|csv"),
                (["ledger", "export", "--kind", "1"], "must be one of events|calls|intents"),
                (["call", "book", booking()], "--session: "),
                (["frobnicate"], "onetake: frobnicate is not a command; there are call, await"),
                (["ledger", "lst"], "onetake ledger: lst is not a command; did you mean list?"),
                (["ledger"], "onetake ledger: a command is missing, one of list, show")):
            refused = self.run_cli(self.server, *command)
            self.assertEqual((refused.returncode, refused.stdout), (1, ""), command)
            self.assertIn(said, refused.stderr)

    def test_a_server_is_a_host_and_a_port_or_a_socket(self):
        for address in ("127.0.0.1", "localhost", "::1", "[::1]", "127.0.0.1:0", "host:99999",
                        ":7171", "127.0.0.1:http"):
            refused = subprocess.run([ONETAKE, "--server", address, "ledger", "list"], text=True,
                                     capture_output=True, check=False, timeout=60)
            self.assertEqual(refused.returncode, 1, address)
            self.assertIn("must be HOST:PORT, e.g. 127.0.0.1:7171", refused.stderr)

    def test_only_a_call_is_told_what_no_answer_says_of_a_write(self):
        self.start(books())
        self.server.stop()
        for command, lectured in ((["call", "book", booking(), "--session", "s"], True),
                                  (["tools", "list"], False), (["ledger", "list"], False)):
            gone = self.run_cli(self.server, *command)
            self.assertEqual(gone.returncode, 2)
            self.assertEqual("run the same command again" in gone.stderr, lectured, command)

    def test_a_configuration_is_checked_with_what_it_names(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            config = path / "onetake.yaml"

            def check(text):
                config.write_text("ledger: { path: l.db }\naccess: open\n" + text)
                return subprocess.run([ONETAKE, "config", "check", str(config)], text=True,
                                      capture_output=True, check=False, timeout=60)

            bad = check("tools: [t]\nmetrics: { listen: '127.0.0.1:7171' }\n")
            self.assertEqual(bad.returncode, 8)
            self.assertIn("metrics.listen: is the port of listen", bad.stderr)
            missing = check("tools: [t]\n")
            self.assertEqual((missing.returncode, missing.stdout), (8, ""))
            self.assertIn(f"{config}: tools: {path / 't'} is not a folder", missing.stderr)
            (path / "t").mkdir()
            warned = check("tools: [t]\nintent_key: { env: ONETAKE_TEST_UNSET }\n")
            self.assertEqual(warned.returncode, 0, warned.stderr)
            self.assertIn("warning: intent_key: the variable ONETAKE_TEST_UNSET", warned.stderr)
            self.assertIn("good", warned.stdout)
            for text, said in ((None, "cannot be read"), ("no PEM", "certificate")):
                if text is not None:
                    (path / "ca.pem").write_text(text)
                plugin = check("tools: [t]\nplugins: { crm: { address: 'crm.example.com:443',"
                               " tls: { ca_file: ca.pem } } }\n")
                self.assertEqual(plugin.returncode, 8, plugin.stdout)
                self.assertIn(f"{config}: plugins.crm: tls.ca_file: ", plugin.stderr)
                self.assertIn(said, plugin.stderr)
            (path / "ca.pem").unlink()
            self.assertEqual(sorted(os.listdir(folder)), ["onetake.yaml", "t"], "makes nothing")
        as_folder = subprocess.run([ONETAKE, "config", "check", "/tmp"], text=True,
                                   capture_output=True, check=False, timeout=60)
        self.assertEqual(as_folder.returncode, 8)
        self.assertIn("/tmp: cannot be read: it is a folder", as_folder.stderr)

    def test_a_folder_in_the_place_of_a_file_is_told_in_our_words(self):
        for command in (["--token-file", "/tmp", "ledger", "list"],
                        ["--ca", "/tmp", "tools", "list"],
                        ["tools", "import", "openapi", "/tmp"],
                        ["ledger", "check-proof", "/tmp", "--public-key", "/tmp"]):
            refused = subprocess.run([ONETAKE, *command], text=True, capture_output=True,
                                     check=False, timeout=60)
            self.assertIn(refused.returncode, (1, 7), command)
            self.assertIn("/tmp", refused.stderr)
            self.assertNotIn("basic_", refused.stderr)

    def test_list_has_no_values_and_show_has_them(self):
        self.start(books())
        self.run_ok("call", "book", booking(patient="p-77"), "--session", "call-17",
                    "--tool-call-id", "tc-1", "--turn", "t-1")
        self.run_ok("call", "book", booking(patient="p-77"), "--session", "call-17",
                    "--tool-call-id", "tc-2")
        # What became of a call is recorded when it has been answered.
        listing = ("ledger", "list", "--session", "call-17", "--held-back")
        self.eventually(lambda: "SUCCEEDED" in self.run_ok(*listing), True)
        table = self.run_ok(*listing)
        self.assertNotIn("p-77", table)
        heading, row = table.splitlines()
        self.assertEqual(row.index("SUCCEEDED"), heading.index("STATE"), "columns are aligned")
        self.assertEqual(len(self.run_ok("ledger", "list", "--state", "review").splitlines()), 1)
        self.assertEqual(len(self.run_ok("ledger", "list", "--since", "1h").splitlines()), 2)
        self.assertEqual(len(self.run_ok("ledger", "list", "--until", "1h").splitlines()), 1)
        listed = json.loads(self.run_ok("ledger", "list", "--json"))
        intent_id = listed["intents"][0]["intent"]["id"]
        shown = self.run_ok("ledger", "show", "--unseal", intent_id[:8])
        self.assertIn("p-77", shown)
        order = [shown.index(text) for text in
                 ("tc-1 opened", "IN_FLIGHT", "attempt  1 begins", "1 ends: HTTP 201",
                  "IN_FLIGHT -> SUCCEEDED", "tc-1 DONE", "tc-2 replayed", "tc-2 DONE")]
        self.assertEqual(order, sorted(order), shown)
        self.run_ok("ledger", "show", "ffff" + intent_id, code=7)

    def test_tail_shows_the_last_events(self):
        self.start(books())
        for number in range(3):
            self.run_ok("call", "book", booking(patient=f"p-{number}"), "--session", f"s-{number}")
        lines = self.run_ok("ledger", "tail", "-n", "2").splitlines()
        self.assertEqual(len(lines), 2)
        self.assertIn("IN_FLIGHT -> SUCCEEDED", lines[1])
        self.assertNotIn("p-2", "\n".join(lines))
        events = self.run_ok("ledger", "tail", "--session", "s-1", "--json").splitlines()
        seqs = [int(json.loads(line)["seq"]) for line in events]
        self.assertEqual(seqs, [seqs[0], seqs[0] + 1])

    def test_tail_follows(self):
        self.start(books())
        self.run_ok("call", "book", booking(), "--session", "s")
        tail = subprocess.Popen([ONETAKE, "--server", self.server.address, "ledger", "tail", "-f"],
                                stdout=subprocess.PIPE, text=True)
        self.addCleanup(tail.stdout.close)
        self.addCleanup(tail.wait)
        self.addCleanup(tail.kill)
        seen = [tail.stdout.readline() for _ in range(2)]
        self.run_ok("call", "book", booking(patient="p-2"), "--session", "s")
        seen += [tail.stdout.readline() for _ in range(2)]
        seqs = [int(line.split()[0]) for line in seen]
        self.assertEqual(seqs, sorted(set(seqs)))
        self.assertEqual(seqs[0], 1)

    def test_tools_are_listed_shown_and_exported(self):
        self.start(books())
        self.assertIn("book_keyed", self.run_ok("tools", "list"))
        shown = self.run_ok("tools", "show", "book_keyed")
        self.assertIn("KEYED", shown)
        self.assertIn('"slot"', shown)
        exported = json.loads(self.run_ok("tools", "show", "find", "--format", "anthropic"))
        self.assertEqual(exported[0]["name"], "find")
        self.run_ok("tools", "show", "nope", code=7)

    def test_lint_needs_no_server_and_tells_all_faults(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            (path / "good.yaml").write_text(
                "name: find\ndescription: Finds.\neffect: READ\nparameters: { type: object }\n"
                "http: { method: GET, url: 'http://127.0.0.1:1/x' }\n")
            result = subprocess.run([ONETAKE, "tools", "lint", folder], capture_output=True,
                                    text=True, check=False, timeout=60)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            (path / "bad.yaml").write_text("name: 1bad\nefect: WRITE\n")
            result = subprocess.run([ONETAKE, "tools", "lint", folder, "--json"],
                                    capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual(result.returncode, 8)
            faults = json.loads(result.stdout)
            self.assertGreaterEqual(len([f for f in faults if f["severity"] == "error"]), 2)
            self.assertTrue(all(f["file"].endswith("bad.yaml") for f in faults
                                if f["severity"] == "error"))
