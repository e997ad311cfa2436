#!/usr/bin/python3
"""Tests of system_calls.py: it finds what the unit of the package forbids."""

import pathlib
import shutil
import tempfile
import unittest

import system_calls

UNIT = pathlib.Path(__file__).resolve().parents[2] / "scripts/packaging/onetaked.service"
START = '7 execve("/usr/bin/onetaked", ["/usr/bin/onetaked"], 0x7ffd /* 3 vars */) = 0\n'


@unittest.skipUnless(shutil.which("systemd-analyze"), "SKIPPED: no systemd-analyze")
class SystemCallsTest(unittest.TestCase):
    def faults(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".strace") as trace:
            trace.write(text)
            trace.flush()
            return system_calls.faults(UNIT.read_text(encoding="utf-8"), [trace.name])[1]

    def test_what_a_server_needs_is_allowed(self):
        found = self.faults(
            START + '7 openat(AT_FDCWD, "x", O_RDONLY) = 3\n'
            "8 socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP <unfinished ...>\n"
            "8 <... socket resumed>) = 4\n"
            "7 mmap(NULL, 1, PROT_READ|PROT_EXEC, MAP_PRIVATE, 3, 0) = 0\n")
        self.assertEqual(found, set())

    def test_what_is_not_in_the_filter_is_found(self):
        self.assertEqual(self.faults(START + "7 ptrace(PTRACE_ATTACH, 1) = 0\n"
                                     "8 mlockall(MCL_CURRENT) = 0\n7 setuid(0) = 0\n"),
                         {f"{name}: not in SystemCallFilter"
                          for name in ("ptrace", "mlockall", "setuid")})

    def test_memory_that_is_written_and_run_is_found(self):
        found = self.faults(
            START + "7 mmap(NULL, 1, PROT_READ|PROT_WRITE|PROT_EXEC, X, -1, 0) = 0\n"
            "7 mprotect(0x1, 4096, PROT_READ|PROT_EXEC) = 0\n")
        self.assertEqual(len(found), 2)
        self.assertTrue(all("MemoryDenyWriteExecute" in fault for fault in found))

    def test_a_family_of_sockets_is_found(self):
        self.assertEqual(self.faults(START + "7 socket(AF_PACKET, SOCK_RAW, 0) = -1 EPERM\n"),
                         {"socket: AF_PACKET is not in RestrictAddressFamilies"})

    def test_what_starts_it_is_not_bound(self):
        self.assertEqual(self.faults("6 chroot(\"/x\") = 0\n6 setuid(7) = 0\n" + START), set())


if __name__ == "__main__":
    unittest.main()
