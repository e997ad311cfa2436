"""Tools of a gRPC plugin that somebody else runs: TLS; one that goes away and comes back."""

import ipaddress
import os
import socket
import subprocess

from harness import ROOT
from plugin_harness import PROBED, PYTHON, PluginE2e


class RemotePlugin:
    """remote_plugin.py as a process."""

    def __init__(self, variables, address="127.0.0.1:0", *arguments):
        self._command = [PYTHON, str(ROOT / "tests/e2e/remote_plugin.py"), address, *arguments]
        self._variables = variables
        self._process = None
        self.address = None

    def __enter__(self):
        self._process = subprocess.Popen(
            self._command, env={**os.environ, **self._variables}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.address = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *unused):
        self.end()

    def end(self):
        """As a machine that fails: what runs in it is gone."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(30)
        self._process.stdin.close()
        self._process.stdout.close()


def make_certificates(folder):
    """A CA, and certificates of it for plugin.test and for onetaked."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout"]
    openssl("req", "-x509", *key, "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA", "-days", "1")
    openssl("req", "-x509", *key, "other.key", "-out", "other.pem", "-subj", "/CN=other CA",
            "-days", "1")
    for name, host in (("server", "plugin.test"), ("client", "onetaked.test")):
        (folder / "names").write_text(f"subjectAltName=DNS:{host},DNS:localhost\n")
        openssl("req", *key, f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={host}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-extfile", "names", "-days", "1", "-out", f"{name}.pem")


class RemotePluginTest(PluginE2e):
    def start_remote(self, *arguments):
        return self.enter_context(RemotePlugin(self.variables(), *arguments))

    def tls(self, **changes):
        fields = {"ca_file": "ca.pem", "cert_file": "client.pem", "key_file": "client.key",
                  "server_name": "plugin.test", **changes}
        return {name: value if name == "server_name" else str(self.folder / value)
                for name, value in fields.items() if value is not None}

    def test_both_sides_prove_themselves(self):
        make_certificates(self.folder)
        plugin = self.start_remote("127.0.0.1:0", str(self.folder))
        server = self.start_spec({"address": plugin.address, "tls": self.tls()})
        server.wait_for_event("plugin.ready")
        self.expect(self.add("x"), "DONE")

    def test_what_it_calls_its_version_is_cut_before_it_is_logged(self):
        plugin = self.enter_context(
            RemotePlugin(self.variables(SAYS_VERSION="v" + "\u00e9" * 50_000)))
        server = self.start_spec({"address": plugin.address})
        server.wait_for_event("plugin.ready")
        [ready] = server.events("plugin.ready")
        self.assertEqual(ready["version"], "v" + "\u00e9" * 31)

    def test_whoever_cannot_be_verified_gets_no_call(self):
        make_certificates(self.folder)
        plugin = self.start_remote("127.0.0.1:0", str(self.folder))
        for changes in ({"ca_file": "other.pem"}, {"server_name": "other.test"},
                        {"cert_file": None, "key_file": None}):
            with self.subTest(changes), \
                    self.server({"address": plugin.address, "tls": self.tls(**changes)}) as server:
                self.api = server.api()
                answer = self.add("x", patience_ms=100)
                show = ("ledger", "show", "--unseal", answer.intent.id)
                self.eventually(lambda: "NOT_SENT" in self.run_cli(server, *show).stdout, True)
                self.assertNotIn("LOST", self.run_cli(server, *show).stdout)
                self.assertEqual(server.events("plugin.ready"), [])
        self.assertEqual(self.notes(), [])

    def test_a_name_is_looked_up_and_its_certificate_held_against_it(self):
        make_certificates(self.folder)
        plugin = self.start_remote("127.0.0.1:0", str(self.folder))
        port = plugin.address.rsplit(":", 1)[1]
        # gRPC is handed an address, so the name is not what it would check by itself.
        server = self.start_spec({"address": f"localhost:{port}",
                                  "tls": self.tls(server_name=None)})
        server.wait_for_event("plugin.ready")
        self.expect(self.add("x"), "DONE")

    def test_a_name_that_leads_to_what_is_not_public_is_not_called(self):
        name = socket.gethostname()
        try:
            found = socket.getaddrinfo(name, None)
        except OSError:
            found = []
        if not found or any(ipaddress.ip_address(entry[4][0]).is_global for entry in found):
            self.skipTest("this machine's name leads nowhere, or to a public address")
        make_certificates(self.folder)
        plugin = self.start_remote("127.0.0.1:0", str(self.folder))
        port = plugin.address.rsplit(":", 1)[1]
        server = self.start_spec({"address": f"{name}:{port}", "tls": self.tls()})
        server.wait_for_event("plugin.refused")
        self.assertIn("allow_networks", server.events("plugin.refused")[0]["error"])
        self.assertEqual(server.events("plugin.ready"), [])

    def refuse(self, said, **changes):
        """onetaked does not start with these files."""
        server = self.server({"address": "127.0.0.1:1", "tls": self.tls(**changes)})
        self.addCleanup(server.__exit__, None, None, None)
        server.launch()
        self.assertFalse(server.wait_started())
        self.assertNotEqual(server.wait(), 0)
        self.assertIn("plugins.notes: tls." + said, "\n".join(server.logs))

    def test_a_file_that_is_not_there_keeps_the_server_from_starting(self):
        self.refuse("ca_file: cannot be read")

    def test_a_file_that_is_no_pem_keeps_the_server_from_starting(self):
        make_certificates(self.folder)
        (self.folder / "no.pem").write_text("not PEM\n")
        whole = (self.folder / "ca.pem").read_text()
        (self.folder / "cut.pem").write_text(whole + whole[:len(whole) // 2])
        for said, changes in (
                ("ca_file: holds no certificate in PEM", {"ca_file": "no.pem"}),
                ("ca_file: holds a certificate that is broken", {"ca_file": "cut.pem"}),
                ("cert_file: holds no certificate in PEM", {"cert_file": "client.key"}),
                ("key_file: holds no private key in PEM", {"key_file": "client.pem"}),
                ("key_file: is not the key of the first certificate", {"key_file": "ca.key"})):
            with self.subTest(said):
                self.refuse(said, **changes)

    def test_a_plugin_that_is_away_gets_the_call_when_it_is_back(self):
        address = f"unix:{self.folder}/p.sock"
        first = self.start_remote(address)
        server = self.start_spec({"address": address})
        server.wait_for_event("plugin.ready")
        self.expect(self.add("before"), "DONE")
        first.end()
        # Until the end of the connection is seen, a call is begun on it, and then lost.
        self.eventually(lambda: self.api.disposition(self.api.execute(
            "list_notes", "{}", session_id="s", patience_ms=100)) == "DONE", False)
        waiting = self.add("meanwhile", patience_ms=200)
        self.expect(waiting, "PENDING")
        self.start_remote(address)
        done = self.add("meanwhile")
        self.expect(done, "DONE")
        shown = self.run_cli(server, "ledger", "show", "--unseal", done.intent.id).stdout
        self.assertIn("NOT_SENT", shown)
        self.assertNotIn("LOST", shown)
        self.eventually(lambda: len(server.events("plugin.ready")), 2)

    def test_a_plugin_that_fails_in_a_write_is_asked_when_it_is_back(self):
        address = f"unix:{self.folder}/p.sock"
        self.start_remote(address)
        server = self.start_spec({"address": address}, safety=PROBED)
        server.wait_for_event("plugin.ready")
        lost = self.add("die", patience_ms=200)
        self.assertNotIn(self.api.disposition(lost), ("DONE", "REJECTED"))
        self.start_remote(address)
        self.eventually(lambda: self.api.disposition(self.add("die")), "DONE")
        self.assertEqual(len(self.notes()), 1)
        shown = self.run_cli(server, "ledger", "show", "--unseal", lost.intent.id).stdout
        self.assertIn("R3.probe_applied", shown)
