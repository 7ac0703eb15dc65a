"""Seats of several pools, taken in one step: all of them or none."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar, overload

from seatwarden.client.answers import Answer, answer_in, is_grant, silence
from seatwarden.client.keeping import Loss
from seatwarden.client.seat import HeldSeat
from seatwarden.client.settings import KeySource, key_beside

S = TypeVar("S", bound=HeldSeat)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolWish:
    """Seats of one pool: that of the client itself, unless a licence key names another, or with a token its name."""

    license_key: str | None = field(default=None, repr=False)
    license_key_file: str | os.PathLike[str] | None = None
    pool: str | None = None
    """With a token: the pool as NAMESPACE/NAME."""
    quantity: int = 1
    group: str = ""

    def keys(self, own: KeySource) -> KeySource:
        """What opens the pool, for a client that has ``own`` to show.

        Raises:
            SetupError: it is malformed, or does not go with what the client shows.
        """
        return key_beside(own, self.license_key, self.license_key_file, self.pool)


class HeldSeats(Generic[S]):
    """A seat of each pool, in the order in which they were asked for. They are taken together, and each is lost by itself."""

    def __init__(self, seats: Sequence[S]) -> None:
        self._seats = tuple(seats)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._seats!r}>"

    def __len__(self) -> int:
        return len(self._seats)

    def __iter__(self) -> Iterator[S]:
        return iter(self._seats)

    @overload
    def __getitem__(self, at: int) -> S: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[S, ...]: ...
    def __getitem__(self, at: int | slice) -> S | tuple[S, ...]:
        return self._seats[at]

    @property
    def held(self) -> bool:
        """Are all of them ours for certain?"""
        return all(seat.held for seat in self._seats)

    @property
    def valid_for(self) -> float:
        """Seconds for which all of them are ours for certain, if nothing more is heard; 0 where one is not."""
        return min(seat.valid_for for seat in self._seats)

    @property
    def loss(self) -> Loss | None:
        """Why one of them is lost, or None as long as none is."""
        return next((seat.loss for seat in self._seats if seat.loss is not None), None)

    def check(self) -> None:
        """Return if none of them is lost.

        Raises:
            SeatLost: one is.
        """
        for seat in self._seats:
            seat.check()


def in_body(pools: Sequence[PoolWish], keys: Sequence[KeySource]) -> list[dict[str, Any]]:
    """What `calls.acquire_all` says of ``pools``, which ``keys`` open. Raises `SetupError` as `KeySource.key` does."""
    return [
        {**own.names_pool(), "quantity": pool.quantity, "group": pool.group}
        for pool, own in zip(pools, keys, strict=True)
    ]


def parts_of(answer: Answer) -> tuple[Answer, ...]:
    """The seats in an answer to `calls.acquire_all`, in the order of the request."""
    pools = answer.body.get("pools")
    parts = pools if isinstance(pools, list) else []
    return tuple(answer_in(answer.status or 0, part) for part in parts)


def as_one(answer: Answer, number: int) -> Answer:
    """``answer`` to a wish for that ``number`` of pools as if it gave one seat, which lives as long as all of them do."""
    if not answer.good:
        return answer
    parts = parts_of(answer)
    if len(parts) != number or not all(map(is_grant, parts)):
        return silence("what came is not a seat of each pool")
    shortest = min(part.expires_in for part in parts)
    return replace(answer, session=parts[0].session, fence=parts[0].fence, expires_in=shortest)
