import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.verify import SKEW_SECONDS, Code, LastSeen, NotValid

NOW = 1_800_000_000


def test_time_goes_on() -> None:
    assert LastSeen().advanced(NOW).advanced(NOW + 5) == LastSeen(NOW + 5)


def test_a_clock_that_goes_back_a_little_is_believed_and_forgets_nothing() -> None:
    assert LastSeen(NOW).advanced(NOW - SKEW_SECONDS) == LastSeen(NOW)


def test_a_clock_that_was_set_back_is_not_believed_and_the_sentence_says_by_how_much() -> None:
    with pytest.raises(NotValid, match="set back by 61 s") as refused:
        LastSeen(NOW).advanced(NOW - SKEW_SECONDS - 1)

    assert refused.value.code is Code.CLOCK_SET_BACK


def test_many_small_steps_back_are_no_way_around() -> None:
    seen = LastSeen(NOW)
    for second in range(0, SKEW_SECONDS + 1, 30):
        seen = seen.advanced(NOW - second)
    with pytest.raises(NotValid, match="set back"):
        seen.advanced(NOW - SKEW_SECONDS - 30)


def test_what_was_signed_later_than_the_clock_says_proves_that_it_is_behind() -> None:
    with pytest.raises(NotValid, match="set back"):
        LastSeen(NOW - 900).proven(NOW).advanced(NOW - 300)


def test_something_old_that_is_seen_proves_nothing_new() -> None:
    assert LastSeen(NOW).proven(NOW - 86_400) == LastSeen(NOW)


def test_another_skew_can_be_asked_for() -> None:
    with pytest.raises(NotValid):
        LastSeen(NOW).advanced(NOW - 1, skew=0)
    assert LastSeen(NOW).advanced(NOW - 300, skew=300) == LastSeen(NOW)


def test_it_can_be_stored_and_read_again() -> None:
    stored = json.dumps(LastSeen(NOW).to_dict())

    assert LastSeen.from_dict(json.loads(stored)) == LastSeen(NOW)


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"instant": "1"},
        {"instant": True},
        {"instant": -1},
        {"instant": 1.5},
        {"instant": 2**60},
        {"instant": 1, "skew": 9},
        {"now": 1},
    ],
)
def test_what_was_stored_otherwise_is_refused_and_not_taken_for_a_first_start(
    stored: Mapping[str, object],
) -> None:
    with pytest.raises(NotValid) as refused:
        LastSeen.from_dict(stored)

    assert refused.value.code is Code.MALFORMED


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2**40)), max_size=30))
def test_it_never_goes_back_whatever_is_seen(story: list[tuple[bool, int]]) -> None:
    seen = LastSeen()
    for is_clock, instant in story:
        before = seen
        try:
            seen = seen.advanced(instant) if is_clock else seen.proven(instant)
        except NotValid as refused:
            assert refused.code is Code.CLOCK_SET_BACK  # noqa: PT017  only the clock can do that
            assert is_clock
            assert instant < before.instant - SKEW_SECONDS
        assert seen.instant >= before.instant
