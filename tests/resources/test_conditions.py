from datetime import UTC, datetime, timedelta, timezone

from seatwarden.resources.conditions import (
    MESSAGE_MAX_LENGTH,
    Condition,
    ConditionStatus,
    ConditionType,
    Finding,
    find_condition,
    merge_conditions,
)
from seatwarden.resources.reasons import Reason

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


def finding(
    status: ConditionStatus = ConditionStatus.TRUE,
    *,
    of: ConditionType = ConditionType.READY,
    reason: Reason = Reason.SUCCEEDED,
    message: str = "all is well",
) -> Finding:
    return Finding(type=of, status=status, reason=reason, message=message)


def test_first_conditions_begin_now() -> None:
    (ready,) = merge_conditions((), [finding()], generation=3, now=NOON)

    assert ready.wire() == {
        "type": "Ready",
        "status": "True",
        "observedGeneration": 3,
        "lastTransitionTime": "2027-03-01T12:00:00Z",
        "reason": "Succeeded",
        "message": "all is well",
    }


def test_transition_time_stays_while_only_reason_message_and_generation_change() -> None:
    before = merge_conditions(
        (), [finding(ConditionStatus.FALSE, reason=Reason.PROGRESSING)], generation=1, now=NOON
    )

    (after,) = merge_conditions(
        before,
        [finding(ConditionStatus.FALSE, reason=Reason.REDIS_UNAVAILABLE, message="no answer")],
        generation=2,
        now=LATER,
    )

    assert after.last_transition_time == NOON
    assert (after.reason, after.message, after.observed_generation) == ("RedisUnavailable", "no answer", 2)


def test_transition_time_moves_when_the_status_flips() -> None:
    before = merge_conditions((), [finding(ConditionStatus.FALSE)], generation=1, now=NOON)

    (after,) = merge_conditions(before, [finding(ConditionStatus.TRUE)], generation=1, now=LATER)

    assert after.last_transition_time == LATER


def test_transition_time_moves_from_unknown_to_false_too() -> None:
    before = merge_conditions((), [finding(ConditionStatus.UNKNOWN)], generation=1, now=NOON)

    (after,) = merge_conditions(before, [finding(ConditionStatus.FALSE)], generation=1, now=LATER)

    assert after.last_transition_time == LATER


def test_same_findings_give_equal_conditions_so_that_nothing_is_written() -> None:
    findings = [finding(), finding(of=ConditionType.REDIS_READY)]
    before = merge_conditions((), findings, generation=1, now=NOON)

    assert merge_conditions(before, findings, generation=1, now=LATER) == before


def test_conditions_read_back_from_the_api_are_equal_to_those_written() -> None:
    now = NOON + timedelta(microseconds=123_456)
    written = merge_conditions((), [finding()], generation=1, now=now)

    read = tuple(Condition.model_validate(condition.wire()) for condition in written)

    assert read == written


def test_time_is_written_in_utc_whatever_the_zone_of_now() -> None:
    now = NOON.astimezone(timezone(timedelta(hours=9)))

    (ready,) = merge_conditions((), [finding()], generation=1, now=now)

    assert ready.wire()["lastTransitionTime"] == "2027-03-01T12:00:00Z"


def test_condition_that_is_no_longer_found_goes_away() -> None:
    before = merge_conditions((), [finding(), finding(of=ConditionType.RECONCILING)], generation=1, now=NOON)

    after = merge_conditions(before, [finding()], generation=1, now=LATER)

    assert [condition.type for condition in after] == ["Ready"]


def test_order_is_that_of_the_findings_and_not_of_what_was_there() -> None:
    ready, stalled = finding(), finding(of=ConditionType.STALLED)
    before = merge_conditions((), [stalled, ready], generation=1, now=NOON)

    after = merge_conditions(before, [ready, stalled], generation=1, now=LATER)

    assert [condition.type for condition in after] == ["Ready", "Stalled"]
    assert {condition.last_transition_time for condition in after} == {NOON}


def test_message_is_cut_to_what_the_api_takes() -> None:
    (ready,) = merge_conditions((), [finding(message="x" * 40_000)], generation=1, now=NOON)

    assert len(ready.message) == MESSAGE_MAX_LENGTH


def test_find_condition_gives_none_where_there_is_none() -> None:
    conditions = merge_conditions((), [finding()], generation=1, now=NOON)

    assert find_condition(conditions, ConditionType.READY) == conditions[0]
    assert find_condition(conditions, ConditionType.STALLED) is None
