"""Trials: until when a Subscription is one, and what is told of it.

A trial is part of what was declared, and nothing is remembered of it: it ends at an instant that follows from the manifest and
from when the Subscription was created. Taking `spec.trial` away makes it one that was bought, before the end or after it.
"""

from datetime import datetime, timedelta

from seatwarden.resources.conditions import ConditionStatus, ConditionType, Finding
from seatwarden.resources.reasons import Reason
from seatwarden.resources.rules import format_instant
from seatwarden.resources.subscription import Subscription

WARNED_BEFORE = timedelta(days=3)
"""So long before its end a trial is said to be ending. It is as long as payment providers warn."""


def trial_end(subscription: Subscription) -> datetime | None:
    """The instant from which the trial is over; None where it is no trial."""
    trial, created = subscription.spec.trial, subscription.metadata.creation_timestamp
    if trial is None:
        return None
    if trial.days is None or created is None:
        return trial.ends_at
    return created + timedelta(days=trial.days)


def told_end(subscription: Subscription) -> datetime | None:
    """`trial_end` in whole seconds, as status is written: what is read back must be equal to what was meant."""
    end = trial_end(subscription)
    return None if end is None else end.replace(microsecond=0)


def trial_changes_at(subscription: Subscription, now: datetime) -> datetime | None:
    """When something else is to be told of the trial than ``now``; None where nothing will be."""
    end = trial_end(subscription)
    if end is None:
        return None
    return min((instant for instant in (end - WARNED_BEFORE, end) if instant > now), default=None)


def trialing(subscription: Subscription, now: datetime) -> tuple[Finding, ...]:
    """Is it a trial that goes on? Said only while it is so; in its last days with another reason."""
    end = trial_end(subscription)
    if end is None or now >= end:
        return ()
    ending = now >= end - WARNED_BEFORE
    message = (
        f"The trial ends at {format_instant(end)}: from then on no seat is granted or renewed. "
        "Remove spec.trial when the Subscription is bought."
    )
    reason = Reason.TRIAL_ENDING if ending else Reason.TRIAL_RUNNING
    return (
        Finding(type=ConditionType.TRIALING, status=ConditionStatus.TRUE, reason=reason, message=message),
    )
