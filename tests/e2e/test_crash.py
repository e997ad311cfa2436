"""kill -9, SIGTERM and restarts while writes are in flight. The downstream's list is the truth."""

import collections
import signal
import threading
import time

import grpc

from downstream import Downstream, books, books_after
from harness import E2eTest, Onetaked, booking, manifests

IN_FLIGHT = 200


class CrashTest(E2eTest):
    def agents(self, server, tool, answers):
        """One call per intent, over several connections: a connection carries 100 at a time."""
        apis = [server.api() for _ in range(4)]
        calls = []
        for number in range(IN_FLIGHT):
            api = apis[number % len(apis)]
            calls.append((number, api, api.start_execute(
                tool, booking(patient=f"p-{number}"), session_id="s",
                tool_call_id=f"tc-{number}-{len(answers)}", timeout=60, patience_ms=20_000)))
        return calls

    def collect(self, calls, answers):
        for number, api, call in calls:
            try:
                answer = call.result()
                answers[number].append((api.disposition(answer), answer))
            except grpc.RpcError as error:
                answers[number].append((error.code().name, None))

    def crash_in_flight(self, tool):
        """The downstream books at once; every fourth answer is in time, of the others the server
        dies before it hears. Then the agents say "let me try that again"."""
        booked = collections.Counter()
        keys = collections.defaultdict(set)
        lock = threading.Lock()
        restarted = threading.Event()

        def behave(request, connection):
            patient = request.json()["patient"]
            with lock:
                # A downstream that honours keys books once a key; any other books every time.
                if not request.key or request.key not in keys[patient]:
                    booked[patient] += 1
                keys[patient].add(request.key)
            if int(patient[2:]) % 4 != 0:
                restarted.wait(20)
            connection.reply(201, {"patient": patient})

        downstream = self.enter_context(Downstream(behave))
        server = self.enter_context(Onetaked(downstream.url, tools=manifests(attempt="20s")))
        answers = collections.defaultdict(list)
        calls = self.agents(server, tool, answers)
        downstream.wait_for(IN_FLIGHT)
        self.collect([call for call in calls if call[0] % 4 == 0], answers)
        server.kill()
        restarted.set()
        self.collect([call for call in calls if call[0] % 4 != 0], answers)
        for number, [(state, _)] in answers.items():
            self.assertEqual(state, "DONE" if number % 4 == 0 else "UNAVAILABLE")
        server.start()
        self.collect(self.agents(server, tool, answers), answers)
        return booked, keys, answers, server

    def test_keyed_writes_happen_exactly_once(self):
        booked, keys, answers, _ = self.crash_in_flight("book_keyed")
        for number in range(IN_FLIGHT):
            state, answer = answers[number][-1]
            self.assertEqual(state, "DONE")
            self.assertEqual(booked[f"p-{number}"], 1)
            self.assertEqual(keys[f"p-{number}"], {answer.intent.key})
            # Of the others, some were settled by the recovery before the agent asked.
            self.assertTrue(answer.replayed or number % 4 != 0)

    def test_writes_without_safety_happen_at_most_once_and_the_doubtful_are_listed(self):
        booked, _, answers, server = self.crash_in_flight("book")
        doubtful = set()
        for number in range(IN_FLIGHT):
            state, answer = answers[number][-1]
            self.assertEqual(booked[f"p-{number}"], 1, "none was sent again")
            self.assertEqual(state, "DONE" if number % 4 == 0 else "NEEDS_REVIEW")
            if state == "NEEDS_REVIEW":
                doubtful.add(answer.intent.id)
        listed = server.api().list_intents(state=5, page_size=500).intents
        self.assertEqual({summary.intent.id for summary in listed}, doubtful)
        self.assertTrue(all(summary.ambiguous for summary in listed))

    def test_what_was_answered_done_is_still_done_after_a_crash(self):
        downstream = self.enter_context(Downstream(books()))
        server = self.enter_context(Onetaked(downstream.url))
        api = server.api()
        before = [api.execute("book", booking(patient=f"p-{n}"), session_id="s",
                              tool_call_id=f"tc-{n}") for n in range(20)]
        server.kill()
        server.start()
        api = server.api()
        for number, answer in enumerate(before):
            again = api.execute("book", booking(patient=f"p-{number}"), session_id="s",
                                tool_call_id=f"tc-{number}-again")
            self.assertTrue(again.replayed)
            self.assertEqual(again.result_json, answer.result_json)
        self.assertEqual(len(downstream.requests), 20)

    def test_recovery_settles_keyed_writes_that_nobody_asks_for_again(self):
        downstream = self.enter_context(Downstream(None))
        downstream.set_behaviour(lambda request, connection: downstream.stopped.wait(20))
        server = self.enter_context(Onetaked(downstream.url))
        pending = server.api().execute("book_keyed", booking(), session_id="s", patience_ms=200)
        server.kill()
        downstream.set_behaviour(books())
        server.start()
        api = server.api()
        settled = api.wait_for(pending.intent.id)
        self.assertEqual(api.disposition(settled), "DONE")
        self.assertEqual({r.key for r in downstream.requests}, {pending.intent.key})
        [generation] = api.get_intent(pending.intent.id).generations
        self.assertIn("recovery", {event.actor for event in generation.events})

    def test_recovery_can_be_killed_and_done_again(self):
        downstream = self.enter_context(Downstream(None))
        downstream.set_behaviour(lambda request, connection: downstream.stopped.wait(20))
        server = self.enter_context(Onetaked(downstream.url))
        pending = server.api().execute("book_keyed", booking(), session_id="s", patience_ms=200)
        for _ in range(3):
            server.kill()
            server.start()
        server.kill()
        downstream.set_behaviour(books())
        server.start()
        api = server.api()
        self.assertEqual(api.disposition(api.wait_for(pending.intent.id)), "DONE")


class DrainTest(E2eTest):
    def test_running_writes_settle_and_new_calls_are_refused(self):
        release = threading.Event()
        downstream = self.enter_context(Downstream(books_after(release)))
        server = self.enter_context(Onetaked(downstream.url, config="drain_grace: 20s\n",
                                             tools=manifests(attempt="20s")))
        api = server.api()
        running = api.start_execute("book", booking(), session_id="s", patience_ms=20_000)
        downstream.wait_for(1)
        self.assertEqual(api.health(), "SERVING")
        server.terminate()
        while api.health() == "SERVING":
            pass
        with self.assertRaises(grpc.RpcError) as caught:
            api.execute("book", booking(patient="p-2"), session_id="s")
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
        detail = api.error_detail(caught.exception)
        self.assertEqual(detail.reason, "DRAINING")
        self.assertTrue(detail.safe_to_resend)
        self.assertEqual(api.health(), "NOT_SERVING")
        self.assertEqual(api.health("onetake.v1.ToolRuntime"), "NOT_SERVING")
        release.set()
        self.assertEqual(api.disposition(running.result()), "DONE")
        self.assertEqual(server.wait(), 0)
        self.assertEqual(len(downstream.requests), 1)

    def test_what_does_not_settle_in_time_is_recorded_unknown(self):
        downstream = self.enter_context(Downstream(None))
        downstream.set_behaviour(lambda request, connection: downstream.stopped.wait(20))
        server = self.enter_context(Onetaked(downstream.url, config="drain_grace: 300ms\n",
                                             tools=manifests(attempt="20s")))
        api = server.api()
        running = api.start_execute("book", booking(), session_id="s", patience_ms=20_000)
        downstream.wait_for(1)
        begun = time.monotonic()
        self.assertEqual(server.stop(), 0)
        self.assertLess(time.monotonic() - begun, 15, "not by the attempt's end")
        self.assertIn(api.disposition(running.result()), ("UNCERTAIN", "NEEDS_REVIEW"))
        server.start()
        api = server.api()
        again = api.execute("book", booking(), session_id="s", tool_call_id="tc-2")
        self.assertEqual(api.disposition(again), "NEEDS_REVIEW")
        self.assertEqual(len(downstream.requests), 1)

    def test_a_second_signal_ends_it_at_once(self):
        downstream = self.enter_context(Downstream(None))
        downstream.set_behaviour(lambda request, connection: downstream.stopped.wait(20))
        server = self.enter_context(Onetaked(downstream.url, config="drain_grace: 60s\n",
                                             tools=manifests(attempt="20s")))
        # Kept: gRPC cancels a call that nobody refers to.
        running = server.api().start_execute("book", booking(), session_id="s",
                                             patience_ms=20_000)
        downstream.wait_for(1)
        server.terminate()
        server.wait_for_event("server.stopping")
        server.terminate()
        self.assertEqual(server.wait(), -signal.SIGTERM)
        self.assertEqual(running.code(), grpc.StatusCode.UNAVAILABLE)
        server.start()
        api = server.api()
        again = api.execute("book", booking(), session_id="s")
        self.assertEqual(api.disposition(again), "NEEDS_REVIEW")
        self.assertEqual(len(downstream.requests), 1)

    def test_it_stops_in_order_while_agents_hammer_it(self):
        downstream = self.enter_context(Downstream(books(delay=0.02)))
        server = self.enter_context(Onetaked(downstream.url))
        endings, done, lock = collections.Counter(), collections.Counter(), threading.Lock()
        schema = server.api().schema
        apis = [server.api(schema) for _ in range(8)]

        def agent(number):
            api = apis[number]
            for call in range(10_000):
                patient = f"p-{number}-{call}"
                try:
                    answer = api.execute("book", booking(patient=patient), session_id="s")
                    # REJECTED: claimed, but the stop came before its dispatch.
                    with lock:
                        endings[api.disposition(answer)] += 1
                        done[patient] += api.disposition(answer) == "DONE"
                except grpc.RpcError as error:
                    with lock:
                        endings[error.code()] += 1
                    return

        agents = [threading.Thread(target=agent, args=(n,)) for n in range(8)]
        for thread in agents:
            thread.start()
        downstream.wait_for(50)
        self.assertEqual(server.stop(), 0)
        for thread in agents:
            thread.join()
        # CANCELLED is gRPC's own word to a call that comes in the very moment of its shutdown.
        refused = endings[grpc.StatusCode.UNAVAILABLE] + endings[grpc.StatusCode.CANCELLED]
        self.assertEqual(refused, 8)
        self.assertEqual(set(endings) - {grpc.StatusCode.CANCELLED, "REJECTED"},
                         {grpc.StatusCode.UNAVAILABLE, "DONE"})
        booked = collections.Counter(r.json()["patient"] for r in downstream.requests)
        self.assertEqual(booked, +done, "what was booked was told, and once")

    def test_an_idle_server_stops_at_once(self):
        downstream = self.enter_context(Downstream(books()))
        server = self.enter_context(Onetaked(downstream.url))
        server.api().execute("book", booking(), session_id="s")
        begun = time.monotonic()
        self.assertEqual(server.stop(), 0)
        self.assertLess(time.monotonic() - begun, 9, "not by the end of the grace")
        self.assertTrue(server.events("server.stopped"))
