"""A client program as it really is: it crashes, sleeps, retries what was done already, and comes back as somebody else."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from seatwarden.domain.borrowing import Borrow, BorrowRefusal
from seatwarden.domain.seats import Beat, BeatVerdict, Code, Grant, Refusal, SignedLease
from tests.authority.simulation.scenario import Scenario
from tests.authority.simulation.timetable import Timetable

TIMEOUT = 500
LONGEST_BORROW = 5
"""In lease lengths."""


class Line(Protocol):
    """How clients reach the authority. Answers come to ``then``, late or never."""

    def acquire(self, wish: "Wish", then: Callable[[Grant | Refusal], None]) -> None: ...
    def beat(
        self,
        holder: str,
        beat: Beat,
        signed: SignedLease | None,
        key: str,
        then: Callable[[BeatVerdict], None],
    ) -> None: ...
    def signed(self, grant: Grant, wish: "Wish") -> SignedLease | None: ...
    def release(self, holder: str, beat: Beat, key: str) -> None: ...
    def borrow(
        self, holder: str, beat: Beat, length: int, key: str, then: Callable[[Borrow | BorrowRefusal], None]
    ) -> None: ...
    def give_back(self, holder: str, beat: Beat, key: str) -> None: ...
    def believe(self, holder: str, fence: int, until: int) -> None: ...
    def stop(self, holder: str) -> None: ...
    def newest_key(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Wish:
    """A request for a seat, which may be sent more than once; ``key`` makes that one wish."""

    holder: str
    nonce: str
    licence_key: str
    key: str | None
    signed: SignedLease | None
    first_sent: int
    quantity: int
    group: str
    would_wait: bool


class Client:
    """One installation. Each awakening has a number: an answer to an earlier one finds nobody at home."""

    def __init__(
        self,
        *,
        holder: str,
        clone: int,
        line: Line,
        timetable: Timetable,
        scenario: Scenario,
        rng: random.Random,
    ) -> None:
        self.holder = holder
        self._clone = clone
        self._line = line
        self._timetable = timetable
        self._scenario = scenario
        self._rng = rng
        self._quantity, self._group = scenario.quantity_of(holder), scenario.group_of(holder)
        self._runs = 0
        self._turn = 0
        self._unanswered = 0
        self._lease: Beat | None = None
        self._signed: SignedLease | None = None
        self._wish: Wish | None = None
        self._wishes = 0
        self._nonce = self._new_nonce()
        self._key = line.newest_key()
        self._sleep(rng.randint(0, scenario.lease // 2))

    def _new_nonce(self) -> str:
        self._runs += 1
        # Some programs are made from one image and do not tell their runs apart.
        shared = self._rng.random() < self._scenario.same_nonce
        return "image" if shared else f"{self._clone}.{self._runs}"

    def _sleep(self, pause: int) -> None:
        self._turn += 1
        turn = self._turn
        self._timetable.after(max(1, pause), lambda: self._wake() if turn == self._turn else None)

    def _wake(self) -> None:
        if self._rng.random() < self._scenario.key_looks:
            self._key = self._line.newest_key()
        if self._lease is None:
            self._ask()
            return
        dice, scenario = self._rng.random(), self._scenario
        if dice < scenario.crashes:
            self._crash()
        elif dice < scenario.crashes + scenario.pauses:
            self._sleep(self._rng.randint(scenario.lease // 4, 3 * scenario.lease))
        elif dice < scenario.crashes + scenario.pauses + scenario.releases:
            self._release(self._lease)
        elif dice < scenario.crashes + scenario.pauses + scenario.releases + scenario.borrows:
            self._borrow(self._lease)
        else:
            self._beat(self._lease)

    def _wait_for_an_answer(self) -> None:
        self._sleep(min(TIMEOUT << self._unanswered, max(TIMEOUT, self._scenario.lease // 3)))
        self._unanswered = min(self._unanswered + 1, 10)

    def _ask(self) -> None:
        sent_at = self._timetable.now
        wish = self._wish or self._new_wish()
        if wish.key is not None:
            # The same answer may have been given long ago. Lengths in it count from the first time.
            self._wish, sent_at = wish, wish.first_sent
        self._wait_for_an_answer()
        turn = self._turn

        def answered(answer: Grant | Refusal) -> None:
            if turn != self._turn:
                return
            self._unanswered, self._wish = 0, None
            if answer.code is Code.INVALID_LICENSE:
                self._take_the_newest_key()
                return
            if isinstance(answer, Refusal):
                wait = self._scenario.lease if answer.retry_after is None else answer.retry_after
                self._sleep(int(wait * self._rng.uniform(0.9, 1.2)) + 1)
                return
            self._lease = Beat(lease_id=answer.lease_id, fence=answer.fence)
            self._signed = self._line.signed(answer, wish)
            self._line.believe(self.holder, answer.fence, sent_at + answer.expires_in)
            late = self._timetable.now - sent_at
            self._sleep(int(answer.heartbeat * self._rng.uniform(0.9, 1)) - late)

        self._line.acquire(wish, answered)

    def _new_wish(self) -> Wish:
        self._wishes += 1
        keyed = self._rng.random() < self._scenario.idempotent
        key = f"{self._clone}.{self._wishes}" if keyed else None
        return Wish(
            self.holder,
            self._nonce,
            self._key,
            key,
            self._signed,
            self._timetable.now,
            self._quantity,
            self._group,
            would_wait=self._rng.random() < 0.6,
        )

    def _beat(self, lease: Beat) -> None:
        sent_at = self._timetable.now
        self._wait_for_an_answer()
        turn = self._turn

        def answered(verdict: BeatVerdict) -> None:
            if turn != self._turn:
                return
            self._unanswered = 0
            if verdict.code is Code.INVALID_LICENSE:
                self._take_the_newest_key()
                return
            if verdict.expires_in == 0:
                self._lease = self._signed = None
                self._sleep(self._rng.randint(1, 1000))
                return
            if verdict.code is Code.OK:
                self._line.believe(self.holder, lease.fence, sent_at + verdict.expires_in)
            self._sleep(int(verdict.heartbeat * self._rng.uniform(0.9, 1)))

        self._line.beat(self.holder, lease, self._signed, self._key, answered)

    def _release(self, lease: Beat) -> None:
        self._line.stop(self.holder)
        for _ in range(self._rng.choice([1, 1, 2])):
            self._line.release(self.holder, lease, self._key)
        self._lease = self._signed = None
        self._sleep(self._rng.randint(1, self._scenario.lease))

    def _borrow(self, lease: Beat) -> None:
        sent_at = self._timetable.now
        length = int(self._scenario.lease * self._rng.uniform(0.2, LONGEST_BORROW))
        self._wait_for_an_answer()
        turn = self._turn

        def answered(answer: Borrow | BorrowRefusal) -> None:
            if turn != self._turn:
                return
            self._unanswered = 0
            if isinstance(answer, BorrowRefusal):
                self._key = self._line.newest_key() if answer.code is Code.INVALID_LICENSE else self._key
                # It holds its seat as before, and beats when it would have.
                self._sleep(self._rng.randint(1, self._scenario.lease // 10))
                return
            self._line.believe(self.holder, lease.fence, sent_at + answer.borrowed_for - 1)
            self._sleep(int(answer.borrowed_for * self._rng.uniform(0.1, 1.2)))
            if self._rng.random() < 0.3:
                self._line.give_back(self.holder, lease, self._key)

        self._line.borrow(self.holder, lease, length, self._key, answered)

    def _take_the_newest_key(self) -> None:
        self._key = self._line.newest_key()
        self._sleep(self._rng.randint(1, 1000))

    def _crash(self) -> None:
        self._lease = self._wish = None
        if self._rng.random() < 0.5:
            self._signed = None
        if self._rng.random() < 0.9:
            self._nonce = self._new_nonce()
        self._sleep(self._rng.randint(1, 2 * self._scenario.lease))
