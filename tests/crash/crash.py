#!/usr/bin/python3
"""Usage: scripts/crash [--cycles N] [--mode keyed|probed|none] [--seed S] [--short]

Kills onetaked with SIGKILL, at named fail points and at random moments, with 200 bookings in flight
against the demo's practice, which commits and then stalls, resets or answers 500; kills it again
while it recovers; lets agents try again in other words; then compares what they were told, the
practice's rows and the ledger. Prints counts, and exits 1 when a promise is broken:

  keyed, probed  every intent is exactly one row, none is stuck, none is left to a person
  none           every intent is at most one row, every doubtful one is in REVIEW

  --cycles N     crashes under load, over all modes (default 300)
  --mode MODE    only this one
  --seed S       same seed: same places, same faults of the practice (default: random, printed)
  --short        20 cycles times ONETAKE_SCALE, for ctest
"""

import argparse
import collections
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import kills
from mode_run import MODES, ModeRun

SHORT_CYCLES = 20
DEFAULT_CYCLES = 300
# From so many cycles on, every fail point's turn has come, with several hits.
FULL_CYCLES = 300
LINES = ("cycles", "kills", "starts that found some", "found in flight at a start", "intents",
         "calls", "calls held back", "attempts", "later generations", "told DONE", "rows",
         "in review", "in review with a row", "told DONE without a row", "lost", "stuck",
         "duplicates", "breaches")
# What a whole run has to come by, or it shows less than it says.
MET = ("starts that found some", "found in flight at a start", "calls held back",
       "later generations", "told DONE", "in review", "in review with a row")


def parse(arguments):
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--cycles", type=int)
    parser.add_argument("--mode", choices=MODES)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--result")  # internal: one mode's numbers, as JSON, for the parent
    options = parser.parse_args(arguments)
    if options.help:
        print(__doc__.strip())
        sys.exit(0)
    if options.cycles is None:
        scale = float(os.environ.get("ONETAKE_SCALE", "1"))
        options.cycles = max(3, round(SHORT_CYCLES * scale)) if options.short else DEFAULT_CYCLES
    if options.cycles < 1:
        parser.error("--cycles must be at least 1")
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1, 2**31)
    return options


def run_mode(options):
    """One mode in this process; its numbers into the file --result."""

    def progress(cycle):
        print(f"crash: {options.mode}: {cycle.number + 1} of {options.cycles} cycles, "
              f"{len(run.breaches)} breaches", file=sys.stderr, flush=True)

    offset = MODES.index(options.mode) / len(MODES)
    run = ModeRun(options.mode, options.cycles, options.seed, offset)
    run.run(progress if options.cycles <= 10 else
            lambda cycle: progress(cycle) if cycle.number % 10 == 9 else None)
    pathlib.Path(options.result).write_text(json.dumps({
        "counts": run.counts, "missed": run.missed, "breaches": run.breaches,
        "kills": [[phase, place, n] for (phase, place), n in run.kills.items()]}))


def run_modes(options, modes):
    """A process a mode, all at once; mode -> numbers. A process that fails is a breach."""
    results = {}
    with tempfile.TemporaryDirectory(prefix="onetake-crash-") as folder:
        children = {}
        for index, mode in enumerate(modes):
            share = options.cycles // len(modes) + (index < options.cycles % len(modes))
            if share:
                children[mode] = subprocess.Popen(
                    [sys.executable, __file__, "--mode", mode, "--cycles", str(share),
                     "--seed", str(options.seed), "--result", f"{folder}/{mode}"])
        for mode, child in children.items():
            code = child.wait()
            try:
                results[mode] = json.loads(pathlib.Path(f"{folder}/{mode}").read_text())
            except FileNotFoundError:
                results[mode] = {"counts": {}, "missed": {}, "kills": [],
                                 "breaches": [f"the run itself failed with {code}, see above"]}
    return results


def print_counts(results):
    print(f"{'':32}" + "".join(f"{mode.upper():>10}" for mode in results))
    for line in LINES:
        numbers = [len(r["breaches"]) if line == "breaches" else r["counts"].get(line, 0)
                   for r in results.values()]
        print(f"{line:32}" + "".join(f"{number:>10,}" for number in numbers))


def print_kills(results):
    """Places by phase, over all modes; the fail points that no process died at."""
    table = collections.defaultdict(collections.Counter)
    for result in results.values():
        for phase, place, number in result["kills"]:
            table[place][phase] += number
    phases = ("start", "load", "recovery", "idle")
    print(f"\n{'kills at':32}" + "".join(f"{phase:>10}" for phase in phases))
    for place in sorted(table, key=lambda place: (place == kills.RANDOM, place)):
        print(f"{place:32}" + "".join(f"{table[place][phase]:>10,}" for phase in phases))
    missed = sum(sum(result["missed"].values()) for result in results.values())
    print(f"{missed} of the kills at random were meant for a fail point whose hit did not come")
    return [name for name in kills.fail_points() if name not in table]


def main(arguments):
    options = parse(arguments)
    if options.result:
        run_mode(options)
        return 0
    began = time.monotonic()
    modes = [options.mode] if options.mode else MODES
    results = run_modes(options, modes)
    print_counts(results)
    unused = print_kills(results)
    broken = [f"{mode}: {b}" for mode, result in results.items() for b in result["breaches"]]
    if options.cycles >= FULL_CYCLES:
        unmet = [what for what in MET
                 if not any(result["counts"].get(what) for result in results.values())]
        broken += [f"no process died at {place}" for place in unused]
        broken += [f"the run met nothing of this: {what}" for what in unmet]
    for breach in broken[:40]:
        print(f"crash: BROKEN: {breach}", file=sys.stderr)
    print(f"\n{'BROKEN' if broken else 'Every promise held'}: seed {options.seed}, "
          f"{options.cycles} cycles, {time.monotonic() - began:.0f} s")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
