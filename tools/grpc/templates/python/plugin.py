#!/usr/bin/python3
"""A plugin for onetake: notes that callers leave. Take it, and put your own system in its place.

Needs python3-grpcio, and plugin_pb2.py beside it; README.md says how to make that.
"""

import concurrent.futures
import contextlib
import json
import logging
import os
import signal
import sys
import threading

import grpc

from onetake.v1 import plugin_pb2 as pb
from onetake.v1 import runtime_pb2


class Notes:
    """Stands for your system, one that honours idempotency keys and can be asked about them."""

    def __init__(self):
        self._lock = threading.Lock()
        self._by_key = {}

    def add(self, key, text):
        with self._lock:
            # The same key again is the same note: a retry makes no second one.
            return self._by_key.setdefault(key, {"id": len(self._by_key) + 1, "text": text})

    def find(self, key):
        with self._lock:
            return self._by_key.get(key)

    def all(self):
        with self._lock:
            return list(self._by_key.values())


class Running:
    """The keys of the writes that are being done."""

    def __init__(self):
        self._lock = threading.Lock()
        self._keys = []

    @contextlib.contextmanager
    def hold(self, key):
        with self._lock:
            self._keys.append(key)
        try:
            yield
        finally:
            with self._lock:
                self._keys.remove(key)

    def has(self, key):
        with self._lock:
            return key in self._keys


class Plugin:
    def __init__(self, notes):
        self._notes = notes
        self._running = Running()

    def describe(self, _request, _context):
        text = {"type": "string", "minLength": 1, "maxLength": 500}
        return pb.DescribeResponse(name="notes", version="1", tools=[
            pb.PluginTool(
                name="add_note", description="Leaves a note for the practice.",
                effect=runtime_pb2.EFFECT_WRITE, key_retention_ms=24 * 3600 * 1000, can_probe=True,
                parameters_json=json.dumps({"type": "object", "properties": {"text": text},
                                            "required": ["text"], "additionalProperties": False})),
            pb.PluginTool(
                name="list_notes", description="The notes that were left.",
                effect=runtime_pb2.EFFECT_READ,
                parameters_json=json.dumps({"type": "object", "additionalProperties": False})),
        ])

    def invoke(self, request, context):
        """One attempt. Never retry in here: onetake decides that, and has to know of every send."""
        if request.tool == "list_notes":
            yield result(pb.INVOKE_OUTCOME_SUCCEEDED, {"notes": self._notes.all()})
            return
        if request.tool != "add_note":
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "no such tool")
        arguments = json.loads(request.arguments_json)
        if not arguments["text"].strip():
            # Before anything was done: surely no effect.
            yield result(pb.INVOKE_OUTCOME_REJECTED, {"error": "the note is empty"})
            return
        with self._running.hold(request.key):
            # Nobody waits any more, and a probe may have said "not applied": do not begin.
            if not context.is_active():
                return
            yield pb.InvokeEvent(progress=pb.InvokeProgress(text="writing the note", progress=1,
                                                            total=2))
            # An exception from here on ends the stream without a result: onetake takes it as "may
            # have happened", which is the truth.
            note = self._notes.add(request.key, arguments["text"])
            yield result(pb.INVOKE_OUTCOME_SUCCEEDED, note)

    def probe(self, request, _context):
        # A write that runs may yet take effect, also when its deadline has passed: of one, never
        # say "not applied". Look at this first, and a write that ends meanwhile is found.
        running = self._running.has(request.key)
        note = self._notes.find(request.key)
        if note is not None:
            return pb.ProbeResponse(verdict=pb.PROBE_VERDICT_APPLIED, result_json=json.dumps(note))
        if running:
            return pb.ProbeResponse(verdict=pb.PROBE_VERDICT_INCONCLUSIVE)
        return pb.ProbeResponse(verdict=pb.PROBE_VERDICT_NOT_APPLIED)


def result(outcome, value):
    return pb.InvokeEvent(result=pb.InvokeResult(outcome=outcome, result_json=json.dumps(value)))


def handlers(plugin):
    serialize = type(pb.DescribeResponse()).SerializeToString
    return grpc.method_handlers_generic_handler("onetake.v1.ToolPlugin", {
        "Describe": grpc.unary_unary_rpc_method_handler(
            plugin.describe, pb.DescribeRequest.FromString, serialize),
        "Invoke": grpc.unary_stream_rpc_method_handler(
            plugin.invoke, pb.InvokeRequest.FromString, pb.InvokeEvent.SerializeToString),
        "Probe": grpc.unary_unary_rpc_method_handler(
            plugin.probe, pb.ProbeRequest.FromString, pb.ProbeResponse.SerializeToString),
    })


def main():
    # What a call raises is logged by grpc, which says nothing as long as nothing is set up.
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=8))
    server.add_generic_rpc_handlers((handlers(Plugin(Notes())),))
    address = "unix:" + os.environ["ONETAKE_PLUGIN_SOCKET"]
    server.add_insecure_port(address)
    server.start()
    # The handshake: the only line on standard output. Log to standard error.
    print(f"onetake-plugin 1 {address}", flush=True)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *unused: stopped.set())
    stopped.wait()
    server.stop(grace=1).wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
