from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from seatwarden.domain.billing.drift import REASONS
from seatwarden.domain.billing.facts import StripeStatus
from seatwarden.domain.billing.phases import Account
from seatwarden.domain.billing.standing import (
    account_of,
    bought_seats,
    is_trial,
    money_changes_at,
    valid_until,
)
from seatwarden.domain.billing.subscriptions import Step, plan
from seatwarden.domain.billing.told import billing_findings, billing_told
from seatwarden.resources.conditions import ConditionStatus, ConditionType
from seatwarden.resources.reasons import Reason
from seatwarden.resources.subscription import Cancel, CollectionMethod, DriftPolicy, SubscriptionStatus
from tests.domain import objects
from tests.domain.billing.stripe_account import MONTH, StripeAccount
from tests.domain.billing.wishes import NOON, begun, converge, subscription, wish

DAY = timedelta(days=1)
TENANT = objects.tenant(spec={"billing": {"provider": "Stripe"}})


def standing(wanted: Any, step: Step, **spec: Any) -> Any:
    """The Subscription with the status that tells of ``step``, as it is read back."""
    told = billing_told(wanted, step)
    status = SubscriptionStatus(
        stripe=told.stripe,
        current_period=told.current_period,
        trial_ends_at=told.trial_ends_at,
        checkout_url=told.checkout_url,
        checkout_expires_at=told.checkout_expires_at,
    )
    return objects.subscription(spec=spec, status=status.wire())


def test_the_status_tells_all_that_pools_need() -> None:
    account, wanted = begun()
    step = converge(account, replace(wanted, seats=2))
    found = standing(wanted, step)

    assert account_of(found) == Account(
        state=StripeStatus.ACTIVE,
        grace=7 * DAY,
        period_end=NOON + MONTH,
        quantity=2,
        paid_seats=5,
        paid_until=NOON + MONTH,
    )
    assert bought_seats(found, TENANT, NOON) == 5
    assert bought_seats(found, TENANT, NOON + MONTH) == 2
    assert valid_until(found, TENANT) == NOON + MONTH + 7 * DAY
    assert money_changes_at(found, TENANT, NOON) == NOON + MONTH


def test_seats_follow_the_money_and_not_the_spec() -> None:
    account, wanted = begun()
    found = standing(wanted, converge(account, wanted), seats=50)
    assert bought_seats(found, TENANT, NOON) == 5
    assert bought_seats(found, objects.tenant(), NOON) == 50
    assert bought_seats(found, None, NOON) == 50
    assert money_changes_at(found, objects.tenant(), NOON) is None


def test_as_long_as_nobody_has_looked_at_stripe_seats_are_as_they_were() -> None:
    assert bought_seats(objects.subscription(status={"phase": "Active"}), TENANT, NOON) == 5
    assert bought_seats(objects.subscription(status={"phase": "Active", "stripe": {}}), TENANT, NOON) == 0
    assert bought_seats(objects.subscription(), TENANT, NOON) == 0


@pytest.mark.parametrize(
    ("policy", "edited", "seats"),
    [
        (DriftPolicy.REPORT, 3, 5),
        (DriftPolicy.REPORT, 8, 5),
        (DriftPolicy.ADOPT, 3, 3),
        (DriftPolicy.ADOPT, 8, 8),
    ],
)
def test_what_somebody_changed_counts_for_seats_only_where_it_is_adopted(
    policy: DriftPolicy, edited: int, seats: int
) -> None:
    account, wanted = begun(drift_policy=policy)
    account.edit("sub_1", quantity=edited)
    found = standing(wanted, converge(account, wanted))
    assert bought_seats(found, TENANT, NOON) == seats
    assert found.status.stripe.quantity == edited


def test_the_spec_ends_it_sooner_than_the_money() -> None:
    account, wanted = begun()
    step = converge(account, wanted)
    assert valid_until(standing(wanted, step, validUntil="2027-03-02T12:00:00Z"), TENANT) == NOON + DAY
    later = standing(wanted, step, validUntil="2099-01-01T00:00:00Z")
    assert valid_until(later, TENANT) == NOON + MONTH + 7 * DAY


@pytest.mark.parametrize(
    ("spec", "end"),
    [
        ({}, None),
        ({"trial": {"days": 1}}, NOON + DAY),
        ({"validUntil": "2027-03-02T12:00:00Z"}, NOON + DAY),
        ({"validUntil": "2027-03-02T12:00:00Z", "trial": {"days": 14}}, NOON + DAY),
        ({"validUntil": "2028-01-01T00:00:00Z", "trial": {"days": 1}}, NOON + DAY),
    ],
)
def test_where_nobody_takes_money_whichever_comes_first_ends_the_licence(spec: Any, end: Any) -> None:
    assert valid_until(objects.subscription(spec=spec), objects.tenant()) == end


def test_a_trial_is_what_stripe_calls_one() -> None:
    account, wanted = begun(trial_end=NOON + 14 * DAY)
    tried = standing(wanted, converge(account, wanted), trial={"days": 14})
    assert is_trial(tried, TENANT)
    assert tried.status.trial_ends_at == NOON + 14 * DAY
    assert valid_until(tried, TENANT) == NOON + 21 * DAY
    account.pass_until(NOON + 14 * DAY)
    assert not is_trial(standing(wanted, converge(account, wanted), trial={"days": 14}), TENANT)
    assert is_trial(objects.subscription(spec={"trial": {"days": 1}}), objects.tenant())
    assert not is_trial(objects.subscription(spec={"trial": {"days": 1}}), TENANT)


def test_a_page_is_told_while_it_is_open() -> None:
    account, wanted = StripeAccount(now=NOON), wish(collection=CollectionMethod.CHECKOUT)
    told = billing_told(wanted, converge(account, wanted))
    assert (told.checkout_url, told.checkout_expires_at) == ("https://checkout.example/cs_1", NOON + DAY)
    account.pay_on_page()
    assert billing_told(wanted, converge(account, wanted)).checkout_url is None


@pytest.mark.parametrize("status", [StripeStatus.PAST_DUE, StripeStatus.UNPAID])
def test_what_is_overdue_without_an_open_invoice_is_so_since_its_period_began(status: StripeStatus) -> None:
    told = billing_told(wish(), Step(subscription=subscription(status=status)))
    assert told.stripe.overdue_since == NOON
    told = billing_told(wish(), Step(subscription=subscription(status=status, unpaid_since=NOON - DAY)))
    assert told.stripe.overdue_since == NOON - DAY


def test_who_ended_it_is_told() -> None:
    account, wanted = begun()
    ending = replace(wanted, cancel=Cancel.IMMEDIATELY)
    told = billing_told(ending, converge(account, ending)).stripe
    assert (told.state, told.ended_at, told.ended_by_spec) == ("canceled", NOON, True)
    account, wanted = begun()
    account.end_in_dashboard("sub_1")
    assert not billing_told(wanted, converge(account, wanted)).stripe.ended_by_spec


def test_an_end_to_come_is_told_before_it_is_there() -> None:
    account, wanted = begun(cancel=None)
    ending = replace(wanted, cancel=Cancel.AT_PERIOD_END)
    told = billing_told(ending, converge(account, ending)).stripe
    assert (told.ends_at, told.ended_at, told.ended_by_spec) == (NOON + MONTH, None, False)


def test_refusals_are_kept() -> None:
    assert billing_told(wish(refusals=2), Step()).stripe.refusals == 2
    assert billing_told(wish(refusals=2), Step(subscription=subscription())).stripe.refusals == 2


def conditions(
    wanted: Any, step: Step, now: Any = NOON, problem: Any = None
) -> dict[str, tuple[str, str, str]]:
    """Each condition: status, reason, message."""
    account = account_of(standing(wanted, step))
    assert account is not None
    found = billing_findings(account, wanted, step, now, problem=problem)
    return {each.type: (each.status, each.reason, each.message) for each in found}


def test_all_is_well_in_one_condition() -> None:
    account, wanted = begun()
    found = conditions(wanted, converge(account, replace(wanted, seats=2)))
    assert set(found) == {ConditionType.BILLING_SYNCED}
    status, reason, message = found[ConditionType.BILLING_SYNCED]
    assert (status, reason) == (ConditionStatus.TRUE, Reason.SUCCEEDED)
    assert "sub_1 at Stripe is active with 2 seats. Until 2027-03-31 12:00:00 UTC there are 5" in message


def test_what_is_in_the_way_is_told() -> None:
    account, wanted = begun()
    step = plan(replace(wanted, seats=9), account.seen(), NOON)
    assert conditions(wanted, step)[ConditionType.BILLING_SYNCED][1] is Reason.PROGRESSING
    refused = (Reason.BILLING_REFUSED, "No such coupon: spring")
    assert conditions(wanted, step, problem=refused)[ConditionType.BILLING_SYNCED][1:] == refused


@pytest.mark.parametrize("policy", DriftPolicy)
def test_drift_is_told_with_both_values_and_what_becomes_of_it(policy: DriftPolicy) -> None:
    account, wanted = begun(drift_policy=policy)
    account.edit("sub_1", quantity=3, cancel_at_period_end=True)
    status, reason, message = conditions(wanted, plan(wanted, account.seen(), NOON))[ConditionType.DRIFTED]
    assert (status, reason) == (ConditionStatus.TRUE, REASONS[policy])
    assert "seats is 3 at Stripe and 5 in the spec; the end is asked for at Stripe" in message


def test_an_overdue_payment_is_told_until_it_comes() -> None:
    account, wanted = begun()
    account.card_works = False
    account.pass_until(NOON + MONTH)
    step = converge(account, wanted)
    overdue = conditions(wanted, step, account.now)[ConditionType.PAYMENT_OVERDUE]
    assert overdue[:2] == (ConditionStatus.TRUE, Reason.PAYMENT_OVERDUE)
    over = conditions(wanted, step, account.now + 7 * DAY)[ConditionType.PAYMENT_OVERDUE]
    assert over[:2] == (ConditionStatus.TRUE, Reason.PAYMENT_GRACE_OVER)
    account.pay_what_is_open()
    assert ConditionType.PAYMENT_OVERDUE not in conditions(wanted, converge(account, wanted), account.now)
