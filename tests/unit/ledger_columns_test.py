#!/usr/bin/python3
"""Every column of every table and view of the ledger is documented in runtime/ledger/COLUMNS.md,
and nothing else is."""

import pathlib
import re
import sqlite3
import unittest

LEDGER = pathlib.Path(__file__).resolve().parents[2] / "runtime" / "ledger"


def schema():
    """{(type, name): columns} of a ledger as the program makes it."""
    db = sqlite3.connect(":memory:")
    for step in re.findall(r'R"sql\((.*?)\)sql"', (LEDGER / "schema.cc").read_text(), re.S):
        db.executescript(step)
    return {(kind, name): [row[1] for row in db.execute(f"PRAGMA table_info({name})")]
            for kind, name in db.execute(
                "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view')")}


def documented():
    """{(type, name): columns} of the page."""
    page = (LEDGER / "COLUMNS.md").read_text()
    found = {}
    for part, kind in (("Tables", "table"), ("Views", "view")):
        body = re.search(rf"^## {part}\n(.*?)(?=^## |\Z)", page, re.S | re.M)[1]
        for name, text in re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", body, re.S | re.M):
            found[kind, name] = re.findall(r"^\| `(\w+)` \| \S", text, re.M)
    return found


class ColumnsTest(unittest.TestCase):
    def test_every_table_and_view_has_its_place(self):
        self.assertGreater(len(schema()), 15)
        self.assertEqual(set(documented()), set(schema()))

    def test_every_column_of_a_table_is_documented_in_its_order(self):
        for (kind, name), columns in schema().items():
            if kind == "table":
                self.assertEqual(documented()[kind, name], columns, name)

    def test_a_column_of_a_view_is_documented_there_or_above(self):
        known = {column for (kind, _), columns in schema().items() if kind == "table"
                 for column in columns}
        for (kind, name), columns in documented().items():
            if kind == "view":
                self.assertEqual(set(columns), set(schema()[kind, name]) - known, name)
                known |= set(columns)


if __name__ == "__main__":
    unittest.main()
