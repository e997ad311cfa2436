#!/usr/bin/python3
"""Under ThreadSanitizer: a race of ours is reported, and neither what absl orders nor a library's
own is. Argument: the program race."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import tsan_reports

RACE = sys.argv.pop(1) if len(sys.argv) > 1 else None
LIBRARY = """\
WARNING: ThreadSanitizer: data race (pid=1)
  Write of size 8 at 0x7b1 by thread T2:
    #0 operator delete(void*, unsigned long) ../../tsan_new_delete.cpp:150 (libtsan.so.2+0x86c3d)
    #1 grpc::internal::Call::Call() /usr/include/grpcpp/impl/call.h:40 (onetaked+0x1)
    #2 onetake::Handler::Run() /home/x/runtime/server/handler.cc:9 (onetaked+0x2)

  Previous read of size 8 at 0x7b1 by main thread:
    #0 std::string::size() const /usr/include/c++/12/bits/basic_string.h:1064 (onetaked+0x3)
    #1 onetake::Engine::Run() /home/x/runtime/engine/engine.cc:9 (onetaked+0x4)

SUMMARY: ThreadSanitizer: data race
"""


class TsanTest(unittest.TestCase):
    def reports_of(self, how):
        with tempfile.TemporaryDirectory() as folder:
            options = {"TSAN_OPTIONS": f"log_path={folder}/tsan:exitcode=0"}
            subprocess.run([RACE, how], check=True, timeout=60, stdout=subprocess.DEVNULL,
                           env={**os.environ, **options})
            return [r for file in pathlib.Path(folder).iterdir()
                    for r in tsan_reports.reports(file.read_text())]

    def test_a_race_of_ours_is_reported(self):
        self.assertTrue(any(tsan_reports.counts(r) for r in self.reports_of("race")))

    def test_what_a_mutex_or_a_notification_orders_is_not(self):
        for how in ("mutex", "notification", "wait"):
            self.assertEqual(self.reports_of(how), [], how)

    def test_a_race_counts_only_when_both_accesses_are_ours(self):
        (report,) = tsan_reports.reports(LIBRARY)
        self.assertFalse(tsan_reports.counts(report))
        ours = report.replace("grpc::internal::Call::Call() /usr/include/grpcpp/impl/call.h",
                              "onetake::Call() /home/x/runtime/engine/call.cc")
        self.assertTrue(tsan_reports.counts(ours))

    def test_what_is_no_data_race_counts(self):
        (report,) = tsan_reports.reports(LIBRARY.replace("data race", "heap-use-after-free"))
        self.assertTrue(tsan_reports.counts(report))


if __name__ == "__main__":
    unittest.main()
