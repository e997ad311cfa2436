#!/usr/bin/python3
"""What scripts/bench calls makes of its figures."""

import sys
import unittest

sys.dont_write_bytecode = True
from calls_report import Report, fallen


def row(name, per_second, in_flight=64, workload="new", **more):
    return {"name": name, "workload": workload, "in_flight": in_flight, "per_second": per_second,
            "p50_us": 1, "p99_us": 2, "p999_us": 3, **more}


class ReportTest(unittest.TestCase):
    def ratio(self, rows, beginning):
        return [value for name, value, _ in Report(rows).ratios() if name.startswith(beginning)]

    def test_writes_are_held_against_half_of_the_worse_bound(self):
        echoes = [row("echo-callback", 1000), row("echo-queue", 4000), row("onetaked", 500)]
        self.assertEqual(self.ratio(echoes, "new writes over half"), [0.25])
        self.assertEqual(self.ratio(echoes + [row("commits", 1000)], "new writes over half"), [1.0])

    def test_overload_is_held_against_the_peak_and_the_rate(self):
        rows = [row("peak", 100, 128, good_per_second=100),
                row("overload", 300, 2048, good_per_second=80),
                row("limited-overload", 150, 2048, good_per_second=45, allowed=50)]
        self.assertEqual(self.ratio(rows, "good answers at three times the peak"), [0.8])
        self.assertEqual(self.ratio(rows, "good answers at three times the rate"), [0.9])

    def test_ledgers_that_were_full_before_are_rows_of_their_own(self):
        rows = [row("echo-queue", 1000), row("onetaked", 900, stored=10, claim_p50_us=100),
                row("onetaked", 900, stored=1000, claim_p50_us=150)]
        self.assertEqual(self.ratio(rows, "new writes over half"), [])
        self.assertIn(("claim p50 with 1000 intents over that with 10", 1.5, "<= 1.3"),
                      Report(rows).costs())

    def test_what_was_not_measured_is_left_out(self):
        self.assertEqual(Report([]).ratios(), [])
        self.assertEqual(Report([]).costs(), [])
        self.assertIn("| server |", Report([row("direct", 5)]).markdown())

    def test_a_fall_counts_beyond_a_fifth(self):
        baseline = {"a": 0.5, "b": 0.5, "c": 0.5}
        ratios = [("a", 0.40, ""), ("b", 0.39, ""), ("new", 0.01, "")]
        self.assertEqual(fallen(ratios, baseline), [("b", 0.39, 0.5)])


if __name__ == "__main__":
    unittest.main()
