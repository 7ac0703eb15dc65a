from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.domain.billing.facts import StripeStatus
from seatwarden.domain.billing.phases import RENEWAL_SLACK, TABLE, Account, row_of
from seatwarden.domain.seats import PoolState
from seatwarden.resources.reasons import Reason
from seatwarden.resources.subscription import Phase
from tests.domain.billing.wishes import NOON

DAY = timedelta(days=1)
GRACE = 7 * DAY
END = NOON + 20 * DAY


def account(state: StripeStatus | None = StripeStatus.ACTIVE, **changes: Any) -> Account:
    """Five seats, paid until twenty days from noon."""
    return replace(Account(state=state, grace=GRACE, period_end=END, quantity=5), **changes)


LINES: list[tuple[str, Account, datetime, Phase, Reason | None]] = [
    ("to end before it began", account(None, cancelled=True), NOON, Phase.CANCELED, Reason.SUBSCRIPTION_CANCELED),
    ("a page is open", account(None, page_open=True), NOON, Phase.PENDING, Reason.AWAITING_CHECKOUT),
    ("nothing yet", account(None), NOON, Phase.PENDING, Reason.PROGRESSING),
    ("first payment", account(StripeStatus.INCOMPLETE), NOON, Phase.PENDING, Reason.AWAITING_PAYMENT),
    ("never paid", account(StripeStatus.INCOMPLETE_EXPIRED), NOON, Phase.CANCELED, Reason.SUBSCRIPTION_ENDED),
    ("ended there", account(StripeStatus.CANCELED), NOON, Phase.CANCELED, Reason.SUBSCRIPTION_ENDED),
    ("ended, anew", account(StripeStatus.CANCELED, page_open=True), NOON, Phase.PENDING, Reason.AWAITING_CHECKOUT),
    ("ended by spec", account(StripeStatus.CANCELED, ended_by_spec=True), NOON, Phase.CANCELED, Reason.SUBSCRIPTION_CANCELED),
    ("ends later", account(ends_at=END), END - DAY, Phase.ACTIVE, None),
    ("has ended unheard", account(ends_at=END), END, Phase.CANCELED, Reason.SUBSCRIPTION_ENDED),
    ("paused", account(StripeStatus.PAUSED), NOON, Phase.SUSPENDED, Reason.PAYMENT_METHOD_MISSING),
    ("invoice is not due yet", account(overdue_since=NOON + DAY), NOON, Phase.ACTIVE, None),
    ("overdue", account(StripeStatus.PAST_DUE, overdue_since=NOON), NOON, Phase.PAST_DUE, None),
    ("overdue, Stripe gave up", account(StripeStatus.UNPAID, overdue_since=NOON), NOON + DAY, Phase.PAST_DUE, None),
    ("overdue to the last", account(overdue_since=NOON), NOON + GRACE - DAY, Phase.PAST_DUE, None),
    ("overdue too long", account(overdue_since=NOON), NOON + GRACE, Phase.SUSPENDED, Reason.PAYMENT_GRACE_OVER),
    ("no grace", account(overdue_since=NOON, grace=timedelta(0)), NOON, Phase.SUSPENDED, Reason.PAYMENT_GRACE_OVER),
    ("renewal unheard of", account(), END + DAY, Phase.ACTIVE, None),
    ("unheard of too long", account(), END + GRACE, Phase.EXPIRED, Reason.RENEWAL_UNKNOWN),
    ("overdue later, unheard of", account(overdue_since=END + 9 * DAY), END + 9 * DAY, Phase.EXPIRED, Reason.RENEWAL_UNKNOWN),
    ("trial", account(StripeStatus.TRIALING), NOON, Phase.TRIALING, None),
    ("trial that is over, unheard", account(StripeStatus.TRIALING), END + GRACE, Phase.EXPIRED, Reason.RENEWAL_UNKNOWN),
    ("paid", account(), NOON, Phase.ACTIVE, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("found", "now", "phase", "reason"), [line[1:] for line in LINES], ids=[line[0] for line in LINES]
)
def test_phase(found: Account, now: datetime, phase: Phase, reason: Reason | None) -> None:
    row = row_of(found, now)
    assert (row.phase, row.reason) == (phase, reason)


def test_every_line_of_the_table_is_tested() -> None:
    assert {row_of(found, now).when for _, found, now, _, _ in LINES} == {row.when for row in TABLE}


def test_every_phase_is_in_the_table() -> None:
    assert {row.phase for row in TABLE} == set(Phase)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.when)
def test_seats_are_granted_exactly_where_there_is_no_reason_against_it(row: Any) -> None:
    assert (row.reason is None) is (row.pools is PoolState.ACTIVE)
    assert (row.phase in {Phase.ACTIVE, Phase.TRIALING, Phase.PAST_DUE}) is (row.reason is None)
    # What only a suspension may do, ending leases at once, must not befall who was never suspended.
    assert (row.phase is Phase.SUSPENDED) <= (row.pools is PoolState.SUSPENDED)
    assert row.message(account(overdue_since=NOON, trial_end=NOON)).endswith(".")


@pytest.mark.parametrize(
    ("found", "until"),
    [
        (account(), END + GRACE),
        (account(grace=timedelta(0)), END + RENEWAL_SLACK),
        (account(ends_at=END), END),
        (account(ends_at=NOON + DAY), NOON + DAY),
        (account(overdue_since=NOON), NOON + GRACE),
        (account(overdue_since=NOON, ends_at=NOON + DAY), NOON + DAY),
        (account(StripeStatus.CANCELED, ended_at=NOON), NOON),
        (account(StripeStatus.INCOMPLETE), None),
        (account(None, period_end=None), None),
    ],
)
def test_it_is_valid_until_what_stripe_says_and_the_grace(found: Account, until: datetime | None) -> None:
    assert found.valid_until == until


def test_seats_that_are_paid_last_until_their_period_ends() -> None:
    found = account(quantity=2, paid_seats=5, paid_until=END)
    assert (found.seats(NOON), found.seats(END - timedelta(seconds=1)), found.seats(END)) == (5, 5, 2)
    assert account(quantity=7, paid_seats=5, paid_until=END).seats(NOON) == 7
    assert account(quantity=2).seats(NOON) == 2


INSTANTS = st.none() | st.integers(-40, 40).map(lambda days: NOON + days * DAY)
ACCOUNTS = st.builds(
    Account,
    state=st.none() | st.sampled_from(StripeStatus),
    grace=st.sampled_from([timedelta(0), DAY, GRACE]),
    period_end=INSTANTS,
    ends_at=INSTANTS,
    ended_at=INSTANTS,
    overdue_since=INSTANTS,
    quantity=st.integers(0, 9),
    paid_seats=st.none() | st.integers(0, 9),
    paid_until=INSTANTS,
    ended_by_spec=st.booleans(),
    cancelled=st.booleans(),
    page_open=st.booleans(),
)


@given(ACCOUNTS, st.integers(-40, 40), st.integers(0, 80 * 24))
def test_nothing_changes_by_itself_between_the_instants_that_are_told(
    found: Account, days: int, hours: int
) -> None:
    now = NOON + days * DAY
    later = now + timedelta(hours=hours)
    changes_at = found.changes_at(now)
    if changes_at is None or later < changes_at:
        assert row_of(found, later) == row_of(found, now)
        assert found.seats(later) == found.seats(now)


@given(ACCOUNTS, st.integers(-40, 40))
def test_no_seat_is_granted_behind_the_end_that_redis_was_told(found: Account, days: int) -> None:
    now = NOON + days * DAY
    if row_of(found, now).reason is None:
        assert found.valid_until is not None
        assert now < found.valid_until


def test_the_documentation_has_the_same_table() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "billing.md").read_text(encoding="utf-8")
    lines = [
        f"| {row.when} | `{row.phase}` | {f'`{row.reason}`' if row.reason is not None else ''} "
        f"| {'none' if row.reason is not None else 'granted'} |"
        for row in TABLE
    ]
    assert "\n".join(lines) in page
