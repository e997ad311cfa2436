#!/usr/bin/python3
"""No function is in two of our libraries: the linker would take the first without a word, and a
program would do what the other one means by that name. Argument: the build folder."""

import collections
import pathlib
import re
import subprocess
import sys
import unittest

BUILD = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else None
RULE = re.compile(r"^build (\S+\.a): CXX_STATIC_LIBRARY_LINKER", re.M)


def defined(archive):
    """What others link against; not what is inline, which may be there twice."""
    listed = subprocess.run(["nm", "--defined-only", "--extern-only", "--format=posix", archive],
                            check=True, capture_output=True, text=True).stdout
    for line in listed.splitlines():
        name, kind, *_ = [*line.split(), "", ""]
        if kind in "TDBR" and kind:
            yield name


class LibrariesTest(unittest.TestCase):
    def test_no_name_is_defined_by_two_libraries(self):
        archives = [archive for archive in RULE.findall((BUILD / "build.ninja").read_text())
                    if (BUILD / archive).exists()]
        self.assertGreater(len(archives), 20)
        homes = collections.defaultdict(set)
        for archive in archives:
            for name in defined(BUILD / archive):
                homes[name].add(archive)
        self.assertGreater(len(homes), 1000)
        self.assertEqual({n: sorted(a) for n, a in homes.items() if len(a) > 1}, {})


if __name__ == "__main__":
    unittest.main()
