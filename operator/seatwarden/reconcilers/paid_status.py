"""What the status of a Subscription has of the payment provider, read back from it."""

from dataclasses import fields
from typing import Any

from seatwarden.domain.billing.told import BillingTold
from seatwarden.reconcilers.billing_looks import is_about
from seatwarden.resources.conditions import ConditionType, Finding, is_true, restated
from seatwarden.resources.reasons import Reason
from seatwarden.resources.subscription import Subscription, SubscriptionStatus


def told_before(found: Subscription) -> BillingTold | None:
    """What the status has of the provider; None where nobody has looked there."""
    status = found.status
    if status.stripe is None:
        return None
    return BillingTold(
        stripe=status.stripe,
        current_period=status.current_period,
        trial_ends_at=status.trial_ends_at,
        checkout_url=status.checkout_url,
        checkout_expires_at=status.checkout_expires_at,
    )


def told_fields(told: BillingTold | None) -> dict[str, Any]:
    """What was told of the provider, under its names in the status."""
    return {each.name: getattr(told, each.name) for each in fields(told)} if told is not None else {}


def with_money(status: SubscriptionStatus, told: BillingTold | None) -> SubscriptionStatus:
    """A status with what was told of the provider."""
    return status.model_copy(update=told_fields(told))


def is_settled(found: Subscription) -> bool:
    """Whether the status says that all is well with this spec."""
    status = found.status
    settled = is_true(status.conditions, ConditionType.BILLING_SYNCED)
    return settled and status.stripe is not None and is_about(status, found.metadata)


def kept(found: Subscription, kinds: tuple[ConditionType, ...]) -> tuple[Finding, ...]:
    """The conditions of those types as they were told."""
    conditions = found.status.conditions
    told = (restated(conditions, kind, unknown=Reason.PROGRESSING) for kind in kinds)
    return tuple(each for each in told if each is not None)
