"""Takes the last step of the ledger's schema back, so that a test can upgrade to it."""

import contextlib
import re
import sqlite3

from harness import ROOT

_STEP = re.compile(r'\{(\d+),\s*R"sql\((.*?)\)sql"\}', re.DOTALL)


def _steps():
    """(version, SQL) of each step, as schema.cc has them."""
    text = (ROOT / "runtime" / "ledger" / "schema.cc").read_text()
    return [(int(version), sql) for version, sql in _STEP.findall(text)]


def _objects(db):
    """{(type, name): SQL} of what was created by a statement."""
    return {(kind, name): sql for kind, name, sql in db.execute(
        "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL")}


def _fresh(steps):
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        for _, sql in steps:
            db.executescript(sql)
        return _objects(db)


def newest_version():
    return _steps()[-1][0]


def version(path):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]


def take_last_step_back(path):
    """Nobody may have the file open. Knows steps that change indexes, triggers and views alone; one
    that changes tables needs its rows taken back, too."""
    *earlier, last = _steps()
    was, is_now = _fresh(earlier), _fresh([*earlier, last])
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        assert _objects(db) == is_now, "the ledger has not the newest schema"
        db.execute("BEGIN")
        for (kind, name), sql in is_now.items():
            if was.get((kind, name)) != sql:
                assert kind != "table", f"step {last[0]} changes the table {name}"
                db.execute(f"DROP {kind} {name}")
        for key, sql in was.items():
            if is_now.get(key) != sql:
                db.execute(sql)
        db.execute(f"PRAGMA user_version = {earlier[-1][0]}")
        db.execute("COMMIT")
        assert _objects(db) == was
