#!/usr/bin/python3
"""Usage: scripts/bench all [--seconds S] [--intents N] [--unsettled N] [--parts PART...]
                       [--json FILE] [--markdown FILE]

One report of all benchmarks, made in one run on this machine:

  calls      --seconds (2) of each load
  recovery   a start with --intents (20,000), --unsettled (1,000) of them cut off by a crash
  ledger     --intents written and verified
  questions  on a ledger of --intents

Prints Markdown and which goals are missed; --json keeps the figures. It ends with 1 only when a
benchmark does not work. Goals of recovery and of questions are of large ledgers: they say little
about a small one."""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(os.environ.get("BENCH_BIN", HERE))
PARTS = ("calls", "recovery", "ledger", "questions")
# Of the goals of recovery and questions.
_LARGE = 1_000_000


def run(part, command):
    """What it prints. Ends the process when it fails."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode != 0:
        raise SystemExit(f"bench {part}: ended with {done.returncode}")
    return done.stdout


def measure(part, options, folder):
    """The figures of a part, and a table of them in Markdown."""
    path = folder / f"{part}.json"
    if part == "calls":
        table = run(part, [sys.executable, "-B", HERE / "calls.py", "--seconds", options.seconds,
                           "--json", path])
    elif part == "recovery":
        run(part, [sys.executable, "-B", HERE / "recovery.py", "--intents", options.intents,
                   "--unsettled", options.unsettled, "--runs", 1, "--no-target", "--json", path])
        table = recovery_table(json.loads(path.read_text()))
    elif part == "ledger":
        printed = run(part, [BIN / "tests/bench/ledger_bench", "--intents", options.intents,
                             "--path", folder / "ledger.db"])
        figures = {}
        for line in printed.splitlines():
            figures |= json.loads(line)
        return figures, ledger_table(figures)
    else:
        table = run(part, [BIN / "tests/bench/questions_bench", "--intents", options.intents,
                           "--path", folder / "questions.db", "--writes", options.intents,
                           "--no-target", "--json", path])
    return json.loads(path.read_text()), table


def recovery_table(figures):
    lines = ["| the ledger's file is | SERVING after s | goal | | all settled after s | RSS MB |",
             "|---|---|---|---|---|---|"]
    for start in figures["starts"]:
        lines.append(f"| {start['file']} | {start['serving_s']} | < {figures['goal_s']} | "
                     f"{'met' if _is_quick(start, figures) else 'MISSED'} | "
                     f"{start['settled_s']} | {start['peak_rss_mb']} |")
    return "\n".join(lines) + "\n"


def _is_quick(start, figures):
    return start["serving_s"] < figures["goal_s"]


def ledger_table(figures):
    return "| figure | is |\n|---|---|\n" + "".join(
        f"| {name.replace('_', ' ')} | {value:,} |\n" for name, value in figures.items())


def missed(parts):
    """A line for every goal that is missed."""
    lines = []
    for figure in parts.get("calls", {}).get("figures", []):
        if figure["verdict"] == "MISSED":
            lines.append(f"calls: {figure['name']}: {figure['value']:,}, "
                         f"goal {figure['sign']} {figure['goal']:,}")
    recovery = parts.get("recovery", {"starts": []})
    for start in recovery["starts"]:
        if not _is_quick(start, recovery):
            lines.append(f"recovery: {start['file']}: {start['serving_s']} s, "
                         f"goal < {recovery['goal_s']}")
    for result in parts.get("questions", {}).get("results", []):
        if not result["met"]:
            value = result["p99"] if "p99" in result else result["value"]
            with_unit = f"{value:,.2f} {result['unit']}".rstrip()
            lines.append(f"questions: {result['question']}: {with_unit}, goal {result['goal']:,}")
    return lines


def report(parts, tables, when):
    lines = [f"# Benchmarks, {when:%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores", ""]
    for part, table in tables.items():
        small = part in ("recovery", "questions") and parts[part]["intents"] < _LARGE
        size = f", {parts[part]['intents']:,} intents" if "intents" in parts[part] else ""
        lines += [f"## {part}{size}", ""]
        lines += ["The goals are of larger ledgers.", ""] if small else []
        lines += [table.rstrip("\n"), ""]
    lines += ["## Goals that are missed", ""]
    lines += [f"- {line}" for line in missed(parts)] or ["none"]
    return "\n".join(lines) + "\n"


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--intents", type=int, default=20_000)
    parser.add_argument("--unsettled", type=int, default=1_000)
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS, metavar="PART")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path)
    return parser.parse_args()


def main():
    options = parse()
    parts, tables = {}, {}
    with tempfile.TemporaryDirectory(prefix="onetake-bench-") as folder:
        for part in options.parts:
            parts[part], tables[part] = measure(part, options, pathlib.Path(folder))
    when = datetime.datetime.now(datetime.timezone.utc)
    text = report(parts, tables, when)
    print(text)
    if options.markdown:
        options.markdown.write_text(text)
    if options.json:
        options.json.write_text(json.dumps({"at": when.isoformat(), "missed": missed(parts),
                                            "parts": parts}, indent=1) + "\n")


if __name__ == "__main__":
    main()
