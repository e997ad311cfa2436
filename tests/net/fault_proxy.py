"""A TCP proxy on loopback that does one thing to its next connections, and leaves the others alone.

For tests, one caller at a time: arm() and calm() end the connections that are open.
"""

import contextlib
import dataclasses
import selectors
import socket
import struct
import threading

CHUNK = 16 * 1024
TICK_S = 0.02  # also the pause of `drip`

_TCP_REPAIR = 19  # linux/tcp.h; a socket that is closed in this state says nothing to its peer

# What happens to a connection when so many bytes of one direction have passed.
BYTE_FAULTS = {
    "fin": "both ends are closed",
    "rst": "both ends are reset",
    "half": "that direction is closed, the other one goes on",
    "hole": "that direction passes nothing any more, and nothing is closed",
    "silent": "neither direction passes anything any more, and nothing is closed",
    "vanish": "both ends forget it without a word, as after a loss of power: what is sent to them "
              "later is answered by a reset",
    "late": "what follows is held back until its sender has given up, and then delivered",
    "twice": "what follows passes two times",
    "slow": "every byte of that direction goes by itself, from the first on",
    "drip": "the same with a pause after each",
}
# What happens to connections before there are any.
CONNECT_FAULTS = {
    "refuse": "nobody listens",
    "no_connect": "connecting takes for ever",
    "slow_connect": "connecting takes a second or more",
}


@dataclasses.dataclass(frozen=True)
class Fault:
    kind: str
    direction: str = "reply"  # whose bytes count: "request" or "reply"
    after: int = 0
    times: int = 1  # how many connections, one after the other; connect faults last until calm()


class FaultProxy:
    def __init__(self, port):
        self._target = ("127.0.0.1", port)
        self._fault = None
        self._left = 0
        self.passed = {"request": 0, "reply": 0}  # of the last connection
        self._over = threading.Event()
        self._drop = threading.Event()
        self._lock = threading.Lock()
        self._threads = []  # under the lock
        # Bound and never listening: nobody else gets the port while there is no listener.
        self._guard = _bound(0)
        self.port = self._guard.getsockname()[1]
        self._fillers = []
        self._listener = self._acceptor = None
        self._listen()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self._over.set()
        self.calm()
        self._unlisten()
        self._guard.close()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def arm(self, fault):
        """Connections that are kept end first, so that the next request comes on a new one."""
        self.calm()
        if fault.kind in BYTE_FAULTS:
            self._fault, self._left = fault, fault.times
            return
        self._unlisten()
        if fault.kind == "refuse":
            return
        self._fill()
        if fault.kind == "slow_connect":
            # Less than a second, after which the kernel tries to connect again.
            self._start(threading.Timer(0.3, self._listen))

    def calm(self):
        """From now on connections work."""
        self._left = 0
        self._drop.set()
        with self._lock:
            threads, self._threads = self._threads, []
        for thread in threads:
            thread.join()
        self._drop.clear()
        if self._listener is None or self._fillers:
            self._listen()

    def _start(self, thread):
        thread.daemon = True
        with self._lock:
            thread.start()
            self._threads.append(thread)

    def _listen(self):
        self._unlisten()
        self._listener = _bound(self.port)
        self._listener.listen(64)
        self._acceptor = threading.Thread(target=self._accept, args=(self._listener,),
                                          daemon=True)
        self._acceptor.start()

    def _unlisten(self):
        for filler in self._fillers:
            filler.close()
        self._fillers = []
        if self._listener is None:
            return
        # Wakes the accept() that close() alone would leave asleep.
        self._listener.shutdown(socket.SHUT_RDWR)
        if self._acceptor is not None:
            self._acceptor.join()
        self._listener.close()
        self._listener = None

    def _fill(self):
        """Listens, and has the queue of those who wait to be accepted full."""
        self._listener, self._acceptor = _bound(self.port), None
        self._listener.listen(0)
        while True:
            filler = socket.socket()
            self._fillers.append(filler)
            filler.settimeout(0.2)
            try:
                filler.connect(self._listener.getsockname())
            except TimeoutError:
                return

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            fault = self._fault if self._left > 0 else None
            self._left -= 1
            self._start(threading.Thread(target=self._serve, args=(client, fault)))

    def _serve(self, client, fault):
        with contextlib.ExitStack() as ends:
            ends.enter_context(client)
            try:
                server = ends.enter_context(socket.create_connection(self._target))
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _Connection(client, server, fault, self).run()
            except OSError:
                pass

    def goes_on(self):
        return not self._over.is_set() and not self._drop.is_set()

    def pause(self):
        self._drop.wait(TICK_S)


class _Flow:
    def __init__(self, name, source, sink):
        self.name, self.source, self.sink = name, source, sink
        self.passed, self.reads, self.open = 0, True, True
        self.held = None  # the bytes that are held back


class _Connection:
    """One connection; owned by its thread."""

    def __init__(self, client, server, fault, proxy):
        self._flows = [_Flow("request", client, server), _Flow("reply", server, client)]
        self._fault = fault
        self._proxy = proxy
        proxy.passed = {"request": 0, "reply": 0}
        self._passed = proxy.passed

    def run(self):
        """Until both directions are over, or the proxy has had enough of it."""
        with selectors.DefaultSelector() as selector:
            for flow in self._flows:
                selector.register(flow.source, selectors.EVENT_READ, flow)
            while self._proxy.goes_on() and any(flow.open for flow in self._flows):
                for key, _ in selector.select(TICK_S):
                    if key.data.reads and not self._read(key.data):
                        return
                for flow in self._flows:
                    if not flow.reads and flow.source in selector.get_map():
                        selector.unregister(flow.source)

    def _read(self, flow):
        """False: the connection is over."""
        data = flow.source.recv(CHUNK)
        if not data:
            self._end(flow)
            return True
        fault = self._fault
        if fault is None or fault.direction != flow.name:
            self._pass(flow, data)
            return True
        if flow.held is not None:
            flow.held += data
            return True
        if fault.kind in ("slow", "drip"):
            for byte in data:
                self._pass(flow, bytes([byte]))
                if fault.kind == "drip":
                    self._proxy.pause()
                    if not self._proxy.goes_on():
                        return False
            return True
        if flow.passed + len(data) < fault.after:
            self._pass(flow, data)
            return True
        before = fault.after - flow.passed
        self._pass(flow, data[:before])
        return self._strike(flow, data[before:])

    def _pass(self, flow, data):
        if data:
            # Counted first: whoever has got them may ask.
            flow.passed += len(data)
            self._passed[flow.name] = flow.passed
            flow.sink.sendall(data)

    def _end(self, flow):
        flow.reads = flow.open = False
        if flow.held:
            flow.sink.sendall(flow.held)
        with contextlib.suppress(OSError):
            flow.sink.shutdown(socket.SHUT_WR)

    def _strike(self, flow, rest):
        kind = self._fault.kind
        ends = (flow.source, flow.sink)
        if kind == "rst":
            for end in ends:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if kind == "vanish":
            for end in ends:
                end.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
        if kind in ("fin", "rst", "vanish"):
            return False
        if kind == "half":
            self._end(flow)
        elif kind in ("hole", "silent"):
            for one in self._flows:
                if one is flow or kind == "silent":
                    one.reads = False
        elif kind == "late":
            flow.held = rest
        else:
            self._pass(flow, rest + rest)
            self._fault = None
        return True


def may_vanish():
    """Whether this machine lets us close connections without a word: only root may."""
    with socket.socket() as any_socket:
        try:
            any_socket.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
        except PermissionError:
            return False
    return True


def _bound(port):
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound
