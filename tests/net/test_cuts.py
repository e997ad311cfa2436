"""The connection to the downstream dies after every byte of one exchange, by FIN and by RST.

ONETAKE_SCALE=1 takes every 4th byte, 4 takes all of them.
"""

import json
import os
import pathlib
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from cut_proxy import CutProxy
from downstream import Downstream
from harness import E2eTest, Onetaked

STEP = max(1, round(4 / float(os.environ.get("ONETAKE_SCALE", "1"))))


class Practice:
    """Books what it has read whole, once a key where it gets one."""

    def __init__(self):
        self._lock = threading.Lock()
        self.booked = []

    def __call__(self, request, connection):
        slot = request.json()["slot"]
        with self._lock:
            known = [slot for key, slot in self.booked if key and key == request.key]
            if not known:
                self.booked.append((request.key, slot))
            number = len(self.booked)
        connection.reply(201, {"id": 1000 + number, "slot": slot})

    def rows(self, slot):
        with self._lock:
            return sum(1 for _, booked in self.booked if booked == slot)


class CutTest(E2eTest):
    def setUp(self):
        self.practice = Practice()
        downstream = self.enter_context(Downstream(self.practice))
        self.proxy = self.enter_context(CutProxy(int(downstream.url.rsplit(":", 1)[1])))
        self.server = self.enter_context(Onetaked(self.proxy.url))
        self.api = self.server.api()
        self.number = 0

    def book(self, tool, cut=None):
        """One booking of a slot of its own, whose first connection is cut."""
        self.number += 1
        day, minute = divmod(self.number, 24 * 60)
        slot = f"2026-{1 + day // 28:02}-{1 + day % 28:02}T{minute // 60:02}:{minute % 60:02}:00Z"
        if cut is not None:
            self.proxy.arm(*cut)
        answer = self.api.execute(tool, json.dumps({"slot": slot, "patient": "p-1"}),
                                  session_id="s", patience_ms=20_000)
        return self.api.disposition(answer), self.practice.rows(slot), answer

    def cuts(self, tool):
        """Every place of one exchange: (direction, bytes, how)."""
        self.book(tool)
        lengths = {"request": self.proxy.passed["request"], "reply": 200}
        self.assertGreater(lengths["request"], 100)
        for direction, length in lengths.items():
            for how in ("fin", "rst"):
                for size in range(0, length + 1, STEP):
                    yield direction, size, how
                    # The downstream is well again, so that its breaker stays closed.
                    told, rows, _ = self.book(tool)
                    self.assertEqual((told, rows), ("DONE", 1))

    def test_what_cannot_be_repeated_is_done_at_most_once(self):
        seen = set()
        for cut in self.cuts("book"):
            with self.subTest(cut=cut):
                told, rows, _ = self.book("book", cut)
                seen.add(told)
                self.assertLessEqual(rows, 1)
                if told == "DONE":
                    self.assertEqual(rows, 1)
                if told == "REJECTED":
                    self.assertEqual(rows, 0)
                self.assertIn(told, ("DONE", "NEEDS_REVIEW", "REJECTED"))
        self.assertEqual(seen, {"DONE", "NEEDS_REVIEW"} if STEP > 1 else seen)

    def test_what_is_keyed_is_done_exactly_once(self):
        for cut in self.cuts("book_keyed"):
            with self.subTest(cut=cut):
                told, rows, answer = self.book("book_keyed", cut)
                self.assertEqual((told, rows), ("DONE", 1))
                self.assertIn("slot", json.loads(answer.result_json or '{"slot": ""}'))


if __name__ == "__main__":
    unittest.main()
