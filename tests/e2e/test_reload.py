"""Manifests that change while the server runs: all or nothing, and no write changes its version."""

import json
import os
import shutil
import signal
import threading
import urllib.request

from downstream import Downstream, answers
from harness import E2eTest, Onetaked, booking, manifests

_OLD = 'url: "${DOWNSTREAM}/bookings"'
_NEW = 'url: "${DOWNSTREAM}/v2/bookings"'


class ReloadTest(E2eTest):
    def start(self, behave=answers(201, {"id": 1}), config="", **more):
        self.downstream = self.enter_context(Downstream(behave))
        self.server = self.enter_context(Onetaked(self.downstream.url, config=config, **more))
        self.tools_d = self.server.folder / "tools.d"
        self.api = self.server.api()

    def edit(self, name, old, new):
        """As editors do it: a new file, renamed over the old one."""
        path = self.tools_d / name
        text = path.read_text()
        self.assertIn(old, text)
        draft = self.tools_d / (name + "~")
        draft.write_text(text.replace(old, new))
        draft.rename(path)

    def wait_reloads(self, count):
        self.eventually(lambda: len(self.server.events("catalog.reloaded")), count)

    def versions(self):
        return {tool.name: tool.version for tool in self.api.list_tools().tools}

    def generation(self, answer):
        return self.api.get_intent(answer.intent.id).generations[-1]

    def test_an_edited_manifest_is_what_the_next_call_runs_under(self):
        self.start()
        before, listed = self.versions(), self.api.list_tools()
        first = self.api.execute("book", booking(), session_id="s1")
        self.edit("book.yaml", _OLD, _NEW)
        self.wait_reloads(1)
        second = self.api.execute("book", booking(), session_id="s2")
        self.assertEqual([request.path for request in self.downstream.requests],
                         ["/bookings", "/v2/bookings"])
        after = self.versions()
        self.assertNotEqual(after["book"], before["book"])
        self.assertEqual(after["find"], before["find"])
        self.assertNotEqual(self.api.list_tools().catalog_version, listed.catalog_version)
        self.assertEqual(self.generation(first).tool_version, before["book"])
        self.assertEqual(self.generation(second).tool_version, after["book"])
        changed = self.server.events("catalog.tool_changed")
        self.assertEqual([(line["tool"], line["version"], line["previous_version"])
                          for line in changed], [("book", after["book"], before["book"])])

    def test_a_broken_manifest_changes_nothing_and_the_log_says_where_it_is_broken(self):
        self.start(config="metrics: { listen: '127.0.0.1:0' }\n")
        address = self.server.events("metrics.started")[0]["address"]

        def figures():
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as answer:
                lines = answer.read().decode().splitlines()
            return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))

        before = self.versions()
        self.assertEqual(figures()["onetake_catalog_tools"], "4")
        loaded = float(figures()["onetake_catalog_loaded_timestamp_seconds"])
        self.edit("find.yaml", "effect: READ", "effect: PERHAPS")
        self.server.wait_for_event("catalog.reload_refused")
        said = self.server.events("manifest.diagnostic")[-1]
        self.assertEqual((said["path"], said["line"]), (str(self.tools_d / "find.yaml"), 4))
        self.assertIn("effect: ", said["error"])
        self.assertEqual(self.versions(), before)
        answer = self.api.execute("book", booking(), session_id="s1")
        self.assertEqual(self.api.disposition(answer), "DONE")
        self.assertEqual(figures()['onetake_catalog_reloads_total{result="refused"}'], "1")
        self.edit("find.yaml", "effect: PERHAPS", "effect: READ")
        self.server.wait_for_event("catalog.unchanged")
        again = float(figures()["onetake_catalog_loaded_timestamp_seconds"])
        self.assertGreaterEqual(again, loaded)
        self.assertEqual(figures()["onetake_config_reloads_refused_total"], "0")
        config = self.server.folder / "onetake.yaml"
        config.write_text(config.read_text() + "limits: { in_flight: many }\n")
        self.server.hang_up()
        self.server.wait_for_event("config.refused")
        self.assertEqual(figures()["onetake_config_reloads_refused_total"], "1")

    def test_without_a_watch_a_signal_reads_them(self):
        self.start(config="watch_tools: false\n")
        os.kill(self.server.pid, signal.SIGHUP)
        self.server.wait_for_event("catalog.unchanged")
        (self.tools_d / "look.yaml").write_text(
            manifests()["find.yaml"].replace("name: find", "name: look"))
        self.assertNotIn("look", self.versions())
        os.kill(self.server.pid, signal.SIGHUP)
        self.wait_reloads(1)
        self.assertIn("look", self.versions())
        self.assertEqual(self.server.stop(), 0)

    def test_a_configuration_with_an_error_leaves_the_manifests_as_they_were_too(self):
        self.start(config="watch_tools: false\n")
        before = self.versions()
        config = self.server.folder / "onetake.yaml"
        good = config.read_text()
        config.write_text(good + "limits: { in_flight: many }\n")
        self.edit("book.yaml", _OLD, _NEW)
        # The manifests are read in the background: each round gives that time to be seen.
        for count in range(1, 31):
            self.server.hang_up()
            self.eventually(lambda: len(self.server.events("config.refused")), count)
        config.write_text(good)
        self.server.hang_up()
        self.server.wait_for_event("config.reloaded")
        self.wait_reloads(1)
        order = [json.loads(line)["event"] for line in list(self.server.logs)]
        self.assertLess(order.index("config.reloaded"), order.index("catalog.tool_changed"))
        self.assertNotIn("catalog.unchanged", order)
        self.assertNotEqual(self.versions(), before)

    def test_a_master_key_that_cannot_be_used_leaves_all_as_it_was(self):
        self.start(config="watch_tools: false\n")
        master, away = (self.server.folder / name for name in ("onetake.master", "away"))
        master.rename(away)
        config = self.server.folder / "onetake.yaml"
        config.write_text(config.read_text() + "limits: { in_flight: 7 }\n")
        self.edit("book.yaml", _OLD, _NEW)
        self.server.hang_up()
        self.server.wait_for_event("sealing.rotation_failed")
        self.assertEqual(self.server.events("config.reloaded"), [])
        away.rename(master)
        self.server.hang_up()
        self.wait_reloads(1)
        self.eventually(lambda: len(self.server.events("config.reloaded")), 1)
        self.assertEqual(self.server.events("catalog.unchanged"), [])

    def test_tools_come_and_go(self):
        self.start()
        (self.tools_d / "look.yaml").write_text(
            manifests()["find.yaml"].replace("name: find", "name: look"))
        self.eventually(lambda: "look" in self.versions(), True)
        answer = self.api.execute("look", '{"slot":"a"}', session_id="s1")
        self.assertEqual(self.api.disposition(answer), "DONE")
        (self.tools_d / "look.yaml").unlink()
        self.eventually(lambda: "look" in self.versions(), False)
        answer = self.api.execute("look", '{"slot":"a"}', session_id="s1")
        self.assertEqual(self.api.disposition(answer), "INVALID")

    def test_a_folder_that_is_swapped_whole_is_read_anew(self):
        self.start()
        following = self.server.folder / "next"
        shutil.copytree(self.tools_d, following)
        (following / "find.yaml").unlink()
        self.tools_d.rename(self.server.folder / "old")
        following.rename(self.tools_d)
        self.eventually(lambda: "find" in self.versions(), False)

    def test_a_write_in_flight_ends_under_the_version_that_it_was_claimed_under(self):
        released = threading.Event()

        def behave(request, connection):
            released.wait(30)
            connection.reply(201, {"id": 7})

        self.start(behave, tools=manifests(attempt="25s"))
        old = self.versions()["book"]
        call = self.api.start_execute("book", booking(), session_id="s1", patience_ms=20000)
        self.downstream.wait_for(1)
        self.edit("book.yaml", _OLD, _NEW)
        self.wait_reloads(1)
        again = self.api.start_execute("book", booking(note="please"), session_id="s1",
                                       patience_ms=20000)
        released.set()
        answer, joined = call.result(), again.result()
        self.assertEqual(self.api.disposition(answer), "DONE")
        self.assertEqual(json.loads(joined.result_json), {"id": 7})
        self.assertEqual(len(self.downstream.requests), 1)
        self.assertNotEqual(self.versions()["book"], old)
        shown = self.run_cli(self.server, "ledger", "show", "--unseal", answer.intent.id)
        self.assertIn(old, shown.stdout)
        self.assertEqual(self.generation(answer).tool_version, old)

    def test_a_restart_with_another_manifest_settles_by_what_was_claimed(self):
        self.start(lambda request, connection: self.downstream.stopped.wait(30))
        call = self.api.start_execute("book", booking(), session_id="s1")
        self.downstream.wait_for(1)
        self.server.kill()
        self.assertIsNotNone(call.exception())
        self.edit("book.yaml", "safety: {}", "safety: { natural: true }")
        self.server.start()
        api = self.server.api()
        intent = api.list_intents().intents[0].intent
        self.eventually(lambda: api.state(api.get_intent(intent.id).generations[-1].summary.intent),
                        "REVIEW")
        self.assertEqual(len(self.downstream.requests), 1, "it is not sent again")
