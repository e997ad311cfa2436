"""Timeouts that follow what is measured, and what an operator is told about those that do not."""

import json
import os
import subprocess

from downstream import Downstream, books
from harness import E2eTest, ONETAKE, Onetaked, booking, manifests

DELAY = 0.2  # what the downstream takes at least, in seconds
CALLS = 60


class LatencyTest(E2eTest):
    def setUp(self):
        self.downstream = self.enter_context(Downstream(books(delay=DELAY)))
        self.server = self.enter_context(
            Onetaked(self.downstream.url, tools=manifests(attempt="auto")))

    def book(self, first=0):
        api = self.server.api()
        calls = [api.start_execute("book", booking(patient=f"p-{first + i}"), session_id="s")
                 for i in range(CALLS)]
        for call in calls:
            self.assertEqual(call.result().disposition, 1)

    def latency(self, tool="book"):
        result = self.run_cli(self.server, "tools", "latency", tool, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        tools = json.loads(result.stdout)["tools"]
        self.assertEqual([entry["tool"] for entry in tools], [tool])
        return tools[0]

    def restart_with(self, attempt):
        self.server.stop()
        for name, text in manifests(attempt=attempt).items():
            (self.server.folder / "tools.d" / name).write_text(text)
        self.server.logs.clear()
        self.server.start()

    def test_auto_learns_and_does_not_forget(self):
        before = self.latency()
        self.assertEqual(before["count"], "0")
        self.assertEqual(before["attempt_ms"], "30000")
        self.assertNotIn("p95", before)
        self.book()
        after = self.latency()
        self.assertEqual(after["count"], str(CALLS))
        self.assertEqual(after["censored"], "0")
        self.assertGreaterEqual(int(after["p50"]["latency_us"]), DELAY * 1e6)
        self.assertGreaterEqual(int(after["attempt_ms"]), DELAY * 1e3 * 1.5)
        self.assertLess(int(after["attempt_ms"]), 30000)
        self.assertEqual(self.latency("book_keyed")["count"], "0")
        text = self.run_cli(self.server, "tools", "latency").stdout
        self.assertIn("IN EFFECT", text)
        self.assertIn("note: book: its times fit what is measured", text)
        self.server.stop()
        self.server.start()
        self.assertEqual(self.latency()["histogram"], after["histogram"])
        self.assertEqual(self.latency()["attempt_ms"], after["attempt_ms"])

    def test_a_timeout_below_p95_is_told_in_the_log_the_report_and_lint(self):
        self.book()
        self.restart_with("120ms")
        self.server.wait_for_event("latency.timeout_too_short")
        warnings = self.server.events("latency.timeout_too_short")
        self.assertEqual([line["tool"] for line in warnings], ["book"])
        self.assertIn("attempt: 120ms is below the measured p95", warnings[0]["error"])
        self.assertIn("nearly all calls of book would be cut off and their outcome unknown",
                      warnings[0]["error"])
        self.assertIn("set attempt: auto", warnings[0]["advice"])
        report = self.latency()
        self.assertEqual(report["configured_attempt_ms"], "120")
        self.assertEqual(report["attempt_ms"], "120")
        self.assertEqual(report["share_cut"], 1)
        self.assertEqual(report["advice"][0]["weight"], "WEIGHT_WARNING")
        self.assertIn("warning: book: attempt: 120ms",
                      self.run_cli(self.server, "tools", "latency").stdout)
        faults = self.lint("--measured")
        self.assertEqual([(fault["severity"], fault["field"]) for fault in faults
                          if "measured p95" in fault["message"]],
                         [("warning", "timeouts.attempt")])
        self.assertFalse([fault for fault in self.lint() if "measured" in fault["message"]])

    def lint(self, *flags):
        result = subprocess.run(
            [ONETAKE, "--server", self.server.address, "tools", "lint",
             str(self.server.folder / "tools.d"), "--json", *flags],
            env={**os.environ, "DOWNSTREAM": self.downstream.url}, capture_output=True, text=True,
            timeout=60, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return json.loads(result.stdout)

    def test_questions_that_cannot_be_answered_are_told_apart(self):
        self.assertEqual(self.run_cli(self.server, "tools", "latency", "nope").returncode, 7)
        self.server.stop()
        self.assertEqual(self.run_cli(self.server, "tools", "latency").returncode, 2)
        folder = str(self.server.folder / "tools.d")
        self.assertEqual(
            self.run_cli(self.server, "tools", "lint", folder, "--measured").returncode, 2)
