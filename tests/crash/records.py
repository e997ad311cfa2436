"""The three records of a run, compared: what callers were told, the practice's rows, the ledger."""

import collections
import contextlib
import sqlite3

from chain_by_hand import Chain

UNSETTLED = ("IN_FLIGHT", "UNKNOWN")


def _read_only(path):
    return contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10))


def practice_rows(path):
    """patient -> [(id, slot in seconds, provider)], what is booked."""
    rows = collections.defaultdict(list)
    with _read_only(path) as db:
        for patient, row_id, slot, provider in db.execute(
                "SELECT patient, id, slot, provider FROM appointments WHERE cancelled = 0"):
            rows[patient].append((str(row_id), slot, provider))
    return rows


def ledger_intents(path):
    """session -> [(intent_id, generation, state, attempts, result)], in order of generations."""
    intents = collections.defaultdict(list)
    with _read_only(path) as db:
        for session, *intent in db.execute(
                "SELECT session_id, intent_id, generation, state, attempts, result FROM intents"
                " LEFT JOIN results USING (intent_row) ORDER BY intent_id, generation"):
            intents[session].append(tuple(intent))
    return intents


def _told_breaches(wish, own, intents):
    """What a caller was told against what is there."""
    done = [told for told in wish.told if told.what == "DONE"]
    recorded = {(i, generation): (state, result) for i, generation, state, _, result in intents}
    ids = {row_id for row_id, _, _ in own}
    results = {}
    for told in done:
        state, result = recorded.get((told.intent_id, told.generation), ("missing", None))
        if state != "SUCCEEDED":
            yield f"told DONE, the ledger says {state}"
        elif isinstance(result, bytes):  # sealed: compared by what other callers were told
            results.setdefault((told.intent_id, told.generation), told.result_json)
            if results[told.intent_id, told.generation] != told.result_json:
                yield "told another result than before"
        elif not told.result_unavailable and result != told.result_json:
            yield "told another result than the ledger holds"
        if not own:
            yield "told DONE without a row"
        elif not told.result_unavailable and told.appointment_id() not in ids:
            yield "told DONE with the id of no row"
    for told in wish.told:
        if told.what == "REJECTED" and told.generation:
            state, _ = recorded.get((told.intent_id, told.generation), ("missing", None))
            if state != "REJECTED":
                yield f"told REJECTED, the ledger says {state}"
    after_done = wish.told[wish.told.index(done[0]):] if done else []
    for told in after_done:
        if told.what not in ("DONE", "UNAVAILABLE"):
            yield f"told DONE, later {told.what}"


def _state_breaches(mode, wish, own, intents):
    """Rows against the ledger, and both against what the mode promises."""
    states = [state for _, _, state, _, _ in intents]
    if len({intent_id for intent_id, *_ in intents}) > 1:
        yield "one wish, several intents"
    if own and not intents:
        yield "a row, and the ledger knows nothing: sent before its claim was durable"
    if len(own) > 1:
        yield f"{len(own)} rows"
    if any(slot != wish.slot.timestamp() or provider != wish.provider for _, slot, provider in own):
        yield "a row for another slot"
    if any(state in UNSETTLED for state in states):
        yield "stuck: not settled in time"
    if states.count("SUCCEEDED") > 1:
        yield "two generations took effect"
    if "SUCCEEDED" in states and not own:
        yield "the ledger says SUCCEEDED, and there is no row"
    if own and not {"SUCCEEDED", "REVIEW"} & set(states):
        yield f"a row, and the ledger says {states}"
    if wish.is_open:
        yield f"stuck: the last answer is {wish.last.what}"
    if mode != "none":
        if len(own) != 1:
            yield f"{len(own)} rows, and one is promised"
        if "REVIEW" in states:
            yield "in REVIEW, although it could be found out"
    elif wish.last.what == "NEEDS_REVIEW" and states[-1:] != ["REVIEW"]:
        yield f"told NEEDS_REVIEW, the ledger says {states[-1:]}"


def check_cycle(mode, wishes, rows, intents):
    """(counts, breaches) of one cycle's callers."""
    counts, breaches = collections.Counter(), []
    for wish in wishes:
        own, mine = rows.get(wish.patient, []), intents.get(wish.session, [])
        found = [*_told_breaches(wish, own, mine), *_state_breaches(mode, wish, own, mine)]
        in_review = any(state == "REVIEW" for _, _, state, _, _ in mine)
        counts.update({
            "intents": 1, "rows": len(own), "duplicates": max(0, len(own) - 1),
            "told DONE": wish.last.what == "DONE",
            "told DONE without a row": any("without a row" in breach for breach in found),
            "in review": in_review, "in review with a row": in_review and bool(own),
            "stuck": any("stuck" in breach for breach in found),
            "lost": any("there is no row" in breach for breach in found),
            "attempts": sum(attempts for *_, attempts, _ in mine),
            "later generations": max(0, len(mine) - 1)})
        breaches += [f"{wish.session}: {breach}" for breach in found]
    return counts, breaches


def check_ledger(path):
    """(calls held back, breaches) of a ledger at the end."""
    breaches = []
    with _read_only(path) as db:
        for (line,) in db.execute("PRAGMA integrity_check"):
            if line != "ok":
                breaches.append(f"integrity_check: {line}")
        if db.execute("PRAGMA foreign_key_check").fetchall():
            breaches.append("foreign_key_check: rows point nowhere")
        count, last = db.execute("SELECT count(*), coalesce(max(seq), 0) FROM events").fetchone()
        if count != last:
            breaches.append(f"{count} events, the last is number {last}")
        state = {}
        for row, before, after in db.execute(
                "SELECT intent_row, from_state, to_state FROM events WHERE to_state != ''"
                " ORDER BY seq"):
            if before != state.get(row, ""):
                breaches.append(f"row {row}: an event from {before} in state {state.get(row)}")
            state[row] = after
        for row, now in db.execute("SELECT intent_row, state FROM intents"):
            if state.get(row) != now:
                breaches.append(f"row {row} is {now}, its events say {state.get(row)}")
        (running,) = db.execute(
            "SELECT count(*) FROM attempts WHERE ended_at IS NULL").fetchone()
        if running:
            breaches.append(f"{running} attempts never ended")
        (held,) = db.execute("SELECT count(*) FROM v_duplicates_prevented").fetchone()
    breaches += [f"chain: {fault}" for fault in Chain(path).faults]
    return held, breaches


def check_practice(path, patients, ledgers):
    """Breaches in the practice's own file, at the end, when nothing can land any more."""
    breaches = []
    for patient, own in practice_rows(path).items():
        if patient not in patients:
            breaches.append(f"{patient}: {len(own)} rows that nobody asked for")
        elif len(own) > 1:
            breaches.append(f"{patient}: {len(own)} rows at the end")
    known = set()
    for ledger in ledgers:
        with _read_only(ledger) as db:
            known.update(key for (key,) in db.execute("SELECT key FROM intents"))
    with _read_only(path) as db:
        keys = {key for (key,) in db.execute("SELECT key FROM keyed_answers")}
    if keys - known:
        breaches.append(f"the practice saw {len(keys - known)} keys that no ledger holds")
    return breaches
