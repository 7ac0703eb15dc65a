"""One Subscription over time: people change their minds, clients come and go, and the operator writes one cap at a time.

A run of the operator is a generator that stops after each write, so clients can act between any two of them, and a run
that nobody goes on with is an operator that was killed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from seatwarden.domain.capacity import Demand, Holding, grown, shares, shrunken
from seatwarden.domain.seats import PoolUid
from tests.domain.objects import NOON

SEATS = st.integers(0, 6)


@dataclass
class Book:
    """What the authority has of one pool."""

    cap: int = 0
    live: int = 0

    @property
    def holding(self) -> Holding:
        return Holding(capacity=self.cap, live=self.live)

    @property
    def held(self) -> int:
        return max(self.cap, self.live)

    def take(self, seats: int) -> None:
        self.live += min(seats, max(self.cap - self.live, 0))

    def give_back(self, seats: int) -> None:
        self.live -= min(seats, self.live)


class Allocation(RuleBasedStateMachine):
    """A Subscription of ``bought`` seats and its pools."""

    pools: Bundle[PoolUid] = Bundle("pools")

    def __init__(self) -> None:
        super().__init__()
        self.bought = 6
        self.demands: dict[PoolUid, Demand] = {}
        self.books: dict[PoolUid, Book] = {}
        self.made = 0

    @property
    def held(self) -> int:
        return sum(book.held for book in self.books.values())

    @property
    def entitled(self) -> dict[PoolUid, int]:
        return shares(list(self.demands.values()), self.bought)

    @property
    def holdings(self) -> dict[PoolUid, Holding]:
        return {uid: book.holding for uid, book in self.books.items()}

    @initialize(target=pools)
    def begin_with_all_seats_taken_by_the_youngest(self) -> MultipleResults[PoolUid]:
        older, old, young = (self.new_pool(seats) for seats in (0, 0, 6))
        self.run_to_the_end()
        self.take_seats(young, seats=6)
        return multiple(older, old, young)

    @rule(target=pools, seats=SEATS, age=st.integers(0, 2))
    def make_pool(self, seats: int, age: int) -> PoolUid:
        return self.new_pool(seats, age=age)

    def new_pool(self, seats: int, *, age: int = 0) -> PoolUid:
        self.made += 1
        uid = PoolUid(f"pool-{self.made}")
        self.demands[uid] = Demand(pool=uid, created=NOON + timedelta(minutes=self.made - age), seats=seats)
        return uid

    @rule(pool=pools, seats=SEATS)
    def ask_for(self, pool: PoolUid, seats: int) -> None:
        self.demands[pool] = Demand(pool=pool, created=self.demands[pool].created, seats=seats)

    @rule(pool=consumes(pools))
    def delete(self, pool: PoolUid) -> None:
        del self.demands[pool]
        self.books.pop(pool, None)

    @rule(seats=SEATS)
    def buy(self, seats: int) -> None:
        self.bought = seats

    @rule(pool=pools, seats=SEATS)
    def take_seats(self, pool: PoolUid, seats: int) -> None:
        self.books.get(pool, Book()).take(seats)

    @rule(pool=pools, seats=SEATS)
    def give_seats_back(self, pool: PoolUid, seats: int) -> None:
        self.books.get(pool, Book()).give_back(seats)

    @rule(moves=st.lists(st.tuples(st.booleans(), st.integers(0, 3), SEATS), max_size=6))
    def run_and_be_killed(self, moves: list[tuple[bool, int, int]]) -> None:
        """A client acts after each write, and after the last of ``moves`` the operator is no more."""
        for _, (takes, index, seats) in zip(self.write_caps(), moves, strict=False):
            book = list(self.books.values())[index % len(self.books)] if self.books else Book()
            book.take(seats) if takes else book.give_back(seats)

    @rule()
    def run_to_the_end(self) -> None:
        for _ in self.write_caps():
            pass
        assert all(book.cap <= self.entitled[uid] for uid, book in self.books.items())

    def write_caps(self) -> Iterator[None]:
        holdings = self.holdings
        yield
        for uid, cap in shrunken(self.entitled, holdings).items():
            holdings[uid] = self.write(uid, cap)
            yield
        for uid, cap in grown(self.entitled, holdings, self.bought).items():
            self.write(uid, cap)
            yield

    def write(self, pool: PoolUid, cap: int) -> Holding:
        """Only a write can make more held than was, and never more than there is."""
        before = self.held
        book = self.books.setdefault(pool, Book())
        book.cap = cap
        assert self.held <= max(self.bought, before), f"{pool} was given {cap}"
        return book.holding

    def teardown(self) -> None:
        """When what is above the caps came back, every pool has its share, and there is nothing left to write."""
        self.run_to_the_end()
        for book in self.books.values():
            book.give_back(max(book.live - book.cap, 0))
        self.run_to_the_end()
        caps = {uid: self.books.get(uid, Book()).cap for uid in self.demands}
        assert caps == self.entitled
        assert not shrunken(self.entitled, self.holdings)
        assert not grown(self.entitled, self.holdings, self.bought)


def test_no_seat_is_counted_twice_between_any_two_writes_and_every_pool_gets_its_share_in_the_end() -> None:
    run_state_machine_as_test(
        Allocation, settings=settings(max_examples=150, stateful_step_count=30, deadline=None)
    )
