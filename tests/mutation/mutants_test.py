#!/usr/bin/python3
"""Tests of mutants.py: a file that it has rewritten does what it did, and each of its mutants, when
it is on, something else."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import mutants

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = """\
#include <cstdio>
#include <cstdlib>
#define ONETAKE_RETURN_IF_ERROR(expression) \\
  do {                                      \\
    if (!(expression)) return;              \\
  } while (false)

enum class Answer { kNo, kYes };

static_assert(1 < 2);
constexpr bool Positive(int x) { return x > 0; }

bool Asked(bool works) {
  std::puts("asked");
  return works;
}

Answer Judge(int x) {
  if (x < 3 && Positive(x)) return Answer::kYes;
  return Answer::kNo;
}

void Checked(bool works) {
  ONETAKE_RETURN_IF_ERROR(Asked(works));
  std::puts("checked");
}

int main() {
  for (int x = 0; x != 4; ++x) {
    const bool odd = x % 2 == 1;
    std::printf("%d %d\\n", odd, Judge(x) == Answer::kYes);
  }
  (void)std::puts("not judged");
  Checked(false);
  Checked(true);
  if (int zero = 0; zero == 0) std::puts("asks after it declares");
}
"""


class MutantsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="mutants-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        source = cls.folder / "one.cc"
        source.write_text(SOURCE)
        cls.file = mutants.File(source, "one.cc", ["-std=c++20"], 1)
        cls.plain = cls.built(source)
        source.write_bytes(cls.file.text)
        cls.changed = cls.built(source)

    @classmethod
    def built(cls, source):
        program = source.with_suffix("")
        subprocess.run(["c++", "-std=c++20", "-Wall", "-Werror", f"-I{ROOT}", source,
                        "-o", program], check=True)
        return program.rename(cls.folder / f"program{len(list(cls.folder.iterdir()))}")

    def said(self, program, **environment):
        return subprocess.run([program], env={**os.environ, **environment}, timeout=60,
                              capture_output=True, text=True).stdout

    def test_without_a_mutant_nothing_is_different(self):
        self.assertEqual(self.said(self.changed), self.said(self.plain))

    def test_each_mutant_changes_what_the_program_says(self):
        expected = self.said(self.plain)
        for mutant in self.file.mutants:
            with self.subTest(kind=mutant.kind, text=mutant.text, line=mutant.line):
                self.assertNotEqual(self.said(self.changed, MUTANT=str(mutant.number)), expected)

    def test_conditions_operators_statements_and_constants_are_changed(self):
        found = {(m.line, m.kind, m.text) for m in self.file.mutants}
        self.assertEqual(found, {
            (14, "drop", 'std::puts("asked")'),
            (19, "negate", "x < 3 && Positive(x)"),
            (19, "&& to ||", "x < 3 && Positive(x)"),
            (19, "< to <=", "x < 3"),
            (19, "kYes to kNo", "return Answer::kYes"),
            (20, "kNo to kYes", "return Answer::kNo"),
            (24, "drop", "ONETAKE_RETURN_IF_ERROR(Asked(works))"),
            (25, "drop", 'std::puts("checked")'),
            (29, "!= to ==", "x != 4"),
            (30, "== to !=", "x % 2 == 1"),
            (31, "drop", 'std::printf("%d %d\\n", odd, Judge(x) == Answer::kYes)'),
            (31, "== to !=", "Judge(x) == Answer::kYes"),
            (34, "drop", "Checked(false)"),
            (35, "drop", "Checked(true)"),
            (36, "negate", "zero == 0"),
        })

    def test_a_skipped_mutant_leaves_the_others_their_numbers(self):
        source = self.folder / "again.cc"
        source.write_text(SOURCE)
        skipped = self.file.mutants[3]
        again = mutants.File(source, "one.cc", ["-std=c++20"], 1, {skipped.number})
        self.assertEqual(again.mutants, [m for m in self.file.mutants if m != skipped])

    def test_what_the_program_came_past_is_told(self):
        seen = self.folder / "seen"
        self.said(self.changed, MUTANTS_SEEN=str(seen))
        self.assertEqual({int(n) for n in seen.read_text().split()},
                         {m.number for m in self.file.mutants})

    def test_a_file_that_does_not_compile_is_refused_by_name(self):
        source = self.folder / "bad.cc"
        source.write_text("int main() { return nothing; }\n")
        with self.assertRaisesRegex(ValueError, "bad.cc: .*nothing"):
            mutants.File(source, "bad.cc", ["-std=c++20"], 1)


if __name__ == "__main__":
    unittest.main()
