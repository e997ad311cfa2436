"""One ToolRuntime.Session stream, as an orchestrator would hold it."""

import queue
import threading
import time


class Session:
    """Events are kept in `events` as they come; wait_for() waits for one."""

    def __init__(self, api, session_id="s", after_seq=None):
        self._api = api
        self._requests = queue.Queue()
        self._arrived = threading.Condition()
        self.events = []
        self.error = None
        self.ended = False
        request = api.message("onetake.v1.SessionRequest")
        event = api.message("onetake.v1.SessionEvent")
        stub = api.channel.stream_stream(
            "/onetake.v1.ToolRuntime/Session",
            request_serializer=lambda message: message if isinstance(message, bytes)
            else message.SerializeToString(),
            response_deserializer=event.FromString)
        self._call = stub(iter(self._requests.get, None))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._message = request
        if session_id is not None:
            opening = {"session_id": session_id}
            if after_seq is not None:
                opening["after_seq"] = after_seq
            self.send(open=opening)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.drop()

    def send(self, **fields):
        self._requests.put(self._message(**fields))

    def send_bytes(self, data):
        self._requests.put(data)

    def execute(self, request_id, tool, arguments, **fields):
        self.send(execute={"request_id": request_id,
                           "call": {"tool": tool, "arguments_json": arguments, **fields}})

    def barge_in(self, turn_id):
        self.send(barge_in={"turn_id": turn_id})

    def drop(self):
        """As a connection that is lost."""
        self._call.cancel()
        self._requests.put(None)
        self._reader.join()

    @property
    def last_seq(self):
        return max(event.seq for event in self.events)

    def of(self, kind, request_id=None):
        return [event for event in list(self.events) if event.WhichOneof("kind") == kind
                and (request_id is None or event.request_id == request_id)]

    def wait_for(self, kind, request_id=None, count=1, timeout=60):
        """The newest of at least `count` such events."""
        with self._arrived:
            there = self._arrived.wait_for(
                lambda: len(self.of(kind, request_id)) >= count or self.ended, timeout)
        found = self.of(kind, request_id)
        if not there or len(found) < count:
            raise AssertionError(f"no {kind} {request_id}: {self.events} {self.error}")
        return found[-1]

    def wait_for_event(self, number, timeout=60):
        """The event of this number, from 0; None: it has not come by then, or never will."""
        with self._arrived:
            self._arrived.wait_for(lambda: len(self.events) > number or self.ended, timeout)
        return self.events[number] if len(self.events) > number else None

    def wait_for_end(self, timeout=60):
        """The status code that the stream ended with."""
        deadline = time.monotonic() + timeout
        with self._arrived:
            self._arrived.wait_for(lambda: self.ended, deadline - time.monotonic())
        if not self.ended:
            raise AssertionError("the stream goes on")
        return self.error.code() if self.error else None

    def _read(self):
        try:
            for event in self._call:
                with self._arrived:
                    self.events.append(event)
                    self._arrived.notify_all()
        except Exception as error:  # grpc.RpcError: how it ended
            self.error = error
        with self._arrived:
            self.ended = True
            self._arrived.notify_all()
