"""The caller's trace (W3C Trace Context): taken in with the call, recorded, and sent on."""

import pathlib
import re

from downstream import Downstream, books
from harness import E2eTest, Onetaked, booking
from plugin_harness import PYTHON, PluginE2e

_TRACE = "0af7651916cd43dd8448eb211c80319c"
_PARENT = "b7ad6b7169203331"
_TRACEPARENT = f"00-{_TRACE}-{_PARENT}-01"
_LEDGER = "onetake.v1.LedgerService"


def traced(api, value=_TRACEPARENT):
    """As an instrumented client: the header goes with every RPC."""
    api.metadata.append(("traceparent", value))
    return api


class Trace(E2eTest):
    def parent_of(self, sent):
        """The span that this header names, of our trace."""
        match = re.fullmatch(f"00-{_TRACE}-([0-9a-f]{{16}})-01", sent or "")
        self.assertIsNotNone(match, sent)
        self.assertNotIn(match[1], (_PARENT, "0" * 16))
        return match[1]

    def recorded(self, api):
        return [call.trace_id for call in api.call(_LEDGER, "ListCalls").calls]


class HttpTraceTest(Trace):
    def start(self):
        self.downstream = self.enter_context(Downstream(books()))
        return self.enter_context(Onetaked(self.downstream.url))

    def test_it_goes_on_to_the_downstream_with_a_span_for_each_request(self):
        server = self.start()
        api = traced(server.api())
        for patient in ("p-1", "p-2"):
            answer = api.execute("book_keyed", booking(patient=patient), session_id="s")
            self.assertEqual(api.disposition(answer), "DONE")
        answer = api.execute("find", '{"slot":"x"}', session_id="s")
        self.assertEqual(api.disposition(answer), "DONE")
        spans = {self.parent_of(request.headers.get("traceparent"))
                 for request in self.downstream.requests}
        self.assertEqual(len(spans), 3)
        self.eventually(lambda: self.recorded(api), [_TRACE] * 3)

    def test_the_field_of_the_request_counts_more_than_the_header(self):
        server = self.start()
        api = traced(server.api(), f"00-{'1' * 32}-{'2' * 16}-00")
        api.execute("book", booking(), session_id="s", traceparent=_TRACEPARENT)
        [request] = self.downstream.requests
        self.parent_of(request.headers.get("traceparent"))
        self.eventually(lambda: self.recorded(api), [_TRACE])

    def test_what_is_no_trace_is_neither_recorded_nor_sent_on(self):
        server = self.start()
        api = traced(server.api(), f"00-{'0' * 32}-{_PARENT}-01")
        answer = api.execute("book", booking(), session_id="s")
        self.assertEqual(api.disposition(answer), "DONE")
        [request] = self.downstream.requests
        self.assertNotIn("traceparent", request.headers)
        self.eventually(lambda: self.recorded(api), [""])


class PluginTraceTest(Trace, PluginE2e):
    def test_it_goes_on_to_a_grpc_plugin(self):
        self.start([PYTHON, pathlib.Path(__file__).parent / "odd_plugin.py"])
        traced(self.api)
        answer = self.add("trace")
        self.expect(answer, "DONE")
        self.parent_of(answer.result_json.strip('"'))
        self.eventually(lambda: self.recorded(self.api), [_TRACE])
