#!/usr/bin/python3
"""What scripts/mutate does: plants small bugs in the core, all in one build of a copy of the
repository, and counts which of them the unit tests and the simulation notice."""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

import mutants

ROOT = pathlib.Path(__file__).resolve().parents[2]
TREE = ROOT / "build/mutation/tree"
BUILD = TREE / "build/test"
# The rooms that decide whether a write is sent, and what is told of it.
CORE = ["runtime/intent/state.cc", "runtime/intent/key.cc", "runtime/intent/identity.cc",
        "runtime/policy/*.cc", "runtime/store/transaction.cc", "runtime/engine/*.cc",
        "runtime/ledger/group_commit.cc", "runtime/ledger/ledger_*.cc",
        "runtime/ledger/sqlite_ledger.cc", "runtime/ledger/transition_rules.cc",
        "runtime/ledger/chained_*.cc", "runtime/ledger/rows.cc", "runtime/ledger/restoration.cc"]
# What may notice a bug: programs of ctest with such names, and the simulation.
PROGRAMS = re.compile(r"(intent|policy|store|ledger|engine)_\w+_test|fuzz_execute_corpus")
ALIKE = pathlib.Path(__file__).with_name("alike.txt")


def command_of(path):
    for entry in json.loads((ROOT / "build/test/compile_commands.json").read_text()):
        if entry["file"] == str(ROOT / path):
            words = shlex.split(entry["command"])
            return [w for w in words[1:] if re.match(r"-(I|D|isystem|std)", w) or w.startswith("/")
                    and "include" in w]
    raise SystemExit(f"{path} is not built: see build/test/compile_commands.json")


def copy_tree(except_for):
    """The repository as it is, with what is new; the files that are to be changed come later."""
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                           cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
    for name in filter(None, names):
        source, target = ROOT / name, TREE / name
        same = target.is_file() and (name in except_for
                                     or target.read_bytes() == source.read_bytes())
        if same or not source.is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


class Planted:
    """The changed files in the copy."""

    def __init__(self, paths):
        self._first, self._files = {}, {}
        number = 1
        for path in paths:
            self._first[path] = number
            self._plant(path, frozenset())
            number = self._files[path].next

    def _plant(self, path, skip):
        file = mutants.File(ROOT / path, path, command_of(path), self._first[path], skip)
        target = TREE / path
        if not target.is_file() or target.read_bytes() != file.text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.text)
        self._files[path] = file

    def without(self, skip):
        """Takes these out. Parsing is slow: only of the files that have one."""
        for path, file in list(self._files.items()):
            if any(m.number in skip for m in file.mutants):
                self._plant(path, skip)

    def by_number(self):
        return {m.number: m for file in self._files.values() for m in file.mutants}


def in_tree(script):
    return subprocess.run(["bash", "-c", f"source scripts/lib.sh; {script}"], cwd=TREE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def build(paths):
    """The mutants that compile. One that does not is taken out, and the rest tried again."""
    skip, planted = set(), Planted(paths)
    targets = configured_targets()
    while True:
        made = in_tree(f"KEEP_GOING=1 build test {' '.join(targets)}")
        if made.returncode == 0:
            return planted.by_number()
        broken = set()
        for path, line in re.findall(r"(runtime/\S+\.cc):(\d+):\d+: error", made.stdout):
            text = (TREE / path).read_text().splitlines()[int(line) - 1]
            broken.update(int(n) for n in re.findall(r"onetake_mutation::On\((\d+)\)", text))
        if not broken - skip:
            raise SystemExit(made.stdout[-4000:] + "\nthe changed files do not compile")
        skip |= broken
        print(f"{len(broken)} do not compile and are left out", file=sys.stderr)
        planted.without(skip)


def configured_targets():
    """What has to be built: ctest knows no command of what is not built yet."""
    made = in_tree("build test help")
    if made.returncode:
        raise SystemExit(made.stdout[-4000:])
    rules = (BUILD / "build.ninja").read_text()
    names = re.findall(r"^build tests/\S*?(\w+): CXX_EXECUTABLE_LINKER", rules, re.M)
    return ["sim", "execute_fuzz", *sorted(name for name in names if PROGRAMS.fullmatch(name))]


def programs():
    """What ctest knows of the copy: name, command and folder."""
    listed = json.loads(subprocess.run(["ctest", "--test-dir", BUILD, "--show-only=json-v1"],
                                       check=True, capture_output=True).stdout)
    found = []
    for test in listed["tests"]:
        command = test.get("command", [""])
        if PROGRAMS.fullmatch(test["name"]) and command[0].startswith(str(BUILD)):
            properties = {p["name"]: p["value"] for p in test["properties"]}
            found.append({"name": test["name"], "command": command,
                          "folder": properties["WORKING_DIRECTORY"]})
    if len(found) < 20:
        raise SystemExit(f"only {len(found)} test programs in {BUILD}: what was not built?")
    found.append({"name": "sim", "command": [str(BUILD / "tests/sim/sim"), "--seeds", "6"],
                  "folder": str(BUILD)})
    return found


def run(program, environment, limit_s):
    """Whether it passes. Its own group, so that nothing of it stays when it takes too long."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        process = subprocess.Popen(program["command"], cwd=program["folder"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True,
                                   env={**os.environ, "TMPDIR": folder, "ONETAKE_SCALE": "0.1",
                                        **environment})
        try:
            return process.wait(limit_s) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            try:
                os.killpg(process.pid, 9)
            except ProcessLookupError:
                pass
            process.wait()


def baseline(known):
    """How long each program takes, and which mutants it comes past."""
    for program in known:
        with tempfile.NamedTemporaryFile(prefix="mutants-seen-") as seen:
            began = time.monotonic()
            if not run(program, {"MUTANTS_SEEN": seen.name}, 600):
                raise SystemExit(f"{program['name']} fails without any mutant")
            program["took_s"] = time.monotonic() - began
            program["seen"] = {int(n) for n in pathlib.Path(seen.name).read_text().split()}
    return sorted(known, key=lambda p: p["took_s"])


def judge(mutant, known):
    """The program that notices it, "" when none does, None when none comes past it."""
    past = [p for p in known if mutant.number in p["seen"]]
    for program in past:
        if not run(program, {"MUTANT": str(mutant.number)}, 5 * program["took_s"] + 5):
            return program["name"]
    return "" if past else None


def alike():
    """Changes that change nothing anybody could see: path, kind and text of each."""
    lines = ALIKE.read_text().splitlines() if ALIKE.exists() else []
    return {tuple(part.strip() for part in line.split(" | ")[:3]) for line in lines
            if line and not line.startswith("#")}


def report(judged, goal):
    """A line a file, then what nobody noticed. True when the goal is reached."""
    print(f"{'':38}mutants  noticed  not  never run")
    files = {}
    for mutant, by in judged:
        files.setdefault(mutant.path, []).append(by)
    for path, results in [*sorted(files.items()), ("all", [by for _, by in judged])]:
        noticed = sum(1 for by in results if by)
        print(f"{path:38}{len(results):7}{noticed:9}{results.count(''):5}{results.count(None):11}"
              f"  {100 * noticed / len(results):5.1f} %")
    for mutant, by in judged:
        if not by:
            state = "never run" if by is None else "not noticed"
            print(f"{mutant.path}:{mutant.line}: {state}: {mutant.kind}: {mutant.text[:120]}")
    share = sum(1 for _, by in judged if by) / max(1, len(judged))
    state_rules = files.get("runtime/intent/state.cc", ["all"])
    return share >= goal and all(state_rules)


def options():
    parser = argparse.ArgumentParser(prog="scripts/mutate", description=__doc__)
    parser.add_argument("files", nargs="*", metavar="FILE", help="default: the core")
    parser.add_argument("--sample", type=int, metavar="N", help="only N of them, chosen by --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="so many at once (default 2)")
    parser.add_argument("--again", metavar="REPORT",
                        help="only those that the report of an earlier run calls unnoticed")
    parser.add_argument("--goal", type=float, default=0.9,
                        help="ends with 1 below this share (default 0.9), and when one of the "
                             "states' rules is unnoticed")
    return parser.parse_args()


def chosen(planted, settings):
    same = alike()
    wanted = [m for m in planted.values() if (m.path, m.kind, m.text) not in same]
    if settings.again:
        told = json.loads(pathlib.Path(settings.again).read_text())
        left = {(m["path"], m["kind"], m["text"]) for m in told if not m["by"]}
        wanted = [m for m in wanted if (m.path, m.kind, m.text) in left]
    if settings.sample and settings.sample < len(wanted):
        wanted = random.Random(settings.seed).sample(wanted, settings.sample)
    return sorted(wanted, key=lambda m: m.number)


def main():
    settings = options()
    paths = settings.files or sorted({str(p.relative_to(ROOT)) for g in CORE for p in ROOT.glob(g)})
    copy_tree(except_for=paths)
    planted = build(paths)
    known = baseline(programs())
    wanted = chosen(planted, settings)
    print(f"{len(planted)} mutants in {len(paths)} files, {len(wanted)} to try", file=sys.stderr)
    with concurrent.futures.ThreadPoolExecutor(settings.jobs) as pool:
        judged = list(zip(wanted, pool.map(lambda m: judge(m, known), wanted)))
    (TREE.parent / "report.json").write_text(json.dumps(
        [{**dataclasses.asdict(m), "by": by} for m, by in judged], indent=1))
    sys.exit(0 if report(judged, settings.goal) else 1)


if __name__ == "__main__":
    main()
