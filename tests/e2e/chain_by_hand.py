"""The ledger's chain, verified by another program: only runtime/ledger/CHAIN.md is its guide."""

import hashlib
import json
import sqlite3
import struct

_ROWS, _LINK, _GENESIS = (f"onetake.ledger.{name}.1\0".encode() for name in
                          ("rows", "link", "genesis"))
_TABLES = {"b": "bodies", "k": "intent_keys", "r": "results", "c": "calls", "a": "attributes"}


def _sized(raw):
    return struct.pack(">I", len(raw)) + raw


def _value(value):
    if isinstance(value, int):
        return b"i" + struct.pack(">q", value)
    return b"t" + _sized(value.encode()) if isinstance(value, str) else b"b" + _sized(value)


def encode(table, row, without=()):
    """`row`: a sqlite3.Row, or a dict."""
    columns = (_sized(name.encode()) + _value(row[name]) for name in row.keys()
               if row[name] is not None and name not in without)
    return _sized(table.encode()) + b"".join(columns) + b"e"


def digest(*rows):
    return hashlib.sha256(_ROWS + b"".join(rows)).digest()


def link(number, previous, record):
    return hashlib.sha256(_LINK + struct.pack(">q", number) + previous + record).digest()


class Chain:
    """Reads a ledger's file; `faults` says what is wrong with it, `head` is (seq, hash in hex)."""

    def __init__(self, path):
        self._db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self.faults = []
        self.kinds, self.rules = [], []
        try:
            self._db.execute("BEGIN")
            self._walk()
        finally:
            self._db.close()

    def _rows(self, sql, *arguments):
        return self._db.execute(sql, arguments).fetchall()

    def _walk(self):
        [[instance]] = self._rows("SELECT value FROM meta WHERE name = 'instance_id'")
        previous, number = hashlib.sha256(_GENESIS + instance.encode()).digest(), 0
        base = dict(tuple(row) for row in self._rows("SELECT * FROM meta"))
        self._gone = {"intent_row": 0, "call_row": 0}
        if "pruned_seq" in base:
            number, previous = int(base["pruned_seq"]), bytes.fromhex(base["pruned_hash"])
            self._gone = {"intent_row": int(base["pruned_intents"]),
                          "call_row": int(base["pruned_calls"])}
            said = {"seq": number, "hash": base["pruned_hash"], **self._gone}
            [[kind, evidence]] = self._rows("SELECT kind, evidence FROM events WHERE seq = ?",
                                            int(base["pruned_by"]))
            if kind != "pruned" or json.loads(evidence) != said:
                self.faults.append("beginning")
        gone = self._rows("SELECT intent_row, call_row FROM events"
                          " WHERE kind IN ('aged', 'erased')")
        self._erased_intents = {row["intent_row"] for row in gone if row["call_row"] is None}
        self._erased_calls = {row["call_row"] for row in gone}
        for event in self._rows("SELECT * FROM events ORDER BY seq"):
            number += 1
            record = digest(encode("events", event, without=("seq", "hash")))
            if event["seq"] != number or event["hash"] != link(number, previous, record):
                self.faults.append(f"event {number}")
                return
            previous = event["hash"]
            if event["kind"] == "altered":
                self.faults.append(f"event {number}: altered")
            self.kinds.append(event["kind"])
            self.rules.append(event["rule"])
            self._check_parts(event)
        self.head = (number, previous.hex())
        for table, key in (("intents", "intent_row"), ("calls", "call_row")):
            for row in self._rows(f"SELECT {key} AS id, last_seq FROM {table}"):
                if not self._rows(f"SELECT 1 FROM events WHERE seq = ? AND {key} = ?",
                                  row["last_seq"], row["id"]):
                    self.faults.append(f"row {row['id']} of {table}")

    def _check_parts(self, event):
        parts = event["digests"]
        for at in range(0, len(parts), 33):
            letter, expected = chr(parts[at]), parts[at + 1:at + 33]
            key = "call_row" if letter in "ca" else "intent_row"
            if event[key] <= self._gone[key] or self._may_be_gone(event, letter):
                continue
            if letter == "i":
                rows = self._intent(event)
            else:
                table = _TABLES[letter]
                found = self._rows(f"SELECT * FROM {table} WHERE {key} = ?" +
                                   (" ORDER BY name" if letter == "a" else ""), event[key])
                rows = [encode(table, row) for row in found
                        if letter != "c" or row["last_seq"] == event["seq"]]
                if letter == "c" and found and not rows:
                    continue
            if rows is not None and digest(*rows) != expected:
                self.faults.append(f"event {event['seq']}: {letter}")

    def _may_be_gone(self, event, letter):
        """An event says that it was erased or has aged."""
        if letter == "a" and event["call_row"] in self._erased_calls:
            return True
        return letter in "bkra" and event["intent_row"] in self._erased_intents

    def _intent(self, event):
        [intent] = self._rows("SELECT * FROM intents WHERE intent_row = ?", event["intent_row"])
        if intent["last_seq"] != event["seq"]:
            return None
        if intent["state"] != event["to_state"]:
            self.faults.append(f"event {event['seq']}: state")
        return [encode("intents", intent)] + [
            encode("attempts", row) for row in self._rows(
                "SELECT * FROM attempts WHERE intent_row = ? ORDER BY number",
                event["intent_row"])]
