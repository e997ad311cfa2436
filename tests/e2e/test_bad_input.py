"""What bad input gets. In every case nothing is sent and no intent is recorded."""

import json

import grpc

from downstream import Downstream, books
from harness import E2eTest, Onetaked, booking


def nested(depth):
    return '{"note":' + "[" * depth + "]" * depth + "}"


# (name, tool, arguments, path that must be named, something the reason or expectation must say)
INVALID = [
    ("not_json", "book", "{slot: 1}", "", ""),
    ("empty_text", "book", " ", "", ""),
    ("an_array", "book", "[1]", "$", "object"),
    ("two_values", "book", "{} {}", "", ""),
    ("missing_field", "book", '{"slot": "2026-06-24T14:00:00Z"}', "", "patient"),
    ("wrong_type", "book", booking(party="two"), "$.party", "integer"),
    ("out_of_range", "book", booking(party=9), "$.party", ""),
    ("unknown_field", "book", booking(extra=1), "", "extra"),
    ("duplicate_key", "book", '{"slot":"a","slot":"b","patient":"p"}', "", "slot"),
    ("lone_surrogate", "book", booking()[:-1] + r', "note": "\ud800"}', "", ""),
    ("too_deep", "book", nested(33), "", ""),
    ("too_long", "book", booking(note="x" * 65_000), "", ""),
    ("string_too_long", "book", booking(note="x" * 33_000), "", ""),
    ("number_too_big", "book", booking()[:-1] + ', "party": 1e999}', "", ""),
    ("no_zone", "book", booking("2026-06-24T14:00:00"), "$.slot", "zone"),
    ("not_a_time", "book", booking("next Tuesday-ish"), "$.slot", ""),
    ("no_such_tool", "bok", booking(), "tool", "book"),
    ("read_with_bad_type", "find", '{"slot": 5}', "$.slot", "string"),
]

# (name, fields of the request, field that the detail must name)
REFUSED = [
    ("no_session", {"session_id": ""}, "session_id"),
    ("no_tool", {"tool": ""}, "tool"),
    ("long_tool", {"tool": "x" * 65}, "tool"),
    ("long_session", {"session_id": "x" * 129}, "session_id"),
    ("long_tool_call_id", {"tool_call_id": "x" * 129}, "tool_call_id"),
    ("long_turn_id", {"turn_id": "x" * 129}, "turn_id"),
    ("long_intent_id", {"intent_id": "x" * 129}, "intent_id"),
    ("control_character", {"session_id": "a\x1bb"}, "session_id"),
    ("negative_occurrence", {"occurrence": -1}, "occurrence"),
    ("huge_occurrence", {"occurrence": 1001, "turn_id": "t"}, "occurrence"),
    ("occurrence_without_turn", {"occurrence": 1}, "turn_id"),
    ("negative_patience", {"patience_ms": -1}, "patience_ms"),
    ("endless_patience", {"patience_ms": 300_001}, "patience_ms"),
    ("long_attribute", {"attributes": {"a": "x" * 1025}}, "attributes.a"),
    ("many_attributes", {"attributes": {str(i): "x" for i in range(33)}}, "attributes"),
]


class BadInputTest(E2eTest):
    def setUp(self):
        self.downstream = self.enter_context(Downstream(books()))
        self.server = self.enter_context(Onetaked(self.downstream.url))
        self.api = self.server.api()

    def assert_nothing_happened(self):
        self.assertEqual(self.downstream.requests, [])
        self.assertEqual(len(self.api.list_intents().intents), 0)
        self.assertEqual(len(self.api.list_events().events), 0)

    def test_what_the_model_got_wrong_is_an_answer_that_says_what_would_be_right(self):
        for name, tool, arguments, path, says in INVALID:
            with self.subTest(name):
                answer = self.api.execute(tool, arguments, session_id="s")
                self.assertEqual(self.api.disposition(answer), "INVALID")
                self.assertEqual(self.api.next_action(answer), "FIX_CALL")
                self.assertTrue(answer.guidance.may_call_again)
                self.assertFalse(answer.HasField("intent"))
                text = json.dumps([[i.path, i.reason, i.expected] for i in answer.invalid])
                self.assertTrue(any(i.path == path or not path for i in answer.invalid), text)
                self.assertIn(says, text)
                self.assertTrue(all(i.reason for i in answer.invalid), text)
                for invalid in answer.invalid:
                    self.assertIn(invalid.reason, answer.guidance.llm_text)
        self.assert_nothing_happened()

    def test_a_corrected_call_is_not_tainted_by_the_wrong_one(self):
        self.api.execute("book", booking(party=9), session_id="s", tool_call_id="tc-1")
        answer = self.api.execute("book", booking(party=8), session_id="s", tool_call_id="tc-2")
        self.assertEqual(self.api.disposition(answer), "DONE")
        self.assertEqual(answer.intent.generation, 1)

    def test_what_the_program_got_wrong_is_a_status_that_names_the_field(self):
        for name, fields, field in REFUSED:
            with self.subTest(name):
                request = {"tool": "book", "session_id": "s", **fields}
                with self.assertRaises(grpc.RpcError) as caught:
                    self.api.execute(arguments=booking(), **request)
                self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
                detail = self.api.error_detail(caught.exception)
                self.assertEqual(detail.field, field)
                self.assertEqual(detail.reason, "INVALID_FIELD")
                self.assertFalse(detail.safe_to_resend)
        self.assert_nothing_happened()

    def test_a_tool_call_id_names_one_call(self):
        first = self.api.execute("book", booking(), session_id="s", tool_call_id="tc-1")
        self.assertEqual(self.api.disposition(first), "DONE")
        for arguments in (booking(patient="p-2"), booking(note="more")):
            with self.assertRaises(grpc.RpcError) as caught:
                self.api.execute("book", arguments, session_id="s", tool_call_id="tc-1")
            self.assertEqual(caught.exception.code(), grpc.StatusCode.ALREADY_EXISTS)
            detail = self.api.error_detail(caught.exception)
            self.assertEqual((detail.reason, detail.field),
                             ("TOOL_CALL_ID_REUSED", "tool_call_id"))
        self.assertEqual(len(self.downstream.requests), 1)
        elsewhere = self.api.execute("book", booking(patient="p-2"), session_id="other",
                                     tool_call_id="tc-1")
        self.assertEqual(self.api.disposition(elsewhere), "DONE", "ids are per session")

    def test_a_message_that_is_too_big_is_refused_by_size(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.api.execute("book", "x" * (257 * 1024), session_id="s")
        self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        # By gRPC itself: by this, and by no detail, it is told from "come again".
        self.assertNotIn("grpc-status-details-bin", dict(caught.exception.trailing_metadata()))
        self.assert_nothing_happened()

    def test_text_that_is_not_utf8_does_nothing(self):
        """Libraries differ in what they let through, so these are bytes made by hand."""
        raw = self.api.channel.unary_unary(
            "/onetake.v1.ToolRuntime/Execute",
            response_deserializer=self.api.message("onetake.v1.ExecuteResponse").FromString)
        arguments = booking(note="?").encode().replace(b"?", b"\xff")
        answer = raw(b"\x0a\x04book\x1a\x01s\x12" + bytes([len(arguments)]) + arguments, timeout=60)
        self.assertEqual(self.api.disposition(answer), "INVALID")
        self.assertIn("UTF-8", answer.invalid[0].reason)
        for malformed in (b"\x0a\x04book\x1a\x01\xff", b"\x0a\x04bo", b"\x0f"):
            with self.assertRaises(grpc.RpcError) as caught:
                raw(malformed, timeout=60)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
            self.assertEqual(self.api.error_detail(caught.exception).reason, "MALFORMED_REQUEST")
        self.assert_nothing_happened()

    def test_questions_to_the_ledger_are_checked(self):
        cases = [
            (self.api.list_intents, {"page_size": 501}, "page_size"),
            (self.api.list_intents, {"page_size": -1}, "page_size"),
            (self.api.list_intents, {"page_token": "r0; DROP TABLE intents"}, "page_token"),
            (self.api.list_intents, {"state": 99}, "state"),
            (self.api.list_intents, {"tool": "x" * 65}, "tool"),
            (self.api.list_events, {"after_seq": -1}, "after_seq"),
            (self.api.list_events, {"after_seq": 1, "newest": True}, "after_seq"),
            (lambda id: self.api.get_intent(id), {"id": "abc"}, "id"),
        ]
        for ask, fields, field in cases:
            with self.subTest(**fields):
                with self.assertRaises(grpc.RpcError) as caught:
                    ask(**fields)
                self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
                self.assertEqual(self.api.error_detail(caught.exception).field, field)

    def test_an_unknown_intent_is_not_found(self):
        for ask in (lambda: self.api.get_intent("0" * 32), lambda: self.api.wait_for("0" * 32)):
            with self.assertRaises(grpc.RpcError) as caught:
                ask()
            self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
