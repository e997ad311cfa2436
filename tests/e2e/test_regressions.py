"""What went wrong in other people's voice agents, replayed; times are a tenth of theirs."""

import json
import threading

from downstream import Downstream, answers
from harness import E2eTest, Onetaked, booking, manifests

SIX = "2026-06-24T18:00:00-05:00"

_PROBED = """
name: book_probed
description: Books a slot for the caller.
effect: WRITE
parameters: { $ref: booking.schema.json }
intent: { identity: { slot: instant, patient: verbatim } }
safety:
  probe:
    tool: find
    args: { slot: $.slot }
    applied_if: "$.bookings[0].id"
    ours: { $.patient: $.patient }
    result: "$.bookings[0]"
    settle_after: 100ms
    interval: 100ms
timeouts: { patience: 10s, attempt: 2s, floor: 100ms, ceiling: 30s }
retries: { attempts: 3, total: 60s, base: 50ms, cap: 100ms }
http: { method: POST, url: "${DOWNSTREAM}/bookings", body: $ }
"""
_SCHEMA = {"type": "object", "properties": {"slot": {"type": "string"},
                                            "patient": {"type": "string"}}}
# What would be a claim about the outcome, when nobody knows it.
_CLAIMS = ("it is done", "it failed")


class Practice:
    """Books a slot once, whoever asks. `hold` says what the n-th booking request waits for before
    its row is written, and `drop` whether its answer is lost."""

    def __init__(self, hold=None, drop=None):
        self.rows = []
        self._lock = threading.Lock()
        self._hold = hold or {}
        self._drop = drop or set()
        self._bookings = 0

    def __call__(self, request, connection):
        if request.method == "GET":
            with self._lock:
                return connection.reply(200, {"bookings": list(self.rows)})
        with self._lock:
            self._bookings += 1
            number = self._bookings
        if number in self._hold:
            self._hold[number].wait(20)
        status, answer = self._book(request.json())
        if number in self._drop:
            return connection.reset()
        return connection.reply(status, answer)

    def _book(self, wanted):
        with self._lock:
            if any(row["slot"] == wanted["slot"] for row in self.rows):
                return 409, {"error": "slot_taken"}
            self.rows.append({"id": len(self.rows) + 1, **wanted})
            return 201, self.rows[-1]


class RegressionTest(E2eTest):
    def start(self, behave, attempt="5s", attempts=5):
        self.downstream = self.enter_context(Downstream(behave))
        tools = {**manifests(attempt, attempts), "book_probed.yaml": _PROBED,
                 "booking.schema.json": json.dumps(_SCHEMA)}
        self.server = self.enter_context(Onetaked(self.downstream.url, tools=tools))
        self.api = self.server.api()

    def book(self, tool_call_id, tool="book", slot=SIX, **fields):
        return self.api.start_execute(tool, booking(slot), session_id="CA1",
                                      tool_call_id=tool_call_id, **fields)

    def bookings_sent(self):
        return [r for r in self.downstream.requests if r.method == "POST"]

    def assert_claims_nothing(self, answer):
        for line in _CLAIMS + ("let me try that again",):
            self.assertIn(line, list(answer.guidance.must_not_say))
        for claim in ("booked", "confirmed", "all set", "is done", "has succeeded", "has failed",
                      "did not", "nothing was changed"):
            self.assertNotIn(claim, (answer.guidance.llm_text + answer.guidance.say).lower())
        self.assertFalse(answer.guidance.may_call_again)
        self.assertEqual(answer.result_json, "")

    # livekit/agents#3702: the caller interrupts, the framework drops the tool's result, and the
    # model makes the same call once more, under a new tool_call_id.
    def test_a_result_lost_to_an_interruption_is_given_to_the_repeated_call(self):
        release = threading.Event()
        practice = Practice(hold={1: release})
        self.start(practice)
        interrupted = self.book("call_aaa", turn_id="turn-1")
        self.downstream.wait_for(1)
        interrupted.cancel()
        release.set()
        repeated = self.book("call_bbb", turn_id="turn-2").result()
        later = self.book("call_ccc", turn_id="turn-3", slot="2026-06-24 18:00 -05:00").result()
        for answer in (repeated, later):
            self.assertEqual(self.api.disposition(answer), "DONE")
            self.assertEqual(json.loads(answer.result_json)["id"], 1)
            self.assertEqual(answer.guidance.llm_text, answer.result_json, "the original result")
        self.assertTrue(repeated.joined or repeated.replayed)
        self.assertTrue(later.replayed)
        self.assertEqual((len(self.bookings_sent()), len(practice.rows)), (1, 1))
        [intent] = self.api.list_intents().intents
        self.eventually(lambda: self.api.list_intents().intents[0].held_back, 2)
        self.assertEqual(intent.intent.generation, 1)

    # livekit/agents#2038: "Hello? Book me an appointment at 6 pm", said again while the tool runs.
    def test_a_caller_who_repeats_the_wish_while_it_runs_joins_it(self):
        release = threading.Event()
        practice = Practice(hold={1: release})
        self.start(practice)
        first = self.book("call_1", patience_ms=10_000)
        self.downstream.wait_for(1)
        repeated = [self.book(f"call_{number}", slot=slot, patience_ms=10_000)
                    for number, slot in enumerate(("2026-06-24T23:00:00Z",
                                                   "2026-06-24 18:00 -05:00"), 2)]
        impatient = self.book("call_4", patience_ms=0).result()
        self.assertEqual((self.api.disposition(impatient), impatient.joined), ("PENDING", True))
        self.assert_claims_nothing(impatient)
        self.assertFalse(first.done())
        release.set()
        results = [call.result() for call in (first, *repeated)]
        self.assertEqual([self.api.disposition(answer) for answer in results], ["DONE"] * 3)
        self.assertEqual([answer.joined or answer.replayed for answer in results],
                         [False, True, True])
        self.assertEqual(len({answer.result_json for answer in results}), 1)
        self.assertEqual((len(self.bookings_sent()), len(practice.rows)), (1, 1))

    # aplisay/llm-agent#176: the tool window is 2.5 s and the booking takes 3.8 s; the retry is told
    # "slot taken" by its own booking.
    def test_a_window_shorter_than_the_booking_ends_with_the_booking(self):
        release = threading.Event()
        practice = Practice(hold={1: release})
        self.start(practice)
        first = self.book("call_1", patience_ms=250).result()
        self.assertEqual(self.api.disposition(first), "PENDING")
        self.assert_claims_nothing(first)
        retry = self.book("call_2", patience_ms=250)
        self.assertEqual(self.api.disposition(retry.result()), "PENDING")
        release.set()
        settled = self.api.wait_for(first.intent.id)
        self.assertEqual(self.api.disposition(settled), "DONE")
        last = self.book("call_3").result()
        self.assertEqual((self.api.disposition(last), last.replayed), ("DONE", True))
        self.assertEqual(json.loads(last.result_json), practice.rows[0])
        self.assertEqual((len(self.bookings_sent()), len(practice.rows)), (1, 1))

    # aplisay/llm-agent#176 again, when the HTTP request itself is cut: a look-up finds nothing yet,
    # so it is sent again, and now the slot is taken, by the first request.
    def test_slot_taken_by_our_own_booking_is_no_refusal(self):
        landed = threading.Event()
        practice = Practice(hold={1: landed})

        def behave(request, connection):
            # The first request lands when the second one is on its way, and not before.
            if request.method == "POST" and len(self.bookings_sent()) == 2:
                landed.set()
                self.eventually(lambda: len(practice.rows), 1)
            practice(request, connection)

        self.start(behave)
        answer = self.book("call_1", tool="book_probed").result()
        self.assertEqual(self.api.disposition(answer), "DONE")
        self.assertEqual(json.loads(answer.result_json)["id"], 1)
        self.assertEqual([r.method for r in self.downstream.requests],
                         ["POST", "GET", "POST", "GET"])
        self.assertEqual(len(practice.rows), 1)
        [generation] = self.api.get_intent(answer.intent.id).generations
        self.assertEqual([a.http_status for a in generation.attempts], [0, 409])
        self.assertIn("R14.refusal_after_ambiguous", [e.rule for e in generation.events])
        self.assertNotIn("REJECTED", [self.api.enum("onetake.v1.IntentState", e.to)
                                      for e in generation.events])

    # The same with an answer that is lost after the booking: the look-up comes before any retry.
    def test_a_cut_answer_is_looked_up_before_anything_is_sent_again(self):
        practice = Practice(drop={1})
        self.start(practice)
        answer = self.book("call_1", tool="book_probed").result()
        self.assertEqual(self.api.disposition(answer), "DONE")
        self.assertEqual([r.method for r in self.downstream.requests], ["POST", "GET"])
        self.assertEqual(len(practice.rows), 1)

    # sonichi/sutando#4144: the agent announces a success that never happened.
    def test_no_answer_claims_a_success_that_never_happened(self):
        never = threading.Event()
        self.addCleanup(never.set)
        self.start(lambda request, connection: never.wait(60), attempt="1500ms",
                   attempts=20)
        running = self.book("call_1", patience_ms=0).result()
        self.assertEqual(self.api.disposition(running), "PENDING")
        self.assert_claims_nothing(running)
        doubtful = self.book("call_2", patience_ms=10_000).result()
        self.assertEqual(self.api.disposition(doubtful), "NEEDS_REVIEW")
        self.assert_claims_nothing(doubtful)
        uncertain = self.book("call_3", tool="book_keyed", patience_ms=3500).result()
        self.assertEqual(self.api.disposition(uncertain), "UNCERTAIN")
        self.assert_claims_nothing(uncertain)
        self.downstream.set_behaviour(answers(422, {"error": "closed"}))
        refused = self.book("call_4", slot="2026-06-24T19:00:00-05:00").result()
        self.assertEqual(self.api.disposition(refused), "REJECTED")
        self.assertIn("did not take effect", refused.guidance.llm_text)
        self.assertIn("it is done", list(refused.guidance.must_not_say))
        for listed in self.api.list_intents().intents:
            self.assertNotIn(self.api.state(listed.intent), ("SUCCEEDED", "REVERSED"))
