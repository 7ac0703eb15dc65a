"""The reference model: what a Subscription is worth, told once more from the documentation and in another way.

It knows nothing of calls, keys, metadata or tables. It keeps what a bookkeeper would: seats that are billed, seats that are paid
until an instant, since when nobody pays, and whether it ends. `look` is the operator having a look; all else is the world.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from seatwarden.resources.subscription import Cancel, Downgrade, DriftPolicy, Phase
from tests.domain.billing.stripe_account import FIRST_PAYMENT_WITHIN, MONTH

GRACE = timedelta(days=7)


@dataclass(slots=True)
class Spec:
    """What Git says."""

    seats: int = 5
    cancel: Cancel | None = None
    downgrade: Downgrade = Downgrade.AT_PERIOD_END
    policy: DriftPolicy = DriftPolicy.REPORT


@dataclass(slots=True)
class Reference:
    """One Subscription by the month, charged automatically. ``since`` is None as long as nothing has begun."""

    spec: Spec
    now: datetime
    pays: bool = True
    since: datetime | None = None
    billed: int = 0
    kept: int = 0
    kept_until: datetime | None = None
    period_end: datetime | None = None
    overdue: datetime | None = None
    awaits_first: bool = False
    ending: bool = False
    ended: datetime | None = None
    ended_by_spec: bool = False
    known_seats: int = 0
    known_cancel: bool = False

    def look(self) -> None:
        """The operator brings Stripe and the spec together."""
        wants_end = self.spec.cancel is not None
        if self.ended is not None and wants_end:
            self.ended_by_spec = True
        if self.since is None or (self.ended is not None and self.ended_by_spec):
            if not wants_end:
                self._begin()
            return
        if self.ended is not None:
            return
        if self.spec.cancel is Cancel.IMMEDIATELY:
            self.ended, self.ended_by_spec = self.now, True
        elif not self.awaits_first:
            heals = self.spec.policy is DriftPolicy.HEAL
            if wants_end != self.known_cancel or heals:
                self.ending = wants_end
            if self.spec.seats != self.known_seats or heals:
                self._resize(self.spec.seats)
            self.known_seats, self.known_cancel = self.spec.seats, wants_end

    def _begin(self) -> None:
        self.since, self.period_end = self.now, self.now + MONTH
        self.billed = self.known_seats = self.spec.seats
        self.kept, self.kept_until, self.overdue = 0, None, None
        self.ended, self.ended_by_spec, self.ending, self.known_cancel = None, False, False, False
        self.awaits_first = not self.pays

    def _resize(self, seats: int) -> None:
        covered = self._covered()
        if seats > covered:
            self._charge()
        if seats >= covered or (seats < self.billed and self.spec.downgrade is Downgrade.IMMEDIATELY):
            self.kept, self.kept_until = 0, None
        elif seats < self.billed:
            self.kept, self.kept_until = covered, self.period_end
        self.billed = seats

    def _covered(self) -> int:
        lasts = self.kept_until is not None and self.now < self.kept_until
        return max(self.billed, self.kept if lasts else 0)

    def _charge(self) -> None:
        if not self.pays and self.overdue is None:
            self.overdue = self.now

    def pass_until(self, instant: datetime) -> None:
        """Periods end and begin."""
        while self._lives() and (due := self._due()) <= instant:
            self.now = due
            if self.awaits_first or self.ending:
                self.ended = due
                self.ended_by_spec = self.known_cancel
            else:
                self.period_end = due + MONTH
                self._charge()
        self.now = instant

    def _lives(self) -> bool:
        return self.since is not None and self.ended is None

    def _due(self) -> datetime:
        assert self.since is not None
        assert self.period_end is not None
        return self.since + FIRST_PAYMENT_WITHIN if self.awaits_first else self.period_end

    def card_fails(self) -> None:
        """From now on no payment comes."""
        self.pays = False

    def card_works(self) -> None:
        """From now on all payments come, also those that are open."""
        self.pays, self.overdue, self.awaits_first = True, None, False

    def edited(self, seats: int) -> None:
        """Somebody changes the quantity in the dashboard."""
        if self._lives():
            self.billed = seats

    def end_edited(self, ending: bool) -> None:
        """Somebody asks for the end in the dashboard, or takes that back."""
        if self._lives() and not self.awaits_first:
            self.ending = ending

    def ended_there(self) -> None:
        """Somebody ends it in the dashboard."""
        if self._lives():
            self.ended, self.ended_by_spec = self.now, self.known_cancel

    def phase(self) -> Phase:
        """In one word."""
        if self.since is None:
            return Phase.CANCELED if self.spec.cancel is not None else Phase.PENDING
        if self.ended is not None:
            return Phase.CANCELED
        if self.awaits_first:
            return Phase.PENDING
        if self.overdue is None:
            return Phase.ACTIVE
        return Phase.PAST_DUE if self.now < self.overdue + GRACE else Phase.SUSPENDED

    def seats(self) -> int:
        """Seats for pools, whether or not they are open."""
        reports = self.spec.policy is DriftPolicy.REPORT
        lasts = self.kept_until is not None and self.now < self.kept_until
        return max(self.known_seats if reports else self.billed, self.kept if lasts else 0)

    def valid_until(self) -> datetime | None:
        """The end if nothing more is heard."""
        if self.since is None or (self.awaits_first and self.ended is None):
            return None
        assert self.period_end is not None
        ends = [self.period_end + GRACE, self.ended, self.period_end if self.ending else None]
        ends.append(self.overdue + GRACE if self.overdue is not None else None)
        return min(each for each in ends if each is not None)
