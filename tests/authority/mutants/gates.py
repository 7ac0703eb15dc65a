"""Scenes of the gates before the seats: the window of versions, and rates."""

from seatwarden.domain.seats import Code, Grant, PoolState, Refusal
from tests.authority.desk import holder
from tests.authority.twin import Twin


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
    assert 3_500_000 < lasts <= 3_600_000
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
)
