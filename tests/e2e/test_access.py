"""Who may do what: roles, methods and tenants, against the real server."""

import json
import os
import pathlib
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

import grpc

from downstream import Downstream, answers
from harness import ONETAKE, E2eTest, Onetaked, booking, manifests
from stepped_clock import DAY, SteppedClock

_ROLES = ("execute", "audit", "unseal", "operate")
_RUNTIME, _LEDGER, _UPKEEP = (f"onetake.v1.{name}" for name in
                              ("ToolRuntime", "LedgerService", "LedgerUpkeep"))
# The whole API: a method that is missing here fails the test.
_NEEDS = {
    (_RUNTIME, "Execute"): "execute", (_RUNTIME, "Await"): "execute",
    (_RUNTIME, "ListTools"): "execute", (_RUNTIME, "Session"): "execute",
    (_LEDGER, "ListIntents"): "audit", (_LEDGER, "GetIntent"): "audit",
    (_LEDGER, "ListEvents"): "audit", (_LEDGER, "WatchEvents"): "audit",
    (_LEDGER, "ListCalls"): "audit", (_LEDGER, "DuplicateReport"): "audit",
    (_LEDGER, "ReviewReport"): "audit", (_LEDGER, "VerifyChain"): "audit",
    (_LEDGER, "ResolveIntent"): "operate", (_LEDGER, "LatencyReport"): "operate",
    (_UPKEEP, "Erase"): "operate",
}
_CANARY = "p-canary-5531"
_REVOKED = ("UNAUTHENTICATED", "CREDENTIALS_REVOKED")


class AccessBase(E2eTest):
    def setUp(self):
        self.downstream = self.enter_context(Downstream(answers(201, {"id": _CANARY})))
        self.tokens = {}

    def make_token(self, folder, name, roles, tenant="north", *more):
        made = subprocess.run(
            [ONETAKE, "token", "create", name, "--roles", roles, "--tenant", tenant, "--tokens",
             str(pathlib.Path(folder) / "onetake.tokens"), *more],
            capture_output=True, text=True, timeout=30, check=True)
        return made.stdout.strip()

    def closed_server(self, config="access: {}\n", **how):
        server = Onetaked(self.downstream.url, config=config, **how)
        for tenant in ("north", "south"):
            for role in _ROLES:
                self.tokens[tenant, role] = self.make_token(server.folder, role, role, tenant)
            self.tokens[tenant, "audit,unseal"] = self.make_token(
                server.folder, "both", "audit,unseal", tenant)
        return self.enter_context(server)

    def doomed(self, server, roles):
        """A token that is to be revoked, and who calls with it, once the server knows it."""
        token = self.make_token(server.folder, "doomed", roles)
        api = server.api(server.api().schema, token=token)
        self.eventually(lambda: self.code_of(api, _RUNTIME, "ListTools")[0], "OK")
        return token, api

    def revoke(self, server, token_id):
        subprocess.run([ONETAKE, "token", "revoke", token_id, "--tokens",
                        str(server.folder / "onetake.tokens")],
                       capture_output=True, timeout=30, check=True)

    def listen(self, api):
        """A session that is open and sends nothing more."""
        over = threading.Event()
        self.addCleanup(over.set)

        def requests():
            yield api.message("onetake.v1.SessionRequest")(open={"session_id": "s"})
            over.wait(60)
        stream = api.channel.stream_stream(
            f"/{_RUNTIME}/Session", request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=api.message("onetake.v1.SessionEvent").FromString)(
                requests(), timeout=60, metadata=api.metadata)
        next(stream)
        return stream

    def code_of(self, api, service, method, **fields):
        """The status of a call, and its detail's reason."""
        try:
            if (service, method) == (_RUNTIME, "Session"):
                stream = api.stream(service, method, requests=[{"open": {"session_id": "s"}}])
            elif (service, method) == (_LEDGER, "WatchEvents"):
                stream = api.stream(service, method, **fields)
            else:
                api.call(service, method, **fields)
                return "OK", ""
            first = next(iter(stream), None)
            self.assertTrue(first is not None or method == "Session")
            stream.cancel()
            return "OK", ""
        except grpc.RpcError as error:
            return error.code().name, api.error_detail(error).reason


class AccessTest(AccessBase):
    def test_every_role_method_and_tenant(self):
        server = self.closed_server()
        schema = server.api().schema
        listed = {(service, method.name) for service in schema.services
                  if service.startswith("onetake.")
                  for method in schema.pool.FindServiceByName(service).methods}
        self.assertEqual(listed, set(_NEEDS), "every method has a line in the matrix")
        for (service, method), needed in _NEEDS.items():
            for tenant in ("north", "south"):
                for role in _ROLES:
                    with self.subTest(method=method, role=role, tenant=tenant):
                        api = server.api(schema, token=self.tokens[tenant, role])
                        got = self.code_of(api, service, method)
                        if role == needed:
                            self.assertNotIn(got[0], ("UNAUTHENTICATED", "PERMISSION_DENIED"))
                        else:
                            self.assertEqual(got, ("PERMISSION_DENIED", "ROLE_MISSING"))
            with self.subTest(method=method, role="nobody"):
                self.assertEqual(self.code_of(server.api(schema), service, method),
                                 ("UNAUTHENTICATED", "CREDENTIALS_MISSING"))
                self.assertEqual(
                    self.code_of(server.api(schema, token="otk_x"), service, method),
                    ("UNAUTHENTICATED", "CREDENTIALS_INVALID"))

    def test_a_tenant_sees_its_own_and_writes_its_own(self):
        server = self.closed_server()
        schema = server.api().schema
        of = {key: server.api(schema, token=token) for key, token in self.tokens.items()}
        answers_ = {tenant: of[tenant, "execute"].execute("book", booking(), session_id="s")
                    for tenant in ("north", "south")}
        self.assertEqual(len(self.downstream.requests), 2, "two tenants, two intents")
        self.assertNotEqual(answers_["north"].intent.id, answers_["south"].intent.id)
        for tenant, other in (("north", "south"), ("south", "north")):
            audit = of[tenant, "audit"]
            mine, theirs = answers_[tenant].intent.id, answers_[other].intent.id
            self.assertEqual([i.intent.id for i in audit.list_intents().intents], [mine])
            self.assertEqual({e.intent_id for e in audit.list_events().events}, {mine})
            calls = audit.call(_LEDGER, "ListCalls").calls
            self.assertEqual([c.intent_id for c in calls], [mine])
            self.assertRegex(calls[0].credential, "^token:execute:[0-9a-f]{16}$")
            self.assertEqual(audit.call(_LEDGER, "DuplicateReport").intents, 1)
            watched = next(iter(audit.stream(_LEDGER, "WatchEvents")))
            self.assertEqual({e.intent_id for e in watched.events}, {mine})
            for role, call in (
                    ("audit", lambda api: api.get_intent(theirs, unseal=False)),
                    ("execute", lambda api: api.wait_for(theirs)),
                    ("operate", lambda api: api.call(
                        _LEDGER, "ResolveIntent", intent_id=theirs, verdict=1, by="x",
                        evidence="x")),
                    ("operate", lambda api: api.call(_UPKEEP, "Erase", intent_id=theirs, by="x",
                                                     reason="x"))):
                with self.assertRaises(grpc.RpcError) as caught:
                    call(of[tenant, role])
                self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
        of["north", "execute"].execute("book", booking(patient="p-2"), session_id="s")
        page = of["north", "audit"].list_intents(page_size=1)
        self.assertNotEqual(page.next_page_token, "")
        with self.assertRaises(grpc.RpcError) as caught:
            of["south", "audit"].list_intents(page_size=1, page_token=page.next_page_token)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)

    def test_values_are_shown_to_who_may_unseal_and_that_is_recorded(self):
        server = self.closed_server()
        schema = server.api().schema
        intent_id = server.api(schema, token=self.tokens["north", "execute"]).execute(
            "book", booking(patient=_CANARY), session_id="s").intent.id
        audit = server.api(schema, token=self.tokens["north", "audit"])
        hidden = audit.get_intent(intent_id, unseal=False)
        self.assertTrue(hidden.generations[0].hidden)
        self.assertNotIn(_CANARY.encode(), hidden.SerializeToString())
        with self.assertRaises(grpc.RpcError) as caught:
            audit.get_intent(intent_id)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.PERMISSION_DENIED)
        self.assertEqual(audit.error_detail(caught.exception).reason, "ROLE_MISSING")
        self.assertNotIn("unsealed", [e.kind for e in audit.list_events().events])

        both = server.api(schema, token=self.tokens["north", "audit,unseal"])
        self.assertIn(_CANARY, both.get_intent(intent_id).generations[0].arguments_json)
        unsealed = [e for e in audit.list_events().events if e.kind == "unsealed"]
        self.assertEqual([(e.rule, e.intent_id) for e in unsealed], [("access.unseal", intent_id)])
        self.assertRegex(unsealed[0].actor, "^token:both:[0-9a-f]{16}$")
        self.assertFalse(audit.verify_chain().HasField("fault"))

    def test_a_revoked_token_ends_within_seconds_its_streams_too(self):
        server = self.closed_server()
        schema = server.api().schema
        doomed, api = self.doomed(server, "execute,audit")
        watch = iter(api.stream(_LEDGER, "WatchEvents", timeout=60))
        next(watch)
        listed = subprocess.run([ONETAKE, "token", "list", "--output", "jsonl", "--tokens",
                                 str(server.folder / "onetake.tokens")],
                                capture_output=True, text=True, timeout=30, check=True)
        self.assertNotIn(doomed, listed.stdout)
        [token_id] = [line["id"] for line in map(json.loads, listed.stdout.splitlines())
                      if line["name"] == "doomed"]
        self.assertEqual(doomed.split("_")[1], token_id)
        self.revoke(server, token_id)
        self.eventually(lambda: self.code_of(api, _RUNTIME, "ListTools"), _REVOKED)
        server.api(schema, token=self.tokens["north", "execute"]).execute(
            "book", booking(), session_id="s")
        with self.assertRaises(grpc.RpcError) as caught:
            for message in watch:
                self.assertFalse(message.events, "nothing is told any more")
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAUTHENTICATED)

    def test_a_session_that_only_listens_ends_with_its_token(self):
        server = self.closed_server()
        doomed, api = self.doomed(server, "execute")
        stream = self.listen(api)
        self.revoke(server, doomed.split("_")[1])
        with self.assertRaises(grpc.RpcError) as caught:
            next(stream)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAUTHENTICATED)

    def test_a_wait_that_outlives_its_token_is_told_nothing(self):
        server = self.closed_server(tools=manifests(attempt="25s"))
        release = threading.Event()
        self.addCleanup(release.set)

        def late(_, connection):
            release.wait(60)
            connection.reply(201, {"id": _CANARY})
        self.downstream.set_behaviour(late)
        doomed, api = self.doomed(server, "execute")
        sent = api.start_execute("book", booking(), session_id="s", patience_ms=15000)
        self.downstream.wait_for(1)
        other = server.api(api.schema, token=self.tokens["north", "execute"])
        intent_id = other.execute("book", booking(), session_id="s", patience_ms=100).intent.id
        waiting = api.start(_RUNTIME, "Await", intent_id=intent_id)
        self.assertEqual(self.code_of(api, _RUNTIME, "ListTools")[0], "OK")
        self.revoke(server, doomed.split("_")[1])
        self.eventually(lambda: self.code_of(api, _RUNTIME, "ListTools"), _REVOKED)
        self.assertFalse(waiting.done() or sent.done(), "they came before")
        release.set()
        with self.assertRaises(grpc.RpcError) as caught:
            waiting.result()
        self.assertEqual((caught.exception.code().name,
                          api.error_detail(caught.exception).reason), _REVOKED)
        self.assertEqual(json.loads(sent.result().result_json), {"id": _CANARY})
        self.assertEqual(other.disposition(other.wait_for(intent_id)), "DONE")

    def test_a_reload_of_a_file_that_is_open_lets_nobody_in(self):
        server = self.closed_server("access: { tenants: { north: { tools: all } } }\n")
        schema = server.api().schema
        south = server.api(schema, token=self.tokens["south", "execute"])
        denied = ("PERMISSION_DENIED", "TENANT_UNKNOWN")
        self.assertEqual(self.code_of(south, _RUNTIME, "ListTools"), denied)
        config = server.folder / "onetake.yaml"
        config.write_text(config.read_text().replace(
            "access: { tenants: { north: { tools: all } } }", "access: open"))
        server.hang_up()
        server.wait_for_event("config.reloaded")
        self.assertEqual(self.code_of(south, _RUNTIME, "ListTools"), denied)
        self.assertEqual(self.code_of(server.api(schema), _RUNTIME, "ListTools"),
                         ("UNAUTHENTICATED", "CREDENTIALS_MISSING"))

    def test_who_erased_is_the_credential_too(self):
        server = self.closed_server()
        schema = server.api().schema
        intent_id = server.api(schema, token=self.tokens["north", "execute"]).execute(
            "book", booking(), session_id="s").intent.id
        server.api(schema, token=self.tokens["north", "operate"]).call(
            _UPKEEP, "Erase", intent_id=intent_id, by="somebody else", reason=_CANARY)
        events = server.api(schema, token=self.tokens["north", "audit"]).list_events().events
        [erased] = [event for event in events if event.kind == "erased"]
        evidence = json.loads(erased.evidence_json)
        self.assertRegex(evidence["credential"], "^token:operate:[0-9a-f]{16}$")
        self.assertTrue(evidence["hidden"], "the reason is a person's text")
        self.assertNotIn(_CANARY, erased.evidence_json)

    def test_a_file_that_cannot_be_read_now_is_read_later(self):
        server = self.closed_server()
        schema = server.api().schema
        file = server.folder / "onetake.tokens"
        late = server.api(schema, token=self.make_token(server.folder, "late", "execute"))
        file.chmod(0o644)
        os.utime(file)
        server.wait_for_event("access.tokens_refused")
        file.chmod(0o600)
        self.eventually(lambda: self.code_of(late, _RUNTIME, "ListTools")[0], "OK")

    def test_a_file_that_is_emptied_while_it_runs_is_a_warning(self):
        server = self.closed_server()
        self.assertEqual(server.events("access.no_tokens"), [])
        (server.folder / "onetake.tokens").write_text("")
        server.wait_for_event("access.no_tokens")

    def test_a_token_that_could_not_be_printed_is_revoked(self):
        with tempfile.TemporaryDirectory() as folder:
            tokens = ("--tokens", str(pathlib.Path(folder) / "onetake.tokens"))
            with open("/dev/full", "w", encoding="utf-8") as full:
                made = subprocess.run([ONETAKE, "token", "create", "agent", "--roles", "execute",
                                       *tokens], stdout=full, stderr=subprocess.PIPE, text=True,
                                      timeout=30, check=False)
            self.assertEqual(made.returncode, 9, made.stderr)
            self.assertIn("could not be printed, and is revoked", made.stderr)
            listed = subprocess.run([ONETAKE, "token", "list", *tokens], capture_output=True,
                                    text=True, timeout=30, check=True).stdout
            self.assertRegex(listed, "agent .* revoked ")

    def test_a_token_does_not_leave_the_machine_in_clear_text(self):
        server = self.closed_server()
        token = self.tokens["north", "audit"]
        # The second one is a name that only looks like an address of this machine.
        for address in ("192.0.2.1:7171", "127.0.0.1.example.invalid:7171"):
            refused = subprocess.run(
                [ONETAKE, "--server", address, "ledger", "list"], capture_output=True, text=True,
                timeout=30, check=False, env={**os.environ, "ONETAKE_TOKEN": token})
            self.assertEqual(refused.returncode, 1, refused.stderr)
            self.assertIn("clear text", refused.stderr)
            self.assertNotIn(token.split("_")[2], refused.stderr)

    def test_a_tenant_has_the_tools_that_it_is_allowed(self):
        server = self.closed_server("access: { tenants: { north: { tools: [book_keyed] } } }\n")
        schema = server.api().schema
        api = server.api(schema, token=self.tokens["north", "execute"])
        self.assertEqual([tool.name for tool in api.list_tools().tools], ["book_keyed"])
        answer = api.execute("book", booking(), session_id="s")
        self.assertEqual(api.disposition(answer), "INVALID", "as a tool that does not exist")
        self.assertEqual(self.downstream.requests, [])
        answer = api.execute("book_keyed", booking(), session_id="s")
        self.assertEqual(api.disposition(answer), "DONE")
        south = server.api(schema, token=self.tokens["south", "execute"])
        self.assertEqual(self.code_of(south, _RUNTIME, "ListTools"),
                         ("PERMISSION_DENIED", "TENANT_UNKNOWN"))

    def test_refusals_are_counted_and_no_token_is_logged(self):
        server = self.closed_server()
        schema = server.api().schema
        wrong = "otk_" + "ab" * 8 + "_" + "cd" * 32
        for _ in range(50):
            self.code_of(server.api(schema, token=wrong), _RUNTIME, "ListTools")
        self.code_of(server.api(schema, token=self.tokens["north", "audit"]), _RUNTIME, "ListTools")
        server.stop()
        logs = "\n".join(server.logs)
        self.assertIn("access.refused", logs)
        for secret in [wrong, *self.tokens.values()]:
            self.assertNotIn(secret.split("_")[2], logs)

    def test_the_command_line_says_what_is_missing(self):
        server = self.closed_server()
        refused = self.run_cli(server, "ledger", "list")
        self.assertEqual(refused.returncode, 11, refused.stderr)
        self.assertIn("onetake token create", refused.stderr)
        file = server.folder / "audit.token"
        file.write_text(self.tokens["north", "audit"] + "\n")
        listed = self.run_cli(server, "--token-file", str(file), "ledger", "list")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        by_variable = self.run_cli(server, "tools", "list",
                                   env={"ONETAKE_TOKEN": self.tokens["north", "audit"]})
        self.assertEqual(by_variable.returncode, 11)
        self.assertIn("execute", by_variable.stderr)


def make_certificates(folder):
    """A CA, and of it a server's certificate, a client's, and a client's of another CA."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, check=True,
                       timeout=60)
    for ca in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", f"{ca}.key", "-out", f"{ca}.pem", "-subj", f"/CN={ca}", "-days", "2")
    for name, subject, ca in (("server", "localhost", "ca"), ("renewed", "localhost", "ca"),
                              ("client", "agent.example", "ca"),
                              ("alien", "agent.example", "other")):
        (pathlib.Path(folder) / f"{name}.ext").write_text(f"subjectAltName=DNS:{subject}\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", "/CN=unused")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key",
                "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")


class TlsTest(AccessBase):
    _CONFIG = ("tls: { certificate: server.pem, key: server.key, client_ca: ca.pem, "
               "clients: %s }\n"
               "access:\n"
               "  certificates: [{ name: agent.example, tenant: acme, roles: [execute] }]\n")

    def tls_server(self, clients, **more):
        server = Onetaked(self.downstream.url, config=self._CONFIG % clients, **more)
        make_certificates(server.folder)
        self.token = self.make_token(server.folder, "agent", "execute,audit", "acme")
        return self.enter_context(server)

    def tls(self, server, name=None):
        def read(file):
            return (server.folder / file).read_bytes()
        tls = {"root_certificates": read("ca.pem")}
        if name is not None:
            tls.update(private_key=read(f"{name}.key"), certificate_chain=read(f"{name}.pem"))
        return tls

    def test_a_client_certificate_is_a_tenant_and_roles(self):
        server = self.tls_server("required")
        api = server.api(tls=self.tls(server, "client"))
        answer = api.execute("book", booking(), session_id="s")
        self.assertEqual(api.disposition(answer), "DONE")
        self.assertEqual(self.code_of(api, _LEDGER, "ListIntents"),
                         ("PERMISSION_DENIED", "ROLE_MISSING"))
        audit = server.api(api.schema, tls=self.tls(server, "client"), token=self.token)
        [call] = audit.call(_LEDGER, "ListCalls").calls
        self.assertEqual(call.credential, "certificate:agent.example")
        for name in (None, "alien"):
            with self.assertRaises(grpc.RpcError) as caught:
                server.api(api.schema, tls=self.tls(server, name)).list_tools(timeout=60)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE, name)
        with self.assertRaises(grpc.RpcError):
            server.api(api.schema).list_tools(timeout=60)  # in clear text

    def test_without_a_certificate_a_token_will_do_where_it_may(self):
        server = self.tls_server("optional")
        api = server.api(tls=self.tls(server), token=self.token)
        self.assertTrue(api.list_tools().tools)
        self.assertEqual(
            self.code_of(server.api(api.schema, tls=self.tls(server)), _RUNTIME, "ListTools"),
            ("UNAUTHENTICATED", "CREDENTIALS_MISSING"))
        self.assertTrue(server.api(api.schema, tls=self.tls(server, "client")).list_tools().tools)
        for token in (None, self.token):
            alien = server.api(api.schema, tls=self.tls(server, "alien"), token=token)
            with self.assertRaises(grpc.RpcError) as caught:
                alien.list_tools(timeout=60)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE,
                             "the certificate of another authority")
        host, port = server.address.rsplit(":", 1)
        shown = subprocess.run(
            [ONETAKE, "--server", f"localhost:{port}", "--ca", str(server.folder / "ca.pem"),
             "ledger", "list"], capture_output=True, text=True, timeout=30, check=False,
            env={"ONETAKE_TOKEN": self.token, "PATH": ""})
        self.assertEqual((shown.returncode, host), (0, "127.0.0.1"), shown.stderr)
        in_clear = subprocess.run([ONETAKE, "--server", server.address, "ledger", "list"],
                                  capture_output=True, text=True, timeout=30, check=False,
                                  env={"PATH": ""})
        self.assertEqual(in_clear.returncode, 2)
        self.assertIn("a server with tls hangs up like that without --ca", in_clear.stderr)

    def test_who_is_taken_out_by_a_reload_is_out_at_once_with_his_streams(self):
        server = self.tls_server("optional")
        api = server.api(tls=self.tls(server, "client"))
        stream = self.listen(api)
        config = server.folder / "onetake.yaml"
        config.write_text(config.read_text().replace("name: agent.example", "name: other.example"))
        server.hang_up()
        server.wait_for_event("config.reloaded")
        self.assertEqual(self.code_of(api, _RUNTIME, "ListTools")[0], "UNAUTHENTICATED")
        with self.assertRaises(grpc.RpcError) as caught:
            next(stream)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAUTHENTICATED)
        holder = server.api(api.schema, tls=self.tls(server), token=self.token)
        self.assertTrue(holder.list_tools().tools, "the others stay")

    def test_a_certificate_that_ends_while_it_is_in_use_is_told(self):
        clock = self.enter_context(SteppedClock())
        server = self.tls_server("optional", env=clock.environment)
        self.assertEqual(server.events("tls.certificate_expired"), [])
        clock.set_off(3650 * DAY)
        server.wait_for_event("tls.certificate_expired")

    def test_a_new_certificate_is_used_without_a_restart(self):
        server = self.tls_server("optional")
        port = int(server.address.rsplit(":", 1)[1])

        def served():
            return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port)))
        old = served()
        # Between the two renames, and with a file that is none, the old pair goes on.
        (server.folder / "renewed.key").replace(server.folder / "server.key")
        server.wait_for_event("tls.refused")
        self.assertEqual(served(), old)
        self.assertTrue(server.api(tls=self.tls(server), token=self.token).list_tools().tools)
        (server.folder / "renewed.pem").replace(server.folder / "server.pem")
        new = ssl.PEM_cert_to_DER_cert((server.folder / "server.pem").read_text())
        self.assertNotEqual(old, new)
        deadline = time.monotonic() + 60
        while served() != new:
            self.assertLess(time.monotonic(), deadline)
        api = server.api(tls=self.tls(server), token=self.token)
        self.assertTrue(api.list_tools().tools)

    def test_files_that_do_not_fit_stop_the_start(self):
        cases = [("client.key", "is not the key of tls.certificate"),
                 ("server.csr", "holds no private key")]
        for key, message in cases:
            with self.subTest(message):
                server = Onetaked(self.downstream.url,
                                  config=(self._CONFIG % "optional").replace("server.key", key))
                make_certificates(server.folder)
                (server.folder / key).chmod(0o600)
                server.launch()
                self.addCleanup(server.__exit__)
                self.assertFalse(server.wait_started())
                self.assertEqual(server.wait(), 2)
                self.assertIn(message, "\n".join(server.logs))


if __name__ == "__main__":
    unittest.main()
