"""Tools of gRPC plugins: the templates as they are, and a plugin that misbehaves."""

import json
import os
import pathlib
import subprocess
import tempfile

from harness import E2eTest, ONETAKED, Onetaked, ROOT
from session import Session

TEMPLATES = ROOT / "tools" / "grpc" / "templates"
CPP_PLUGIN = os.environ.get("CPP_PLUGIN",
                            str(ROOT / "build/test/tools/grpc/templates/cpp/onetake_notes_plugin"))
PYTHON = "/usr/bin/python3"

_ADD = """
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
_LIST = """
name: list_notes
description: The notes.
effect: READ
parameters: { type: object, additionalProperties: false }
plugin: { name: notes }
"""
PROBED = "{ probe: { plugin: true, settle_after: 0s, interval: 50ms, attempts: 20 } }"
KEYED = "{ keyed: { plugin: true, retention: 24h } }"


def note(text):
    return json.dumps({"text": text})


class PluginTest(E2eTest):
    def setUp(self):
        self.folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
        subprocess.run(["protoc", "-I", str(ROOT / "proto"), f"--python_out={self.folder}",
                        "onetake/v1/plugin.proto", "onetake/v1/runtime.proto"], check=True)

    def start(self, command, safety=KEYED, attempt="5s", environment=None):
        variables = {"PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1",
                     "NOTES_FILE": str(self.folder / "notes.json"), **(environment or {})}
        config = (f"plugins: {{ notes: {{ command: {json.dumps([str(word) for word in command])}, "
                  f"environment: {json.dumps(variables)}, "
                  f"log_file: {json.dumps(str(self.folder / 'plugin.log'))} }} }}\n")
        server = self.enter_context(Onetaked(
            "http://127.0.0.1:1", config=config,
            tools={"add.yaml": _ADD % (safety, attempt), "list.yaml": _LIST}))
        self.api = server.api()
        return server

    def expect(self, answer, disposition):
        self.assertEqual(self.api.disposition(answer), disposition, answer)

    def start_odd(self, **options):
        server = self.start([PYTHON, ROOT / "tests/e2e/odd_plugin.py"], **options)
        server.wait_for_event("plugin.ready", timeout=30)
        return server

    def notes(self):
        path = self.folder / "notes.json"
        return list(json.loads(path.read_text()).values()) if path.exists() else []

    def add(self, text, **fields):
        return self.api.execute("add_note", note(text), session_id="s", **fields)

    def check_template(self, command, environment=None):
        server = self.start(command, environment=environment)
        server.wait_for_event("plugin.ready", timeout=30)
        with Session(self.api) as session:
            session.execute("r1", "add_note", note("call back"))
            first = session.wait_for("result", "r1", timeout=20).result
            told = session.wait_for("progress", "r1").progress
        self.expect(first, "DONE")
        self.assertEqual(json.loads(first.result_json), {"id": 1, "text": "call back"})
        self.assertEqual((told.detail, told.progress, told.total), ("writing the note", 1, 2))
        again = self.add("call back")
        self.assertTrue(again.replayed)
        self.assertEqual(again.result_json, first.result_json)
        refused = self.add(" ")
        self.expect(refused, "REJECTED")
        self.assertIn("the note is empty", refused.result_json)
        listed = self.api.execute("list_notes", "{}", session_id="s")
        self.assertEqual(json.loads(listed.result_json)["notes"], [json.loads(first.result_json)])
        pid = server.events("child.started")[-1]["pid"]
        server.stop()
        self.assertFalse(pathlib.Path(f"/proc/{pid}").exists(), "the plugin is ended too")

    def test_the_cpp_template(self):
        self.check_template([CPP_PLUGIN])

    def test_the_python_template(self):
        self.check_template([PYTHON, TEMPLATES / "python" / "plugin.py"])

    def test_a_plugin_that_dies_in_a_write_leaves_an_unknown_that_its_probe_settles(self):
        server = self.start_odd(safety=PROBED)
        answer = self.add("die", patience_ms=100)
        self.assertNotEqual(self.api.disposition(answer), "DONE")
        done = self.add("die")
        self.expect(done, "DONE")
        self.assertEqual(json.loads(done.result_json)["text"], "die")
        self.assertEqual(len(self.notes()), 1)
        shown = self.run_cli(server, "ledger", "show", done.intent.id).stdout
        self.assertIn("LOST", shown)
        self.assertIn("R3.probe_applied", shown)
        self.assertEqual(len(server.events("child.started")), 2)

    def test_without_any_safety_a_person_decides(self):
        server = self.start_odd(safety="{}")
        answer = self.add("die")
        self.expect(answer, "NEEDS_REVIEW")
        self.assertEqual(len(self.notes()), 1)

    def test_a_lost_answer_of_a_plugin_that_passes_the_key_on_is_fetched_by_it(self):
        server = self.start_odd(safety=KEYED)
        for number, text in enumerate(["die", "silent", "twice"], 1):
            done = self.add(text)
            self.expect(done, "DONE")
            self.assertGreaterEqual(done.intent.attempts, 2)
            self.assertEqual(len(self.notes()), number)

    def test_a_plugin_that_hangs_is_given_up_and_others_are_served_meanwhile(self):
        server = self.start_odd(safety=PROBED, attempt="500ms")
        hanging = self.add("hang", patience_ms=50)
        self.assertNotEqual(self.api.disposition(hanging), "DONE")
        self.expect(self.add("other"), "DONE")
        done = self.add("hang")
        self.expect(done, "DONE")
        self.assertEqual(len(self.notes()), 2)

    def test_garbage_is_a_success_without_a_result_and_an_exception_is_a_doubt(self):
        server = self.start_odd(safety="{}")
        garbage = self.add("garbage")
        self.expect(garbage, "DONE")
        self.assertTrue(garbage.result_unavailable)
        raised = self.add("raise")
        self.expect(raised, "NEEDS_REVIEW")

    def test_a_plugin_that_never_starts_is_tried_again_and_its_calls_are_surely_not_sent(self):
        server = self.start(["/bin/false"])
        answer = self.add("x", patience_ms=300)
        self.assertNotEqual(self.api.disposition(answer), "UNCERTAIN")
        server.wait_for_event("child.down")
        self.eventually(lambda: len(server.events("child.down")) >= 3, True)
        shown = self.run_cli(server, "ledger", "show", answer.intent.id).stdout
        self.assertIn("NOT_SENT", shown)
        self.assertNotIn("LOST", shown)

    def test_a_plugin_that_speaks_something_else_is_refused(self):
        server = self.start([PYTHON, ROOT / "tests/e2e/odd_plugin.py"],
                            environment={"BAD_HANDSHAKE": "1"})
        server.wait_for_event("plugin.refused")
        self.assertIn("onetake-plugin 1 ADDRESS", server.events("plugin.refused")[0]["error"])

    def test_secrets_reach_the_plugin_and_nothing_else(self):
        config = ("plugins: { notes: { command: [/usr/bin/env], environment: "
                  "{ TOKEN: { secret: { env: PLUGIN_TOKEN } } }, log_file: p.log } }\n")
        server = self.enter_context(Onetaked(
            "http://127.0.0.1:1", config=config, env={"PLUGIN_TOKEN": "s3cr3t-canary"},
            tools={"add.yaml": _ADD % (KEYED, "1s"), "list.yaml": _LIST}))
        server.wait_for_event("plugin.refused")
        server.stop()
        self.assertNotIn("s3cr3t-canary", "\n".join(server.logs))

    def test_a_plugin_that_is_not_configured_keeps_the_server_from_starting(self):
        server = Onetaked("http://127.0.0.1:1", tools={"add.yaml": _ADD % (KEYED, "1s"),
                                                       "list.yaml": _LIST})
        self.addCleanup(server.__exit__, None, None, None)
        result = subprocess.run([ONETAKED, "--config", str(server.folder / "onetake.yaml"),
                                 "--check"], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("is no plugin of onetake.yaml", result.stderr)
