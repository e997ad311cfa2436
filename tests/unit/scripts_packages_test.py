#!/usr/bin/python3
"""Runs need_packages of scripts/lib.sh against a fake dpkg-query and a fake apt-get."""

import os
import pathlib
import subprocess
import tempfile
import unittest

LIB = pathlib.Path(__file__).resolve().parents[2] / "scripts/lib.sh"
PACKAGES = "# The list.\ncmake  # build\ng++    # build\nlibx-dev # the library\n"
# As the real one: prints those it knows, complains about the others and then fails.
DPKG_QUERY = """#!/bin/sh
cat "$FAKE/installed"
echo 'dpkg-query: no packages found matching libx-dev' >&2
exit 1
"""
RECORDER = """#!/bin/sh
echo "$(basename "$0") $*" >>"$FAKE/log"
case " $* " in *" $FAIL "*) exit 100 ;; esac
"""


class NeedPackagesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.put("packages", PACKAGES)
        self.put("bin/dpkg-query", DPKG_QUERY)
        self.put("bin/apt-get", RECORDER)
        self.put("bin/id", "#!/bin/sh\necho ${FAKE_UID:-0}\n")

    def put(self, name, text):
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def need(self, installed, uid=0, fail="nothing", path=None):
        """Runs need_packages; returns (exit status, its messages, apt's command lines)."""
        self.put("installed", installed)
        env = {
            "PATH": path or f"{self.root}/bin:/usr/bin:/bin",
            "FAKE": str(self.root),
            "FAKE_UID": str(uid),
            "FAIL": fail,
            "ONETAKE_PACKAGES": str(self.root / "packages"),
        }
        command = f"set -euo pipefail; source '{LIB}'; need_packages; echo done"
        run = subprocess.run(["/bin/bash", "-c", command], env=env, capture_output=True, text=True,
                             check=False)
        log = self.root / "log"
        calls = log.read_text().splitlines() if log.exists() else []
        return run.returncode, run.stdout + run.stderr, calls

    def test_does_nothing_when_all_is_there(self):
        status, text, calls = self.need("cmake installed\ng++ installed\nlibx-dev installed\n")
        self.assertEqual((status, text, calls), (0, "done\n", []))

    def test_installs_only_what_is_missing_after_an_update(self):
        status, text, calls = self.need("cmake installed\ng++ config-files\n")
        self.assertEqual(status, 0, text)
        self.assertEqual(len(calls), 2, calls)
        self.assertTrue(calls[0].endswith(" update"), calls)
        wanted = " install -y --no-install-recommends g++ libx-dev"
        self.assertTrue(calls[1].endswith(wanted), calls)

    def test_installs_everything_when_dpkg_knows_nothing(self):
        _, _, calls = self.need("")
        self.assertTrue(calls[1].endswith(" cmake g++ libx-dev"), calls)

    def test_goes_on_when_some_source_cannot_be_updated(self):
        status, text, calls = self.need("cmake installed\n", fail="update")
        self.assertEqual(status, 0, text)
        self.assertEqual(len(calls), 2, calls)

    def test_fails_and_names_the_packages_when_apt_fails(self):
        status, text, _ = self.need("cmake installed\n", fail="install")
        self.assertEqual(status, 1)
        self.assertIn("could not install: g++ libx-dev", text)
        self.assertNotIn("done", text)

    def test_uses_sudo_when_not_root(self):
        self.put("bin/sudo", RECORDER)
        status, text, calls = self.need("cmake installed\n", uid=1000)
        self.assertEqual(status, 0, text)
        self.assertTrue(all(call.startswith("sudo ") for call in calls), calls)
        self.assertIn("DEBIAN_FRONTEND=noninteractive apt-get", calls[1])

    def test_says_what_root_must_run_when_there_is_no_sudo(self):
        # A PATH that holds what the function needs, and no sudo.
        for tool in ("basename", "cat", "comm", "dirname", "sed", "sort", "sh"):
            os.symlink(f"/usr/bin/{tool}", self.root / "bin" / tool)
        status, text, calls = self.need("cmake installed\n", uid=1000, path=f"{self.root}/bin")
        self.assertEqual((status, calls), (1, []))
        self.assertIn("apt-get install -y g++ libx-dev", text)


if __name__ == "__main__":
    unittest.main()
