"""A wall clock that a test sets while the server runs: tests/testing/stepped_clock.cc."""

import mmap
import os
import pathlib
import struct
import tempfile

from harness import ROOT

LIBRARY = os.environ.get("STEPPED_CLOCK_LIBRARY",
                         str(ROOT / "build/test/tests/e2e/libstepped_clock.so"))
DAY = 24 * 3600


class SteppedClock:
    def __init__(self):
        self._file = tempfile.NamedTemporaryFile(prefix="onetake-clock-")
        self._file.write(bytes(8))
        self._file.flush()
        self._page = mmap.mmap(self._file.fileno(), 8)

    def __enter__(self):
        if not pathlib.Path(LIBRARY).exists():
            raise AssertionError(f"{LIBRARY} is not built")
        return self

    def __exit__(self, *unused):
        self._page.close()
        self._file.close()

    @property
    def environment(self):
        """Of a process that goes by this clock."""
        return {"LD_PRELOAD": LIBRARY, "STEPPED_CLOCK": self._file.name}

    def set_off(self, seconds):
        """From now on it is off by so much."""
        self._page[:] = struct.pack("=q", int(seconds * 1e9))
