#!/usr/bin/python3
"""Usage: checker.py FOLDER

Checks the history of a black-box run of onetaked: what its callers were told, what the downstream
holds, what the ledger exports. Knows onetake by its promises alone and shares no code with it, nor
with the other tests. Prints one line a broken promise, and what was looked at; exits 1 if any.

FOLDER holds JSON lines:
  calls.jsonl   one a call: wish, client, session, tool_call_id, drift (a detail that must not
                differ does), sent_at, answered_at (absent: nobody answered), status (of gRPC, by
                name), and when OK: disposition, intent_id, generation, result; of a call by
                ToolRuntime.Session stream, too: its number in the session
  streams.jsonl one a thing that a stream told, or that was done with it, in this order: client,
                session, stream, at, kind, and by kind
                  open                        after_seq (null: from then on)
                  execute                     wish, request_id
                  opened, accepted, result, settled, error, ended: seq, request_id, tool_call_id
                  accepted, result, settled   intent_id, generation
                  result, settled             disposition, result
                  end                         status (of gRPC; CANCELLED: the client left)
  wishes.jsonl  one a wish: wish, patient (of this wish alone), other_patient (of its drift), slot
                (seconds since 1970), provider
  rows.jsonl    one a row of the downstream: id, patient, slot, provider, cancelled
  export.jsonl  what `onetake ledger export` says of events and intents, and a line with
                "record": "result", intent_id, generation, result for each outcome that is kept
  verify.jsonl  one line, of `onetake ledger verify` when all was over: exit (its exit code), events
                (how many it found intact), what (was wrong)
"""

import collections
import json
import pathlib
import sys

OPEN = {"IN_FLIGHT", "UNKNOWN"}
# What a caller may be told while nobody knows the end, and the states that other words may mean.
TOLD_OPEN = {"PENDING", "UNCERTAIN"}
TOLD_STATES = {"DONE": {"SUCCEEDED", "REVERSED"}, "REJECTED": {"REJECTED"},
               "NEEDS_REVIEW": {"REVIEW", "CONTRADICTED"}}
# How a call may end that nobody answered, or that the server could not take.
STATUSES = {"OK", "UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "UNKNOWN", "CANCELLED",
            "INTERNAL"}
# from -> to, as the design draws it. Whatever a person corrects is "resolved".
MOVES = {
    None: {"IN_FLIGHT"},
    "IN_FLIGHT": {"IN_FLIGHT", "SUCCEEDED", "REJECTED", "UNKNOWN"},
    "UNKNOWN": {"UNKNOWN", "SUCCEEDED", "REJECTED", "REVIEW"},
    "REVIEW": {"REVIEW", "SUCCEEDED", "REJECTED"},
    "SUCCEEDED": {"SUCCEEDED", "REVERSED"},
    "REJECTED": {"REJECTED"},
    "REVERSED": {"REVERSED", "SUCCEEDED"},
}


def state_name(value):
    """IN_FLIGHT of INTENT_STATE_IN_FLIGHT; None of nothing."""
    name = (value or "").replace("INTENT_STATE_", "")
    return None if name in ("", "UNSPECIFIED") else name


class History:
    def __init__(self, calls, wishes, rows, export, verify, streams):
        self.verify = verify
        self.calls = calls
        self.wishes = {wish["wish"]: wish for wish in wishes}
        self.rows = rows
        self.intents = {}
        self.results = {}
        self.events = []
        for record in export:
            kind = record["record"]
            if kind == "event":
                self.events.append(record)
            elif kind == "intent":
                intent = record["intent"]
                self.intents[intent["id"], int(intent["generation"])] = record
            elif kind == "result":
                self.results[record["intent_id"], int(record["generation"])] = record["result"]
        # intent -> the wishes that it was named for
        self.owners = collections.defaultdict(set)
        for call in calls:
            if call.get("intent_id"):
                self.owners[call["intent_id"]].add(call["wish"])
        # (session, number) -> what it told, in this order
        self.streams = collections.defaultdict(list)
        for entry in streams:
            self.streams[entry["session"], int(entry["stream"])].append(entry)
        self.told = [call for call in calls if call.get("disposition")] + [
            self._as_call(entry) for entry in streams if entry["kind"] == "settled"]

    def _as_call(self, settled):
        """What was pushed is as much a promise as what was answered."""
        owners = sorted(self.owners[settled["intent_id"]])
        return {**settled, "wish": owners[0] if owners else None, "drift": False,
                "sent_at": settled["at"], "answered_at": settled["at"]}

    @staticmethod
    def read(folder):
        def lines(name):
            text = (pathlib.Path(folder) / name).read_text(encoding="utf-8")
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        return History(**{name: lines(f"{name}.jsonl")
                          for name in ("calls", "wishes", "rows", "export", "verify",
                                       "streams")})

    def state(self, key):
        record = self.intents.get(key)
        return state_name(record["intent"]["state"]) if record else None


def check_at_most_once(history):
    """No wish has two rows; no row is of a drift; no row belongs to nobody."""
    owners, drifts = {}, {}
    for name, wish in history.wishes.items():
        owners[wish["patient"]] = name
        drifts[wish["other_patient"]] = name
    count = collections.Counter()
    for row in history.rows:
        if row["patient"] in drifts:
            yield f"row {row['id']} is of the drift of wish {drifts[row['patient']]}"
            continue
        if row["patient"] not in owners:
            yield f"row {row['id']} belongs to no wish"
            continue
        name = owners[row["patient"]]
        wish = history.wishes[name]
        if (row["slot"], row["provider"]) != (wish["slot"], wish["provider"]):
            yield f"row {row['id']} is for another slot than wish {name}"
        if not row["cancelled"]:
            count[name] += 1
    for name, rows in count.items():
        if rows > 1:
            yield f"wish {name} has {rows} rows"


def check_told(history):
    """What was told DONE is there, is recorded, and stays told so, with one result."""
    rows = collections.defaultdict(set)
    for row in history.rows:
        rows[row["patient"]].add(str(row["id"]))
    results = {}
    for call in history.told:
        if call["disposition"] != "DONE" or call["drift"] or call["wish"] is None:
            continue
        name, key = call["wish"], (call["intent_id"], int(call["generation"]))
        own = rows[history.wishes[name]["patient"]]
        if not own:
            yield f"wish {name} was told DONE, and has no row"
        state = history.state(key)
        if state not in ("SUCCEEDED", "REVERSED"):
            yield f"wish {name} was told DONE, the ledger says {state}"
        result = call.get("result")
        if not result:
            continue
        if results.setdefault(key, result) != result:
            yield f"wish {name} was told two results"
        if history.results.get(key) != result:
            yield f"wish {name} was told another result than the ledger holds"
        told = json.loads(result).get("id")
        if told is not None and own and str(told) not in own:
            yield f"wish {name} was told the id of a row that is not its own"


def check_rejected(history):
    """What was told REJECTED has not happened by that generation."""
    for call in history.told:
        if call["disposition"] != "REJECTED" or not call.get("generation"):
            continue
        state = history.state((call["intent_id"], int(call["generation"])))
        if state not in ("REJECTED", None):
            yield f"wish {call['wish']} was told REJECTED, the ledger says {state}"
        if state is None:
            yield f"wish {call['wish']} was told of generation that the ledger has lost"


def check_nothing_lost(history):
    """Every intent that was named to a caller is in the ledger, and every row has its intent."""
    named = history.told + [entry for events in history.streams.values() for entry in events
                            if entry["kind"] == "accepted"]
    for told in named:
        if told.get("intent_id") and told.get("generation"):
            key = told["intent_id"], int(told["generation"])
            if key not in history.intents:
                yield f"{told.get('wish') or told['session']} was told of {key[0]}, which is lost"
    done, review = collections.Counter(), set()
    for key, record in history.intents.items():
        for name in history.owners[key[0]]:
            done[name] += history.state(key) in ("SUCCEEDED", "REVERSED")
            if history.state(key) == "REVIEW" or record.get("review_at"):
                review.add(name)
    patients = {row["patient"] for row in history.rows if not row["cancelled"]}
    for name, wish in history.wishes.items():
        booked = wish["patient"] in patients
        if booked and name not in review and not done[name]:
            yield f"wish {name} has a row, and the ledger holds no success and no review of it"
        if not booked and done[name]:
            yield f"wish {name} has no row, and the ledger calls it done"


def check_own(history):
    """An intent is of one wish, and of the conversation that it was named in."""
    for (intent, generation), record in history.intents.items():
        names = sorted(history.owners[intent])
        if len(names) != 1:
            yield f"intent {intent} generation {generation} is of the wishes {names}"
    places = {(told["session"], told["intent_id"]) for told in history.told
              if told.get("intent_id")}
    places |= {(session, event["intent_id"]) for (session, _), events in history.streams.items()
               for event in events if event.get("intent_id")}
    homes = {intent: record["session_id"] for (intent, _), record in history.intents.items()}
    for session, intent in places:
        if homes.get(intent, session) != session:
            yield f"session {session} was told of intent {intent} of session {homes[intent]}"


def check_nothing_stuck(history):
    """Everything has an outcome, or waits in the list for a person."""
    for (intent, generation), record in history.intents.items():
        if history.state((intent, generation)) in OPEN:
            yield f"intent {intent} generation {generation} stays {record['intent']['state']}"
    answered = {call["wish"] for call in history.told if call.get("answered_at") is not None}
    for name in history.wishes:
        if name not in answered:
            yield f"wish {name} was never answered"
    for call in history.calls:
        if call["status"] not in STATUSES:
            yield f"wish {call['wish']}: a call that was right ended as {call['status']}"


def check_drift(history):
    """The same intent with another detail is never told DONE, nor refused as if it were new."""
    known = collections.defaultdict(set)
    for call in history.told:
        if call["disposition"] == "DONE" and not call["drift"]:
            known[call["wish"]].add(call["answered_at"])
    for call in history.calls:
        if not call["drift"] or call.get("disposition") is None:
            continue
        if call["disposition"] == "DONE":
            yield f"the drift of wish {call['wish']} was told DONE"
        before = any(at <= call["sent_at"] for at in known[call["wish"]])
        if before and call["disposition"] != "CONFLICT":
            yield (f"the drift of wish {call['wish']}, which was done, was answered "
                   f"{call['disposition']}")


def check_events(history):
    """Events are numbered from 1 without a gap, in this order; they lead where they may, end where
    the intent is, and are of intents that there are."""
    state, seq = {}, 0
    for event in history.events:
        now = int(event["seq"])
        # Nothing is pruned here, and there is one tenant: whatever happened is exported.
        if now != seq + 1:
            yield f"event {now} comes after event {seq}"
        seq = now
        if not event.get("intent_id") or not state_name(event.get("to")):
            continue
        key = event["intent_id"], int(event.get("generation", 0))
        before, after = state_name(event.get("from")), state_name(event["to"])
        if before != state.get(key):
            yield f"event {now} leads from {before} while the intent is {state.get(key)}"
        if after not in MOVES.get(before, ()) and event.get("kind") != "resolved":
            yield f"event {now} leads from {before} to {after}"
        state[key] = after
    for key in history.intents:
        if state.get(key) != history.state(key):
            yield f"intent {key[0]} is {history.state(key)}, its events say {state.get(key)}"
    for intent, generation in state.keys() - history.intents.keys():
        yield f"generation {generation} of intent {intent} has events, and is not there"


def check_chain(history):
    """The file is intact, as its own verifier says, and holds all that was exported."""
    if len(history.verify) != 1:
        yield f"the file was verified {len(history.verify)} times"
    for verified in history.verify:
        if verified["exit"] != 0:
            yield f"the file does not verify: {verified['what']}"
        elif int(verified["events"]) < len(history.events):
            yield (f"{len(history.events)} events were exported, {verified['events']} of them are "
                   "in the file")


def check_generations(history):
    """Generations have no gaps, and none is opened over one that is not over."""
    latest = collections.defaultdict(dict)
    for (intent, generation) in history.intents:
        latest[intent][generation] = history.state((intent, generation))
    for intent, states in latest.items():
        if sorted(states) != list(range(1, len(states) + 1)):
            yield f"intent {intent} has generations {sorted(states)}"
        for generation in sorted(states)[:-1]:
            if states[generation] not in ("REJECTED", "REVERSED"):
                yield f"generation {generation} of intent {intent} is {states[generation]}"


def check_streams(history):
    """A stream begins where it was asked to, tells each outcome once, those that settle in the
    order of their numbers, and one result a request."""
    # By the clock of the callers' machine.
    seen = sorted((event["at"], int(event["seq"])) for events in history.streams.values()
                  for event in events if event.get("seq"))
    for (session, number), events in history.streams.items():
        where = f"stream {number} of session {session}"
        opening = events[0]
        told = [event for event in events if event["kind"] not in ("open", "execute")]
        # One that was taken over, or broke, may never have begun.
        if told and told[0]["kind"] not in ("opened", "ended", "end"):
            yield f"{where} begins with {told[0]['kind']}"
        highest, ended, results = 0, False, set()
        for event in told:
            seq, kind = int(event.get("seq") or 0), event["kind"]
            if ended and kind != "end":
                yield f"{where} tells {kind} after its end"
            ended = ended or kind == "ended"
            if kind == "opened" and opening["after_seq"] not in (None, seq):
                yield f"{where} was to begin after {opening['after_seq']} and began after {seq}"
            if kind == "opened" and opening["after_seq"] is None:
                before = [one for at, one in seen if at < opening["at"]]
                if max(before, default=0) > seq:
                    yield f"{where} begins after {seq}, {max(before)} was known before"
            if kind == "settled" and seq <= highest:
                yield f"{where} tells of {seq} after {highest}"
            if kind == "end" and (event["status"] not in STATUSES or
                                  event["status"] == "OK" and not ended):
                yield f"{where}, which nobody took over, ends as {event['status']}"
            if kind in ("result", "error"):
                if event["request_id"] in results:
                    yield f"{where} answers {event['request_id']} twice"
                results.add(event["request_id"])
            highest = max(highest, seq)


def outcomes(history):
    """seq -> ((intent, generation), what a caller may be told of it from then on)."""
    found, states = {}, collections.defaultdict(list)
    for event in history.events:
        if not event.get("intent_id"):
            continue
        key = event["intent_id"], int(event.get("generation", 0))
        state = "CONTRADICTED" if event.get("kind") == "conflict" else state_name(event.get("to"))
        if state:
            states[key].append(state)
            found[int(event["seq"])] = key, len(states[key]) - 1
    return {seq: (key, set(states[key][at:])) for seq, (key, at) in found.items()}


def check_numbers(history):
    """The number of what a stream tells is that of the ledger's event, whoever is told it, and
    whenever: with the outcome that the intent had then, or has had since."""
    known = outcomes(history)
    for (session, number), events in history.streams.items():
        for event in events:
            if event["kind"] not in ("result", "settled"):
                continue
            seq, told = int(event["seq"]), event["disposition"]
            what = f"stream {number} of session {session} tells {told} as {seq}"
            if event["kind"] == "settled" and told not in TOLD_STATES:
                yield f"{what}, which is no outcome"
            elif seq == 0 and event["kind"] == "result":
                continue  # nothing to resume from: a replay, or no outcome
            elif seq not in known:
                yield f"{what}, which is no event of an intent"
            elif known[seq][0] != (event["intent_id"], int(event["generation"])):
                yield f"{what}, which is the event of another intent"
            elif not known[seq][1] & TOLD_STATES.get(told, set()):
                yield f"{what}, since when it is {sorted(known[seq][1])}"


def check_resumed(history):
    """Who was told that it is open is told how it ends, before anything that happened later, unless
    asked again meanwhile: on this stream, or on those that begin where the one before ended."""
    last = {}  # (intent, generation) -> the event of its outcome
    for event in history.events:
        before, after = state_name(event.get("from")), state_name(event.get("to"))
        if after not in (None, before, *OPEN):
            last[event["intent_id"], int(event["generation"])] = int(event["seq"])
    owed = collections.defaultdict(dict)  # session -> (intent, generation) -> its wishes
    for (session, number), events in sorted(history.streams.items()):
        waits = owed[session]
        for event in events:
            seq, key = int(event.get("seq") or 0), None
            if event["kind"] in ("result", "settled"):
                key = event["intent_id"], int(event["generation"])
            for asked in [one for one, names in waits.items() if event.get("wish") in names
                          and event["kind"] == "execute"]:
                del waits[asked]
            if key is not None and event["disposition"] in TOLD_OPEN:
                waits[key] = history.owners[key[0]]
            elif key is not None and event["disposition"] in TOLD_STATES:
                waits.pop(key, None)
            for one in [one for one in waits if last.get(one, seq) < seq]:
                yield (f"stream {number} of session {session} is at {seq}, and has not told how "
                       f"{one[0]} ended, which is {last[one]}")
                del waits[one]
    for session, waits in owed.items():
        for one in waits:
            if one in last:
                yield f"session {session} was never told how {one[0]} ended"


CHECKS = (check_at_most_once, check_told, check_rejected, check_nothing_lost, check_nothing_stuck,
          check_drift, check_events, check_chain, check_generations, check_own, check_streams,
          check_numbers, check_resumed)


def check(history):
    return [f"{rule.__name__[len('check_'):]}: {breach}"
            for rule in CHECKS for breach in rule(history)]


def main(arguments):
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__.strip())
        return 2
    history = History.read(arguments[0])
    broken = check(history)
    for line in broken:
        print(f"BROKEN {line}")
    told = collections.Counter(call.get("disposition") or call["status"] for call in history.calls)
    print(f"{len(history.wishes)} wishes, {len(history.calls)} calls, {len(history.streams)} "
          f"streams, {len(history.rows)} rows, {len(history.intents)} intents, "
          f"{len(history.events)} events; "
          + ", ".join(f"{what} {count}" for what, count in sorted(told.items())))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
