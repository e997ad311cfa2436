"""Tools of native plugins, in onetaked's own process and in one of their own."""

import hashlib
import json
import os
import pathlib
import tempfile

from harness import E2eTest, Onetaked, ROOT
from session import Session
from plugin_harness import ADD, KEYED, LIST, PROBED, note

BUILD = ROOT / "build" / "test"
NOTES = os.environ.get("NOTES_PLUGIN", str(BUILD / "tools/sdk/notes_plugin.so"))
ODD = os.environ.get("ODD_PLUGIN", str(BUILD / "tests/unit/libodd_native_plugin.so"))

_ODD = """
name: %s
description: Does what its name says.
effect: WRITE
parameters: { type: object, properties: { text: { type: string } } }
intent: { identity: { text: verbatim } }
timeouts: { patience: 10s, attempt: %s, floor: 100ms }
retries: { attempts: 20, base: 50ms, cap: 200ms, total: 60s }
plugin: { name: notes }
"""
_CRASH = _ODD % ("crash", "2s")
_LATE = _ODD % ("late", "500ms") + f"safety: {PROBED}\n"


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def lines(path):
    path = pathlib.Path(path)
    return len(path.read_text().splitlines()) if path.exists() else 0


class NativePluginTest(E2eTest):
    def start(self, library, isolation, tools, settings=None, threads=4):
        plugin = {"native": library, "sha256": sha256(library), "isolation": isolation,
                  "settings": settings or {}, "threads": threads}
        server = self.enter_context(Onetaked(
            "http://127.0.0.1:1", config=f"plugins: {{ notes: {json.dumps(plugin)} }}\n",
            tools=tools))
        if isolation == "process":
            server.wait_for_event("plugin.ready")
        self.api = server.api()
        return server

    def expect(self, answer, disposition):
        self.assertEqual(self.api.disposition(answer), disposition, answer)

    def test_the_example_of_the_guide_in_both_isolations(self):
        for isolation in ("threads", "process"):
            with self.subTest(isolation):
                folder = self.enter_context(tempfile.TemporaryDirectory())
                server = self.start(NOTES, isolation,
                                    {"add.yaml": ADD % (KEYED, "5s"), "list.yaml": LIST},
                                    settings={"file": f"{folder}/notes.json"})
                with Session(self.api) as session:
                    session.execute("r1", "add_note", note("call back"))
                    first = session.wait_for("result", "r1").result
                    told = session.wait_for("progress", "r1").progress
                self.expect(first, "DONE")
                self.assertEqual((told.detail, told.progress, told.total),
                                 ("writing the note", 1, 2))
                again = self.api.execute("add_note", note("call back"), session_id="s")
                self.assertTrue(again.replayed)
                stored = json.loads(pathlib.Path(folder, "notes.json").read_text())
                self.assertEqual(list(stored), [first.intent.key], "the key is passed on")
                listed = self.api.execute("list_notes", "{}", session_id="s")
                self.assertEqual(json.loads(listed.result_json)["notes"],
                                 [json.loads(first.result_json)])
                server.stop()

    def test_a_plugin_that_crashes_in_its_own_process_leaves_an_unknown(self):
        server = self.start(ODD, "process", {"crash.yaml": _CRASH})
        answer = self.api.execute("crash", note("x"), session_id="s")
        self.expect(answer, "NEEDS_REVIEW")
        self.eventually(lambda: len(server.events("plugin.ready")) >= 2, True)
        server.wait_for_event("child.down")
        self.assertIn("signal 11", server.events("child.down")[0]["error"])
        shown = self.run_cli(server, "ledger", "show", "--unseal", answer.intent.id).stdout
        self.assertIn("LOST", shown)

    def test_a_crash_in_our_process_is_a_crash_that_the_ledger_survives(self):
        server = self.start(ODD, "threads", {"crash.yaml": _CRASH})
        call = self.api.start_execute("crash", note("x"), session_id="s")
        self.assertNotEqual(server.wait_dead(20), 0)
        self.assertIsNotNone(call.exception())
        server.start()
        [intent] = server.api().list_intents().intents
        self.eventually(lambda: self.api.state(server.api().list_intents().intents[0].intent),
                        "REVIEW")
        self.assertEqual(intent.intent.attempts, 1)

    def test_no_more_threads_than_promised_are_in_the_library(self):
        """`obedient` goes on until its time is over, `echo` answers at once."""
        tools = {"o.yaml": _ODD % ("obedient", "6s"), "e.yaml": _ODD % ("echo", "2s")}
        for threads in (1, 2):
            with self.subTest(threads=threads):
                self.start(ODD, "process", tools, threads=threads)
                with Session(self.api) as session:
                    session.execute("r1", "obedient", note("x"))
                    session.wait_for("progress", "r1")
                    answer = self.api.execute("echo", note("x"), session_id="s",
                                              patience_ms=20_000)
                self.expect(answer, "DONE")
                self.assertEqual(answer.intent.attempts > 1, threads == 1, answer)

    def test_a_probe_of_the_plugin_settles_what_a_crash_left(self):
        folder = self.enter_context(tempfile.TemporaryDirectory())
        server = self.start(NOTES, "process",
                            {"add.yaml": ADD % (PROBED, "5s"), "list.yaml": LIST},
                            settings={"file": f"{folder}/notes.json"})
        server.kill()
        server.start(ONETAKE_FAILPOINT="engine.after_reply:1")
        self.eventually(lambda: len(server.events("plugin.ready")), 2)
        call = server.api().start_execute("add_note", note("x"), session_id="s")
        self.assertIsNotNone(call.exception())
        server.wait()
        server.start()
        done = server.api().execute("add_note", note("x"), session_id="s", patience_ms=20000)
        self.expect(done, "DONE")
        self.assertEqual(len(json.loads(pathlib.Path(folder, "notes.json").read_text())), 1)
        shown = self.run_cli(server, "ledger", "show", "--unseal", done.intent.id).stdout
        self.assertIn("R3.probe_applied", shown)

    def test_a_write_that_still_runs_is_not_sent_again_when_a_probe_does_not_find_it(self):
        for isolation in ("threads", "process"):
            with self.subTest(isolation):
                pipe = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory())) / "pipe"
                os.mkfifo(pipe)
                server = self.start(ODD, isolation, {"late.yaml": _LATE})
                first = self.api.execute("late", note(str(pipe)), session_id="s", patience_ms=100)
                self.assertNotEqual(self.api.disposition(first), "DONE")
                self.eventually(lambda: lines(f"{pipe}.asked") >= 3, True)
                self.assertEqual(lines(f"{pipe}.begun"), 1)
                # It is opened for reading too, so that it does not wait for the plugin.
                end = os.open(pipe, os.O_RDWR)
                self.addCleanup(os.close, end)
                done = self.api.execute("late", note(str(pipe)), session_id="s",
                                        patience_ms=20_000)
                self.expect(done, "DONE")
                self.assertEqual((lines(f"{pipe}.begun"), lines(f"{pipe}.effects")), (1, 1))
                shown = self.run_cli(server, "ledger", "show", "--unseal", done.intent.id).stdout
                self.assertIn("R3.probe_applied", shown)
                server.stop()

    def test_a_library_that_is_not_the_allowed_one_keeps_the_server_from_starting(self):
        folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
        library = folder / "notes.so"
        library.write_bytes(pathlib.Path(NOTES).read_bytes())
        plugin = {"native": str(library), "sha256": sha256(library)}
        server = Onetaked("http://127.0.0.1:1",
                          config=f"plugins: {{ notes: {json.dumps(plugin)} }}\n",
                          tools={"add.yaml": ADD % (KEYED, "5s"), "list.yaml": LIST})
        self.addCleanup(server.__exit__, None, None, None)
        with library.open("ab") as file:
            file.write(b"x")
        server.launch()
        self.assertFalse(server.wait_started())
        self.assertEqual(server.wait(), 2, "not that of an address, which would send to the ports")
        [refused] = server.events("plugin.refused")
        self.assertIn("is not the file that onetake.yaml allows", refused["error"])
