"""The judge of the crash runs, with records that are wrong on purpose: each is found."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import random

import kills
import records
from agents import Callers, Told

RESULT = '{"id": "1"}'


class CheckCycleTest(unittest.TestCase):
    def check(self, mode="keyed", told=None, rows=1, states=("SUCCEEDED",), result=RESULT):
        [wish] = Callers(random.Random(1), cycle=0, count=1).wishes
        wish.told = told or [Told("DONE", "i", 1, RESULT)]
        slot = int(wish.slot.timestamp())
        intents = [("i", n, state, 1, result) for n, state in enumerate(states, 1)]
        counts, breaches = records.check_cycle(
            mode, [wish], {wish.patient: [(str(n), slot, wish.provider)
                                          for n in range(1, rows + 1)]},
            {wish.session: intents} if states else {})
        return counts, " | ".join(breaches)

    def test_what_is_right_is_right(self):
        counts, breaches = self.check()
        self.assertEqual(breaches, "")
        self.assertEqual((counts["rows"], counts["told DONE"], counts["duplicates"]), (1, 1, 0))
        review = [Told("UNAVAILABLE"), Told("NEEDS_REVIEW", "i", 1)]
        for rows in (0, 1):
            counts, breaches = self.check("none", review, rows, ("REVIEW",))
            self.assertEqual(breaches, "")
            self.assertEqual((counts["in review"], counts["in review with a row"]), (1, rows))
        rejected = [Told("REJECTED", "i", 1), Told("DONE", "i", 2, RESULT)]
        self.assertEqual(self.check(told=rejected, states=("REJECTED", "SUCCEEDED"))[1], "")

    def test_each_wrong_is_found(self):
        review = [Told("NEEDS_REVIEW", "i", 1)]
        for found, wrong in {
                "2 rows": {"rows": 2},
                "DONE without a row": {"rows": 0},
                "id of no row": {"told": [Told("DONE", "i", 1, '{"id": "7"}')],
                                 "result": '{"id": "7"}'},
                "another result": {"result": '{"id":"1"}'},
                "told DONE, the ledger says UNKNOWN": {"states": ("UNKNOWN",)},
                "stuck: not settled": {"states": ("IN_FLIGHT",)},
                "stuck: the last answer is PENDING": {"told": [Told("PENDING", "i", 1)]},
                "told DONE, later PENDING": {
                    "told": [Told("DONE", "i", 1, RESULT), Told("PENDING", "i", 1)]},
                "told REJECTED, the ledger says SUCCEEDED": {
                    "told": [Told("REJECTED", "i", 1), Told("DONE", "i", 1, RESULT)]},
                "two generations": {"states": ("SUCCEEDED", "SUCCEEDED")},
                "sent before its claim was durable": {"told": [Told("UNAVAILABLE")], "states": ()},
                "a row, and the ledger says": {"states": ("REJECTED",)},
                "0 rows, and one is promised": {"rows": 0},
                "could be found out": {"told": review, "states": ("REVIEW",)},
                "told NEEDS_REVIEW, the ledger says": {
                    "mode": "none", "told": review, "states": ("SUCCEEDED",)},
        }.items():
            with self.subTest(found):
                self.assertIn(found, self.check(**wrong)[1])


class PlanTest(unittest.TestCase):
    def test_the_runs_of_three_modes_pass_every_fail_point_with_several_hits(self):
        hits = {}
        for offset in (0, 1 / 3, 2 / 3):
            for cycle in kills.plan(random.Random(5), 100, offset):
                for kill in (cycle.start, cycle.load, *cycle.recovery):
                    if kill is not None:
                        hits.setdefault(kill.place, set()).add(kill.hit)
        self.assertGreater(len(kills.fail_points()), 15)
        for name in kills.fail_points():
            with self.subTest(name):
                self.assertLessEqual(set(kills.hits_of(name)), hits[name])


if __name__ == "__main__":
    unittest.main()
