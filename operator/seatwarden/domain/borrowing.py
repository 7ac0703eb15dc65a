"""The words of borrowing: seats that are taken away for hours, with nobody there to renew them."""

from dataclasses import dataclass
from typing import NamedTuple

from seatwarden.domain.seats import NO_TIME, BeatVerdict, Code, Fence, Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class Borrow:
    """A lease that is borrowed. ``at`` is the instant of the answer, ``nonce`` the digest that a signed lease has."""

    borrowed_for: Millis
    at: Millis
    fence: Fence
    holder: str
    nonce: str
    quantity: int
    group: str
    capacity: int
    live: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BorrowRefusal:
    """Not borrowed, and why; the lease is as it was.

    ``left`` is how long the lease lives, or with `RECOVERING` when trying again could help; 0 where it is gone. With
    `BORROW_LIMIT` ``seats_left`` can still be borrowed, each for no longer than ``longest``.
    """

    code: Code
    left: Millis = NO_TIME
    seats_left: int = 0
    longest: Millis = NO_TIME


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A lease that has to be renewed again, also where it never was borrowed."""

    expires_in: Millis
    heartbeat: Millis
    at: Millis
    holder: str
    nonce: str
    quantity: int
    group: str
    signed_for: Millis


ReturnVerdict = Return | BeatVerdict
"""A `BeatVerdict` says why there is no such lease."""


class BorrowedLease(NamedTuple):
    """What has to be known of a borrow to put it back: everything but what its holder knows itself."""

    holder: str
    fence: Fence
    until: Millis
    """The instant until which it is borrowed, by the authority's clock."""
    quantity: int
    group: str


@dataclass(frozen=True, slots=True)
class Borrows:
    """All borrows of a pool, those that end first come first, in the ``epoch`` in which the authority had them."""

    epoch: int
    leases: tuple[BorrowedLease, ...]


def to_restore(mirror: Borrows, epoch: int, now: Millis) -> tuple[BorrowedLease, ...]:
    """The borrows of ``mirror`` that the authority may have forgotten, which is in ``epoch`` by now.

    In the epoch of the mirror it knows best: what it does not have was returned. In a later one grants may have been lost.
    """
    return tuple(each for each in mirror.leases if each.until > now) if epoch > mirror.epoch else ()
