"""Where and when onetaked is killed: at named fail points and at random moments."""

import dataclasses
import re

from harness import ROOT

RANDOM = "random"
# Passed once by the first process of a ledger only.
AT_FIRST_START = {"store.before_migration_commit", "store.after_migration_commit",
                  "ledger.checkpoint_file_made"}
# Passed once by every process, before it takes calls.
AT_START = {"ledger.opened"} | AT_FIRST_START
# Passed by a process that was asked to stop.
AT_STOP = {"ledger.before_close", "engine.before_drain", "ledger.checkpoint_file_written",
           "ledger.checkpoint_file_synced"}
# Passed only by a recovery whose intents nobody asks for again meanwhile.
IN_RECOVERY = {"recovery.before_resume"}
# Passed a few times in a life.
RARE = {"ledger.before_checkpoint", "ledger.after_checkpoint"}
# Passed only by a ledger that is years old; tests/unit/ledger_pruning_test.cc kills it there.
AFTER_YEARS = {"ledger.pruned"}
# Passed only by a start that goes on after a loss; tests/e2e/test_restore.py kills it there.
AFTER_A_LOSS = {"ledger.lost_drafted", "ledger.restored"}

# A hit that is not reached by then was too far away: killed anyway.
AT_LATEST_S = 1.5
# A checkpoint comes when the load is over, a second without a write later.
_RARE_AT_LATEST_S = 10
_HITS = (1, 2, 5, 20, 60, 150)
_RECOVERY_HITS = (1, 3, 10, 30)
_RARE_HITS = (1, 2)


@dataclasses.dataclass(frozen=True)
class Kill:
    place: str  # RANDOM, or the name of a fail point
    hit: int = 0
    after_s: float = AT_LATEST_S

    @property
    def env(self):
        return {} if self.place == RANDOM else {"ONETAKE_FAILPOINT": f"{self.place}:{self.hit}"}


@dataclasses.dataclass
class Cycle:
    """One cycle of crash and recovery."""

    number: int
    start: Kill = None  # before the first call
    load: Kill = None  # while writes are in flight
    recovery: tuple = ()  # each while the crash before it is being recovered from
    agents_wait: bool = False  # nobody asks while it recovers

    @property
    def fresh_ledger(self):
        return self.start is not None and self.start.place in AT_FIRST_START


def fail_points():
    """The names in the sources, so that a new one is used without a word here; but not
    AFTER_YEARS and AFTER_A_LOSS."""
    names = set()
    for folder in ("runtime", "tools"):
        for file in (ROOT / folder).rglob("*.cc"):
            names.update(re.findall(r'FailPoint\("([\w.]+)"\)', file.read_text()))
    return sorted(names - AFTER_YEARS - AFTER_A_LOSS)


def hits_of(name):
    if name in AT_START | AT_STOP:
        return (1,)
    if name in IN_RECOVERY:
        return _RECOVERY_HITS
    return _RARE_HITS if name in RARE else _HITS


def _random_kill(rng, at_most_s):
    return Kill(RANDOM, after_s=rng.uniform(0, at_most_s))


def _turns(rng):
    """Every fail point with every hit; each name once before any name's second hit."""
    names = fail_points()
    rng.shuffle(names)
    hits = {name: rng.sample(hits_of(name), len(hits_of(name))) for name in names}
    return [(name, hits[name][rank]) for rank in range(len(_HITS)) for name in names
            if rank < len(hits[name])]


def plan(rng, count, offset=0.0):
    """`count` cycles: half of them begin with a fail point, all of these in turn, from the share
    `offset` of the turns on, so that runs with different offsets pass through them together."""
    turns = _turns(rng)
    first = int(len(turns) * offset)
    cycles = []
    for number in range(count):
        cycle = Cycle(number, load=_random_kill(rng, 0.45))
        if number % 2 == 0:
            name, hit = turns[(first + number // 2) % len(turns)]
            _place(cycle, Kill(name, hit, _RARE_AT_LATEST_S if name in RARE else AT_LATEST_S))
        if not cycle.recovery:
            cycle.recovery = _recovery_kills(rng)
            cycle.agents_wait = rng.random() < 0.3
        cycles.append(cycle)
    return cycles


def _place(cycle, kill):
    if kill.place in AT_START:
        cycle.start = kill
    elif kill.place in IN_RECOVERY:
        cycle.recovery = (kill,)
        cycle.agents_wait = True
    else:
        cycle.load = kill


def _recovery_kills(rng):
    """None, one or two, at random moments or at points that a recovery passes."""
    kills = []
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        if rng.random() < 0.5:
            kills.append(_random_kill(rng, 0.5))
        else:
            points = [n for n in fail_points() if n not in AT_START | AT_STOP | RARE | IN_RECOVERY]
            kills.append(Kill(rng.choice(points), rng.choice(_HITS), after_s=0.7))
    return tuple(kills)
