from datetime import timedelta

import pytest

from seatwarden.domain.pauses import pause_until
from tests.domain.objects import NOON


@pytest.mark.parametrize(
    ("seconds", "pause"),
    [
        pytest.param(30, 30.1, id="just behind the instant"),
        pytest.param(599.9, 600, id="the longest"),
        pytest.param(86_400, 600, id="far away"),
        pytest.param(0, None, id="now"),
        pytest.param(-1, None, id="over"),
    ],
)
def test_a_pause_ends_just_behind_its_instant_or_after_ten_minutes(
    seconds: float, pause: float | None
) -> None:
    assert pause_until(NOON + timedelta(seconds=seconds), NOON) == (
        None if pause is None else pytest.approx(pause)
    )


def test_nothing_is_waited_for_where_there_is_no_instant() -> None:
    assert pause_until(None, NOON) is None
