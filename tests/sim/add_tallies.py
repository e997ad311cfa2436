"""Adds up what several runs of `sim` print, and repeats what they say of seeds: FILE..."""

import re
import sys

LISTS = ("faults", "answers")


def read(path, runs, lists):
    """In the first line of a tally numbers stand before their names, in its lists after them."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    for line in lines:
        name, _, rest = line.partition(":")
        if name in LISTS:
            for what, count in re.findall(r" ([^,]+) (\d+),", rest):
                lists[name][what] = lists[name].get(what, 0) + int(count)
        elif re.match(r"\d+ runs, ", line):
            for count, what in re.findall(r"([\d.]+) ([^,]+)", line):
                runs[what] = runs.get(what, 0) + float(count)
        elif line:
            print(line)


def main(paths):
    runs, lists = {}, {name: {} for name in LISTS}
    for path in paths:
        read(path, runs, lists)
    years = "simulated years"
    print(", ".join(f"{n:,.{2 if what == years else 0}f} {what}" for what, n in runs.items()))
    for name, counts in lists.items():
        print(f"{name}: " + ", ".join(f"{what} {n:,}" for what, n in sorted(counts.items())))
    print(f"{sum(lists['faults'].values()):,} faults in all")


if __name__ == "__main__":
    main(sys.argv[1:])
