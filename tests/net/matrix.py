"""Runs cases side by side. A batch is a server, a downstream and proxies of its own, so that what
one case leaves behind is found where it was made."""

import collections
import concurrent.futures
import contextlib
import json
import os
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import grpc

from api import Api
from downstream import Downstream
from fault_proxy import FaultProxy
from harness import Onetaked
from practice import Practice

# Each has a server and some threads of this interpreter.
WORKERS = min(32, 8 * os.cpu_count())
# A tool's retry budget bears 50 failures.
BATCH = 30
# Far more than anything here takes: what is not over by then hangs.
PATIENCE_S = 120

_TOOL = """
name: %s
description: Books a slot for the caller.
effect: WRITE
parameters:
  type: object
  required: [slot, patient]
  properties: { slot: { type: string }, patient: { type: string } }
intent: { identity: { slot: instant, patient: verbatim } }
safety: %s
timeouts: { patience: 20s, attempt: %s, floor: 100ms, ceiling: 60s }
retries: { attempts: 8, total: 60s, base: 50ms, cap: 200ms }
http: { method: POST, url: "${DOWNSTREAM}/bookings", body: $ }
"""
_FIND = """
name: find
description: Finds the bookings of a slot.
effect: READ
parameters: { type: object, properties: { slot: { type: string } } }
timeouts: { patience: 5s, attempt: 2s, floor: 100ms }
retries: { attempts: 2, base: 20ms, cap: 50ms, total: 5s }
http: { method: GET, url: "${DOWNSTREAM}/bookings", query: { slot: $.slot } }
"""
_SAFETIES = {
    "plain": "{}",
    "keyed": "{ keyed: { header: Idempotency-Key, retention: 1h } }",
    "probed": "{ probe: { tool: find, args: { slot: $.slot }, applied_if: '$.rows[0].id', "
              "ours: { $.patient: $.patient }, result: '$.rows[0]', interval: 200ms } }",
}
TOOLS = tuple(_SAFETIES)
# As plain, with more time than anything takes: for what must not end as a doubt only because this
# machine is busy.
PATIENT = "patient"


def arguments(slot):
    return json.dumps({"slot": slot, "patient": "p-1"})


def session(slot):
    return f"s {slot}"


def manifests():
    files = {f"{name}.yaml": _TOOL % (name, safety, "2s") for name, safety in _SAFETIES.items()}
    return {**files, "patient.yaml": _TOOL % (PATIENT, "{}", "60s"), "find.yaml": _FIND}


class Batch:
    """One server and its world; owned by one thread. Faults that are found are in `problems`."""

    def __init__(self):
        self.problems = []
        self.ended = collections.Counter()  # by (tool, disposition)
        self.statuses = collections.Counter()  # of the calls that a fault was made for
        self._case = ""
        self._slots = []
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.practice = Practice()
            downstream = stack.enter_context(Downstream(self.practice))
            self.to_downstream = stack.enter_context(FaultProxy(_port(downstream.url)))
            self.server = stack.enter_context(
                Onetaked(f"http://{self.to_downstream.address}", tools=manifests()))
            self.to_server = stack.enter_context(FaultProxy(_port(self.server.address)))
            self.api = self.server.api()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *unused):
        self._stack.close()

    def begin(self, case):
        self._case = case

    def check(self, holds, problem):
        if not holds:
            self.problems.append(f"{self._case}: {problem}")

    def slot(self):
        """A wish of its own."""
        number = len(self._slots)
        hour, minute = divmod(number, 60)
        self._slots.append(f"2026-{1 + hour // 672:02}-{1 + hour // 24 % 28:02}"
                           f"T{hour % 24:02}:{minute:02}:00Z")
        return self._slots[-1]

    def connect(self):
        """Another connection, by way of the proxy."""
        return self._stack.enter_context(
            contextlib.closing(Api(self.to_server.address, self.api.schema)))

    def call(self, api, tool, slot, tool_call_id, timeout=60):
        """The one final status of a call: (gRPC code, answer or None)."""
        ended = threading.Semaphore(0)
        call = api.start_execute(tool, arguments(slot), timeout,
                                 session_id=session(slot), tool_call_id=f"{slot} {tool_call_id}")
        call.add_done_callback(lambda _: ended.release())
        if not ended.acquire(timeout=timeout + PATIENCE_S):
            self.check(False, f"{tool}: a call has no status long after its deadline")
            call.cancel()
        code = call.code().name
        self.check(not ended.acquire(blocking=False), f"{tool}: a call ended twice")
        return code, call.result() if code == "OK" else None

    def until_it_ends(self, tool, slot):
        """An agent that tries again until it is told an end."""
        deadline = time.monotonic() + PATIENCE_S
        number = 0
        while time.monotonic() < deadline:
            number += 1
            code, answer = self.call(self.api, tool, slot, f"again-{number}")
            self.check(code == "OK", f"{tool}: {code} although the way to the server is well")
            if answer is None:
                break
            told = self.api.disposition(answer)
            if told in ("DONE", "NEEDS_REVIEW"):
                return told, answer
        self.check(False, f"{tool}: no end in {PATIENCE_S} s")
        return "", None

    def judge(self, tool, slot, told, answer, first):
        """What holds when it has ended, given the answer of the first call, or None."""
        self.ended[tool, told] += 1
        rows = self.practice.rows(slot)
        self.check(len(rows) <= 1, f"{tool}: {len(rows)} effects")
        if answer is None:
            return
        found = self._ask(lambda: self.api.get_intent(answer.intent.id))
        succeeded = [one for one in found.generations
                     if self.api.state(one.summary.intent) == "SUCCEEDED"]
        self.check(len(succeeded) == (told == "DONE"), f"{tool}: {len(succeeded)} successes")
        if told == "DONE":
            self.check(len(rows) == 1, f"{tool}: told DONE, and {len(rows)} effects")
            self.check(succeeded and succeeded[0].result_json == answer.result_json,
                       f"{tool}: the ledger holds another result")
            # Of an answer without a body, or with one that cannot be read, there is none.
            result = json.loads(answer.result_json or "null")
            self.check(result in (None, *rows), f"{tool}: the result of something else: {result}")
        if first is not None and self.api.disposition(first) == "DONE":
            self.check((told, answer.result_json) == ("DONE", first.result_json),
                       f"{tool}: told DONE, then {told}, or another result")

    def check_alive(self):
        """The next one is done, with its own result."""
        slot = self.slot()
        told, answer = self.until_it_ends("keyed", slot)
        self.check(told == "DONE", f"afterwards: {told}")
        self.judge("keyed", slot, told, answer, None)

    def finish(self):
        """When all cases are over."""
        self.begin("in the end")
        self.to_downstream.calm()
        self.to_server.calm()
        for state in ("IN_FLIGHT", "UNKNOWN"):
            deadline = time.monotonic() + PATIENCE_S
            while self._any(state) and time.monotonic() < deadline:
                time.sleep(0.05)
            self.check(not self._any(state), f"an intent is {state}")
        for slot in self._slots:
            self.check(len(self.practice.rows(slot)) <= 1, f"{slot}: more than one effect")
        verified = self._ask(self.api.verify_chain)
        self.check(not verified.HasField("fault"), "the chain does not verify")
        self.check(self.server.stop() == 0, "it does not stop")

    @staticmethod
    def _ask(question):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return question()
            except grpc.RpcError:
                # The server gives a question some seconds, and a machine may stand still for them.
                if time.monotonic() > deadline:
                    raise

    def _any(self, state):
        number = self.api.schema.pool.FindEnumTypeByName(
            "onetake.v1.IntentState").values_by_name[f"INTENT_STATE_{state}"].number
        found = self._ask(lambda: self.api.list_intents(state=number, page_size=1))
        return len(found.intents) > 0


def run(cases, run_case):
    """Runs run_case(batch, case) for every one. The problems found, and how often writes ended
    how, and first calls with which status."""
    cases = list(cases)
    count = max(min(WORKERS, len(cases)), -(-len(cases) // BATCH))
    problems, ended, statuses = [], collections.Counter(), collections.Counter()

    def one(part):
        batch = Batch()
        try:
            with batch:
                for case in part:
                    run_case(batch, case)
                batch.finish()
        except (grpc.RpcError, OSError, AssertionError) as error:
            batch.check(False, repr(error))
        return batch

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
        # Neighbours in the table last equally long, so each batch gets some of all.
        for batch in workers.map(one, [cases[first::count] for first in range(count)]):
            problems += batch.problems
            ended += batch.ended
            statuses += batch.statuses
    return problems, dict(ended), dict(statuses)


def _port(address):
    return int(address.rsplit(":", 1)[1])
