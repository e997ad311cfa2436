"""The connection between onetaked and a downstream suffers what networks and bad servers do to it.

Whatever happens: at most one effect an intent; what is told as done has happened, is in the ledger
and is told again; every call is answered; and the next call works.
"""

import itertools
import unittest

import matrix
from cases import of_the_downstream


def exchange():
    """How many bytes a booking takes."""
    with matrix.Batch() as batch:
        batch.until_it_ends("keyed", batch.slot())
        lengths = dict(batch.to_downstream.passed)
        batch.finish()
    return lengths


def run_case(batch, tool_and_case):
    tool, case = tool_and_case
    batch.begin(f"{tool}, {case}")
    allowed = case.plain if tool == "plain" else ("DONE",)
    if tool == "plain" and allowed == ("DONE",):
        tool = matrix.PATIENT
    slot = batch.slot()
    if case.fault is not None:
        batch.to_downstream.arm(case.fault)
    else:
        # On a connection of its own.
        batch.to_downstream.calm()
        batch.practice.misbehave(case.reply)
    code, first = batch.call(batch.api, tool, slot, "first", case.deadline_s)
    # What the caller's own deadline cuts off, it cuts off.
    batch.check(code == "OK" or (code == "DEADLINE_EXCEEDED" and case.deadline_s < 1),
                f"{code} instead of an answer")
    batch.statuses[code] += 1
    if first is not None and batch.api.disposition(first) == "REJECTED":
        batch.check(not batch.practice.rows(slot), "told REJECTED, and has happened")
    if case.fault is not None:
        batch.to_downstream.calm()
    told, answer = batch.until_it_ends(tool, slot)
    batch.check(told in allowed, f"{told} instead of {allowed}")
    batch.judge(tool, slot, told, answer, first)
    batch.check_alive()


class DownstreamSideTest(unittest.TestCase):
    def test_every_fault_at_every_place(self):
        lengths = exchange()
        self.assertGreater(min(lengths.values()), 100)
        cases = [(tool, case) for case, tool in
                 itertools.product(of_the_downstream(lengths), matrix.TOOLS)]
        problems, ended, statuses = matrix.run(cases, run_case)
        print(f"{len(cases)} cases of {lengths}; ended: {ended}; first: {statuses}")
        self.assertFalse(problems, "\n".join(problems[:50]))
        # The faults do something: without one everything is done.
        self.assertGreater(ended["plain", "NEEDS_REVIEW"], 0)
        self.assertGreater(ended["plain", "DONE"], 0)


if __name__ == "__main__":
    unittest.main()
