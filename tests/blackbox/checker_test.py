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
    """One wish that was done and whose drift was refused; one that was refused, then done."""
    wishes = [{"wish": w, "patient": f"pat-{w}", "other_patient": f"pat-{w}-other", "slot": 1000,
               "provider": "dr-kim"} for w in ("w1", "w2")]

    def call(wish, number, disposition, generation=1, drift=False, result=""):
        return {"wish": wish, "client": 1, "session": f"s-{wish}", "tool_call_id": f"tc-{number}",
                "drift": drift, "sent_at": number, "answered_at": number + 0.5, "status": "OK",
                "disposition": disposition, "intent_id": f"i-{wish}", "generation": generation,
                "result": result}

    calls = [call("w1", 1, "PENDING"), call("w1", 2, "DONE", result=RESULT),
             call("w1", 3, "CONFLICT", drift=True), call("w1", 4, "DONE", result=RESULT),
             call("w2", 5, "REJECTED"), call("w2", 6, "DONE", 2, result='{"id":"8"}'),
             {"wish": "w2", "client": 1, "session": "s-w2", "tool_call_id": "tc-9", "drift": False,
              "sent_at": 7, "status": "UNAVAILABLE"}]
    rows = [{"id": "7", "patient": "pat-w1", "slot": 1000, "provider": "dr-kim", "cancelled": 0},
            {"id": "8", "patient": "pat-w2", "slot": 1000, "provider": "dr-kim", "cancelled": 0}]
    export = []

    def event(seq, wish, generation, kind, before, after):
        entry = {"record": "event", "seq": str(seq), "intent_id": f"i-{wish}",
                 "generation": generation, "kind": kind, "to": f"INTENT_STATE_{after}"}
        if before:
            entry["from"] = f"INTENT_STATE_{before}"
        export.append(entry)

    def intent(wish, generation, state):
        export.append({"record": "intent", "session_id": f"s-{wish}",
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
    intent("w1", 1, "SUCCEEDED")
    intent("w2", 1, "REJECTED")
    intent("w2", 2, "SUCCEEDED")
    export.append({"record": "result", "intent_id": "i-w1", "generation": 1, "result": RESULT})
    export.append({"record": "result", "intent_id": "i-w2", "generation": 2,
                   "result": '{"id":"8"}'})
    return {"calls": calls, "wishes": wishes, "rows": rows, "export": export,
            "verify": [{"exit": 0, "events": "9", "what": ""}]}


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
    h["export"][7] |= {"intent_id": "i-w3", "kind": "claimed", "to": "INTENT_STATE_IN_FLIGHT"}


def edited_file(h):
    h["verify"][0] |= {"exit": 10, "events": "3", "what": "event 4: edited"}


def file_with_fewer_events(h):
    h["verify"][0]["events"] = "7"


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
    events_of_no_intent: "events: generation 1 of intent i-w3 has events, and is not there",
    edited_file: "chain: the file does not verify",
    file_with_fewer_events: "chain: 8 events were exported",
    unverified_file: "chain: the file was verified 0 times",
    illegal_move: "events", generation_missing: "generations",
    generation_over_success: "generations",
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
