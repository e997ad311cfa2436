"""The Prometheus endpoint, and the dashboard that is made for it."""

import json
import re
import shutil
import socket
import subprocess
import time
import unittest
import urllib.parse
import urllib.request

import grpc

from downstream import Downstream, answers, books
from harness import ROOT, E2eTest, Onetaked, booking

_DASHBOARD = ROOT / "runtime" / "server" / "grafana" / "onetake.json"
# scripts/test unpacks one where none is installed.
_PROMETHEUS = shutil.which("prometheus") or shutil.which(
    ROOT / "build" / "prometheus" / "usr" / "bin" / "prometheus")
_CONFIG = "metrics: { listen: '127.0.0.1:0' }\n"


def scrape(server):
    [line] = [line for line in map(json.loads, server.logs) if line["event"] == "metrics.started"]
    with urllib.request.urlopen(f"http://{line['address']}/metrics", timeout=60) as answer:
        return line["address"], answer.read().decode()


def parse(text):
    """{name: {frozenset of labels: value}}"""
    found = {}
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
        pairs = frozenset(re.findall(r'(\w+)="([^"]*)"', labels or ""))
        found.setdefault(name, {})[pairs] = float(value)
    return found


class MetricsTest(E2eTest):
    def busy_server(self):
        """Every kind of figure has something to tell."""
        downstream = self.enter_context(Downstream(books()))
        server = self.enter_context(Onetaked(downstream.url, config=_CONFIG))
        api = server.api()
        for _ in range(3):
            answer = api.execute("book", booking(), session_id="s")
            self.assertEqual(api.disposition(answer), "DONE")
        api.execute("find", '{"slot":"x"}', session_id="s")
        api.execute("invented-" + "x" * 20, "{}", session_id="s")
        downstream.set_behaviour(answers(503, {}))
        api.execute("book", booking(patient="p-2"), session_id="s", patience_ms=2000)
        with self.assertRaises(grpc.RpcError):
            api.execute("book", booking(), session_id="x" * 500)
        return server

    def test_nobody_waits_for_who_reads_the_log(self):
        """A log collector that hangs stops neither calls, nor reloads, nor the end."""
        downstream = self.enter_context(Downstream(books()))
        server = self.enter_context(Onetaked(downstream.url, config=_CONFIG))
        api = server.api()

        def dropped():
            [lines] = parse(scrape(server)[1])["onetake_log_lines_dropped_total"].values()
            return lines

        server.stop_reading_logs()
        deadline = time.monotonic() + 60
        while dropped() < 10:
            self.assertLess(time.monotonic(), deadline, "it does not reload any more")
            server.hang_up()
        self.assertEqual(api.disposition(api.execute("book", booking(), session_id="s")), "DONE")
        server.terminate()
        ended = server.wait_process(30)
        server.read_logs_again()
        self.assertEqual(ended, 0)

    def test_what_was_not_logged_is_counted_in_the_log(self):
        downstream = self.enter_context(Downstream(books()))
        server = self.enter_context(Onetaked(downstream.url, config=_CONFIG))
        server.stop_reading_logs()
        deadline = time.monotonic() + 60
        while not parse(scrape(server)[1])["onetake_log_lines_dropped_total"][frozenset()]:
            self.assertLess(time.monotonic(), deadline)
            server.hang_up()
        server.read_logs_again()
        while not server.events("log.dropped"):  # what comes before the pipe is empty is dropped
            self.assertLess(time.monotonic(), deadline)
            server.hang_up()
            scrape(server)

    def test_without_a_port_of_its_own_for_the_metrics_it_ends(self):
        """Before it accepts a call, which would never be answered."""
        taken = self.enter_context(socket.create_server(("127.0.0.1", 0)))
        metrics = f"127.0.0.1:{taken.getsockname()[1]}"
        server = Onetaked("http://127.0.0.1:9", config=f"metrics: {{ listen: '{metrics}' }}\n")
        self.addCleanup(server.__exit__)
        server.launch()
        self.assertFalse(server.wait_started())
        self.assertEqual(server.wait(), 4)
        [refused] = server.events("listen.refused")
        self.assertIn("metrics.listen", refused["error"])

    def test_connections_that_say_nothing_do_not_keep_the_scrape_out(self):
        server = self.busy_server()
        [line] = server.events("metrics.started")
        host, port = line["address"].rsplit(":", 1)
        silent = [self.enter_context(socket.create_connection((host, int(port))))
                  for _ in range(20)]
        for sock in silent[::2]:
            sock.sendall(b"GET /metrics HT")
        # Each takes a thread for 2 s: 30 s a connection would be more than this waits for.
        with urllib.request.urlopen(f"http://{line['address']}/metrics", timeout=20) as answer:
            self.assertIn("onetake_calls_total", answer.read().decode())

    def test_what_happened_is_counted(self):
        server = self.busy_server()
        figures = parse(scrape(server)[1])

        def value(name, **labels):
            return figures[name][frozenset(labels.items())]
        self.assertEqual(value("onetake_calls_total", tool="book", effect="write",
                               disposition="DONE"), 3)
        self.assertEqual(value("onetake_calls_total", tool="(unknown)", effect="unknown",
                               disposition="INVALID"), 1)
        self.assertEqual(value("onetake_calls_by_role_total", tool="book", role="replayed"), 2)
        self.assertEqual(value("onetake_retries_held_back_total", tool="book"), 2)
        self.assertEqual(value("onetake_attempts_total", tool="book", failure="none"), 1)
        self.assertEqual(value("onetake_attempt_seconds_count", tool="find"), 1)
        self.assertEqual(value("onetake_calls_refused_total", code="INVALID_ARGUMENT"), 1)
        self.assertEqual(value("onetake_review_items"), 1)
        self.assertEqual(sum(figures["onetake_unsettled_intents"].values()), 1)
        self.assertEqual(value("onetake_in_flight_calls"), 0)
        self.assertEqual(value("onetake_calls_admitted"), 0)
        # The record of a call waits for others, but not for long.
        self.eventually(lambda: parse(scrape(server)[1])["onetake_ledger_queue_depth"][frozenset()],
                        0)
        self.assertEqual(value("onetake_ledger_disk_full"), 0)
        self.assertGreater(value("onetake_ledger_commit_seconds_count"), 2)
        self.assertGreater(value("onetake_ledger_syncs_total"), 2)
        self.assertGreaterEqual(value("onetake_ledger_bytes"), 4096)
        self.assertGreater(value("onetake_disk_free_bytes"), 0)
        self.assertEqual(value("onetake_catalog_tools"), 4)

    def test_histograms_are_cumulative_and_complete(self):
        figures = parse(scrape(self.busy_server())[1])
        for name in ("onetake_call_seconds", "onetake_ledger_commit_seconds",
                     "onetake_ledger_batch_jobs"):
            series = {}
            for labels, value in figures[f"{name}_bucket"].items():
                labels = dict(labels)
                bound = float(labels.pop("le").replace("+Inf", "inf"))
                series.setdefault(frozenset(labels.items()), []).append((bound, value))
            for labels, buckets in series.items():
                counts = [count for _, count in sorted(buckets)]
                self.assertEqual(counts, sorted(counts), name)
                self.assertEqual(sorted(buckets)[-1][0], float("inf"), name)
                self.assertEqual(counts[-1], figures[f"{name}_count"][labels], name)

    def test_no_series_is_made_by_a_model_or_holds_what_callers_said(self):
        server = self.busy_server()
        api = server.api()
        for n in range(20):
            api.execute(f"invented{n}", '{"canary":"p-9931"}', session_id="canary-s")
        text = scrape(server)[1]
        for word in ("invented", "canary", "p-1", "p-9931"):
            self.assertNotIn(word, text)

    def expressions(self):
        dashboard = json.loads(_DASHBOARD.read_text())
        return [target["expr"] for panel in dashboard["panels"]
                for target in panel.get("targets", ())]

    def test_the_dashboard_asks_for_what_there_is(self):
        figures = parse(scrape(self.busy_server())[1])
        labels = {name: {key for series in values for key, _ in series}
                  for name, values in figures.items()}
        asked = set()
        for expression in self.expressions():
            names = set(re.findall(r"\bonetake_\w+", expression))
            self.assertTrue(names, expression)
            asked |= names
            used = set(re.findall(r"\(([\w, ]+)\) \(", expression))
            used |= set(re.findall(r"\{(\w+)=", expression))
            for group in used:
                for label in re.split(r",\s*", group):
                    for name in names:
                        if name in labels and labels[name]:
                            self.assertIn(label, labels[name], expression)
        # Only what a server without TLS, or one that refused nobody, does not have.
        self.assertEqual(asked - set(figures), {
            "onetake_tls_certificate_expiry_timestamp_seconds", "onetake_access_refused_total"})

    @unittest.skipUnless(_PROMETHEUS, "NOT RUN: there is no prometheus; scripts/test loads it")
    def test_prometheus_answers_every_query_of_the_dashboard(self):
        server = self.busy_server()
        address = scrape(server)[0]
        (server.folder / "prometheus.yml").write_text(
            "global: { scrape_interval: 1s }\n"
            f"scrape_configs: [{{ job_name: onetake, static_configs: [{{ targets: ['{address}'] "
            "}] }]\n")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = subprocess.Popen(
            [_PROMETHEUS, "--config.file", "prometheus.yml", "--storage.tsdb.path", "tsdb",
             "--web.listen-address", f"127.0.0.1:{port}"],
            cwd=server.folder, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)

        def ask(expression):
            url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode(
                {"query": expression})
            with urllib.request.urlopen(url, timeout=60) as answer:
                return json.load(answer)

        def has_figures():
            try:
                return bool(ask("count_over_time(onetake_sessions[1m]) >= 3")["data"]["result"])
            except OSError:
                return False
        self.eventually(has_figures, True)
        for expression in self.expressions():
            answer = ask(expression.replace("$__rate_interval", "30s"))
            self.assertEqual(answer["status"], "success", expression)


if __name__ == "__main__":
    unittest.main()
