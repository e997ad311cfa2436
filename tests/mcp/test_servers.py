"""The real servers of the protocol's authors: imported, then called through onetaked.

Run by scripts/mcp, which says where they are.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from harness import ONETAKE, E2eTest, Onetaked

NODE = os.environ["MCP_NODE"]
PACKAGES = pathlib.Path(os.environ["MCP_PACKAGES"])


def command_of(package, *arguments):
    return [NODE, str(PACKAGES / package / "dist" / "index.js"), *arguments]


class ServersTest(E2eTest):
    def import_tools(self, name, *source):
        """The folder with the proposed manifests."""
        folder = self.enter_context(tempfile.TemporaryDirectory())
        run = subprocess.run([ONETAKE, "tools", "import", "mcp", "--server", name, "--out", folder,
                              *source], capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(run.returncode, 0, run.stderr + run.stdout)
        lint = subprocess.run([ONETAKE, "tools", "lint", folder], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual(lint.returncode, 0, lint.stdout)
        again = subprocess.run([ONETAKE, "tools", "import", "mcp", "--server", name, "--out",
                                folder, *source], capture_output=True, text=True, timeout=120,
                               check=False)
        self.assertEqual(again.returncode, 0, again.stdout)
        self.assertIn("unchanged", again.stdout)
        return folder

    def start(self, name, folder, spec):
        server = self.enter_context(Onetaked(
            "", tool_folders=[folder], config=f"mcp_servers: {{ {name}: {json.dumps(spec)} }}\n"))
        server.wait_for_event("mcp.ready", timeout=60)
        return server.api()

    def call(self, api, tool, arguments, expected="DONE"):
        answer = api.execute(tool, json.dumps(arguments), session_id="s", patience_ms=20_000)
        self.assertEqual(api.disposition(answer), expected, answer)
        return answer.result_json

    def check_everything(self, spec, source):
        folder = self.import_tools("everything", *source)
        api = self.start("everything", folder, spec)
        self.assertIn("hello", self.call(api, "echo", {"message": "hello"}))
        self.assertIn("5", self.call(api, "get-sum", {"a": 2, "b": 3}))

    def test_everything_over_stdio(self):
        command = command_of("server-everything", "stdio")
        self.check_everything({"command": command}, ["--command", " ".join(command)])

    def test_everything_over_http(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        process = subprocess.Popen(command_of("server-everything", "streamableHttp"),
                                   env={**os.environ, "PORT": str(port)},
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        # It says so once it listens.
        for line in process.stderr:
            if "listening" in line:
                break
        url = f"http://127.0.0.1:{port}/mcp"
        self.check_everything({"url": url}, ["--url", url])

    def test_filesystem(self):
        data = self.enter_context(tempfile.TemporaryDirectory())
        command = command_of("server-filesystem", data)
        folder = self.import_tools("files", "--command", " ".join(command))
        api = self.start("files", folder, {"command": command})
        path = str(pathlib.Path(data) / "note.txt")
        self.call(api, "write_file", {"path": path, "content": "once"})
        self.assertEqual(pathlib.Path(path).read_text(encoding="utf-8"), "once")
        self.assertIn("once", self.call(api, "read_text_file", {"path": path}))
        # Outside of what it may see: it says isError, and a write is not known to have failed.
        self.call(api, "read_text_file", {"path": "/etc/passwd"}, "FAILED")
        self.call(api, "create_directory", {"path": "/etc/no"}, "NEEDS_REVIEW")

    def test_memory(self):
        data = self.enter_context(tempfile.TemporaryDirectory())
        command = command_of("server-memory")
        source = ["--command", " ".join(command)]
        folder = self.import_tools("memory", *source)
        api = self.start("memory", folder, {
            "command": command,
            "environment": {"MEMORY_FILE_PATH": str(pathlib.Path(data) / "memory.json")}})
        entity = {"name": "Kim", "entityType": "dentist", "observations": ["works on Tuesdays"]}
        self.call(api, "create_entities", {"entities": [entity]})
        self.assertIn("works on Tuesdays", self.call(api, "read_graph", {}))
