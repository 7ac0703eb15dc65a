"""What a mutant has to survive: the walks, and for each corner that walks do not reach a scene of its own.

Each scene is short and goes to the server of its own accord; all together take under a second. A scene is also a plain
test of the right scripts, in `tests.authority.test_battery`.
"""

from collections.abc import Callable

import pytest

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.domain.seats import Code, Fence, Grant, Refusal
from tests.authority.desk import KEY, beat_of, holder
from tests.authority.mutants import (
    answers,
    borders,
    borrows,
    corners,
    endings,
    gates,
    groups,
    keys,
    policies,
    quantities,
    queues,
    returns,
    windows,
)
from tests.authority.mutants.corners import new_run_of
from tests.authority.mutants.walk import LEASE, walk
from tests.authority.several_pools import (
    Pools,
    a_wish_for_several_pools_is_repeated,
    what_became_of_overage_is_taken_back,
)
from tests.authority.several_pools import walk as walk_of_pools
from tests.authority.twin import Twin
from tests.authority.virtual_time import at_once

Scene = Callable[[Twin], None]


def a_short_walk(twin: Twin) -> None:
    walk(twin, 1, steps=120)


def longer_walks(twin: Twin) -> None:
    for seed in range(2, 7):
        walk(twin, seed, steps=250)
        twin.begin()


def a_walk_under_a_clock_that_was_set_back(twin: Twin) -> None:
    walk(twin, 20, steps=80)
    twin.watch.clock_set_back()
    twin.clock.forward(-LEASE // 2)
    walk(twin, 21, steps=80)


def a_crowd_is_purged_in_chunks(twin: Twin) -> None:
    twin.configure(capacity=430)
    for number in range(420):
        if number == 415:
            twin.clock.forward(500)
        twin.seat(holder(number))
    leaver, stayer = twin.seat(holder(1000)), holder(1001)
    twin.clock.forward(LEASE - 500)
    last = twin.seat(stayer)
    assert twin.sweep().unpurged == 15
    twin.clock.forward(500)
    twin.release(leaver)
    twin.seat(stayer, "again")
    twin.beat(last)
    twin.sessions(3)
    twin.configure(capacity=1)
    assert twin.acquire(holder(2000)).code is Code.POOL_EXHAUSTED
    twin.sweep()
    twin.audit()


def a_crowd_is_left_to_acquires(twin: Twin) -> None:
    twin.configure(capacity=450)
    for number in range(430):
        twin.clock.forward(number % 2)
        twin.seat(holder(number))
    early = twin.seat(holder(3000))
    twin.clock.forward(LEASE)
    twin.configure(generation=5)
    twin.beat(early)
    twin.configure(capacity=2)
    assert isinstance(twin.acquire(holder(5)), Grant)
    twin.clock.forward(7)
    assert isinstance(twin.acquire(holder(500)), Grant)
    twin.clock.forward(7)
    assert isinstance(twin.acquire(holder(600)), Refusal)
    twin.seat(holder(5), "again")
    twin.sweep()
    twin.sweep()
    twin.audit()


def tombstones_are_bounded(twin: Twin) -> None:
    grant = twin.seat(holder(1))
    names = [number.to_bytes(16, "big") for number in range(10_300)]
    old = twin.now - 10_300
    records = [part for name in names for part in (name, bytes(8) + b"r")]
    graves: list[bytes | int] = [part for at, name in enumerate(names) for part in (old + at, name)]
    twin.runner.ask(("HSET", twin.keys.leases, *records), ("ZADD", twin.keys.ended, *graves))
    looks, twin.runner.looks = twin.runner.looks, tuple
    counted = ("ZCARD", twin.keys.ended), ("HLEN", twin.keys.leases), ("ZSCORE", twin.keys.ended, names[300])
    [swept] = at_once(twin.authority.sweep([twin.pool]))
    assert swept is not None
    assert twin.runner.ask(*counted) == [10_000, 10_001, str(old + 300).encode()]
    assert at_once(twin.authority.release(twin.pool, KEY, beat_of(grant))).code is Code.RELEASED
    assert twin.runner.ask(*counted) == [10_000, 10_000, None]
    twin.clock.forward(900_000)
    for left in (9_600, 9_200):
        at_once(twin.authority.sweep([twin.pool]))
        assert twin.runner.ask(*counted[:2]) == [left, left]
    twin.runner.looks = looks


def a_fence_stays_below_its_limits(twin: Twin) -> None:
    first = twin.seat(holder(1))
    twin.runner.ask(("HSET", twin.keys.state, "counter", 2**32 - 2))
    twin.model.counter = 2**32 - 2
    assert twin.seat(holder(2)).fence == 2 * 2**32 - 1
    with pytest.raises(AuthorityUnavailable, match="a fence is below 2\\^53"):
        at_once(twin.authority.acquire(twin.pool, new_run_of(1)))
    twin.configure(epoch=2**21 - 1)
    began = twin.now // 4 % 2**31
    assert twin.seat(holder(1), "again").fence == Fence((2**21 - 1) * 2**32 + began + 1)
    with pytest.raises(AuthorityUnavailable, match="a fence is below 2\\^53"):
        twin.configure(epoch=2**21)
    assert first.fence == 2**32 + 1


def seat_milliseconds_outgrow_a_double(twin: Twin) -> None:
    twin.runner.ask(("HSET", twin.keys.state, "seat_ms", str(2**53 - 3)))
    twin.model.charged = 2**53 - 3
    for _ in range(5):
        grant = twin.seat(holder(1))
        twin.clock.forward(1)
        twin.release(grant)
        twin.sweep()
        assert twin.ledger()[-1]["seat_ms"] == str(twin.model.charged)


def wishes_for_several_pools(twin: Twin) -> None:
    looks = twin.runner.looks
    for seed in (50, 51):
        pools = Pools(twin.runner)
        walk_of_pools(pools, seed, steps=200)
        pools.remove()
    a_wish_for_several_pools_is_repeated(Pools(twin.runner))
    what_became_of_overage_is_taken_back(Pools(twin.runner))
    twin.runner.looks = looks


SCENES: tuple[Scene, ...] = (
    a_short_walk,
    *corners.SCENES,
    *answers.SCENES,
    *borders.SCENES,
    *windows.SCENES,
    *returns.SCENES,
    *policies.SCENES,
    *gates.SCENES,
    *keys.SCENES,
    *quantities.SCENES,
    *groups.SCENES,
    *queues.SCENES,
    *borrows.SCENES,
    *endings.SCENES,
    a_fence_stays_below_its_limits,
    seat_milliseconds_outgrow_a_double,
    a_walk_under_a_clock_that_was_set_back,
    longer_walks,
    a_crowd_is_purged_in_chunks,
    a_crowd_is_left_to_acquires,
    tombstones_are_bounded,
    wishes_for_several_pools,
)
