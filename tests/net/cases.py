"""What happens to a connection, on either side of onetaked: the tables that the tests go through.

ONETAKE_SCALE says how close together the places of a fault are: at 1 every 48th byte of an
exchange, and every 144th where a case lasts as long as an attempt; from 144 on every byte.
"""

import dataclasses
import os
import typing

from fault_proxy import Fault, may_vanish
from practice import REPLIES

SCALE = float(os.environ.get("ONETAKE_SCALE", "1"))
STEP = max(1, round(48 / SCALE))
SLOW_STEP = max(1, round(144 / SCALE))

# fault, the directions that it happens in, and whether it ends the exchange at once.
_BYTES = (
    ("fin", ("request", "reply"), True),
    ("rst", ("request", "reply"), True),
    ("half", ("request", "reply"), True),
    ("twice", ("request", "reply"), True),
    ("hole", ("request", "reply"), False),
    ("silent", ("request", "reply"), False),
    ("vanish", ("request", "reply"), False),
    ("late", ("request",), False),
)
# Those without a place.
_WHOLE = (
    Fault("slow", "request"), Fault("slow", "reply"),
    Fault("drip", "request"), Fault("drip", "reply"),
    Fault("refuse"), Fault("no_connect"), Fault("slow_connect"),
)
# After these nothing can have happened, so that even what nothing protects is done in the end.
_HARMLESS = {"refuse", "slow", "slow_connect"}
# And these answers say that it has happened.
_TOLD = {"twice", "with somebody else's behind it", "length too small", "length too large, closed",
         "no length, closed", "after 100 and 103", "a second later", "length zero"}


@dataclasses.dataclass(frozen=True)
class Case:
    fault: typing.Optional[Fault] = None
    reply: str = ""  # a name of practice.REPLIES
    # How a write ends that nothing protects. All others end as DONE, and have happened once.
    plain: tuple = ("DONE", "NEEDS_REVIEW")
    ends_at_once: bool = True
    deadline_s: float = 60  # of the first call

    def __str__(self):
        if self.fault is None:
            return f"reply {self.reply}"
        return f"{self.fault.kind} {self.fault.direction} {self.fault.after} x{self.fault.times}"


def _places(length, ends_at_once, shift):
    step = STEP if ends_at_once else SLOW_STEP
    return range(shift % step, length + 1, step)


def faults(lengths):
    """Of an exchange of so many bytes: {"request": n, "reply": n}."""
    shift = 0
    for kind, directions, at_once in _BYTES:
        if kind == "vanish" and not may_vanish():
            print("NOT RUN: only root may close a connection without a word")
            continue
        for direction in directions:
            # Another one of the bytes that are left out, for each.
            shift += 11
            for after in _places(lengths[direction], at_once, shift):
                yield Case(Fault(kind, direction, after), ends_at_once=at_once)
    for fault in _WHOLE:
        yield Case(fault, plain=("DONE",) if fault.kind in _HARMLESS else Case.plain,
                   ends_at_once=fault.kind in _HARMLESS)


def of_the_downstream(lengths):
    for case in faults(lengths):
        # A request that the network makes two of is two requests, to a practice without keys.
        if (case.fault.kind, case.fault.direction) != ("twice", "request"):
            yield case
    # More than one attempt is lost.
    for kind in ("fin", "rst"):
        for after in (lengths["request"] // 2, lengths["request"]):
            yield Case(Fault(kind, "request", after, times=3))
    for name in REPLIES:
        yield Case(reply=name, plain=("DONE",) if name in _TOLD else Case.plain,
                   ends_at_once=name not in ("length too large, kept", "after the attempt"))
    # The caller has left when the answer comes.
    yield Case(reply="a second later", plain=("DONE",), deadline_s=0.3)
    yield Case(reply="after the attempt", deadline_s=0.3)


def of_the_clients(lengths):
    for case in faults(lengths):
        # Where nobody hears anything, the caller gives up.
        silent = case.fault.kind in ("hole", "silent", "vanish", "late", "drip", "twice",
                                     "no_connect")
        yield dataclasses.replace(case, deadline_s=1) if silent else case
