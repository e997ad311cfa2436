#!/usr/bin/python3
"""Plants violations in a small tree and expects scripts/style to name them."""

import os
import pathlib
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts/style"
BUILD = {"CMakeLists.txt": "add_library(x runtime/base/a.cc tests/unit/a_test.cc)\n"}


def style(files, executable=()):
    """Exit status and lines of scripts/style on a tree of {path: text}."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**BUILD, **files}.items():
            target = pathlib.Path(root, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            target.chmod(0o755 if path in executable else 0o644)
        run = subprocess.run([SCRIPT, root], capture_output=True, text=True, check=False,
                             env={**os.environ, "GIT_DIR": "/nonexistent"})
        return run.returncode, run.stdout.splitlines()


CC = "runtime/base/a.cc"
H = "runtime/base/a.h"
TEST = "tests/unit/a_test.cc"

CLEAN = [
    (CC, "int a = 0;\n"),
    (H, "// Why.\n#pragma once\n"),
    (CC, "// we throw nothing\nconst char* a = \"throw\";\n"),
    (CC, "// TODO(#12): later\n"),
    (CC, "// clang-format off\n" + "x" * 120 + "\n// clang-format on\n"),
    (CC, "// https://example.org/" + "x" * 100 + "\n"),
    (H, "#pragma once\nvoid OnReadDone(bool ok) override;\n"),
    (TEST, "// sleep_for is forbidden\n"),
    ("tests/testing/eventually.h", "#pragma once\nvoid a() { std::this_thread::sleep_for(b); }\n"),
    ("tests/e2e/harness.py", "time.sleep(0.01)\n"),
    ("README.md", "See [this](CMakeLists.txt#part) and [that](https://example.org).\n"),
    ("scripts/packages", "# name  why\ncmake  # build\ng++  # build\n"),
    ("runtime/README.md", "`runtime/base/` is the base.\n"),
]

# (file, its text, line, what the complaint must say)
FAULTS = [
    (CC, "\tint a;\n", 1, "a tab"),
    (CC, "int a; \n", 1, "white space at the end"),
    (CC, "int a;\r\n", 1, "white space at the end"),
    (CC, "int a;", 1, "the last line has no end"),
    (CC, "int a;\n" * 501, 501, "501 lines"),
    (CC, "// " + "x" * 98 + "\n", 1, "101 columns"),
    (CC, "// TODO: later\n", 1, "names its issue"),
    (CC, "// FIXME\n", 1, "names its issue"),
    (CC, "void a() { throw 1; }\n", 1, "we throw nothing"),
    (CC, "void a() { std::thread(b).detach(); }\n", 1, "a detached thread"),
    (CC, 'constexpr char kHost[] = "pypi.org";\n', 1, "package registry"),
    (H, "int a;\n#pragma once\n", 1, "begins with #pragma once"),
    (H, "#pragma once\nusing namespace std;\n", 2, "open a namespace"),
    (H, "#pragma once\nvoid a(std::string_view b);\n", 2, "absl::string_view"),
    (H, "#pragma once\nvoid a(int b, bool c);\n", 2, "a bool parameter"),
    ("runtime/base/CamelCase.h", "#pragma once\n", 1, "lower_snake_case"),
    (TEST, "std::this_thread::sleep_for(a);\n", 1, "no sleeps"),
    (TEST, "absl::SleepFor(a);\n", 1, "no sleeps"),
    ("tests/e2e/a_test.py", "time.sleep(1)\n", 1, "no sleeps"),
    ("tests/e2e/test_a.py", "time.sleep(1)\n", 1, "no sleeps"),
    ("tests/unit/b_test.cc", "int a;\n", 1, "no CMakeLists.txt builds"),
    ("tests/e2e/b_test.py", "a = 1\n", 1, "no CMakeLists.txt builds"),
    ("tests/e2e/test_b.py", "a = 1\n", 1, "no CMakeLists.txt builds"),
    ("runtime/base/b.cc", "int a;\n", 1, "no CMakeLists.txt builds"),
    ("runtime/json/CMakeLists.txt", "onetake_library(json)\n", 1, "`runtime/json/`"),
    ("README.md", "See [this](gone.md).\n", 1, "gone.md leads nowhere"),
    ("scripts/packages", "cmake\n", 1, "and why"),
    ("scripts/packages", "g++  # build\ncmake  # build\n", 2, "sorted"),
    ("scripts/packages", "cmake  # build\ncmake  # build\n", 2, "each once"),
    ("scripts/a", "#!/usr/bin/env bash\nset -euo pipefail\n", 1, "no executable bit"),
]

EXECUTABLE_FAULTS = [
    (CC, "int a;\n", "executable without a #! line"),
    ("scripts/a", "#!/usr/bin/env bash\necho\n", "set -euo pipefail"),
    ("scripts/a", "#!/usr/bin/env python3\n", "/usr/bin/python3"),
]


class StyleTest(unittest.TestCase):
    def test_lets_clean_files_pass(self):
        for path, text in CLEAN:
            with self.subTest(path=path, text=text):
                self.assertEqual(style({path: text}), (0, []))

    def test_names_file_line_and_rule(self):
        for path, text, number, complaint in FAULTS:
            with self.subTest(path=path, complaint=complaint):
                status, lines = style({path: text})
                self.assertEqual(status, 1)
                found = [line for line in lines if line.startswith(f"{path}:{number}: ")]
                self.assertTrue(any(complaint in line for line in found), lines)

    def test_looks_at_executable_files(self):
        for path, text, complaint in EXECUTABLE_FAULTS:
            with self.subTest(path=path, complaint=complaint):
                status, lines = style({path: text}, executable=[path])
                self.assertEqual(status, 1)
                self.assertTrue(any(complaint in line for line in lines), lines)

    def test_knows_names_that_a_loop_in_the_build_makes(self):
        self.assertEqual(style({
            "tests/unit/CMakeLists.txt": "foreach(c a b)\n  t(s_${c}_test.cc ../testing/f.cc)\n",
            "tests/unit/s_b_test.cc": "int a;\n",
            "tests/testing/f.cc": "int a;\n",
            "tests/e2e/CMakeLists.txt": "onetake_e2e_test(a)\n",
            "tests/e2e/test_a.py": "a = 1\n",
        }), (0, []))


if __name__ == "__main__":
    unittest.main()
