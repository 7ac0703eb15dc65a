"""Notices of an end to come: 30, 7 and 1 days before, and at the end itself.

Which was given last is in the status, with the end that it was about. So each is given once, also by an operator that was
away, and an end that moves is told of anew. Of several that are due only the nearest is given: who cancels ten days before
the end is told once, and not that there are thirty days left.
"""

from datetime import datetime, timedelta

from seatwarden.resources.rules import format_instant
from seatwarden.resources.subscription import Notice

DAYS_BEFORE = (30, 7, 1, 0)


def end_to_tell(
    *, said: datetime | None, ends_at: datetime | None, grace_end: datetime | None
) -> datetime | None:
    """The end that people are told of: what the spec or Stripe says, or that of the grace for an overdue payment.

    A period that is going to be renewed is no end.
    """
    return min((each for each in (said, ends_at, grace_end) if each is not None), default=None)


def notice_due(end: datetime | None, given: Notice | None, now: datetime) -> Notice | None:
    """The notice to give now, None where none is due."""
    if end is None:
        return None
    end = end.replace(microsecond=0)
    due = [days for days in DAYS_BEFORE if now >= end - timedelta(days=days)]
    if not due:
        return None
    notice = Notice(ends_at=end, days_before=due[-1])
    is_given = given is not None and given.ends_at == end and given.days_before <= notice.days_before
    return None if is_given else notice


def next_notice_at(end: datetime | None, now: datetime) -> datetime | None:
    """When the next one is due."""
    if end is None:
        return None
    instants = [end.replace(microsecond=0) - timedelta(days=days) for days in DAYS_BEFORE]
    return min((each for each in instants if each > now), default=None)


def told(notice: Notice, now: datetime) -> str:
    """What the Event says."""
    if notice.days_before == 0:
        return f"It ended at {format_instant(notice.ends_at)}: no seat is granted or renewed."
    left = notice.ends_at - now
    days = left // timedelta(days=1)
    in_words = f"{days} days" if days > 1 else "1 day" if days == 1 else "less than a day"
    return f"It ends in {in_words}, at {format_instant(notice.ends_at)}; from then on no seat is granted or renewed."
