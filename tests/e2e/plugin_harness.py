"""Starts onetaked with one plugin, "notes", and the manifests of its two tools."""

import json
import pathlib
import subprocess
import tempfile

from harness import E2eTest, Onetaked, ROOT

TEMPLATES = ROOT / "tools" / "grpc" / "templates"
PYTHON = "/usr/bin/python3"

ADD = """
name: add_note
description: Leaves a note.
effect: WRITE
parameters:
  type: object
  properties: { text: { type: string } }
  required: [text]
  additionalProperties: false
intent: { identity: { text: verbatim } }
safety: %s
timeouts: { patience: 10s, attempt: %s, floor: 100ms }
retries: { attempts: 20, total: 60s, base: 50ms, cap: 400ms }
plugin: { name: notes }
"""
LIST = """
name: list_notes
description: The notes.
effect: READ
parameters: { type: object, additionalProperties: false }
plugin: { name: notes }
"""
PROBED = "{ probe: { plugin: true, settle_after: 0s, interval: 500ms, attempts: 20 } }"
KEYED = "{ keyed: { plugin: true, retention: 24h } }"


def note(text):
    return json.dumps({"text": text})


class PluginE2e(E2eTest):
    def setUp(self):
        self.folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
        subprocess.run(["protoc", "-I", str(ROOT / "proto"), f"--python_out={self.folder}",
                        "onetake/v1/plugin.proto", "onetake/v1/runtime.proto"], check=True)

    def variables(self, **more):
        """The environment of a plugin in Python."""
        return {"PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1",
                "NOTES_FILE": str(self.folder / "notes.json"), **more}

    def start(self, command, safety=KEYED, attempt="5s", environment=None):
        return self.start_spec(
            {"command": [str(word) for word in command],
             "environment": self.variables(**(environment or {})),
             "log_file": str(self.folder / "plugin.log")}, safety, attempt)

    def start_spec(self, spec, safety=KEYED, attempt="5s"):
        """`spec`: what onetake.yaml says of the plugin."""
        server = self.enter_context(self.server(spec, safety, attempt))
        self.api = server.api()
        return server

    def server(self, spec, safety=KEYED, attempt="5s", env=None):
        return Onetaked("http://127.0.0.1:1", config=f"plugins: {{ notes: {json.dumps(spec)} }}\n",
                        # For sockets that a kill leaves behind.
                        env={"TMPDIR": str(self.folder), **(env or {})},
                        tools={"add.yaml": ADD % (safety, attempt), "list.yaml": LIST})

    def expect(self, answer, disposition):
        self.assertEqual(self.api.disposition(answer), disposition, answer)

    def notes(self):
        path = self.folder / "notes.json"
        return list(json.loads(path.read_text()).values()) if path.exists() else []

    def add(self, text, **fields):
        return self.api.execute("add_note", note(text), session_id="s", **fields)
