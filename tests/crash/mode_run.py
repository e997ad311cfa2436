"""One mode's cycles: crash under load, crash while recovering, let it settle, compare records."""

import collections
import contextlib
import random
import signal
import threading
import time

import agents
import kills
import records
from api import Api
from harness import ROOT, Onetaked, PracticeApi

IN_FLIGHT = 200
MODES = ("keyed", "probed", "none")
CONNECTIONS = 4  # a connection carries 100 calls at a time
SETTLE_S = 120
DRAIN_S = 60

_PERCENT = 10  # of real time, in the practice and in the manifests
_MANIFESTS = ROOT / "tools" / "dental" / "manifests"
_FAULTS = ("--error-before-commit", "0.03", "--error-after-commit", "0.03",
           "--commit-then-stall", "0.03", "--commit-then-reset", "0.03")


def _scaled(milliseconds):
    return f"{milliseconds * _PERCENT // 100}ms"


def _environment(practice):
    return {"PRACTICE_API": practice.url,
            "DENTAL_FILLER": _scaled(1500), "DENTAL_PATIENCE": _scaled(4000),
            "DENTAL_FLOOR": _scaled(8000),
            # Until the latency is known an attempt may take as long, and a probe waits for it. What
            # a machine that is too busy has land later is written twice.
            "DENTAL_CEILING": _scaled(20000),
            "DENTAL_RETRY_BASE": _scaled(200), "DENTAL_RETRY_CAP": _scaled(10000),
            "DENTAL_PROBE_INTERVAL": _scaled(2000), "DENTAL_KEY_RETENTION": "24h",
            # Every crash costs an attempt, and no intent may run out of them here.
            "DENTAL_ATTEMPTS": "20"}


class ModeRun:
    def __init__(self, mode, cycles, seed, offset=0.0):
        self.mode = mode
        # The cycles are the seed's alone, so that all modes pass through one list of fail points.
        self._plan = kills.plan(random.Random(seed), cycles, offset)
        self._rng = random.Random(f"{seed}/{mode}")
        self._seed = seed
        self.counts = collections.Counter()
        self.kills = collections.Counter()  # by (phase, place)
        self.missed = collections.Counter()  # fail points that were not reached, by name:hit
        self.breaches = []
        self._patients = set()
        self._servers = []
        self._schema = None
        self._stack = contextlib.ExitStack()

    def run(self, progress=lambda cycle: None):
        with self._stack:
            self._practice = self._stack.enter_context(PracticeApi(
                "--threads", "900", "--time-scale", str(_PERCENT / 100), "--stall-ms", "20000",
                "--key-retention", "864000", "--seed", str(self._seed),
                "--keys", "honour" if self.mode == "keyed" else "ignore", *_FAULTS))
            for cycle in self._plan:
                self._cycle(cycle)
                progress(cycle)
            self._check_end()
        return self

    @property
    def _server(self):
        return self._servers[-1]

    def _fresh_server(self):
        # Every other ledger is sealed; of the rest the bytes are held against what was told.
        sealing = "off" if len(self._servers) % 2 == 0 else "on"
        server = Onetaked("", env=_environment(self._practice), config=f"sealing: {sealing}\n",
                          tool_folders=(_MANIFESTS / "common", _MANIFESTS / self.mode))
        self._stack.callback(server.__exit__)
        self._servers.append(server)

    def _cycle(self, cycle):
        if cycle.fresh_ledger or not self._servers:
            self._fresh_server()
        self._server.logs.clear()
        callers = agents.Callers(self._rng, cycle.number, IN_FLIGHT)
        self._patients.update(wish.patient for wish in callers.wishes)
        if cycle.start is not None and self._start(cycle.start):
            self._die(cycle.start, "start")
        self._under_load(callers, cycle.load)
        for kill in cycle.recovery:
            self._while_recovering(callers, kill, cycle.agents_wait)
        self._server.start()
        with self._apis() as apis:
            callers.ask_again(apis, 0.2)
            callers.settle(apis, SETTLE_S)
        self._check(cycle, callers)
        self._die(kills.Kill(kills.RANDOM, after_s=0), "idle")

    def _start(self, kill):
        """False: it was killed before it took calls."""
        self._server.launch(**kill.env)
        if self._server.wait_started():
            return True
        self._die(kill, "start")
        return False

    def _die(self, kill, phase):
        """Until the process is dead: at the kill's point, or when its time has come."""
        began = time.monotonic()
        code = self._server.wait_dead(kill.after_s)
        self.counts["kills"] += 1
        if code is None:
            self._server.kill()
            if kill.place != kills.RANDOM:
                self.missed[f"{kill.place}:{kill.hit}"] += 1
                self.kills[phase, kills.RANDOM] += 1
                return
        elif code != -signal.SIGKILL:
            took = time.monotonic() - began
            self.breaches.append(f"onetaked ended by itself with {code} after {took:.1f} s:\n" +
                                 "\n".join(self._server.logs[-5:]))
        self.kills[phase, kill.place] += 1

    @contextlib.contextmanager
    def _apis(self):
        apis = []
        for _ in range(CONNECTIONS):
            apis.append(Api(self._server.address, self._schema))
            self._schema = apis[0].schema
        try:
            yield apis
        finally:
            for api in apis:
                api.close()

    def _under_load(self, callers, kill):
        if not self._start(kill):
            kill = kills.Kill(kills.RANDOM, after_s=self._rng.uniform(0, 0.45))
            self._server.start()
        stops = kill.place in kills.AT_STOP
        if self._schema is None:  # asked for at leisure, so that the first kill meets calls
            with self._apis():
                pass
        patience = (lambda: None) if stops else lambda: self._rng.choice((None, 400, 20_000))
        self._call_and_die(callers, callers.wishes, kill, "load", patience)

    def _while_recovering(self, callers, kill, agents_wait):
        if self._start(kill):
            wishes = [] if agents_wait else callers.open()
            self._call_and_die(callers, wishes, kill, "recovery", lambda: 20_000)

    def _call_and_die(self, callers, wishes, kill, phase, patience):
        if kill.place in kills.AT_STOP:
            kill = kills.Kill(kill.place, kill.hit, DRAIN_S)
        killer = threading.Thread(target=self._die, args=(kill, phase))
        with self._apis() as apis:
            killer.start()
            calls = callers.start(apis, wishes, patience)
            if kill.place in kills.AT_STOP:
                self._server.terminate()
            killer.join()
            callers.collect(calls)

    def _count_marked(self):
        """What the cycle's starts found in flight."""
        for line in self._server.events("ledger.opened"):
            self.counts["found in flight at a start"] += line["count"]
            self.counts["starts that found some"] += line["count"] > 0

    def _check(self, cycle, callers):
        self._count_marked()
        counts, breaches = records.check_cycle(
            self.mode, callers.wishes, records.practice_rows(self._practice.db),
            records.ledger_intents(self._server.folder / "onetake.db"))
        self.counts.update(counts)
        self.counts["cycles"] += 1
        self.counts["calls"] += callers.calls_made
        self.breaches += [f"cycle {cycle.number}: {breach}" for breach in breaches]

    def _check_end(self):
        ledgers = [server.folder / "onetake.db" for server in self._servers]
        for ledger in ledgers:
            held, breaches = records.check_ledger(ledger)
            self.counts["calls held back"] += held
            self.breaches += breaches
        self.breaches += records.check_practice(self._practice.db, self._patients, ledgers)
