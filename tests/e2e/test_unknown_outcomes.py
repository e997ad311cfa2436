"""Writes of which nobody can tell at once whether they happened."""

import json
import threading
import time

from downstream import Downstream, answers, books_after
from harness import E2eTest, Onetaked, booking, manifests


def resets(request, connection):
    """It took effect, says nothing, and hangs up hard."""
    connection.reset()


def stalls(downstream):
    return lambda request, connection: downstream.stopped.wait()


class UnknownOutcomeTest(E2eTest):
    def start(self, behave, attempt="1s", attempts=5):
        self.downstream = self.enter_context(Downstream(behave))
        self.server = self.enter_context(
            Onetaked(self.downstream.url, tools=manifests(attempt, attempts)))
        self.api = self.server.api()

    def execute(self, tool, **fields):
        return self.api.execute(tool, booking(), session_id="s", **fields)

    def assert_only_a_person_can_tell(self, answer):
        self.assertEqual(self.api.disposition(answer), "NEEDS_REVIEW")
        self.assertEqual(self.api.state(answer.intent), "REVIEW")
        self.assertEqual(self.api.next_action(answer), "HAND_OFF")
        self.assertFalse(answer.guidance.may_call_again)
        self.assertIn("may have taken effect", answer.guidance.llm_text)
        self.assertIn("Do not call it again", answer.guidance.llm_text)
        for line in ("it is done", "it failed", "let me try that again"):
            self.assertIn(line, list(answer.guidance.must_not_say))

    def test_a_lost_answer_of_a_tool_without_safety_is_never_sent_again(self):
        for name, behave in (("reset", resets), ("closed", lambda r, c: c.close()),
                             ("5xx", answers(503, {"error": "?"}))):
            with self.subTest(name):
                self.start(behave)
                self.assert_only_a_person_can_tell(self.execute("book", tool_call_id="tc-1"))
                again = self.execute("book", tool_call_id="tc-2")
                self.assert_only_a_person_can_tell(again)
                self.assertEqual(len(self.downstream.requests), 1)
                self.eventually(lambda: [(intent.ambiguous, intent.held_back) for intent
                                         in self.api.list_intents(state=5).intents], [(True, 1)])

    def test_a_timeout_is_not_a_failure(self):
        self.start(None, attempt="500ms")
        self.downstream.set_behaviour(stalls(self.downstream))
        self.assert_only_a_person_can_tell(self.execute("book"))
        self.assertEqual(len(self.downstream.requests), 1)

    def test_a_keyed_write_is_sent_again_under_the_same_key_with_the_same_bytes(self):
        def behave(request, connection):
            if request.number == 1:
                connection.reset()
            elif request.number == 2:
                connection.reply(503, {"error": "busy"})
            else:
                connection.reply(201, {"id": 1})

        self.start(behave)
        answer = self.execute("book_keyed", patience_ms=10_000)
        self.assertEqual(self.api.disposition(answer), "DONE")
        self.assertEqual(answer.intent.attempts, 3)
        requests = self.downstream.requests
        self.assertEqual({r.key for r in requests}, {answer.intent.key})
        self.assertEqual(len({r.body for r in requests}), 1)
        [generation] = self.api.get_intent(answer.intent.id).generations
        self.assertEqual([a.http_status for a in generation.attempts], [0, 503, 201])

    def test_a_natural_write_is_sent_again(self):
        def behave(request, connection):
            if request.number == 1:
                connection.reset()
            else:
                connection.reply(200, {"ok": True})

        self.start(behave)
        answer = self.execute("book_natural", patience_ms=10_000)
        self.assertEqual(self.api.disposition(answer), "DONE")
        self.assertEqual(len(self.downstream.requests), 2)

    def test_while_it_is_being_settled_the_model_is_told_not_to_repeat_it(self):
        self.start(None, attempt="400ms", attempts=20)
        self.downstream.set_behaviour(stalls(self.downstream))
        answer = self.execute("book_keyed", patience_ms=2500)
        self.assertEqual(self.api.disposition(answer), "UNCERTAIN")
        self.assertEqual(self.api.state(answer.intent), "UNKNOWN")
        self.assertEqual(self.api.next_action(answer), "WAIT")
        self.assertGreater(answer.guidance.check_after_ms, 0)
        for text in ("may already be done", "Do not repeat it", "do not call it failed"):
            self.assertIn(text, answer.guidance.llm_text)
        self.assertFalse(answer.guidance.may_call_again)
        # It is settled by itself as soon as the downstream answers.
        self.downstream.set_behaviour(answers(201, {"id": 1}))
        settled = self.api.wait_for(answer.intent.id)
        self.assertEqual(self.api.disposition(settled), "DONE")

    def test_a_success_whose_body_is_cut_is_a_success(self):
        self.start(lambda request, connection: connection.reply_cut(201, {"id": "x" * 100}))
        answer = self.execute("book")
        self.assertEqual(self.api.disposition(answer), "DONE")
        self.assertTrue(answer.result_unavailable)
        self.assertEqual(answer.result_json, "")
        self.assertIn("Do not call it again", answer.guidance.llm_text)
        self.assertEqual(len(self.downstream.requests), 1)

    def test_a_success_that_is_not_json_is_a_success(self):
        self.start(answers(201, b"<html>ok</html>"))
        answer = self.execute("book")
        self.assertEqual(self.api.disposition(answer), "DONE")
        self.assertTrue(answer.result_unavailable)

    def test_the_transport_sends_nothing_twice_when_a_kept_connection_dies(self):
        # Answers the first request and keeps the connection; closes it after reading the second.
        def behave(request, connection):
            if request.json()["patient"] == "warm-up":
                connection.reply(201, {"id": 0})
            else:
                connection.close()

        self.start(behave)
        warm = self.api.execute("book", booking(patient="warm-up"), session_id="s")
        self.assertEqual(self.api.disposition(warm), "DONE")
        self.assert_only_a_person_can_tell(self.execute("book"))
        real = [r for r in self.downstream.requests if r.json()["patient"] != "warm-up"]
        self.assertEqual(len(real), 1)

    def test_a_refusal_after_an_ambiguous_attempt_proves_nothing(self):
        def behave(request, connection):
            if request.number == 1:
                connection.reset()
            else:
                connection.reply(409, {"error": "slot_taken"})  # perhaps by ourselves

        self.start(behave)
        answer = self.execute("book_keyed", patience_ms=10_000)
        self.assertEqual(self.api.disposition(answer), "NEEDS_REVIEW")

    def test_too_many_requests_is_no_effect_and_waits_as_long_as_asked(self):
        def behave(request, connection):
            if request.number == 1:
                connection.send(b"HTTP/1.1 429 X\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")
            else:
                connection.reply(201, {"id": 1})

        self.start(behave)
        begun = time.monotonic()
        answer = self.execute("book", patience_ms=10_000)
        self.assertEqual(self.api.disposition(answer), "DONE")
        self.assertGreaterEqual(time.monotonic() - begun, 1.0)

    def test_several_spellings_by_an_impatient_agent_make_one_booking(self):
        release = threading.Event()
        self.start(books_after(release), attempt="20s")
        spellings = ("2026-06-24T14:00:00-05:00", "2026-06-24 14:00 -05:00", "2026-06-24T19:00:00Z")
        for number, slot in enumerate(spellings):
            answer = self.api.execute("book", booking(slot), session_id="s",
                                      tool_call_id=f"tc-{number}", patience_ms=100)
            self.assertEqual(self.api.disposition(answer), "PENDING")
        release.set()
        self.assertEqual(self.api.disposition(self.api.wait_for(answer.intent.id)), "DONE")
        self.assertEqual(len(self.downstream.requests), 1)
        self.assertEqual(json.loads(self.downstream.requests[0].body)["slot"], spellings[0])
