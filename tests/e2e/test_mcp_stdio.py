"""Tools of an MCP server that is a program, and dies in the middle of a write."""

import json

from mcp_harness import McpE2e
from mcp_server import LEGACY, MODERN

ERAS = (MODERN, LEGACY)


class McpStdioTest(McpE2e):
    def assert_goes_on(self):
        """There is another program, and it is called."""
        self.assert_disposition(self.book(slot="3 pm", patience_ms=20_000), "DONE")
        self.assertGreaterEqual(len(self.records("started")), 2)
        self.eventually(
            lambda: len(self.server.events("child.started")) - len(self.records("started")), 0)
        found = self.api.execute("find", "{}", session_id="s")
        self.assertEqual([entry["slot"] for entry in json.loads(found.result_json)["found"]],
                         ["2 pm", "3 pm"])

    def test_books_once_and_answers_a_ping_meanwhile(self):
        for era in ERAS:
            with self.subTest(era):
                self.start_stdio(era, "ping")
                answer = self.book(patience_ms=20_000)
                self.assert_disposition(answer, "DONE")
                [booked] = self.records("booked")
                self.assertEqual(booked["_meta"]["dev.onetake/intentKey"], answer.intent.key)
                self.assertEqual([pong["result"] for pong in self.records("pong")], [{}])

    def test_a_program_that_ends_at_whatever_comes_before_the_handshake_is_greeted_by_it(self):
        self.start_stdio(LEGACY, "strict")
        self.assert_disposition(self.book(patience_ms=20_000), "DONE")
        self.assertEqual(len(self.records("started")), 2)
        self.assertEqual(len(self.records("booked")), 1)

    def test_it_is_not_killed_when_onetaked_stops(self):
        # It has two seconds to end. A machine may stand still for them, but not each time.
        for _ in range(3):
            self.start_stdio(MODERN)
            self.assert_disposition(self.book(patience_ms=20_000), "DONE")
            self.assertEqual(self.server.stop(), 0)
            if self.records("ended") == self.records("started"):
                break
        self.assertEqual(self.records("ended"), self.records("started"))

    def test_a_write_that_nothing_protects_goes_to_a_person(self):
        for era in ERAS:
            with self.subTest(era):
                self.start_stdio(era, "die")
                self.assert_disposition(self.book(patience_ms=20_000), "NEEDS_REVIEW")
                self.assert_disposition(self.book(tool_call_id="tc-2"), "NEEDS_REVIEW")
                self.assertEqual(len(self.records("called")), 1)
                self.assert_goes_on()

    def test_a_keyed_write_is_done_by_the_same_key_in_the_next_program(self):
        for era in ERAS:
            with self.subTest(era):
                self.start_stdio(era, "die", "die")
                answer = self.book("book_keyed", patience_ms=20_000)
                self.assert_disposition(answer, "DONE")
                self.assertEqual(json.loads(answer.result_json), {"id": 1})
                keys = [call["_meta"]["com.example/key"] for call in self.records("called")]
                self.assertEqual(keys, [answer.intent.key] * 3)
                self.assertEqual(len(self.records("booked")), 1)
                self.assert_goes_on()

    def test_a_probed_write_is_looked_up_in_the_next_program(self):
        for era in ERAS:
            with self.subTest(era):
                self.start_stdio(era, "die")
                self.assert_disposition(self.book("book_probed", patience_ms=20_000), "DONE")
                self.assertEqual(len(self.records("called")), 1)
                self.assert_goes_on()

    def test_an_outage_that_outlives_the_attempts_costs_none(self):
        """An attempt takes 300 ms, there are four; the program is away for five starts."""
        for tool, least in (("book_keyed", 2), ("book_probed", 1)):
            with self.subTest(tool):
                self.start_stdio(MODERN, "die", attempt="300ms")
                self.server.wait_for_event("mcp.ready")
                self.down.touch()
                answer = self.book(tool, patience_ms=200)
                self.assertIn(self.api.disposition(answer), ("UNCERTAIN", "PENDING"))
                self.eventually(lambda: len(self.server.events("child.down")) >= 5, True)
                self.down.unlink()
                answer = self.book(tool, tool_call_id="tc-2", patience_ms=20_000)
                self.assert_disposition(answer, "DONE")
                # An outage that cost attempts would leave none. When it is back, one may time out.
                self.assertGreaterEqual(answer.intent.attempts, least)
                self.assertLess(answer.intent.attempts, 4)
                self.assertEqual(len(self.records("booked")), 1)

    def test_a_probe_that_finds_nothing_lets_it_be_sent_again(self):
        self.start_stdio(MODERN, "die_before")
        answer = self.book("book_probed", patience_ms=20_000)
        self.assert_disposition(answer, "DONE")
        self.assertEqual(len(self.records("called")), 2)
        self.assertEqual(len(self.records("booked")), 1)
        self.assert_goes_on()

    def test_a_write_in_time_out_is_not_cancelled(self):
        self.start_stdio(LEGACY, "silent", attempt="1s")
        self.assert_disposition(self.book(patience_ms=20_000), "NEEDS_REVIEW")
        self.assert_disposition(self.book(slot="3 pm"), "DONE")
        self.assertEqual(self.records("cancelled"), [])
        self.assertEqual(len(self.records("started")), 1)
