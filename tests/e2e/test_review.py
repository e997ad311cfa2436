"""What only a person can settle: the list, the verdict, and what arrives after it."""

import json
import threading
import urllib.request

import grpc

from downstream import Downstream, books
from harness import E2eTest, Onetaked, booking, manifests


class ReviewTest(E2eTest):
    def start(self, behave, attempt="1s"):
        self.downstream = self.enter_context(Downstream(behave))
        self.server = self.enter_context(
            Onetaked(self.downstream.url, tools=manifests(attempt=attempt)))
        self.api = self.server.api()

    def execute(self, tool="book", **fields):
        answer = self.api.execute(tool, booking(), session_id="s", **fields)
        return self.api.disposition(answer), answer

    def resolve(self, intent_id, verdict, **fields):
        return self.api.call("onetake.v1.LedgerService", "ResolveIntent", intent_id=intent_id,
                             verdict=verdict, by="dana", evidence="asked the desk", **fields)

    def report(self):
        return self.api.call("onetake.v1.LedgerService", "ReviewReport")

    def test_a_person_settles_what_nobody_else_can(self):
        """Edge case 48, by the command line."""
        self.start(lambda request, connection: connection.reset())
        self.assertIn("nothing waits", self.run_cli(self.server, "review", "list").stdout)
        disposition, answer = self.execute()
        self.assertEqual(disposition, "NEEDS_REVIEW")
        self.assertEqual(self.report().count, 1)
        listed = self.run_cli(self.server, "review", "list")
        self.assertIn(answer.intent.id, listed.stdout)
        shown = self.run_cli(self.server, "review", "show", answer.intent.id[:8])
        self.assertIn("NEEDS_REVIEW", shown.stdout)
        for wrong in (["--applied"], ["--applied", "--by", "dana"],
                      ["--applied", "--not-applied", "--by", "dana", "--evidence", "x"],
                      ["--by", "dana", "--evidence", "x"]):
            refused = self.run_cli(self.server, "review", "resolve", answer.intent.id, *wrong)
            self.assertEqual(refused.returncode, 1, refused)
        resolved = self.run_cli(self.server, "review", "resolve", answer.intent.id[:8], "--applied",
                                "--by", "dana", "--evidence", "the desk sees it",
                                "--result", '{"id": 7}')
        self.assertEqual(resolved.returncode, 0, resolved.stderr)
        disposition, answer = self.execute()
        self.assertEqual(disposition, "DONE")
        self.assertEqual(json.loads(answer.result_json), {"id": 7})
        self.assertTrue(answer.replayed)
        self.assertEqual(len(self.downstream.requests), 1)
        self.assertEqual(self.report().count, 0)
        event = self.api.get_intent(answer.intent.id).generations[0].events[-1]
        self.assertEqual((event.kind, event.actor, event.rule),
                         ("resolved", "dana", "review.applied"))
        self.assertEqual(json.loads(event.evidence_json),
                         {"note": "the desk sees it", "credential": "anonymous"})

    def test_the_age_of_the_oldest_is_a_metric(self):
        self.downstream = self.enter_context(Downstream(lambda request, connection:
                                                        connection.reset()))
        self.server = self.enter_context(
            Onetaked(self.downstream.url, config="metrics: { listen: '127.0.0.1:0' }\n"))
        self.api = self.server.api()
        address = self.server.events("metrics.started")[0]["address"]

        def figures():
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as answer:
                lines = answer.read().decode().splitlines()
            return dict(line.split(" ") for line in lines if not line.startswith("#"))

        self.assertEqual(figures()["onetake_review_items"], "0")
        self.assertEqual(float(figures()["onetake_review_oldest_age_seconds"]), 0)
        self.execute()
        self.assertEqual(figures()["onetake_review_items"], "1")
        self.assertGreater(float(figures()["onetake_review_oldest_age_seconds"]), 0)
        self.assertGreater(float(figures()["onetake_ledger_commits_total"]), 0)

    def test_what_was_not_applied_may_be_done_by_the_next_call(self):
        self.start(lambda request, connection: connection.reset())
        _, answer = self.execute()
        self.resolve(answer.intent.id, 2)
        self.downstream.set_behaviour(books())
        disposition, answer = self.execute()
        self.assertEqual(disposition, "DONE")
        self.assertEqual(answer.intent.generation, 2)

    # Its answer may have been lost on the way.
    def test_a_verdict_that_is_given_again_is_answered_again(self):
        self.start(lambda request, connection: connection.reset())
        _, answer = self.execute()
        first = self.resolve(answer.intent.id, 2)
        self.assertEqual(self.resolve(answer.intent.id, 2), first)
        with self.assertRaises(grpc.RpcError) as caught:
            self.resolve(answer.intent.id, 1)
        self.assertEqual(self.api.error_detail(caught.exception).reason, "NOT_IN_REVIEW")
        events = self.api.get_intent(answer.intent.id).generations[0].events
        self.assertEqual([event.kind for event in events].count("resolved"), 1)

    def test_a_verdict_with_another_result_was_not_given_before(self):
        self.start(lambda request, connection: connection.reset())
        _, answer = self.execute()
        first = self.resolve(answer.intent.id, 1, result_json='{"id": 7}')
        self.assertEqual(self.resolve(answer.intent.id, 1, result_json='{"id": 7}'), first)
        for other in ({"result_json": '{"id": 8}'}, {"result_json": '{"id": 7}', "generation": 2}):
            with self.assertRaises(grpc.RpcError):
                self.resolve(answer.intent.id, 1, **other)
        again = self.execute()[1]
        self.assertEqual(json.loads(again.result_json), {"id": 7})

    def test_a_known_outcome_is_no_persons_to_settle(self):
        self.start(books())
        _, answer = self.execute()
        with self.assertRaises(grpc.RpcError) as caught:
            self.resolve(answer.intent.id, 2)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertEqual(self.api.error_detail(caught.exception).reason, "NOT_IN_REVIEW")
        with self.assertRaises(grpc.RpcError) as caught:
            self.resolve("0" * 32, 1)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_a_verdict_against_a_success_that_was_seen_still_waits_for_a_person(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def behave(request, connection):
            if request.number == 1:
                connection.reply_cut(200, {"id": "x" * 100})
            else:
                release.wait(60)
                connection.reply(200, {"id": 7})

        self.start(behave, attempt="20s")
        _, answer = self.execute("book_keyed", patience_ms=100)
        self.downstream.wait_for(2)
        verdict = ("review", "resolve", answer.intent.id, "--not-applied", "--by", "dana",
                   "--evidence", "no such appointment")
        resolved = self.run_cli(self.server, *verdict)
        self.assertEqual(resolved.returncode, 5, resolved.stdout + resolved.stderr)
        self.assertIn("still waits for a person", resolved.stdout)
        self.assertEqual(self.report().count, 1)
        disposition, _ = self.execute("book_keyed")
        self.assertEqual(disposition, "NEEDS_REVIEW")
        again = self.run_cli(self.server, *verdict)
        self.assertEqual(again.returncode, 0, again.stdout + again.stderr)
        self.assertIn("is REJECTED now; the next call may do it again", again.stdout)
        self.assertEqual(self.report().count, 0)

    def test_what_has_waited_longest_is_listed_first(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def behave(request, connection):
            if request.number == 2:
                release.wait(30)
                connection.reply(201, {"id": 7})
            else:
                connection.reset()

        self.start(behave, attempt="20s")
        _, contradicted = self.execute("book_keyed", patience_ms=2500)
        self.downstream.wait_for(2)
        self.resolve(contradicted.intent.id, 2)
        later = self.api.execute("book", booking(patient="p-2"), session_id="s")
        self.assertEqual(self.api.disposition(later), "NEEDS_REVIEW")
        release.set()
        self.eventually(lambda: self.report().count, 2)
        order = [later.intent.id, contradicted.intent.id]
        listed = json.loads(self.run_cli(self.server, "review", "list", "--json").stdout)
        self.assertEqual([one["intent"]["id"] for one in listed["intents"]], order)
        rows = self.run_cli(self.server, "review", "list").stdout.splitlines()[1:]
        self.assertEqual([row.split()[1] for row in rows], order)

    def test_a_late_success_after_not_applied_is_a_conflict(self):
        """Edge case 22: the second attempt hangs, a person says no, and then it answers 201."""
        release = threading.Event()
        self.addCleanup(release.set)

        def behave(request, connection):
            if request.number == 1:
                connection.reset()
            else:
                release.wait(30)
                connection.reply(201, {"id": 7})

        self.start(behave, attempt="20s")
        disposition, answer = self.execute("book_keyed", patience_ms=2500)
        self.assertEqual(disposition, "UNCERTAIN")
        self.downstream.wait_for(2)
        self.resolve(answer.intent.id, 2)
        release.set()
        self.eventually(lambda: self.report().count, 1)
        disposition, again = self.execute("book_keyed")
        self.assertEqual((disposition, again.reason), ("NEEDS_REVIEW", "R16.conflict"))
        self.assertEqual(len(self.downstream.requests), 2)
        [generation] = self.api.get_intent(answer.intent.id).generations
        self.assertEqual(self.api.state(generation.summary.intent), "REJECTED")
        conflict = generation.events[-1]
        self.assertEqual(conflict.kind, "conflict")
        self.assertEqual(json.loads(conflict.evidence_json)["result"], {"id": 7})
        listed = self.run_cli(self.server, "review", "list").stdout
        self.assertIn("what was recorded later contradicts it", listed)
        self.resolve(answer.intent.id, 1, result_json='{"id": 7}')
        disposition, answer = self.execute("book_keyed")
        self.assertEqual(disposition, "DONE")
        self.assertEqual(json.loads(answer.result_json), {"id": 7})
        self.assertEqual(self.report().count, 0)
