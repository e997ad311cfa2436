"""Prints what scripts/coverage measured, from what `llvm-cov export` says: a line a room, the
core's rooms first."""

import argparse
import collections
import json
import pathlib

# What the promise rests on; 95 % of their branches is the goal.
CORE = ("runtime/intent", "runtime/policy", "runtime/ledger", "runtime/engine")
EXPANSION = 1  # the kind of a region that a macro fills


def use_of(function, root):
    """Where a function's code was written, by file number and line: a path and a line of ours, or
    None. What a macro makes has a file number of its own."""
    parents = {region[6]: region for region in function["regions"] if region[7] == EXPANSION}

    def place(number, line):
        while number in parents:
            line, number = parents[number][0], parents[number][5]
        path = pathlib.PurePath(function["filenames"][number])
        return (str(path.relative_to(root)), line) if path.is_relative_to(root) else None

    return place


class Branches:
    """Every condition, and how often it was true and false, over all instances of a template."""

    def __init__(self, export, root):
        self._root = root
        self._texts = {}
        self._counts = collections.defaultdict(lambda: [0, 0])
        for function in export["functions"]:
            place = use_of(function, root)
            for line, column, _, end, yes, no, file, *_ in function["branches"]:
                used = place(file, line)
                if used and not self._is_none(*used, column):
                    count = self._counts[(*used, line, column, end)]
                    count[0] += yes
                    count[1] += no

    def _is_none(self, path, line, column):
        """What is checked must hold, and a switch over all of an enum has no other case."""
        if path not in self._texts:
            self._texts[path] = (pathlib.Path(self._root) / path).read_text().splitlines()
        text = self._texts[path][line - 1]
        return "ONETAKE_CHECK(" in text or text[:column - 1].endswith("switch (")

    def of_rooms(self):
        rooms = collections.defaultdict(lambda: [0, 0])
        for (path, *_), count in self._counts.items():
            room = rooms[str(pathlib.PurePath(path).parent)]
            room[0] += sum(1 for times in count if times)
            room[1] += 2
        return rooms

    def missed(self, folder):
        for (path, line, _, column, _), count in sorted(self._counts.items()):
            if path.startswith(folder) and 0 in count:
                never = " or ".join(n for n, times in zip(("true", "false"), count) if not times)
                text = self._texts[path][line - 1].strip()
                yield f"{path}:{line}:{column}: never {never}: {text}"


def lines_of_rooms(export, root):
    rooms = collections.defaultdict(lambda: [0, 0])
    for file in export["files"]:
        path = pathlib.PurePath(file["filename"]).relative_to(root)
        room = rooms[str(path.parent)]
        room[0] += file["summary"]["lines"]["covered"]
        room[1] += file["summary"]["lines"]["count"]
    return rooms


def share(covered, total):
    return f"{covered:6d} of {total:6d}  {100 * covered / total:5.1f} %" if total else ""


def print_rooms(lines, branches):
    for figures in (lines, branches):
        figures["all"] = [sum(column) for column in zip(*figures.values())]
    others = sorted(lines.keys() - {*CORE, "all"})
    print(f"{'':24}  {'lines':24}  branches")
    for name in [*CORE, *others, "all"]:
        print(f"{name:24}  {share(*lines[name]):24}  {share(*branches[name])}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", help="of the sources")
    parser.add_argument("export", type=pathlib.Path, help="of llvm-cov, in JSON")
    parser.add_argument("--missed", metavar="FOLDER")
    arguments = parser.parse_args()
    export = json.loads(arguments.export.read_text())["data"][0]
    branches = Branches(export, arguments.root)
    print_rooms(lines_of_rooms(export, arguments.root), branches.of_rooms())
    if arguments.missed:
        print(*branches.missed(arguments.missed), sep="\n")


main()
