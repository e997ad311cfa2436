"""A gRPC plugin that does whatever a test wants of it: what it keeps is in a file, so it survives.

The text of a note says what happens: "die" and "hang" come after the note was written.
"""

import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools/grpc/templates/python"))
import plugin as template  # pylint: disable=wrong-import-position
from onetake.v1 import plugin_pb2 as pb  # pylint: disable=wrong-import-position


class FileNotes:
    def __init__(self, path):
        self._path = pathlib.Path(path)

    def _read(self):
        return json.loads(self._path.read_text()) if self._path.exists() else {}

    def add(self, key, text):
        notes = self._read()
        note = notes.setdefault(key, {"id": len(notes) + 1, "text": text})
        # All or nothing: tests read it while it is written.
        whole = self._path.with_suffix(".new")
        whole.write_text(json.dumps(notes))
        whole.replace(self._path)
        return note

    def find(self, key):
        return self._read().get(key)

    def all(self):
        return list(self._read().values())


class OddPlugin(template.Plugin):
    def describe(self, request, context):
        response = super().describe(request, context)
        if os.environ.get("PROMISES") == "0":
            response.tools[0].key_retention_ms = 0
            del response.tools[1:]
        response.version = os.environ.get("SAYS_VERSION", response.version)
        return response

    def invoke(self, request, context):
        text = json.loads(request.arguments_json or "{}").get("text", "")
        if text.startswith("chatty"):
            print("x" * 1_000_000, end="", flush=True)
        for event in super().invoke(request, context):
            if event.HasField("result"):
                if text.startswith("die") and request.attempt == 1:
                    os.kill(os.getpid(), 9)
                if text.startswith("hang") and request.attempt == 1:
                    time.sleep(60)
                if text.startswith("silent") and request.attempt == 1:
                    return
                if text.startswith("garbage"):
                    event.result.result_json = "{not json"
                if text.startswith("trace"):
                    sent = dict(context.invocation_metadata())
                    event.result.result_json = json.dumps(sent.get("traceparent"))
                if text.startswith("twice") and request.attempt == 1:
                    yield event
            if text.startswith("raise"):
                raise RuntimeError("no such luck")
            yield event


if __name__ == "__main__":
    template.Notes = lambda: FileNotes(os.environ["NOTES_FILE"])
    template.Plugin = OddPlugin
    if os.environ.get("BAD_HANDSHAKE"):
        print("hello", flush=True)
    sys.exit(template.main())
