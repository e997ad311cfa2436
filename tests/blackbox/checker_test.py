"""The checker finds what is planted in a history, and nothing in a history that is right."""

import copy
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

import json

import checker

RESULT = '{"id":"7"}'


def good():
    """One wish that was done and whose drift was refused; one that was refused, then done; and a
    conversation of two by streams, the first of which was dropped while one of them was open."""
    wishes = [{"wish": w, "patient": f"pat-{w}", "other_patient": f"pat-{w}-other", "slot": 1000,
               "provider": "dr-kim"} for w in ("w1", "w2", "w3", "w4")]

    def call(wish, number, disposition, generation=1, drift=False, result="", session=None):
        return {"wish": wish, "client": 1, "session": session or f"s-{wish}",
                "tool_call_id": f"tc-{number}", "drift": drift, "sent_at": number,
                "answered_at": number + 0.5, "status": "OK", "disposition": disposition,
                "intent_id": f"i-{wish}", "generation": generation, "result": result}

    calls = [call("w1", 1, "PENDING"), call("w1", 2, "DONE", result=RESULT),
             call("w1", 3, "CONFLICT", drift=True), call("w1", 4, "DONE", result=RESULT),
             call("w2", 5, "REJECTED"), call("w2", 6, "DONE", 2, result='{"id":"8"}'),
             {"wish": "w2", "client": 1, "session": "s-w2", "tool_call_id": "tc-9", "drift": False,
              "sent_at": 7, "status": "UNAVAILABLE"},
             call("w3", 20, "PENDING"), call("w4", 24, "DONE", result='{"id":"10"}',
                                             session="s-w3"),
             call("w3", 25, "DONE", result='{"id":"9"}')]
    rows = [{"id": "7", "patient": "pat-w1", "slot": 1000, "provider": "dr-kim", "cancelled": 0},
            {"id": "8", "patient": "pat-w2", "slot": 1000, "provider": "dr-kim", "cancelled": 0},
            {"id": "9", "patient": "pat-w3", "slot": 1000, "provider": "dr-kim", "cancelled": 0},
            {"id": "10", "patient": "pat-w4", "slot": 1000, "provider": "dr-kim", "cancelled": 0}]
    export = []

    def event(seq, wish, generation, kind, before, after):
        entry = {"record": "event", "seq": str(seq), "intent_id": f"i-{wish}",
                 "generation": generation, "kind": kind, "to": f"INTENT_STATE_{after}"}
        if before:
            entry["from"] = f"INTENT_STATE_{before}"
        export.append(entry)

    def intent(wish, generation, state, session=None):
        export.append({"record": "intent", "session_id": session or f"s-{wish}",
                       "intent": {"id": f"i-{wish}", "generation": generation,
                                  "state": f"INTENT_STATE_{state}"}})

    event(1, "w1", 1, "claimed", None, "IN_FLIGHT")
    event(2, "w1", 1, "unknown", "IN_FLIGHT", "UNKNOWN")
    event(3, "w1", 1, "settled", "UNKNOWN", "SUCCEEDED")
    event(4, "w2", 1, "claimed", None, "IN_FLIGHT")
    event(5, "w2", 1, "settled", "IN_FLIGHT", "REJECTED")
    event(6, "w2", 2, "claimed", None, "IN_FLIGHT")
    event(7, "w2", 2, "settled", "IN_FLIGHT", "SUCCEEDED")
    # A call that changed no intent.
    export.append({"record": "event", "seq": "8", "intent_id": "i-w1", "generation": 1,
                   "kind": "call", "from": "INTENT_STATE_UNSPECIFIED",
                   "to": "INTENT_STATE_UNSPECIFIED"})
    event(9, "w3", 1, "claimed", None, "IN_FLIGHT")
    event(10, "w3", 1, "unknown", "IN_FLIGHT", "UNKNOWN")
    event(11, "w3", 1, "settled", "UNKNOWN", "SUCCEEDED")
    event(12, "w4", 1, "claimed", None, "IN_FLIGHT")
    event(13, "w4", 1, "settled", "IN_FLIGHT", "SUCCEEDED")
    intent("w3", 1, "SUCCEEDED")
    intent("w4", 1, "SUCCEEDED", "s-w3")
    intent("w1", 1, "SUCCEEDED")
    intent("w2", 1, "REJECTED")
    intent("w2", 2, "SUCCEEDED")
    export.append({"record": "result", "intent_id": "i-w3", "generation": 1,
                   "result": '{"id":"9"}'})
    export.append({"record": "result", "intent_id": "i-w4", "generation": 1,
                   "result": '{"id":"10"}'})
    export.append({"record": "result", "intent_id": "i-w1", "generation": 1, "result": RESULT})
    export.append({"record": "result", "intent_id": "i-w2", "generation": 2,
                   "result": '{"id":"8"}'})
    return {"calls": calls, "wishes": wishes, "rows": rows, "export": export,
            "verify": [{"exit": 0, "events": "14", "what": ""}], "streams": good_streams()}


# Of good_streams().
FIRST, OPENED, ACCEPTED = 0, 1, 3
SECOND, REOPENED, SETTLED, RESULT_OF_W4 = 6, 7, 8, 11


def good_streams():
    streams = []

    def entry(stream, kind, **more):
        streams.append({"client": 3, "session": "s-w3", "stream": stream, "at": 20 + len(streams),
                        "kind": kind, **more})

    def told(stream, kind, request, seq, wish, disposition, row=""):
        entry(stream, kind, seq=seq, request_id=request, tool_call_id="", intent_id=f"i-{wish}",
              generation=1, disposition=disposition, result=row and '{"id":"%s"}' % row)

    entry(1, "open", after_seq=None)
    entry(1, "opened", seq=8, request_id="")
    entry(1, "execute", wish="w3", request_id="r-1")
    entry(1, "accepted", seq=0, request_id="r-1", intent_id="i-w3", generation=1)
    told(1, "result", "r-1", 0, "w3", "PENDING")
    entry(1, "end", status="CANCELLED")
    entry(2, "open", after_seq=8)
    entry(2, "opened", seq=8, request_id="")
    told(2, "settled", "", 11, "w3", "DONE", "9")
    entry(2, "execute", wish="w4", request_id="r-2")
    entry(2, "accepted", seq=0, request_id="r-2", intent_id="i-w4", generation=1)
    told(2, "result", "r-2", 13, "w4", "DONE", "10")
    entry(2, "execute", wish="w3", request_id="r-3")
    told(2, "result", "r-3", 0, "w3", "DONE", "9")
    entry(2, "end", status="UNAVAILABLE")
    return streams


def second_row(h):
    h["rows"].append({**h["rows"][0], "id": "9"})


def row_of_drift(h):
    h["rows"].append({**h["rows"][0], "id": "9", "patient": "pat-w1-other"})


def row_of_nobody(h):
    h["rows"].append({**h["rows"][0], "id": "9", "patient": "pat-w9"})


def row_elsewhere(h):
    h["rows"][0]["slot"] = 2000


def lost_row(h):
    del h["rows"][0]


def cancelled_row(h):
    h["rows"][0]["cancelled"] = 1


def lost_intent(h):
    h["export"] = [r for r in h["export"]
                   if r["record"] != "intent" or r["intent"]["id"] != "i-w1"]


def another_result_told(h):
    h["calls"][3]["result"] = '{"id": "7"}'


def another_result_recorded(h):
    for record in h["export"]:
        if record["record"] == "result":
            record["result"] = "{}"


def another_row_told(h):
    h["calls"][1]["result"] = h["calls"][3]["result"] = '{"id":"8"}'
    h["export"][-2]["result"] = '{"id":"8"}'


def success_over_rejection(h):
    h["calls"][1] |= {"intent_id": "i-w2", "generation": 1}


def rejection_that_was_done(h):
    h["calls"][4]["generation"] = 2


def stuck(h):
    for record in h["export"]:
        if record["record"] == "intent" and record["intent"]["id"] == "i-w1":
            record["intent"]["state"] = "INTENT_STATE_UNKNOWN"
    del h["export"][2]


def never_answered(h):
    for entry in h["calls"]:
        if entry["wish"] == "w2":
            entry.pop("answered_at", None)
            entry.pop("disposition", None)


def drift_done(h):
    h["calls"][2]["disposition"] = "DONE"


def drift_rejected(h):
    h["calls"][2]["disposition"] = "REJECTED"


def event_twice(h):
    h["export"].insert(2, copy.deepcopy(h["export"][1]))


def missing_event(h):
    del h["export"][1]


def missing_first_event(h):
    for event in h["export"][:8]:
        event["seq"] = str(int(event["seq"]) + 1)


def missing_event_of_a_call(h):
    h["export"][7]["seq"] = "9"


def events_of_no_intent(h):
    h["export"][7] |= {"intent_id": "i-w9", "kind": "claimed", "to": "INTENT_STATE_IN_FLIGHT"}


def edited_file(h):
    h["verify"][0] |= {"exit": 10, "events": "3", "what": "event 4: edited"}


def file_with_fewer_events(h):
    h["verify"][0]["events"] = "12"


def unverified_file(h):
    h["verify"].clear()


def illegal_move(h):
    h["export"][6]["from"] = h["export"][3]["to"] = "INTENT_STATE_REVIEW"


def generation_missing(h):
    for record in h["export"]:
        if record["record"] == "intent" and record["intent"]["generation"] == 2:
            record["intent"]["generation"] = 3


def generation_over_success(h):
    for record in h["export"]:
        if record["record"] == "intent" and record["intent"]["state"].endswith("REJECTED"):
            record["intent"]["state"] = "INTENT_STATE_SUCCEEDED"


def settled(**changed):
    """A plant: the outcome that was pushed is another one."""
    def plant(h):
        h["streams"][SETTLED] |= changed
    plant.__name__ = f"settled {changed}"
    return plant


def settled_twice(h):
    h["streams"].insert(SETTLED, copy.deepcopy(h["streams"][SETTLED]))


def settled_after_something_later(h):
    h["streams"].insert(RESULT_OF_W4, h["streams"].pop(SETTLED))


def settled_that_was_known(h):
    h["streams"][SECOND]["after_seq"] = h["streams"][REOPENED]["seq"] = 11


def settled_is_skipped(h):
    del h["streams"][SETTLED]


def never_settled(h):
    del h["streams"][SETTLED:]


def accepted_and_lost(h):
    h["streams"][ACCEPTED]["intent_id"] = "i-w9"


def accepted_of_another_session(h):
    h["streams"][ACCEPTED]["intent_id"] = "i-w1"


def answer_of_another_wish(h):
    h["calls"][-2]["intent_id"] = "i-w3"


def began_earlier(h):
    h["streams"][REOPENED]["seq"] = 7


def began_behind_what_was_known(h):
    h["streams"][SECOND]["after_seq"], h["streams"][REOPENED]["seq"] = None, 4


def began_with_something_else(h):
    h["streams"].insert(REOPENED, h["streams"].pop(SETTLED))


def went_on_after_its_end(h):
    h["streams"].insert(SETTLED, {**h["streams"][REOPENED], "seq": 0, "kind": "ended"})


def ended_without_a_word(h):
    h["streams"][-1]["status"] = "OK"


def ended_for_no_reason(h):
    h["streams"][-1]["status"] = "NOT_FOUND"


def answered_twice(h):
    h["streams"].insert(RESULT_OF_W4, copy.deepcopy(h["streams"][RESULT_OF_W4]))


def number_of_another_intent(h):
    h["streams"][RESULT_OF_W4]["seq"] = 11


def number_of_another_outcome(h):
    h["streams"][RESULT_OF_W4]["disposition"] = "NEEDS_REVIEW"


def refused_for_no_reason(h):
    h["calls"][6]["status"] = "ALREADY_EXISTS"


# The rule that finds it, or how the breach begins that says so.
PLANTED = {
    second_row: "at_most_once", row_of_drift: "at_most_once", row_of_nobody: "at_most_once",
    row_elsewhere: "at_most_once", lost_row: "told", cancelled_row: "nothing_lost",
    lost_intent: "nothing_lost", another_result_told: "told", another_result_recorded: "told",
    another_row_told: "told", success_over_rejection: "told",
    rejection_that_was_done: "rejected", stuck: "nothing_stuck", never_answered: "nothing_stuck",
    drift_done: "drift", drift_rejected: "drift", event_twice: "events", missing_event: "events",
    missing_first_event: "events: event 2 comes after event 0",
    missing_event_of_a_call: "events: event 9 comes after event 7",
    events_of_no_intent: "events: generation 1 of intent i-w9 has events, and is not there",
    edited_file: "chain: the file does not verify",
    file_with_fewer_events: "chain: 13 events were exported",
    unverified_file: "chain: the file was verified 0 times",
    illegal_move: "events", generation_missing: "generations",
    generation_over_success: "generations",
    refused_for_no_reason: "nothing_stuck: wish w2: a call that was right",
    settled(result='{"id": "9"}'): "told: wish w3 was told two results",
    settled(intent_id="i-w2"): "told: wish w2 was told DONE, the ledger says REJECTED",
    settled(disposition="REJECTED"): "rejected: wish w3 was told REJECTED",
    settled(generation=2): "nothing_lost: w3 was told of i-w3, which is lost",
    settled(intent_id="i-w1"): "own: session s-w3 was told of intent i-w1 of session s-w1",
    settled(disposition="PENDING"): "numbers: stream 2 of session s-w3 tells PENDING as 11, which",
    settled(seq=8): "numbers: stream 2 of session s-w3 tells DONE as 8, which is no event",
    settled(seq=12): "numbers: stream 2 of session s-w3 tells DONE as 12, which is the event of an",
    settled(seq=0): "streams: stream 2 of session s-w3 tells of 0 after 8",
    settled_twice: "streams: stream 2 of session s-w3 tells of 11 after 11",
    settled_after_something_later: "streams: stream 2 of session s-w3 tells of 11 after 13",
    settled_that_was_known: "streams: stream 2 of session s-w3 tells of 11 after 11",
    settled_is_skipped: "resumed: stream 2 of session s-w3 is at 13, and has not told how i-w3",
    never_settled: "resumed: session s-w3 was never told how i-w3 ended",
    accepted_and_lost: "nothing_lost: s-w3 was told of i-w9, which is lost",
    accepted_of_another_session: "own: session s-w3 was told of intent i-w1 of session s-w1",
    answer_of_another_wish: "own: intent i-w3 generation 1 is of the wishes ['w3', 'w4']",
    began_earlier: "streams: stream 2 of session s-w3 was to begin after 8 and began after 7",
    began_behind_what_was_known: "streams: stream 2 of session s-w3 begins after 4, 8 was known",
    began_with_something_else: "streams: stream 2 of session s-w3 begins with settled",
    went_on_after_its_end: "streams: stream 2 of session s-w3 tells settled after its end",
    ended_without_a_word: "streams: stream 2 of session s-w3, which nobody took over, ends as OK",
    ended_for_no_reason: "streams: stream 2 of session s-w3, which nobody took over, ends as NOT_F",
    answered_twice: "streams: stream 2 of session s-w3 answers r-2 twice",
    number_of_another_intent: "numbers: stream 2 of session s-w3 tells DONE as 11, which is the",
    number_of_another_outcome: "numbers: stream 2 of session s-w3 tells NEEDS_REVIEW as 13, since",
}


class CheckerTest(unittest.TestCase):
    def test_nothing_is_found_in_what_is_right(self):
        self.assertEqual(checker.check(checker.History(**good())), [])

    def test_everything_planted_is_found(self):
        for plant, rule in PLANTED.items():
            with self.subTest(plant.__name__):
                history = good()
                plant(history)
                broken = checker.check(checker.History(**history))
                wanted = rule if ": " in rule else f"{rule}: "
                self.assertTrue([b for b in broken if b.startswith(wanted)], broken)

    def test_every_check_finds_something(self):
        names = {rule.__name__.removeprefix("check_") for rule in checker.CHECKS}
        self.assertEqual({rule.split(": ")[0] for rule in PLANTED.values()}, names)

    def test_the_exit_code_says_it(self):
        with tempfile.TemporaryDirectory() as folder:
            for broken in (False, True):
                history = good()
                if broken:
                    second_row(history)
                for name, records in history.items():
                    lines = "".join(json.dumps(record) + "\n" for record in records)
                    (pathlib.Path(folder) / f"{name}.jsonl").write_text(lines)
                self.assertEqual(checker.main([folder]), int(broken))

    def test_the_checker_shares_no_code(self):
        text = pathlib.Path(checker.__file__).read_text()
        imports = {line for line in text.splitlines() if line.startswith(("import ", "from "))}
        self.assertEqual(imports, {"import collections", "import json", "import pathlib",
                                   "import sys"})


if __name__ == "__main__":
    unittest.main()
