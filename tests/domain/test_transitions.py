import pytest

from seatwarden.domain import findings
from seatwarden.domain.transitions import Told, leases_evicted, worth_telling
from seatwarden.resources.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    Finding,
    merge_conditions,
)
from seatwarden.resources.reasons import Reason
from tests.domain.objects import NOON


def _conditions(told: tuple[Finding, ...] | None) -> tuple[Condition, ...]:
    return merge_conditions((), told or (), generation=1, now=NOON)


WELL = findings.ready("well")
AWAY = findings.not_ready(Reason.REDIS_UNAVAILABLE, "no answer")
STILL_AWAY = findings.not_ready(Reason.REDIS_UNAVAILABLE, "no answer for a minute")
NO_KEY = findings.not_ready(Reason.INVALID_SECRET, "no key")
AT_WORK = findings.not_ready(Reason.PROGRESSING, "working on it")
SUSPENDED = findings.suspended()


@pytest.mark.parametrize(
    ("before", "after", "worth"),
    [
        pytest.param(None, WELL, False, id="a new object that became ready"),
        pytest.param(None, AWAY, True, id="a new object in trouble"),
        pytest.param(None, AT_WORK, False, id="a new object that is worked on"),
        pytest.param(WELL, AWAY, True, id="trouble"),
        pytest.param(AWAY, STILL_AWAY, False, id="the same trouble, told otherwise"),
        pytest.param(AWAY, NO_KEY, True, id="another trouble"),
        pytest.param(AWAY, WELL, True, id="the end of trouble"),
        pytest.param(AT_WORK, WELL, True, id="the end of work"),
        pytest.param(AWAY, AT_WORK, False, id="work on trouble"),
        pytest.param(WELL, WELL, False, id="nothing"),
        pytest.param(WELL, SUSPENDED, False, id="a person's own wish"),
        pytest.param(SUSPENDED, WELL, False, id="the end of that wish"),
        pytest.param(AWAY, SUSPENDED, True, id="trouble that is not looked at any more"),
        pytest.param(SUSPENDED, AWAY, True, id="trouble after a suspension"),
    ],
)
def test_events_tell_of_trouble_and_of_its_end(
    before: tuple[Finding, ...] | None, after: tuple[Finding, ...], worth: bool
) -> None:
    assert bool(worth_telling(_conditions(before), _conditions(after))) is worth


THERE = (*WELL, findings.redis_ready("there"))
GONE = (*AWAY, findings.redis_ready("no answer", problem=Reason.REDIS_UNAVAILABLE))
ABOVE = (*THERE, *findings.overage(held=1, allowed=2, capacity=5))
MORE_ABOVE = (*THERE, *findings.overage(held=2, allowed=2, capacity=5))
OVER = (*THERE, *findings.over_capacity(live=7, capacity=5))
PENDING = (*THERE, *findings.over_capacity(live=7, capacity=5, evicts_at="noon"))
LESS_PENDING = (*THERE, *findings.over_capacity(live=6, capacity=5, evicts_at="noon"))
DRAINING = (*THERE, *findings.draining(live=3))
DRAINED = (*THERE, *findings.draining(live=0))


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        pytest.param(THERE, ABOVE, ["OverageInUse"], id="overage begins"),
        pytest.param(ABOVE, MORE_ABOVE, [], id="more of it"),
        pytest.param(MORE_ABOVE, THERE, ["OverageEnded"], id="overage ends"),
        pytest.param(ABOVE, GONE, ["RedisUnavailable"], id="Redis is away, which ends no overage"),
        pytest.param(GONE, ABOVE, ["Succeeded"], id="Redis is back, which begins none"),
        pytest.param(THERE, OVER, [], id="too few seats, and nobody is evicted"),
        pytest.param(OVER, PENDING, ["EvictionPending"], id="leases are about to be evicted"),
        pytest.param(PENDING, LESS_PENDING, [], id="some came back before"),
        pytest.param(PENDING, THERE, [], id="nothing is too much any more"),
        pytest.param(THERE, DRAINING, [], id="a pool begins to drain, as a person wished"),
        pytest.param(DRAINING, DRAINED, ["Drained"], id="a pool has run empty"),
        pytest.param(THERE, DRAINED, ["Drained"], id="a pool was empty when it was to drain"),
        pytest.param(DRAINED, DRAINED, [], id="it is empty still"),
        pytest.param(DRAINED, DRAINING, [], id="a lease came back after an outage"),
        pytest.param(DRAINED, THERE, [], id="it gives seats again"),
        pytest.param(GONE, DRAINED, ["Succeeded"], id="Redis is back, and the pool was empty before"),
    ],
)
def test_events_tell_of_overage_and_of_an_empty_pool(
    before: tuple[Finding, ...], after: tuple[Finding, ...], reasons: list[str]
) -> None:
    assert [told.reason for told in worth_telling(_conditions(before), _conditions(after))] == reasons


def test_evicted_leases_are_told_by_their_number() -> None:
    assert leases_evicted(None, 0) is None
    assert leases_evicted(4, 4) is None
    # Redis counts anew after a loss.
    assert leases_evicted(4, 1) is None
    one, more = leases_evicted(None, 1), leases_evicted(4, 7)
    assert one == Told(
        reason="LeasesEvicted",
        note="1 lease was evicted: more seats were held than the pool has.",
        warning=True,
    )
    assert more is not None
    assert more.note.startswith("3 leases were evicted")


def test_what_is_told_is_what_the_condition_says() -> None:
    assert worth_telling(_conditions(THERE), _conditions(ABOVE)) == [
        Told(
            reason="OverageInUse",
            note="1 seats are held above the 5 of the pool; up to 2 may be.",
            warning=False,
        )
    ]


TRUSTED = (*WELL, findings.identity(problem=None, issuers=1))
STALE = (*WELL, findings.identity(problem=(Reason.ISSUER_UNAVAILABLE, "no answer"), issuers=1))
REDIS_AWAY = (*WELL, findings.identity(problem=(Reason.REDIS_UNAVAILABLE, "no Redis"), issuers=1))
NO_KEYS = (
    *findings.not_ready(Reason.ISSUER_UNAVAILABLE, "no answer"),
    findings.identity(problem=(Reason.ISSUER_UNAVAILABLE, "no answer"), issuers=1),
)


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        pytest.param(WELL, TRUSTED, [], id="the first issuer"),
        pytest.param(TRUSTED, WELL, [], id="the last issuer goes"),
        pytest.param(TRUSTED, STALE, ["IssuerUnavailable"], id="an issuer goes away"),
        pytest.param(STALE, STALE, [], id="it stays away"),
        pytest.param(STALE, REDIS_AWAY, ["RedisUnavailable"], id="another trouble"),
        pytest.param(STALE, TRUSTED, ["Succeeded"], id="it is back"),
        pytest.param(WELL, NO_KEYS, ["IssuerUnavailable"], id="one trouble is told once"),
        pytest.param(NO_KEYS, TRUSTED, ["Succeeded", "Succeeded"], id="two ends are not the same"),
    ],
)
def test_events_tell_of_issuers(
    before: tuple[Finding, ...], after: tuple[Finding, ...], reasons: list[str]
) -> None:
    told = worth_telling(_conditions(before), _conditions(after))
    assert [each.reason for each in told] == reasons


def money(kind: ConditionType, reason: Reason, status: ConditionStatus = ConditionStatus.TRUE) -> Finding:
    """A condition about money."""
    return Finding(type=kind, status=status, reason=reason, message=f"it is {reason}")


PAID = (*WELL, money(ConditionType.BILLING_SYNCED, Reason.SUCCEEDED))
REFUSED = (*WELL, money(ConditionType.BILLING_SYNCED, Reason.BILLING_REFUSED, ConditionStatus.FALSE))
DRIFTED = (*PAID, money(ConditionType.DRIFTED, Reason.DRIFT_REPORTED))
ADOPTED = (*PAID, money(ConditionType.DRIFTED, Reason.DRIFT_ADOPTED))
OVERDUE = (*PAID, money(ConditionType.PAYMENT_OVERDUE, Reason.PAYMENT_OVERDUE))
SHUT = (
    *findings.not_ready(Reason.PAYMENT_GRACE_OVER, "no seats"),
    money(ConditionType.PAYMENT_OVERDUE, Reason.PAYMENT_GRACE_OVER),
)


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        (PAID, DRIFTED, [Reason.DRIFT_REPORTED]),
        (DRIFTED, DRIFTED, []),
        (DRIFTED, ADOPTED, [Reason.DRIFT_ADOPTED]),
        (DRIFTED, PAID, []),
        (PAID, OVERDUE, [Reason.PAYMENT_OVERDUE]),
        (OVERDUE, SHUT, [Reason.PAYMENT_GRACE_OVER]),
        (SHUT, PAID, [Reason.SUCCEEDED]),
        (PAID, REFUSED, [Reason.BILLING_REFUSED]),
        (REFUSED, PAID, [Reason.SUCCEEDED]),
        (WELL, PAID, []),
    ],
)
def test_events_tell_of_money_once(
    before: tuple[Finding, ...], after: tuple[Finding, ...], reasons: list[Reason]
) -> None:
    assert [told.reason for told in worth_telling(_conditions(before), _conditions(after))] == reasons
