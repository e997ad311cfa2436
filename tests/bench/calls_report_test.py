#!/usr/bin/python3
"""What scripts/bench calls makes of its figures."""

import argparse
import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest
import unittest.mock

sys.dont_write_bytecode = True
os.environ.setdefault("BENCH_BIN", "nothing is started")
import calls
from calls_report import Report, fallen, kept

GROUPS = ("echo", "commits", "direct", "calls", "overload")


def row(name, per_second, in_flight=64, workload="new", **more):
    return {"name": name, "workload": workload, "in_flight": in_flight, "per_second": per_second,
            "p50_us": 1, "p99_us": 2, "p999_us": 3, **more}


def measured():
    """A run of all groups, in which everything is as quick as an echo."""
    rows = [row(name, 10_000, in_flight, cpu_us=100) for in_flight in (1, 16, 64, 256)
            for name in ("echo-callback", "echo-queue", "commits", "direct", "audited")]
    rows += [row("onetaked", 10_000, in_flight, workload, cpu_us=100, peak_rss_mb=90)
             for in_flight in (1, 16, 64, 256)
             for workload in ("new", "session", "replay", "read", "join")]
    return rows + [row("peak", 100, 128, good_per_second=100),
                   row("callers", 110, 384, good_per_second=100),
                   row("overload", 300, 2048, good_per_second=100),
                   row("limited-overload", 300, 2048, good_per_second=50, allowed=50)]


class ReportTest(unittest.TestCase):
    def value(self, rows, beginning):
        return [figure.value for figure in Report(rows).figures()
                if figure.name.startswith(beginning)]

    def test_writes_are_held_against_half_of_the_worse_bound(self):
        rows = [row("echo-callback", 1000), row("echo-queue", 4000), row("onetaked", 500)]
        self.assertEqual(self.value(rows + [row("commits", 8000)], "new writes over"), [0.25])
        self.assertEqual(self.value(rows + [row("commits", 1000)], "new writes over"), [1.0])
        self.assertEqual(self.value(rows, "new writes over"), [], "one bound may be the worse one")

    def test_overload_is_held_against_the_peak_and_the_rate(self):
        rows = [row("peak", peak, 128, good_per_second=peak) for peak in (100, 130, 90)]
        rows += [row("first", 200, 128, good_per_second=200),
                 row("callers", 110, 384, good_per_second=95, refused_p99_us=4000),
                 row("overload", 300, 2048, good_per_second=80),
                 row("limited-overload", 150, 2048, good_per_second=45, allowed=50)]
        self.assertEqual(self.value(rows, "good answers at three times the peak"), [0.8])
        self.assertEqual(self.value(rows, "good answers at three times the rate"), [0.9])
        self.assertEqual(self.value(rows, "good answers with three times the callers"), [0.95])
        self.assertEqual(self.value(rows, "p99 of a refusal, ms (callers)"), [4.0])

    def test_ledgers_that_were_full_before_are_rows_of_their_own(self):
        rows = [row("echo-queue", 1000), row("commits", 1000),
                row("onetaked", 900, stored=10, claim_p50_us=100),
                row("onetaked", 900, stored=1000, claim_p50_us=150)]
        self.assertEqual(self.value(rows, "new writes over"), [])
        self.assertEqual(self.value(rows, "claim p50 with 1000 intents over that with 10"), [1.5])

    def test_what_was_not_measured_is_left_out(self):
        self.assertEqual(Report([]).figures(), [])
        self.assertIn("| server |", Report([row("direct", 5)]).markdown())

    def test_added_is_what_is_beyond_the_downstream_at_the_same_number_in_flight(self):
        rows = [row("direct", 1, 16, p50_us=100, p99_us=200, p999_us=300),
                row("direct", 1, 64, p50_us=7, p99_us=8, p999_us=9)]
        for workload, added in (("new", (900, 1800, 2700)), ("read", (900, 1800, 2700)),
                                ("join", (900, 1800, 2700)), ("session", (900, 1800, 2700)),
                                ("replay", (1000, 2000, 3000))):
            with self.subTest(workload):
                one = row("onetaked", 1, 16, workload, p50_us=1000, p99_us=2000, p999_us=3000)
                last = Report([*rows, one]).rows[-1]
                self.assertEqual(tuple(last[f"added_{name}_us"] for name in
                                       ("p50", "p99", "p999")), added)
        report = Report([*rows, row("onetaked", 1, 16, p50_us=1100, p99_us=2000, p999_us=3000)])
        self.assertIn("| 1.10 | 2.00 | 3.00 | 1.00 | 1.80 | 2.70 |", report.markdown())
        self.assertNotIn("added_p50_us", Report([row("onetaked", 1, 16)]).rows[0])
        for other in (row("echo-queue", 1, 16), row("onetaked", 0, 16), row("onetaked", 1, 256)):
            self.assertNotIn("added_p50_us", Report([*rows, other]).rows[-1])

    def test_a_lone_write_is_held_against_the_syncs_of_the_same_run(self):
        rows = [row("onetaked", 1, 1, p50_us=2500), row("direct", 1, 1, p50_us=100),
                row("fdatasync", 1, 1, "4 KB", p50_us=400)]
        self.assertIn("| 2.4 | <= 1.1 | MISSED |", Report(rows).markdown())
        rows[2]["p50_us"] = 1060
        self.assertIn("| 2.4 | <= 2.42 | met |", Report(rows).markdown())

    def test_every_goal_stands_beside_its_figure_met_or_missed(self):
        rows = [row("onetaked", 7_999, 64, cpu_us=150), row("onetaked", 12_000, 256, cpu_us=151),
                row("onetaked", 1, 256, "join", peak_rss_mb=151),
                row("audited", 1, 256, peak_rss_mb=149)]
        text = Report(rows).markdown()
        for line in ("new writes a second, 64 in flight | 7,999 | >= 8,000 | MISSED",
                     "new writes a second, 256 in flight | 12,000 | >= 12,000 | met",
                     "CPU of a new write, us, 64 in flight | 150 | <= 150 | met",
                     "CPU of a new write, us, 256 in flight | 151 | <= 150 | MISSED",
                     "at 256 in flight | 151 | <= 150 | MISSED"):
            self.assertIn(line, text)

    def test_the_json_has_rows_and_figures(self):
        told = json.loads(Report(measured()).json())
        self.assertEqual(len(told["rows"]), len(measured()))
        self.assertIn({"name": "replays over the best echo, 64 in flight", "value": 1.0,
                       "sign": ">=", "goal": 0.8, "verdict": "met"}, told["figures"])


class GuardTest(unittest.TestCase):
    REPLAYS = "replays over the best echo, 64 in flight"
    CPU = "CPU of a new write over that of a bare echo, 64 in flight"

    def rows(self, **changes):
        """`changes`: of the rows of onetaked at 64 in flight, by workload."""
        return [{**one, **changes.get(one["workload"], {})}
                if one["name"] == "onetaked" and one["in_flight"] == 64 else one
                for one in measured()]

    def fallen(self, baseline, rows, groups=GROUPS):
        return fallen(Report(rows), baseline, groups)

    def test_worse_counts_beyond_a_fifth(self):
        baseline = {self.REPLAYS: 1.0, self.CPU: 1.0}
        for per_second, cpu_us, found in (
                (8_000, 120, []), (20_000, 10, []), (7_900, 120, [(self.REPLAYS, 0.79, 1.0)]),
                (8_000, 121, [(self.CPU, 1.21, 1.0)])):
            with self.subTest(per_second=per_second, cpu_us=cpu_us):
                rows = self.rows(replay={"per_second": per_second}, new={"cpu_us": cpu_us})
                self.assertEqual(self.fallen(baseline, rows), found)

    def test_what_is_new_has_nothing_to_be_held_against(self):
        self.assertEqual(self.fallen({}, measured()), [])

    def test_what_has_vanished_from_groups_that_ran_has_fallen(self):
        rows = [one for one in measured() if one["workload"] != "replay"]
        self.assertEqual(self.fallen({self.REPLAYS: 1.0}, rows), [(self.REPLAYS, None, 1.0)])
        self.assertEqual(self.fallen({self.REPLAYS: 1.0}, rows, ("echo", "commits")), [])
        self.assertEqual(self.fallen({self.REPLAYS: 1.0}, measured()), [])

    def test_a_name_that_no_figure_has_has_fallen(self):
        self.assertEqual(self.fallen({"renamed": 1.0}, measured(), ("echo",)),
                         [("renamed", None, 1.0)])
        self.assertEqual([name for name, _, _ in self.fallen(
            {"new writes a second, 64 in flight": 1}, measured())],
            ["new writes a second, 64 in flight"], "absolute figures are not guarded")

    def test_the_baseline_keeps_what_is_worse(self):
        rows = self.rows(replay={"per_second": 9_000}, new={"cpu_us": 150})
        first = kept(Report(rows), {})
        self.assertEqual((first[self.REPLAYS], first[self.CPU]), (0.9, 1.5))
        for before, after in (({self.REPLAYS: 0.8, self.CPU: 1.6}, (0.8, 1.6)),
                              ({self.REPLAYS: 0.95, self.CPU: 1.4}, (0.9, 1.5))):
            now = kept(Report(rows), before)
            self.assertEqual((now[self.REPLAYS], now[self.CPU]), after)

    def test_the_baseline_keeps_what_was_not_measured_and_drops_what_nothing_measures(self):
        self.assertEqual(kept(Report([]), {self.REPLAYS: 0.8, "renamed": 1.0}),
                         {self.REPLAYS: 0.8})

    def test_the_baseline_of_the_repo_fits(self):
        path = pathlib.Path(__file__).with_name("baseline.json")
        names = {figure.name for figure in Report(measured()).figures() if figure.guarded}
        self.assertEqual(set(json.loads(path.read_text())) - names, set())

    def test_what_is_guarded_is_a_ratio(self):
        for figure in Report(measured()).all_figures():
            if figure.guarded:
                self.assertIn(" over ", figure.name)


class RepeatTest(unittest.TestCase):
    REPLAYS = GuardTest.REPLAYS

    @classmethod
    def run_guard(cls, *replays_per_second):
        """`None`: without replays. Returns how many runs were left unused."""
        runs = []
        for per_second in replays_per_second:
            runs.append([{**one, "per_second": per_second} if one["workload"] == "replay" else one
                         for one in measured() if per_second or one["workload"] != "replay"])
        first, *others = [argparse.Namespace(rows=rows, run=lambda groups: None) for rows in runs]
        with tempfile.TemporaryDirectory() as folder, \
                unittest.mock.patch.object(calls, "Bench", lambda *_: others.pop(0)), \
                contextlib.redirect_stderr(io.StringIO()):
            path = pathlib.Path(folder) / "baseline.json"
            path.write_text(json.dumps({cls.REPLAYS: 1.0}))
            calls.guard(first, argparse.Namespace(guard=path, only=GROUPS, seconds=1, stored=[]))
        return len(others)

    def test_what_is_worse_now_and_then_is_the_machine(self):
        self.assertEqual(self.run_guard(9_000, 0), 1, "not measured again")
        self.assertEqual(self.run_guard(7_000, 9_000, 0), 1)
        self.assertEqual(self.run_guard(*[7_000] * calls.REPEATS, 9_000), 0)

    def test_what_is_worse_each_time_is_the_code(self):
        with self.assertRaisesRegex(SystemExit, f"{self.REPLAYS}: 0.7, was 1.0"):
            self.run_guard(*[7_000] * (1 + calls.REPEATS))

    def test_what_has_vanished_is_not_measured_again(self):
        with self.assertRaisesRegex(SystemExit, f"{self.REPLAYS}: not measured any more, was 1.0"):
            self.run_guard(None)


if __name__ == "__main__":
    unittest.main()
