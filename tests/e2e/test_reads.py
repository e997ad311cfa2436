"""READs that share a request, and READs that send a second one."""

import json
import threading

from downstream import Downstream
from harness import E2eTest, Onetaked

_FIND = """
name: find
description: Finds the bookings of a slot.
effect: READ
parameters: { type: object, properties: { slot: { type: string } } }
timeouts: { patience: 20s }
hedge: true
http: { method: GET, url: "${DOWNSTREAM}/bookings", query: { slot: $.slot } }
"""


class ReadsTest(E2eTest):
    def start(self, behave):
        self.downstream = self.enter_context(Downstream(behave))
        self.server = self.enter_context(
            Onetaked(self.downstream.url, tools={"find.yaml": _FIND}))
        return self.server.api()

    def test_one_request_answers_all_and_nobodys_patience_ends_it(self):
        released = threading.Event()

        def behave(request, connection):
            released.wait(20)
            connection.reply(200, {"n": request.number})

        api = self.start(behave)
        patient = api.start_execute("find", '{"slot":"a"}', session_id="s1")
        self.downstream.wait_for(1)
        for session in ("s2", "s3", "s4"):
            hasty = api.execute("find", '{"slot":"a"}', session_id=session, patience_ms=50)
            self.assertEqual(api.enum("onetake.v1.Disposition", hasty.disposition), "FAILED")
            self.assertEqual(hasty.reason, "patience")
        self.assertEqual(len(self.downstream.requests), 1)
        other = api.start_execute("find", '{"slot":"b"}', session_id="s1")
        self.downstream.wait_for(2)
        released.set()
        self.assertEqual(json.loads(patient.result().result_json), {"n": 1})
        self.assertEqual(json.loads(other.result().result_json), {"n": 2})

    def test_a_slow_request_gets_a_second_one_beside_it(self):
        api = self.start(lambda request, connection: connection.reply(200, {"quick": True}))
        for _ in range(60):
            api.execute("find", '{"slot":"a"}', session_id="s")
        before = len(self.downstream.requests)
        gone = threading.Event()

        def behave(request, connection):
            if request.number == before + 1:
                # Until the server closes the connection that it no longer waits for.
                while connection.wait_closed(0.2) is False and not self.downstream.stopped.is_set():
                    pass
                gone.set()
                connection.close()
            else:
                connection.reply(200, {"n": request.number})

        self.downstream.set_behaviour(behave)
        answer = api.execute("find", '{"slot":"a"}', session_id="s")
        self.assertEqual(json.loads(answer.result_json), {"n": before + 2})
        self.assertTrue(gone.wait(10), "the slow request was not cancelled")
        paths = [request.path for request in self.downstream.requests[before:]]
        self.assertEqual(paths, ["/bookings?slot=a"] * 2)
