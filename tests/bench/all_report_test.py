#!/usr/bin/python3
"""What scripts/bench all makes of the parts it has run."""

import datetime
import sys
import unittest

sys.dont_write_bytecode = True
import all as report_of_all

WHEN = datetime.datetime(2026, 6, 24, 14, 5, tzinfo=datetime.timezone.utc)


def figure(name, value, sign, goal, verdict):
    return {"name": name, "value": value, "sign": sign, "goal": goal, "verdict": verdict}


def parts(serving_s=1.5, intents=1_000_000, met=True):
    return {
        "calls": {"rows": [], "figures": [
            figure("replays", 0.9, ">=", 0.8, "met"), figure("CPU", 1234, "<=", 150, "MISSED"),
            figure("bytes", 3000, "<=", None, "")]},
        "recovery": {"intents": intents, "unsettled": 10, "goal_s": 2.0, "starts": [
            {"file": "in the page cache", "serving_s": serving_s, "settled_s": 3.0,
             "peak_rss_mb": 80}]},
        "ledger": {"intents": 500, "intents_per_s": 3000},
        "questions": {"intents": intents, "results": [
            {"question": "by session", "unit": "ms", "p99": 6.25, "goal": 5, "met": met},
            {"question": "their ratio", "unit": "", "value": 0.85, "goal": 0.9, "met": met}]}}


class AllTest(unittest.TestCase):
    @staticmethod
    def text(found):
        tables = {"calls": "CALLS\n", "recovery": report_of_all.recovery_table(found["recovery"]),
                  "ledger": report_of_all.ledger_table(found["ledger"]), "questions": "ASKED\n"}
        return report_of_all.report(found, tables, WHEN)

    def test_each_part_has_its_table(self):
        text = self.text(parts())
        for line in ("# Benchmarks, 2026-06-24 14:05 UTC, ", "## calls\n\nCALLS\n",
                     "## recovery, 1,000,000 intents\n\n| the ledger's",
                     "| in the page cache | 1.5 | < 2.0 | met | 3.0 | 80 |",
                     "## ledger, 500 intents\n", "| intents per s | 3,000 |",
                     "## questions, 1,000,000 intents\n\nASKED\n"):
            self.assertIn(line, text)

    def test_every_goal_that_is_missed_is_named(self):
        self.assertEqual(report_of_all.missed(parts()), ["calls: CPU: 1,234, goal <= 150"])
        self.assertEqual(report_of_all.missed(parts(serving_s=2.0, met=False)), [
            "calls: CPU: 1,234, goal <= 150", "recovery: in the page cache: 2.0 s, goal < 2.0",
            "questions: by session: 6.25 ms, goal 5", "questions: their ratio: 0.85, goal 0.9"])
        self.assertIn("| 2.0 | < 2.0 | MISSED |", self.text(parts(serving_s=2.0)))
        self.assertEqual(report_of_all.missed({}), [])

    def test_goals_of_large_ledgers_are_said_to_be(self):
        self.assertNotIn("The goals are of larger ledgers", self.text(parts()))
        self.assertEqual(self.text(parts(intents=999)).count("The goals are of larger ledgers"), 2)


if __name__ == "__main__":
    unittest.main()
