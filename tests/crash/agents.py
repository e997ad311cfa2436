"""The callers of a cycle: what each wants, how its agent tries again, what it was told."""

import dataclasses
import datetime
import json
import time

import grpc

TOOL = "book_appointment"
OPEN = ("PENDING", "UNCERTAIN")
FINAL = ("DONE", "NEEDS_REVIEW")
# Longer than anything here takes: a deadline would be a dead server.
RPC_S = 120
_FIRST_DAY = datetime.datetime(2026, 6, 1, 13, tzinfo=datetime.timezone.utc)
_CHICAGO = datetime.timezone(datetime.timedelta(hours=-5))  # in summer
_PROVIDERS = ("dr-kim", "dr-osei", "dr-novak", "dr-ito", "dr-ruiz")
_NOTES = ("Cleaning and check-up.", "check-up + cleaning, prefers mornings",
          "The patient would like a cleaning and a check-up.")


@dataclasses.dataclass
class Told:
    """One answer: a disposition, or the name of a gRPC status."""

    what: str
    intent_id: str = ""
    generation: int = 0
    result_json: str = ""
    result_unavailable: bool = False
    check_after_s: float = 0

    def appointment_id(self):
        """Of a booking's answer, or of the look-up that found the booking; empty without."""
        result = json.loads(self.result_json or "{}")
        return (result.get("appointments") or [result])[0].get("id", "")


@dataclasses.dataclass
class Wish:
    """One caller who wants one appointment: one intent."""

    session: str
    patient: str
    provider: str
    slot: datetime.datetime
    tool_call_id: str = ""
    arguments: str = ""
    calls: int = 0
    told: list = dataclasses.field(default_factory=list)

    @property
    def last(self):
        return self.told[-1] if self.told else Told("")

    @property
    def is_open(self):
        return self.last.what not in FINAL

    def spelling(self, number):
        local = self.slot.astimezone(_CHICAGO)
        return (local.isoformat(), self.slot.strftime("%Y-%m-%dT%H:%M:%SZ"),
                local.strftime("%Y-%m-%dT%H:%M%z"), local.strftime("%Y-%m-%d %I:%M %p"))[number % 4]

    def next_call(self, rng):
        """The first call, or a retry: the same delivery, the model's own repetition, or its
        repetition in other words."""
        how = rng.choice(("redelivered", "repeated", "reworded")) if self.calls else "reworded"
        # Of a REJECTED the same delivery would be told the same again.
        if how == "redelivered" and self.last.what != "REJECTED":
            return
        self.calls += 1
        self.tool_call_id = f"{self.session}-tc-{self.calls}"
        if how == "reworded":
            self.arguments = json.dumps({
                "slot_iso": self.spelling(rng.randrange(4)), "provider_id": self.provider,
                "patient_id": self.patient, "notes": rng.choice(_NOTES)})


class Callers:
    def __init__(self, rng, cycle, count):
        self._rng = rng
        self.wishes = [
            Wish(session=f"call-{cycle}-{n}", patient=f"pat-{cycle}-{n}",
                 provider=_PROVIDERS[n % len(_PROVIDERS)],
                 slot=_FIRST_DAY + datetime.timedelta(days=cycle % 100, minutes=30 * (n % 18)))
            for n in range(count)]
        self.calls_made = 0

    def open(self):
        return [wish for wish in self.wishes if wish.is_open]

    def start(self, apis, wishes, patience_ms):
        """One call each, over all connections; patience_ms() may differ by call."""
        calls = []
        for number, wish in enumerate(wishes):
            api = apis[number % len(apis)]
            if wish.last.what in OPEN and self._rng.random() < 0.5:
                call = api.start("onetake.v1.ToolRuntime", "Await", RPC_S,
                                 intent_id=wish.last.intent_id, patience_ms=patience_ms())
            else:
                wish.next_call(self._rng)
                self.calls_made += 1
                call = api.start_execute(TOOL, wish.arguments, RPC_S, session_id=wish.session,
                                         tool_call_id=wish.tool_call_id, patience_ms=patience_ms())
            calls.append((wish, api, call))
        return calls

    def collect(self, calls):
        for wish, api, call in calls:
            try:
                answer = call.result()
            except grpc.RpcError as error:
                wish.told.append(Told(error.code().name))
                continue
            wish.told.append(Told(api.disposition(answer), answer.intent.id,
                                  answer.intent.generation, answer.result_json,
                                  answer.result_unavailable,
                                  answer.guidance.check_after_ms / 1000))

    def settle(self, apis, limit_s):
        """Asks again and again until everybody has a final answer, or for `limit_s`."""
        deadline = time.monotonic() + limit_s
        while (wishes := self.open()) and time.monotonic() < deadline:
            self.collect(self.start(apis, wishes, lambda: 2000))
            # What was refused for now comes back when it was told to; the rest has waited already.
            refused = [w.last for w in wishes if w.is_open and w.last.what not in OPEN]
            if refused:
                time.sleep(min(max(0.02, *(told.check_after_s for told in refused)), 1))

    def ask_again(self, apis, share):
        """Some of those who know ask once more: what was told DONE must still be DONE."""
        known = [w for w in self.wishes if not w.is_open and self._rng.random() < share]
        self.collect(self.start(apis, known, lambda: 2000))
