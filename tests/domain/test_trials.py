from datetime import timedelta

import pytest

from seatwarden.domain.trials import (
    WARNED_BEFORE,
    told_end,
    trial_changes_at,
    trial_end,
    trialing,
)
from seatwarden.resources.conditions import ConditionStatus, ConditionType
from seatwarden.resources.reasons import Reason
from seatwarden.resources.subscription import Subscription
from tests.domain import objects
from tests.domain.objects import NOON

DAY = timedelta(days=1)
SOON = "2027-03-02T12:00:00Z"


def tried(**spec: object) -> Subscription:
    """A Subscription that was created at noon."""
    return objects.subscription(spec=spec)


def test_days_count_from_the_creation_of_the_subscription() -> None:
    assert trial_end(tried(trial={"days": 14})) == NOON + 14 * DAY
    assert trial_end(tried(trial={"endsAt": SOON})) == NOON + DAY
    assert trial_end(tried()) is None


def test_the_end_is_told_in_whole_seconds() -> None:
    assert told_end(tried(trial={"endsAt": "2027-03-02T12:00:00.75Z"})) == NOON + DAY
    assert told_end(tried()) is None


@pytest.mark.parametrize(
    ("passed", "reason"),
    [
        (timedelta(0), Reason.TRIAL_RUNNING),
        (14 * DAY - WARNED_BEFORE - timedelta(microseconds=1), Reason.TRIAL_RUNNING),
        (14 * DAY - WARNED_BEFORE, Reason.TRIAL_ENDING),
        (14 * DAY - timedelta(microseconds=1), Reason.TRIAL_ENDING),
        (14 * DAY, None),
    ],
)
def test_a_trial_is_said_to_go_on_to_end_soon_and_then_no_more(
    passed: timedelta, reason: Reason | None
) -> None:
    found = trialing(tried(trial={"days": 14}), NOON + passed)
    assert [finding.reason for finding in found] == ([] if reason is None else [reason])
    for finding in found:
        assert (finding.type, finding.status) == (ConditionType.TRIALING, ConditionStatus.TRUE)
        assert "2027-03-15T12:00:00Z" in finding.message
    assert trialing(tried(), NOON + passed) == ()


def test_one_comes_back_when_there_is_something_else_to_tell() -> None:
    month = tried(trial={"days": 30})
    assert trial_changes_at(month, NOON) == NOON + 27 * DAY
    assert trial_changes_at(month, NOON + 27 * DAY) == NOON + 30 * DAY
    assert trial_changes_at(month, NOON + 30 * DAY) is None
    assert trial_changes_at(tried(), NOON) is None
