from datetime import datetime, timedelta

import pytest

from seatwarden.domain.billing.notices import (
    DAYS_BEFORE,
    end_to_tell,
    next_notice_at,
    notice_due,
    told,
)
from seatwarden.resources.subscription import Notice
from tests.domain.billing.wishes import NOON

DAY = timedelta(days=1)
END = NOON + 60 * DAY


def given_over(end: datetime, looks: list[datetime], before: Notice | None = None) -> list[int]:
    """The notices that are given by an operator that looks at these instants."""
    found, last = [], before
    for now in looks:
        notice = notice_due(end, last, now)
        if notice is not None:
            found.append(notice.days_before)
            last = notice
    return found


def test_each_notice_is_given_once() -> None:
    hours = [NOON + timedelta(hours=hour) for hour in range(61 * 24)]
    assert given_over(END, hours) == list(DAYS_BEFORE) == [30, 7, 1, 0]


def test_who_was_away_gives_the_nearest_only() -> None:
    assert given_over(END, [NOON, END - 2 * DAY, END + 9 * DAY]) == [7, 0]
    assert given_over(NOON + 10 * DAY, [NOON]) == [30]


def test_an_end_that_moves_is_told_of_anew() -> None:
    before = Notice(ends_at=END, days_before=1)
    assert notice_due(END, before, END - DAY) is None
    assert notice_due(END + 5 * DAY, before, END) == Notice(ends_at=END + 5 * DAY, days_before=7)
    assert notice_due(END + 365 * DAY, before, END) is None


def test_the_end_is_told_in_whole_seconds_and_so_compares() -> None:
    odd = END + timedelta(microseconds=5)
    notice = notice_due(odd, None, END)
    assert notice is not None
    assert notice_due(odd, Notice.model_validate(notice.wire()), END) is None


@pytest.mark.parametrize(
    ("now", "then"),
    [(NOON, END - 30 * DAY), (END - 30 * DAY, END - 7 * DAY), (END - DAY, END), (END, None)],
)
def test_one_comes_back_when_the_next_is_due(now: datetime, then: datetime | None) -> None:
    assert next_notice_at(END, now) == then
    assert next_notice_at(None, now) is None


def test_what_is_going_to_be_renewed_does_not_end() -> None:
    assert end_to_tell(said=None, ends_at=None, grace_end=None) is None
    assert notice_due(None, None, NOON) is None
    assert end_to_tell(said=END, ends_at=NOON, grace_end=None) == NOON
    assert end_to_tell(said=END, ends_at=None, grace_end=END - DAY) == END - DAY


@pytest.mark.parametrize(
    ("left", "says"),
    [(7 * DAY, "7 days"), (DAY, "1 day,"), (DAY / 2, "less than a day"), (timedelta(0), "ended at")],
)
def test_a_notice_says_how_long_is_left(left: timedelta, says: str) -> None:
    notice = notice_due(END, None, END - left)
    assert notice is not None
    assert says in told(notice, END - left)
    assert "2027-04-30T12:00:00Z" in told(notice, END - left)
