"""One simulated pool from its first client to the last seat that comes back.

Nothing here waits, and nothing is random but what the seed says. So a seed is a history: the same calls at the same
instants with the same answers, each time. What is checked after each call is told in `tests.authority.twin` and
`tests.authority.pool_watch`; what clients believe, in `tests.authority.simulation.beliefs`.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from seatwarden.domain.borrowing import Borrow, BorrowRefusal, Return, ReturnVerdict
from seatwarden.domain.seats import (
    Beat,
    BeatVerdict,
    Code,
    Grant,
    Millis,
    PoolState,
    Refusal,
    SeatGroup,
    SignedLease,
)
from tests.authority.desk import NO_POLICIES, holder
from tests.authority.loss import Loss, Lost
from tests.authority.simulation.administration import Administration
from tests.authority.simulation.beliefs import Beliefs
from tests.authority.simulation.client import LONGEST_BORROW, Client, Wish
from tests.authority.simulation.endpoints import Away, Endpoints
from tests.authority.simulation.licence_keys import LicenceKeys
from tests.authority.simulation.losses import Losses
from tests.authority.simulation.network import Network
from tests.authority.simulation.scenario import Scenario
from tests.authority.simulation.timetable import Timetable
from tests.authority.twin import Twin
from tests.authority.virtual_time import GivenTimeRunner

T = TypeVar("T")
AUDIT_EACH = 400


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a seed came to: a digest of its whole history, how often each thing happened, and how long it took inside."""

    digest: str
    happened: Counter[str]
    simulated: Millis


def _endings(scenario: Scenario) -> dict[str, Any]:
    """How leases end in this world from its beginning."""
    rng = random.Random(scenario.seed + 2)
    after = rng.choice([None, 0, 1000, scenario.lease])
    return {
        "evict_after": None if after is None else Millis(after),
        "ends_at_once": rng.random() < 0.5,
        "linger": Millis(rng.choice([0, 0, 1000, scenario.lease // 2])),
    }


class World:
    """The clients' `Line` to a `Twin`."""

    def __init__(self, scenario: Scenario, runner: GivenTimeRunner, timetable: Timetable, loss: Loss) -> None:
        self.rng = random.Random(scenario.seed + 1)
        self.scenario = scenario
        self.timetable = timetable
        self.loss = loss
        self.history = hashlib.sha256()
        self.recent: list[str] = []
        self.happened: Counter[str] = Counter()
        self.beliefs = Beliefs(scenario.quantity_of, self._was_ended)
        self.keys = LicenceKeys(random.Random(scenario.seed + 3))
        self.network = Network(timetable, scenario, self.rng)
        self.twin = Twin(
            runner,
            capacity=scenario.seats,
            lease=Millis(scenario.lease),
            heartbeat=Millis(scenario.lease // 3),
            borrow_seats=scenario.seats // 2 + 1 if scenario.borrows else 0,
            borrow_longest=Millis(scenario.lease * LONGEST_BORROW),
            key_ids=self.keys.key_ids,
            groups={name: SeatGroup() for name in "abc"},
            queue_size=scenario.queue_size,
            claim=Millis(max(1000, scenario.lease // 5)),
            **_endings(scenario),
        )
        self.endpoints = Endpoints(self.twin, volatile=scenario.volatile)
        self.administration = Administration(
            self.endpoints, self.network, timetable, scenario, self.rng, self.keys
        )
        self.administration.put_back = self.beliefs.put_back
        self.losses = Losses(self.endpoints, self.beliefs, self.administration, timetable, scenario, self.rng)
        for number in range(scenario.clients):
            Client(
                holder=holder(number % scenario.machines),
                clone=number,
                line=self,
                timetable=timetable,
                scenario=scenario,
                rng=self.rng,
            )

    def run(self) -> Outcome:
        began = self.timetable.now
        doomed = set(self.rng.sample(range(self.scenario.steps), k=self.scenario.kills))
        for step in range(self.scenario.steps):
            if step in doomed:
                self._doom_the_next_call()
            self.timetable.step()
            if step % AUDIT_EACH == AUDIT_EACH - 1 and not self.endpoints.forgotten:
                self.twin.audit()
        simulated = Millis(self.timetable.now - began)
        self._come_to_rest()
        self.happened.update(self.network.fates)
        self.happened.update(self.administration.done)
        self.happened.update(self.losses.done)
        return Outcome(self.history.hexdigest(), self.happened, simulated)

    def acquire(self, wish: Wish, then: Callable[[Grant | Refusal], None]) -> None:
        holder = wish.holder

        def call() -> Grant | Refusal:
            def ask() -> Grant | Refusal:
                return self.endpoints.acquire(
                    holder,
                    wish.nonce,
                    wish.key,
                    wish.signed,
                    key=wish.licence_key,
                    quantity=wish.quantity,
                    group=wish.group,
                    would_wait=wish.would_wait,
                )

            answer = self._tell("acquire", holder, ask)
            self._opened(wish.licence_key, answer.code)
            if isinstance(answer, Grant) and not self.twin.replays.told_last:
                self.beliefs.acquired(holder, answer)
                self._heard_of(holder)
            return answer

        self.network.carry(call, then)

    def _was_ended(self, holder: str, fence: int) -> bool:
        lease = self.twin.model.leases.get(holder)
        return lease is not None and lease.fence == fence and lease.ended in {Code.EVICTED, Code.SUSPENDED}

    def signed(self, grant: Grant, wish: Wish) -> SignedLease | None:
        return self.twin.proof(grant, wish.holder, wish.nonce) if self.scenario.signs else None

    def newest_key(self) -> str:
        return self.keys.in_the_secret

    def beat(
        self,
        holder: str,
        beat: Beat,
        signed: SignedLease | None,
        key: str,
        then: Callable[[BeatVerdict], None],
    ) -> None:
        def call() -> BeatVerdict:
            owed = self.beliefs.owed(holder, beat.fence, self.timetable.now)
            verdict = self._tell("beat", holder, lambda: self.endpoints.beat(holder, beat, signed, key=key))
            self._opened(key, verdict.code)
            if verdict.code not in {Code.SUSPENDED, Code.EXPIRED, Code.INVALID_LICENSE}:
                assert verdict.expires_in > 0 or not owed, "a client that beat in time lost its seat"
            if verdict.code is Code.RECOVERING and owed and holder in self.beliefs.held_at_loss:
                assert self.shrunk_since_loss() or self.beliefs.outsiders, "a holder was not let back in"
            if verdict.code is Code.RECOVERING:
                self.beliefs.not_let_in(holder)
            if verdict.code is Code.OK:
                self.beliefs.renewed(holder, beat.fence)
                self._heard_of(holder)
            if self.rng.random() < 0.1:
                self._look(holder, beat.lease_id, key)
            return verdict

        self.network.carry(call, then)

    def _look(self, holder: str, lease_id: str, key: str) -> None:
        if self.twin.opened_by(key):
            self.twin.validate(holder, key=key)
            self.twin.validate(lease_id=lease_id, key=key)
        else:
            self.twin.is_shut_to(key)

    def _opened(self, key: str, code: Code) -> None:
        if self.keys.are_those_of(self.twin.config):
            self.keys.check(key, code, now=self.timetable.now, by_the_authority=self.twin.now)
        else:
            self.happened["keys of an older copy"] += 1

    def release(self, holder: str, beat: Beat, key: str) -> None:
        def call() -> Code:
            code = self._tell(
                "release", holder, lambda: self._via_any(lambda: self.twin.release(beat, key=key))
            )
            self._opened(key, code)
            self.beliefs.released(holder, beat.fence, code)
            return code

        self.network.carry(call, lambda _: None)

    def borrow(
        self, holder: str, beat: Beat, length: int, key: str, then: Callable[[Borrow | BorrowRefusal], None]
    ) -> None:
        def call() -> Borrow | BorrowRefusal:
            answer = self._tell(
                "borrow", holder, lambda: self._via_any(lambda: self.twin.borrow(beat, length, key=key))
            )
            self._opened(key, answer.code if isinstance(answer, BorrowRefusal) else Code.BORROWED)
            if isinstance(answer, Borrow):
                self.beliefs.borrowed(holder, self.timetable.now + answer.borrowed_for)
            return answer

        self.network.carry(call, then)

    def give_back(self, holder: str, beat: Beat, key: str) -> None:
        def call() -> ReturnVerdict:
            back = self._tell(
                "return", holder, lambda: self._via_any(lambda: self.twin.take_back(beat, key=key))
            )
            self._opened(key, back.code if isinstance(back, BeatVerdict) else Code.RETURNED)
            if isinstance(back, Return):
                self.beliefs.returned(holder, beat.fence, self.timetable.now + back.expires_in)
            return back

        self.network.carry(call, lambda _: None)

    def believe(self, holder: str, fence: int, until: int) -> None:
        self.beliefs.believe(holder, fence, until)
        believed = self.beliefs.count(self.timetable.now)
        seats: float = self.twin.model.live(self.twin.now)
        if self.twin.model.recovering(self.twin.now) or self.twin.just_lost:
            # Some that hold a seat have not been heard of yet.
            seats = max(seats, self.twin.live_before_recovery, self.twin.model.limit)
        assert believed <= seats, f"clients believe in {believed} seats of {seats}"

    def _via_any(self, call: Callable[[], T]) -> T:
        return self.endpoints.via(1, call)

    def _heard_of(self, holder: str) -> None:
        if self.twin.model.recovering(self.twin.now):
            self.beliefs.came_back(holder)
        else:
            self.beliefs.outsiders.discard(holder)
            self.beliefs.refused.discard(holder)

    def shrunk_since_loss(self) -> bool:
        held = sum(map(self.scenario.quantity_of, self.beliefs.held_at_loss))
        return self.twin.model.limit < held

    def stop(self, holder: str) -> None:
        self.beliefs.stop(holder)

    def _tell(self, name: str, holder: str, call: Callable[[], T]) -> T:
        try:
            answer = call()
        except Away:
            raise
        except Lost as lost:
            self.beliefs.forget(holder)
            self.endpoints.server_changed()
            self.happened["died, applied" if lost.applied else "died, not applied"] += 1
            raise
        said = "done" if isinstance(answer, Borrow | Return) else getattr(answer, "code", answer)
        fence = getattr(answer, "fence", None)
        line = f"{self.timetable.now} {name} {holder[:8]} {said} {fence} live {self.twin.watch.live}"
        self.history.update(line.encode())
        self.recent = [*self.recent[-29:], line]
        self.happened[f"{name} {said}"] += 1
        return answer

    def _doom_the_next_call(self) -> None:
        self.twin.doom = self.loss
        if self.rng.random() < 0.5:
            self.timetable.fall_behind(self.rng.randint(0, self.scenario.lease // 10))
            self.twin.watch.clock_set_back()

    def _come_to_rest(self) -> None:
        """All clients are gone. After one lease length, and with no sweep, each seat can be had again; none is lost."""
        twin = self.twin
        twin.doom = None
        # The clock may have been set back since the last call.
        if self.endpoints.away:
            self.endpoints.come_back()
        self.administration.put_back_what_was_lost()
        window = twin.model.recovering(twin.now)
        longest = self.administration.longest_lease * (LONGEST_BORROW if self.scenario.borrows else 1)
        self.timetable.forward(longest + window + self.timetable.behind)
        twin.configure(state=PoolState.ACTIVE, valid_until=None, capacity=self.scenario.seats, **NO_POLICIES)
        assert twin.watch.live == 0, "a seat is held by nobody"
        for number in range(self.scenario.seats + 1):
            answer = twin.acquire(holder(10_000 + number), "last", key=self.newest_key())
            assert isinstance(answer, Grant) == (number < self.scenario.seats)
        while twin.sweep().unpurged:
            pass
        twin.audit()
        twin.remove()
