"""The connection between a caller and onetaked suffers what networks do to it.

Whatever happens: every call has one final status; when the agent has tried again, by another
connection, the write has happened once, and what was told as done before is told again. A stream
that is opened behind one that was cut tells how it ended, once. Nothing protects the writes here:
all that keeps them from happening twice is onetaked.
"""

import itertools
import queue
import unittest

import grpc
import matrix
from cases import of_the_clients
from session import Session

# What gRPC calls a connection that is no good, or a caller's own deadline.
_STATUSES = {"OK", "UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN", "CANCELLED"}


def by_session(batch, api, slot, deadline_s):
    """As Batch.call(), by a stream: (gRPC code, the events that came)."""
    requests = queue.Queue()
    message = api.message("onetake.v1.SessionRequest")
    requests.put(message(open={"session_id": matrix.session(slot)}))
    requests.put(message(execute={"request_id": "r", "call": call_of(slot)}))
    stub = api.channel.stream_stream(
        "/onetake.v1.ToolRuntime/Session", request_serializer=lambda m: m.SerializeToString(),
        response_deserializer=api.message("onetake.v1.SessionEvent").FromString)
    call = stub(iter(requests.get, None), timeout=deadline_s)
    events = []
    try:
        for event in call:
            events.append(event)
            if event.WhichOneof("kind") == "result":
                requests.put(None)
    except grpc.RpcError:
        pass
    requests.put(None)
    batch.check(call.code() is not None, "a stream ended without a status")
    return call.code().name, events


def call_of(slot):
    return {"tool": matrix.PATIENT, "arguments_json": matrix.arguments(slot),
            "tool_call_id": f"{slot} first"}


def result_of(events):
    return next((event.result for event in events if event.WhichOneof("kind") == "result"), None)


def resume(batch, slot, events):
    """The end of the call, by a stream that begins where the one with these events ended: `settled`
    when it was accepted, without being asked for; else the call is sent again."""
    told, seen = result_of(events), max((event.seq for event in events), default=0)
    owed = told is None and any(event.WhichOneof("kind") == "accepted" for event in events)
    # Bytes of the first stream that come late may take over, once.
    for _ in range(2):
        with Session(batch.api, matrix.session(slot), after_seq=seen) as stream:
            try:
                if owed:
                    batch.statuses["settled by the next stream"] += 1
                    return stream.wait_for("settled", timeout=matrix.PATIENCE_S).settled.response
                stream.send(execute={"request_id": "again", "call": call_of(slot)})
                answer = stream.wait_for("result", "again", timeout=matrix.PATIENCE_S).result
                if told is None:
                    batch.statuses["sent again by the next stream"] += 1
                    return answer
                batch.statuses["known to the next stream"] += 1
                batch.check(not stream.of("settled"), "the next stream repeats what was told")
                return told
            except AssertionError as error:
                if not stream.of("ended"):
                    batch.check(False, f"the next stream tells no end: {error}")
                    return told
    batch.check(False, "streams take over without end")
    return told


def run_case(batch, how_and_case):
    how, case = how_and_case
    batch.begin(f"{how}, {case}")
    slot = batch.slot()
    api = batch.connect()
    batch.to_server.arm(case.fault)
    if how == "Execute":
        code, first = batch.call(api, matrix.PATIENT, slot, "first", case.deadline_s)
    else:
        code, events = by_session(batch, api, slot, case.deadline_s)
    batch.check(code in _STATUSES, f"status {code}")
    batch.to_server.calm()
    api.close()
    if how == "Session":
        first = resume(batch, slot, events)
        batch.check(first is not None and api.disposition(first) == "DONE",
                    "not told DONE by the next stream")
    told, answer = batch.until_it_ends(matrix.PATIENT, slot)
    batch.check(told == "DONE", f"{told} instead of DONE")
    batch.judge(matrix.PATIENT, slot, told, answer, first)
    batch.statuses[code] += 1
    # By this side, too.
    slot, api = batch.slot(), batch.connect()
    code, _ = batch.call(api, matrix.PATIENT, slot, "afterwards")
    batch.check(code == "OK", f"afterwards: {code}")
    api.close()


def exchange(how):
    """How many bytes a connection and one call take."""
    with matrix.Batch() as batch:
        api, slot = batch.connect(), batch.slot()
        if how == "Execute":
            batch.call(api, matrix.PATIENT, slot, "first")
        else:
            by_session(batch, api, slot, 60)
        return dict(batch.to_server.passed)


class ClientSideTest(unittest.TestCase):
    def go_through(self, how):
        lengths = exchange(how)
        self.assertGreater(min(lengths.values()), 100)
        cases = list(itertools.product((how,), of_the_clients(lengths)))
        problems, ended, statuses = matrix.run(cases, run_case)
        print(f"{how}: {len(cases)} cases of {lengths}; ended: {ended}; first: {statuses}")
        self.assertFalse(problems, "\n".join(problems[:50]))
        # The faults do something.
        self.assertGreater(statuses["UNAVAILABLE"], 0)
        self.assertGreater(statuses["DEADLINE_EXCEEDED"], 0)
        return statuses

    def test_every_fault_at_every_place_of_a_call(self):
        self.go_through("Execute")

    def test_every_fault_at_every_place_of_a_stream(self):
        statuses = self.go_through("Session")
        # Cut before the server knew of the call, while it ran, and after its result.
        for how in ("sent again by", "settled by", "known to"):
            self.assertGreater(statuses[f"{how} the next stream"], 0)


if __name__ == "__main__":
    unittest.main()
