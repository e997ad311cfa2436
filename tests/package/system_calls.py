#!/usr/bin/python3
"""Usage: system_calls.py UNIT TRACE...

Checks that what strace -f saw of onetaked would be allowed by the unit's SystemCallFilter,
MemoryDenyWriteExecute and RestrictAddressFamilies. Prints what would not be, and exits 1; the last
line counts the calls."""

import pathlib
import re
import subprocess
import sys

CALL = re.compile(r"^\d+ +(\w+)\((.*)")
# Which calls MemoryDenyWriteExecute refuses, by systemd.exec(5).
WRITE_EXECUTE = [
    ("mmap", r"PROT_WRITE\|PROT_EXEC"),
    ("mprotect", r"PROT_EXEC"),
    ("pkey_mprotect", r"PROT_EXEC"),
    ("shmat", r"SHM_EXEC"),
]


def settings(unit, name):
    return re.findall(rf"^{name}=(.*)$", unit, re.MULTILINE)


def members(group):
    """The system calls of a group, those of the groups in it too."""
    text = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True,
                          text=True, check=True).stdout
    calls = set()
    for word in re.findall(r"^ +(@?[a-z0-9_-]+)$", text, re.MULTILINE):
        calls |= members(word) if word.startswith("@") else {word}
    return calls


def allowed_calls(unit):
    allowed = set()
    for line in settings(unit, "SystemCallFilter"):
        # The first line says what is allowed, "~" takes away. systemd itself always allows these.
        groups = set().union(*(members(word) for word in line.lstrip("~").split()))
        allowed = allowed - groups if line.startswith("~") else allowed | groups
    return allowed | members("@default")


def faults(unit, traces):
    allowed = allowed_calls(unit)
    families = set(settings(unit, "RestrictAddressFamilies")[0].split())
    seen, bad = set(), set()
    for trace in traces:
        ours = False  # what starts it is not bound by the unit
        for line in pathlib.Path(trace).read_text(encoding="utf-8", errors="replace").splitlines():
            call = CALL.match(line)
            if not call:
                continue
            name, rest = call.groups()
            if not ours:
                ours = name == "execve" and "/usr/bin/onetaked" in rest
                continue
            seen.add(name)
            if name not in allowed:
                bad.add(f"{name}: not in SystemCallFilter")
            for refused, pattern in WRITE_EXECUTE:
                if name == refused and re.search(pattern, rest):
                    bad.add(f"{name}: {rest}: MemoryDenyWriteExecute")
            family = re.match(r"(AF_\w+)", rest) if name == "socket" else None
            if family and family.group(1) not in families:
                bad.add(f"socket: {family.group(1)} is not in RestrictAddressFamilies")
    return seen, bad


def main():
    unit = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
    seen, bad = faults(unit, sys.argv[2:])
    print("\n".join(sorted(bad)))
    print(f"{len(seen)} kinds of calls")
    # A trace without a start shows nothing.
    return 1 if bad or len(seen) < 30 else 0


if __name__ == "__main__":
    sys.exit(main())
