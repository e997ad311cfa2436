#!/usr/bin/python3
"""What scripts/chaos counts and prints, and that a small run of it works."""

import contextlib
import io
import json
import math
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

sys.dont_write_bytecode = True
import chaos

INTENTS = 60


class WilsonTest(unittest.TestCase):
    def test_bounds_are_as_in_the_books(self):
        for hits, count, low, high in ((0, 100, 0, 0.03699), (50, 100, 0.40383, 0.59617),
                                       (10, 10, 0.72247, 1), (1, 1_000_000, 0, 0.0000057),
                                       (0, 0, 0, 1)):
            with self.subTest(hits=hits, count=count):
                found = chaos.wilson(hits, count)
                self.assertAlmostEqual(found[0], low, 5)
                self.assertAlmostEqual(found[1], high, 5)

    def test_at_a_bound_what_was_seen_is_196_deviations_away(self):
        for hits, count in ((1, 60), (3, 7), (59, 60), (17, 2000)):
            for bound in chaos.wilson(hits, count):
                away = abs(hits / count - bound) / math.sqrt(bound * (1 - bound) / count)
                self.assertAlmostEqual(away, 1.96, 3)

    def test_figures_are_per_million(self):
        counts = {"intents": 200, "duplicates": 1}
        self.assertEqual(chaos.per_million(counts, "duplicates"), "5,000 (883 to 27,774)")


class CountTest(unittest.TestCase):
    # told, rows; duplicates, lost, unresolved
    CASES = (("done", 1, 0, 0, 0), ("done", 0, 0, 1, 0), ("done", 2, 1, 0, 0),
             ("failed", 0, 0, 1, 0), ("failed", 1, 0, 1, 0), ("failed", 3, 1, 1, 0),
             ("unresolved", 0, 0, 0, 1), ("unresolved", 1, 0, 0, 1), ("unresolved", 2, 1, 0, 1))

    def test_each_booking_is_judged_by_what_was_told_and_its_rows(self):
        for told, rows, *expected in self.CASES:
            with self.subTest(told=told, rows=rows):
                counts = chaos.count([told], {"pat-0": rows} if rows else {})
                self.assertEqual([counts["duplicates"], counts["lost"], counts["unresolved"]],
                                 expected)

    def test_they_add_up(self):
        counts = chaos.count([case[0] for case in self.CASES],
                             {f"pat-{number}": case[1] for number, case in enumerate(self.CASES)})
        self.assertEqual(counts, {"intents": 9, "duplicates": 3, "lost": 4, "unresolved": 3})

    def test_rows_that_were_cancelled_do_not_count(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "practice.db"
            with contextlib.closing(sqlite3.connect(path)) as db, db:
                db.execute("CREATE TABLE appointments (patient TEXT, cancelled INTEGER)")
                db.executemany("INSERT INTO appointments VALUES (?, ?)",
                               [("pat-1", 0), ("pat-1", 0), ("pat-2", 0), ("pat-2", 1),
                                ("pat-3", 1)])
            self.assertEqual(chaos.rows_of(path), {"pat-1": 2, "pat-2": 1})


class VerdictTest(unittest.TestCase):
    @staticmethod
    def run_with(client, at="none", **bad):
        """The exit code and the table, when a cell of this client has these counts."""
        def cell(name, practice, intents, _):
            good = {"intents": intents, "duplicates": 0, "lost": 0, "unresolved": 0, "kills": 0}
            return {**good, **bad} if (name, practice) == (client, at) else good
        with unittest.mock.patch.object(chaos, "cell", cell), \
                contextlib.redirect_stdout(io.StringIO()) as out:
            return chaos.main(["--intents", "10", "--seed", "1"]), out.getvalue()

    def test_only_what_onetake_promises_decides(self):
        for client, bad, code in (("naive", {"duplicates": 3, "lost": 2}, 0),
                                  ("keys only", {"duplicates": 1}, 0),
                                  ("onetake", {"unresolved": 5}, 0),
                                  ("onetake", {"duplicates": 1}, 1), ("onetake", {"lost": 1}, 1)):
            with self.subTest(client=client, bad=bad):
                self.assertEqual(self.run_with(client, **bad)[0], code)
        for practice in ("keyed", "probed"):
            self.assertEqual(self.run_with("onetake", practice, unresolved=1)[0], 1)
            self.assertEqual(self.run_with("keys only", practice, unresolved=1)[0], 0)

    def test_every_client_has_a_line_for_every_practice(self):
        _, out = self.run_with("naive", duplicates=1)
        for practice in ("keyed", "probed", "none"):
            for client in ("naive", "keys only", "onetake"):
                self.assertIn(f"| {client} | {practice} | ", out)
        self.assertIn("| naive | none | 100,000 (", out)


class ChaosRunTest(unittest.TestCase):
    """A small run; ctest has it by itself."""

    def test_a_run_shows_who_books_twice(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "chaos.json"
            done = subprocess.run(
                [sys.executable, "-B", chaos.__file__, "--intents", str(INTENTS), "--seed", "7",
                 "--json", path], capture_output=True, text=True, timeout=880, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            results = json.loads(path.read_text())
        self.assertEqual({(one["client"], one["practice"]) for one in results},
                         {(client, practice) for client in ("naive", "keys only", "onetake")
                          for practice in ("keyed", "probed", "none")})
        self.assertEqual({one["intents"] for one in results}, {INTENTS})
        for one in results:
            if one["client"] == "onetake":
                self.assertEqual((one["duplicates"], one["lost"]), (0, 0), one)
        # Without harm there were no faults, and the zeros of onetake would say nothing.
        naive = [one for one in results if one["client"] == "naive"]
        self.assertGreater(sum(one["duplicates"] for one in naive), 0, naive)


if __name__ == "__main__":
    unittest.main()
