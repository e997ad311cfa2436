"""Starts onetaked with one MCP server, "crm", and manifests of its tools."""

import json
import pathlib
import sys
import tempfile

from harness import E2eTest, Onetaked
from mcp_server import TOOLS, McpServer, digest, recorded

SERVER = pathlib.Path(__file__).with_name("mcp_server.py")

_WRITE = """
name: %(name)s
description: Books a slot for the caller.
effect: WRITE
parameters:
  type: object
  additionalProperties: false
  required: [slot, patient]
  properties:
    slot: { type: string }
    patient: { type: string }
    note: { type: string }
intent: { identity: { slot: verbatim, patient: verbatim }, ignored: [note] }
safety: %(safety)s
timeouts: { patience: 5s, attempt: %(attempt)s, floor: 100ms, ceiling: 30s }
retries: { attempts: 4, total: 30s, base: 20ms, cap: 100ms }
mcp: { server: crm, tool: book, reviewed: "%(reviewed)s"%(rules)s }
"""

_READ = """
name: find
description: Finds the bookings of a slot.
effect: READ
parameters: { type: object, properties: { slot: { type: string } } }
timeouts: { patience: 3s, attempt: 1s, floor: 100ms }
retries: { attempts: 2, base: 20ms, cap: 50ms, total: 3s }
mcp: { server: crm, reviewed: "%s" }
"""


_SAFETIES = {
    "book": "{}",
    "book_keyed": "{ keyed: { mcp_meta: com.example/key, retention: 1h } }",
    "book_probed": "{ probe: { tool: find, args: { slot: $.slot }, applied_if: '$.found[0]',"
                   " ours: { $.patient: $.patient }, settle_after: 100ms, interval: 200ms } }",
}


def tools(attempt="2s", rules="", reviewed=None):
    """book: WRITE NONE; book_keyed: KEYED; book_probed: PROBED; find: READ."""
    write = {"attempt": attempt, "rules": rules, "reviewed": reviewed or digest(TOOLS["book"])}
    files = {f"{name}.yaml": _WRITE % {**write, "name": name, "safety": safety}
             for name, safety in _SAFETIES.items()}
    files["find.yaml"] = _READ % digest(TOOLS["find"])
    return files


class McpE2e(E2eTest):
    def start(self, era, *faults, on_listen=None, **manifest):
        """The server over HTTP."""
        self.mcp = self.enter_context(McpServer(era, faults))
        self.mcp.on_listen = on_listen
        self.start_spec({"url": self.mcp.url}, tools(**manifest))

    def start_stdio(self, era, *faults, **manifest):
        """The server as a program; `records` tells what it did."""
        folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
        self.effects = folder / "effects"
        self.down = folder / "down"  # while it is there the program does not start
        self.start_spec({"command": [
            "sh", "-c", "test ! -e $0 && exec \"$@\"", str(self.down), sys.executable, "-B",
            str(SERVER), era, str(self.effects), *faults]}, tools(**manifest))

    def start_spec(self, spec, manifests):
        """`spec`: what onetake.yaml says of the server."""
        self.server = self.enter_context(
            Onetaked("", tools=manifests, config=f"mcp_servers: {{ crm: {json.dumps(spec)} }}\n"))
        self.api = self.server.api()

    def records(self, name):
        return recorded(self.effects, name)

    def book(self, tool="book", slot="2 pm", **more):
        arguments = json.dumps({"slot": slot, "patient": "p-1"})
        return self.api.execute(tool, arguments, session_id="s", **more)

    def assert_disposition(self, answer, expected):
        self.assertEqual(self.api.disposition(answer), expected, answer)
