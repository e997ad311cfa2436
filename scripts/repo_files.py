"""Which files the checks look at."""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


def tracked(root):
    """Paths of git's tracked files below `root`, relative, sorted; deleted ones left out.

    Without git (an unpacked archive) every file that is not hidden or built.
    """
    # A clone that belongs to another user must not stop the checks.
    command = ["git", "-c", "safe.directory=*", "-C", str(root), "ls-files", "-z"]
    try:
        out = subprocess.run(command, check=True, capture_output=True).stdout
        names = [name for name in out.decode().split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = [str(path.relative_to(root)) for path in root.rglob("*")]
        names = [name for name in names if not name.startswith((".", "build/"))]
    return sorted(name for name in names if (root / name).is_file())
