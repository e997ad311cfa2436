"""Prints what scripts/coverage measured: a line a room, the core's rooms first."""

import argparse
import collections
import json
import pathlib

# What the promise rests on; 95 % of their branches is the goal.
CORE = ("runtime/intent", "runtime/policy", "runtime/ledger", "runtime/engine")
FIGURES = ("line_covered", "line_total", "branch_covered", "branch_total")


def share(covered, total):
    return f"{covered:6d} of {total:6d}  {100 * covered / total:5.1f} %" if total else ""


def row(name, figures):
    lines = share(figures["line_covered"], figures["line_total"])
    branches = share(figures["branch_covered"], figures["branch_total"])
    return f"{name:24}  {lines:24}  {branches}"


def print_rooms(summary):
    rooms = collections.defaultdict(collections.Counter)
    for file in summary["files"]:
        figures = {key: file[key] for key in FIGURES}
        rooms[str(pathlib.PurePath(file["filename"]).parent)].update(figures)
        rooms["all"].update(figures)
    print(f"{'':24}  {'lines':24}  branches")
    others = sorted(rooms.keys() - {*CORE, "all"})
    for name in [*CORE, *others, "all"]:
        print(row(name, rooms[name]))


def print_missed(lines, folder):
    for file in lines["files"]:
        if not file["file"].startswith(folder):
            continue
        for line in file["lines"]:
            never = [branch for branch in line["branches"] if branch["count"] == 0]
            if never:
                print(f"{file['file']}:{line['line_number']}: {len(never)} of"
                      f" {len(line['branches'])} branches never taken")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--missed")
    arguments = parser.parse_args()
    print_rooms(json.loads((arguments.dir / "summary.json").read_text()))
    if arguments.missed:
        print_missed(json.loads((arguments.dir / "lines.json").read_text()), arguments.missed)


main()
