"""Planted bugs are in the programs of the build that is made for them, and in no other."""

import os
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def planted():
    """The names of all bugs that the sources know."""
    names = set()
    for folder in ("runtime", "tools"):
        for path in (ROOT / folder).rglob("*.cc"):
            names |= set(re.findall(r'ONETAKE_PLANTED_BUG\("(\w+)"\)', path.read_text()))
    return sorted(names)


# What must find each of them, as it begins to say so: that something else trips over a bug shows
# nothing of the check that it was planted for. "aborted": a check of the program's own.
REQUIRED = {
    "dispatch_before_commit": "I[37]|aborted",
    "commit_error_is_a_no": "I[126]",
    "synchronous_normal": "I[123]",
    "wake_before_commit": "I[1237]|R6|R11",
    "no_generation_check": "I[18]",
    "lost_write_sent_again": "I4",
    "digest_not_compared": "I5",
    "key_retention_ignored": "I[14]",
    "audit_outside_transaction": "I7",
    "crash_means_rejected": "I2",
    "key_without_tenant": "I9|R4",
    "transport_sends_again": ".*",
    "refusal_after_doubt_believed": "I[12]",
    "probe_too_early": "I[12]",
    "rebooking_swallowed": "R7",
}
PROMISES = REQUIRED | {
    "all_to_a_person": "I6",
    "attempts_unlimited": "I10",
    "cancellation_swallowed": "I2|R7",
    "confirmation_and_sent": "I[12]",
    "counterpart_not_found": "R7",
    "erasure_leaves_result": "I2",
    "last_moment_missed": "I6",
    "late_doubt_swallowed": "I[128]|R7",
    "near_tells_result": "R15",
    "older_copy_accepted": "I7",
    "probed_too_late": "I6",
    "push_lost": "R9",
    "read_joined_over_a_write": "READ",
    "redelivery_by_latest": "R6|I2",
    "rendered_anew": "R11",
    "resend_before_commit": "I3",
    "restoration_swallowed": "I[12]|R7",
    "restored_cancellation_is_sure": "I2",
    "restored_copy_is_sure": "I1",
    "result_in_clear": "I11",
    "retention_too_short": "retention|I[12]|R11",
    "scope_of_session_always": "I1",
    "under_way_forgotten": "I[128]|R7",
    "undone_is_made_again": "I[12]|R7",
    "verdict_swallowed": "I6",
    "withdrawn_and_sent": "I2",
}


class PlantedBugsTest(unittest.TestCase):
    def test_the_required_ones_are_there(self):
        self.assertLessEqual(set(REQUIRED), set(planted()))

    def test_each_says_what_finds_it(self):
        self.assertEqual(sorted(PROMISES), planted())

    def test_their_sources_are_built_with_them(self):
        listed = (ROOT / "tests/sim/CMakeLists.txt").read_text().split()
        for folder in ("runtime", "tools"):
            for path in (ROOT / folder).rglob("*.cc"):
                if "ONETAKE_PLANTED_BUG(" in path.read_text():
                    self.assertIn(str(path.relative_to(ROOT)), listed)

    def test_programs_hold_none(self):
        for variable in ("ONETAKED", "SIM"):
            program = pathlib.Path(os.environ[variable]).read_bytes()
            self.assertIn(b"resend", program, "it is read at all")
            for name in planted() + ["ONETAKE_PLANT", "IsPlanted"]:
                self.assertNotIn(name.encode(), program, f"{name} is in {variable}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--names"]:
        print("\n".join(planted()))
    elif sys.argv[1:2] == ["--promise"]:
        print(PROMISES[sys.argv[2]])
    else:
        unittest.main()
