#!/usr/bin/python3
"""Plants violations in a small tree and expects scripts/layering to name them."""

import os
import pathlib
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts/layering"


def layering(files):
    """Exit status and lines of scripts/layering on a tree of {path: text}."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            target = pathlib.Path(root, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        run = subprocess.run([SCRIPT, root], capture_output=True, text=True, check=False,
                             env={**os.environ, "GIT_DIR": "/nonexistent"})
        return run.returncode, run.stdout.splitlines()


ALLOWED = [
    ("runtime/json/a.cc", '#include "runtime/base/status.h"'),
    ("runtime/json/a.cc", '#include "runtime/json/b.h"'),
    ("runtime/engine/a.cc", '#include "runtime/ledger/ledger.h"'),
    ("runtime/ledger/a.cc", '#include "runtime/intent/state.h"'),
    ("runtime/store/a.cc", "#include <sqlite3.h>"),
    ("runtime/server/a.cc", "#include <grpcpp/grpcpp.h>"),
    ("runtime/server/a.cc", '#include "tools/http/a.h"'),
    ("runtime/catalog/a.cc", '#include "onetake/v1/manifest.pb.h"'),
    ("tools/http/a.cc", '#include "runtime/engine/tool_executor.h"'),
    ("tools/dental/a.cc", '#include "runtime/store/database.h"'),
    ("tests/unit/a.cc", '#include "runtime/server/a.h"\n#include <sqlite3.h>'),
]

# (file, its text, what the complaint must say)
FORBIDDEN = [
    ("runtime/base/a.h", '#include "runtime/json/json.h"', "runtime/base may include"),
    ("runtime/json/a.h", '#include "runtime/intent/key.h"', "runtime/json may include"),
    ("runtime/policy/a.h", '#include "runtime/intent/key.h"', "runtime/policy may include"),
    ("runtime/store/a.h", '#include "runtime/ledger/ledger.h"', "runtime/store may include"),
    ("runtime/ledger/a.h", '#include "runtime/intent/key.h"', "runtime/ledger may include"),
    ("runtime/engine/a.h", '#include "runtime/ledger/sqlite_ledger.h"', "runtime/ledger/ledger.h"),
    ("runtime/engine/a.h", '#include "runtime/catalog/catalog.h"', "runtime/catalog/tool.h"),
    ("runtime/engine/a.h", '#include "runtime/store/database.h"', "runtime/engine may include"),
    ("runtime/engine/a.h", '#include "tools/http/http_executor.h"', "runtime/engine may include"),
    ("runtime/engine/a.h", '#include "runtime/server/a.h"', "runtime/engine may include"),
    ("runtime/cli/a.cc", '#include "runtime/ledger/ledger.h"', "runtime/cli may include"),
    ("runtime/server/a.cc", '#include "runtime/cli/a.h"', "runtime/server may include"),
    ("tools/http/a.h", '#include "runtime/engine/engine.h"', "tools/http may include"),
    ("tools/http/a.h", '#include "tools/dental/a.h"', "tools/http may include"),
    ("tools/dental/a.cc", '#include "runtime/engine/engine.h"', "tools/dental may include"),
    ("runtime/json/a.h", '#include "tests/testing/sim.h"', "runtime/json may include"),
    ("runtime/json/a.h", '#  include  "runtime/server/a.h"', "runtime/json may include"),
    ("runtime/json/a.h", '#include "../base/clock.h"', "from the root of the repo"),
    ("runtime/novel/a.h", "", "add its rule to MAY_INCLUDE"),
    ("runtime/ledger/a.cc", "#include <sqlite3.h>", "SQLite belongs to runtime/store"),
    ("runtime/engine/a.cc", "#include <grpcpp/grpcpp.h>", "gRPC belongs to"),
    ("runtime/catalog/a.cc", '#include "onetake/v1/runtime.grpc.pb.h"', "gRPC belongs to"),
    ("runtime/ledger/a.cc", "#include <google/protobuf/message.h>", "Protocol Buffers belongs to"),
    ("runtime/server/a.cc", "#include <curl/curl.h>", "libcurl belongs to tools/http"),
    ("runtime/json/a.cc", "#include <unicode/uchar.h>", "ICU belongs to runtime/intent"),
    ("runtime/engine/a.cc", "#include <openssl/hmac.h>", "OpenSSL belongs to"),
    ("runtime/server/a.cc", "#include <gtest/gtest.h>", "GoogleTest belongs to tests"),
    ("runtime/engine/a.cc", "#include <sys/socket.h>", "knows nothing of sockets"),
]


class LayeringTest(unittest.TestCase):
    def test_lets_what_the_design_allows_pass(self):
        for path, text in ALLOWED:
            with self.subTest(path=path, text=text):
                self.assertEqual(layering({path: text}), (0, []))

    def test_names_file_line_and_rule_of_what_it_forbids(self):
        for path, text, complaint in FORBIDDEN:
            with self.subTest(path=path, text=text):
                status, lines = layering({path: text})
                self.assertEqual(status, 1)
                self.assertTrue(any(line.startswith(f"{path}:1: ") for line in lines), lines)
                self.assertTrue(any(complaint in line for line in lines), lines)

    def test_finds_protobuf_behind_a_chain_of_headers(self):
        status, lines = layering({
            "runtime/engine/engine.h": '#include "runtime/catalog/tool.h"',
            "runtime/catalog/tool.h": '#include "runtime/catalog/parsed.h"',
            "runtime/catalog/parsed.h": '#include "onetake/v1/manifest.pb.h"',
        })
        self.assertEqual(status, 1)
        self.assertIn(
            "runtime/engine/engine.h:1: runtime/engine knows nothing of gRPC and protobuf, but "
            "reaches runtime/catalog/tool.h -> runtime/catalog/parsed.h -> "
            "onetake/v1/manifest.pb.h",
            lines)

    def test_survives_headers_that_include_each_other(self):
        self.assertEqual(layering({
            "runtime/engine/a.h": '#include "runtime/engine/b.h"',
            "runtime/engine/b.h": '#include "runtime/engine/a.h"',
        }), (0, []))


if __name__ == "__main__":
    unittest.main()
