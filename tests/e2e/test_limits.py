"""What is too much is answered at once, and what is not a caller is cut off."""

import os
import pathlib
import resource
import subprocess
import tempfile
import threading
import time
import unittest

import grpc

from downstream import Downstream, answers, books
from harness import ONETAKE, E2eTest, Onetaked, booking

_RUNTIME = "onetake.v1.ToolRuntime"


class LimitsTest(E2eTest):
    def setUp(self):
        self.hold = threading.Event()
        self.addCleanup(self.hold.set)

    def slow(self, request, connection):
        self.hold.wait(60)
        connection.reply(201, {"id": "b-1"})

    def refused(self, call):
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        detail = self.api.error_detail(caught.exception)
        self.assertTrue(detail.safe_to_resend)
        self.assertGreater(detail.retry_after_ms, 0)
        # For the retries of gRPC's own clients.
        self.assertEqual(dict(caught.exception.trailing_metadata())["grpc-retry-pushback-ms"],
                         str(detail.retry_after_ms))
        return detail.reason

    def test_more_calls_than_places_are_refused_before_anything_is_recorded(self):
        downstream = self.enter_context(Downstream(self.slow))
        server = self.enter_context(Onetaked(downstream.url, config="limits: { in_flight: 2 }\n"))
        self.api = server.api()
        running = [self.api.start_execute("book", booking(patient=f"p-{n}"), session_id="s",
                                          patience_ms=60000, timeout=90) for n in range(2)]
        downstream.wait_for(2)
        self.assertEqual(self.refused(lambda: self.api.execute(
            "book", booking(patient="p-9"), session_id="s")), "OVERLOADED")
        self.assertEqual(self.refused(lambda: self.api.wait_for("x" * 32)), "OVERLOADED")
        self.assertEqual(len(self.api.list_intents().intents), 2)
        self.assertEqual(self.api.health(), "SERVING")
        self.hold.set()
        for call in running:
            self.assertEqual(self.api.disposition(call.result()), "DONE")
        self.assertEqual(self.api.disposition(self.api.execute(
            "book", booking(patient="p-9"), session_id="s")), "DONE")
        calls = self.api.call("onetake.v1.LedgerService", "ListCalls").calls
        self.assertEqual(len(calls), 3, "a call that was refused left nothing")

    def test_a_tenant_that_floods_leaves_room_for_the_others(self):
        downstream = self.enter_context(Downstream(self.slow))
        server = Onetaked(downstream.url, config="access: {}\n"
                          "limits: { in_flight: 50, tenant: { in_flight: 3 } }\n")
        tokens = [subprocess.run(
            [ONETAKE, "token", "create", "agent", "--roles", "execute", "--tenant", tenant,
             "--tokens", str(server.folder / "onetake.tokens")],
            capture_output=True, text=True, timeout=30, check=True).stdout.strip()
                  for tenant in ("loud", "quiet")]
        self.enter_context(server)
        loud = self.api = server.api(token=tokens[0])
        quiet = server.api(loud.schema, token=tokens[1])
        running = [loud.start_execute("book", booking(patient=f"p-{n}"), session_id="s",
                                      patience_ms=60000, timeout=90) for n in range(3)]
        downstream.wait_for(3)
        self.assertEqual(self.refused(lambda: loud.execute(
            "book", booking(patient="p-9"), session_id="s")), "TENANT_OVERLOADED")
        running.append(quiet.start_execute("book", booking(), session_id="s", patience_ms=60000,
                                           timeout=90))
        downstream.wait_for(4)
        self.hold.set()
        for call in running:
            self.assertEqual(loud.disposition(call.result()), "DONE")

    def test_a_rate_is_kept_and_changed_while_it_runs(self):
        downstream = self.enter_context(Downstream(books()))
        server = self.enter_context(Onetaked(
            downstream.url, config="limits: { tenant: { rate: 1, burst: 2 } }\n"))
        self.api = server.api()
        let_in, begun = [], time.monotonic()

        def call_on():
            for n in range(50):
                self.api.execute("book", booking(patient=f"p-{n}"), session_id="s")
                let_in.append(n)
        self.assertEqual(self.refused(call_on), "TENANT_RATE")
        self.assertGreaterEqual(len(let_in), 2)
        self.assertLessEqual(len(let_in), 2 + time.monotonic() - begun, "one more a second")
        config = server.folder / "onetake.yaml"
        config.write_text(config.read_text().replace("rate: 1, burst: 2", "rate: 1000")
                          + "drain_grace: 3s\n")
        server.hang_up()
        server.wait_for_event("config.reloaded")
        self.eventually(lambda: "takes effect at the next start: drain_grace"
                        in "\n".join(server.logs), True)
        for n in range(20):
            self.api.execute("book", booking(patient=f"q-{n}"), session_id="s")

    def test_sessions_are_bounded(self):
        downstream = self.enter_context(Downstream(books()))
        server = self.enter_context(Onetaked(downstream.url, config="limits: { sessions: 2 }\n"))
        self.api = server.api()
        streams = []
        for n in range(2):
            streams.append(self.open_session(f"s-{n}"))
            next(streams[-1])
        third = self.open_session("s-3")
        self.assertEqual(self.refused(lambda: next(third)), "OVERLOADED")
        streams.pop().cancel()

        def place_is_back():
            try:
                return next(self.open_session("s-4")).WhichOneof("kind")
            except grpc.RpcError:
                return ""
        self.eventually(place_is_back, "opened")

    def test_sessions_of_a_tenant_are_bounded_and_the_bound_is_raised_while_it_runs(self):
        downstream = self.enter_context(Downstream(books()))
        server = self.enter_context(Onetaked(
            downstream.url, config="limits: { tenant: { sessions: 1 } }\n"))
        self.api = server.api()
        first = self.open_session("s-1")
        next(first)
        second = self.open_session("s-2")
        self.assertEqual(self.refused(lambda: next(second)), "TENANT_OVERLOADED")
        config = server.folder / "onetake.yaml"
        config.write_text(config.read_text().replace("sessions: 1", "sessions: 2"))
        server.hang_up()
        server.wait_for_event("config.reloaded")
        self.assertEqual(next(self.open_session("s-2")).WhichOneof("kind"), "opened")

    def open_session(self, name):
        asked = threading.Event()
        self.addCleanup(asked.set)

        def requests():
            message = self.api.message("onetake.v1.SessionRequest")
            yield message(open={"session_id": name})
            yield message(execute={"request_id": "r", "call": {
                "tool": "book", "arguments_json": booking(patient=name)}})
            asked.wait(60)
        stub = self.api.channel.stream_stream(
            f"/{_RUNTIME}/Session", request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=self.api.message("onetake.v1.SessionEvent").FromString)
        return stub(requests(), timeout=60)


class FileSizeTest(E2eTest):
    def limit_files(self, size):
        resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def test_files_that_may_not_grow_are_a_full_disk(self):
        """EFBIG and a signal, as by LimitFSIZE= of a unit; a quota's EDQUOT is taken alike."""
        self.downstream = self.enter_context(Downstream(answers(201, {"id": "b-1"})))
        self.server = self.enter_context(Onetaked(self.downstream.url))
        api = self.server.api()
        first = api.execute("book", booking(), session_id="s")
        self.limit_files(4096)
        for number in range(5):
            with self.assertRaises(grpc.RpcError) as caught:
                api.execute("book", booking(patient=f"big-{number}"), session_id="s")
            self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        again = api.execute("book", booking(), session_id="s")
        self.assertTrue(again.replayed)
        self.assertEqual(again.result_json, first.result_json)
        self.assertEqual(len(self.downstream.requests), 1)
        self.limit_files(resource.RLIM_INFINITY)
        answer = api.execute("book", booking(patient="after"), session_id="s")
        self.assertEqual(api.disposition(answer), "DONE")
        self.assertFalse(api.verify_chain().HasField("fault"))
        self.assertEqual(self.server.stop(), 0)


@unittest.skipUnless(os.geteuid() == 0, "NOT RUN: only root can mount a small disk")
class DiskFullTest(E2eTest):
    def start(self, behave):
        disk = tempfile.mkdtemp(prefix="onetake-disk-")
        self.addCleanup(os.rmdir, disk)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", disk],
                                 capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest("NOT RUN: this machine lets nobody mount a tmpfs")
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        self.downstream = self.enter_context(Downstream(behave))
        self.server = Onetaked(self.downstream.url)
        config = self.server.folder / "onetake.yaml"
        config.write_text(config.read_text().replace("path: onetake.db",
                                                     f"path: {disk}/onetake.db"))
        self.addCleanup(self.server.__exit__)
        self.server.start()
        self.api = self.server.api()
        self.ballast = pathlib.Path(disk) / "ballast"

    def fill(self):
        with open(self.ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def test_reads_and_replays_go_on_and_it_recovers_by_itself(self):
        self.start(answers(201, {"id": "b-1"}))
        downstream = self.downstream
        first = self.api.execute("book", booking(), session_id="s")
        self.fill()
        refused = 0
        for n in range(50):
            try:
                self.api.execute("book", booking(patient=f"p-{n}"), session_id="s")
            except grpc.RpcError as error:
                self.assertEqual(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
                refused += 1
        self.assertGreater(refused, 0)
        sent = len(downstream.requests)
        again = self.api.execute("book", booking(), session_id="s")
        self.assertTrue(again.replayed)
        self.assertEqual(again.result_json, first.result_json)
        self.assertEqual(len(downstream.requests), sent)
        self.assertEqual(self.api.disposition(self.api.execute("find", '{"slot":"x"}',
                                                               session_id="s")), "DONE")
        self.assertTrue(self.api.list_intents().intents)
        self.ballast.unlink()
        answer = self.api.execute("book", booking(patient="after"), session_id="s")
        self.assertEqual(self.api.disposition(answer), "DONE")
        self.assertFalse(self.api.verify_chain().HasField("fault"))
        self.assertEqual(self.server.stop(), 0)

    def test_what_is_answered_while_it_is_full_is_told_when_it_is_on_disk_and_never_lost(self):
        for tool in ("book", "book_keyed"):
            with self.subTest(tool):
                release = threading.Event()
                self.addCleanup(release.set)

                def held(request, connection, release=release):
                    if "held" in request.json()["patient"]:
                        release.wait(60)
                    connection.reply(201, {"for": request.json()["patient"]})
                self.start(held)
                call = self.api.start_execute(tool, booking(patient="held"), session_id="s",
                                              tool_call_id="tc-1", patience_ms=3000, timeout=90)
                self.downstream.wait_for(1)
                self.fill()
                self.until_refused()
                release.set()
                told = self.api.disposition(call.result())
                # As by a loss of power, before there is room again.
                self.server.kill()
                self.ballast.unlink()
                self.server.start()
                self.api = self.server.api(self.api.schema)
                again = self.api.execute(tool, booking(patient="held"), session_id="s",
                                         tool_call_id="tc-2", patience_ms=60_000, timeout=90)
                known = self.api.disposition(again)
                self.assertIn(known, ("DONE",) if told == "DONE" or tool == "book_keyed"
                              else ("DONE", "NEEDS_REVIEW"))
                keys = [request.key for request in self.downstream.requests
                        if request.json()["patient"] == "held"]
                if tool == "book" or told == "DONE":
                    self.assertEqual(len(keys), 1, "it was sent again")
                self.assertEqual(set(keys), {again.intent.key if tool == "book_keyed" else ""})
                self.assertFalse(self.api.verify_chain().HasField("fault"))

    def until_refused(self):
        for number in range(1000):
            try:
                self.api.execute("book", booking(patient=f"f-{number}"), session_id="s")
            except grpc.RpcError as error:
                self.assertEqual(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
                return
        self.fail("the disk does not get full")


if __name__ == "__main__":
    unittest.main()
