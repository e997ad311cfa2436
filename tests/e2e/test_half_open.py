"""Half-open connections. Apart from the other peers, as it waits for gRPC's keepalive (20 s, and
10 s for the answer), and does nothing meanwhile."""

import threading

from harness import E2eTest, Onetaked
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
