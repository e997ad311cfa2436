#!/usr/bin/python3
"""Usage: scripts/bench calls [--seconds S] [--json FILE] [--markdown FILE] [--only GROUP...]
                         [--stored N...] [--guard FILE] [--keep-lowest FILE]

What a call costs, all in one run on this machine, so that the ratios mean something. Groups:

  echo      a bare gRPC server with our messages: callback API, and one completion queue
  commits   SQLite's group commit alone
  direct    the downstream without onetake
  calls     onetaked with a quick HTTP downstream: new writes (unary, and over sessions), replays,
            reads, 16 callers of one intent, new writes while two auditors read; before them how
            long this disk's fdatasync takes
  overload  the server on a core of its own: its peak with as many callers as `limits.in_flight`
            lets in (the median of three), three times as many, who come again when a refusal
            says, three times the peak a second by callers who heed nothing, and three times what
            `limits.tenant.rate` lets in
  growth    new writes to ledgers that hold so many intents already (--stored; not by default)

Prints Markdown, each goal beside its figure; --json keeps them. --guard ends with 1 when a figure
of the file is worse by more than a fifth, and is so again when its groups are repeated, or when
none has its name any more. --keep-lowest writes such a file, or puts in it what is worse than it
was.

"added" is what onetaked adds, at each percentile, to the downstream called directly. "syncs" are
those of onetake_ledger_syncs_total (runtime/server/OPERATIONS.md), "ledger bytes" those of the file
and its WAL once that is copied into the file and empty."""

import argparse
import json
import pathlib
import resource
import sys

sys.dont_write_bytecode = True
from call_groups import Bench
from calls_report import Report, fallen, kept

GROUPS = ("echo", "commits", "direct", "calls", "overload")
# How often what has fallen is measured again before it counts: this machine is shared.
REPEATS = 5


def guard(bench, options):
    """Ends the process with 1 when a figure stays worse."""
    baseline = json.loads(options.guard.read_text())
    below = fallen(Report(bench.rows), baseline, options.only)
    for _ in range(REPEATS):
        if all(value is None for _, value, _ in below):
            break
        print(f"measured again: {', '.join(name for name, _, _ in below)}", file=sys.stderr)
        again = Bench(options.seconds, options.stored)
        again.run(options.only)
        names = {name for name, _, _ in fallen(Report(again.rows), baseline, options.only)}
        below = [entry for entry in below if entry[0] in names]
    if below:
        raise SystemExit("worse than it was:\n" + "\n".join(
            f"{name}: {'not measured any more' if value is None else value}, was {before}"
            for name, value, before in below))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path)
    parser.add_argument("--guard", type=pathlib.Path)
    parser.add_argument("--keep-lowest", type=pathlib.Path)
    parser.add_argument("--stored", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--only", nargs="+", default=GROUPS, choices=(*GROUPS, "growth"),
                        metavar="GROUP")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY or most > 4096:
        most = 4096
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    bench = Bench(options.seconds, options.stored)
    bench.run(options.only)
    report = Report(bench.rows)
    print(report.markdown())
    if options.markdown:
        options.markdown.write_text(report.markdown())
    if options.json:
        options.json.write_text(report.json())
    if options.keep_lowest:
        before = json.loads(options.keep_lowest.read_text()) if options.keep_lowest.exists() else {}
        options.keep_lowest.write_text(json.dumps(kept(report, before), indent=1) + "\n")
    if options.guard:
        guard(bench, options)


if __name__ == "__main__":
    main()
