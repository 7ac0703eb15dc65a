"""Scenes of leases that are ended before their time, and of seats that linger: crowds, and what stands behind the answers."""

import itertools
from dataclasses import replace

from seatwarden.domain.seats import Code, Millis, PoolState
from tests.authority.copies import flush
from tests.authority.desk import holder
from tests.authority.interactions import CELLS
from tests.authority.mutants.walk import LEASE
from tests.authority.twin import Twin
from tests.authority.virtual_time import at_once


def a_crowd_is_evicted_in_chunks(twin: Twin) -> None:
    twin.configure(capacity=450)
    for number in range(430):
        twin.clock.forward(number % 2)
        twin.seat(holder(number))
    twin.configure(capacity=7, evict_after=Millis(1000))
    twin.clock.forward(1000)
    told = [twin.sweep() for _ in range(4)]
    assert [(it.evicted, it.due, it.live) for it in told] == [
        (200, 223, 230),
        (400, 23, 30),
        (423, 0, 7),
        (423, 0, 7),
    ]
    twin.audit()


def a_crowd_is_evicted_by_the_call_that_shrinks_and_then_by_sweeps(twin: Twin) -> None:
    twin.configure(capacity=250, evict_after=Millis(0))
    for number in range(230):
        twin.seat(holder(number))
    assert twin.configure(capacity=1).live == 30
    assert [twin.sweep().live for _ in range(2)] == [1, 1]
    twin.audit()


def a_suspension_ends_a_crowd_in_chunks(twin: Twin) -> None:
    twin.configure(capacity=1400)
    big = twin.seat(holder(0), quantity=700)
    for number in range(1, 430):
        twin.clock.forward(number % 2)
        twin.seat(holder(number))
    twin.clock.forward(1)
    twin.beat(big)
    assert twin.configure(state=PoolState.SUSPENDED, ends_at_once=True).live == 929
    told = [twin.sweep() for _ in range(3)]
    assert [(it.due, it.live, it.suspended) for it in told] == [(729, 729, 400), (0, 0, 430), (0, 0, 430)]
    twin.audit()


def a_suspension_ends_as_many_where_seats_are_away(twin: Twin) -> None:
    twin.configure(capacity=300, borrow_seats=300, borrow_longest=Millis(9 * LEASE))
    for number in range(40):
        twin.borrow(twin.seat(holder(number)))
    for number in range(100, 330):
        twin.seat(holder(number))
    assert twin.configure(state=PoolState.SUSPENDED, ends_at_once=True).live == 70
    assert [(it.due, it.live) for it in (twin.sweep(), twin.sweep())] == [(0, 40), (0, 40)]
    twin.audit()


def what_has_run_out_is_purged_before_anything_is_ended(twin: Twin) -> None:
    for ending in ("evict", "suspend"):
        twin.configure(capacity=450, evict_after=Millis(0), state=PoolState.ACTIVE, ends_at_once=True)
        for number in range(201):
            twin.seat(holder(number))
        twin.clock.forward(LEASE - 1)
        for number in range(300, 303):
            twin.seat(holder(number))
        twin.clock.forward(1)
        if ending == "evict":
            twin.configure(capacity=1)
        else:
            twin.configure(state=PoolState.SUSPENDED)
        twin.audit()
        first, second = twin.sweep(), twin.sweep()
        assert (first.unpurged, second.unpurged) == (0, 0)
        assert second.expired == 201
        assert second.evicted + second.suspended == (2 if ending == "evict" else 3)
        twin.audit()
        twin.remove()
        twin.begin()


def the_list_of_elders_is_made_anew_where_it_was_lost(twin: Twin) -> None:
    twin.configure(capacity=1300)
    twin.seat(holder(3000))
    twin.configure(evict_after=Millis(500))
    twin.audit()
    # A lease is the last of the thousand seats that are read at once, and one is behind them.
    twin.clock.forward(1)
    twin.seat(holder(2000), quantity=3)
    twin.seat(holder(2000), "again", quantity=2)
    for number in range(5):
        twin.clock.forward(1)
        twin.seat(holder(number), quantity=994 if number == 2 else 1)
    twin.runner.ask(("DEL", twin.keys.elders))
    twin.sweep()
    twin.audit()
    twin.runner.ask(("ZADD", twin.keys.elders, 1, "nobody's"))
    twin.sweep()
    twin.audit()
    # One that does not evict has none.
    twin.configure(evict_after=None)
    twin.audit()
    twin.configure(evict_after=Millis(700))
    twin.audit()


def leases_of_one_millisecond_go_in_order_of_their_ids(twin: Twin) -> None:
    twin.configure(capacity=9)
    grants = [twin.seat(holder(number)) for number in range(9)]
    ids = sorted(grant.lease_id for grant in grants)
    for left, (first, _) in zip(range(8, 0, -1), itertools.pairwise(ids), strict=True):
        twin.configure(capacity=left, evict_after=Millis(0))
        [gone] = [grant for grant in grants if grant.lease_id == first]
        assert twin.beat(gone)[0].code is Code.EVICTED


def tombstones_of_ended_leases_are_trimmed_too(twin: Twin) -> None:
    twin.configure(capacity=3, evict_after=Millis(0))
    for number in range(3):
        twin.seat(holder(number))
    names = [number.to_bytes(16, "big") for number in range(10_000)]
    records = [part for name in names for part in (name, bytes(8) + b"r")]
    graves: list[bytes | int] = [
        part for at, name in enumerate(names) for part in (twin.now - 20_000 + at, name)
    ]
    twin.runner.ask(("HSET", twin.keys.leases, *records), ("ZADD", twin.keys.ended, *graves))
    looks, twin.runner.looks = twin.runner.looks, tuple
    at_once(twin.authority.configure(twin.pool, replace(twin.config, capacity=1), term=1))
    assert twin.runner.ask(("ZCARD", twin.keys.ended)) == [10_000]
    twin.runner.looks = looks


def the_time_that_a_queue_is_estimated_from_counts_every_end(twin: Twin) -> None:
    twin.configure(capacity=3, queue_size=5, claim=Millis(10_000), evict_after=Millis(0), ends_at_once=True)
    for number in range(3):
        twin.seat(holder(number))
    twin.clock.forward(1000)
    twin.configure(capacity=1)
    twin.clock.forward(1000)
    assert twin.acquire(holder(9), would_wait=True).code is Code.QUEUED
    twin.configure(state=PoolState.SUSPENDED)
    twin.configure(state=PoolState.ACTIVE)
    twin.seat(holder(9), would_wait=True)
    twin.clock.forward(1000)
    assert twin.acquire(holder(8), would_wait=True).code is Code.QUEUED


def a_lease_of_several_seats_counts_for_all_of_them(twin: Twin) -> None:
    twin.configure(capacity=4)
    big = twin.seat(holder(0), quantity=2)
    twin.clock.forward(1)
    small = twin.seat(holder(1))
    twin.clock.forward(1)
    twin.seat(holder(2))
    twin.configure(capacity=2, evict_after=Millis(0))
    assert [verdict.code for verdict in twin.beat(big, small)] == [Code.EVICTED, Code.OK]


def the_tombstones_of_long_leases_are_kept_for_as_long(twin: Twin) -> None:
    lease = 400_000
    twin.configure(lease=Millis(lease), heartbeat=Millis(1000), evict_after=Millis(0))
    gone, _ = twin.seat(holder(0)), twin.seat(holder(1))
    twin.release(gone)
    twin.clock.forward(lease - 1)
    twin.seat(holder(1), "again")
    twin.clock.forward(lease - 1)
    twin.configure(capacity=0)
    assert twin.beat(gone)[0].code is Code.RELEASED
    twin.audit()


def a_seat_lingers_where_only_what_has_run_out_is_too_much(twin: Twin) -> None:
    twin.configure(capacity=2, linger=Millis(1000))
    twin.seat(holder(0))
    twin.clock.forward(1)
    grant = twin.seat(holder(1))
    twin.clock.forward(LEASE - 1)
    twin.release(grant)
    assert twin.sweep().live == 1
    twin.audit()


def who_comes_back_after_a_loss_has_its_turn_again(twin: Twin) -> None:
    twin.configure(evict_after=Millis(1000))
    grant = twin.seat(holder(0))
    flush(twin)
    twin.config = replace(twin.config, epoch=2)
    twin.set_up(term=1)
    assert twin.readmit(twin.proof(grant, holder(0))).code is Code.OK
    twin.audit()


SCENES = (
    *CELLS.values(),
    a_crowd_is_evicted_in_chunks,
    a_crowd_is_evicted_by_the_call_that_shrinks_and_then_by_sweeps,
    a_suspension_ends_a_crowd_in_chunks,
    a_suspension_ends_as_many_where_seats_are_away,
    what_has_run_out_is_purged_before_anything_is_ended,
    the_list_of_elders_is_made_anew_where_it_was_lost,
    leases_of_one_millisecond_go_in_order_of_their_ids,
    tombstones_of_ended_leases_are_trimmed_too,
    the_time_that_a_queue_is_estimated_from_counts_every_end,
    a_lease_of_several_seats_counts_for_all_of_them,
    the_tombstones_of_long_leases_are_kept_for_as_long,
    a_seat_lingers_where_only_what_has_run_out_is_too_much,
    who_comes_back_after_a_loss_has_its_turn_again,
)
