"""Scenes of the gates before the seats: the window of versions, rates, and devices."""

from dataclasses import replace

from seatwarden.domain.seats import Code, Grant, Millis, PoolState, Refusal
from tests.authority.copies import flush
from tests.authority.desk import holder
from tests.authority.mutants.walk import LEASE, OTHER_KEY
from tests.authority.twin import Twin
from tests.authority.virtual_time import at_once


def each_end_of_the_window_admits_itself_and_nothing_beyond(twin: Twin) -> None:
    twin.configure(capacity=20)
    for first, last, admitted in (
        ("4.2", "4.3.1", ["4.2.0", "4.3.1"]),
        ("4.2", "", ["4.2.0", "4.3.1", "4.3.2"]),
        ("", "4.3.1", ["4.1.9", "4.2.0", "4.3.1"]),
        ("", "", ["4.1.9", "4.2.0", "4.3.1", "4.3.2", "", "four"]),
    ):
        twin.configure(version_min=first, version_max=last)
        for number, version in enumerate(("4.1.9", "4.2.0", "4.3.1", "4.3.2", "", "four")):
            answer = twin.acquire(holder(number), first + last, client_version=version)
            assert isinstance(answer, Grant) == (version in admitted), (first, last, version)
    twin.audit()


def who_holds_a_seat_keeps_it_and_another_run_needs_an_admitted_version(twin: Twin) -> None:
    grant = twin.seat(holder(1), "first run", client_version="3.9")
    twin.configure(version_min="4")
    assert twin.seat(holder(1), "first run", client_version="3.9").code is Code.EXISTING
    twin.beat(grant)
    refused = twin.acquire(holder(1), "second run", client_version="3.9")
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.versions, refused.live) == (Code.VERSION_BLOCKED, "from 4 on", 1)
    twin.beat(grant)
    assert twin.seat(holder(1), "second run", client_version="4.0").taken_over
    counts = twin.sweep()
    assert (counts.version_blocked, counts.denied, counts.would_deny) == (1, 1, 0)
    twin.audit()


def in_shadow_mode_a_version_is_counted_once_and_served(twin: Twin) -> None:
    twin.configure(capacity=1, version_max="4", shadow=True)
    twin.seat(holder(1), client_version="4.9.1")
    assert twin.sweep().would_deny == 0
    twin.seat(holder(2), client_version="5")
    # Neither is there a seat nor is the version admitted: one grant that would have been refused.
    assert twin.sweep().would_deny == 1
    twin.seat(holder(2), "another run", client_version="5")
    counts = twin.sweep()
    assert (counts.would_deny, counts.version_blocked, counts.denied) == (2, 0, 0)
    twin.audit()


def n_wishes_go_through_at_once_and_then_one_each_part_of_a_minute(twin: Twin) -> None:
    for name in ("rate_key", "rate_holder"):
        twin.configure(capacity=1, **{name: 7})
        answers = [twin.acquire(holder(1), str(number)) for number in range(9)]
        assert [answer.code for answer in answers] == [Code.GRANTED] * 7 + [Code.RATE_LIMITED] * 2
        refused = answers[-1]
        assert isinstance(refused, Refusal)
        assert refused.rate == ("perKey" if name == "rate_key" else "perHolder", 7)
        # The seventh part of a minute in microseconds, up to a whole millisecond.
        assert refused.retry_after == 8572
        assert refused.live == 1
        twin.clock.forward(8571)
        assert twin.acquire(holder(1)).code is Code.RATE_LIMITED
        twin.clock.forward(1)
        assert twin.acquire(holder(1)).code is Code.GRANTED
        assert twin.acquire(holder(1)).code is Code.RATE_LIMITED
        twin.audit()
        twin.clock.forward(60_000)
        twin.configure(**{name: 0})
    assert twin.sweep().rate_limited == 8


def a_holder_that_hammers_does_not_use_up_what_the_key_may_ask(twin: Twin) -> None:
    twin.configure(capacity=9, rate_key=4, rate_holder=1)
    codes = [twin.acquire(holder(1)).code for _ in range(9)]
    assert codes == [Code.GRANTED] + [Code.RATE_LIMITED] * 8
    told = [twin.acquire(holder(number)) for number in range(2, 7)]
    assert [one.code for one in told] == [Code.GRANTED] * 3 + [Code.RATE_LIMITED] * 2
    # The longer wait of the two is told.
    limits = [one.rate for one in (twin.acquire(holder(1)), told[-1]) if isinstance(one, Refusal)]
    assert limits == [("perHolder", 1), ("perKey", 4)]
    # The holders that were stopped by the key have used nothing of their own.
    twin.clock.forward(15_000)
    assert twin.acquire(holder(6)).code is Code.GRANTED
    twin.audit()


def of_two_limits_that_are_equal_one_is_told(twin: Twin) -> None:
    twin.configure(rate_key=1, rate_holder=1)
    twin.seat(holder(1))
    refused = twin.acquire(holder(1))
    assert isinstance(refused, Refusal)
    assert refused.rate == ("perKey", 1)


def what_lies_in_the_past_is_forgotten_in_chunks(twin: Twin) -> None:
    twin.configure(capacity=100, rate_holder=2)
    for number in range(40):
        twin.seat(holder(number))
    kept = ("ZCARD", twin.keys.rates)
    assert twin.runner.ask(kept) == [40]
    # A share of half a minute, to the very millisecond in which it is over.
    twin.clock.forward(29_999)
    twin.seat(holder(41))
    assert twin.runner.ask(kept) == [41]
    twin.clock.forward(1)
    for number, left in ((42, 41 - 16 + 1), (43, 26 - 16 + 1), (44, 11 - 8 + 1)):
        twin.seat(holder(number))
        assert twin.runner.ask(kept) == [left]
    twin.clock.forward(60_000)
    for number in (45, 45):
        twin.seat(holder(number))
    assert twin.runner.ask(kept) == [1]
    twin.clock.forward(60_000)
    twin.seat(holder(46))
    assert twin.runner.ask(kept) == [1]
    [lasts] = twin.runner.ask(("PTTL", twin.keys.rates))
    assert 3_500_000 < lasts < 3_700_000
    twin.audit()


def a_clock_that_is_set_back_lets_nobody_wait_for_it(twin: Twin) -> None:
    twin.configure(rate_holder=2)
    twin.seat(holder(1))
    twin.watch.clock_set_back()
    twin.clock.forward(-10_000_000)
    refused = twin.acquire(holder(1))
    assert isinstance(refused, Refusal)
    assert refused.retry_after == 30_000
    twin.audit()
    twin.clock.forward(30_000)
    twin.seat(holder(1))
    assert twin.acquire(holder(1)).code is Code.RATE_LIMITED
    twin.audit()


def a_rate_is_asked_before_the_rest_and_not_of_a_closed_pool(twin: Twin) -> None:
    twin.configure(capacity=0, drain=True, version_min="4", rate_key=1)
    assert twin.acquire(holder(1)).code is Code.VERSION_BLOCKED
    assert twin.acquire(holder(1)).code is Code.RATE_LIMITED
    twin.configure(epoch=twin.config.epoch + 1)
    assert twin.acquire(holder(1)).code is Code.RATE_LIMITED
    twin.configure(state=PoolState.SUSPENDED)
    assert twin.acquire(holder(1)).code is Code.SUSPENDED
    twin.audit()


def what_was_granted_once_is_told_again_whatever_the_rate(twin: Twin) -> None:
    twin.configure(rate_holder=2)
    twin.seat(holder(1), "run", idempotency_key="a wish")
    assert twin.acquire(holder(1), "run").code is Code.EXISTING
    assert twin.acquire(holder(1), "run").code is Code.RATE_LIMITED
    for _ in range(3):
        assert twin.acquire(holder(1), "run", idempotency_key="a wish").code is Code.GRANTED
    twin.clock.forward(30_000)
    # Neither has this used anything.
    assert twin.acquire(holder(1), "run").code is Code.EXISTING


def in_shadow_mode_who_asks_too_often_is_counted_and_served(twin: Twin) -> None:
    twin.configure(rate_key=1, shadow=True)
    assert [twin.acquire(holder(1)).code for _ in range(3)] == [Code.GRANTED, Code.EXISTING, Code.EXISTING]
    counts = twin.sweep()
    assert (counts.would_deny, counts.rate_limited, counts.denied) == (2, 0, 0)
    twin.audit()


def as_many_holders_as_may_be_devices_are_registered(twin: Twin) -> None:
    twin.configure(capacity=9, device_limit=2)
    first = twin.seat(holder(1))
    twin.clock.forward(1)
    twin.seat(holder(2))
    assert twin.acquire(holder(3)).code is Code.DEVICE_LIMIT
    # A device stays one without a seat, and takes one again; so does a new run of it.
    twin.release(first)
    assert twin.acquire(holder(3)).code is Code.DEVICE_LIMIT
    twin.seat(holder(1), "again")
    twin.seat(holder(1), "another run")
    assert [one.holder for one in twin.devices().devices] == [holder(1), holder(2)]
    counts = twin.sweep()
    assert (counts.devices, counts.device_limit, counts.denied) == (2, 2, 2)
    twin.audit()
    twin.configure(device_limit=0)
    twin.seat(holder(3))
    assert twin.sweep().devices == 2


def who_had_a_seat_before_devices_were_limited_keeps_it_and_is_registered_by_its_next_run(twin: Twin) -> None:
    twin.configure(capacity=9)
    grants = [twin.seat(holder(number), "old") for number in range(3)]
    twin.configure(device_limit=1)
    for number in range(3):
        assert twin.seat(holder(number), "old").code is Code.EXISTING
    assert twin.devices().devices == ()
    twin.seat(holder(0), "new")
    assert twin.acquire(holder(1), "new").code is Code.DEVICE_LIMIT
    twin.beat(*grants[1:])
    assert [one.holder for one in twin.devices().devices] == [holder(0)]
    twin.audit()


def a_wish_that_gets_no_seat_registers_nobody(twin: Twin) -> None:
    twin.configure(capacity=0, device_limit=2)
    assert twin.acquire(holder(1)).code is Code.POOL_EXHAUSTED
    assert twin.devices().devices == ()


def a_device_is_removed_without_a_seat_and_after_the_cooldown(twin: Twin) -> None:
    twin.configure(capacity=9, device_limit=3, device_cooldown=Millis(10 * LEASE))
    grants = [twin.seat(holder(number)) for number in range(3)]
    assert twin.remove_device(holder(7)).code is Code.UNKNOWN_DEVICE
    in_use = twin.remove_device(holder(0))
    assert (in_use.code, in_use.retry_after) == (Code.DEVICE_IN_USE, LEASE)
    assert twin.remove_device(holder(0), by_operator=True).code is Code.DEVICE_IN_USE
    assert twin.remove_device(holder(2)).code is Code.DEVICE_IN_USE
    twin.clock.forward(LEASE - 1)
    twin.beat(grants[1])
    assert twin.remove_device(holder(0)).retry_after == 1
    twin.clock.forward(1)
    assert [one.seat_kept_for > 0 for one in twin.devices().devices].count(False) == 2
    assert twin.remove_device(holder(0)).code is Code.DEVICE_REMOVED
    assert twin.remove_device(holder(0)).code is Code.UNKNOWN_DEVICE
    twin.release(grants[1])
    for pause, wait in ((0, 10 * LEASE), (10 * LEASE - 1, 1)):
        twin.clock.forward(pause)
        cooling = twin.remove_device(holder(1))
        assert (cooling.code, cooling.retry_after) == (Code.DEVICE_COOLDOWN, wait)
        assert twin.devices().cooldown_left == wait
    twin.clock.forward(1)
    assert twin.remove_device(holder(1)).code is Code.DEVICE_REMOVED
    # The operator neither waits nor makes others wait for longer.
    twin.clock.forward(5)
    assert twin.remove_device(holder(2), by_operator=True).code is Code.DEVICE_REMOVED
    assert twin.devices().cooldown_left == 10 * LEASE - 5
    assert twin.devices().devices == ()
    twin.audit()


def a_cooldown_is_no_longer_by_a_clock_that_was_set_back(twin: Twin) -> None:
    twin.configure(device_limit=2, device_cooldown=Millis(LEASE))
    for number in range(2):
        twin.release(twin.seat(holder(number)))
    twin.remove_device(holder(0))
    twin.watch.clock_set_back()
    twin.clock.forward(-1_000_000)
    assert twin.remove_device(holder(1)).retry_after == LEASE
    # Without one, devices are removed in one millisecond.
    twin.configure(device_cooldown=Millis(0))
    assert twin.devices().cooldown_left == 0
    assert twin.remove_device(holder(1)).code is Code.DEVICE_REMOVED


def a_key_that_opens_nothing_removes_nothing(twin: Twin) -> None:
    twin.configure(device_limit=2)
    twin.release(twin.seat(holder(1)))
    assert twin.remove_device(holder(1), key=OTHER_KEY).code is Code.INVALID_LICENSE
    assert at_once(twin.authority.devices(twin.pool, OTHER_KEY)) == Refusal(code=Code.INVALID_LICENSE)
    twin.configure(state=PoolState.SUSPENDED)
    assert twin.remove_device(holder(1)).code is Code.DEVICE_REMOVED
    twin.audit()


def in_recovery_a_device_that_may_come_back_is_in_use(twin: Twin) -> None:
    twin.configure(device_limit=2)
    twin.seat(holder(1))
    twin.configure(epoch=twin.config.epoch + 1)
    twin.clock.forward(LEASE)
    for by_operator in (False, True):
        assert twin.remove_device(holder(1), by_operator=by_operator).retry_after == 1
    assert twin.devices().devices[0].seat_kept_for == 1
    twin.clock.forward(1)
    assert twin.remove_device(holder(1)).code is Code.DEVICE_REMOVED


def who_comes_back_after_a_loss_is_a_device_again(twin: Twin) -> None:
    twin.configure(capacity=3, device_limit=3)
    grants = [twin.seat(holder(number)) for number in range(3)]
    flush(twin)
    twin.config = replace(twin.config, epoch=twin.config.epoch + 1)
    twin.set_up(term=1)
    assert twin.devices().devices == ()
    for number in (0, 1):
        twin.readmit(twin.proof(grants[number], holder(number)))
        twin.clock.forward(1)
    registered = twin.devices().devices
    assert [one.holder for one in registered] == [holder(0), holder(1)]
    twin.readmit(twin.proof(grants[1], holder(1)))
    assert twin.devices().devices == tuple(
        one._replace(seat_kept_for=max(one.seat_kept_for, kept.seat_kept_for))
        for one, kept in zip(registered, twin.devices().devices, strict=True)
    )
    twin.audit()
    twin.remove()
    twin.begin()
    twin.configure(device_limit=0)
    grant = twin.seat(holder(1))
    flush(twin)
    twin.config = replace(twin.config, epoch=twin.config.epoch + 1)
    twin.set_up(term=1)
    twin.readmit(twin.proof(grant, holder(1)))
    assert twin.devices().devices == ()
    assert twin.devices().limit is None


def in_shadow_mode_one_device_too_many_is_counted_and_not_registered(twin: Twin) -> None:
    twin.configure(capacity=9, device_limit=1, shadow=True)
    for number in range(3):
        twin.seat(holder(number))
    counts = twin.sweep()
    assert (counts.would_deny, counts.devices, counts.device_limit, counts.denied) == (2, 1, 0, 0)
    twin.audit()


SCENES = (
    each_end_of_the_window_admits_itself_and_nothing_beyond,
    who_holds_a_seat_keeps_it_and_another_run_needs_an_admitted_version,
    in_shadow_mode_a_version_is_counted_once_and_served,
    n_wishes_go_through_at_once_and_then_one_each_part_of_a_minute,
    a_holder_that_hammers_does_not_use_up_what_the_key_may_ask,
    of_two_limits_that_are_equal_one_is_told,
    what_lies_in_the_past_is_forgotten_in_chunks,
    a_clock_that_is_set_back_lets_nobody_wait_for_it,
    a_rate_is_asked_before_the_rest_and_not_of_a_closed_pool,
    what_was_granted_once_is_told_again_whatever_the_rate,
    in_shadow_mode_who_asks_too_often_is_counted_and_served,
    as_many_holders_as_may_be_devices_are_registered,
    who_had_a_seat_before_devices_were_limited_keeps_it_and_is_registered_by_its_next_run,
    a_wish_that_gets_no_seat_registers_nobody,
    a_device_is_removed_without_a_seat_and_after_the_cooldown,
    a_cooldown_is_no_longer_by_a_clock_that_was_set_back,
    a_key_that_opens_nothing_removes_nothing,
    in_recovery_a_device_that_may_come_back_is_in_use,
    who_comes_back_after_a_loss_is_a_device_again,
    in_shadow_mode_one_device_too_many_is_counted_and_not_registered,
)
