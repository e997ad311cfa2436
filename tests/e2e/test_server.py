"""Starting, configuring and looking at the server."""

import grp
import json
import os
import socket
import stat
import subprocess
import tempfile
import pathlib

import grpc

from downstream import Downstream, answers, books
from harness import E2eTest, ONETAKED, Onetaked, booking, manifests


def run_server(folder, config, *arguments):
    """Runs onetaked to its end, which must come by itself."""
    path = pathlib.Path(folder) / "onetake.yaml"
    path.write_text(config)
    return subprocess.run([ONETAKED, "--config", str(path), *arguments], capture_output=True,
                          text=True, timeout=60, check=False)


class ServerTest(E2eTest):
    def test_a_client_needs_nothing_but_reflection(self):
        downstream = self.enter_context(Downstream(books()))
        api = self.enter_context(Onetaked(downstream.url)).api()
        self.assertEqual(api.services, ["grpc.health.v1.Health",
                                        "grpc.reflection.v1alpha.ServerReflection",
                                        "onetake.v1.LedgerService", "onetake.v1.LedgerUpkeep",
                                        "onetake.v1.ToolRuntime"])

    def test_reflection_can_be_off(self):
        downstream = self.enter_context(Downstream(books()))
        schema = self.enter_context(Onetaked(downstream.url)).api().schema
        server = self.enter_context(Onetaked(downstream.url, config="reflection: off\n"))
        with self.assertRaises(grpc.RpcError) as caught:
            server.api()
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)
        self.assertEqual(server.api(schema).health(), "SERVING")
        self.assertEqual(len(server.api(schema).list_tools().tools), 4)

    def test_the_service_manager_is_told_when_it_takes_calls_and_when_it_stops(self):
        downstream = self.enter_context(Downstream(books()))
        folder = self.enter_context(tempfile.TemporaryDirectory())
        for path, address in ((f"{folder}/notify", f"{folder}/notify"),
                              (f"@onetake-{os.getpid()}", f"\0onetake-{os.getpid()}")):
            with self.subTest(path), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.bind(address)
                manager.settimeout(30)
                server = self.enter_context(
                    Onetaked(downstream.url, env={"NOTIFY_SOCKET": path}))
                self.assertEqual(manager.recv(100), b"READY=1")
                self.assertEqual(server.api().health(), "SERVING")
                self.assertEqual(server.stop(), 0)
                self.assertEqual(manager.recv(100), b"STOPPING=1")
        server = self.enter_context(
            Onetaked(downstream.url, env={"NOTIFY_SOCKET": f"{folder}/nobody"}))
        server.wait_for_event("service_manager.not_told")
        self.assertEqual(server.api().health(), "SERVING")

    def test_the_service_manager_is_told_again_and_again_that_it_does_not_hang(self):
        folder = self.enter_context(tempfile.TemporaryDirectory())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(f"{folder}/notify")
            manager.settimeout(30)
            server = self.enter_context(Onetaked("http://127.0.0.1:1", env={
                "NOTIFY_SOCKET": f"{folder}/notify", "WATCHDOG_USEC": "100000"}))
            heard = [manager.recv(100) for _ in range(5)]
            self.assertEqual(sorted(heard), [b"READY=1"] + 4 * [b"WATCHDOG=1"])
            self.assertEqual(server.stop(), 0)

    def test_a_reload_that_is_asked_for_before_it_has_started_waits_until_then(self):
        downstream = self.enter_context(Downstream(books()))
        folder = self.enter_context(tempfile.TemporaryDirectory())
        # The first time, the key is printed when somebody writes into the pipe.
        gate = pathlib.Path(folder) / "gate"
        os.mkfifo(gate)
        words = ["/bin/sh", "-c", f"[ ! -e {gate} ] || {{ read -r line <{gate}; rm {gate}; }}; "
                 "echo 0123456789abcdef0123456789abcdef"]
        server = Onetaked(downstream.url,
                          config=f"sealing: {{ master: {{ command: {json.dumps(words)} }} }}\n")
        self.addCleanup(server.__exit__)
        server.launch()
        server.wait_for_event("catalog.loaded")
        server.hang_up()
        gate.write_text("go\n")
        self.assertTrue(server.wait_started(), "\n".join(server.logs))
        server.wait_for_event("config.reloaded")
        self.assertEqual(server.api().health(), "SERVING")

    def test_health_is_serving_for_the_whole_and_for_each_service(self):
        downstream = self.enter_context(Downstream(books()))
        api = self.enter_context(Onetaked(downstream.url)).api()
        for service in ("", "onetake.v1.ToolRuntime", "onetake.v1.LedgerService"):
            self.assertEqual(api.health(service), "SERVING")

    def test_tools_are_listed_for_every_model(self):
        api = self.enter_context(Onetaked("http://127.0.0.1:1")).api()
        tools = api.list_tools().tools
        self.assertEqual([tool.name for tool in tools],
                         ["book", "book_keyed", "book_natural", "find"])
        self.assertEqual([tool.safety for tool in tools], ["NONE", "KEYED", "NATURAL", ""])
        self.assertEqual(tools[0].patience_ms, 20_000)
        self.assertIn("slot", json.loads(tools[0].parameters_json)["properties"])
        openai = json.loads(api.list_tools(format=2, names=["find"]).tools_json)
        self.assertEqual(openai[0]["function"]["name"], "find")
        anthropic = json.loads(api.list_tools(format=3).tools_json)
        self.assertIn("input_schema", anthropic[0])
        gemini = json.loads(api.list_tools(format=4).tools_json)
        self.assertEqual(len(gemini[0]["functionDeclarations"]), 4)
        mcp = {tool["name"]: tool for tool in json.loads(api.list_tools(format=5).tools_json)}
        self.assertTrue(mcp["find"]["annotations"]["readOnlyHint"])
        with self.assertRaises(grpc.RpcError) as caught:
            api.list_tools(names=["book", "fnd", "find", "no_tool"])
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
        self.assertIn("names[1]: ", caught.exception.details())
        self.assertIn("did you mean find?", caught.exception.details())
        self.assertEqual(api.error_detail(caught.exception).field, "names[1]")

    def test_a_unix_socket_works_and_is_the_owners_only(self):
        downstream = self.enter_context(Downstream(books()))
        server = self.enter_context(Onetaked(downstream.url, listen="unix:o.sock"))
        self.assertTrue(server.address.startswith("unix:/"))
        mode = stat.S_IMODE(os.stat(server.folder / "o.sock").st_mode)
        self.assertEqual(mode & 0o077, 0)
        api = server.api()
        answer = api.execute("book", booking(), session_id="s")
        self.assertEqual(api.disposition(answer), "DONE")

    def test_a_unix_socket_can_be_shared_with_a_group(self):
        root = os.geteuid() == 0
        group = grp.getgrnam("daemon") if root else grp.getgrgid(os.getegid())
        server = self.enter_context(Onetaked("http://127.0.0.1:1", listen="unix:o.sock",
                                             config=f"listen_group: {group.gr_name}\n"))
        info = os.stat(server.folder / "o.sock")
        self.assertEqual((stat.S_IMODE(info.st_mode), info.st_gid), (0o660, group.gr_gid))
        self.assertEqual(server.api().health(), "SERVING")
        if not root:
            return  # who is another user, or in another group, cannot be tried
        server.folder.chmod(0o711)
        for gid, connects in ((group.gr_gid, True), (65534, False)):
            tried = subprocess.run(
                ["/usr/bin/python3", "-c", "import socket, sys; "
                 "socket.socket(socket.AF_UNIX).connect(sys.argv[1])",
                 str(server.folder / "o.sock")],
                user=65534, group=gid, extra_groups=[], stderr=subprocess.PIPE, check=False)
            self.assertEqual(tried.returncode == 0, connects, tried.stderr)

    def test_a_group_that_is_not_there_is_an_error(self):
        server = Onetaked("http://127.0.0.1:1", listen="unix:o.sock",
                          config="listen_group: no-such-group\n")
        self.addCleanup(server.__exit__)
        server.launch()
        self.assertFalse(server.wait_started())
        self.assertEqual(server.wait(), 4)
        self.assertIn("no-such-group", server.events("listen.refused")[0]["error"])

    def test_the_ledger_and_the_key_are_the_owners_only(self):
        server = self.enter_context(Onetaked("http://127.0.0.1:1"))
        for name in ("onetake.db", "onetake.key"):
            mode = stat.S_IMODE(os.stat(server.folder / name).st_mode)
            self.assertEqual(mode & 0o077, 0, name)
        self.assertTrue(server.events("intent_key.created"))

    def test_the_key_stays_over_a_restart_and_its_loss_is_an_error(self):
        downstream = self.enter_context(Downstream(books()))
        server = self.enter_context(Onetaked(downstream.url))
        first = server.api().execute("book", booking(), session_id="s")
        server.stop()
        server.start()
        again = server.api().execute("book", booking(), session_id="s")
        self.assertEqual(again.intent.key, first.intent.key)
        self.assertTrue(again.replayed)
        server.stop()
        (server.folder / "onetake.key").unlink()
        with self.assertRaises(AssertionError):
            server.start()
        self.assertIn("Restore the key", server.events("intent_key.refused")[0]["error"])

    def test_no_argument_result_or_secret_is_in_the_logs(self):
        canary = "canary-5417"
        downstream = self.enter_context(Downstream(answers(201, {"id": canary})))
        key = "canary-key-0123456789abcdef0123456789"
        tools = manifests()
        tools["book.yaml"] = tools["book.yaml"].replace(
            "body: $", "body: $, headers: { Authorization: { secret: { env: TOKEN } } }")
        server = self.enter_context(Onetaked(
            downstream.url, tools=tools, env={"TOKEN": "canary-token", "KEY": key},
            config="intent_key: { env: KEY }\nlog_level: debug\n"))
        api = server.api()
        api.execute("book", booking(patient=canary, note=canary), session_id="s")
        self.assertEqual(downstream.requests[0].headers["authorization"], "canary-token")
        api.execute("book", booking(patient=canary, party=3), session_id="s")
        api.execute("book", booking(canary), session_id="s")
        api.execute("book", json.dumps({"slot": canary}), session_id="s")
        downstream.set_behaviour(answers(400, {"error": canary}))
        api.execute("book", booking(patient=canary + "-2"), session_id="s")
        stored = b"".join(path.read_bytes() for path in server.folder.glob("onetake.db*"))
        server.stop()
        self.assertNotIn("canary", "\n".join(server.logs))
        self.assertNotIn(b"canary-token", stored)
        self.assertNotIn(b"canary-key", stored)

    def test_metadata_beyond_its_limit_is_refused(self):
        api = self.enter_context(Onetaked("http://127.0.0.1:1")).api()
        raw = api.channel.unary_unary("/onetake.v1.ToolRuntime/ListTools")
        raw(b"", timeout=60, metadata=[("x", "a" * 4000)])
        with self.assertRaises(grpc.RpcError) as caught:
            raw(b"", timeout=60, metadata=[("x", "a" * 20_000)])
        self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)

    def test_the_port_file_says_where_it_listens(self):
        server = self.enter_context(
            Onetaked("http://127.0.0.1:1", arguments=["--port-file", "port"]))
        self.assertEqual((server.folder / "port").read_text(), server.address + "\n")

    def test_only_one_server_has_the_ledger(self):
        server = self.enter_context(Onetaked("http://127.0.0.1:1"))
        second = subprocess.run([ONETAKED, "--config", str(server.folder / "onetake.yaml")],
                                capture_output=True, text=True, timeout=60, check=False,
                                env={**os.environ, "DOWNSTREAM": "http://127.0.0.1:1"})
        self.assertEqual(second.returncode, 3, second.stderr)

    def test_a_taken_port_is_an_error(self):
        server = self.enter_context(Onetaked("http://127.0.0.1:1"))
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "t").mkdir()
            result = run_server(folder, f"listen: {server.address}\nledger: {{ path: l.db }}\n"
                                        "tools: [t]\naccess: open\n")
        self.assertEqual(result.returncode, 4, result.stderr)
        self.assertIn("cannot listen on", result.stderr)
        for line in result.stderr.splitlines():
            json.loads(line)  # what gRPC itself says about it, too

    def test_a_wrong_configuration_is_refused_with_line_and_advice(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "t").mkdir()
            good = "ledger: { path: l.db }\ntools: [t]\n"
            cases = [
                ("listen: 0.0.0.0:7171\n" + good, "onetake.yaml:1: listen: "),
                (good + "lsiten: 127.0.0.1:1\n", "did you mean listen?"),
                ("tools: [t]\n", "ledger: is required"),
                (good + "intent_key: { env: ONETAKE_NO_SUCH }\n", "ONETAKE_NO_SUCH"),
                ("ledger: { path: l.db }\ntools: [missing]\n", "missing"),
            ]
            for config, message in cases:
                with self.subTest(message):
                    result = run_server(folder, config)
                    self.assertEqual(result.returncode, 2, result.stderr)
                    self.assertIn(message, result.stderr)
                    for line in result.stderr.splitlines():
                        json.loads(line)
            self.assertFalse((pathlib.Path(folder) / "l.db").exists())
            result = run_server(folder, good, "--check")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertFalse((pathlib.Path(folder) / "l.db").exists(), "a check touches nothing")
            self.assertEqual(run_server(folder, good, "--no-such-flag").returncode, 1)
            plugin = "plugins: { pms: { address: '127.0.0.1:1', tls: { ca_file: none.pem } } }\n"
            tokens = pathlib.Path(folder) / "onetake.tokens"
            for config, text, message in ((good + plugin, None, "plugins.pms: "),
                                          (good, "no tokens", "onetake.tokens")):
                with self.subTest(message):
                    if text is not None:
                        tokens.write_text(text)
                        tokens.chmod(0o600)
                    for arguments in (("--check",), ()):
                        result = run_server(folder, config, *arguments)
                        self.assertEqual(result.returncode, 2, result.stderr)
                        self.assertIn(message, result.stderr)

    def test_a_manifest_with_faults_stops_the_start_and_names_its_line(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "t").mkdir()
            (pathlib.Path(folder) / "t" / "bad.yaml").write_text("name: bad\nefect: WRITE\n")
            result = run_server(folder, "ledger: { path: l.db }\ntools: [t]\n")
        self.assertEqual(result.returncode, 2)
        lines = [json.loads(line) for line in result.stderr.splitlines()]
        faults = [line for line in lines if line["event"] == "manifest.diagnostic"]
        self.assertTrue(any("efect" in fault["error"] and fault["line"] == 2 for fault in faults),
                        result.stderr)

    def test_pages_cover_everything_once(self):
        downstream = self.enter_context(Downstream(books()))
        api = self.enter_context(Onetaked(downstream.url)).api()
        ids = [api.execute("book", booking(patient=f"p-{n}"), session_id=f"s-{n % 2}").intent.id
               for n in range(7)]
        seen, token = [], ""
        while True:
            page = api.list_intents(page_size=3, page_token=token)
            seen += [summary.intent.id for summary in page.intents]
            token = page.next_page_token
            if not token:
                break
        self.assertEqual(seen, ids[::-1], "newest first")
        self.assertEqual(len(api.list_intents(session_id="s-1").intents), 3)
        self.assertEqual(len(api.list_intents(tool="book_keyed").intents), 0)
        first = api.list_events(page_size=2).events
        rest = api.list_events(after_seq=first[-1].seq, page_size=500).events
        seqs = [e.seq for e in first] + [e.seq for e in rest]
        self.assertEqual(len(seqs), 14)
        self.assertEqual(seqs, sorted(set(seqs)))
        self.assertEqual([e.seq for e in api.list_events(newest=True, page_size=3).events],
                         seqs[-3:])
