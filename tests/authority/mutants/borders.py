"""Scenes at the borders: the millisecond before, of and after an expiry, the last number before a limit, the one lease that
is left when a purge stops.
"""

import hashlib
import itertools
from collections.abc import Callable

import pytest

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.domain.seats import Code, Fence, Grant, Millis, PoolState
from tests.authority.desk import KEY, holder
from tests.authority.twin import Twin
from tests.authority.virtual_time import at_once


def each_call_at_the_millisecond_of_an_expiry(twin: Twin) -> None:
    def calls(grant: Grant) -> list[Callable[[], object]]:
        return [
            lambda: twin.acquire(holder(1), "run"),
            lambda: twin.acquire(holder(1), "another run"),
            lambda: twin.acquire(holder(2)),
            lambda: twin.beat(grant),
            lambda: twin.release(grant),
            lambda: twin.validate(holder(1)),
            lambda: twin.validate(lease_id=grant.lease_id),
            twin.sweep,
            twin.sessions,
            twin.observe,
            lambda: _configure_again(twin),
        ]

    twin.configure(capacity=1)
    for late, at in itertools.product((-1, 0, 1), range(11)):
        grant = twin.seat(holder(1), "run")
        twin.clock.forward(twin.config.lease + late)
        calls(grant)[at]()
        twin.beat(grant)
        twin.validate(holder(1))
        twin.audit()
        twin.clock.forward(2 * twin.config.lease)
        twin.sweep()


def one_unpurged_lease_beside_a_living_one_is_charged_to_its_end_by_every_change(twin: Twin) -> None:
    def changes(leaver: Grant) -> list[Callable[[], object]]:
        return [
            lambda: twin.release(leaver),
            lambda: twin.acquire(holder(3), f"run {twin.now}"),
            lambda: _configure_again(twin),
        ]

    twin.configure(capacity=4)
    for late, at in itertools.product((0, 1, 700), range(3)):
        twin.seat(holder(1))
        twin.clock.forward(1000)
        leaver = twin.seat(holder(2))
        twin.seat(holder(3))
        twin.clock.forward(twin.config.lease - 1000 + late)
        changes(leaver)[at]()
        # The bound of what was charged too much is exact for a single lease.
        assert int(twin.ledger()[-1]["seat_ms"]) == twin.model.seat_milliseconds(twin.now)
        twin.clock.forward(2 * twin.config.lease)
        twin.sweep()
        twin.audit()


def leases_that_run_out_one_after_another_are_never_charged_back(twin: Twin) -> None:
    twin.configure(capacity=5)
    for number in range(5):
        twin.seat(holder(number))
        twin.clock.forward(1 if number == 0 else 5000)
    twin.clock.now = twin.model.holding()[0].expiry
    for _ in range(8):
        twin.clock.forward(4000)
        _configure_again(twin)
        assert int(twin.ledger()[-1]["seat_ms"]) <= twin.model.seat_milliseconds(twin.now)
    twin.sweep()
    twin.audit()


def the_own_expired_lease_is_ended_though_a_crowd_is_before_it(twin: Twin) -> None:
    twin.configure(capacity=300)
    for number in range(250):
        twin.seat(holder(number))
    twin.clock.forward(1)
    own = twin.seat(holder(900))
    twin.clock.forward(twin.config.lease + 10)
    again = twin.seat(holder(900))
    assert again.fence > own.fence
    twin.audit()
    twin.sweep()
    twin.sweep()
    twin.audit()


def a_refusal_that_purged_nothing_writes_its_count_only(twin: Twin) -> None:
    twin.configure(capacity=1)
    twin.seat(holder(1))
    before = _state(twin)
    twin.clock.forward(5)
    assert twin.acquire(holder(2)).code is Code.POOL_EXHAUSTED
    assert _state(twin) == before | {"denied": "1", f"use:{KEY[:10]}": f"1 1 {twin.now}"}


def a_tombstone_is_a_fence_and_a_letter_and_is_kept_for_ten_minutes(twin: Twin) -> None:
    gone = twin.seat(holder(1))
    twin.release(gone)
    [tombstone] = twin.runner.ask(("HGET", twin.keys.leases, bytes.fromhex(gone.lease_id)))
    assert tombstone == gone.fence.to_bytes(8, "big") + b"r"
    twin.clock.forward(599_999)
    twin.sweep()
    assert twin.beat(gone)[0].code is Code.RELEASED
    twin.clock.forward(1)
    twin.sweep()
    assert twin.beat(gone)[0].code is Code.UNKNOWN_SESSION
    twin.configure(lease=Millis(400_000))
    twin.release(twin.seat(holder(1)))
    twin.clock.forward(799_999)
    twin.sweep()
    twin.clock.forward(1)
    twin.sweep()
    twin.audit()


def each_suspension_is_remembered_and_the_last_one_counts(twin: Twin) -> None:
    twin.configure(capacity=9)
    early = twin.seat(holder(1))
    twin.configure(state=PoolState.SUSPENDED)
    twin.clock.forward(10)
    twin.configure(state=PoolState.ACTIVE)
    twin.clock.forward(10)
    twin.configure(state=PoolState.SUSPENDED)
    twin.clock.forward(10)
    twin.configure(capacity=8)
    twin.clock.forward(twin.config.lease)
    assert twin.beat(early)[0].code is Code.SUSPENDED
    twin.configure(state=PoolState.ACTIVE)
    twin.clock.forward(1)
    assert twin.validate(holder(1)).code is Code.LEASE_EXPIRED
    twin.sweep()
    assert twin.beat(early)[0].code is Code.SUSPENDED
    assert twin.validate(holder(1)).code is Code.LEASE_EXPIRED


def a_lease_id_is_made_from_the_secret_and_the_holder(twin: Twin) -> None:
    twin.configure(capacity=20)
    secret = _state(twin)["secret"].encode()
    for number in range(20):
        raw = bytes.fromhex(holder(number))
        digest = hashlib.sha1(secret + b":" + raw, usedforsecurity=False).hexdigest()
        assert twin.seat(holder(number)).lease_id == digest[:32]


def the_last_fence_of_all_can_be_given(twin: Twin) -> None:
    twin.configure(epoch=2**21 - 1)
    twin.clock.forward(twin.model.recovering(twin.now))
    twin.runner.ask(("HSET", twin.keys.state, "counter", 2**32 - 2))
    twin.model.counter = 2**32 - 2
    assert twin.seat(holder(1)).fence == Fence(2**53 - 1)
    with pytest.raises(AuthorityUnavailable):
        twin.acquire(holder(2))


def a_tombstone_is_kept_for_two_long_leases(twin: Twin) -> None:
    twin.configure(lease=Millis(400_000), heartbeat=Millis(100_000))
    grant = twin.seat(holder(1))
    twin.release(grant)
    for pause, code in ((799_999, Code.RELEASED), (1, Code.UNKNOWN_SESSION)):
        twin.clock.forward(pause)
        twin.sweep()
        assert twin.beat(grant)[0].code is code
    twin.audit()


def a_removed_pool_leaves_nothing(twin: Twin) -> None:
    twin.release(twin.seat(holder(1)))
    twin.configure(capacity=0, overage=1, rate_key=9, device_limit=9)
    twin.seat(holder(2))
    twin.configure(queue_size=2, evict_after=Millis(1))
    twin.acquire(holder(3), would_wait=True)
    twin.runner.ask(("ZADD", twin.keys.offers, 1, "a seat"), ("ZADD", twin.keys.borrows, 1, "a seat"))
    assert twin.runner.ask(("EXISTS", *twin.keys)) == [len(twin.keys)]
    twin.remove()


def a_state_that_lost_its_secret_is_begun_anew(twin: Twin) -> None:
    twin.configure(state=PoolState.SUSPENDED)
    twin.configure(state=PoolState.ACTIVE)
    twin.runner.ask(("HDEL", twin.keys.state, "secret", "used"))
    twin.runner.looks = tuple
    at_once(twin.authority.configure(twin.pool, twin.config, term=1))
    assert "suspended_from" not in _state(twin)


def a_lease_without_its_record_stops_the_pool_with_a_sentence(twin: Twin) -> None:
    grant = twin.seat(holder(1))
    twin.clock.forward(2 * twin.config.lease)
    lease = bytes.fromhex(grant.lease_id)
    twin.runner.ask(("HDEL", twin.keys.leases, lease), ("HSET", twin.keys.leases, b"another", b"record"))
    with pytest.raises(AuthorityUnavailable, match="every seat has a record"):
        twin.sweep()


def two_seats_and_their_holders(twin: Twin) -> None:
    one, two = twin.seat(holder(1)), twin.seat(holder(2))
    assert isinstance(one, Grant)
    assert twin.validate(holder(1), two.lease_id).code is Code.UNKNOWN_SESSION
    assert twin.validate(holder(1), one.lease_id).code is Code.OK
    twin.sessions(1)
    twin.sessions(2)


def _configure_again(twin: Twin) -> None:
    twin.configure(generation=twin.config.generation + 1)


def _state(twin: Twin) -> dict[str, str]:
    [flat] = twin.runner.ask(("HGETALL", twin.keys.state))
    texts = [part.decode() for part in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))


SCENES = (
    each_call_at_the_millisecond_of_an_expiry,
    one_unpurged_lease_beside_a_living_one_is_charged_to_its_end_by_every_change,
    leases_that_run_out_one_after_another_are_never_charged_back,
    the_own_expired_lease_is_ended_though_a_crowd_is_before_it,
    a_refusal_that_purged_nothing_writes_its_count_only,
    a_tombstone_is_a_fence_and_a_letter_and_is_kept_for_ten_minutes,
    each_suspension_is_remembered_and_the_last_one_counts,
    a_lease_id_is_made_from_the_secret_and_the_holder,
    the_last_fence_of_all_can_be_given,
    a_tombstone_is_kept_for_two_long_leases,
    a_removed_pool_leaves_nothing,
    a_state_that_lost_its_secret_is_begun_anew,
    a_lease_without_its_record_stops_the_pool_with_a_sentence,
    two_seats_and_their_holders,
)
