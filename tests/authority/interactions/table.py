"""The table of what one seat policy makes of another, and short words for those who fill it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from seatwarden.domain.seats import BeatVerdict, Grant, Millis, Refusal
from tests.authority.desk import holder
from tests.authority.twin import Twin

LEASE = 60_000
AFTER = Millis(5_000)
LINGER = Millis(10_000)

Play = Callable[[Twin], None]
CELLS: dict[tuple[str, str], Play] = {}


def cell(policy: str, other: str) -> Callable[[Play], Play]:
    """Puts a play into the table. It gets a pool of three seats with leases of a minute."""

    def put(play: Play) -> Play:
        assert (policy, other) not in CELLS

        @wraps(play)
        def played(twin: Twin) -> None:
            twin.configure(capacity=3)
            play(twin)
            twin.audit()

        CELLS[policy, other] = played
        return played

    return put


def code_of(answer: Grant | Refusal | BeatVerdict) -> str:
    return answer.code.value


def crowd(twin: Twin, seats: int, **details: Any) -> list[Grant]:
    """Holders 0, 1, 2 … take a seat each, a millisecond apart."""
    grants = []
    for number in range(seats):
        grants.append(twin.seat(holder(number), **details))
        twin.clock.forward(1)
    return grants


def beats(twin: Twin, grants: list[Grant]) -> list[str]:
    return [code_of(verdict) for verdict in twin.beat(*grants)]


def lend(twin: Twin) -> None:
    """Three seats may be borrowed, for an hour at most."""
    twin.configure(borrow_seats=3, borrow_longest=Millis(3_600_000))


def shrink(twin: Twin, capacity: int, **changes: Any) -> None:
    """The pool is made smaller, and the time for which holders are left alone passes."""
    twin.configure(capacity=capacity, evict_after=AFTER, **changes)
    twin.clock.forward(AFTER)
    twin.sweep()
