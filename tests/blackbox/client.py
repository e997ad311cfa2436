"""One client process: an agent that wants appointments, says everything twice in other words, and
writes down what it was told. client.py JSON: see Client.__init__. stream_client.py is another."""

import datetime
import json
import pathlib
import random
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import grpc

from api import Api

TOOL = "book_appointment"
FIRST_DAY = datetime.datetime(2026, 6, 1, 13, tzinfo=datetime.timezone.utc)
CHICAGO = datetime.timezone(datetime.timedelta(hours=-5))
FINAL = ("DONE", "NEEDS_REVIEW")
NOTES = ("cleaning", "Cleaning, and a check-up", "the caller would like a cleaning")


class Client:
    def __init__(self, plan):
        """plan: number, seed, addresses, folder, wishes, and by the monotonic clock begin_until,
        end_at."""
        self.plan = plan
        self.rng = random.Random(plan["seed"])
        self.schema = None
        self._made = self._calls = 0
        self._logs = {}

    def run(self):
        while self.schema is None:
            try:
                self.schema = Api(self.plan["addresses"][0]).schema
            except grpc.RpcError:
                time.sleep(0.2)
        # A run in which nobody wished for anything would prove nothing.
        self.talk()
        while time.monotonic() < self.plan["begin_until"] and self._made < self.plan["wishes"]:
            self.talk()

    def talk(self):
        """Has something, or some things, done."""
        raise NotImplementedError

    def log(self, kind, entry):
        """A line of "calls", "wishes" or "streams"."""
        if kind not in self._logs:
            name = f"{kind}.{self.plan['number']}.jsonl"
            self._logs[kind] = (pathlib.Path(self.plan["folder"]) / name).open(
                "w", encoding="utf-8")
        print(json.dumps(entry), file=self._logs[kind], flush=True)

    def new_wish(self):
        """One of its own, and its slot."""
        number, self._made = self._made, self._made + 1
        name = f"w{self.plan['number']}-{number}"
        slot = FIRST_DAY + datetime.timedelta(days=number, minutes=30 * self.plan["number"])
        wish = {"wish": name, "patient": f"pat-{name}", "other_patient": f"pat-{name}-other",
                "slot": int(slot.timestamp()), "provider": self.rng.choice(("dr-kim", "dr-ito"))}
        self.log("wishes", wish)
        return wish, slot

    def delivery(self, wish, slot, known):
        """Another one: (tool_call_id, arguments, drift)."""
        # Before anything is settled, another detail may be the first that is heard of.
        drift = known and self.rng.random() < 0.3
        self._calls += 1
        return f"tc-{self._calls}", self._arguments(wish, slot, drift), drift

    def patience_ms(self):
        return self.rng.choice((300, 1500, 4000))

    def _arguments(self, wish, slot, drift):
        local = slot.astimezone(CHICAGO)
        spelled = self.rng.choice((local.isoformat(), slot.strftime("%Y-%m-%dT%H:%M:%SZ"),
                                    local.strftime("%Y-%m-%d %I:%M %p")))
        return json.dumps({"slot_iso": spelled, "provider_id": wish["provider"],
                           "patient_id": wish["other_patient" if drift else "patient"],
                           "notes": self.rng.choice(NOTES)})


class UnaryClient(Client):
    def __init__(self, plan):
        super().__init__(plan)
        self._apis = []

    def talk(self):
        self._apis = self._apis or [Api(address, self.schema)
                                    for address in self.plan["addresses"]]
        wish, slot = self.new_wish()
        tool_call_id, arguments, drift, told = "", "", False, None
        known, extra = False, self.rng.randrange(4)
        while time.monotonic() < self.plan["end_at"]:
            # The same delivery once more, of a drift too, or another one.
            if not tool_call_id or self.rng.random() < 0.6:
                tool_call_id, arguments, drift = self.delivery(wish, slot, known)
            told = self._call(wish, tool_call_id, arguments, drift)
            known = known or told in FINAL
            if known:
                if extra == 0:
                    return
                extra -= 1

    def _call(self, wish, tool_call_id, arguments, drift):
        entry = {"wish": wish["wish"], "client": self.plan["number"],
                 "session": f"s-{wish['wish']}", "tool_call_id": tool_call_id, "drift": drift,
                 "sent_at": time.time()}
        api = self.rng.choice(self._apis)
        try:
            answer = api.execute(TOOL, arguments, timeout=8, session_id=entry["session"],
                                 tool_call_id=tool_call_id, patience_ms=self.patience_ms())
            entry |= {"status": "OK", "answered_at": time.time(), **told_by(api, answer)}
        except grpc.RpcError as error:
            entry["status"] = error.code().name
        self.log("calls", entry)
        told = entry.get("disposition")
        if told not in FINAL:
            time.sleep(self.rng.uniform(0.05, 0.4))
        return told


def told_by(api, answer):
    """What an ExecuteResponse tells, for a log."""
    return {"disposition": api.disposition(answer), "intent_id": answer.intent.id,
            "generation": answer.intent.generation, "result": answer.result_json}


if __name__ == "__main__":
    UnaryClient(json.loads(sys.argv[1])).run()
