"""Scenes of seats above the capacity, of pools that drain, and of shadow mode."""

from dataclasses import replace

from seatwarden.domain.seats import Code, Grant, Millis, Refusal
from tests.authority.copies import flush
from tests.authority.desk import KEY, beat_of, holder
from tests.authority.mutants.walk import LEASE
from tests.authority.twin import Twin
from tests.authority.virtual_time import at_once


def overage_is_given_marked_and_converted_oldest_first(twin: Twin) -> None:
    twin.configure(capacity=2, overage=2)
    grants = [twin.seat(holder(number)) for number in range(4)]
    assert [grant.overage for grant in grants] == [False, False, True, True]
    assert twin.acquire(holder(4)).code is Code.POOL_EXHAUSTED
    twin.seat(holder(3), "again")
    twin.release(grants[0])
    twin.audit()
    assert not twin.seat(holder(2)).overage
    assert twin.seat(holder(3), "again").overage
    twin.configure(capacity=3)
    assert not twin.seat(holder(3), "third").overage
    twin.audit()


def overage_leases_end_with_their_marks(twin: Twin) -> None:
    twin.configure(capacity=1, overage=2)
    grants = [twin.seat(holder(number)) for number in range(3)]
    twin.release(grants[1])
    twin.audit()
    twin.clock.forward(LEASE // 2)
    twin.beat(grants[0])
    twin.clock.forward(LEASE - LEASE // 2)
    twin.sweep()
    twin.audit()
    assert twin.model.above() == []
    assert twin.seat(holder(5)).overage


def a_base_lease_that_runs_out_converts_with_the_next_sweep_take_over_grant_or_refusal(twin: Twin) -> None:
    for act in ("sweep", "take over", "grant", "refusal"):
        twin.configure(capacity=1, overage=1)
        twin.seat(holder(0))
        twin.clock.forward(1)
        above = twin.seat(holder(1))
        twin.configure(drain=act == "refusal")
        twin.clock.forward(LEASE - 1)
        match act:
            case "sweep":
                twin.sweep()
            case "take over":
                assert not twin.seat(holder(1), "again").overage
            case "grant":
                assert twin.seat(holder(2)).overage
                twin.audit()
                assert len(twin.model.above()) == 1
                twin.release(above)
            case _:
                assert twin.acquire(holder(2)).code is Code.DRAINING
        twin.audit()
        assert twin.model.above() == [], act
        twin.configure(drain=False)
        twin.remove()
        twin.begin()


def a_crowd_above_the_capacity_is_converted_in_chunks(twin: Twin) -> None:
    twin.configure(capacity=1, overage=450)
    for number in range(451):
        twin.seat(holder(number))
    twin.configure(capacity=451)
    assert twin.sweep().overage == 50
    assert twin.sweep().overage == 0
    twin.audit()


def nothing_is_written_where_no_mark_changes(twin: Twin) -> None:
    twin.configure(capacity=1, overage=1)
    twin.seat(holder(0))
    twin.seat(holder(1))
    before = len(twin.ledger())
    state = twin.runner.ask(("HGETALL", twin.keys.state))
    twin.clock.forward(1)
    twin.sweep()
    assert len(twin.ledger()) == before
    assert twin.runner.ask(("HGETALL", twin.keys.state)) == state


def what_drains_refuses_first_and_what_is_full_tells_a_wait(twin: Twin) -> None:
    twin.configure(capacity=1, overage=1)
    for number in range(2):
        twin.seat(holder(number))
        twin.clock.forward(1)
    full = twin.acquire(holder(2))
    assert isinstance(full, Refusal)
    assert full.retry_after == LEASE - 2
    twin.configure(drain=True)
    drains = twin.acquire(holder(2))
    assert isinstance(drains, Refusal)
    assert (drains.code, drains.retry_after) == (Code.DRAINING, None)
    assert twin.sweep().drains
    twin.configure(drain=False, capacity=0, overage=0)
    assert not twin.sweep().drains
    none = twin.acquire(holder(2))
    assert isinstance(none, Refusal)
    assert none.retry_after is None
    twin.audit()


def in_shadow_mode_all_is_given_and_counted(twin: Twin) -> None:
    twin.configure(capacity=1, overage=1, shadow=True)
    given = [twin.acquire(holder(number)) for number in range(4)]
    assert [isinstance(one, Grant) and one.overage == 1 for one in given] == [False, True, False, False]
    marks = [(it.get("overage"), it.get("shadow")) for it in twin.ledger() if it["event"] == "granted"]
    assert marks == [(None, None), ("1", None), (None, "1"), (None, "1")]
    twin.configure(drain=True)
    twin.seat(holder(4))
    assert (twin.sweep().would_deny, twin.sweep().denied) == (3, 0)
    twin.audit()


def in_recovery_as_many_come_back_as_may_hold_a_seat(twin: Twin) -> None:
    for overage, shadow, back in ((0, False, 2), (1, False, 3), (0, True, 4)):
        twin.configure(capacity=4, overage=0, shadow=False, lease=Millis(LEASE), heartbeat=Millis(LEASE // 3))
        grants = [twin.seat(holder(number)) for number in range(4)]
        twin.configure(capacity=2, overage=overage, shadow=shadow)
        twin.configure(epoch=twin.model.epoch + 1)
        came = [twin.beat(grant)[0].code for grant in grants]
        assert came == [Code.OK] * back + [Code.RECOVERING] * (4 - back)
        twin.audit()
        twin.remove()
        twin.begin()


def a_pool_that_lost_its_leases_has_no_marks_either(twin: Twin) -> None:
    twin.configure(capacity=1, overage=1)
    twin.seat(holder(0))
    twin.seat(holder(1))
    twin.runner.ask(("DEL", twin.keys.leases))
    at_once(twin.authority.configure(twin.pool, twin.config, term=1))
    [marks, over] = twin.runner.ask(("EXISTS", twin.keys.overage), ("HGET", twin.keys.state, "over"))
    assert (marks, over) == (0, b"0")
    twin.remove()
    twin.begin()


def marks_that_were_lost_stop_nothing(twin: Twin) -> None:
    twin.configure(capacity=1, overage=2)
    grants = [twin.seat(holder(number)) for number in range(3)]
    twin.runner.ask(("DEL", twin.keys.overage))
    looks, twin.runner.looks = twin.runner.looks, tuple
    assert at_once(twin.authority.release(twin.pool, KEY, beat_of(grants[0]))).code is Code.RELEASED
    assert twin.runner.ask(("HGET", twin.keys.state, "over")) == [b"0"]
    twin.runner.looks = looks
    twin.remove()
    twin.begin()


def in_recovery_no_mark_changes(twin: Twin) -> None:
    twin.configure(capacity=1, overage=1)
    grants = [twin.seat(holder(number)) for number in range(2)]
    twin.configure(epoch=twin.model.epoch + 1)
    twin.beat(grants[0])
    twin.sweep()
    twin.audit()
    assert len(twin.model.above()) == 1
    # Who is in the place of one above the capacity when the window ends is known only then.
    twin.clock.forward(LEASE + 1)
    twin.sweep()
    twin.audit()
    assert twin.model.above() == []


def a_lease_that_is_let_in_above_the_capacity_is_marked(twin: Twin) -> None:
    for shadow, marked in ((False, [None, "1", "1"]), (True, [None, "1", None])):
        twin.configure(capacity=1, overage=sum(mark is not None for mark in marked), shadow=shadow)
        grants = [twin.seat(holder(number)) for number in range(3)]
        shown = [twin.proof(grant, holder(number)) for number, grant in enumerate(grants)]
        flush(twin)
        twin.config = replace(twin.config, epoch=twin.config.epoch + 1)
        twin.set_up(term=1)
        for lease in shown:
            twin.readmit(lease)
            twin.audit()
        assert [it.get("overage") for it in twin.ledger() if it["event"] == "readmitted"] == marked
        twin.remove()
        twin.begin()


def a_licence_ends_in_its_very_millisecond(twin: Twin) -> None:
    twin.configure(valid_until=Millis(twin.now + 5))
    twin.clock.forward(4)
    twin.seat(holder(1))
    twin.clock.forward(1)
    assert twin.acquire(holder(1)).code is Code.EXPIRED


SCENES = (
    overage_is_given_marked_and_converted_oldest_first,
    overage_leases_end_with_their_marks,
    a_base_lease_that_runs_out_converts_with_the_next_sweep_take_over_grant_or_refusal,
    a_crowd_above_the_capacity_is_converted_in_chunks,
    nothing_is_written_where_no_mark_changes,
    what_drains_refuses_first_and_what_is_full_tells_a_wait,
    in_shadow_mode_all_is_given_and_counted,
    in_recovery_as_many_come_back_as_may_hold_a_seat,
    a_pool_that_lost_its_leases_has_no_marks_either,
    marks_that_were_lost_stop_nothing,
    in_recovery_no_mark_changes,
    a_lease_that_is_let_in_above_the_capacity_is_marked,
    a_licence_ends_in_its_very_millisecond,
)
