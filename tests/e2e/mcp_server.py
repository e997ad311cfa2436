"""An MCP server that misbehaves as the test says, of either era, over HTTP or stdio.

Over HTTP it lives in the test; over stdio it is this file as a program:
    mcp_server.py ERA EFFECTS_FILE [FAULT ...]
which adds a line of JSON to EFFECTS_FILE for each booking, each start, and each end in order.
"""

import copy
import hashlib
import json
import os
import signal
import sys
import threading

from downstream import Downstream

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
_META = "io.modelcontextprotocol/"

TOOLS = {
    "book": {
        "name": "book",
        "description": "Books a slot.",
        "inputSchema": {
            "type": "object",
            "properties": {"slot": {"type": "string"},
                           "patient": {"type": "string", "x-mcp-header": "Patient"},
                           "note": {"type": "string"}},
            "required": ["slot", "patient"],
        },
    },
    "find": {
        "name": "find",
        "description": "Finds bookings.",
        "inputSchema": {"type": "object", "properties": {"slot": {"type": "string"}}},
        "annotations": {"readOnlyHint": True},
    },
    "tidy": {
        "name": "tidy",
        "description": "Tidies up.",
        "inputSchema": {"type": "object", "properties": {}},
        "annotations": {"idempotentHint": True},
    },
}


def digest(tool):
    """What a manifest has as `reviewed`."""
    part = {name: tool[name] for name in ("inputSchema", "outputSchema", "annotations")
            if name in tool}
    text = json.dumps(part, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def message(text, structured=None, **more):
    content = {"content": [{"type": "text", "text": text}], **more}
    if structured is not None:
        content["structuredContent"] = structured
    return content


class Protocol:
    """The answers of a server of one era; knows nothing of how they travel."""

    def __init__(self, era):
        self.era = era
        self.tools = copy.deepcopy(TOOLS)
        self.tasks = {}

    def answer(self, method, params):
        """The result, or None when the method is not known."""
        modern = self.era == MODERN
        if method == "server/discover" and modern:
            return self.complete({"supportedVersions": [MODERN], "capabilities": {"tools": {}},
                                  "ttlMs": 0, "cacheScope": "public"})
        if method == "initialize" and not modern:
            return {"protocolVersion": self.era, "capabilities": {"tools": {"listChanged": True}},
                    "serverInfo": {"name": "fake", "version": "1"}}
        if method == "tools/list":
            return self.complete({"tools": list(self.tools.values()), "ttlMs": 0,
                                  "cacheScope": "public"})
        if method == "tasks/get" and modern:
            return self.complete(self.tasks[params["taskId"]].pop(0))
        return None

    def complete(self, result):
        return {"resultType": "complete", **result} if self.era == MODERN else result

    def booked(self, number):
        return self.complete(message(f"booked {number}", {"id": number}))

    def begin_task(self, number):
        """What says that the call is a task, which is done at the second question."""
        self.tasks["t-1"] = [
            {"taskId": "t-1", "status": "working", "statusMessage": "half way",
             "pollIntervalMs": 100},
            {"taskId": "t-1", "status": "completed", "result": message("done", {"id": number})}]
        return {"resultType": "task", "taskId": "t-1", "status": "working", "ttlMs": 60000,
                "pollIntervalMs": 100}


def result_of(identifier, result):
    return {"jsonrpc": "2.0", "id": identifier, "result": result}


def error_of(identifier, code, text, **data):
    return {"jsonrpc": "2.0", "id": identifier, "error": {"code": code, "message": text, **data}}


class McpServer(Protocol):
    """Over HTTP. Each tools/call takes the next of `faults`, a name of a method `_fault_...`."""

    def __init__(self, era=MODERN, faults=()):
        super().__init__(era)
        self.faults = list(faults)
        self.effects = []  # the params of each call that took effect
        self.asked = []  # every message, as (method, headers, params)
        self.sessions = 0
        self.resumed = []  # Last-Event-ID of each GET that had one
        self.cancelled = threading.Event()
        self.forgot = False  # every GET is answered by 404
        self.on_listen = None  # serves a GET, given this server and the connection
        self._open = {}  # answers by the event id that resumes to them
        self._downstream = Downstream(self._serve)
        self.url = self._downstream.url + "/mcp"

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self._downstream.stop()

    def calls(self):
        return [entry for entry in list(self.asked) if entry[0] == "tools/call"]

    def _serve(self, request, connection):
        if request.method != "POST":
            return self._get(request, connection)
        body = request.json()
        method = body.get("method", "")
        params = body.get("params", {})
        self.asked.append((method, request.headers, params))
        if method == "notifications/cancelled":
            self.cancelled.set()
        if "id" not in body:
            return connection.send(b"HTTP/1.1 202 X\r\nContent-Length: 0\r\n\r\n")
        fault = self._wrong(request, params)
        if fault is not None:
            return connection.reply(400, error_of(body["id"], *fault))
        if method == "tools/call":
            return self._call(body, connection)
        answer = self.answer(method, params)
        if answer is None:
            status = 404 if self.era == MODERN else 400
            return connection.reply(status, error_of(body["id"], -32601, "no such method"))
        if method == "initialize":
            self.sessions += 1
            return self._reply_in_session(body["id"], answer, connection)
        return connection.reply(200, result_of(body["id"], answer))

    def _wrong(self, request, params):
        """What a server of the era would not take."""
        if self.era != MODERN:
            return None
        meta = params.get("_meta", {})
        if request.headers.get("mcp-protocol-version") != meta.get(_META + "protocolVersion"):
            return -32020, "header mismatch"
        if request.headers.get("mcp-method") != request.json()["method"]:
            return -32020, "header mismatch"
        if _META + "clientCapabilities" not in meta:
            return -32602, "no capabilities"
        return None

    def _reply_in_session(self, identifier, answer, connection):
        data = json.dumps(result_of(identifier, answer)).encode()
        connection.send(b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\n"
                        b"Mcp-Session-Id: s-%d\r\nContent-Length: %d\r\n\r\n" %
                        (self.sessions, len(data)) + data)

    def _get(self, request, connection):
        last = request.headers.get("last-event-id")
        if self.on_listen is not None:
            return self.on_listen(self, connection)
        if self.forgot:
            self.resumed.append(last)
            return connection.reply(404, error_of(None, -32001, "session not found"))
        if last is None or last not in self._open:
            return connection.send(b"HTTP/1.1 405 X\r\nContent-Length: 0\r\n\r\n")
        self.resumed.append(last)
        self.stream(connection, [self._open.pop(last)])
        return connection.close()

    @staticmethod
    def stream(connection, messages):
        connection.send(b"HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\n"
                        b"Connection: close\r\n\r\n")
        for entry in messages:
            text = entry if isinstance(entry, str) else f"data: {json.dumps(entry)}\n\n"
            connection.send(text.encode())

    def _call(self, body, connection):
        fault = self.faults.pop(0) if self.faults else "nothing"
        getattr(self, "_fault_" + fault)(body, connection)

    def _book(self, body):
        self.effects.append(body["params"])
        return result_of(body["id"], self.booked(len(self.effects)))

    def _fault_nothing(self, body, connection):
        connection.reply(200, self._book(body))

    def _fault_stream(self, body, connection):
        token = body["params"]["_meta"]["progressToken"]
        progress = {"jsonrpc": "2.0", "method": "notifications/progress",
                    "params": {"progressToken": token, "progress": 1, "total": 2,
                               "message": "half way"}}
        self.stream(connection, [": hello\n\n", progress, self._book(body)])
        connection.close()

    def _fault_cut(self, body, connection):
        self._book(body)
        self.stream(connection, [": hello\n\n"])
        connection.close()

    def _fault_resume(self, body, connection):
        self._open["e-1"] = self._book(body)
        self.stream(connection, ["id: e-1\nretry: 50\ndata:\n\n"])
        connection.close()

    def _fault_forget(self, body, connection):
        """As a server that is started anew, and knows neither its sessions nor its streams."""
        self._book(body)
        self.forgot = True
        self.stream(connection, ["id: e-1\nretry: 50\ndata:\n\n"])
        connection.close()

    def _fault_reset(self, body, connection):
        self._book(body)
        connection.reset()

    def _fault_stall(self, body, connection):
        self._book(body)
        connection.wait_closed(20)
        connection.close()

    def _fault_session_over(self, body, connection):
        connection.reply(404, error_of(None, -32001, "session not found"))

    def _fault_status_500(self, body, connection):
        self._book(body)
        connection.reply(500, {"error": "?"})

    def _fault_is_error(self, body, connection):
        connection.reply(200, result_of(body["id"], self.complete(
            message("slot taken", {"code": "taken"}, isError=True))))

    def _fault_internal_error(self, body, connection):
        self._book(body)
        connection.reply(200, error_of(body["id"], -32603, "internal error"))

    def _fault_invalid_params(self, body, connection):
        """As an SDK whose tool's result does not fit the schema."""
        self._book(body)
        connection.reply(200, error_of(body["id"], -32602, "no structured content"))

    def _fault_asks(self, body, connection):
        connection.reply(200, result_of(body["id"], {
            "resultType": "input_required",
            "inputRequests": {"sure": {"method": "elicitation/create",
                                       "params": {"mode": "form", "message": "Are you sure?"}}},
            "requestState": "opaque"}))

    def _fault_task(self, body, connection):
        self.effects.append(body["params"])
        connection.reply(200, result_of(body["id"], self.begin_task(len(self.effects))))


class StdioServer(Protocol):
    """Over stdio. The n-th call of `book`, counted over all lives of the program, takes the n-th
    fault: nothing, die (after the effect), die_before (it), silent, ping. A key in
    com.example/key is done once. With the fault strict, which is of no call, the program ends
    when `initialize` is not the first that it hears, as those of the official Rust SDK do."""

    def __init__(self, era, effects, faults):
        super().__init__(era)
        self._effects = effects
        self._strict = "strict" in faults
        self._faults = faults
        self._record({"started": os.getpid()})

    def _record(self, entry):
        with open(self._effects, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def _recorded(self, name):
        return recorded(self._effects, name)

    def run(self):
        for line in sys.stdin:
            body = json.loads(line)
            if body.get("method") == "notifications/cancelled":
                self._record({"cancelled": body["params"]["requestId"]})
            if "id" not in body or "method" not in body:
                continue
            if self._strict and body["method"] != "initialize":
                os._exit(1)
            self._strict = False
            if body["method"] == "tools/call":
                self._call(body)
                continue
            answer = self.answer(body["method"], body.get("params", {}))
            if answer is None:
                self._say(error_of(body["id"], -32601, "no such method"))
            else:
                self._say(result_of(body["id"], answer))
        self._record({"ended": os.getpid()})

    def _call(self, body):
        params = body["params"]
        if params["name"] == "find":
            found = [booked["arguments"] for booked in self._recorded("booked")]
            return self._say(result_of(body["id"], self.complete(
                message(f"{len(found)} found", {"found": found}))))
        self._record({"called": params})
        calls = len(self._recorded("called"))
        fault = self._faults[calls - 1] if calls <= len(self._faults) else "nothing"
        if fault == "die_before":
            os._exit(3)
        number = self._book(params)
        if fault == "die":
            os._exit(3)
        if fault == "silent":
            return None
        if fault == "ping":
            self._say({"jsonrpc": "2.0", "id": "p-1", "method": "ping"})
            self._record({"pong": json.loads(sys.stdin.readline())})
        return self._say(result_of(body["id"], self.booked(number)))

    def _book(self, params):
        key = params.get("_meta", {}).get("com.example/key")
        done = self._recorded("booked")
        for number, booked in enumerate(done, 1):
            if key is not None and booked.get("_meta", {}).get("com.example/key") == key:
                return number
        self._record({"booked": params})
        return len(done) + 1

    @staticmethod
    def _say(value):
        print(json.dumps(value), flush=True)


def recorded(path, name):
    """What a StdioServer has written to its file under this name."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        entries = [json.loads(line) for line in file]
    return [entry[name] for entry in entries if name in entry]


if __name__ == "__main__":
    # The end of its input, which comes first, is what ends it.
    signal.signal(signal.SIGTERM, lambda *_: None)
    StdioServer(sys.argv[1], sys.argv[2], sys.argv[3:]).run()
