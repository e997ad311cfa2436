"""Tools of MCP servers over HTTP, in both eras."""

import json
import time

from mcp_harness import McpE2e
from mcp_server import LEGACY, MODERN

ERAS = (MODERN, LEGACY)


class McpTest(McpE2e):
    def test_books_once_and_passes_the_key_on(self):
        for era in ERAS:
            with self.subTest(era):
                self.start(era)
                answer = self.book("book_keyed")
                self.assert_disposition(answer, "DONE")
                self.assertEqual(json.loads(answer.result_json), {"id": 1})
                [params] = self.mcp.effects
                self.assertEqual(params["name"], "book")
                self.assertEqual(params["arguments"], {"slot": "2 pm", "patient": "p-1"})
                key = answer.intent.key
                self.assertEqual(params["_meta"]["dev.onetake/intentKey"], key)
                self.assertEqual(params["_meta"]["com.example/key"], key)
                again = self.book("book_keyed", tool_call_id="tc-2")
                self.assertTrue(again.replayed)
                self.assertEqual(len(self.mcp.effects), 1)

    def test_the_modern_era_has_its_headers_and_no_session(self):
        self.start(MODERN)
        self.assert_disposition(self.book(), "DONE")
        [(_, headers, params)] = self.mcp.calls()
        self.assertEqual(headers["mcp-protocol-version"], MODERN)
        self.assertEqual(headers["mcp-method"], "tools/call")
        self.assertEqual(headers["mcp-name"], "book")
        self.assertEqual(headers["mcp-param-patient"], "p-1")
        self.assertNotIn("mcp-session-id", headers)
        self.assertIn("io.modelcontextprotocol/tasks", params["_meta"][
            "io.modelcontextprotocol/clientCapabilities"]["extensions"])

    def test_the_handshake_has_a_session(self):
        self.start(LEGACY)
        self.assert_disposition(self.book(), "DONE")
        [(_, headers, _)] = self.mcp.calls()
        self.assertEqual(headers["mcp-protocol-version"], LEGACY)
        self.assertEqual(headers["mcp-session-id"], "s-1")
        self.assertIn("notifications/initialized", [entry[0] for entry in self.mcp.asked])

    def test_a_broken_stream_leaves_a_write_unknown_and_is_not_sent_again(self):
        for era in ERAS:
            for fault in ("cut", "reset", "status_500", "internal_error"):
                with self.subTest(era=era, fault=fault):
                    self.start(era, fault)
                    self.assert_disposition(self.book(), "NEEDS_REVIEW")
                    self.assert_disposition(self.book(tool_call_id="tc-2"), "NEEDS_REVIEW")
                    self.assertEqual(len(self.mcp.effects), 1)

    def test_a_keyed_write_goes_again_with_the_same_key_and_another_id(self):
        for era in ERAS:
            with self.subTest(era):
                self.start(era, "cut", "reset")
                answer = self.book("book_keyed", patience_ms=10_000)
                self.assert_disposition(answer, "DONE")
                keys = {params["_meta"]["dev.onetake/intentKey"] for params in self.mcp.effects}
                self.assertEqual(keys, {answer.intent.key})
                self.assertEqual(len(self.mcp.effects), 3)

    def test_a_stream_of_the_handshake_is_taken_up_again(self):
        self.start(LEGACY, "resume")
        self.assert_disposition(self.book(), "DONE")
        self.assertEqual(self.mcp.resumed, ["e-1"])
        self.assertEqual(len(self.mcp.effects), 1)

    def test_a_write_whose_stream_the_server_forgot_is_not_sent_again(self):
        self.start(LEGACY, "forget")
        self.assert_disposition(self.book(), "NEEDS_REVIEW")
        self.assertEqual(self.mcp.resumed, ["e-1"])
        self.assertEqual(len(self.mcp.effects), 1)
        # By a new session.
        self.assert_disposition(self.book(slot="3 pm"), "DONE")
        self.assertEqual(self.mcp.sessions, 2)

    def test_a_server_that_breaks_its_stream_off_is_asked_ever_less_often(self):
        asked = []

        def breaks_off(server, connection):
            asked.append(time.monotonic())
            server.stream(connection, ["id: 1\nretry: 0\n\n"])
            connection.close()

        self.start(LEGACY, on_listen=breaks_off)
        self.assert_disposition(self.book(), "DONE")
        self.eventually(lambda: len(asked) >= 4, True)
        # The first time as it asks; a machine that is slow makes the others only longer.
        self.assertGreater(asked[2] - asked[1], 0.9)
        self.assertGreater(asked[3] - asked[2], 1.9)

    def test_a_session_that_is_over_is_begun_anew(self):
        self.start(LEGACY, "session_over")
        self.assert_disposition(self.book(patience_ms=10_000), "DONE")
        self.assertEqual(self.mcp.sessions, 2)
        self.assertEqual(len(self.mcp.effects), 1)

    def test_a_write_in_time_out_is_not_cancelled_and_a_read_is(self):
        self.start(LEGACY, "stall", attempt="300ms")
        self.assert_disposition(self.book(), "NEEDS_REVIEW")
        self.assertFalse(self.mcp.cancelled.is_set())
        self.mcp.faults = ["stall", "stall"]
        self.assert_disposition(self.api.execute("find", "{}", session_id="s",
                                                 patience_ms=20_000), "FAILED")
        self.assertTrue(self.mcp.cancelled.wait(60))

    def test_is_error_without_a_rule_is_ambiguous(self):
        for era in ERAS:
            with self.subTest(era):
                self.start(era, "is_error")
                self.assert_disposition(self.book(), "NEEDS_REVIEW")

    def test_is_error_is_read_by_the_manifest(self):
        for rules in (", is_error: rejected",
                      ', errors: [{ contains: "slot taken", is: rejected }]',
                      ", errors: [{ path: $.structuredContent.code, equals: taken,"
                      " is: rejected }]"):
            with self.subTest(rules):
                self.start(MODERN, "is_error", rules=rules)
                answer = self.book()
                self.assert_disposition(answer, "REJECTED")
                self.assertIn("slot taken", answer.result_json)

    def test_invalid_params_is_a_refusal_only_by_the_manifest(self):
        for era in ERAS:
            with self.subTest(era):
                self.start(era, "invalid_params")
                self.assert_disposition(self.book(), "NEEDS_REVIEW")
                self.assert_disposition(self.book(tool_call_id="tc-2"), "NEEDS_REVIEW")
                self.assertEqual(len(self.mcp.effects), 1)
        self.start(MODERN, "invalid_params",
                   rules=", errors: [{ path: $.error.code, equals: -32602, is: rejected }]")
        self.assert_disposition(self.book(), "REJECTED")

    def test_a_question_to_the_user_is_a_refusal_with_the_question(self):
        self.start(MODERN, "asks")
        answer = self.book()
        self.assert_disposition(answer, "REJECTED")
        self.assertIn("Are you sure?", answer.result_json)
        self.assertEqual(self.mcp.effects, [])

    def test_a_task_is_followed_to_its_end(self):
        self.start(MODERN, "task", attempt="10s")
        answer = self.book(patience_ms=10_000)
        self.assert_disposition(answer, "DONE")
        self.assertEqual(json.loads(answer.result_json), {"id": 1})
        self.assertEqual(len(self.mcp.effects), 1)

    def test_a_changed_tool_is_refused_until_it_is_reviewed(self):
        self.start(MODERN, reviewed="sha256:" + "0" * 64)
        answer = self.book()
        self.assert_disposition(answer, "REJECTED")
        self.assertIn("onetake tools import mcp", answer.result_json)
        self.assertEqual(self.mcp.calls(), [])
        self.server.wait_for_event("mcp.tool_changed")
        # Others go on.
        self.assert_disposition(self.api.execute("find", "{}", session_id="s"), "DONE")

    def test_a_server_that_is_not_there_is_no_effect(self):
        self.start(MODERN)
        self.mcp.__exit__()
        self.assert_disposition(self.book(patience_ms=20_000), "REJECTED")

    def test_a_read_takes_progress_and_an_event_stream(self):
        self.start(MODERN, "stream")
        self.assert_disposition(self.api.execute("find", "{}", session_id="s"), "DONE")
