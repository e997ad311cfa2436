#!/usr/bin/python3
"""runtime/server/OPERATIONS.md has every log event that wants somebody, and every metric."""

import re
import unittest

import edge_cases_test

ROOT = edge_cases_test.TESTS.parent
PAGE = ROOT / "runtime/server/OPERATIONS.md"
_EVENT = re.compile(r'\b(?:Log|Fail)\(\s*([^";]*?),\s*"([a-z_]+\.[a-z_]+)"')
_QUIET = {"LogLevel::kInfo", "LogLevel::kDebug"}
_METRIC = re.compile(r'"(onetake_[a-z_]+)"')


def sources():
    for folder in ("runtime", "tools"):
        yield from sorted((ROOT / folder).rglob("*.cc"))


def events():
    """Those whose level is not always a quiet one."""
    return {event for path in sources() for level, event in _EVENT.findall(path.read_text())
            if level not in _QUIET}


def metrics():
    return {name for path in sorted((ROOT / "runtime/server").glob("*_metrics.cc"))
            for name in _METRIC.findall(path.read_text())}


def explained(page):
    """The first cells of its tables, as one text."""
    return "\n".join(re.findall(r"^\| (.+?) \| ", page, re.MULTILINE))


class OperationsPageTest(unittest.TestCase):
    def setUp(self):
        self.page = PAGE.read_text()

    def test_every_warning_and_error_of_the_log_is_explained(self):
        cells = explained(self.page)
        self.assertEqual([name for name in sorted(events()) if f"`{name}`" not in cells], [])

    def test_every_metric_is_explained(self):
        named = set(re.findall(r"`(onetake_[a-z_]+)(?:\{[^`]*\})?`", explained(self.page)))
        self.assertEqual(sorted(metrics() - named), [])
        self.assertEqual(sorted(named - metrics()), [], "there is no such metric")

    def test_what_is_read_from_the_code_is_what_there_is(self):
        self.assertLessEqual({"ledger.failed", "config.reloaded", "master_key.refused",
                              "mcp.down", "manifest.diagnostic"}, events())
        self.assertFalse({"server.started", "catalog.loaded"} & events())
        self.assertLessEqual({"onetake_calls_total", "onetake_watchers",
                              "onetake_ledger_wal_bytes"}, metrics())


if __name__ == "__main__":
    unittest.main()
