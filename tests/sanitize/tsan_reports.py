#!/usr/bin/python3
"""Prints those of ThreadSanitizer's reports that are about our code, and counts the others.

gRPC hands memory from thread to thread by atomics that TSan does not see, as Debian's library is
not instrumented; in its headers, which are, TSan reports them. So a data race counts when both
accesses are ours: seen from the memory outward, and past what is the standard library's or
Abseil's, our source comes first, not gRPC's. Whatever is not a data race counts. Ends with 1 when
one does.
"""

import argparse
import pathlib
import re
import sys

FRAME = re.compile(r"^    #\d+ (?P<text>.*)$")
ACCESS = re.compile(r"^  (Previous )?(atomic )?(read|write) ", re.I)
# Whose code a frame is tells nothing: it does what the caller wants.
CARRIES = re.compile(
    r"/usr/include/c\+\+/|libstdc\+\+|libtsan|sanitizer_common|absl::|libabsl|nlohmann"
    r"|absl_sync_tsan"
    r"|^operator (new|delete)|^(std|__gnu_cxx)::|^decltype|^void std::")
FOREIGN = re.compile(
    r"grpcpp/|libgrpc|libupb|libgpr|^grpc|google::protobuf|libproto|\.pb\.(h|cc)|libcurl|libcrypto"
    r"|libssl|libcares|libsqlite|libspdlog")


def reports(text):
    return re.findall(r"^WARNING: ThreadSanitizer: .*?^SUMMARY: [^\n]*$", text, re.S | re.M)


def stacks(report):
    """The frames of each access, innermost first."""
    found = None
    for line in report.splitlines():
        frame = FRAME.match(line)
        if ACCESS.match(line):
            found = []
        elif frame and found is not None:
            found.append(frame["text"])
        elif found is not None:
            yield found
            found = None
    if found is not None:
        yield found


def ours(frames):
    for frame in frames:
        if FOREIGN.search(frame):
            return False
        if not CARRIES.search(frame):
            return bool(re.search(r"onetake|/(runtime|tools|tests)/", frame))
    return False


def counts(report):
    if "data race" not in report.splitlines()[0]:
        return True
    both = list(stacks(report))
    return len(both) > 1 and all(ours(frames) for frames in both)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path, help="with files named tsan.<pid>")
    found = [r for file in sorted(parser.parse_args().folder.glob("tsan.*"))
             for r in reports(file.read_text(errors="replace"))]
    wanted = [r for r in found if counts(r)]
    for report in wanted:
        print(report, end="\n\n")
    others = len(found) - len(wanted)
    print(f"{len(wanted)} reports about our code, {others} about libraries'", file=sys.stderr)
    sys.exit(1 if wanted else 0)


if __name__ == "__main__":
    main()
