"""Each fault of the proxy is what it says: otherwise the tests of what bears it show nothing."""

import contextlib
import socket
import threading
import unittest

from fault_proxy import Fault, FaultProxy, may_vanish

REQUEST, REPLY = b"0123456789", b"abcdefghij"


class Echo:
    """Reads REQUEST, answers REPLY, and notes what it has read to its end."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._peer = None
        self.port = self._listener.getsockname()[1]
        self.read = []
        self.ended = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        # A peer that vanished after our answer would never end by itself.
        if self._peer is not None:
            with contextlib.suppress(OSError):
                self._peer.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                self._peer, _ = self._listener.accept()
                with self._peer:
                    self._serve(self._peer)
                self.ended.release()

    def _serve(self, peer):
        got = b""
        with contextlib.suppress(ConnectionError):
            while data := peer.recv(100):
                answer = len(got) < len(REQUEST) <= len(got + data)
                got += data
                if answer:
                    peer.sendall(REPLY)
        self.read.append(got)


class FaultProxyTest(unittest.TestCase):
    def setUp(self):
        self.echo = Echo()
        self.addCleanup(self.echo.close)
        self.proxy = FaultProxy(self.echo.port)
        self.addCleanup(self.proxy.__exit__)

    def ask(self, *fault, connect=30, want=len(REPLY), then_quiet=False):
        """What comes back, and how it ends: "whole" as soon as `want` bytes are there, "end",
        "reset", and when it shall be `then_quiet`, "nothing"."""
        if fault:
            self.proxy.arm(Fault(*fault))
        got = b""
        with socket.create_connection(("127.0.0.1", self.proxy.port), connect) as client:
            client.settimeout(30)
            try:
                client.sendall(REQUEST)
                while len(got) < want or then_quiet:
                    client.settimeout(30 if len(got) < want else 1)
                    data = client.recv(100)
                    if not data:
                        return got, "end"
                    got += data
            except ConnectionError:
                return got, "reset"
            except TimeoutError:
                return got, "nothing"
        return got, "whole"

    def heard(self):
        """What arrived at the server, when that connection is over."""
        self.assertTrue(self.echo.ended.acquire(timeout=30))
        return self.echo.read[-1]

    def test_without_a_fault_everything_passes(self):
        self.assertEqual(self.ask(), (REPLY, "whole"))
        self.assertEqual(self.proxy.passed, {"request": 10, "reply": 10})

    def test_a_request_that_is_cut_arrives_so_far(self):
        for kind in ("fin", "rst"):
            for after in (0, 4, 10):
                with self.subTest(kind=kind, after=after):
                    _, ended = self.ask(kind, "request", after)
                    self.assertIn(ended, ("end", "reset") if kind == "fin" else ("reset",))
                    self.assertEqual(self.heard(), REQUEST[:after])

    def test_a_reply_that_is_cut_arrives_so_far(self):
        self.assertEqual(self.ask("fin", "reply", 4), (REPLY[:4], "end"))
        self.assertEqual(self.heard(), REQUEST)
        self.assertEqual(self.ask("half", "reply", 4), (REPLY[:4], "end"))

    def test_a_half_closed_request_is_still_answered(self):
        self.assertEqual(self.ask("half", "request", 10), (REPLY, "whole"))
        self.ask("half", "request", 4)
        self.heard()
        self.assertEqual(self.heard(), REQUEST[:4])

    def test_what_is_swallowed_ends_nothing(self):
        for fault, passes in ((("hole", "request", 4), b""), (("hole", "reply", 4), REPLY[:4]),
                              (("silent", "request", 10), b"")):
            with self.subTest(fault=fault):
                self.assertEqual(self.ask(*fault, want=len(passes), then_quiet=True),
                                 (passes, "nothing"))

    @unittest.skipUnless(may_vanish(), "NOT RUN: only root may close a connection without a word")
    def test_what_has_vanished_is_silent_and_resets_what_comes_later(self):
        self.proxy.arm(Fault("vanish", "request", 10))
        with socket.create_connection(("127.0.0.1", self.proxy.port), 0.5) as client:
            client.sendall(REQUEST)
            with self.assertRaises(TimeoutError):
                client.recv(100)
            client.settimeout(30)
            client.sendall(b"?")
            with self.assertRaises(ConnectionError):
                client.recv(100)

    def test_what_is_late_arrives_when_nobody_waits_any_more(self):
        self.assertEqual(self.ask("late", "request", 4, want=0, then_quiet=True),
                         (b"", "nothing"))
        self.assertEqual(self.heard(), REQUEST)

    def test_what_follows_passes_twice(self):
        self.ask("twice", "request", 4)
        self.assertEqual(self.heard(), REQUEST + REQUEST[4:])
        self.assertEqual(self.ask("twice", "reply", 0, want=2 * len(REPLY))[0], REPLY + REPLY)

    def test_a_byte_at_a_time_arrives_whole(self):
        for kind in ("slow", "drip"):
            self.assertEqual(self.ask(kind, "reply")[0], REPLY)

    def test_only_so_many_connections_suffer(self):
        self.proxy.arm(Fault("fin", "reply", 0, times=2))
        answers = [self.ask()[0] for _ in range(3)]
        self.assertEqual(answers, [b"", b"", REPLY])

    def test_connecting_fails_until_it_is_over(self):
        self.proxy.arm(Fault("refuse"))
        for _ in range(2):
            with self.assertRaises(ConnectionRefusedError):
                self.ask()
        self.proxy.calm()
        self.assertEqual(self.ask()[0], REPLY)
        self.proxy.arm(Fault("no_connect"))
        with self.assertRaises(TimeoutError):
            self.ask(connect=1)
        self.proxy.calm()
        self.assertEqual(self.ask()[0], REPLY)
        self.assertEqual(self.ask("slow_connect")[0], REPLY)


if __name__ == "__main__":
    unittest.main()
