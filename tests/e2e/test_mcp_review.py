"""`onetake tools import mcp`: manifests for review, and a server that changes a reviewed tool."""

import os
import pathlib
import subprocess
import sys
import tempfile

from harness import ONETAKE, Onetaked
from mcp_harness import SERVER, McpE2e
from mcp_server import LEGACY, MODERN, McpServer, digest


class McpReviewTest(McpE2e):
    def setUp(self):
        self.folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
        self.tools = self.folder / "tools.d"

    def run_import(self, *flags, server="crm", code=0, reached=(), environment=None):
        """What it prints. `reached`: how, if not by the address of self.mcp."""
        result = subprocess.run(
            [ONETAKE, "tools", "import", "mcp", *(reached or ("--url", self.mcp.url)),
             "--server", server, "--out", str(self.tools), *flags],
            capture_output=True, text=True, check=False, timeout=60,
            env={**os.environ, **(environment or {})})
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout + result.stderr

    def start_imported(self, era):
        self.mcp = self.enter_context(McpServer(era))
        self.run_import()
        self.server = self.enter_context(Onetaked(
            "", config=f"mcp_servers: {{ crm: {{ url: \"{self.mcp.url}\" }} }}\n",
            tool_folders=[self.tools]))
        self.api = self.server.api()

    def test_a_manifest_of_another_server_is_not_taken_for_its_own(self):
        self.mcp = self.enter_context(McpServer(MODERN))
        self.run_import()
        before = {path: path.read_bytes() for path in self.tools.iterdir()}
        told = self.run_import("--accept", server="files", code=3)
        self.assertRegex(told, r"book +WRITE NONE +in the way")
        self.assertIn("book.yaml is of mcp.server crm", told)
        self.assertEqual({path: path.read_bytes() for path in self.tools.iterdir()}, before)
        (self.tools / "find.yaml").write_text("name: find\neffect: READ\nhttp: { method: GET }\n")
        told = self.run_import(code=3)
        self.assertRegex(told, r"find +READ +in the way")
        self.assertRegex(told, r"book +WRITE NONE +unchanged")

    def change(self):
        """A field more; and what is in force is asked for again."""
        properties = self.mcp.tools["book"]["inputSchema"]["properties"]
        properties["deposit"] = {"type": "number"}
        self.mcp.tools["book"]["annotations"] = {"destructiveHint": True}

    def test_a_digest_in_a_description_is_not_the_reviewed_one(self):
        self.mcp = self.enter_context(McpServer(MODERN))
        book = self.mcp.tools["book"]
        self.change()
        told = f"Books a slot; its checksum is {digest(book)}, or sha256:{'0' * 64}."
        book["description"] = told
        del book["inputSchema"]["properties"]["deposit"]
        self.run_import()
        path = self.tools / "book.yaml"
        path.write_text(f"# {digest(book)}\n" + path.read_text())
        before = path.read_text()
        reviewed = digest(book)
        self.change()
        self.assertIn(digest(book), told)
        self.assertRegex(self.run_import(code=3), r"book +WRITE NONE +changed")
        self.assertRegex(self.run_import("--accept"), r"book +WRITE NONE +accepted")
        self.assertEqual(path.read_text(),
                         digest(book).join(before.rsplit(reviewed, 1)), "nothing else is changed")
        self.assertRegex(self.run_import(), r"book +WRITE NONE +unchanged")

    def test_a_program_gets_the_variables_it_needs_and_is_spoken_to_as_told(self):
        heard = self.folder / "heard"
        program = self.folder / "serve"
        program.write_text(f"""#!/bin/sh
test "$CRM_TOKEN" = secret || exit 1
tee {heard} | {sys.executable} -B {SERVER} {LEGACY} {self.folder / 'effects'}
""")
        program.chmod(0o755)
        reached = ("--command", str(program))
        told = self.run_import("--pass-env", "CRM_TOKEN", reached=reached, code=1)
        self.assertIn("CRM_TOKEN is not set", told)
        told = self.run_import("--pass-env", "CRM_TOKEN", "--era", "legacy", reached=reached,
                               environment={"CRM_TOKEN": "secret"})
        self.assertRegex(told, r"book +WRITE NONE +proposed")
        self.assertIn('"initialize"', heard.read_text().splitlines()[0])

    def test_what_is_imported_runs_and_its_classes_are_the_cautious_ones(self):
        self.start_imported(MODERN)
        self.assertIn("effect: READ", (self.tools / "find.yaml").read_text())
        self.assertIn("natural: true", (self.tools / "tidy.yaml").read_text())
        book = (self.tools / "book.yaml").read_text()
        self.assertIn("effect: WRITE", book)
        self.assertNotIn("natural", book.replace("# ", ""))
        self.assert_disposition(self.book(), "DONE")
        self.assertRegex(self.run_import(), r"book +WRITE NONE +unchanged")

    def test_a_changed_tool_is_refused_until_it_is_accepted(self):
        for era in (MODERN, LEGACY):
            with self.subTest(era):
                self.tools = self.folder / era
                self.start_imported(era)
                self.assert_disposition(self.book(), "DONE")
                self.change()
                # A new list comes with the next connection.
                self.server.stop()
                self.server.start()
                self.api = self.server.api()
                refused = self.book(slot="3 pm")
                self.assert_disposition(refused, "REJECTED")
                self.assertIn("onetake tools import mcp", refused.result_json)
                self.server.wait_for_event("mcp.tool_changed")
                self.assert_disposition(self.api.execute("find", "{}", session_id="s"), "DONE")
                self.assertEqual(len(self.mcp.calls()), 2)
                self.check_difference_and_accept()
                self.assert_disposition(self.book(slot="3 pm"), "DONE")

    def check_difference_and_accept(self):
        before = (self.tools / "book.yaml").read_text()
        told = self.run_import(code=3)
        self.assertRegex(told, r"book +WRITE NONE +changed")
        self.assertRegex(told, r"find +READ +unchanged")
        for word in ('+ /inputSchema/properties/deposit {"type":"number"}',
                     '+ /annotations {"destructiveHint":true}', "--accept"):
            self.assertIn(word, told)
        self.assertEqual((self.tools / "book.yaml").read_text(), before, "it only shows")
        self.assertRegex(self.run_import("--accept"), r"book +WRITE NONE +accepted")
        self.server.wait_for_event("catalog.reloaded")
        self.run_import()
        after = (self.tools / "book.yaml").read_text().splitlines()
        changed = [new for old, new in zip(before.splitlines(), after) if old != new]
        self.assertEqual(len(changed), 1, "its author's words stay")
        self.assertIn("reviewed:", changed[0])
