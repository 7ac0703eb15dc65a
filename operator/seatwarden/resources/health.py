"""The colour that Argo CD shows for a resource, by the reason why it is not Ready.

Argo CD acts on colours. `Degraded` fails a sync and sends alarms. `Progressing` and `Suspended` hold a sync with several
waves until the resource is Healthy, and alarm nobody. So a colour follows from what happens next: Degraded where a person
must act, Progressing where it is solved without one, Suspended where a person has wanted that no seat is given. That is the
outlook of the reason, with few exceptions.
"""

from enum import StrEnum
from typing import assert_never

from seatwarden.resources.reasons import Outlook, Reason


class Health(StrEnum):
    """What Argo CD calls the health of a resource, as far as we say it."""

    HEALTHY = "Healthy"
    """Seats can be taken, or given to those who can."""
    PROGRESSING = "Progressing"
    """Not yet, and nobody needs to do anything."""
    SUSPENDED = "Suspended"
    """Not, as somebody has wanted it."""
    DEGRADED = "Degraded"
    """Not, until a person acts."""


_EXCEPTIONS = {
    Reason.SUSPENDED: Health.SUSPENDED,
    Reason.DRAINING: Health.SUSPENDED,
    Reason.DRAINED: Health.SUSPENDED,
    Reason.TENANT_SUSPENDED: Health.SUSPENDED,
    Reason.SUBSCRIPTION_SUSPENDED: Health.SUSPENDED,
    # What they wait for has a colour of its own, which alarms where an alarm is due.
    Reason.TENANT_NOT_READY: Health.PROGRESSING,
    Reason.SUBSCRIPTION_NOT_READY: Health.PROGRESSING,
    # Argo CD itself shows all that is being deleted so.
    Reason.DELETION_BLOCKED_BY_DEPENDENTS: Health.PROGRESSING,
    # It is tried again and again, and yet no try helps before somebody has done something.
    Reason.REDIS_UNFIT: Health.DEGRADED,
    Reason.SIGNING_BUDGET_SPENT: Health.DEGRADED,
    Reason.INTERNAL_ERROR: Health.DEGRADED,
    # Said beside a pool or a Tenant that is Ready and goes on being so.
    Reason.TOO_MANY_LICENCE_KEYS: Health.HEALTHY,
    Reason.TOO_MANY_SIGNING_KEYS: Health.HEALTHY,
}


def health_of(reason: Reason) -> Health:
    """The colour of a resource that says ``reason``."""
    if reason in _EXCEPTIONS:
        return _EXCEPTIONS[reason]
    match reason.outlook:
        case Outlook.SETTLED:
            return Health.HEALTHY
        case Outlook.RETRYING:
            return Health.PROGRESSING
        case Outlook.WAITING | Outlook.TERMINAL:
            return Health.DEGRADED
        case never:
            assert_never(never)
