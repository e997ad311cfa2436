"""An HTTP/2 peer (RFC 9113, RFC 7541) that does what no gRPC library lets one do."""

import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
CANCEL = 8
MAX_CONCURRENT_STREAMS = 3
# SETTINGS_INITIAL_WINDOW_SIZE 0: nothing that is sent to this peer is taken.
TAKES_NOTHING = struct.pack(">HI", 4, 0)


def frame(kind, payload=b"", flags=0, stream=0):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) \
        + struct.pack(">I", stream) + payload


def _text(value):
    if len(value) < 127:
        return bytes([len(value)]) + value
    rest, size = len(value) - 127, [127]
    while rest >= 128:
        size.append(rest % 128 | 128)
        rest //= 128
    return bytes(size + [rest]) + value


def _message(message):
    data = message.SerializeToString()
    return b"\0" + struct.pack(">I", len(data)) + data


class RawPeer:
    """One connection; `settings` is the payload of its SETTINGS frame."""

    def __init__(self, address, settings=b""):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=170)
        self.socket.sendall(PREFACE + frame(SETTINGS, settings))
        self._data = b""
        self._next_stream = 1

    def close(self):
        self.socket.close()

    def open(self, method, *messages, headers=(), end=END_STREAM):
        """Begins an RPC; its stream's number."""
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        fields = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", method),
                  (b":authority", b"localhost"), (b"te", b"trailers"),
                  (b"content-type", b"application/grpc"), *headers]
        block = b"".join(b"\0" + _text(name) + _text(value) for name, value in fields)
        self.socket.sendall(
            frame(HEADERS, block, END_HEADERS, stream)
            + frame(DATA, b"".join(_message(message) for message in messages), end, stream))
        return stream

    def send(self, stream, *messages):
        for message in messages:
            self.socket.sendall(frame(DATA, _message(message), 0, stream))

    def reset(self, stream):
        self.socket.sendall(frame(RST_STREAM, struct.pack(">I", CANCEL), 0, stream))

    def pinged(self, payload):
        self.socket.sendall(frame(PING, payload, ACK))

    def frames(self):
        """Kind, flags, stream and payload of each frame that arrives, until the connection ends."""
        while True:
            while len(self._data) >= 9:
                size = 9 + int.from_bytes(self._data[:3], "big")
                if len(self._data) < size:
                    break
                head, self._data = self._data[:size], self._data[size:]
                if head[3] == PING and not head[4] & ACK:
                    self.pinged(head[9:])
                yield head[3], head[4], int.from_bytes(head[5:9], "big"), head[9:]
            try:
                more = self.socket.recv(65536)
            except ConnectionError:
                return
            if not more:
                return
            self._data += more


class HalfOpenPeer(RawPeer):
    """As behind a network that went away: what it is asked, it never answers."""

    def __init__(self, address):
        self.pings = 0
        super().__init__(address)

    def pinged(self, payload):
        self.pings += 1


def settings_of(payload):
    """{identifier: value} of a SETTINGS frame."""
    return dict(struct.iter_unpack(">HI", payload))
