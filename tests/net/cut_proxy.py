"""A TCP proxy that cuts the next connection after so many bytes, and leaves the others alone."""

import selectors
import socket
import struct
import threading

CHUNK = 16 * 1024


class CutProxy:
    def __init__(self, port):
        self._target = ("127.0.0.1", port)
        self._armed = None
        self.passed = {"request": 0, "reply": 0}  # of the last connection
        self._over = threading.Event()
        self._drop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = "http://127.0.0.1:%d" % self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self._over.set()
        socket.create_connection(self._listener.getsockname()).close()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def arm(self, direction, size, how):
        """direction: "request" or "reply"; how: "fin" or "rst". Connections that are kept end
        first, so that the next request comes on a new one."""
        self._drop.set()
        for thread in self._threads[1:]:
            thread.join()
        del self._threads[1:]
        self._drop.clear()
        self._armed = (direction, size, how)

    def _accept(self):
        while True:
            client, _ = self._listener.accept()
            if self._over.is_set():
                client.close()
                return
            cut, self._armed = self._armed, None
            thread = threading.Thread(target=self._serve, args=(client, cut))
            self._threads.append(thread)
            thread.start()

    def _serve(self, client, cut):
        server = socket.create_connection(self._target)
        names = {client: "request", server: "reply"}
        passed = self.passed = {"request": 0, "reply": 0}
        try:
            with selectors.DefaultSelector() as selector:
                for end in names:
                    selector.register(end, selectors.EVENT_READ)
                while not self._over.is_set() and not self._drop.is_set():
                    if not self._pump(selector, names, passed, cut):
                        break
        except OSError:
            pass
        for end in names:
            if cut is not None and cut[2] == "rst":
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()

    @staticmethod
    def _pump(selector, names, passed, cut):
        for key, _ in selector.select(0.02):
            data = key.fileobj.recv(CHUNK)
            if not data:
                return False
            name = names[key.fileobj]
            other = next(end for end in names if end is not key.fileobj)
            if cut is not None and cut[0] == name and passed[name] + len(data) >= cut[1]:
                other.sendall(data[:cut[1] - passed[name]])
                passed[name] = cut[1]
                return False
            other.sendall(data)
            passed[name] += len(data)
        return True
