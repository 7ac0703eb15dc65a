"""The life of a Subscription that is paid at Stripe: one table from what Stripe was last read to have to a phase.

Pools must not depend on when the operator writes a phase, or on whether it is there at all. So what is kept in the status are
instants and facts, never a conclusion: the Subscription, its pools and Redis each draw the same conclusion from the same record,
each at its own time, and agree. A pool reads the record in the status of the Subscription and nothing of Stripe, so seats go on
while Stripe is away, and after a restart of the operator before it has asked Stripe anything.

`valid_until` is the end if nothing more is heard of Stripe: where a payment is overdue, that instant and `spec.paymentGrace`;
where the subscription ends with its period, the end of the period; otherwise the end of the period and `spec.paymentGrace`,
since the worst that may have happened by then is that a payment has not come. So a healthy subscription outlives an outage of
Stripe, or of the way to it, over the end of a period. Stripe draws money about an hour after the period has begun;
`RENEWAL_SLACK` is the least that is allowed for that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from seatwarden.domain.billing.facts import ENDED, StripeStatus
from seatwarden.domain.seats import PoolState
from seatwarden.resources.reasons import Reason
from seatwarden.resources.rules import format_instant
from seatwarden.resources.subscription import Phase

RENEWAL_SLACK = timedelta(hours=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What is known of Stripe, with what the spec says about it. Instants are None where there is none."""

    state: StripeStatus | None
    grace: timedelta
    period_end: datetime | None = None
    trial_end: datetime | None = None
    ends_at: datetime | None = None
    ended_at: datetime | None = None
    overdue_since: datetime | None = None
    quantity: int = 0
    paid_seats: int | None = None
    paid_until: datetime | None = None
    ended_by_spec: bool = False
    cancelled: bool = False
    """Whether the spec says that it is to end."""
    page_open: bool = False

    @property
    def valid_until(self) -> datetime | None:
        """See above; None where there is nothing that could be valid."""
        if self.state in {None, StripeStatus.INCOMPLETE} or self.period_end is None:
            return None
        renewal = self.period_end + max(self.grace, RENEWAL_SLACK)
        ends = (self.ended_at, self.ends_at, self.grace_end, renewal)
        return min(each for each in ends if each is not None)

    @property
    def grace_end(self) -> datetime | None:
        """Until when an overdue payment is waited for."""
        return self.overdue_since + self.grace if self.overdue_since is not None else None

    def seats(self, now: datetime) -> int:
        """How many seats are paid for, whether or not they may be used."""
        lasts = self.paid_until is not None and now < self.paid_until
        return max(self.quantity, self.paid_seats or 0) if lasts else self.quantity

    def changes_at(self, now: datetime) -> datetime | None:
        """When a phase, or the number of seats, changes next by the passing of time alone."""
        instants = (self.ends_at, self.overdue_since, self.grace_end, self.valid_until, self.paid_until)
        return min((each for each in instants if each is not None and each > now), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table: if ``applies``, the subscription is in ``phase``. ``reason`` is None where seats are granted."""

    when: str
    applies: Callable[[Account, datetime], bool]
    phase: Phase
    message: Callable[[Account], str]
    reason: Reason | None = None
    pools: PoolState = PoolState.ACTIVE


def _has_ended(account: Account, now: datetime) -> bool:
    gone = account.state in ENDED
    return gone or (account.ends_at is not None and now >= account.ends_at)


def _is_overdue(account: Account, now: datetime) -> bool:
    return account.overdue_since is not None and now >= account.overdue_since


def _grace_is_over(account: Account, now: datetime) -> bool:
    return account.grace_end is not None and now >= account.grace_end


def _renewal_unknown(account: Account, now: datetime) -> bool:
    return account.valid_until is None or now >= account.valid_until


def _instant(instant: datetime | None) -> str:
    return format_instant(instant) if instant is not None else "an unknown instant"


TABLE: tuple[Row, ...] = (
    Row(
        when="there is none, and `spec.cancel` is set",
        applies=lambda account, _: account.state is None and account.cancelled,
        phase=Phase.CANCELED,
        message=lambda _: "spec.cancel is set, so nothing begins.",
        reason=Reason.SUBSCRIPTION_CANCELED,
        pools=PoolState.EXPIRED,
    ),
    Row(
        when="there is none, and a checkout page is open",
        applies=lambda account, _: account.state is None and account.page_open,
        phase=Phase.PENDING,
        message=lambda _: "The customer has not paid yet on the page in status.checkoutURL.",
        reason=Reason.AWAITING_CHECKOUT,
        pools=PoolState.SUSPENDED,
    ),
    Row(
        when="there is none yet",
        applies=lambda account, _: account.state is None,
        phase=Phase.PENDING,
        message=lambda _: "It is being begun at Stripe.",
        reason=Reason.PROGRESSING,
        pools=PoolState.SUSPENDED,
    ),
    Row(
        when="`incomplete`: the first payment has not come",
        applies=lambda account, _: account.state is StripeStatus.INCOMPLETE,
        phase=Phase.PENDING,
        message=lambda _: "The first payment has not come yet.",
        reason=Reason.AWAITING_PAYMENT,
        pools=PoolState.SUSPENDED,
    ),
    Row(
        when="it has ended, a new one may begin, and a checkout page is open",
        applies=lambda account, now: _has_ended(account, now) and account.page_open,
        phase=Phase.PENDING,
        message=lambda _: "It has ended; the customer can begin a new one on the page in status.checkoutURL.",
        reason=Reason.AWAITING_CHECKOUT,
        pools=PoolState.EXPIRED,
    ),
    Row(
        when="it has ended, as `spec.cancel` says",
        applies=lambda account, now: _has_ended(account, now) and account.ended_by_spec,
        phase=Phase.CANCELED,
        message=lambda account: (
            f"It ended at {_instant(account.ended_at or account.ends_at)}, as spec.cancel says."
        ),
        reason=Reason.SUBSCRIPTION_CANCELED,
        pools=PoolState.EXPIRED,
    ),
    Row(
        when="it has ended otherwise",
        applies=_has_ended,
        phase=Phase.CANCELED,
        message=lambda account: f"It ended at Stripe at {_instant(account.ended_at or account.ends_at)}.",
        reason=Reason.SUBSCRIPTION_ENDED,
        pools=PoolState.EXPIRED,
    ),
    Row(
        when="`paused`: the trial is over without a means of payment",
        applies=lambda account, _: account.state is StripeStatus.PAUSED,
        phase=Phase.SUSPENDED,
        message=lambda account: (
            f"The trial ended at {_instant(account.trial_end)}, and there is nothing to charge."
        ),
        reason=Reason.PAYMENT_METHOD_MISSING,
        pools=PoolState.SUSPENDED,
    ),
    Row(
        when="a payment is overdue for longer than `spec.paymentGrace`",
        applies=_grace_is_over,
        phase=Phase.SUSPENDED,
        message=lambda account: (
            f"A payment is overdue since {_instant(account.overdue_since)}, for longer than spec.paymentGrace."
        ),
        reason=Reason.PAYMENT_GRACE_OVER,
        pools=PoolState.SUSPENDED,
    ),
    Row(
        when="the period is over and so is `spec.paymentGrace`, and nothing was heard since",
        applies=_renewal_unknown,
        phase=Phase.EXPIRED,
        message=lambda account: (
            f"The period ended at {_instant(account.period_end)}, and Stripe could not be asked whether another one is paid."
        ),
        reason=Reason.RENEWAL_UNKNOWN,
        pools=PoolState.EXPIRED,
    ),
    Row(
        when="a payment is overdue",
        applies=_is_overdue,
        phase=Phase.PAST_DUE,
        message=lambda account: (
            f"A payment is overdue since {_instant(account.overdue_since)}; seats go on until {_instant(account.valid_until)}."
        ),
    ),
    Row(
        when="`trialing`",
        applies=lambda account, _: account.state is StripeStatus.TRIALING,
        phase=Phase.TRIALING,
        message=lambda account: f"It is a trial until {_instant(account.trial_end)}.",
    ),
    Row(
        when="all else",
        applies=lambda _account, _now: True,
        phase=Phase.ACTIVE,
        message=lambda account: f"It is paid until {_instant(account.period_end)}.",
    ),
)
"""The first line that applies counts. Lines that grant seats come behind the one that asks for `Account.valid_until`."""


def row_of(account: Account, now: datetime) -> Row:
    """The line of the table that applies."""
    return next(row for row in TABLE if row.applies(account, now))
