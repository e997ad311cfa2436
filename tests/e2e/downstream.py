"""Downstream systems that behave as the test says: on time, late, not at all, or half."""

import dataclasses
import json
import select
import socket
import struct
import threading
import time


@dataclasses.dataclass
class Request:
    method: str
    path: str
    headers: dict  # names in lower case
    body: bytes
    connection: int  # which TCP connection it came on, from 1
    number: int  # which request of this downstream it is, from 1

    def json(self):
        return json.loads(self.body)

    @property
    def key(self):
        return self.headers.get("idempotency-key", "")


class Connection:
    """What a behaviour may do with the connection that a request came on."""

    def __init__(self, sock):
        self._sock = sock
        self.open = True

    def reply(self, status, value, close=False):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send(self._head(status, len(body), close) + body)
        if close:
            self.close()

    def reply_cut(self, status, value):
        """Announces the whole body and sends half of it."""
        body = json.dumps(value).encode()
        self.send(self._head(status, len(body), True) + body[: len(body) // 2])
        self.close()

    def send(self, data):
        try:
            self._sock.sendall(data)
        except OSError:
            self.open = False  # the caller is gone; what took effect stays

    def wait_closed(self, timeout):
        """Whether the caller has closed the connection, waiting that long for it."""
        readable, _, _ = select.select([self._sock], [], [], timeout)
        try:
            return bool(readable) and not self._sock.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def reset(self):
        """RST instead of FIN."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self.open = False
        self._sock.close()

    @staticmethod
    def _head(status, length, close):
        return (
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
            f"Content-Length: {length}\r\nConnection: {'close' if close else 'keep-alive'}\r\n\r\n"
        ).encode()


class Downstream:
    """An HTTP/1.1 server on a free port; one thread a connection.

    `behave(request, connection)` answers, or does not. Every request that was read whole is in
    `requests` before `behave` is called.
    """

    def __init__(self, behave):
        self._behave = behave
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._requests = []
        self._sockets = []
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = "http://127.0.0.1:%d" % self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()

    @property
    def requests(self):
        with self._lock:
            return list(self._requests)

    def wait_for(self, count, timeout=60):
        """Until `count` requests have arrived."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._requests) >= count, timeout):
                raise AssertionError(f"{len(self._requests)} of {count} requests after {timeout} s")

    def set_behaviour(self, behave):
        self._behave = behave

    @property
    def stopped(self):
        """An event that behaviours which stall wait on."""
        return self._stopped

    def stop(self):
        """Also of one that a test has stopped already."""
        if self._listener.fileno() < 0:
            return
        self._stopped.set()
        # shutdown() wakes the accept() that close() alone would leave asleep.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join()
        with self._lock:
            for sock in self._sockets:
                sock.close()

    def _accept(self):
        connections = 0
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            connections += 1
            with self._lock:
                self._sockets.append(sock)
            threading.Thread(target=self._serve, args=(sock, connections), daemon=True).start()

    def _serve(self, sock, number):
        connection = Connection(sock)
        try:
            reader = sock.makefile("rb")
            while connection.open:
                request = self._read(reader, number)
                if request is None:
                    break
                self._behave(request, connection)
        except OSError:
            pass  # the other end went away in the middle of a request
        if connection.open:
            connection.close()

    def _read(self, reader, connection):
        line = reader.readline()
        if not line.endswith(b"\n"):
            return None
        method, path, _ = line.decode().split(" ", 2)
        headers = {}
        while True:
            line = reader.readline().decode()
            if not line.endswith("\n"):
                return None  # cut off in the middle of its head
            line = line.rstrip("\r\n")
            if not line:
                break
            name, value = line.split(":", 1)
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", 0))
        body = reader.read(length)
        if len(body) < length:
            return None
        with self._arrived:
            request = Request(method, path, headers, body, connection, len(self._requests) + 1)
            self._requests.append(request)
            self._arrived.notify_all()
        return request


def answers(status, value):
    """A behaviour: this answer, always."""
    return lambda request, connection: connection.reply(status, value)


def books(delay=0.0):
    """A behaviour: 201 with the number of the request as the booking's id."""

    def behave(request, connection):
        time.sleep(delay)
        connection.reply(201, {"id": request.number})

    return behave


def books_after(release):
    """A behaviour: as books(), but not before this event."""

    def behave(request, connection):
        release.wait(60)
        connection.reply(201, {"id": request.number})

    return behave
