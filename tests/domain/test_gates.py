from datetime import timedelta
from typing import Any

import pytest

from seatwarden.domain.gates import (
    POOL_GATES,
    SUBSCRIPTION_GATES,
    Upstream,
    first_closed,
    is_paid,
    subscription_exists,
    subscription_is_valid,
    tenant_exists,
    tenant_has_access,
    trial_lasts,
)
from seatwarden.domain.seats import PoolState
from seatwarden.resources.reasons import Outlook, Reason
from seatwarden.resources.subscription import Phase
from tests.domain import objects
from tests.domain.objects import NOON

DELETED = {"deletionTimestamp": "2027-03-01T11:00:00Z"}
SUSPENDED_TENANT = objects.tenant(spec={"access": "Suspended"})
TRIED_SUBSCRIPTION = objects.subscription(spec={"trial": {"endsAt": "2027-03-01T12:00:00Z"}})
EXPIRED_SUBSCRIPTION = objects.subscription(spec={"validUntil": "2027-03-01T12:00:00Z"})


def above(**changes: Any) -> Upstream:
    """An Active tenant and a Subscription without an end, but for ``changes``."""
    told: dict[str, Any] = {
        "subscription_name": "team",
        "tenant_name": "acme",
        "subscription": objects.subscription(),
        "tenant": objects.tenant(),
        "now": NOON,
    }
    return Upstream(**(told | changes))


def test_seats_pass_where_all_is_well() -> None:
    assert first_closed(POOL_GATES, above()) is None


@pytest.mark.parametrize("found", [None, objects.subscription(**DELETED)], ids=["missing", "being deleted"])
def test_a_pool_without_a_subscription_has_nothing_to_hand_out(found: Any) -> None:
    closed = subscription_exists(above(subscription=found))

    assert closed is not None
    assert closed.reason is Reason.SUBSCRIPTION_NOT_FOUND
    assert (closed.phase, closed.state) == (Phase.PENDING, PoolState.SUSPENDED)
    assert closed.message == "There is no Subscription 'team' in this namespace."


@pytest.mark.parametrize("found", [None, objects.tenant(**DELETED)], ids=["missing", "being deleted"])
def test_a_subscription_without_its_customer_is_nobodys(found: Any) -> None:
    closed = tenant_exists(above(tenant=found))

    assert closed is not None
    assert closed.reason is Reason.TENANT_NOT_FOUND
    assert (closed.phase, closed.state) == (Phase.PENDING, PoolState.SUSPENDED)
    assert closed.message == "There is no Tenant 'acme' in this namespace."


def test_a_suspended_customer_gets_no_more_seats() -> None:
    closed = tenant_has_access(above(tenant=SUSPENDED_TENANT))

    assert closed is not None
    assert closed.reason is Reason.TENANT_SUSPENDED
    assert (closed.phase, closed.state) == (Phase.SUSPENDED, PoolState.SUSPENDED)
    assert "'acme'" in closed.message


def test_whether_a_customer_that_is_not_there_has_access_is_no_question_of_that_gate() -> None:
    assert tenant_has_access(above(tenant=None)) is None


@pytest.mark.parametrize(
    ("ago", "open_still"),
    [
        (timedelta(days=-1), True),
        (timedelta(microseconds=-1), True),
        (timedelta(0), False),
        (timedelta(1), False),
    ],
)
def test_what_was_bought_until_an_instant_ends_at_that_instant(ago: timedelta, open_still: bool) -> None:
    closed = subscription_is_valid(above(subscription=EXPIRED_SUBSCRIPTION, now=NOON + ago))

    assert (closed is None) is open_still
    if closed is not None:
        assert closed.reason is Reason.SUBSCRIPTION_EXPIRED
        assert (closed.phase, closed.state) == (Phase.EXPIRED, PoolState.EXPIRED)
        assert "2027-03-01T12:00:00+00:00" in closed.message


def test_what_is_not_there_and_what_has_no_end_does_not_expire() -> None:
    assert subscription_is_valid(above(subscription=None)) is None
    assert subscription_is_valid(above(now=NOON + timedelta(days=36_500))) is None


@pytest.mark.parametrize(
    ("ago", "open_still"), [(timedelta(microseconds=-1), True), (timedelta(0), False), (timedelta(1), False)]
)
def test_what_is_only_tried_ends_with_the_trial(ago: timedelta, open_still: bool) -> None:
    closed = trial_lasts(above(subscription=TRIED_SUBSCRIPTION, now=NOON + ago))

    assert (closed is None) is open_still
    if closed is not None:
        assert (closed.reason, closed.phase, closed.state) == (
            Reason.TRIAL_ENDED,
            Phase.EXPIRED,
            PoolState.EXPIRED,
        )
        assert closed.message == "The trial of Subscription 'team' ended at 2027-03-01T12:00:00Z."


def test_what_is_bought_has_no_trial_to_end() -> None:
    assert trial_lasts(above(subscription=None)) is None
    assert trial_lasts(above(now=NOON + timedelta(days=36_500))) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"subscription": None, "tenant": None}, Reason.SUBSCRIPTION_NOT_FOUND),
        ({"subscription": None, "tenant": SUSPENDED_TENANT}, Reason.SUBSCRIPTION_NOT_FOUND),
        ({"subscription": EXPIRED_SUBSCRIPTION, "tenant": None}, Reason.TENANT_NOT_FOUND),
        (
            {"subscription": EXPIRED_SUBSCRIPTION, "tenant": objects.tenant(spec={"access": "Suspended"}, **DELETED)},
            Reason.TENANT_NOT_FOUND,
        ),
        ({"subscription": EXPIRED_SUBSCRIPTION, "tenant": SUSPENDED_TENANT}, Reason.TENANT_SUSPENDED),
        ({"subscription": EXPIRED_SUBSCRIPTION}, Reason.SUBSCRIPTION_EXPIRED),
        ({"subscription": TRIED_SUBSCRIPTION}, Reason.TRIAL_ENDED),
    ],
)  # fmt: skip
def test_the_first_closed_gate_is_the_one_that_is_shown(changes: dict[str, Any], reason: Reason) -> None:
    closed = first_closed(POOL_GATES, above(**changes))

    assert closed is not None
    assert closed.reason is reason


def test_gates_are_asked_from_what_is_nearest_to_the_pool_upwards() -> None:
    own = (tenant_exists, tenant_has_access, subscription_is_valid, trial_lasts, is_paid)
    assert (subscription_exists, *own) == POOL_GATES
    assert POOL_GATES[1:] == SUBSCRIPTION_GATES


def test_a_subscription_is_not_asked_whether_it_exists() -> None:
    assert first_closed(SUBSCRIPTION_GATES, above(subscription=None)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"subscription": None}, {"tenant": None}, {"tenant": SUSPENDED_TENANT}, {"subscription": EXPIRED_SUBSCRIPTION},
        {"subscription": TRIED_SUBSCRIPTION},
    ],
    ids=["no subscription", "no tenant", "suspended", "expired", "tried"],
)  # fmt: skip
def test_whatever_closes_a_gate_opens_it_again_without_a_person_at_the_pool(changes: dict[str, Any]) -> None:
    closed = first_closed(POOL_GATES, above(**changes))

    assert closed is not None
    assert closed.reason.outlook is Outlook.WAITING
    assert closed.state is not PoolState.ACTIVE


@pytest.mark.parametrize(
    ("subscription", "tenant", "frozen"),
    [
        (objects.subscription(), objects.tenant(), False),
        (objects.subscription(spec={"suspend": True}), objects.tenant(), True),
        (objects.subscription(), objects.tenant(spec={"suspend": True}), True),
        (None, objects.tenant(spec={"suspend": True}), True),
        (objects.subscription(spec={"suspend": True}), None, True),
        (objects.subscription(), SUSPENDED_TENANT, False),
        (None, None, False),
    ],
)
def test_one_suspend_anywhere_above_freezes_what_is_below(
    subscription: Any, tenant: Any, frozen: bool
) -> None:
    assert above(subscription=subscription, tenant=tenant).frozen is frozen


PAYING_TENANT = objects.tenant(spec={"billing": {"provider": "Stripe"}})


def paid(state: str = "active", phase: str | None = None, **told: Any) -> Any:
    """A Subscription that Stripe was seen to have, in a period from February to April."""
    period = {"start": "2027-02-15T12:00:00Z", "end": "2027-04-15T12:00:00Z"}
    stripe = {"subscriptionID": "sub_1", "state": state, "quantity": 5, "grantedSeats": 5, **told}
    status = {"stripe": stripe, "currentPeriod": period} | ({} if phase is None else {"phase": phase})
    return objects.subscription(spec={"trial": {"days": 1}}, status=status)


@pytest.mark.parametrize(
    ("subscription", "reason", "phase", "state"),
    [
        (paid(), None, None, None),
        (paid("trialing"), None, None, None),
        (paid("past_due", overdueSince="2027-02-25T12:00:00Z"), None, None, None),
        (paid("past_due", overdueSince="2027-02-22T12:00:00Z"), Reason.PAYMENT_GRACE_OVER, Phase.SUSPENDED, PoolState.SUSPENDED),
        (paid("canceled", endedAt="2027-02-25T12:00:00Z"), Reason.SUBSCRIPTION_ENDED, Phase.CANCELED, PoolState.EXPIRED),
        (paid("incomplete"), Reason.AWAITING_PAYMENT, Phase.PENDING, PoolState.SUSPENDED),
        (objects.subscription(), Reason.PROGRESSING, Phase.PENDING, PoolState.SUSPENDED),
        # A Tenant that pays by Stripe only since a moment: until somebody has looked there, nothing ends.
        (objects.subscription(status={"phase": "Active"}), None, None, None),
        (objects.subscription(status={"phase": "Active", "stripe": {}}), Reason.PROGRESSING, Phase.PENDING, PoolState.SUSPENDED),
    ],
)  # fmt: skip
def test_what_is_paid_at_stripe_goes_on_as_long_as_money_comes(
    subscription: Any, reason: Any, phase: Any, state: Any
) -> None:
    closed = first_closed(POOL_GATES, above(subscription=subscription, tenant=PAYING_TENANT))

    if reason is None:
        assert closed is None
    else:
        assert closed is not None
        assert (closed.reason, closed.phase, closed.state) == (reason, phase, state)


def test_money_is_no_matter_where_nobody_takes_it() -> None:
    assert is_paid(above(subscription=paid("canceled"))) is None
    assert is_paid(above(subscription=None, tenant=PAYING_TENANT)) is None


def test_a_trial_at_stripe_ends_with_a_payment_and_not_at_the_gate() -> None:
    later = NOON + timedelta(days=2)
    assert trial_lasts(above(subscription=paid(), tenant=PAYING_TENANT, now=later)) is None
    assert trial_lasts(above(subscription=paid(), now=later)) is not None


def test_the_end_that_the_spec_names_holds_whatever_was_paid() -> None:
    tried = paid().model_copy(update={"spec": EXPIRED_SUBSCRIPTION.spec})
    closed = first_closed(POOL_GATES, above(subscription=tried, tenant=PAYING_TENANT))
    assert closed is not None
    assert closed.reason is Reason.SUBSCRIPTION_EXPIRED
