#!/usr/bin/python3
"""runtime/server/SECURITY.md has every threat of the design's table, and each test named exists."""

import re
import unittest

import edge_cases_test

PAGE = edge_cases_test.TESTS.parent / "runtime/server/SECURITY.md"
THREATS = 22


def rows():
    for line in PAGE.read_text().splitlines():
        match = re.fullmatch(r"\| (\d+) \| .+ \| (.+) \|", line)
        if match:
            yield int(match[1]), match[2]


class SecurityPageTest(unittest.TestCase):
    def test_every_threat_has_a_row(self):
        self.assertEqual([number for number, _ in rows()], list(range(1, THREATS + 1)))

    def test_every_test_that_is_named_exists(self):
        known = edge_cases_test.names_of_tests()
        missing = [(number, name) for number, tests in rows() if not tests.startswith("not here: ")
                   for name in re.findall(r"`(\w+)`", tests) if name not in known]
        self.assertEqual(missing, [])

    def test_a_threat_without_a_test_says_why(self):
        for number, tests in rows():
            if not re.search(r"`\w+`", tests):
                self.assertIn("not here: ", tests, number)


if __name__ == "__main__":
    unittest.main()
