"""Whoever pastes the blocks of README.md in order has a server that runs, and an appointment."""

import os
import pathlib
import re
import signal
import subprocess
import tempfile
import unittest

from harness import ONETAKE, ONETAKED, PRACTICE_API, ROOT

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What a test must not take for itself: names and ports that somebody else may have, and no naps.
_CHANGES = [
    ("listen: 127.0.0.1:7171 ", "listen: unix:./onetake.sock "),
    ('"127.0.0.1:7171"', '"unix:onetake.sock"'),
    ("metrics: { listen: 127.0.0.1:9464 }", "metrics: { listen: 127.0.0.1:0 }"),
    ("--listen 127.0.0.1:8080 --db practice.db &",
     "--time-scale 0.01 --db practice.db >practice.url &\necho $! >>pids\n"
     "until [ -s practice.url ]; do sleep 0.01; done"),
    ("PRACTICE_API=http://127.0.0.1:8080", "PRACTICE_API=$(cat practice.url)"),
    ("onetaked --config onetake.yaml 2>onetaked.log & sleep 1",
     "onetaked --config onetake.yaml --port-file port 2>onetaked.log &\necho $! >>pids\n"
     "until [ -s port ] || ! kill -0 $!; do sleep 0.01; done\n"
     "export ONETAKE_SERVER=unix:onetake.sock"),
]


class ReadmeTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enter(tempfile.TemporaryDirectory(prefix="onetake-")))
        for name in ("tools", "proto"):
            (self.folder / name).symlink_to(ROOT / name)
        for program, place in ((ONETAKED, "runtime/server"), (ONETAKE, "runtime/cli"),
                               (PRACTICE_API, "tools/dental")):
            (self.folder / "build/test" / place).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / "build/test" / place).symlink_to(pathlib.Path(program).parent)
        self.addCleanup(self.stop)

    def enter(self, manager):
        self.addCleanup(manager.__exit__, None, None, None)
        return manager.__enter__()

    def stop(self):
        pids = self.folder / "build/try/pids"
        for pid in pids.read_text().split() if pids.exists() else []:
            os.kill(int(pid), signal.SIGKILL)

    def test_the_blocks_in_order_book_an_appointment_once(self):
        text = "\n".join(_BLOCK.findall((ROOT / "README.md").read_text()))
        for written, tried in _CHANGES:
            self.assertEqual(text.count(written), 1, written)
            text = text.replace(written, tried)
        out = self.folder / "out"
        with open(out, "w") as file:  # no pipe: what runs on would hold it
            code = subprocess.run(["bash", "-e"], cwd=self.folder, input=text, text=True,
                                  stdout=file, stderr=subprocess.STDOUT, timeout=120,
                                  check=False).returncode
        said = out.read_text()
        self.assertEqual(code, 0, said)
        self.assertIn("ok: 4 tools\n", said)
        self.assertNotIn("warning:", said)
        self.assertIn(" 0 failed", said)
        self.assertIn("\nDONE (table.success)\n", said)
        self.assertIn("disposition: DISPOSITION_DONE\nreplayed: true\n", said)


if __name__ == "__main__":
    unittest.main()
