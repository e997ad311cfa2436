"""The intent key: behind every intent's name, so that another one would be another ledger."""

from downstream import Downstream, books
from harness import E2eTest, Onetaked, booking


class IntentKeyTest(E2eTest):
    def setUp(self):
        self.downstream = self.enter_context(Downstream(books()))

    def refused(self, server, event):
        server.launch()
        self.assertFalse(server.wait_started())
        server.wait()
        return server.events(event)[-1]["error"]

    def test_another_key_is_refused_and_the_former_one_goes_on(self):
        server = self.enter_context(Onetaked(self.downstream.url))
        server.api().execute("book", booking(), session_id="s")
        server.stop()
        key = server.folder / "onetake.key"
        former = key.read_text()
        key.write_text("another key, 32 bytes or more long")
        self.assertIn("intent_key: is not the one", self.refused(server, "ledger.refused"))
        server.arguments = ["--accept-restored"]
        self.assertIn("Put the former key back", self.refused(server, "ledger.refused"))
        server.arguments = []
        key.write_text(former)
        server.start()
        self.assertTrue(server.api().execute("book", booking(), session_id="s").replayed)
        self.assertEqual(len(self.downstream.requests), 1)

    def test_another_value_of_the_variable_is_refused(self):
        server = self.enter_context(Onetaked(self.downstream.url, env={"KEY": "k" * 32},
                                             config="intent_key: { env: KEY }\n"))
        server.stop()
        server.launch(KEY="l" * 32)
        self.assertFalse(server.wait_started())
        self.assertIn("intent_key", server.events("ledger.refused")[0]["error"])
        server.start(KEY="k" * 32)

    def test_a_first_start_that_fails_leaves_no_keys(self):
        config = "tls: { certificate: tls.crt, key: tls.key }\n"
        server = Onetaked(self.downstream.url, config=config)
        self.addCleanup(server.__exit__)
        self.refused(server, "access.refused")
        self.assertEqual(self.keys(server), [])
        # Nor one that fails when it comes to the ledger.
        text = (server.folder / "onetake.yaml").read_text().replace(config, "")
        (server.folder / "onetake.yaml").write_text(text.replace("onetake.db", "db/onetake.db"))
        self.refused(server, "ledger.refused")
        self.assertEqual(self.keys(server), [])
        (server.folder / "db").mkdir()
        server.start()
        self.assertEqual(self.keys(server), ["onetake.key", "onetake.master"])

    def test_a_ledger_that_is_moved_under_its_first_run_keeps_its_keys(self):
        server = self.enter_context(Onetaked(self.downstream.url))
        for name in ("onetake.db", "onetake.db-wal", "onetake.db-shm"):
            (server.folder / name).rename(server.folder / f"{name}.away")
        server.terminate()
        server.wait()
        self.assertEqual(self.keys(server), ["onetake.key", "onetake.master"])

    def keys(self, server):
        return sorted(path.name for path in server.folder.iterdir()
                      if path.name in ("onetake.key", "onetake.master"))
