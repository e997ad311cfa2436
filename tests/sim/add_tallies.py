"""Adds up what several runs of `sim` print, and repeats what they say of seeds:
[--complete] FILE...

With --complete it ends with 1 unless everything that can happen in a run has happened in one: what
never happens, nobody watches. And unless few enough writes were left to a person, which is what
would hide that nothing is found out any more.
"""

import pathlib
import re
import sys

SOURCES = pathlib.Path(__file__).resolve().parent

LISTS = ("faults", "answers", "moves", "events", "reviews")


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


# What the sources do not name where it happens.
ANSWERS = (
    "CONFLICT DONE FAILED INVALID NEEDS_CONFIRMATION NEEDS_REVIEW PENDING REJECTED UNCERTAIN"
    " WITHDRAWN"
)
MOVES = (
    ">IN_FLIGHT IN_FLIGHT>SUCCEEDED IN_FLIGHT>REJECTED IN_FLIGHT>UNKNOWN UNKNOWN>SUCCEEDED"
    " UNKNOWN>REJECTED UNKNOWN>REVIEW REVIEW>SUCCEEDED REVIEW>REJECTED SUCCEEDED>REVERSED"
    " REVERSED>SUCCEEDED"
)
MOST_REVIEWS = 0.12  # of all intents; 0.078 are, of 1,300 seeds


def faults_of_the_sources():
    """The names under which faults are counted."""
    names = set()
    for path in SOURCES.glob("*.cc"):
        text = path.read_text(encoding="utf-8")
        names |= set(re.findall(r'(?:Hit|fails)\(\s*"([^"]+)"', text))
        names |= set(re.findall(r'\{"([^"]+)", disk\.', text))
    return names - {"read error"}  # the ledger reads its file so seldom that many runs have none


def missing(runs, lists):
    """What should have happened, and has not; what should be rarer."""
    names = {
        "faults": faults_of_the_sources(),
        "answers": ANSWERS.split(),
        "moves": MOVES.split(),
    }
    never = [
        f"never among the {kind}: {name}"
        for kind, all_of_kind in names.items()
        for name in all_of_kind
        if name not in lists[kind]
    ]
    reviews = sum(lists["reviews"].values())
    many = reviews > MOST_REVIEWS * runs.get("intents", 0)
    return never + [f"{reviews} writes are left to a person"] * many


def main(arguments):
    paths = [argument for argument in arguments if argument != "--complete"]
    runs, lists = {}, {name: {} for name in LISTS}
    for path in paths:
        read(path, runs, lists)
    years = "simulated years"
    print(", ".join(f"{n:,.{2 if what == years else 0}f} {what}" for what, n in runs.items()))
    for name, counts in lists.items():
        print(f"{name}: " + ", ".join(f"{what} {n:,}" for what, n in sorted(counts.items())))
    print(f"{sum(lists['faults'].values()):,} faults in all")
    wrong = missing(runs, lists) if paths != arguments else []
    print("".join(f"{what}\n" for what in sorted(wrong)), end="")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
