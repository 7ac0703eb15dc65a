"""Which changes of conditions are worth an Event."""

from collections.abc import Sequence
from dataclasses import dataclass

from seatwarden.resources.conditions import Condition, ConditionStatus, ConditionType, find_condition, is_true
from seatwarden.resources.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an Event says."""

    reason: str
    note: str
    warning: bool


def worth_telling(before: Sequence[Condition], after: Sequence[Condition]) -> list[Told]:
    """Trouble and its end, also with issuers of tokens; the beginning and the end of overage, leases that are about to be
    evicted, a pool that has run empty, a trial that ends soon; changes that others made at the payment provider, and
    payments that are overdue.

    That a new object became ready is what its status says; no Event repeats it.
    """
    ready = _of_trouble(ConditionType.READY, before, after)
    issuers = _of_trouble(ConditionType.IDENTITY_READY, before, after)
    # One trouble is one Event, also where it is the reason for both.
    issuers = [told for told in issuers if told not in ready]
    of_seats = (*_of_eviction(before, after), *_of_overage(before, after), *_of_draining(before, after))
    of_money = [
        told for told in _of_money(before, after) if told.reason not in {each.reason for each in ready}
    ]
    return [*ready, *issuers, *of_seats, *_of_trial(before, after), *of_money]


def leases_evicted(before: int | None, after: int | None) -> Told | None:
    """Were leases evicted between two statuses that count them?"""
    evicted = (after or 0) - (before or 0)
    if evicted <= 0:
        return None
    were = "1 lease was" if evicted == 1 else f"{evicted} leases were"
    note = f"{were} evicted: more seats were held than the pool has."
    return Told(reason=Reason.LEASES_EVICTED, note=note, warning=True)


def _of_trouble(kind: ConditionType, before: Sequence[Condition], after: Sequence[Condition]) -> list[Told]:
    then, now = (find_condition(conditions, kind) for conditions in (before, after))
    if now is None:
        return []
    trouble = now.status is ConditionStatus.FALSE
    if trouble:
        the_same = then is not None and then.status is now.status and then.reason == now.reason
        worth = not the_same and now.reason != Reason.PROGRESSING
    else:
        worth = then is not None and then.status is ConditionStatus.FALSE
    return [Told(reason=now.reason, note=now.message, warning=trouble)] if worth else []


def _of_eviction(before: Sequence[Condition], after: Sequence[Condition]) -> list[Told]:
    then, now = (find_condition(conditions, ConditionType.OVER_CAPACITY) for conditions in (before, after))
    pending = now is not None and now.reason == Reason.EVICTION_PENDING
    if now is None or not pending or (then is not None and then.reason == now.reason):
        return []
    return [Told(reason=now.reason, note=now.message, warning=True)]


def _of_overage(before: Sequence[Condition], after: Sequence[Condition]) -> list[Told]:
    # While Redis is away nothing is said of overage, which is no end of it.
    if not (is_true(before, ConditionType.REDIS_READY) and is_true(after, ConditionType.REDIS_READY)):
        return []
    then, now = (find_condition(conditions, ConditionType.OVERAGE) for conditions in (before, after))
    if now is not None and then is None:
        return [Told(reason=now.reason, note=now.message, warning=False)]
    if then is not None and now is None:
        note = "No seat is held above the capacity of the pool any more."
        return [Told(reason=Reason.OVERAGE_ENDED, note=note, warning=False)]
    return []


def _of_draining(before: Sequence[Condition], after: Sequence[Condition]) -> list[Told]:
    then, now = (find_condition(conditions, ConditionType.DRAINING) for conditions in (before, after))
    if (
        not is_true(before, ConditionType.REDIS_READY)
        or now is None
        or now.reason != Reason.DRAINED
        or (then is not None and then.reason == now.reason)
    ):
        return []
    return [Told(reason=now.reason, note=now.message, warning=False)]


def _of_trial(before: Sequence[Condition], after: Sequence[Condition]) -> list[Told]:
    then, now = (find_condition(conditions, ConditionType.TRIALING) for conditions in (before, after))
    if now is None or now.reason != Reason.TRIAL_ENDING or (then is not None and then.reason == now.reason):
        return []
    return [Told(reason=now.reason, note=now.message, warning=True)]


def _of_money(before: Sequence[Condition], after: Sequence[Condition]) -> list[Told]:
    troubles = [
        told
        for kind in (ConditionType.BILLING_READY, ConditionType.BILLING_SYNCED)
        for told in _of_trouble(kind, before, after)
    ]
    for kind in (ConditionType.DRIFTED, ConditionType.PAYMENT_OVERDUE):
        then, now = (find_condition(conditions, kind) for conditions in (before, after))
        if now is not None and (then is None or then.reason != now.reason):
            troubles.append(Told(reason=now.reason, note=now.message, warning=True))
    return troubles
