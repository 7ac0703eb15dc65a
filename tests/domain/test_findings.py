from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.domain import findings
from seatwarden.resources.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    Finding,
    find_condition,
    merge_conditions,
)
from seatwarden.resources.reasons import Outlook, Reason
from tests.domain.objects import NOON

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN
READY, RECONCILING, STALLED = ConditionType.READY, ConditionType.RECONCILING, ConditionType.STALLED
SAID_BY_OUTLOOK = {
    Outlook.RETRYING: {READY: FALSE, RECONCILING: TRUE},
    Outlook.TERMINAL: {READY: FALSE, STALLED: TRUE},
    Outlook.WAITING: {READY: FALSE},
    Outlook.SETTLED: {READY: UNKNOWN},
}


def said(told: tuple[Finding, ...]) -> dict[ConditionType, ConditionStatus]:
    return {finding.type: finding.status for finding in told}


@pytest.mark.parametrize("reason", Reason)
def test_what_is_said_beside_not_ready_follows_from_the_outlook_of_the_reason(reason: Reason) -> None:
    told = findings.not_ready(reason, "why")

    assert said(told) == SAID_BY_OUTLOOK[reason.outlook]
    assert told[0].type is READY
    assert {(finding.reason, finding.message) for finding in told} == {(reason, "why")}


def test_ready_is_said_alone() -> None:
    told = findings.ready("all is well")

    assert said(told) == {READY: TRUE}
    assert (told[0].reason, told[0].message) == (Reason.SUCCEEDED, "all is well")


def test_of_what_is_suspended_nothing_is_known_and_nobody_is_called() -> None:
    told = findings.suspended()

    assert said(told) == {READY: UNKNOWN}
    assert told[0].reason is Reason.SUSPENDED


@pytest.mark.parametrize(
    ("problem", "status", "reason"),
    [
        (None, TRUE, "Succeeded"),
        (Reason.REDIS_UNAVAILABLE, FALSE, "RedisUnavailable"),
        (Reason.REDIS_UNFIT, FALSE, "RedisUnfit"),
    ],
)
def test_redis_ready_says_whether_the_authority_holds_the_pool(
    problem: Reason | None, status: ConditionStatus, reason: str
) -> None:
    told = findings.redis_ready("so it is", problem=problem)

    assert (told.type, told.status, told.reason.value) == (ConditionType.REDIS_READY, status, reason)
    assert told.message == "so it is"


@pytest.mark.parametrize(("live", "capacity"), [(0, 0), (3, 5), (5, 5)])
def test_nothing_is_said_of_over_capacity_while_no_more_is_held_than_there_is(
    live: int, capacity: int
) -> None:
    assert findings.over_capacity(live=live, capacity=capacity) == ()


def test_over_capacity_says_how_many_seats_must_come_back() -> None:
    [told] = findings.over_capacity(live=7, capacity=5)

    assert (told.type, told.status) == (ConditionType.OVER_CAPACITY, TRUE)
    assert told.message == "7 seats are held and the pool has 5; none is granted until 2 more came back."


def test_overage_is_no_more_than_there_is_until_it_is_used_up() -> None:
    assert findings.over_capacity(live=7, capacity=5, overage=2) == ()
    [told] = findings.over_capacity(live=8, capacity=5, overage=2)
    assert told.message == (
        "8 seats are held and the pool has 5 and 2 overage; none is granted until 1 more came back."
    )


def test_an_eviction_is_told_with_its_instant_and_its_number() -> None:
    assert findings.over_capacity(live=5, capacity=5, evicts_at="noon") == ()
    [told] = findings.over_capacity(live=8, capacity=5, evicts_at="noon")
    assert (told.type, told.status, told.reason) == (
        ConditionType.OVER_CAPACITY,
        TRUE,
        Reason.EVICTION_PENDING,
    )
    assert told.message == (
        "8 seats are held and the pool has 5; none is granted until 3 more came back. "
        "What is still too much at noon is evicted, the oldest leases first."
    )


def test_overage_is_told_while_it_is_used() -> None:
    assert findings.overage(held=0, allowed=2, capacity=5) == ()
    [told] = findings.overage(held=2, allowed=3, capacity=5)
    assert (told.type, told.status, told.reason) == (ConditionType.OVERAGE, TRUE, Reason.OVERAGE_IN_USE)
    assert told.message == "2 seats are held above the 5 of the pool; up to 3 may be."


def test_a_pool_that_drains_tells_how_many_seats_are_still_held() -> None:
    [held], [empty] = findings.draining(live=3), findings.draining(live=0)
    assert (held.type, held.status, held.reason) == (ConditionType.DRAINING, TRUE, Reason.DRAINING)
    assert (empty.type, empty.status, empty.reason) == (ConditionType.DRAINING, TRUE, Reason.DRAINED)
    assert held.message.startswith("3 seats are still held")
    [uncertain] = findings.draining(live=0, is_certain=False)
    assert (uncertain.reason, "being counted" in uncertain.message) == (Reason.DRAINING, True)


def test_what_is_borrowed_is_told_where_one_waits_for_seats() -> None:
    until = datetime(2026, 12, 24, 18, 0, 7, tzinfo=UTC)
    assert findings.borrowed_away(seats=0, until=None) == ""
    one = findings.borrowed_away(seats=1, until=until)
    assert one == " One of them is borrowed, until 2026-12-24 18:00:07 UTC at the latest."
    several = findings.borrowed_away(seats=2, until=until)
    [drains], [shrunk] = (
        findings.draining(live=3, away=several),
        findings.over_capacity(live=8, capacity=5, evicts_at="noon", away=several),
    )
    assert drains.message == (
        "3 seats are still held; no new one is given while spec.drain is true. "
        "2 of them are borrowed, until 2026-12-24 18:00:07 UTC at the latest."
    )
    assert shrunk.message == (
        "8 seats are held and the pool has 5; none is granted until 3 more came back. "
        "2 of them are borrowed, until 2026-12-24 18:00:07 UTC at the latest. "
        "What is still too much at noon is evicted, the oldest leases first."
    )


def test_shadow_mode_tells_how_much_it_would_have_refused() -> None:
    [told] = findings.shadow_mode(would_deny=12)
    assert (told.type, told.status, told.reason) == (ConditionType.SHADOW_MODE, TRUE, Reason.NOT_ENFORCED)
    assert "12 grants would have been refused" in told.message


def test_a_signing_key_is_ready_or_says_what_is_wrong_with_it() -> None:
    good = findings.signing_key(problem=None, message="Key a1 signs.")
    bad = findings.signing_key(problem=(Reason.SECRET_CONFLICT, "taken"), message="Key  signs.")

    assert (good.status, good.reason, good.message) == (TRUE, Reason.SUCCEEDED, "Key a1 signs.")
    assert (bad.status, bad.reason, bad.message) == (FALSE, Reason.SECRET_CONFLICT, "taken")


def test_ready_keeps_its_instant_through_one_trouble_after_another_and_reconciling_comes_and_goes() -> None:
    history: list[tuple[Finding, ...]] = [
        findings.ready("well"),
        findings.not_ready(Reason.REDIS_UNAVAILABLE, "no answer"),
        findings.not_ready(Reason.INVALID_SECRET, "no key"),
        findings.not_ready(Reason.REDIS_UNAVAILABLE, "no answer"),
        findings.ready("well"),
    ]
    conditions: tuple[Condition, ...] = ()
    seen = []
    for hour, told in enumerate(history):
        conditions = merge_conditions(conditions, told, generation=1, now=after(hours=hour))
        seen.append({item.type: item.last_transition_time for item in conditions})

    assert seen == [
        {"Ready": NOON},
        {"Ready": after(hours=1), "Reconciling": after(hours=1)},
        {"Ready": after(hours=1), "Stalled": after(hours=2)},
        {"Ready": after(hours=1), "Reconciling": after(hours=3)},
        {"Ready": after(hours=4)},
    ]


OUTCOMES = st.one_of(
    st.just(findings.ready("well")),
    st.just(findings.suspended()),
    st.sampled_from(Reason).map(lambda reason: findings.not_ready(reason, reason.meaning)),
)


@given(history=st.lists(OUTCOMES, min_size=1, max_size=12))
def test_conditions_obey_kstatus_and_tell_since_when_whatever_happens(
    history: list[tuple[Finding, ...]],
) -> None:
    conditions: tuple[Condition, ...] = ()
    since: dict[ConditionType, tuple[ConditionStatus, datetime]] = {}
    for hour, told in enumerate(history):
        now = after(hours=hour)
        since = {
            finding.type: since[finding.type]
            if finding.type in since and since[finding.type][0] is finding.status
            else (finding.status, now)
            for finding in told
        }
        conditions = merge_conditions(conditions, told, generation=hour, now=now)
        assert {
            ConditionType(item.type): (item.status, item.last_transition_time) for item in conditions
        } == since
        assert merge_conditions(conditions, told, generation=hour, now=after(days=9)) == conditions

        ready = find_condition(conditions, READY)
        beside = [find_condition(conditions, kind) for kind in (RECONCILING, STALLED)]
        assert ready is not None
        assert sum(item is not None for item in beside) <= (ready.status is FALSE)
        assert all(item is None or item.status is TRUE for item in beside)


def after(*, hours: int = 0, days: int = 0) -> datetime:
    return NOON + timedelta(hours=hours, days=days)
