"""The contract kit, `onetake tools test`, as the author of a tool runs it in CI."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from harness import ONETAKE, manifests

DENTAL = pathlib.Path(__file__).parents[2] / "tools" / "dental" / "manifests"


class KitTest(unittest.TestCase):
    def run_kit(self, *arguments, code=0):
        # The addresses are never called: port 1 would refuse.
        env = {**os.environ, "PRACTICE_API": "http://127.0.0.1:1",
               "DOWNSTREAM": "http://127.0.0.1:1"}
        result = subprocess.run([ONETAKE, "tools", "test", *map(str, arguments)], env=env,
                                capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def test_the_demos_own_tools_keep_the_contract(self):
        for kind in ("keyed", "probed", "none"):
            book = DENTAL / kind / "book_appointment.yaml"
            rows = json.loads(self.run_kit(DENTAL / "common", book, "--json").stdout)
            verdicts = {row["check"]: row["verdict"] for row in rows}
            self.assertEqual(verdicts["far.connect_refused"], "pass")
            self.assertEqual(verdicts["key.passed_on"], "pass" if kind == "keyed" else "skip")
        self.run_kit(DENTAL / "common", DENTAL / "keyed", "--tool", "cancel_appointment",
                     "--arguments", '{"appointment_id": "7"}')

    def test_what_cannot_be_tested_fails_and_says_what_is_needed(self):
        failed = self.run_kit(DENTAL / "common", DENTAL / "keyed", "--tool", "cancel_appointment",
                              code=8)
        self.assertIn("(--arguments JSON)", failed.stdout)
        self.assertIn("1 failed", failed.stdout)
        self.run_kit(DENTAL / "common", DENTAL / "keyed", "--arguments", "{}", code=1)
        self.run_kit(DENTAL / "keyed", code=8)  # its READs are in another folder

    def test_a_folder_is_tested_whole(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in manifests().items():
                (pathlib.Path(folder) / name).write_text(text)
            table = self.run_kit(folder).stdout
        for tool in ("book", "book_keyed", "book_natural", "find"):
            self.assertIn(f"\n{tool} ", table)
        self.assertIn("0 failed", table)
