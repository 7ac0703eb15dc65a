import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.domain.backoff import Backoff, spread

JITTER = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(0, 0.5), (1, 1.0), (2, 2.0), (5, 16.0), (6, 32.0), (7, 60.0), (500, 60.0)]
)
def test_delays_double_up_to_the_longest(attempt: int, seconds: float) -> None:
    backoff = Backoff(first=0.5, longest=60.0)

    assert backoff.delay(attempt, 0.0) == seconds / 2
    assert backoff.delay(attempt, 0.5) == seconds * 0.75


@given(attempt=st.integers(0, 1_000_000), jitter=JITTER)
def test_a_delay_is_never_longer_than_the_longest_nor_shorter_than_half_of_its_turn(
    attempt: int, jitter: float
) -> None:
    delay = Backoff(first=0.5, longest=60.0).delay(attempt, jitter)

    assert min(60.0, 0.5 * 2.0 ** min(attempt, 30)) / 2 <= delay <= 60.0


@given(attempt=st.integers(0, 64), jitter=JITTER)
def test_no_later_attempt_comes_sooner_with_the_same_jitter(attempt: int, jitter: float) -> None:
    backoff = Backoff(first=0.01, longest=3600.0)

    assert backoff.delay(attempt, jitter) <= backoff.delay(attempt + 1, jitter)


def test_jitter_spreads_failures_that_happen_together() -> None:
    delays = [Backoff().delay(3, jitter) for jitter in (0.0, 0.25, 0.5, 0.75)]

    assert delays == [2.0, 2.5, 3.0, 3.5]


@pytest.mark.parametrize(("jitter", "seconds"), [(0.0, 540.0), (0.5, 600.0), (0.75, 630.0)])
def test_periodic_work_moves_up_to_a_tenth_either_way(jitter: float, seconds: float) -> None:
    assert spread(600.0, jitter) == pytest.approx(seconds)


@given(seconds=st.floats(0, 1e6), jitter=JITTER)
def test_periodic_work_never_moves_further(seconds: float, jitter: float) -> None:
    assert seconds * 0.9 <= spread(seconds, jitter) <= seconds * 1.1 * (1 + 1e-12)
