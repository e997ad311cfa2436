"""When the user is asked (near duplicates, read-back), and when the downstream is (jobs, probes).
"""

import json

from downstream import Downstream, books
from harness import E2eTest, Onetaked

_PARAMETERS = """
parameters:
  type: object
  additionalProperties: false
  required: [slot, patient]
  properties:
    slot: { type: string }
    patient: { type: string }
"""

_WRITE = """
name: %(name)s
description: Books a slot for the caller.
effect: WRITE
""" + _PARAMETERS + """
intent:
  identity: { slot: instant, patient: verbatim }
  %(intent)s
%(more)s
timeouts: { patience: %(patience)s, attempt: 5s, floor: 100ms, ceiling: 30s }
retries: { attempts: 3, total: 20s, base: 50ms, cap: 200ms }
http: { method: POST, url: "${DOWNSTREAM}/bookings", body: $ }
"""

_READ = """
name: %(name)s
description: Looks something up.
effect: READ
parameters: { type: object, properties: { id: { type: string }, slot: { type: string } } }
timeouts: { patience: 20s, attempt: 5s, floor: 100ms }
http: { method: GET, url: "${DOWNSTREAM}/%(name)s", query: { id: $.id, slot: $.slot } }
"""

_JOB = """job:
  id: $.job
  tool: job
  args: { id: $.job }
  done_if: $.booking
  failed_if: $.error
  result: $.booking
  interval: 100ms
"""

_PROBE = """safety:
  probe:
    tool: find
    args: { slot: $.slot }
    applied_if: "$.rows[0].id"
    ours: { $.patient: $.patient }
    result: "$.rows[0]"
    settle_after: 1s
    interval: 100ms
"""


def tools():
    def write(name, intent="", more="", patience="20s"):
        return _WRITE % {"name": name, "intent": intent, "more": more, "patience": patience}

    return {
        "near.yaml": write("near", intent="near: { same: [patient], window: 10m }"),
        "read_back.yaml": write("read_back", more="confirm: always"),
        "slow.yaml": write("slow", more=_JOB, patience="300ms"),
        "probed.yaml": write("probed", more=_PROBE, patience="20s"),
        "job.yaml": _READ % {"name": "job"},
        "find.yaml": _READ % {"name": "find"},
    }


def booking(slot, patient="p-1"):
    return json.dumps({"slot": slot, "patient": patient})


SIX = "2026-06-24T18:00:00-05:00"
HALF_PAST_SIX = "2026-06-24T18:30:00-05:00"


class AskingTest(E2eTest):
    def start(self, behave):
        self.downstream = self.enter_context(Downstream(behave))
        self.server = self.enter_context(Onetaked(self.downstream.url, tools=tools()))
        self.api = self.server.api()

    def execute(self, tool, slot=SIX, session_id="s", **fields):
        answer = self.api.execute(tool, booking(slot), session_id=session_id, **fields)
        return self.api.disposition(answer), answer

    def test_a_near_duplicate_is_asked_about_across_restart_and_session(self):
        self.start(books())
        self.assertEqual(self.execute("near", turn_id="t-1")[0], "DONE")
        disposition, asked = self.execute("near", slot=HALF_PAST_SIX, turn_id="t-2")
        self.assertEqual(disposition, "NEEDS_CONFIRMATION")
        [difference] = asked.conflicts
        self.assertEqual(difference.path, "$.slot")
        self.assertEqual(json.loads(difference.recorded_json), "2026-06-24T18:00:00-05:00")
        self.server.kill()
        self.server.start()
        self.api = self.server.api()
        self.assertEqual(self.execute("near", session_id="call-back")[0], "NEEDS_CONFIRMATION")
        token = asked.confirm_token
        same_turn = self.execute("near", slot=HALF_PAST_SIX, turn_id="t-2", confirm_token=token)
        self.assertEqual(same_turn[0], "NEEDS_CONFIRMATION")
        self.assertEqual(same_turn[1].reason, "confirm.same_turn")
        self.assertEqual(
            self.execute("near", slot=HALF_PAST_SIX, turn_id="t-3", confirm_token=token)[0], "DONE")
        self.assertEqual(len(self.downstream.requests), 2)

    def test_a_tool_that_is_read_back_runs_after_the_yes(self):
        self.start(books())
        disposition, asked = self.execute("read_back", turn_id="t-1", tool_call_id="tc-1")
        self.assertEqual(disposition, "NEEDS_CONFIRMATION")
        self.assertFalse(asked.HasField("intent"))
        self.assertEqual(self.api.next_action(asked), "ASK_USER")
        self.assertEqual(self.downstream.requests, [])
        self.assertEqual(self.execute("read_back", turn_id="t-2", tool_call_id="tc-1",
                                      confirm_token=asked.confirm_token)[0], "DONE")
        self.assertEqual(self.execute("read_back", turn_id="t-3", tool_call_id="tc-1")[0], "DONE")
        self.assertEqual(len(self.downstream.requests), 1)

    def test_an_accepted_job_is_pending_and_survives_a_kill(self):
        done = []

        def behave(request, connection):
            if request.method == "POST":
                connection.reply(202, {"job": "j-9"})
            elif done:
                connection.reply(200, {"booking": {"id": 7}})
            else:
                connection.reply(200, {"state": "working"})

        self.start(behave)
        disposition, answer = self.execute("slow")
        self.assertEqual(disposition, "PENDING")
        self.downstream.wait_for(2)
        self.server.kill()
        self.server.start()
        self.api = self.server.api()
        self.assertEqual(self.execute("slow")[0], "PENDING")
        done.append(True)
        settled = self.api.wait_for(answer.intent.id)
        self.assertEqual(self.api.disposition(settled), "DONE")
        self.assertEqual(json.loads(settled.result_json), {"id": 7})
        requests = self.downstream.requests
        self.assertEqual([r.method for r in requests].count("POST"), 1)
        self.assertEqual({r.path for r in requests if r.method == "GET"}, {"/job?id=j-9"})
        [generation] = self.api.get_intent(answer.intent.id).generations
        self.assertEqual(generation.summary.job, "j-9")

    def test_somebody_elses_row_is_no_proof_of_our_write(self):
        """Edge case 23."""

        def behave(request, connection):
            if request.method == "POST":
                connection.reset()
            else:
                connection.reply(200, {"rows": [{"id": 3, "patient": "p-other"}]})

        self.start(behave)
        disposition, answer = self.execute("probed")
        self.assertEqual(disposition, "NEEDS_REVIEW")
        self.assertEqual(answer.reason, "probe.conflict")
        self.assertEqual([r.method for r in self.downstream.requests], ["POST", "GET"])

    def test_our_row_among_others_settles_it_with_the_writes_own_result(self):
        def behave(request, connection):
            if request.method == "POST":
                connection.reset()
            else:
                connection.reply(200, {"rows": [{"id": 4, "patient": "p-1"}]})

        self.start(behave)
        disposition, answer = self.execute("probed")
        self.assertEqual(disposition, "DONE")
        self.assertEqual(json.loads(answer.result_json), {"id": 4, "patient": "p-1"})
