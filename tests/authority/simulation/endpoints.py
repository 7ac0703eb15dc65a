"""What stands between clients and the pool, as the endpoint and its connections really behave.

Over each connection the pool is told first where its callers have arrived. A lease that the pool does not know is shown to
it; and while the pool is not there, or nobody can reach it, there is no answer.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from seatwarden.backends.authority import AuthorityRecovering
from seatwarden.backends.redis_keys import AUTHORITY_KEYS
from seatwarden.backends.redis_wire import Loss
from seatwarden.domain.seats import Beat, BeatVerdict, Code, Grant, Outage, Refusal, SignedLease
from seatwarden.endpoint.proofs import FORGOTTEN
from tests.authority.desk import KEY
from tests.authority.loss import Lost
from tests.authority.twin import Twin
from tests.authority.virtual_time import at_once

T = TypeVar("T")
OPERATOR, ENDPOINTS = 0, 2


class Away(Lost):
    """Nothing could be asked, and nothing was done."""

    def __init__(self) -> None:
        super().__init__(applied=False)


class Endpoints:
    """Two of them and the operator, each with connections of its own to one server."""

    def __init__(self, twin: Twin, *, volatile: bool) -> None:
        self.twin = twin
        self.away = self.forgotten = False
        self._loss = Loss.EXPECTED if volatile else Loss.IMPOSSIBLE
        self._arrived: set[int] = set()
        self._servers = 0
        self._outages: tuple[Outage, ...] = ()
        twin.runner.ask(("DEL", *AUTHORITY_KEYS))

    def server_changed(self) -> None:
        """It was restarted, or another one has taken over."""
        self._servers += 1
        self.twin.runner.run_id = f"server {self._servers}"
        self._arrived.clear()

    def go_away(self) -> None:
        """The last sign of life."""
        self.twin.runner.ask(("HSET", *AUTHORITY_KEYS, "at", self.twin.now))
        self.away = True

    def come_back(self) -> None:
        """The first one after the outage."""
        self.away = False
        self._outages = at_once(self.twin.authority.beat_pulse()).outages
        self._arrived.clear()

    def via(self, which: int, call: Callable[[], T]) -> T:
        """``call`` by one of them."""
        if self.away:
            raise Away
        if self.forgotten:
            with pytest.raises(AuthorityRecovering):
                at_once(self.twin.authority.validate(self.twin.pool, KEY))
            raise Away
        if which not in self._arrived:
            self.twin.arrive(self.twin.runner.run_id, *self._outages, loss=self._loss)
            self._arrived.add(which)
        return call()

    def acquire(
        self,
        holder: str,
        nonce: str,
        wish: str | None,
        shown: SignedLease | None,
        *,
        key: str,
        **details: Any,
    ) -> Grant | Refusal:
        def ask() -> Grant | Refusal:
            details["client_version"] = _version(holder)
            return self.twin.acquire(holder, nonce, key=key, idempotency_key=wish, **details)

        answer = self.via(_of(holder), ask)
        if shown is not None and _went_back(answer, shown):
            self.twin.readmit(shown, key=key)
            answer = ask()
        return answer

    def beat(self, holder: str, beat: Beat, shown: SignedLease | None, *, key: str) -> BeatVerdict:
        [verdict] = self.via(_of(holder), lambda: self.twin.beat(beat, key=key))
        if verdict.code in FORGOTTEN and shown is not None and shown.fence == beat.fence:
            return self.twin.readmit(shown, key=key)
        return verdict


def _version(holder: str) -> str:
    return ("4.2.1", "4.2.1", "5.0.0", "")[int(holder[8], 16) % 4]


def _of(holder: str) -> int:
    return 1 + int(holder[:8], 16) % ENDPOINTS


def _went_back(answer: Grant | Refusal, shown: SignedLease) -> bool:
    if isinstance(answer, Refusal):
        return answer.code is Code.RECOVERING
    return answer.code is Code.GRANTED and answer.fence <= shown.fence
