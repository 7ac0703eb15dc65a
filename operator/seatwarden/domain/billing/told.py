"""What the status tells of Stripe after a look there, and the conditions beside it."""

from dataclasses import dataclass
from datetime import datetime

from seatwarden.domain.billing.applied import Applied, ends_at
from seatwarden.domain.billing.drift import drifted
from seatwarden.domain.billing.facts import OWING, SubscriptionFacts
from seatwarden.domain.billing.phases import Account, row_of
from seatwarden.domain.billing.subscriptions import Step, is_alive
from seatwarden.domain.billing.wanted import Wanted
from seatwarden.domain.trials import WARNED_BEFORE
from seatwarden.resources.conditions import ConditionStatus, ConditionType, Finding
from seatwarden.resources.reasons import Reason
from seatwarden.resources.rules import format_instant
from seatwarden.resources.subscription import DriftPolicy, Period, Phase, StripeSubscriptionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingTold:
    """The fields of the status that tell of Stripe, each under its name there."""

    stripe: StripeSubscriptionStatus
    current_period: Period | None = None
    trial_ends_at: datetime | None = None
    checkout_url: str | None = None
    checkout_expires_at: datetime | None = None


def billing_told(wanted: Wanted, step: Step) -> BillingTold:
    """What ``step`` has seen. The refusals are those that the status has already: who meets another one adds it."""
    found, page = step.subscription, step.page
    refusals = wanted.refusals or None
    url = page.url if page is not None else None
    expires_at = page.expires_at if page is not None else None
    if found is None:
        stripe = StripeSubscriptionStatus(refusals=refusals)
        return BillingTold(stripe=stripe, checkout_url=url, checkout_expires_at=expires_at)
    return BillingTold(
        stripe=_stripe(wanted, found, refusals),
        current_period=Period(start=found.period_start, end=found.period_end),
        trial_ends_at=found.trial_end,
        checkout_url=url,
        checkout_expires_at=expires_at,
    )


def _stripe(wanted: Wanted, found: SubscriptionFacts, refusals: int | None) -> StripeSubscriptionStatus:
    written = Applied.of(found)
    # Where a stranger's change is only told of, what the spec said when it was written last goes on.
    reports = wanted.drift_policy is DriftPolicy.REPORT and written is not None
    overdue = found.unpaid_since
    if overdue is None and found.status in OWING:
        overdue = found.period_start
    return StripeSubscriptionStatus(
        subscription_id=found.id,
        state=found.status.value,
        price_id=found.price.id,
        quantity=found.quantity,
        granted_seats=written.seats if reports and written is not None else found.quantity,
        paid_seats=found.paid_seats,
        paid_until=found.paid_until,
        overdue_since=overdue,
        ends_at=ends_at(found),
        ended_at=None if is_alive(found) else found.ended_at or found.canceled_at,
        ended_by_spec=not is_alive(found) and written is not None and written.cancel,
        refusals=refusals,
    )


def billing_findings(
    account: Account, wanted: Wanted, step: Step, now: datetime, *, problem: tuple[Reason, str] | None
) -> tuple[Finding, ...]:
    """BillingSynced always; Drifted and PaymentOverdue while they are so. ``problem`` is why a call did not work."""
    return (
        billing_synced(problem or step.problem, step),
        *drifted(step.drift, wanted.drift_policy),
        *payment_overdue(account, now),
    )


def billing_synced(problem: tuple[Reason, str] | None, step: Step) -> Finding:
    """Has Stripe what is wanted?"""
    if problem is not None:
        return _finding(ConditionType.BILLING_SYNCED, ConditionStatus.FALSE, *problem)
    if step.call is not None:
        message = "Stripe does not have yet what the spec asks for."
        return _finding(ConditionType.BILLING_SYNCED, ConditionStatus.FALSE, Reason.PROGRESSING, message)
    found = step.subscription
    message = "Nothing has begun at Stripe." if found is None else _in_words(found)
    return _finding(ConditionType.BILLING_SYNCED, ConditionStatus.TRUE, Reason.SUCCEEDED, message)


def payment_overdue(account: Account, now: datetime) -> tuple[Finding, ...]:
    """Should a payment have come that has not? Said only while it is so."""
    row = row_of(account, now)
    if row.phase is not Phase.PAST_DUE and row.reason is not Reason.PAYMENT_GRACE_OVER:
        return ()
    reason = row.reason or Reason.PAYMENT_OVERDUE
    return (_finding(ConditionType.PAYMENT_OVERDUE, ConditionStatus.TRUE, reason, row.message(account)),)


def paid_trial(account: Account, now: datetime) -> tuple[Finding, ...]:
    """Is it a trial that goes on? Said only while it is so; in its last days with another reason."""
    end = account.trial_end
    if row_of(account, now).phase is not Phase.TRIALING or end is None:
        return ()
    reason = Reason.TRIAL_ENDING if now >= end - WARNED_BEFORE else Reason.TRIAL_RUNNING
    message = f"The trial ends at {format_instant(end)}, and the first payment is due then."
    return (_finding(ConditionType.TRIALING, ConditionStatus.TRUE, reason, message),)


def _in_words(found: SubscriptionFacts) -> str:
    kept = ""
    if found.paid_seats is not None and found.paid_until is not None and found.paid_seats > found.quantity:
        kept = f" Until {found.paid_until:%Y-%m-%d %H:%M:%S} UTC there are {found.paid_seats}, which are paid for."
    return f"Subscription {found.id} at Stripe is {found.status.value} with {found.quantity} seats.{kept}"


def _finding(kind: ConditionType, status: ConditionStatus, reason: Reason, message: str) -> Finding:
    return Finding(type=kind, status=status, reason=reason, message=message)
