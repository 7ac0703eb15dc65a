"""Three pools of one server that are asked together, each beside its model."""

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from seatwarden.backends.redis_wire import Loss, nonce_digest
from seatwarden.domain.seats import (
    AcquireRequest,
    Beat,
    Fence,
    Grant,
    Millis,
    PoolState,
    Refusal,
    SeatGroup,
    Shortfall,
)
from tests.authority.desk import KEY, NO_POLICIES, holder
from tests.authority.modelled_queue import Wanted
from tests.authority.pool_watch import looks_at
from tests.authority.twin import Twin
from tests.authority.virtual_time import GivenTimeRunner, at_once

LEASE = 60_000


class Pools:
    """The pools. One wish for several of them is told to each model that decided."""

    def __init__(self, runner: GivenTimeRunner) -> None:
        self.twins = [Twin(runner, capacity=2, lease=Millis(LEASE)) for _ in range(3)]
        self.given: list[list[Grant]] = []

    def at(self, number: int) -> Twin:
        """The pool of that number, to be asked alone."""
        twin = self.twins[number]
        twin.runner.looks = lambda: looks_at(twin.keys, twin.now)
        return twin

    def acquire_all(
        self, who: str, nonce: str, wanted: Sequence[tuple[int, int, str]], key: str | None = None
    ) -> list[Grant] | Shortfall:
        """Each of ``wanted`` is the number of a pool, of seats, and a group."""
        requests = [
            (
                self.twins[at],
                AcquireRequest(
                    key_hash=KEY,
                    holder=who,
                    nonce=nonce,
                    quantity=quantity,
                    group=group,
                    client_version="4.2.1",
                    would_wait=True,
                    idempotency_key=key,
                ),
            )
            for at, quantity, group in wanted
        ]
        first = requests[0][0]
        first.runner.looks = tuple
        before = [_written(twin) for twin, _ in requests]
        answer = at_once(first.authority.acquire_all([(twin.pool, request) for twin, request in requests]))
        if isinstance(answer, Shortfall):
            others = [(twin, was) for (twin, _), was in zip(requests, before, strict=True)]
            del others[answer.number]
            assert all(_written(twin) == was for twin, was in others), "a pool shows that another refused"
        asked = requests if isinstance(answer, list) else [requests[answer.number]]
        told: Sequence[Grant | Refusal] = answer if isinstance(answer, list) else [answer.refusal]
        for (twin, request), each in zip(asked, told, strict=True):
            self._as_modelled(twin, request, each)
        if isinstance(answer, list):
            self.given.append(answer)
        self.audit()
        return answer

    def _as_modelled(self, twin: Twin, request: AcquireRequest, answer: Grant | Refusal) -> None:
        wanted = Wanted(
            nonce_digest(request.nonce),
            request.quantity,
            request.group,
            request.client_version,
            would_wait=False,
        )
        code, number = twin.model.acquire(twin.now, request.holder, twin.config.key_ids[KEY], wanted)
        assert answer.code is code
        assert answer.live == twin.model.live(twin.now)
        if isinstance(answer, Refusal):
            assert answer.retry_after == number
            return
        assert answer.fence == number
        twin.holders[answer.lease_id] = request.holder
        twin.model.leases[request.holder].lease_id = answer.lease_id

    def remove(self) -> None:
        """Nothing is left of them."""
        for twin in self.twins:
            at_once(twin.authority.remove(twin.pool))

    def audit(self) -> None:
        for twin in self.twins:
            twin.audit()
            twin.watch.live = twin.model.live(twin.now)


_READ: dict[bytes, tuple[str, ...]] = {
    b"hash": ("HGETALL",),
    b"zset": ("ZRANGE", "0", "-1", "WITHSCORES"),
    b"stream": ("XRANGE", "-", "+"),
    b"none": ("EXISTS",),
}


def _written(twin: Twin) -> list[object]:
    """All that the pool has in Redis. The order in which a hash tells its fields means nothing."""
    kinds = twin.runner.ask(*(("TYPE", key) for key in twin.keys))
    reads = [(_READ[kind][0], key, *_READ[kind][1:]) for kind, key in zip(kinds, twin.keys, strict=True)]
    found = twin.runner.ask(*reads)
    return [
        sorted(zip(one[::2], one[1::2], strict=True)) if kind == b"hash" else one
        for kind, one in zip(kinds, found, strict=True)
    ]


POLICIES: tuple[dict[str, Any], ...] = (
    {"capacity": 1},
    {"capacity": 5},
    {"overage": 2},
    {"drain": True},
    {"linger": Millis(10_000)},
    {"shadow": True},
    {"queue_size": 2},
    {"groups": {"a": SeatGroup(reserved=1, limit=2)}},
    {"rate_holder": 2},
    {"rate_key": 3},
    {"device_limit": 2},
    {"holder_limit": 2},
    {"borrow_seats": 2, "borrow_longest": Millis(9 * LEASE)},
    {"version_max": "4.1"},
    {"evict_after": Millis(0)},
    {"linger": Millis(9_000)},
    {"linger": Millis(9_000)},
    {"state": PoolState.SUSPENDED},
)
CALM = {"state": PoolState.ACTIVE, **NO_POLICIES}


def walk(pools: Pools, seed: int, *, steps: int) -> Counter[str]:
    """Wishes for one pool and for several, as ``seed`` says; and what became of those for several."""
    rng, happened = random.Random(seed), Counter[str]()
    for _ in range(steps):
        twin = pools.at(rng.randrange(3))
        match rng.choices(range(7), weights=(10, 3, 6, 4, 1, 2, 0.2))[0]:
            case 0:
                group = rng.choice(["", "", "", "a"])
                wanted = [
                    (at, rng.choice([1, 1, 2]), group) for at in rng.sample(range(3), rng.randint(2, 3))
                ]
                answer = pools.acquire_all(holder(rng.randrange(5)), rng.choice(["", "b"]), wanted)
                happened[
                    f"{answer.refusal.code} {answer.number}" if isinstance(answer, Shortfall) else "all"
                ] += 1
            case 1:
                twin.acquire(holder(rng.randrange(5)), quantity=rng.choice([1, 2]), would_wait=True)
            case 2:
                holding = [one for one in twin.model.holding() if one.lease_id]
                if holding:
                    lease = rng.choice(holding)
                    grant = Beat(lease.lease_id, Fence(lease.fence))
                    twin.borrow(grant) if rng.random() < 0.2 else twin.release(grant)
            case 3:
                twin.clock.forward(rng.choice([1, 7_000, 20_000, LEASE]))
            case 4:
                twin.configure(**rng.choice(POLICIES))
            case 5:
                twin.configure(**CALM, capacity=rng.choice([2, 3]))
            case _:
                twin.arrive(f"server {twin.now}", loss=Loss.EXPECTED)
    return happened


def a_wish_for_several_pools_is_repeated(pools: Pools) -> None:
    """The same answers again, once there are any, and nothing is kept of what was refused."""
    wanted = [(0, 1, ""), (1, 1, "")]
    pools.at(1).configure(capacity=0)
    for _ in range(2):
        assert isinstance(pools.acquire_all(holder(1), "", wanted, key="a wish"), Shortfall)
    pools.at(1).configure(capacity=1)
    first = pools.acquire_all(holder(1), "", wanted, key="a wish")
    assert isinstance(first, list)
    requests = [
        (
            twin.pool,
            AcquireRequest(key_hash=KEY, holder=holder(1), client_version="4.2.1", idempotency_key="a wish"),
        )
        for twin in pools.twins[:2]
    ]
    again = at_once(pools.twins[0].authority.acquire_all(requests))
    assert again == first
    pools.remove()


def what_became_of_overage_is_taken_back(pools: Pools) -> None:
    """Two leases above the capacity become ordinary ones as others run out, in a call that another pool refuses."""
    first = pools.at(0)
    first.configure(capacity=2, overage=2)
    grants = [first.seat(holder(number)) for number in range(4)]
    first.clock.forward(LEASE - 1)
    first.beat(*grants[2:])
    first.clock.forward(1)
    pools.at(1).configure(capacity=0)
    assert isinstance(pools.acquire_all(holder(7), "", [(0, 1, ""), (1, 1, "")]), Shortfall)
    assert first.runner.ask(("ZCARD", first.keys.overage)) == [2]
    pools.remove()
