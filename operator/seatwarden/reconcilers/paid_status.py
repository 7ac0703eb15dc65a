"""What the status of a Subscription has of the payment provider, read back from it."""

from dataclasses import fields
from typing import Any

from seatwarden.domain.billing.told import BillingTold
from seatwarden.reconcilers.billing_looks import is_about
from seatwarden.resources.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    Finding,
    find_condition,
)
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
    condition = find_condition(status.conditions, ConditionType.BILLING_SYNCED)
    settled = condition is not None and condition.status is ConditionStatus.TRUE
    return settled and status.stripe is not None and is_about(status, found.metadata)


def kept(found: Subscription, kinds: tuple[ConditionType, ...]) -> tuple[Finding, ...]:
    """The conditions of those types as they were told."""
    conditions = (find_condition(found.status.conditions, kind) for kind in kinds)
    return tuple(_as_found(kind, it) for kind, it in zip(kinds, conditions, strict=True) if it is not None)


def _as_found(kind: ConditionType, told: Condition) -> Finding:
    reason = next((it for it in Reason if it == told.reason), Reason.PROGRESSING)
    return Finding(type=kind, status=told.status, reason=reason, message=told.message)
