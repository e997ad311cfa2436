"""A practice that books, and whose answers are wrong in the ways that answers can be."""

import json
import threading
import urllib.parse


def _response(answer, *head, status="201 Created"):
    """With these header lines instead of the right Content-Length."""
    body = json.dumps(answer).encode()
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json",
             *(head or [f"Content-Length: {len(body)}"]), "", ""]
    return "\r\n".join(lines).encode() + body


def _chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def _length(answer, more):
    return f"Content-Length: {len(json.dumps(answer)) + more}"


def _closed(connection, data):
    connection.send(data)
    connection.close()


def _after(seconds, connection, answer):
    # Until the caller has left, or for so long: this one waits, whatever the test does.
    connection.wait_closed(seconds)
    connection.send(_response(answer))


_FORGED = {"id": 9999, "slot": "somebody else's"}

# name -> what a booking that was made is answered with, given (connection, answer).
REPLIES = {
    "twice": lambda c, a: c.send(_response(a) * 2),
    "with somebody else's behind it": lambda c, a: c.send(_response(a) + _response(_FORGED)),
    "length too small": lambda c, a: c.send(_response(a, _length(a, -5))),
    "length too large, closed": lambda c, a: _closed(c, _response(a, _length(a, 5))),
    "length too large, kept": lambda c, a: c.send(_response(a, _length(a, 5))),
    "length no number": lambda c, a: _closed(c, _response(a, "Content-Length: many")),
    "length negative": lambda c, a: _closed(c, _response(a, "Content-Length: -1")),
    "length zero": lambda c, a: c.send(_response(a, "Content-Length: 0")),
    "two lengths": lambda c, a: _closed(c, _response(a, _length(a, 0), _length(a, -5))),
    "no length, closed": lambda c, a: _closed(c, _response(a, "Connection: close")),
    "chunks without an end": lambda c, a: _closed(
        c, _response(a, "Transfer-Encoding: chunked").split(b"\r\n\r\n")[0] + b"\r\n\r\n"
        + _chunk(json.dumps(a).encode())),
    "chunks that are none": lambda c, a: _closed(c, _response(a, "Transfer-Encoding: chunked")),
    "chunks and a length": lambda c, a: _closed(
        c, _response(a, "Transfer-Encoding: chunked", _length(a, 0)).split(b"\r\n\r\n")[0]
        + b"\r\n\r\n" + _chunk(json.dumps(a).encode()) + b"0\r\n\r\n"),
    "after 100 and 103": lambda c, a: c.send(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + _response(a)),
    "not HTTP": lambda c, a: _closed(c, b"220 mail.example ESMTP\r\n"),
    "without a status": lambda c, a: _closed(c, _response(a).split(b"\r\n", 1)[1]),
    "a head without an end": lambda c, a: _closed(
        c, b"HTTP/1.1 201 Created\r\nX: " + b"x" * 400_000),
    "empty": lambda c, a: c.close(),
    "a second later": lambda c, a: _after(1.0, c, a),
    "after the attempt": lambda c, a: _after(30, c, a),
}


class Practice:
    """A behaviour of Downstream. POST /bookings books what was read whole, once a key where there
    is one; GET /bookings?slot= finds. Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self._rows = []
        self._reply = None

    def misbehave(self, name):
        """The next booking is answered like this: a name of REPLIES."""
        self._reply = REPLIES[name]

    def rows(self, slot):
        with self._lock:
            return [row for _, row in self._rows if row["slot"] == slot]

    def __call__(self, request, connection):
        if request.method == "GET":
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.path).query)
            connection.reply(200, {"rows": self.rows(query["slot"][0])})
            return
        row = self._book(request)
        with self._lock:
            reply, self._reply = self._reply, None
        if reply is None:
            connection.reply(201, row)
        else:
            reply(connection, row)

    def _book(self, request):
        wish = request.json()
        with self._lock:
            for key, row in self._rows:
                if key and key == request.key:
                    return row
            row = {"id": 1000 + len(self._rows), **wish}
            self._rows.append((request.key, row))
            return row
