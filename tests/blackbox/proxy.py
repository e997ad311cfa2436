"""A TCP proxy on loopback whose connections suffer what a network does to them."""

import random
import selectors
import socket
import struct
import threading
import time

CHUNK = 16 * 1024
FAULTS = ("cut", "reset", "hole", "slow", "refuse")


class Proxy:
    """Forwards to `target`, ("127.0.0.1", port) or the path of a Unix socket. Each new connection
    draws its fate from `rng` as long as `faulty` is set: cut or reset after some bytes in either
    direction, a black hole, a byte at a time, or refused at once."""

    def __init__(self, target, seed, share=0.25):
        self._target = target
        self._rng = random.Random(seed)
        self._share = share
        self.faulty = False
        self.counts = dict.fromkeys(FAULTS, 0)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self):
        self._over.set()
        # Wakes accept().
        socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self):
        while not self._over.is_set():
            client, _ = self._listener.accept()
            if self._over.is_set():
                client.close()
                return
            fate = None
            if self.faulty and self._rng.random() < self._share:
                fate = self._rng.choice(FAULTS)
                self.counts[fate] += 1
            limit = self._rng.randrange(1, 4096)
            thread = threading.Thread(target=self._serve, args=(client, fate, limit))
            self._threads.append(thread)
            thread.start()

    def _connect(self):
        if isinstance(self._target, str):
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            return server
        return socket.create_connection(self._target, timeout=5)

    def _serve(self, client, fate, limit):
        if fate == "refuse":
            _close(client, reset=True)
            return
        try:
            server = self._connect()
        except OSError:
            _close(client, reset=True)
            return
        try:
            self._pump(client, server, fate, limit)
        except OSError:
            pass
        for end in (client, server):
            _close(end, reset=fate == "reset")

    def _pump(self, client, server, fate, limit):
        other = {client: server, server: client}
        passed = 0
        with selectors.DefaultSelector() as selector:
            for end in other:
                selector.register(end, selectors.EVENT_READ)
            while not self._over.is_set():
                for key, _ in selector.select(0.1):
                    data = key.fileobj.recv(CHUNK)
                    if not data:
                        return
                    if fate in ("cut", "reset") and passed + len(data) >= limit:
                        other[key.fileobj].sendall(data[:limit - passed])
                        return
                    passed += len(data)
                    if fate == "hole" and passed >= limit:
                        continue  # read, and never passed on
                    if fate == "slow":
                        time.sleep(min(0.5, len(data) / 2048))
                    other[key.fileobj].sendall(data)


def _close(end, reset):
    if reset:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()
