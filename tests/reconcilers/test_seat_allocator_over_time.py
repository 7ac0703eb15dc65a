"""One Subscription over time, by the allocator itself: several callers at once, clients and people that act between any
two of its calls, an authority that stops to answer or forgets a pool, and an operator that begins anew.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.domain.seats import PoolUid
from tests.domain.objects import uid_of
from tests.reconcilers.subscription_desk import TEAM, SubscriptionDesk

NAMES = ("oldest", "older", "young", "youngest")
SEATS = st.integers(0, 6)
MOVES = st.lists(
    st.tuples(st.sampled_from(["take", "give back", "ask", "buy"]), st.sampled_from(NAMES), SEATS),
    max_size=6,
)
Moves = list[tuple[str, str, int]]


class Allocator(RuleBasedStateMachine):
    """``limit`` is the most seats that the Subscription had since the runs under way could have read it."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.bought = self.limit = 6
        self.asked: dict[str, int] = {}
        self.moves: Moves = []

    @property
    def entitled(self) -> dict[PoolUid, int]:
        left, entitled = self.bought, dict[PoolUid, int]()
        for name in NAMES:
            entitled[uid_of(name)] = min(self.asked[name], left)
            left -= entitled[uid_of(name)]
        return entitled

    def do(self, step: Coroutine[Any, Any, object]) -> None:
        self.runner.run(step)

    @initialize()
    def begin_with_all_seats_taken_by_the_youngest(self) -> None:
        self.desk = SubscriptionDesk()
        self.desk.authority.before = self.move
        self.desk.authority.written = self.check
        self.buy(6)
        for name in NAMES:
            self.ask(name, 6 if name == NAMES[-1] else 0)
        self.do(self.settle(callers=1))
        self.client(NAMES[-1], 6)

    @rule(seats=SEATS)
    def buy(self, seats: int) -> None:
        self.bought = seats
        self.limit = max(self.limit, seats)
        self.desk.buy(seats)

    @rule(name=st.sampled_from(NAMES), seats=SEATS)
    def ask(self, name: str, seats: int) -> None:
        self.asked[name] = seats
        self.desk.ask(name, seats, minutes=NAMES.index(name))

    @rule(name=st.sampled_from(NAMES), seats=st.integers(-6, 6))
    def client(self, name: str, seats: int) -> None:
        pool = self.desk.authority.pools.get(uid_of(name))
        if pool is not None and seats > 0:
            pool.take(seats)
        elif pool is not None:
            pool.give_back(-seats)

    @rule(callers=st.integers(1, 4), moves=MOVES)
    def settle_while_others_act(self, callers: int, moves: Moves) -> None:
        self.moves = moves
        self.do(self.settle(callers=callers))

    @rule(callers=st.integers(1, 3), moves=MOVES, calls=st.integers(0, 8), acts=st.booleans())
    def lose_the_authority_on_the_way(self, callers: int, moves: Moves, calls: int, acts: bool) -> None:
        self.desk.authority.calls_left, self.desk.authority.loses_answer = calls, acts
        self.moves = moves
        self.do(self.settle(callers=callers))
        self.desk.authority.calls_left, self.desk.authority.loses_answer = None, False

    @rule(known=st.sets(st.sampled_from(NAMES)))
    def begin_anew_and_know_only_some_pools_at_first(self, known: set[str]) -> None:
        for name in NAMES:
            if name not in known:
                self.desk.allocator.forget(uid_of(name))
        self.do(self.settle(callers=1))

    @rule(name=st.sampled_from(NAMES), spec=st.sampled_from([{"suspend": True}, {"seats": -1}]))
    def suspend_or_spoil_a_pool(self, name: str, spec: dict[str, Any]) -> None:
        self.desk.ask(name, self.asked[name], minutes=NAMES.index(name), spec=spec)
        before = self.desk.caps().get(uid_of(name))
        self.do(self.settle(callers=1))
        assert self.desk.caps().get(uid_of(name)) == before

    @rule(name=st.sampled_from(NAMES))
    def forget_a_pool(self, name: str) -> None:
        self.desk.authority.pools.pop(uid_of(name), None)

    @precondition(lambda self: self.bought > 0)
    @rule(moves=MOVES)
    def settle_under_a_suspended_subscription(self, moves: Moves) -> None:
        self.desk.buy(0, suspend=True)
        self.moves = [move for move in moves if move[0] != "buy"]
        written = len(self.desk.authority.caps)
        self.do(self.settle(callers=2))
        assert len(self.desk.authority.caps) == written
        self.desk.buy(self.bought)

    async def settle(self, *, callers: int) -> None:
        self.limit = self.bought
        waiting = []
        for _ in range(callers):
            waiting.append(asyncio.create_task(self.desk.settle(TEAM)))
            await asyncio.sleep(0)
        for error in await asyncio.gather(*waiting, return_exceptions=True):
            assert not isinstance(error, BaseException) or isinstance(error, AuthorityUnavailable)
        self.moves = []

    def move(self) -> None:
        """What others do before the authority's next call."""
        match self.moves.pop() if self.moves else None:
            case ("take", name, seats):
                self.client(name, seats)
            case ("give back", name, seats):
                self.client(name, -seats)
            case ("ask", name, seats):
                self.ask(name, seats)
            case ("buy", _, seats):
                self.buy(seats)
            case _:
                pass

    def check(self, held_before: int) -> None:
        """No write makes more held than there is, none adds to what is too much already, and no two runs overlap."""
        assert self.desk.authority.most_at_once == 1
        assert self.desk.authority.held <= max(self.limit, held_before)

    def teardown(self) -> None:
        try:
            self.end_well()
        finally:
            self.runner.close()

    def end_well(self) -> None:
        """When nobody holds more than its pool's share, one run gives every pool its share, and the next writes nothing."""
        for name in NAMES:
            self.ask(name, self.asked[name])
        for uid, pool in self.desk.authority.pools.items():
            pool.give_back(max(pool.live - self.entitled[uid], 0))
        self.do(self.settle(callers=1))
        assert self.desk.caps() == self.entitled
        written = len(self.desk.authority.caps)
        self.do(self.settle(callers=2))
        assert len(self.desk.authority.caps) == written


# A history that breaks a promise is made as short as possible first, which takes a while.
@pytest.mark.timeout(600)
def test_no_seat_is_counted_twice_whatever_happens_and_every_pool_gets_its_share_in_the_end() -> None:
    run_state_machine_as_test(
        Allocator, settings=settings(max_examples=100, stateful_step_count=25, deadline=None)
    )
