"""The contract kit, `onetake tools test`, as the author of a tool runs it in CI."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from harness import ONETAKE, ROOT, manifests
from mcp_harness import tools as mcp_tools

DENTAL = pathlib.Path(__file__).parents[2] / "tools" / "dental" / "manifests"
DENTAL_TOOLS = {"book_appointment", "cancel_appointment", "find_appointment",
                "reschedule_appointment", "search_slots"}

NOTES = os.environ.get("NOTES_PLUGIN", str(ROOT / "build/test/tools/sdk/notes_plugin.so"))
CPP_PLUGIN = os.environ.get("CPP_PLUGIN",
                            str(ROOT / "build/test/tools/grpc/templates/cpp/onetake_notes_plugin"))


class KitTest(unittest.TestCase):
    def run_kit(self, *arguments, code=0):
        # The addresses are never called: port 1 would refuse.
        env = {**os.environ, "PRACTICE_API": "http://127.0.0.1:1",
               "DOWNSTREAM": "http://127.0.0.1:1"}
        result = subprocess.run([ONETAKE, "tools", "test", *map(str, arguments)], env=env,
                                capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def test_the_demos_own_tools_keep_the_contract(self):
        for kind in ("keyed", "probed", "none"):
            with self.subTest(kind):
                rows = json.loads(self.run_kit(DENTAL / "common", DENTAL / kind, "--json").stdout)
                self.assertEqual({row["tool"] for row in rows}, DENTAL_TOOLS)
                verdicts = {(row["tool"], row["check"]): row["verdict"] for row in rows}
                self.assertEqual(verdicts["book_appointment", "far.connect_refused"], "pass")
                self.assertEqual(verdicts["book_appointment", "key.passed_on"],
                                 "pass" if kind == "keyed" else "skip")
                self.assertEqual(verdicts["cancel_appointment", "request.rendered"], "pass")

    def test_what_cannot_be_tested_fails_and_says_what_is_needed(self):
        with tempfile.TemporaryDirectory() as folder:
            book = manifests()["book.yaml"].replace("{ type: string }",
                                                    '{ type: string, pattern: "^[0-9]{4}$" }')
            self.assertIn("pattern", book)
            pathlib.Path(folder, "book.yaml").write_text(book)
            failed = self.run_kit(folder, code=8)
        self.assertIn("give its schema `examples`, or arguments", failed.stdout)
        self.assertIn("(--arguments JSON)", failed.stdout)
        self.assertIn("1 failed", failed.stdout)
        self.run_kit(DENTAL / "common", DENTAL / "keyed", "--tool", "cancel_appointment",
                     "--arguments", '{"appointment_id": "7"}')
        self.run_kit(DENTAL / "common", DENTAL / "keyed", "--arguments", "{}", code=1)
        self.run_kit(DENTAL / "keyed", code=8)  # its READs are in another folder

    def test_a_folder_is_tested_whole(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in manifests().items():
                (pathlib.Path(folder) / name).write_text(text)
            table = self.run_kit(folder).stdout
        for tool in ("book", "book_keyed", "book_natural", "find"):
            self.assertIn(f"\n{tool} ", table)
        self.assertIn("0 failed", table)

    def test_tools_of_mcp_servers_keep_the_contract(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in mcp_tools(rules=", is_error: rejected").items():
                (pathlib.Path(folder) / name).write_text(text)
            rows = json.loads(self.run_kit(folder, "--json").stdout)
        verdicts = {(row["tool"], row["check"]): row["verdict"] for row in rows}
        for tool, check, verdict in (
                ("book", "key.passed_on", "pass"), ("book", "write.once", "skip"),
                ("book", "resend.none_below", "pass"), ("book_keyed", "key.passed_on", "pass"),
                ("book_keyed", "write.once", "pass"), ("find", "cancel.read_ended", "pass"),
                ("book", "cancel.write_not_cancelled", "pass")):
            self.assertEqual(verdicts[tool, check], verdict, (tool, check))

    def test_a_native_plugin_keeps_the_contract(self):
        rows = json.loads(self.run_kit("--native", NOTES, "--execute-writes", "--json").stdout)
        verdicts = {(row["tool"], row["check"]): row["verdict"] for row in rows}
        for check in ("write.succeeds", "write.once", "probe.of_nothing", "probe.of_done"):
            self.assertEqual(verdicts["add_note", check], "pass", check)
        self.assertEqual(verdicts["list_notes", "read.answers"], "pass")

    def test_writes_are_made_only_when_asked_for(self):
        with tempfile.TemporaryDirectory() as folder:
            notes = pathlib.Path(folder, "notes.json")
            settings = json.dumps({"file": str(notes)})
            self.run_kit("--native", NOTES, "--settings", settings)
            self.assertFalse(notes.exists())
            self.run_kit("--native", NOTES, "--settings", settings, "--execute-writes")
            self.assertTrue(notes.exists())

    def test_a_grpc_plugin_keeps_the_contract_and_a_manifest_may_not_promise_more(self):
        self.run_kit("--command", CPP_PLUGIN, "--execute-writes")
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "add.yaml")
            path.write_text(
                "name: add_note\ndescription: Adds.\neffect: WRITE\n"
                "parameters: { type: object, properties: { text: { type: string } },"
                " required: [text] }\n"
                "safety: { keyed: { plugin: true, retention: 48h } }\nplugin: { name: notes }\n")
            failed = self.run_kit(path, "--command", CPP_PLUGIN, "--execute-writes", code=8)
        self.assertIn("describe.key", failed.stdout)
        self.assertIn("1 failed", failed.stdout)

    def test_a_plugin_that_does_not_start_is_said(self):
        self.assertIn("test_kit.py: ", self.run_kit("--native", __file__, code=1).stderr)
        self.run_kit(code=1)
        self.run_kit("--command", "x", "--native", "y", code=1)
