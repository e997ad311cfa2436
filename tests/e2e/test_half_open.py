"""Half-open connections. Apart from the other peers, as it waits for gRPC's keepalive (20 s, and
10 s for the answer), and does nothing meanwhile."""

import os
import signal
import subprocess
import threading

from downstream import Downstream, books
from harness import ONETAKE, E2eTest, Onetaked, booking
from raw_http2 import HalfOpenPeer, RawPeer


class HalfOpenTest(E2eTest):
    def test_a_peer_that_leaves_pings_unanswered_is_let_go(self):
        server = self.enter_context(Onetaked("http://127.0.0.1:1"))
        gone, present = HalfOpenPeer(server.address), RawPeer(server.address)
        self.addCleanup(gone.close)
        reader = threading.Thread(target=lambda: list(present.frames()))
        reader.start()
        try:
            # Ends when the server closes it; the socket gives up after 170 s.
            list(gone.frames())
            self.assertGreater(gone.pings, 0)
            self.assertTrue(reader.is_alive(), "the peer that answered was let go as well")
            self.assertEqual(server.api().health(), "SERVING")
        finally:
            server.stop()
            reader.join()
            present.close()

    def test_who_follows_the_ledger_notices_that_the_server_does_not_answer(self):
        downstream = self.enter_context(Downstream(books()))
        server = self.enter_context(Onetaked(downstream.url))
        api = server.api()
        api.execute("book", booking(), session_id="before")
        tail = self.enter_context(subprocess.Popen(
            [ONETAKE, "--server", server.address, "ledger", "tail", "--follow", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        self.addCleanup(tail.kill)
        self.assertIn("before", tail.stdout.readline())
        # Its machine goes on answering for TCP, as one that is gone does for nothing.
        os.kill(server.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, server.pid, signal.SIGCONT)
        told = []
        reader = threading.Thread(target=lambda: told.append(tail.stderr.readline()))
        reader.start()
        reader.join(150)
        self.assertTrue(told, "nothing is noticed")
        self.assertIn("trying again", told[0])
        os.kill(server.pid, signal.SIGCONT)
        api.execute("book", booking(patient="p-2"), session_id="after")
        while "after" not in (line := tail.stdout.readline()):
            self.assertTrue(line, "the tail ended")
