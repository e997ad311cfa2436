"""Peers that misbehave at the transport are cut off, and take nothing from the others."""

import concurrent.futures
import pathlib
import resource
import socket
import threading
import unittest

import grpc

import raw_http2
from downstream import Downstream, answers, books
from harness import E2eTest, Onetaked, booking
from raw_http2 import RawPeer
from session import Session

_EXECUTE = b"/onetake.v1.ToolRuntime/Execute"
_SESSION = b"/onetake.v1.ToolRuntime/Session"
_LARGE = {"id": "x" * 900_000}


class PeerTest(E2eTest):
    def start(self, downstream=None, **how):
        self.downstream = self.enter_context(Downstream(downstream or books()))
        self.server = self.enter_context(Onetaked(self.downstream.url, **how))

    def connect(self, settings=b""):
        peer = RawPeer(self.server.address, settings)
        self.addCleanup(peer.close)
        return peer

    def resident_mib(self):
        status = pathlib.Path(f"/proc/{self.server.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) // 1024

    def test_a_flood_of_pings_is_cut_off(self):
        self.start()
        peer = self.connect()
        try:
            for _ in range(200):
                peer.socket.sendall(raw_http2.frame(raw_http2.PING, bytes(8)))
        except ConnectionError:
            pass
        self.assertIn(raw_http2.GOAWAY, [kind for kind, *_ in peer.frames()])
        self.assertEqual(self.server.api().health(), "SERVING")

    def test_a_connection_is_told_how_many_streams_it_may_have(self):
        self.start()
        kind, _, _, payload = next(self.connect().frames())
        self.assertEqual(kind, raw_http2.SETTINGS)
        settings = raw_http2.settings_of(payload)
        self.assertEqual(settings[raw_http2.MAX_CONCURRENT_STREAMS], 100)

    def reset_at_once(self, request, count):
        """CVE-2023-44487: streams that are begun and reset, so that none counts as open.

        Returns once the last one, which is not reset, is answered: then all had their turn."""
        peer = self.connect()
        seen, answered = set(), threading.Event()

        def read():
            try:
                for kind, flags, stream, _ in peer.frames():
                    if kind == raw_http2.RST_STREAM or flags & raw_http2.END_STREAM:
                        seen.add(stream)
                        answered.set()
            except ConnectionError:  # a ping that came as we left
                pass

        reader = threading.Thread(target=read)
        reader.start()
        try:
            for _ in range(count):
                peer.reset(peer.open(_EXECUTE, request))
            last = peer.open(_EXECUTE, request)
            while last not in seen:
                self.assertTrue(answered.wait(60), "the last stream is not answered")
                answered.clear()
        finally:
            peer.socket.shutdown(socket.SHUT_RDWR)
            reader.join()

    @staticmethod
    def ask(api, arguments):
        """The answer's disposition. A server that is busy says when to come again."""
        try:
            return api.disposition(api.execute("book_keyed", arguments, timeout=60,
                                               session_id="s"))
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise
            return "busy"

    def test_streams_that_are_reset_at_once_write_once_and_keep_nobody_out(self):
        """SECURITY.md says what is not defended: gRPC keeps some 25 KB for each until its turn."""
        self.start()
        api = self.server.api()
        request = api.message("onetake.v1.ExecuteRequest")(
            tool="book_keyed", arguments_json=booking(), session_id="s")
        before = self.resident_mib()
        executor = self.enter_context(concurrent.futures.ThreadPoolExecutor(1))
        patients = [f"p-{number}" for number in range(1, 9)]
        for patient in patients:
            flood = executor.submit(self.reset_at_once, request, 5_000)
            self.eventually(lambda: self.ask(api, booking(patient=patient)), "DONE")
            flood.result()
            self.assertEqual(api.health(), "SERVING")
        self.assertEqual(sorted(sent.json()["patient"] for sent in self.downstream.requests),
                         patients)
        # All together would be 1,000. Of one flood 125 are kept, for the next, and some of what
        # the threads of gRPC have set aside.
        self.eventually(lambda: self.resident_mib() - before < 500, True)

    def test_a_peer_that_says_nothing_is_let_go(self):
        self.start()
        host, port = self.server.address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=60) as peer:
            while peer.recv(65536):
                pass
        self.assertEqual(self.server.api().health(), "SERVING")

    def test_a_peer_that_speaks_something_else_is_let_go(self):
        self.start()
        host, port = self.server.address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=60) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            try:
                while peer.recv(65536):
                    pass
            except ConnectionError:
                pass
        self.assertEqual(self.server.api().health(), "SERVING")

    def test_answers_that_nobody_takes_are_not_kept_without_end(self):
        self.start(answers(201, _LARGE))
        api = self.server.api()
        self.assertEqual(api.execute("book_keyed", booking(), session_id="s").disposition, 1)
        before = self.resident_mib()
        replay = self.replay(api)
        peers = [self.connect(raw_http2.TAKES_NOTHING) for _ in range(4)]
        for peer in peers:
            for _ in range(100):
                peer.open(_EXECUTE, replay)
        ended = [set() for _ in peers]
        # All at once: who does not answer its pings is cut off without a word.
        with concurrent.futures.ThreadPoolExecutor(len(peers)) as readers:
            read = [readers.submit(self.read_ends, *pair) for pair in zip(peers, ended)]
            # Of what was let in before there was too much, the oldest are cut off; what comes
            # later is refused. Both by a word that needs no window. 74 answers are 64 MiB.
            self.eventually(lambda: sum(map(len, ended)) > 320, True, timeout=25)
            self.assertLess(self.resident_mib() - before, 700)  # 1.9 MB an answer that is kept
            # Those that still hold some are cut off after 30 s, and then there is room again.
            for reader in read:
                reader.result()
        self.assertEqual([len(streams) for streams in ended], [100] * 4)
        self.eventually(lambda: self.replays(api), True)

    @staticmethod
    def read_ends(peer, ended):
        """Adds to `ended` each stream that the server ends, until there are 100."""
        for kind, flags, stream, _ in peer.frames():
            if kind == raw_http2.RST_STREAM or flags & raw_http2.END_STREAM:
                ended.add(stream)
            if len(ended) == 100:
                return

    @staticmethod
    def replay(api):
        return api.message("onetake.v1.ExecuteRequest")(
            tool="book_keyed", arguments_json=booking(), session_id="s")

    def test_a_call_that_was_let_in_is_answered_whatever_its_tenant_does_not_read(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def held(request, connection):
            if request.json()["patient"] == "held":
                release.wait(60)
            connection.reply(201, _LARGE)
        self.start(held)
        api = self.server.api()
        self.assertEqual(api.execute("book_keyed", booking(), session_id="s").disposition, 1)
        call = api.start_execute("book", booking(patient="held"), session_id="s",
                                 patience_ms=60_000, timeout=90)
        session = self.enter_context(Session(api, "s-2"))
        session.execute("r", "book", booking(patient="held"), patience_ms=60_000)
        self.downstream.wait_for(3)
        peer = self.connect(raw_http2.TAKES_NOTHING)
        for _ in range(40):
            peer.open(_EXECUTE, self.replay(api))
        self.eventually(lambda: self.replays(api), False)
        with self.assertRaises(grpc.RpcError) as caught:
            api.execute("book", booking(patient="late"), session_id="s")
        detail = api.error_detail(caught.exception)
        self.assertEqual((detail.reason, detail.safe_to_resend), ("ANSWERS_UNREAD", True))
        session.execute("r-2", "book", booking(patient="late"))
        self.assertEqual(session.wait_for("error", "r-2").error.detail.reason, "ANSWERS_UNREAD")
        release.set()
        self.assertEqual(api.disposition(call.result()), "DONE")
        self.assertEqual(api.disposition(session.wait_for("result", "r").result), "DONE")
        peer.close()
        self.eventually(lambda: self.replays(api), True)
        self.assertEqual(len(api.list_intents().intents), 3, "what was refused is not recorded")
        self.assertEqual(len(self.downstream.requests), 3)

    @staticmethod
    def replays(api):
        try:
            return api.execute("book_keyed", booking(), session_id="s").replayed
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
            return False

    def test_a_session_that_nobody_reads_is_ended_and_not_only_forgotten(self):
        self.start(answers(201, _LARGE))
        api = self.server.api()
        request = api.message("onetake.v1.SessionRequest")
        before = self.resident_mib()
        peer = self.connect(raw_http2.TAKES_NOTHING)
        stream = peer.open(_SESSION, request(open={"session_id": "s"}), end=0)
        for number in range(100):
            peer.send(stream, request(execute={"request_id": f"r{number}", "call": {
                "tool": "book_keyed", "arguments_json": booking()}}))
        ended = next(number for kind, _, number, _ in peer.frames()
                     if kind == raw_http2.RST_STREAM)
        self.assertEqual(ended, stream)
        self.assertLess(self.resident_mib() - before, 190)
        self.assertEqual(self.server.api().health(), "SERVING")

    def test_what_a_peer_sends_is_not_copied_into_the_log(self):
        self.start(config="access: {}\n")
        peer = self.connect()
        for _ in range(50):
            peer.open(_EXECUTE, headers=[(b"grpc-timeout", b"canary-" * 100)])
        answered = 0
        for kind, *_ in peer.frames():
            answered += kind in (raw_http2.HEADERS, raw_http2.RST_STREAM)
            if answered == 50:
                break
        self.server.wait_for_event("grpc.error")
        self.assertNotIn("canary", "".join(self.server.logs))

    def flood(self, count, source=None):
        host, port = self.server.address.rsplit(":", 1)
        peers = [socket.create_connection((host, int(port)), timeout=60, source_address=source)
                 for _ in range(count)]
        for peer in peers:
            self.addCleanup(peer.close)
        return peers

    def test_without_descriptors_the_others_wait_and_are_taken_later(self):
        self.start()
        api = self.server.api()
        self.assertEqual(api.health(), "SERVING")
        soft, hard = resource.prlimit(self.server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.server.pid, resource.RLIMIT_NOFILE, (100, hard))
        peers = self.flood(120)
        self.server.wait_for_event("connection.waits")
        self.assertEqual(api.health(), "SERVING")
        for peer in peers:
            peer.close()
        resource.prlimit(self.server.pid, resource.RLIMIT_NOFILE, (soft, hard))
        later = self.server.api()
        self.assertEqual(later.disposition(later.execute("book_keyed", booking(),
                                                         session_id="s")), "DONE")

    def test_one_address_cannot_take_all_connections(self):
        self.start(config="limits: { connections: 6 }\n")
        self.flood(3, source=("127.0.0.2", 0))
        [refused] = self.flood(1, source=("127.0.0.2", 0))
        self.assertEqual(refused.recv(1), b"")
        self.assertEqual(self.server.api().health(), "SERVING")
        self.server.wait_for_event("connection.refused")

    def test_what_is_only_listed_counts_as_well(self):
        self.start(config="limits: { tenant: { rate: 1, burst: 1 } }\n")
        api = self.server.api()
        api.list_tools()
        with self.assertRaises(grpc.RpcError) as caught:
            for _ in range(50):  # one is refused, unless each takes a second
                api.list_tools()
        self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)


if __name__ == "__main__":
    unittest.main()
