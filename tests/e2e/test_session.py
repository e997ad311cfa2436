"""ToolRuntime.Session: calls, barge-in, what settles later, and a stream that is resumed."""

import json
import threading

import grpc

from downstream import Downstream, books
from harness import E2eTest, Onetaked, booking, manifests
from session import Session

FILLER = {name: text.replace("timeouts: {", "timeouts: { filler: 100ms,")
          for name, text in manifests(attempt="20s").items()}


class SessionTest(E2eTest):
    def start(self, behave, tools=None):
        self.downstream = self.enter_context(Downstream(behave))
        self.server = self.enter_context(
            Onetaked(self.downstream.url, tools=tools or manifests(attempt="20s")))
        self.api = self.server.api()

    def gate(self, status=201):
        """A behaviour that answers once the returned event is set."""
        release = threading.Event()
        self.addCleanup(release.set)

        def behave(request, connection):
            release.wait(60)
            connection.reply(status, {"id": request.number})

        return release, behave

    def session(self, **fields):
        return self.enter_context(Session(self.api, **fields))

    def disposition(self, event):
        kind = event.WhichOneof("kind")
        return self.api.disposition(event.result if kind == "result" else event.settled.response)

    def test_a_call_is_accepted_filled_and_answered(self):
        release, behave = self.gate()
        self.start(behave, tools=FILLER)
        session = self.session()
        self.assertEqual(session.wait_for("opened").seq, 0)
        session.execute("r1", "book", booking(), tool_call_id="tc-1")
        intent = session.wait_for("accepted", "r1").accepted.intent
        self.assertEqual(self.api.state(intent), "IN_FLIGHT")
        self.assertTrue(session.wait_for("progress", "r1").progress.say)
        release.set()
        result = session.wait_for("result", "r1")
        self.assertEqual(self.disposition(result), "DONE")
        self.assertGreater(result.seq, 0)
        self.assertEqual(result.result.intent.id, intent.id)
        session.execute("r2", "find", json.dumps({"slot": "x"}))
        self.assertEqual(session.wait_for("result", "r2").seq, 0)
        self.assertEqual(session.of("settled"), [], "no fact is told twice")

    def test_a_barge_in_ends_reads_and_leaves_writes_that_were_sent(self):
        release, behave = self.gate()
        self.start(behave)
        session = self.session()
        session.execute("write", "book", booking(), turn_id="t-1")
        session.wait_for("accepted", "write")
        session.execute("read", "find", json.dumps({"slot": "x"}), turn_id="t-1")
        self.downstream.wait_for(2)
        session.barge_in("t-1")
        discarded = session.wait_for("discarded").discarded
        self.assertEqual((discarded.reads, discarded.withdrawn), (1, 0))
        read = session.wait_for("result", "read")
        self.assertEqual((self.disposition(read), read.result.reason), ("FAILED", "barge_in"))
        release.set()
        settled = session.wait_for("settled", "write")
        self.assertEqual(self.disposition(settled), "DONE")
        self.assertEqual(settled.settled.discarded_turn, "t-1", "it is for the next turn")
        self.assertEqual(session.of("result", "write"), [])

    def test_pipecat_5779_a_cancel_that_arrives_before_its_call(self):
        self.start(books())
        session = self.session()
        session.barge_in("t-1")
        session.wait_for("discarded")
        session.execute("r1", "book", booking(), turn_id="t-1", tool_call_id="tc-1")
        self.assertEqual(self.disposition(session.wait_for("result", "r1")), "WITHDRAWN")
        # The same by the unary method: the engine remembers it, not the stream.
        late = self.api.execute("book", booking(), session_id="s", turn_id="t-1")
        self.assertEqual(self.api.disposition(late), "WITHDRAWN")
        self.assertEqual(self.downstream.requests, [])
        session.execute("r2", "book", booking(), turn_id="t-2")
        self.assertEqual(self.disposition(session.wait_for("result", "r2")), "DONE")
        self.assertEqual(len(self.downstream.requests), 1)

    def test_what_settles_later_is_pushed(self):
        release, behave = self.gate()
        self.start(behave)
        session = self.session()
        session.execute("r1", "book", booking(), patience_ms=100)
        self.assertEqual(self.disposition(session.wait_for("result", "r1")), "PENDING")
        release.set()
        settled = session.wait_for("settled", "r1")
        self.assertEqual(self.disposition(settled), "DONE")
        self.assertEqual(settled.settled.tool, "book")
        self.assertGreater(settled.seq, session.of("opened")[0].seq)

    def test_a_dropped_stream_is_resumed_by_another_process(self):
        release, behave = self.gate()
        self.start(behave)
        session = self.session()
        session.execute("r1", "book", booking(), patience_ms=100)
        session.wait_for("result", "r1")
        seen = session.last_seq
        session.drop()
        release.set()
        self.eventually(lambda: self.state_of_the_only_intent(), "SUCCEEDED")
        self.api = self.server.api()  # another connection
        resumed = self.session(after_seq=seen)
        settled = resumed.wait_for("settled")
        self.assertEqual(self.disposition(settled), "DONE")
        resumed.drop()
        again = self.session(after_seq=settled.seq)
        again.execute("r2", "book", booking())
        self.assertTrue(again.wait_for("result", "r2").result.replayed)
        self.assertEqual(again.of("settled"), [], "what was seen is not told again")
        self.assertEqual(len(self.downstream.requests), 1)

    def test_a_stream_is_resumed_after_the_server_was_killed(self):
        release, behave = self.gate()
        self.start(behave)
        session = self.session()
        session.execute("r1", "book_keyed", booking(), patience_ms=100)
        session.wait_for("result", "r1")
        seen = session.last_seq
        self.server.kill()
        session.wait_for_end()
        release.set()
        self.server.start()
        self.api = self.server.api()
        settled = self.session(after_seq=seen).wait_for("settled")
        self.assertEqual(self.disposition(settled), "DONE")
        self.assertEqual({request.key for request in self.downstream.requests},
                         {settled.settled.response.intent.key})

    def test_a_persons_verdict_is_pushed(self):
        self.start(lambda request, connection: connection.reset())
        session = self.session()
        session.execute("r1", "book", booking())
        result = session.wait_for("result", "r1")
        self.assertEqual(self.disposition(result), "NEEDS_REVIEW")
        self.api.call("onetake.v1.LedgerService", "ResolveIntent",
                      intent_id=result.result.intent.id, verdict=1, by="dana", evidence="seen")
        settled = session.wait_for("settled")
        self.assertEqual(self.disposition(settled), "DONE")
        self.assertGreater(settled.seq, result.seq)

    def test_a_newer_stream_takes_over(self):
        self.start(books())
        older = self.session()
        older.wait_for("opened")
        newer = self.session()
        newer.wait_for("opened")
        self.assertEqual(older.wait_for("ended").ended.reason, "taken_over")
        self.assertIsNone(older.wait_for_end())
        newer.execute("r1", "book", booking())
        self.assertEqual(self.disposition(newer.wait_for("result", "r1")), "DONE")

    def test_a_wrong_request_is_an_error_event_and_the_stream_goes_on(self):
        release, behave = self.gate()
        self.start(behave)
        session = self.session()
        session.execute("", "book", booking())
        session.execute("r1", "book", booking(), session_id="other")
        session.execute("r2", "book", booking(), occurrence=1)
        session.execute("r3", "book", booking())
        session.wait_for("accepted", "r3")
        session.execute("r3", "book", booking())
        session.barge_in("")
        session.send()
        session.send(open={"session_id": "s"})
        session.send_bytes(b"\xff\xff\xff")
        session.wait_for("error", count=8)
        fields = [event.error.detail.field for event in session.of("error")]
        self.assertEqual(fields, ["request_id", "call.session_id", "turn_id", "request_id",
                                  "turn_id", "kind", "open", ""])
        self.assertEqual(session.of("error")[-1].error.detail.reason, "MALFORMED_REQUEST")
        release.set()
        self.assertEqual(self.disposition(session.wait_for("result", "r3")), "DONE")

    def test_arguments_that_are_not_utf8_are_answered(self):
        def field(number, value):
            return bytes([number << 3 | 2, len(value)]) + value

        self.start(books())
        session = self.session()
        call = field(1, b"book") + field(2, b'{"provider_id": "\xf0\x9f"}')
        session.send_bytes(field(2, field(1, b"r1") + field(2, call)))
        self.assertEqual(self.disposition(session.wait_for("result", "r1")), "INVALID")
        self.assertEqual(session.of("error"), [])

    def test_a_stream_must_open_with_a_session(self):
        self.start(books())
        for first in ({"open": {}}, {"open": {"session_id": "x" * 129}},
                      {"open": {"session_id": "s", "after_seq": -1}},
                      {"barge_in": {"turn_id": "t"}}):
            with self.subTest(first):
                session = self.session(session_id=None)
                session.send(**first)
                self.assertEqual(session.wait_for_end(), grpc.StatusCode.INVALID_ARGUMENT)

    def test_streams_end_with_the_server(self):
        release, behave = self.gate()
        self.start(behave)
        session = self.session()
        session.execute("r1", "book", booking(), patience_ms=100)
        session.wait_for("result", "r1")
        silent = self.session(session_id=None)
        self.server.terminate()
        release.set()
        self.assertEqual(session.wait_for_end(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(silent.wait_for_end(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(self.api.error_detail(session.error).reason, "DRAINING")
        self.assertIn("once it is back, open another stream here", session.error.details())
        self.assertEqual(self.disposition(session.of("settled")[0]), "DONE", "told before the end")
        self.assertEqual(self.server.wait(), 0)

    def state_of_the_only_intent(self):
        [summary] = self.api.list_intents().intents
        return self.api.state(summary.intent)
