"""From a reason to conditions, by the rules of kstatus.

What is being worked on is ``Reconciling``, what needs a person is ``Stalled``.
"""

from datetime import datetime
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


def redis_ready(message: str, *, problem: Reason | None = None) -> Finding:
    """Does the authority hold the pool as it should be? If not, ``problem`` is why."""
    if problem is None:
        return _finding(ConditionType.REDIS_READY, ConditionStatus.TRUE, Reason.SUCCEEDED, message)
    return _finding(ConditionType.REDIS_READY, ConditionStatus.FALSE, problem, message)


def recovering(message: str | None) -> tuple[Finding, ...]:
    """Do only those come back who held a seat? Said only while it is so."""
    if message is None:
        return ()
    return (_finding(ConditionType.RECOVERING, ConditionStatus.TRUE, Reason.RECOVERING, message),)


def over_capacity(
    *, live: int, capacity: int, overage: int = 0, evicts_at: str | None = None, away: str = ""
) -> tuple[Finding, ...]:
    """Are more seats held than there are, with the overage that is allowed? Said only while it is so.

    ``evicts_at`` is the instant, as text, at which those are evicted that are still too many, and ``away`` is what
    `borrowed_away` says.
    """
    surplus = live - capacity - overage
    if surplus <= 0:
        return ()
    allowed = f"{capacity} and {overage} overage" if overage else f"{capacity}"
    message = (
        f"{live} seats are held and the pool has {allowed}; none is granted until {surplus} more came back."
        f"{away}"
    )
    if evicts_at is not None:
        message += f" What is still too much at {evicts_at} is evicted, the oldest leases first."
        return eviction_pending(message)
    return (_finding(ConditionType.OVER_CAPACITY, ConditionStatus.TRUE, Reason.OVER_CAPACITY, message),)


def eviction_pending(message: str) -> tuple[Finding, ...]:
    """More seats are held than there are, and what is too much is about to be evicted."""
    return (_finding(ConditionType.OVER_CAPACITY, ConditionStatus.TRUE, Reason.EVICTION_PENDING, message),)


def borrowed_away(*, seats: int, until: datetime | None) -> str:
    """Which of the seats that are held cannot come back by an end of their program, as a sentence that follows another."""
    if until is None:
        return ""
    which = "One of them is borrowed" if seats == 1 else f"{seats} of them are borrowed"
    return f" {which}, until {until:%Y-%m-%d %H:%M:%S} UTC at the latest."


def overage(*, held: int, allowed: int, capacity: int) -> tuple[Finding, ...]:
    """Are overage seats held? Said only while it is so."""
    if held <= 0:
        return ()
    message = f"{held} seats are held above the {capacity} of the pool; up to {allowed} may be."
    return (_finding(ConditionType.OVERAGE, ConditionStatus.TRUE, Reason.OVERAGE_IN_USE, message),)


def draining(*, live: int, is_certain: bool = True, away: str = "") -> tuple[Finding, ...]:
    """How far a pool is that is to run empty. Where ``live`` is not certain, it is not said that nobody holds a seat.

    ``away`` is what `borrowed_away` says.
    """
    if live > 0:
        message = f"{live} seats are still held; no new one is given while spec.drain is true.{away}"
        return (_finding(ConditionType.DRAINING, ConditionStatus.TRUE, Reason.DRAINING, message),)
    if not is_certain:
        message = "No new seat is given while spec.drain is true. The seats that are held are being counted."
        return (_finding(ConditionType.DRAINING, ConditionStatus.TRUE, Reason.DRAINING, message),)
    message = "No seat is held, and none is given while spec.drain is true."
    return (_finding(ConditionType.DRAINING, ConditionStatus.TRUE, Reason.DRAINED, message),)


def shadow_mode(*, would_deny: int) -> tuple[Finding, ...]:
    """What a pool would have refused if it enforced its policies."""
    message = f"Nothing is refused for want of a seat. {would_deny} grants would have been refused since the pool was made."
    return (_finding(ConditionType.SHADOW_MODE, ConditionStatus.TRUE, Reason.NOT_ENFORCED, message),)


def signing_key_waiting(until: datetime | None) -> tuple[Finding, ...]:
    """Is there no room yet for a root key that is due? Said only while it is so."""
    if until is None:
        return ()
    message = f"Another root key is made when the oldest has ended, at {until:%Y-%m-%d %H:%M:%S} UTC."
    reason = Reason.TOO_MANY_SIGNING_KEYS
    return (_finding(ConditionType.ROTATION_WAITING, ConditionStatus.TRUE, reason, message),)


def licence(*, problem: tuple[Reason, str] | None, message: str) -> Finding:
    """Is there a licence document that says what was bought?"""
    if problem is None:
        return _finding(ConditionType.LICENCE_READY, ConditionStatus.TRUE, Reason.SUCCEEDED, message)
    return _finding(ConditionType.LICENCE_READY, ConditionStatus.FALSE, problem[0], problem[1])


def rotation_waiting(message: str | None) -> tuple[Finding, ...]:
    """Is there no room yet for a licence key that was asked for? Said only while it is so."""
    if message is None:
        return ()
    reason = Reason.TOO_MANY_LICENCE_KEYS
    return (_finding(ConditionType.ROTATION_WAITING, ConditionStatus.TRUE, reason, message),)


def signing_key(*, problem: tuple[Reason, str] | None, message: str) -> Finding:
    """Has the Tenant a key that can sign?"""
    if problem is None:
        return _finding(ConditionType.SIGNING_KEY_READY, ConditionStatus.TRUE, Reason.SUCCEEDED, message)
    return _finding(ConditionType.SIGNING_KEY_READY, ConditionStatus.FALSE, problem[0], problem[1])


def identity(*, problem: tuple[Reason, str] | None, issuers: int) -> Finding:
    """Are the keys of all issuers known that the Tenant lists?"""
    if problem is None:
        message = f"Tokens of {issuers} issuer{'' if issuers == 1 else 's'} can be verified."
        return _finding(ConditionType.IDENTITY_READY, ConditionStatus.TRUE, Reason.SUCCEEDED, message)
    return _finding(ConditionType.IDENTITY_READY, ConditionStatus.FALSE, problem[0], problem[1])


def _finding(kind: ConditionType, status: ConditionStatus, reason: Reason, message: str) -> Finding:
    return Finding(type=kind, status=status, reason=reason, message=message)
