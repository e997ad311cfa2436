"""One client process: an agent that wants appointments, says everything twice in other words, and
writes down what it was told. client.py JSON: see Client.__init__."""

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
        self._plan = plan
        self._rng = random.Random(plan["seed"])
        self._calls = 0
        self._apis = []
        folder = pathlib.Path(plan["folder"])
        self._log = (folder / f"calls.{plan['number']}.jsonl").open("w", encoding="utf-8")
        self._wishes = (folder / f"wishes.{plan['number']}.jsonl").open("w", encoding="utf-8")

    def run(self):
        schema = None
        while schema is None:
            try:
                schema = Api(self._plan["addresses"][0]).schema
            except grpc.RpcError:
                time.sleep(0.2)
        self._apis = [Api(address, schema) for address in self._plan["addresses"]]
        number = 0
        while time.monotonic() < self._plan["begin_until"] and number < self._plan["wishes"]:
            self._want(number)
            number += 1

    def _want(self, number):
        name = f"w{self._plan['number']}-{number}"
        slot = FIRST_DAY + datetime.timedelta(days=number, minutes=30 * self._plan["number"])
        wish = {"wish": name, "patient": f"pat-{name}", "other_patient": f"pat-{name}-other",
                "slot": int(slot.timestamp()), "provider": self._rng.choice(("dr-kim", "dr-ito"))}
        print(json.dumps(wish), file=self._wishes, flush=True)
        tool_call_id, arguments, drift, told = "", "", False, None
        known, extra = False, self._rng.randrange(4)
        while time.monotonic() < self._plan["end_at"]:
            # The same delivery once more, of a drift too, or another one.
            if not tool_call_id or self._rng.random() < 0.6:
                # Before anything is settled, another detail may be the first that is heard of.
                drift = known and self._rng.random() < 0.3
                self._calls += 1
                tool_call_id = f"tc-{self._calls}"
                arguments = self._arguments(wish, slot, drift)
            told = self._call(wish, tool_call_id, arguments, drift)
            known = known or told in FINAL
            if known:
                if extra == 0:
                    return
                extra -= 1

    def _arguments(self, wish, slot, drift):
        local = slot.astimezone(CHICAGO)
        spelled = self._rng.choice((local.isoformat(), slot.strftime("%Y-%m-%dT%H:%M:%SZ"),
                                    local.strftime("%Y-%m-%d %I:%M %p")))
        return json.dumps({"slot_iso": spelled, "provider_id": wish["provider"],
                           "patient_id": wish["other_patient" if drift else "patient"],
                           "notes": self._rng.choice(NOTES)})

    def _call(self, wish, tool_call_id, arguments, drift):
        entry = {"wish": wish["wish"], "client": self._plan["number"],
                 "session": f"s-{wish['wish']}", "tool_call_id": tool_call_id, "drift": drift,
                 "sent_at": time.time()}
        api = self._rng.choice(self._apis)
        try:
            answer = api.execute(TOOL, arguments, timeout=8, session_id=entry["session"],
                                 tool_call_id=tool_call_id,
                                 patience_ms=self._rng.choice((300, 1500, 4000)))
            entry |= {"status": "OK", "disposition": api.disposition(answer),
                      "intent_id": answer.intent.id, "generation": answer.intent.generation,
                      "result": answer.result_json, "answered_at": time.time()}
        except grpc.RpcError as error:
            entry["status"] = error.code().name
        print(json.dumps(entry), file=self._log, flush=True)
        told = entry.get("disposition")
        if told not in FINAL:
            time.sleep(self._rng.uniform(0.05, 0.4))
        return told


if __name__ == "__main__":
    Client(json.loads(sys.argv[1])).run()
