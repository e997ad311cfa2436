"""Tools of gRPC plugins: the templates as they are, and a plugin that misbehaves."""

import json
import os
import pathlib
import shutil
import subprocess

from harness import ONETAKED, Onetaked, ROOT
from plugin_harness import ADD, KEYED, LIST, PROBED, PYTHON, PluginE2e, TEMPLATES, note
from session import Session

CPP_PLUGIN = os.environ.get("CPP_PLUGIN",
                            str(ROOT / "build/test/tools/grpc/templates/cpp/onetake_notes_plugin"))
# Where scripts/test has installed what the Node template needs.
NODE_MODULES = ROOT / "build" / "node_template" / "node_modules"
NODE_ENVIRONMENT = {"ONETAKE_PROTO": str(ROOT / "proto")}

def is_alive(pid):
    """A zombie that init has not reaped yet is dead."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class PluginTest(PluginE2e):
    def start_odd(self, **options):
        server = self.start([PYTHON, ROOT / "tests/e2e/odd_plugin.py"], **options)
        server.wait_for_event("plugin.ready")
        return server

    def check_template(self, command, environment=None):
        server = self.start(command, environment=environment)
        server.wait_for_event("plugin.ready")
        with Session(self.api) as session:
            session.execute("r1", "add_note", note("call back"))
            first = session.wait_for("result", "r1").result
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
        self.assertFalse(is_alive(pid), "the plugin is ended too")

    def test_the_cpp_template(self):
        self.check_template([CPP_PLUGIN])

    def test_the_python_template(self):
        self.check_template([PYTHON, TEMPLATES / "python" / "plugin.py"])

    def node_plugin(self, edit=lambda text: text):
        """The command of the Node template, after an edit of its text."""
        node = shutil.which("node")
        if node is None or not NODE_MODULES.exists():
            self.skipTest("no node, or no @grpc/grpc-js: scripts/test installs it with npm")
        plugin = self.folder / "plugin.mjs"
        plugin.write_text(edit((TEMPLATES / "node" / "plugin.mjs").read_text()))
        (self.folder / "node_modules").symlink_to(NODE_MODULES)
        return [node, plugin]

    def test_the_node_template(self):
        self.check_template(self.node_plugin(), environment=NODE_ENVIRONMENT)

    def test_nothing_is_left_when_onetaked_is_killed(self):
        server = self.start([CPP_PLUGIN])
        server.wait_for_event("plugin.ready")
        pid = server.events("child.started")[-1]["pid"]
        server.kill()
        self.eventually(lambda: is_alive(pid), False)

    def check_killed(self, command, environment=None):
        server = self.start(command, environment=environment)
        server.wait_for_event("plugin.ready")
        first = server.events("child.started")[-1]["pid"]
        os.kill(first, 9)
        self.eventually(lambda: len(server.events("plugin.ready")), 2)
        self.assertNotEqual(server.events("child.started")[-1]["pid"], first)
        self.assertEqual(server.events("child.down")[0]["error"], "signal 9")
        self.expect(self.add("x"), "DONE")

    def test_a_plugin_that_is_killed_is_started_again(self):
        self.check_killed([CPP_PLUGIN])

    def test_a_plugin_in_python_that_is_killed_is_started_again(self):
        self.check_killed([PYTHON, TEMPLATES / "python" / "plugin.py"])

    def test_a_plugin_in_node_that_is_killed_is_started_again(self):
        self.check_killed(self.node_plugin(), environment=NODE_ENVIRONMENT)

    def test_an_exception_in_node_is_a_doubt_and_the_plugin_lives_on(self):
        add = "async add(key, text) {\n"
        throws = add + "    await null;\n    if (text === 'throw') throw new Error('s3cr3t');\n"
        server = self.start(self.node_plugin(lambda text: text.replace(add, throws)),
                            safety="{}", environment=NODE_ENVIRONMENT)
        server.wait_for_event("plugin.ready")
        self.expect(self.add("throw"), "NEEDS_REVIEW")
        self.expect(self.add("x"), "DONE")
        self.assertEqual(server.events("child.down"), [])
        self.assertIn("s3cr3t", (self.folder / "plugin.log").read_text())
        self.assertNotIn("s3cr3t", "\n".join(server.logs))

    def test_what_a_plugin_prints_does_not_end_it(self):
        server = self.start_odd(safety="{}")
        self.expect(self.add("chatty"), "DONE")
        self.expect(self.add("x"), "DONE")
        self.assertEqual(server.events("child.down"), [])

    def test_what_the_plugin_does_not_promise_is_warned_of(self):
        server = self.start_odd(environment={"PROMISES": "0"}, safety=KEYED)
        warnings = ["add_note: the manifest says keyed, the plugin does not say that it passes "
                    "the key on",
                    "list_notes: the plugin does not offer list_notes; calls are refused"]
        self.eventually(lambda: [event["error"] for event in server.events("plugin.differs")],
                        warnings)
        refused = self.api.execute("list_notes", "{}", session_id="s")
        self.expect(refused, "FAILED")

    def test_a_manifest_that_is_edited_is_held_against_the_plugin_too(self):
        server = self.start_odd(environment={"PROMISES": "0"}, safety="{}")
        missing = "list_notes: the plugin does not offer list_notes; calls are refused"
        told = lambda: [event["error"] for event in server.events("plugin.differs")]
        self.eventually(told, [missing])
        path = server.folder / "tools.d" / "add.yaml"
        draft = path.with_suffix(".draft")
        draft.write_text(ADD % (KEYED, "5s"))
        draft.rename(path)
        self.eventually(told, [
            missing, "add_note: the manifest says keyed, the plugin does not say that it passes "
                     "the key on", missing])

    def test_a_plugin_that_dies_in_a_write_leaves_an_unknown_that_its_probe_settles(self):
        server = self.start_odd(safety=PROBED)
        answer = self.add("die", patience_ms=100)
        self.assertNotEqual(self.api.disposition(answer), "DONE")
        done = self.add("die")
        self.expect(done, "DONE")
        self.assertEqual(json.loads(done.result_json)["text"], "die")
        self.assertEqual(len(self.notes()), 1)
        shown = self.run_cli(server, "ledger", "show", "--unseal", done.intent.id).stdout
        self.assertIn("LOST", shown)
        self.assertIn("R3.probe_applied", shown)
        self.eventually(lambda: len(server.events("child.started")), 2)

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
        shown = self.run_cli(server, "ledger", "show", "--unseal", answer.intent.id).stdout
        self.assertIn("NOT_SENT", shown)
        self.assertNotIn("LOST", shown)

    def test_a_plugin_that_speaks_something_else_is_refused(self):
        server = self.start([PYTHON, ROOT / "tests/e2e/odd_plugin.py"],
                            environment={"BAD_HANDSHAKE": "1"})
        server.wait_for_event("plugin.refused")
        self.assertIn("onetake-plugin 1 ADDRESS", server.events("plugin.refused")[0]["error"])

    def test_secrets_reach_the_plugin_and_nothing_else_does(self):
        got = self.folder / "got"
        spec = {"command": ["/bin/sh", "-c", f"env > {got}"],
                "environment": {"TOKEN": {"secret": {"env": "PLUGIN_TOKEN"}}}}
        server = self.server(spec)
        self.addCleanup(server.__exit__, None, None, None)
        server.start(PLUGIN_TOKEN="s3cr3t-canary", OTHER_SECRET="other-canary")
        server.wait_for_event("child.down")
        server.stop()
        self.assertIn("TOKEN=s3cr3t-canary", got.read_text())
        self.assertNotIn("other-canary", got.read_text())
        self.assertNotIn("s3cr3t-canary", "\n".join(server.logs))

    def test_a_plugin_that_is_not_configured_keeps_the_server_from_starting(self):
        server = Onetaked("http://127.0.0.1:1", tools={"add.yaml": ADD % (KEYED, "1s"),
                                                       "list.yaml": LIST})
        self.addCleanup(server.__exit__, None, None, None)
        result = subprocess.run([ONETAKED, "--config", str(server.folder / "onetake.yaml"),
                                 "--check"], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("is no plugin of onetake.yaml", result.stderr)
