"""Random histories on a real Redis, compared step by step with `tests.authority.model`.

Leases last an hour, so none runs out by itself; one is made to by rewriting its expiry to the present millisecond. So no
step waits, and the authority needs no clock that tests could turn.
"""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.domain.seats import Beat, Code, Fence, Grant, PoolState, SessionPage
from seatwarden.local.valkey import Valkey
from tests.authority.desk import KEY, Desk, beat_of
from tests.authority.model import SeatModel

T = TypeVar("T")
HOLDERS = st.integers(0, 4)


class SeatMachine(RuleBasedStateMachine):
    """Five machines with two runs each, a pool of up to four seats, and an operator that changes its mind."""

    url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.model = SeatModel()
        self.grants: dict[int, list[Grant]] = {}
        self.fences: list[Fence] = []

    def do(self, step: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(step)

    @initialize()
    def begin(self) -> None:
        self.desk = Desk(
            authority=RedisSeatAuthority.connect(self.url, time_limit_seconds=30),
            redis=Redis.from_url(self.url, protocol=2),
        )
        self.do(self.desk.configure())

    def teardown(self) -> None:
        self.do(self.close())
        self.runner.close()

    async def close(self) -> None:
        self.model.state = PoolState.ACTIVE
        for number, grants in self.grants.items():
            code = await self.desk.release(grants[-1])
            assert code is self.model.release(number, grants[-1].fence, await self.last_instant())
        counts = await self.desk.sweep()
        assert counts.seat_milliseconds == self.model.charged
        await self.desk.authority.remove(self.desk.pool)
        assert not await self.desk.redis.exists(*self.desk.keys)
        await self.desk.authority.close()
        await self.desk.redis.aclose()

    async def last_instant(self) -> int:
        return int((await self.desk.ledger())[-1]["at"])

    @rule(number=HOLDERS, nonce=st.sampled_from(["first run", "second run"]))
    def acquire(self, number: int, nonce: str) -> None:
        answer = self.do(self.desk.ask(number, nonce=nonce))
        now = self.do(self.last_instant())
        code, fence = self.model.acquire(number, nonce, now)
        assert answer.code is code
        assert answer.live == self.model.live()
        if isinstance(answer, Grant):
            assert answer.fence == fence
            self.grants.setdefault(number, []).append(answer)
            if code is Code.GRANTED:
                self.fences.append(answer.fence)
                last = self.do(self.desk.ledger())[-1]
                assert int(last["seat_ms"]) == self.model.seat_milliseconds(now)

    @precondition(lambda self: self.grants)
    @rule(data=st.data())
    def heartbeat(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.grants)))
        grant = data.draw(st.sampled_from(self.grants[number]))
        verdict = self.do(self.desk.beat(grant))
        assert verdict.code is self.model.heartbeat(number, grant.fence)
        lives = self.model.leases[number].ended is None and self.model.leases[number].fence == grant.fence
        assert (verdict.expires_in > 0) == lives

    @precondition(lambda self: self.grants)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.grants)))
        grant = data.draw(st.sampled_from(self.grants[number]))
        verdict = self.do(self.desk.authority.release(self.desk.pool, KEY, beat_of(grant)))
        now = self.do(self.last_instant())
        assert verdict.code is self.model.release(number, grant.fence, now)

    @rule(number=HOLDERS)
    def beat_of_a_lease_never_given(self, number: int) -> None:
        beat = Beat(lease_id=f"{number:032x}", fence=Fence(1))
        [verdict] = self.do(self.desk.authority.heartbeat(self.desk.pool, KEY, [beat]))
        assert verdict.code is Code.UNKNOWN_SESSION

    @rule(number=HOLDERS)
    def run_out(self, number: int) -> None:
        held = self.model.leases.get(number)
        assume(held is not None and held.ended is None)
        self.model.run_out(number, self.do(self.desk.run_out(self.grants[number][-1])))

    @rule(capacity=st.integers(0, 4))
    def resize(self, capacity: int) -> None:
        self.do(self.desk.configure(capacity=capacity))
        self.model.capacity = capacity

    @rule(state=st.sampled_from(PoolState))
    def change_state(self, state: PoolState) -> None:
        self.do(self.desk.until(self.do(self.desk.now()) + 1))
        self.do(self.desk.configure(state=state))
        self.model.state = state

    @rule()
    def raise_epoch(self) -> None:
        self.model.raise_epoch()
        self.do(self.desk.configure(epoch=self.model.epoch))
        self.do(self.desk.end_recovery())

    @rule()
    def sweep(self) -> None:
        counts = self.do(self.desk.sweep())
        assert (counts.live, counts.unpurged, counts.epoch) == (self.model.live(), 0, self.model.epoch)
        totals = {
            name: getattr(counts, name) for name in ("granted", "released", "expired", "taken_over", "denied")
        }
        assert {name: count for name, count in totals.items() if count} == self.model.totals
        assert counts.peak == self.model.peak

    @invariant()
    def fences_grow(self) -> None:
        assert self.fences == sorted(set(self.fences))

    @precondition(lambda self: hasattr(self, "desk"))
    @invariant()
    def listed_sessions_are_the_live_leases(self) -> None:
        page = self.do(self.desk.authority.sessions(self.desk.pool, KEY, limit=10, cursor=None))
        assert isinstance(page, SessionPage)
        assert len(page.rows) == self.model.live() == self.do(self.desk.live())
        live = {lease.fence for lease in self.model.leases.values() if lease.ended is None}
        assert {row.fence for row in page.rows} == live


@pytest.fixture
def machine(shared_server: Valkey) -> type[SeatMachine]:
    return type("SeatMachineHere", (SeatMachine,), {"url": shared_server.url})


def test_any_history_is_answered_as_the_model_answers_it(
    machine: type[SeatMachine], program: Path | None
) -> None:
    """behaviours 1, 2, 3, 5, 12, 13, 14, 15, 16 and 18"""
    examples = 60 if program is None else 20
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
