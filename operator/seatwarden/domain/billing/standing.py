"""How a Subscription stands, from its status: what the gates of pools, Redis and licence documents go by.

Where a Tenant has been given a payment provider only now, the status says nothing of it yet. Then all stays as it was until the
operator has looked: seats that are held do not end because a manifest was completed.
"""

from dataclasses import dataclass
from datetime import datetime

from seatwarden.domain.billing.facts import StripeStatus
from seatwarden.domain.billing.phases import Account, row_of
from seatwarden.domain.bought import declared_seats
from seatwarden.domain.seats import PoolState
from seatwarden.domain.trials import trial_end
from seatwarden.resources.reasons import Reason
from seatwarden.resources.subscription import Phase, Subscription
from seatwarden.resources.tenant import BillingProvider, Tenant

_OPEN = frozenset({Phase.ACTIVE, Phase.TRIALING})


def is_paid_at_stripe(tenant: Tenant | None) -> bool:
    """Whether seats of ``tenant`` follow what is paid at Stripe."""
    return tenant is not None and tenant.spec.billing.provider is BillingProvider.STRIPE


def account_of(subscription: Subscription) -> Account | None:
    """What the status tells of Stripe; None where the operator has not looked there yet."""
    spec, status = subscription.spec, subscription.status
    told, period = status.stripe, status.current_period
    if told is None:
        return None
    return Account(
        state=next((each for each in StripeStatus if each == told.state), None),
        grace=spec.payment_grace,
        period_end=period.end if period is not None else None,
        trial_end=status.trial_ends_at,
        ends_at=told.ends_at,
        ended_at=told.ended_at,
        overdue_since=told.overdue_since,
        quantity=told.granted_seats or 0,
        paid_seats=told.paid_seats,
        paid_until=told.paid_until,
        ended_by_spec=told.ended_by_spec,
        cancelled=spec.cancel is not None,
        page_open=status.checkout_url is not None,
    )


def is_unread(subscription: Subscription) -> bool:
    """Whether it was open before it was known who takes the money, and still is, since nobody has looked there yet."""
    return subscription.status.stripe is None and subscription.status.phase in _OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpaid:
    """Why no seat is granted, for the sake of money. ``pools`` is what the authority is to answer clients meanwhile."""

    reason: Reason
    message: str
    phase: Phase
    pools: PoolState


def unpaid(subscription: Subscription, now: datetime) -> Unpaid | None:
    """Why no seat is granted; None where one is."""
    if is_unread(subscription):
        return None
    account = account_of(subscription) or Account(state=None, grace=subscription.spec.payment_grace)
    row = row_of(account, now)
    if row.reason is None:
        return None
    return Unpaid(reason=row.reason, message=row.message(account), phase=row.phase, pools=row.pools)


def valid_until(subscription: Subscription, tenant: Tenant | None) -> datetime | None:
    """The instant from which no seat is granted or renewed if nothing changes.

    It is that of the spec, or a sooner one: of the trial, or of what was paid.
    """
    said = subscription.spec.valid_until
    if is_paid_at_stripe(tenant):
        account = account_of(subscription)
        other = account.valid_until if account is not None else None
    else:
        other = trial_end(subscription)
    return min((end for end in (said, other) if end is not None), default=None)


def bought_seats(subscription: Subscription, tenant: Tenant | None, now: datetime) -> int:
    """How many seats there are for pools: those of the spec or of the plan, or those that are paid for."""
    if not is_paid_at_stripe(tenant) or is_unread(subscription):
        return declared_seats(subscription)
    account = account_of(subscription)
    return account.seats(now) if account is not None else 0


def is_trial(subscription: Subscription, tenant: Tenant | None) -> bool:
    """Whether programs are to be told that it is a trial."""
    if not is_paid_at_stripe(tenant):
        return subscription.spec.trial is not None
    account = account_of(subscription)
    return account is not None and account.state is StripeStatus.TRIALING


def money_changes_at(subscription: Subscription, tenant: Tenant | None, now: datetime) -> datetime | None:
    """When the phase or the number of seats changes next by the passing of time, for the sake of money."""
    account = account_of(subscription) if is_paid_at_stripe(tenant) else None
    return account.changes_at(now) if account is not None else None
