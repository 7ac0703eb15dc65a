"""Scenes of the recovery window at its borders, and of wishes that are repeated."""

from dataclasses import replace

from seatwarden.backends.redis_scripts import ARRIVE
from seatwarden.backends.redis_wire import Loss, arrive_arguments
from seatwarden.domain.seats import Arrival, Code, Fence, Millis, Outage, PoolState
from tests.authority.copies import flush
from tests.authority.desk import holder
from tests.authority.mutants.walk import LEASE
from tests.authority.twin import Twin
from tests.authority.virtual_time import at_once


def a_wish_is_answered_the_same_for_as_long_as_its_lease(twin: Twin) -> None:
    first = twin.seat(holder(1), "run", idempotency_key="wish", spread=5)
    twin.clock.forward(LEASE - 1)
    twin.seat(holder(2))
    assert twin.seat(holder(1), "run", idempotency_key="wish", spread=6) == first
    for other in ({"nonce": "x"}, {"client_version": "2"}):
        details = {"nonce": "run", "idempotency_key": "wish"} | other
        assert twin.acquire(holder(1), **details).code is Code.IDEMPOTENCY_MISMATCH
    twin.clock.forward(1)
    assert twin.seat(holder(1), "run", idempotency_key="wish", spread=6).fence > first.fence


def whoever_was_heard_of_to_the_millisecond_of_the_end_has_its_seat(twin: Twin) -> None:
    twin.configure(capacity=1)
    grant = twin.seat(holder(1))
    _lose(twin)
    assert twin.beat(grant)[0].expires_in == LEASE
    assert twin.seat(holder(1)).code is Code.EXISTING
    assert twin.seat(holder(1), "another run").taken_over
    twin.clock.now = twin.model.recover_until - 1
    assert twin.acquire(holder(2)).code is Code.RECOVERING
    twin.clock.forward(1)
    twin.acquire(holder(2))
    twin.audit()


def a_window_is_as_long_as_the_longest_lease(twin: Twin) -> None:
    twin.configure(lease=Millis(3 * LEASE))
    twin.seat(holder(1))
    twin.clock.forward(5)
    twin.configure(lease=Millis(LEASE))
    twin.seat(holder(2))
    _lose(twin)
    assert twin.model.recovering(twin.now) == 3 * LEASE - 5 + 1
    twin.clock.forward(4 * LEASE)
    twin.sweep()
    twin.configure(epoch=9, lease=Millis(LEASE // 2))
    assert twin.model.recovering(twin.now) == LEASE + 1
    twin.audit()
    twin.configure(lease=Millis(2 * LEASE))
    assert twin.model.recovering(twin.now) == 2 * LEASE + 1
    twin.audit()


def who_came_back_stays_where_the_window_gets_longer(twin: Twin) -> None:
    twin.configure(capacity=2)
    grants = [twin.seat(holder(number)) for number in range(2)]
    _lose(twin)
    twin.beat(grants[0])
    assert twin.configure(lease=Millis(2 * LEASE)).live == 1
    began = twin.now
    twin.clock.forward(LEASE)
    assert twin.arrive(twin.runner.run_id, _outage(1, began, twin.now)) is Arrival.LEASES_PROLONGED
    twin.observe()
    twin.audit()
    twin.beat(grants[1])


def a_window_goes_on_after_an_outage_that_began_in_it(twin: Twin) -> None:
    for late in (-1, 0, 1):
        twin.seat(holder(1))
        _lose(twin)
        twin.clock.now = twin.model.recover_until + late
        began = twin.now
        twin.clock.forward(5_000)
        number = twin.model.outage + 1
        twin.arrive(twin.runner.run_id, _outage(number, began, twin.now))
        assert twin.model.recovering(twin.now) == max(0, -late)
        twin.audit()
        twin.clock.forward(9 * LEASE)
        twin.sweep()


def an_outage_from_before_the_window_is_none_of_its_business(twin: Twin) -> None:
    grant = twin.seat(holder(1))
    for late in (-1, 0, 1):
        flush(twin)
        twin.config = replace(twin.config, epoch=twin.config.epoch + 1)
        twin.set_up(term=1)
        ended = twin.now + 1 + late
        twin.readmit(twin.proof(grant, holder(1)))
        twin.clock.forward(5)
        twin.arrive(twin.runner.run_id, _outage(1, ended - 9_000, ended))
        twin.audit()


def a_pool_of_older_days_is_new_where_no_fence_was_given(twin: Twin) -> None:
    twin.runner.ask(("HDEL", twin.keys.state, "run"))
    twin.model.run = None
    assert twin.arrive("another", loss=Loss.EXPECTED) is Arrival.NOTHING_NEW
    twin.seat(holder(1))
    twin.runner.ask(("HDEL", twin.keys.state, "run"))
    twin.model.run = None
    assert twin.arrive("a third", loss=Loss.TO_BE_TOLD) == ""
    assert twin.arrive("a third", loss=Loss.EXPECTED) is Arrival.RECOVERY_BEGAN
    assert twin.arrive("a fourth", loss=Loss.TO_BE_TOLD) == "a third"


def an_arrival_at_a_pool_that_is_not_there_makes_nothing(twin: Twin) -> None:
    flush(twin)
    told = at_once(twin.runner.run(ARRIVE, twin.keys, *arrive_arguments("a", [], Loss.EXPECTED)))
    assert told is None
    assert twin.runner.ask(("EXISTS", *twin.keys)) == [0]


def one_lease_alone_runs_on(twin: Twin) -> None:
    twin.seat(holder(1))
    began = twin.now
    twin.clock.forward(LEASE + 1)
    assert twin.arrive("first run", _outage(1, began, twin.now)) is Arrival.LEASES_PROLONGED


def many_come_back_in_one_call_and_each_counts_once(twin: Twin) -> None:
    twin.configure(capacity=4)
    grants = [twin.seat(holder(number)) for number in range(4)]
    twin.configure(capacity=3)
    _lose(twin)
    codes = [one.code for one in twin.beat(*(grants[at] for at in (0, 0, 1, 2, 0, 3)))]
    assert codes == [Code.OK] * 5 + [Code.RECOVERING]


def what_runs_out_in_the_window_is_told_neither_too_high_nor_taken_back(twin: Twin) -> None:
    grants = [twin.seat(holder(number)) for number in range(2)]
    twin.clock.forward(100)
    _lose(twin)
    twin.beat(grants[0])
    twin.sweep()
    twin.clock.now = twin.model.recover_until - 1
    for _ in range(2):
        assert twin.sweep().seat_milliseconds == twin.model.seat_milliseconds(twin.now)
    twin.beat(grants[0])
    twin.clock.forward(1)
    twin.sweep()
    twin.audit()


def a_lease_from_the_future_begins_a_window_even_where_no_seat_is_free(twin: Twin) -> None:
    grant = twin.seat(holder(1))
    twin.clock.forward(3)
    twin.configure(capacity=0)
    far = Fence((7 << 32) + (1 << 32) - 1)
    assert twin.readmit(twin.proof(grant, holder(1), fence=far)).code is Code.RECOVERING
    assert twin.ledger()[-1]["event"] == "recovering"
    twin.audit()
    assert twin.model.epoch == 8
    twin.configure(capacity=1)
    twin.readmit(twin.proof(grant, holder(1), fence=far))
    twin.audit()


def the_peak_knows_who_was_let_back_in(twin: Twin) -> None:
    grants = [twin.seat(holder(number)) for number in range(2)]
    flush(twin)
    twin.config = replace(twin.config, epoch=5)
    twin.set_up(term=1)
    for number, grant in enumerate(grants):
        twin.clock.forward(1000)
        twin.readmit(twin.proof(grant, holder(number)))
        assert twin.runner.ask(("HMGET", twin.keys.state, "peak", "overrun")) == [
            [b"%d" % (number + 1), b"0"]
        ]
        assert int(twin.ledger()[-1]["seat_ms"]) == twin.model.seat_milliseconds(twin.now)
    twin.sweep()


def a_suspended_pool_lets_nobody_back_in(twin: Twin) -> None:
    grant = twin.seat(holder(1))
    _lose(twin)
    twin.configure(state=PoolState.SUSPENDED)
    assert twin.readmit(twin.proof(grant, holder(1))).code is Code.SUSPENDED
    twin.configure(state=PoolState.ACTIVE)
    assert twin.readmit(twin.proof(grant, holder(1))).code is Code.OK


def _lose(twin: Twin) -> None:
    twin.runner.run_id = f"after {twin.runner.run_id}"
    assert twin.arrive(twin.runner.run_id, loss=Loss.EXPECTED) is Arrival.RECOVERY_BEGAN


def _outage(number: int, began: int, ended: int) -> Outage:
    return Outage(number=number, began=Millis(began), ended=Millis(ended))


def the_numbers_of_a_recovery_go_round(twin: Twin) -> None:
    twin.clock.forward(10**12 + 12_345)
    twin.configure(epoch=twin.config.epoch + 1)
    twin.audit()


SCENES = (
    the_numbers_of_a_recovery_go_round,
    a_wish_is_answered_the_same_for_as_long_as_its_lease,
    whoever_was_heard_of_to_the_millisecond_of_the_end_has_its_seat,
    a_window_is_as_long_as_the_longest_lease,
    who_came_back_stays_where_the_window_gets_longer,
    a_window_goes_on_after_an_outage_that_began_in_it,
    an_outage_from_before_the_window_is_none_of_its_business,
    a_pool_of_older_days_is_new_where_no_fence_was_given,
    an_arrival_at_a_pool_that_is_not_there_makes_nothing,
    one_lease_alone_runs_on,
    many_come_back_in_one_call_and_each_counts_once,
    what_runs_out_in_the_window_is_told_neither_too_high_nor_taken_back,
    a_lease_from_the_future_begins_a_window_even_where_no_seat_is_free,
    the_peak_knows_who_was_let_back_in,
    a_suspended_pool_lets_nobody_back_in,
)
