#!/usr/bin/python3
"""Every numbered edge case has a row in tests/edge-cases.md, and every test named there exists."""

import pathlib
import re
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
CASES = 48


def rows():
    for line in (TESTS / "edge-cases.md").read_text().splitlines():
        match = re.fullmatch(r"\| (\d+) \| (.+) \| (.+) \|", line)
        if match:
            yield int(match[1]), match[3]


def names_of_tests():
    names = set()
    for path in [*TESTS.rglob("*_test.cc"), *TESTS.rglob("*.py")]:
        text = path.read_text()
        names.update(re.findall(r"^TEST(?:_[FP])?\(\s*\w+,\s*(\w+)\s*\)", text, re.M))
        names.update(re.findall(r"^ +def (test_\w+)\(", text, re.M))
    return names


class EdgeCasesTest(unittest.TestCase):
    def test_every_case_has_a_row(self):
        self.assertEqual([number for number, _ in rows()], list(range(1, CASES + 1)))

    def test_every_test_that_is_named_exists(self):
        known = names_of_tests()
        self.assertGreater(len(known), 300)
        missing = [(number, name) for number, tests in rows()
                   for name in re.findall(r"`(\w+)`", tests) if name not in known]
        self.assertEqual(missing, [])

    def test_a_case_without_a_test_says_why(self):
        for number, tests in rows():
            if not re.search(r"`\w+`", tests):
                self.assertIn("not here: ", tests, number)


if __name__ == "__main__":
    unittest.main()
