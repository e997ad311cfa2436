"""A ledger of many intents, as a crash leaves it: made from two real ones by SQL. Its chain of
events is not one: a copied event keeps the hash of its template, and unless it is of an unsettled
intent, which a start looks at, the digests of its template's rows."""

import contextlib
import hashlib
import json
import sqlite3

from chain_by_hand import digest, encode
from harness import PracticeApi

_TABLES = ("intents", "bodies", "requests", "results", "attempts", "calls", "events")
# The two calls that are multiplied; "template" in any column becomes the intent's number.
_CALL = {"slot_iso": "2026-06-24T14:00:00-05:00", "provider_id": "dr-kim",
         "patient_id": "pat-template"}


def _call(api, **fields):
    return api.execute("book_appointment", json.dumps(_CALL), session_id="call-template",
                       tool_call_id="tc-template", **fields)


def _record_one(server, patience_ms):
    """The rows that one booking leaves in a ledger when onetaked is killed after the answer."""
    with server:
        _call(server.api(), patience_ms=patience_ms)
        server.kill()
        with contextlib.closing(sqlite3.connect(server.folder / "onetake.db")) as db:
            db.row_factory = sqlite3.Row
            return {table: [dict(row) for row in db.execute(f"SELECT * FROM {table}")]
                    for table in _TABLES}


def _expression(name, value, known, first_event, events):
    """The SQL of one column: the template's value with its ids exchanged."""
    if name in ("intent_row", "call_row"):
        return "n", []
    if name in ("seq", "last_seq"):
        return f"{first_event} + (n - lowest) * {events} + ?", [value]
    if name == "call_id":
        return "key || '-0'", []
    if isinstance(value, bytes):
        return "?", [value]  # digests: of the template
    if isinstance(value, str):
        sql, arguments = "?", [value]
        for old, new in known.items():
            if old in value:
                sql = f"replace({sql}, ?, {new})"
                arguments.append(old)
        return sql, arguments
    return "?", [value]


def _multiply(db, rows, lowest, highest, first_event):
    """Copies the template's rows for the intents lowest..highest."""
    [intent] = rows["intents"]
    known = {"template": "n", intent["key"]: "key", intent["intent_id"]: "intent_id"}
    if intent["result_ref"]:  # one booking's id would be everybody's
        intent["result_ref"] = "template"
    for table in _TABLES:
        parts, arguments = [], []
        for row in rows[table]:
            columns = [_expression(name, value, known, first_event, len(rows["events"]))
                       for name, value in row.items()]
            parts.append("SELECT " + ", ".join(f"{sql} AS {name}" for name, (sql, _) in
                                               zip(row, columns)) +
                         f" FROM (SELECT *, {lowest} AS lowest FROM ids"
                         f" WHERE n BETWEEN {lowest} AND {highest})")
            arguments += [value for _, bound in columns for value in bound]
        if parts:
            names = ", ".join(rows[table][0])
            order = "seq" if table == "events" else "1"
            db.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM"
                       f" ({' UNION ALL '.join(parts)}) ORDER BY {order}", arguments)


def _vouch(db, lowest, highest):
    """Lets the events of the intents lowest..highest say what is in their rows."""
    db.row_factory = sqlite3.Row
    triggers = [tuple(row) for row in
                db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")]
    for name, _ in triggers:
        db.execute(f"DROP TRIGGER {name}")
    for n in range(lowest, highest + 1):
        [request] = db.execute("SELECT request FROM requests WHERE intent_row = ?", (n,))
        raw = request[0].encode() if isinstance(request[0], str) else request[0]
        db.execute("UPDATE bodies SET request_digest = ? WHERE intent_row = ?",
                   (hashlib.sha256(raw).digest(), n))
        [intent] = db.execute("SELECT * FROM intents WHERE intent_row = ?", (n,))
        attempts = db.execute("SELECT * FROM attempts WHERE intent_row = ? ORDER BY number", (n,))
        parts = {"i": digest(encode("intents", intent),
                             *(encode("attempts", row) for row in attempts)),
                 "b": digest(*(encode("bodies", row) for row in db.execute(
                     "SELECT * FROM bodies WHERE intent_row = ?", (n,))))}
        for seq, old in db.execute("SELECT seq, digests FROM events WHERE intent_row = ?",
                                   (n,)).fetchall():
            new = b"".join(old[at:at + 1] + parts.get(chr(old[at]), old[at + 1:at + 33])
                           for at in range(0, len(old), 33))
            db.execute("UPDATE events SET digests = ? WHERE seq = ?", (new, seq))
    for _, sql in triggers:
        db.execute(sql)


def build(path, make_server, practice_address, intents, unsettled):
    """Fills the empty ledger at `path`: the last `unsettled` of `intents` are IN_FLIGHT. Their
    recorded requests go to `practice_address` (HOST:PORT), which is free again afterwards."""
    with PracticeApi("--listen", practice_address, "--time-scale", "0"):
        settled = _record_one(make_server(), 20_000)
    with PracticeApi("--listen", practice_address, "--p50-ms", "60000", "--p95-ms", "120000"):
        in_flight = _record_one(make_server(), 0)
    assert settled["intents"][0]["state"] == "SUCCEEDED"
    assert in_flight["intents"][0]["state"] == "IN_FLIGHT"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-2000000",
                       "temp_store=MEMORY"):
            db.execute(f"PRAGMA {pragma}")
        db.execute("BEGIN")
        db.execute("CREATE TEMP TABLE ids (n INTEGER PRIMARY KEY, key TEXT, intent_id TEXT)")
        db.execute("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?)"
                   " INSERT INTO ids SELECT n, lower(hex(randomblob(16))),"
                   " lower(hex(randomblob(16))) FROM c", (intents,))
        old = intents - unsettled
        _multiply(db, settled, 1, old, 0)
        _multiply(db, in_flight, old + 1, intents, old * len(settled["events"]))
        _vouch(db, old + 1, intents)
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode=WAL")
