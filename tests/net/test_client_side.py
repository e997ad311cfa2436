"""The connection between a caller and onetaked suffers what networks do to it.

Whatever happens: every call has one final status; when the agent has tried again, by another
connection, the write has happened once, and what was told as done before is told again. Nothing
protects the writes here: all that keeps them from happening twice is onetaked.
"""

import itertools
import queue
import unittest

import grpc
import matrix
from cases import of_the_clients

# What gRPC calls a connection that is no good, or a caller's own deadline.
_STATUSES = {"OK", "UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN", "CANCELLED"}


def by_session(batch, api, slot, deadline_s):
    """As Batch.call(), by a stream: (gRPC code, the result or None)."""
    requests = queue.Queue()
    message = api.message("onetake.v1.SessionRequest")
    requests.put(message(open={"session_id": "s"}))
    requests.put(message(execute={"request_id": "r", "call": {
        "tool": matrix.PATIENT, "arguments_json": matrix.arguments(slot),
        "tool_call_id": f"{slot} first"}}))
    stub = api.channel.stream_stream(
        "/onetake.v1.ToolRuntime/Session", request_serializer=lambda m: m.SerializeToString(),
        response_deserializer=api.message("onetake.v1.SessionEvent").FromString)
    call = stub(iter(requests.get, None), timeout=deadline_s)
    result = None
    try:
        for event in call:
            if event.WhichOneof("kind") == "result":
                result = event.result
                requests.put(None)
    except grpc.RpcError:
        pass
    requests.put(None)
    batch.check(call.code() is not None, "a stream ended without a status")
    return call.code().name, result


def run_case(batch, how_and_case):
    how, case = how_and_case
    batch.begin(f"{how}, {case}")
    slot = batch.slot()
    api = batch.connect()
    batch.to_server.arm(case.fault)
    if how == "Execute":
        code, first = batch.call(api, matrix.PATIENT, slot, "first", case.deadline_s)
    else:
        code, first = by_session(batch, api, slot, case.deadline_s)
    batch.check(code in _STATUSES, f"status {code}")
    batch.to_server.calm()
    api.close()
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

    def test_every_fault_at_every_place_of_a_call(self):
        self.go_through("Execute")

    def test_every_fault_at_every_place_of_a_stream(self):
        self.go_through("Session")


if __name__ == "__main__":
    unittest.main()
