"""What happens to a server, by the seed: its death, its machine, its disk, its clock, and those who
configure it."""

import collections
import os
import signal
import subprocess
import tempfile
import time

from stepped_clock import DAY

# What anything may take that is not a fault, on a busy machine.
PATIENCE_S = 30


class SmallDisk:
    """A disk that gets full, and is given room again. For root, where it may mount a tmpfs."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="onetake-disk-")

    def __enter__(self):
        if os.geteuid() != 0 or not self._mount("size=4g", "tmpfs"):
            os.rmdir(self.folder)
            print("NOT RUN: a full disk: only root can mount a small one, and not everywhere")
            return None
        return self

    def __exit__(self, *unused):
        if os.path.ismount(self.folder):
            subprocess.run(["umount", self.folder], check=True)
            os.rmdir(self.folder)

    def fill(self):
        """It is just as large as what is on it."""
        for _ in range(1000):
            disk = os.statvfs(self.folder)
            used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize
            # False: more was written meanwhile.
            if self._mount(f"remount,size={used}", "tmpfs"):
                return
        raise AssertionError("the disk does not get full")

    def free(self):
        if not self._mount("remount,size=4g", "tmpfs"):
            raise AssertionError("the disk stays full")

    def _mount(self, options, device):
        return subprocess.run(["mount", "-t", "tmpfs", "-o", options, device, self.folder],
                              capture_output=True, check=False).returncode == 0


class Nemesis:
    """`disk`: a SmallDisk that the ledger is on, or None."""

    def __init__(self, rng, server, clock, disk):
        self.counts = collections.Counter()
        self._rng = rng
        self._server = server
        self._clock = clock
        self._disk = disk
        self._config = server.folder / "onetake.yaml"
        self._good = self._config.read_text()
        self._deck = []

    def strike(self):
        if (code := self._server.wait_dead(0)) is not None:
            raise AssertionError(f"onetaked has ended by itself, with {code}:\n"
                                 + "\n".join(self._server.logs[-20:]))
        if not self._deck:
            # Everything once, the worst twice, before anything comes again.
            self._deck = [self.kill, self.kill, self.drain, self.stop, self.reload,
                          self.misconfigure, self.set_the_clock]
            self._deck += [self.fill_the_disk] if self._disk else []
            self._rng.shuffle(self._deck)
        what = self._deck.pop()
        self.counts[what.__name__] += 1
        what()

    def relent(self):
        """Nothing is wrong any more."""
        self._clock.set_off(0)

    def kill(self):
        self._server.kill()
        self._start_again()

    def drain(self):
        code = self._server.stop()
        if code != 0:
            raise AssertionError(f"onetaked drained, and ended with {code}")
        self._start_again()

    def stop(self):
        os.kill(self._server.pid, signal.SIGSTOP)
        self._wait(0.5, 3)
        os.kill(self._server.pid, signal.SIGCONT)

    def reload(self):
        """Another limit: some of the callers' calls are too many under it."""
        limit = self._rng.choice((4, 8, 4096))
        self._reload(self._good + f"limits: {{ in_flight: {limit} }}\n", "config.reloaded")

    def misconfigure(self):
        """A mistake in the file, and its repair: all goes on as it was."""
        now = self._config.read_text()
        self._reload(self._good + "limits: { in_flight: many }\n", "config.refused")
        self._reload(now, "config.reloaded")

    def set_the_clock(self):
        # Not by as much as anything is kept for.
        off = self._rng.choice((0, 1, 60, 3600, DAY)) * self._rng.uniform(-1, 1)
        self._clock.set_off(off)

    def fill_the_disk(self):
        self._disk.fill()
        self._wait(0.5, 3)
        if self._rng.random() < 0.3:
            self._server.kill()
            self._disk.free()
            self._start_again()
        else:
            self._disk.free()

    def _start_again(self):
        self._wait(0, 0.5)
        self._server.start()

    def _wait(self, least_s, most_s):
        time.sleep(self._rng.uniform(least_s, most_s))

    def _reload(self, text, event):
        self._config.write_text(text)
        read = len(self._server.logs)
        self._server.hang_up()
        self._server.wait_for_event(event, PATIENCE_S, after=read)
