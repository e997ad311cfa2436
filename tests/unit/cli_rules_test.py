#!/usr/bin/python3
"""Every rule, role, failure and disposition that the sources can write has a text in the one table
that people read (runtime/cli/rule_texts.cc), and the table names nothing else."""

import pathlib
import re
import unittest

RUNTIME = pathlib.Path(__file__).resolve().parents[2] / "runtime"
TEXTS = (RUNTIME / "cli" / "rule_texts.cc").read_text()
# The first part of a rule's name. Log events and crash points have other ones.
RULE = (r"(?:R\d+|table|limit|probe|job|drain|review|confirm|restore|erase|retention|calls|access"
        r"|chain)"
        r"\.[a-z_]+")


def table(name):
    """The first strings of the entries of one table in rule_texts.cc."""
    body = re.search(name + r"\[\] = \{\n(.*?)\n\};", TEXTS, re.S)[1]
    return set(re.findall(r'\{"([^"]+)",', body))


def sources(*folders):
    for folder in folders:
        for path in sorted((RUNTIME / folder).glob("*.[hc]*")):
            # A comment may give an example of a rule.
            yield path, re.sub(r"//.*", "", path.read_text())


def names_in(pattern, *folders):
    return {name for _, text in sources(*folders) for name in re.findall(pattern, text)}


class RuleTextsTest(unittest.TestCase):
    def test_every_rule_that_can_be_written_has_a_text(self):
        written = names_in(f'"({RULE})"', "engine", "policy", "ledger")
        written |= names_in(r'\.rule = "([^"]+)"', "engine", "policy", "ledger")
        self.assertGreater(len(written), 50)
        self.assertEqual(written - table("kRules"), set())

    def test_no_text_is_of_a_rule_that_nobody_writes(self):
        written = names_in(f'"({RULE}|resend)"', "engine", "policy", "ledger")
        self.assertEqual(table("kRules") - written, set())

    def test_rules_are_constants(self):
        """A name that is put together could not be found by the tests above."""
        for path, text in sources("engine", "policy", "ledger"):
            self.assertEqual(re.findall(r"rule = absl::Str\w+", text), [], path)

    def test_roles_are_those_of_the_schema(self):
        schema = (RUNTIME / "ledger" / "schema.cc").read_text()
        roles = re.search(r"role +TEXT NOT NULL CHECK\s+\((.*?)\)", schema, re.S)[1]
        self.assertEqual(table("kRoles"), set(re.findall(r"role = '(\w+)'", roles)))

    def test_held_back_means_the_same_everywhere(self):
        ledger = (RUNTIME / "ledger" / "ledger.cc").read_text()
        held = re.search(r"bool IsHeldBack.*?return true;", ledger, re.S)[0]
        roles = {name.lower() for name in re.findall(r"CallRole::k(\w+)", held)}
        self.assertEqual(len(roles), 5)
        rows = (RUNTIME / "ledger" / "rows.h").read_text()
        in_sql = re.search(r"#define ONETAKE_HELD_BACK.*?\)\"\n", rows, re.S)[0]
        self.assertEqual(set(re.findall(r"= '(\w+)'", in_sql)), roles)
        in_cli = re.search(r"kHeldBack = \{(.*?)\};", TEXTS, re.S)[1]
        self.assertEqual(set(re.findall(r'"(\w+)"', in_cli)), roles)

    def test_failures_are_those_of_the_policy(self):
        policy = (RUNTIME / "policy" / "policy.cc").read_text()
        names = set(re.findall(r'FailureKind::k\w+, "(\w+)"', policy))
        self.assertEqual(table("kFailures"), names)
        # The ledger, which does not know the policy, writes and counts these.
        written = names_in(r'(?:failure = |kCrashFailure\[\] = )["\'](\w+)["\']', "ledger")
        self.assertEqual(written, {"CRASH", "LOST", "BODY_UNREADABLE", "KEY_IN_USE"})
        self.assertEqual(written - names, set())

    def test_dispositions_are_those_of_the_api(self):
        proto = (RUNTIME.parent / "proto" / "onetake" / "v1" / "runtime.proto").read_text()
        self.assertEqual(table("kDispositions"),
                         set(re.findall(r"DISPOSITION_(\w+) = [1-9]", proto)))

    def test_meanings_are_sentences_without_a_full_stop(self):
        for meaning in re.findall(r'"((?:[^"\\]|\\.)*)"\},', TEXTS):
            self.assertNotRegex(meaning, r"\.$")


if __name__ == "__main__":
    unittest.main()
