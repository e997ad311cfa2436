"""One client process whose agent talks by ToolRuntime.Session: of some wishes at a time, over
streams that break, or that it drops, and resumes behind the last event that it took note of.
stream_client.py JSON: see Client.__init__."""

import contextlib
import json
import math
import sys
import time

sys.dont_write_bytecode = True

import grpc

from client import FINAL, TOOL, Api, Client, told_by
from session import Session

OPEN = ("PENDING", "UNCERTAIN")
# What is not answered by then never will be.
SILENCE_S = 8
# The share of events after which it drops the stream.
DROPS = 0.03
# The share of streams that begin behind an older event than the last one: of a process that has not
# stored it yet.
STALE = 0.15


class Wish:
    """What is wanted, and how far the talk about it has come."""

    def __init__(self, record, slot, extra):
        self.record = record
        self.slot = slot
        self.name = record["wish"]
        self.extra = extra  # how often it is talked of when its end is known
        self.intent_id = None
        self.tool_call_id, self.arguments, self.drift = "", "", False
        self.sent_at = None  # there is a request without a result
        self.since = 0.0  # the same, by the monotonic clock
        self.lost = False  # the last one was: it is to be sent again as it was
        self.not_before = 0.0
        self.known = self.over = False

    def hear(self, told):
        self.known = self.known or told in FINAL
        if self.known:
            self.over = self.over or self.extra == 0
            self.extra -= 1

    @property
    def unfinished(self):
        return not self.over or self.lost or self.sent_at is not None


class Conversation:
    def __init__(self, client, session_id, wishes):
        self._client = client
        self._rng = client.rng
        self._session_id = session_id
        self._wishes = wishes
        # Where the next stream begins: all numbers that were the highest seen.
        self._seen = [self._rng.choice((None, 0))]
        self._streams = self._requests = 0
        self._asked = {}  # of the stream: request_id -> (wish, tool_call_id, drift)
        self._opened = False

    def run(self):
        while self._goes_on():
            self._hold_a_stream()

    def _goes_on(self):
        return (any(wish.unfinished for wish in self._wishes)
                and time.monotonic() < self._client.plan["end_at"])

    def _hold_a_stream(self):
        self._streams += 1
        self._asked, self._opened = {}, False
        after_seq = self._seen[-1]
        if self._rng.random() < STALE:
            after_seq = self._rng.choice([seq for seq in self._seen if seq is not None] or [None])
        self._note("open", after_seq=after_seq)
        address = self._rng.choice(self._client.plan["addresses"])
        with contextlib.closing(Api(address, self._client.schema)) as api:
            with Session(api, self._session_id, after_seq) as stream:
                self._talk(api, stream)
            status = stream.error.code().name if stream.error else "OK"
        self._note("end", status=status)
        for wish in self._wishes:
            if wish.sent_at is not None:
                self._log_call(wish, {"status": status})
                wish.lost = True
        if status != "CANCELLED":
            time.sleep(self._rng.uniform(0.05, 0.4))

    def _talk(self, api, stream):
        number, begun, life = 0, time.monotonic(), self._rng.uniform(2, SILENCE_S)
        while self._goes_on():
            self._ask(stream)
            event = stream.wait_for_event(number, timeout=0.05)
            if event is None:
                age = time.monotonic() - begun
                if stream.ended or self._is_silent() or age > (life if self._opened else SILENCE_S):
                    return
                continue
            number += 1
            self._take(api, event)
            if self._rng.random() < DROPS:
                return

    def _is_silent(self):
        return any(wish.sent_at is not None and time.monotonic() - wish.since > SILENCE_S
                   for wish in self._wishes)

    def _ask(self, stream):
        now = time.monotonic()
        for wish in self._wishes:
            if wish.sent_at is not None or not wish.unfinished or now < wish.not_before:
                continue
            # The same delivery once more, of a drift too, or another one.
            if not wish.lost and (not wish.tool_call_id or self._rng.random() < 0.6):
                wish.tool_call_id, wish.arguments, wish.drift = self._client.delivery(
                    wish.record, wish.slot, wish.known)
            self._requests += 1
            request_id = f"r-{self._requests}"
            self._asked[request_id] = (wish, wish.tool_call_id, wish.drift)
            wish.sent_at, wish.since, wish.lost = time.time(), now, False
            self._note("execute", wish=wish.name, request_id=request_id)
            stream.execute(request_id, TOOL, wish.arguments, tool_call_id=wish.tool_call_id,
                           patience_ms=self._client.patience_ms())

    def _take(self, api, event):
        kind = event.WhichOneof("kind")
        wish, tool_call_id, drift = self._asked.get(event.request_id, (None, "", False))
        entry = {"seq": event.seq, "request_id": event.request_id, "tool_call_id": tool_call_id,
                 "drift": drift}
        if kind == "opened":
            self._opened = True
        elif kind == "accepted":
            intent = event.accepted.intent
            wish.intent_id = intent.id
            entry |= {"intent_id": intent.id, "generation": intent.generation}
        elif kind == "result":
            entry |= told_by(api, event.result)
            self._take_result(wish, told_by(api, event.result))
        elif kind == "error":
            [entry["status"]] = [code.name for code in grpc.StatusCode
                                 if code.value[0] == event.error.code]
            self._log_call(wish, {"status": entry["status"]})
            wish.lost, wish.not_before = True, time.monotonic() + self._rng.uniform(0.05, 0.4)
        elif kind == "settled":
            entry |= told_by(api, event.settled.response)
            for one in self._wishes:
                if one.intent_id == entry["intent_id"]:
                    one.not_before = 0
                    one.hear(entry["disposition"])
        elif kind == "ended":
            entry["reason"] = event.ended.reason
        if kind != "progress":
            self._note(kind, **entry)
        # Of a stale one it may have told less than was seen before.
        if event.seq > (self._seen[-1] or 0) or (self._seen[-1] is None and kind == "opened"):
            self._seen.append(event.seq)

    def _take_result(self, wish, told):
        self._log_call(wish, {"status": "OK", "answered_at": time.time(), **told})
        wish.intent_id = wish.intent_id or told["intent_id"]
        wish.hear(told["disposition"])
        pause = 0
        if told["disposition"] in OPEN:
            # `settled` will tell. When everything works again nothing else is waited for.
            calm = time.monotonic() > self._client.plan["begin_until"]
            pause = math.inf if calm else self._rng.uniform(0, 4)
        elif told["disposition"] not in FINAL:
            pause = self._rng.uniform(0.05, 0.4)
        wish.not_before = time.monotonic() + pause

    def _log_call(self, wish, how):
        self._client.log("calls", {
            "wish": wish.name, "client": self._client.plan["number"], "session": self._session_id,
            "tool_call_id": wish.tool_call_id, "drift": wish.drift, "sent_at": wish.sent_at,
            "stream": self._streams, **how})
        wish.sent_at = None

    def _note(self, kind, **entry):
        self._client.log("streams", {"client": self._client.plan["number"],
                                     "session": self._session_id, "stream": self._streams,
                                     "at": time.time(), "kind": kind, **entry})


class StreamClient(Client):
    def __init__(self, plan):
        super().__init__(plan)
        self._conversations = 0

    def talk(self):
        self._conversations += 1
        wishes = [Wish(*self.new_wish(), self.rng.randrange(4))
                  for _ in range(self.rng.randint(1, 3))]
        Conversation(self, f"s-{self.plan['number']}-{self._conversations}", wishes).run()


if __name__ == "__main__":
    StreamClient(json.loads(sys.argv[1])).run()
