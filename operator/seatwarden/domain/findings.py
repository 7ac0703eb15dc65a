"""From a reason to conditions, by the rules of kstatus.

What is being worked on is ``Reconciling``, what needs a person is ``Stalled``.
"""

from typing import assert_never

from seatwarden.resources.conditions import ConditionStatus, ConditionType, Finding
from seatwarden.resources.reasons import Outlook, Reason


def ready(message: str) -> tuple[Finding, ...]:
    """All is as the spec wants it."""
    return (_finding(ConditionType.READY, ConditionStatus.TRUE, Reason.SUCCEEDED, message),)


def not_ready(reason: Reason, message: str) -> tuple[Finding, ...]:
    """Something is not as the spec wants it; what is said beside it follows from the reason's outlook."""
    not_so = _finding(ConditionType.READY, ConditionStatus.FALSE, reason, message)
    match reason.outlook:
        case Outlook.RETRYING:
            return (not_so, _finding(ConditionType.RECONCILING, ConditionStatus.TRUE, reason, message))
        case Outlook.TERMINAL:
            return (not_so, _finding(ConditionType.STALLED, ConditionStatus.TRUE, reason, message))
        case Outlook.WAITING:
            return (not_so,)
        case Outlook.SETTLED:
            return (_finding(ConditionType.READY, ConditionStatus.UNKNOWN, reason, message),)
        case never:
            assert_never(never)


def suspended() -> tuple[Finding, ...]:
    """A person has asked the operator to keep its hands off. Nothing is known of how well the spec is met meanwhile."""
    return not_ready(
        Reason.SUSPENDED, "spec.suspend is true: changes wait until it is false; seats go on as they are."
    )


def redis_ready(*, answers: bool, message: str, reason: Reason = Reason.REDIS_UNAVAILABLE) -> Finding:
    """Does the authority hold the pool as it should be? ``reason`` is why it does not."""
    if answers:
        return _finding(ConditionType.REDIS_READY, ConditionStatus.TRUE, Reason.SUCCEEDED, message)
    return _finding(ConditionType.REDIS_READY, ConditionStatus.FALSE, reason, message)


def over_capacity(*, live: int, capacity: int) -> tuple[Finding, ...]:
    """Are more seats held than there are? Said only while it is so."""
    if live <= capacity:
        return ()
    message = f"{live} seats are held and the pool has {capacity}; none is granted until {live - capacity} more came back."
    return (_finding(ConditionType.OVER_CAPACITY, ConditionStatus.TRUE, Reason.OVER_CAPACITY, message),)


def signing_key(*, problem: tuple[Reason, str] | None, message: str) -> Finding:
    """Has the Tenant a key that can sign?"""
    if problem is None:
        return _finding(ConditionType.SIGNING_KEY_READY, ConditionStatus.TRUE, Reason.SUCCEEDED, message)
    return _finding(ConditionType.SIGNING_KEY_READY, ConditionStatus.FALSE, problem[0], problem[1])


def _finding(kind: ConditionType, status: ConditionStatus, reason: Reason, message: str) -> Finding:
    return Finding(type=kind, status=status, reason=reason, message=message)
