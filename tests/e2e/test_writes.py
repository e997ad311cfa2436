"""The life of a write when the world behaves, and when it is merely slow."""

import json
import socket
import threading

import grpc

from downstream import Downstream, answers, books, books_after
from harness import E2eTest, Onetaked, booking, manifests


_CANCEL = """
name: cancel
description: Cancels a booking.
effect: WRITE
parameters:
  type: object
  properties: { id: { type: integer } }
  required: [id]
  additionalProperties: false
intent: { identity: { id: number } }
safety: { natural: true }
reverses: { tool: book, argument: $.id, result: $.id }
timeouts: { patience: 2s, attempt: 1s, floor: 100ms }
http: { method: POST, url: "${DOWNSTREAM}/bookings/{id}/cancel" }
"""


class WriteTest(E2eTest):
    def test_what_was_cancelled_can_be_booked_again_each_once(self):
        downstream = self.enter_context(Downstream(books()))
        tools = {**manifests(), "cancel.yaml": _CANCEL}
        api = self.enter_context(Onetaked(downstream.url, tools=tools)).api()
        first = api.execute("book", booking(), session_id="s", tool_call_id="tc-1")
        cancel = json.dumps({"id": json.loads(first.result_json)["id"]})
        for replayed in (False, True):
            answer = api.execute("cancel", cancel, session_id="s")
            self.assertEqual((api.disposition(answer), answer.replayed), ("DONE", replayed))
        for replayed in (False, True):
            answer = api.execute("book", booking(), session_id="s")
            self.assertEqual((api.disposition(answer), answer.replayed), ("DONE", replayed))
            self.assertEqual(answer.intent.generation, 2)
            self.assertNotEqual(answer.intent.key, first.intent.key)
        late = api.execute("book", booking(), session_id="s", tool_call_id="tc-1")
        self.assertEqual(api.state(late.intent), "REVERSED")
        self.assertIn("undone", late.guidance.llm_text)
        self.assertEqual([request.path for request in downstream.requests],
                         ["/bookings", "/bookings/1/cancel", "/bookings"])
        [closed, open_again] = api.get_intent(first.intent.id).generations
        self.assertIn("R7.reversed", [event.rule for event in closed.events])
        self.assertEqual(open_again.result_json, answer.result_json)

    def test_a_write_happens_and_is_recorded(self):
        downstream = self.enter_context(Downstream(answers(201, {"id": 7, "b": [1.0, 2]})))
        api = self.enter_context(Onetaked(downstream.url)).api()
        answer = api.execute("book", booking(note="window seat"), session_id="call-17",
                             tool_call_id="tc-1", turn_id="t-1")
        self.assertEqual(api.disposition(answer), "DONE")
        self.assertEqual(answer.result_json, '{"id": 7, "b": [1.0, 2]}', "byte for byte")
        self.assertFalse(answer.replayed or answer.joined or answer.result_unavailable)
        self.assertRegex(answer.intent.id, "^[0-9a-f]{32}$")
        self.assertRegex(answer.intent.key, "^[0-9a-f]{32}$")
        self.assertEqual((answer.intent.generation, answer.intent.attempts), (1, 1))
        self.assertEqual(api.state(answer.intent), "SUCCEEDED")
        self.assertGreater(answer.latency.downstream_us, 0)
        self.assertGreater(answer.latency.ledger_us, 0)
        [request] = downstream.requests
        self.assertEqual((request.method, request.path), ("POST", "/bookings"))
        self.assertEqual(request.json(), json.loads(booking(note="window seat")))

        self.eventually(
            lambda: api.get_intent(answer.intent.id).generations[0].calls[0].disposition, "DONE")
        [generation] = api.get_intent(answer.intent.id).generations
        self.assertEqual(generation.summary.tool, "book")
        self.assertEqual(generation.summary.session_id, "call-17")
        self.assertEqual(generation.summary.safety, "NONE")
        self.assertEqual(generation.result_json, answer.result_json)
        self.assertEqual(json.loads(generation.identity_json),
                         {"slot": "2026-06-24T19:00:00Z", "patient": "p-1"})
        [attempt] = generation.attempts
        self.assertEqual((attempt.number, attempt.http_status, attempt.failure), (1, 201, ""))
        [call] = generation.calls
        self.assertEqual((call.tool_call_id, call.turn_id), ("tc-1", "t-1"))
        states = [api.enum("onetake.v1.IntentState", event.to) for event in generation.events
                  if event.kind != "unsealed"]
        self.assertEqual(states, ["IN_FLIGHT", "SUCCEEDED"])
        listed = api.list_events(intent_id=answer.intent.id).events
        again = api.get_intent(answer.intent.id, unseal=False).generations[0].events
        self.assertEqual([e.seq for e in listed], [e.seq for e in again])

    def test_saying_it_again_in_another_spelling_replays(self):
        downstream = self.enter_context(Downstream(books()))
        api = self.enter_context(Onetaked(downstream.url)).api()
        first = api.execute("book", booking("2026-06-24T14:00:00-05:00"), session_id="s",
                            tool_call_id="tc-1")
        for number, spelling in enumerate(["2026-06-24 14:00 -05:00", "2026-06-24T19:00:00Z",
                                           "2026-06-24T19:00:00.000+00:00"]):
            again = api.execute("book", booking(spelling, note=f"retry {number}"), session_id="s",
                                tool_call_id=f"tc-again-{number}")
            self.assertEqual(api.disposition(again), "DONE")
            self.assertTrue(again.replayed)
            self.assertEqual(again.result_json, first.result_json)
            self.assertEqual(again.intent.key, first.intent.key)
            self.assertEqual(again.first_done_at, first.first_done_at)
        self.assertEqual(len(downstream.requests), 1)
        self.eventually(lambda: [(intent.calls, intent.held_back) for intent
                                 in api.list_intents(held_back_only=True).intents], [(4, 3)])

    def test_another_session_is_another_intent(self):
        downstream = self.enter_context(Downstream(books()))
        api = self.enter_context(Onetaked(downstream.url)).api()
        keys = {api.execute("book", booking(), session_id=session).intent.key
                for session in ("a", "b")}
        self.assertEqual(len(keys), 2)
        self.assertEqual(len(downstream.requests), 2)

    def test_a_second_wish_for_the_same_thing_needs_its_turn(self):
        downstream = self.enter_context(Downstream(books()))
        api = self.enter_context(Onetaked(downstream.url)).api()
        api.execute("book", booking(), session_id="s")
        with self.assertRaises(grpc.RpcError) as caught:
            api.execute("book", booking(), session_id="s", occurrence=1)
        self.assertEqual(api.error_detail(caught.exception).field, "turn_id")
        second = api.execute("book", booking(), session_id="s", occurrence=1, turn_id="t-2")
        self.assertFalse(second.replayed)
        self.assertEqual(len(downstream.requests), 2)

    def start_held(self):
        """A downstream whose answers wait for the event, an api, and the event."""
        release = threading.Event()
        downstream = self.enter_context(Downstream(books_after(release)))
        api = self.enter_context(Onetaked(downstream.url, tools=manifests(attempt="20s"))).api()
        self.addCleanup(release.set)
        return downstream, api, release

    def test_callers_at_the_same_time_share_one_dispatch(self):
        downstream, api, release = self.start_held()
        calls = [api.start_execute("book", booking(), session_id="s", tool_call_id=f"tc-{i}")
                 for i in range(10)]
        downstream.wait_for(1)
        hasty = api.execute("book", booking(), session_id="s", patience_ms=0)
        self.assertEqual((api.disposition(hasty), hasty.joined), ("PENDING", True))
        release.set()
        results = [call.result() for call in calls]
        self.assertEqual({api.disposition(result) for result in results}, {"DONE"})
        self.assertEqual({result.result_json for result in results}, {'{"id": 1}'})
        # A call that is taken up only now has what was booked replayed.
        self.assertEqual(sum(result.joined or result.replayed for result in results), 9)
        self.assertEqual(len(downstream.requests), 1)

    def test_a_late_answer_settles_by_itself(self):
        downstream, api, release = self.start_held()
        pending = api.execute("book", booking(), session_id="s", tool_call_id="tc-1",
                              patience_ms=300)
        self.assertEqual(api.disposition(pending), "PENDING")
        self.assertEqual(api.next_action(pending), "WAIT")
        self.assertFalse(pending.guidance.may_call_again)
        self.assertIn("Do not call it again", pending.guidance.llm_text)
        self.assertIn("let me try that again", list(pending.guidance.must_not_say))
        release.set()
        settled = api.wait_for(pending.intent.id)
        self.assertEqual(api.disposition(settled), "DONE")
        self.assertEqual(settled.result_json, '{"id": 1}')
        # The same delivery again, and the model's own retry, get it as well.
        for tool_call_id in ("tc-1", "tc-2"):
            again = api.execute("book", booking(), session_id="s", tool_call_id=tool_call_id)
            self.assertEqual((api.disposition(again), again.replayed), ("DONE", True))
        self.assertEqual(len(downstream.requests), 1, "no retry at all")

    def test_the_answer_leaves_before_the_deadline_of_the_rpc(self):
        _, api, _ = self.start_held()
        for timeout in (0.2, 0.5, 1.0):
            # Patience 5 minutes: only the deadline can be what makes it answer. The machine may
            # stand still just then, but not each time.
            for number in range(5):
                try:
                    answer = api.execute("book", booking(patient=f"p-{timeout}-{number}"),
                                         session_id="s", timeout=timeout, patience_ms=300_000)
                except grpc.RpcError as error:
                    self.assertEqual(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
                else:
                    self.assertEqual(api.disposition(answer), "PENDING")
                    break
            else:
                self.fail(f"five calls of {timeout} s had no answer")

    def test_every_caller_hears_its_own_language(self):
        _, api, _ = self.start_held()
        said = [api.execute("book", booking(), session_id="s", patience_ms=100,
                            language=language).guidance.say
                for language in ("", "es-MX", "de", "fr")]
        self.assertEqual(said[0], said[3], "nobody here speaks French")
        self.assertIn("un momento", said[1])
        self.assertIn("einen Moment", said[2])
        with self.assertRaises(grpc.RpcError) as caught:
            api.execute("book", booking(), session_id="s", language="not a tag")
        self.assertEqual(api.error_detail(caught.exception).field, "language")

    def test_no_patience_at_all_still_writes(self):
        _, api, release = self.start_held()
        pending = api.execute("book", booking(), session_id="s", patience_ms=0)
        self.assertEqual(api.disposition(pending), "PENDING")
        release.set()
        self.assertEqual(api.disposition(api.wait_for(pending.intent.id)), "DONE")

    def test_a_caller_that_leaves_cancels_nothing(self):
        downstream, api, release = self.start_held()
        call = api.start_execute("book", booking(), session_id="s", tool_call_id="tc-1")
        downstream.wait_for(1)
        call.cancel()
        release.set()
        answer = api.execute("book", booking(), session_id="s", tool_call_id="tc-1")
        self.assertEqual(api.disposition(answer), "DONE")
        self.assertEqual(len(downstream.requests), 1)

    def test_drift_is_refused_with_the_paths_and_the_recorded_result(self):
        downstream = self.enter_context(Downstream(books()))
        api = self.enter_context(Onetaked(downstream.url)).api()
        first = api.execute("book", booking(party=2), session_id="s", tool_call_id="tc-1")
        drift = api.execute("book", booking(party=3), session_id="s", tool_call_id="tc-2")
        self.assertEqual(api.disposition(drift), "CONFLICT")
        [diff] = drift.conflicts
        self.assertEqual((diff.path, diff.recorded_json, diff.received_json),
                         ("$.party", "2", "3"))
        self.assertEqual(drift.result_json, first.result_json)
        self.assertEqual(api.next_action(drift), "ASK_USER")
        absent = api.execute("book", booking(), session_id="s", tool_call_id="tc-3")
        self.assertEqual(absent.conflicts[0].received_json, "")
        self.assertEqual(len(downstream.requests), 1)

    def test_a_refusal_is_no_effect_and_a_new_call_is_a_new_generation(self):
        downstream = self.enter_context(Downstream(answers(422, {"error": "slot_taken"})))
        api = self.enter_context(Onetaked(downstream.url)).api()
        refused = api.execute("book", booking(), session_id="s", tool_call_id="tc-1")
        self.assertEqual(api.disposition(refused), "REJECTED")
        self.assertEqual(refused.result_json, '{"error": "slot_taken"}')
        self.assertIn("slot_taken", refused.guidance.llm_text)
        self.assertTrue(refused.guidance.may_call_again)
        downstream.set_behaviour(answers(201, {"id": 1}))
        redelivered = api.execute("book", booking(), session_id="s", tool_call_id="tc-1")
        self.assertEqual(api.disposition(redelivered), "REJECTED", "the same delivery")
        booked = api.execute("book", booking(), session_id="s", tool_call_id="tc-2")
        self.assertEqual(api.disposition(booked), "DONE")
        self.assertEqual(booked.intent.generation, 2)
        self.assertEqual(booked.intent.id, refused.intent.id)
        self.assertNotEqual(booked.intent.key, refused.intent.key)
        self.assertEqual(len(downstream.requests), 2)
        self.assertEqual(len(api.get_intent(booked.intent.id).generations), 2)
        first = api.wait_for(booked.intent.id, generation=1)
        self.assertEqual(api.disposition(first), "REJECTED")

    def test_a_read_is_answered_and_never_kept(self):
        downstream = self.enter_context(Downstream(answers(200, {"appointments": []})))
        api = self.enter_context(Onetaked(downstream.url)).api()
        for _ in range(2):
            answer = api.execute("find", json.dumps({"slot": "a b&c"}))
            self.assertEqual(api.disposition(answer), "DONE")
            self.assertFalse(answer.HasField("intent"))
        self.assertEqual([r.path for r in downstream.requests], ["/bookings?slot=a%20b%26c"] * 2)
        self.assertEqual(len(api.list_intents().intents), 0)

    def test_a_read_that_cannot_be_answered_fails(self):
        downstream = self.enter_context(Downstream(answers(404, {"error": "gone"})))
        api = self.enter_context(Onetaked(downstream.url)).api()
        answer = api.execute("find", "{}")
        self.assertEqual(api.disposition(answer), "FAILED")
        self.assertTrue(answer.guidance.may_call_again)

    def test_a_downstream_that_is_not_there_is_no_effect(self):
        gone = self.enter_context(socket.socket())
        gone.bind(("127.0.0.1", 0))  # kept from others, and nobody listens
        api = self.enter_context(Onetaked("http://127.0.0.1:%d" % gone.getsockname()[1])).api()
        answer = api.execute("book", booking(), session_id="s", patience_ms=20_000)
        self.assertEqual(api.disposition(answer), "REJECTED")
        self.assertTrue(answer.guidance.may_call_again)

    def test_every_kind_of_caller_at_once_writes_once_per_intent(self):
        downstream = self.enter_context(Downstream(books(delay=0.05)))
        server = self.enter_context(Onetaked(downstream.url))
        failures = []

        def agent(number):
            api = server.api()
            for intent in range(20):
                answer = api.execute("book", booking(patient=f"p-{intent}"), session_id="s",
                                     tool_call_id=f"tc-{number}-{intent}")
                if api.disposition(answer) != "DONE":
                    failures.append(answer)

        agents = [threading.Thread(target=agent, args=(n,)) for n in range(8)]
        for thread in agents:
            thread.start()
        for thread in agents:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(len(downstream.requests), 20)
