"""Asking for a seat until there is one, or no sense in asking: a state machine without I/O.

One wish has one `nonce`, so it never costs two seats. Each try has a name (its `Idempotency-Key`), which is kept as long as
nobody knows whether the server acted: then a repetition gets the very answer that was lost, and its lengths of time count from
the first time that it was sent. An answer that decides ends the name.

+--------------------------------------------+------------------------------------------------------------+
| answer                                     | what follows                                               |
+============================================+============================================================+
| 2xx with a seat                            | the seat; asked again at once if its time is over already  |
| none, or 500 `internal_error`              | again: a few times in any case, and as long as ``wait``    |
| 409 `pool_exhausted`, 408, 425, 429, 5xx,  | again after `Retry-After`, if that is within ``wait``      |
| 202 `queued`                               |                                                            |
| any other                                  | refused                                                    |
+--------------------------------------------+------------------------------------------------------------+
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from seatwarden.client.answers import Answer, is_grant
from seatwarden.client.errors import (
    EndpointUnavailable,
    LicenceRefused,
    NoSeatFree,
    RequestRefused,
    SeatRefused,
)
from seatwarden.client.keeping import INTERNAL_ERROR, pause

TRIES = 3
"""How often a call is sent that gets no answer, also by who does not want to wait."""
FAULT_TRIES = 2
POOL_EXHAUSTED = "pool_exhausted"
QUEUED = "queued"
POOLS_APART = "pools_apart"
_RECOVERING = "recovering"
_CONFLICT = 409
_LATER = {408, 425, 429}
_LICENCE = {401, 403}
_MOST_REPLAYS = 3


@dataclass(frozen=True, slots=True)
class Seated:
    """There is a seat: ``answer`` tells of it, with its lengths counted from ``since``."""

    answer: Answer
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Where the asking stands. Send the next request at ``ask_at`` under ``name``; do not wait beyond ``until``."""

    until: float
    ask_at: float
    name: str
    since: float | None = None
    failures: int = 0
    silences: int = 0
    faults: int = 0
    replays: int = 0

    def heard(
        self, answer: Answer, *, asked: float, now: float, jitter: float, new_name: Callable[[], str]
    ) -> "Seated | SeatRefused | Asking":
        """What follows from an answer, or none, at ``now`` to the request of ``asked``.

        ``jitter`` is a random number in [0, 1).
        """
        since = asked if self.since is None else self.since
        if not is_grant(answer):
            return self._without_seat(answer, since=since, now=now, jitter=jitter, new_name=new_name)
        if now < since + answer.expires_in:
            return Seated(answer, since)
        # It is an answer from long ago, and the lease may have ended since. The nonce finds it if it lives.
        if self.replays < _MOST_REPLAYS:
            return replace(self, ask_at=now, name=new_name(), since=None, replays=self.replays + 1)
        return refusal(answer)

    def unsettled(self, answer: Answer, *, now: float, jitter: float) -> "Asking | None":
        """When to send a call again which may not have got through; None where its ``answer`` settles it."""
        if answer.good:
            return None
        found = self._without_seat(answer, since=now, now=now, jitter=jitter, new_name=lambda: self.name)
        return found if isinstance(found, Asking) else None

    def _without_seat(
        self, answer: Answer, *, since: float, now: float, jitter: float, new_name: Callable[[], str]
    ) -> "SeatRefused | Asking":
        wait = max(answer.retry_after or 0.0, pause(self.failures, jitter=jitter))
        silences = self.silences + 1 if answer.silent else 0
        faults = self.faults + 1 if answer.code == INTERNAL_ERROR else 0
        few = answer.silent and answer.retry_after is None and silences < TRIES
        waits = few or 0 < faults < FAULT_TRIES or (not faults and now + wait <= self.until)
        if not waits or not _may_help(answer):
            return refusal(answer)
        after = replace(self, ask_at=now + wait, failures=self.failures + 1, silences=silences, faults=faults)
        if _is_open(answer):
            return replace(after, since=since)
        return replace(after, name=new_name(), since=None)


def begin(now: float, wait: float, name: str) -> Asking:
    """Ask at once, and wait up to ``wait`` seconds for a seat."""
    return Asking(until=now + wait, ask_at=now, name=name)


def _may_help(answer: Answer) -> bool:
    later = answer.silent or answer.server_fault or answer.status in _LATER
    return (
        later
        or answer.code in {POOL_EXHAUSTED, QUEUED}
        or (answer.status == _CONFLICT and answer.retry_after is not None)
    )


def _is_open(answer: Answer) -> bool:
    """May the server have acted upon the request, though it does not say so?"""
    return answer.silent or (answer.server_fault and answer.code != _RECOVERING)


def refusal(answer: Answer) -> SeatRefused:
    """Why ``answer`` gives nothing, as an error of its kind."""
    kind: type[SeatRefused] = RequestRefused
    if answer.silent or answer.server_fault or answer.status in _LATER:
        kind = EndpointUnavailable
    elif answer.status in _LICENCE:
        kind = LicenceRefused
    elif (answer.status == _CONFLICT and answer.code != POOLS_APART) or answer.code == QUEUED:
        kind = NoSeatFree
    unserved = (
        "The wait was over before it was this program's turn in the queue." if answer.code == QUEUED else ""
    )
    message = answer.message or unserved or f"The endpoint answered with status {answer.status} and no seat."
    number = answer.body.get("pool")
    pool = number if isinstance(number, int) and not isinstance(number, bool) else None
    return kind(answer.code, message, status=answer.status, retry_after=answer.retry_after, pool=pool)
