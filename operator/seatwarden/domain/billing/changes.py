"""The next change of a subscription that is there: price, seats, end, collection, trial, discount.

A dearer price or more seats are charged at once for the rest of the period; a cheaper price or fewer seats count from the next
period, or are credited at once, as `spec.downgrade` says. Price and seats are changed one after the other, since one call has one
rule for the rest of the period. Another interval begins another period at Stripe, whatever one asks for, so it is always
settled at once.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from seatwarden.domain.billing.applied import Applied, ends
from seatwarden.domain.billing.drift import Difference, Verdict, compare
from seatwarden.domain.billing.facts import PriceFacts, StripeStatus, SubscriptionFacts
from seatwarden.domain.billing.wanted import Wanted
from seatwarden.domain.billing.wishes import Proration, SubscriptionChange
from seatwarden.resources.subscription import Downgrade

Changed = tuple[SubscriptionChange | None, tuple[Difference, ...]]


def covered_seats(subscription: SubscriptionFacts, now: datetime) -> int:
    """For how many seats the customer has paid, or was billed, as things are now."""
    paid, until = subscription.paid_seats, subscription.paid_until
    return (
        max(subscription.quantity, paid or 0) if until is not None and now < until else subscription.quantity
    )


def next_change(wanted: Wanted, subscription: SubscriptionFacts, now: datetime) -> Changed:
    """The next change, None where none is wanted; and what others have changed."""
    draft = _Draft(wanted=wanted, found=subscription, written=_written(wanted, subscription), now=now)
    draft.compare_price()
    draft.compare_seats()
    draft.compare_end()
    draft.compare_pause()
    draft.take_what_the_spec_changed()
    return draft.result()


def _written(wanted: Wanted, subscription: SubscriptionFacts) -> Applied:
    """What was written last. Of one that is not ours yet, what is there counts as written, so that the spec wins."""
    return Applied.of(subscription) or Applied(
        price=subscription.price.id,
        seats=subscription.quantity,
        collection=subscription.collection,
        days_until_due=wanted.days_until_due,
        trial_end=wanted.trial_end,
        discount=None,
        cancel=ends(subscription),
    )


@dataclass(slots=True)
class _Draft:
    """A change while it is being made up, and what will have been written then."""

    wanted: Wanted
    found: SubscriptionFacts
    written: Applied
    now: datetime
    change: SubscriptionChange = field(default_factory=SubscriptionChange)
    differences: list[Difference] = field(default_factory=list)
    applied: Applied = field(init=False)

    def __post_init__(self) -> None:
        self.applied = self.written

    def compare_price(self) -> None:
        """The price first, and alone with what has no bearing on the rest of the period."""
        price = self.wanted.price
        if price is None:
            return
        verdict = self._compare("the price", price.id, self.written.price, self.found.price.id)
        if verdict.write:
            self.change = replace(
                self.change, price=price.id, proration=self._price_proration(self.found.price, price)
            )
        self.applied = replace(self.applied, price=price.id)

    def compare_seats(self) -> None:
        """The seats, where the price is not changing."""
        seats = self.wanted.seats
        verdict = self._compare("seats", seats, self.written.seats, self.found.quantity)
        if not verdict.write:
            self.applied = replace(self.applied, seats=seats)
        elif self.change.price is None:
            self._change_seats(seats)

    def compare_end(self) -> None:
        """Whether it ends with the period. Also an end that somebody set to another instant is one."""
        wants = self.wanted.cancel is not None
        verdict = self._compare("the end", wants, self.written.cancel, ends(self.found))
        if verdict.write:
            self.change = replace(self.change, cancel_at_period_end=wants)
        self.applied = replace(self.applied, cancel=wants)

    def compare_pause(self) -> None:
        """Nothing in the spec pauses the collection of payments."""
        verdict = self._compare("the collection of payments", False, False, self.found.collection_paused)
        if verdict.write:
            self.change = replace(self.change, resume_collection=True)

    def take_what_the_spec_changed(self) -> None:
        """Things that are written when the spec changes, and left to Stripe and to those who work there otherwise.

        A discount that is used up is no drift, and a longer trial is a usual act of kindness.
        """
        wanted, before = self.wanted, self.written
        collection = (wanted.collects, wanted.days_until_due)
        if collection != (before.collection, before.days_until_due):
            self.change = replace(self.change, collection=collection[0], days_until_due=collection[1])
        if wanted.discount != before.discount:
            self.change = replace(
                self.change, discount=wanted.discount, remove_discount=wanted.discount is None
            )
        end = wanted.trial_end
        if end != before.trial_end and end is not None and self._is_trial and end > self.now:
            self.change = replace(self.change, trial_end=end)
        self.applied = replace(
            self.applied,
            collection=collection[0],
            days_until_due=collection[1],
            discount=wanted.discount,
            trial_end=end,
        )

    def result(self) -> Changed:
        """The change, unless it would change nothing, not even what is written down."""
        told = tuple(self.differences)
        is_ours = self.wanted.owns(self.found.owner, self.found.cluster)
        is_written = Applied.of(self.found) == self.applied
        if self.change == SubscriptionChange() and is_ours and is_written:
            return None, told
        adopt = None if is_ours else (self.wanted.owner, self.wanted.cluster)
        applied = replace(self.applied, revision=self.written.revision + 1)
        return replace(self.change, adopt=adopt, applied=applied.written()), told

    @property
    def _is_trial(self) -> bool:
        return self.found.status is StripeStatus.TRIALING

    def _compare(self, what: str, spec: object, written: object, at_stripe: object) -> Verdict:
        policy = self.wanted.drift_policy
        verdict = compare(spec=spec, written=written, at_stripe=at_stripe, policy=policy)
        if verdict.drifted:
            self.differences.append(
                Difference(what=what, at_stripe=_shown(what, at_stripe), in_spec=_shown(what, spec))
            )
        return verdict

    def _change_seats(self, seats: int) -> None:
        has, covered = self.found.quantity, covered_seats(self.found, self.now)
        remembers = self.found.paid_seats is not None
        if seats > covered > has:
            # What is paid for is free, and what goes beyond it is not: two calls.
            self.change = replace(self.change, quantity=covered, forget_paid=True)
            self.applied = replace(self.applied, seats=covered)
            return
        self.applied = replace(self.applied, seats=seats)
        if seats > covered:
            self.change = replace(self.change, quantity=seats, proration=self._at_once, forget_paid=remembers)
        elif seats > has:
            self.change = replace(self.change, quantity=seats, forget_paid=seats == covered)
        elif self._is_trial or self.wanted.downgrade is Downgrade.IMMEDIATELY:
            self.change = replace(self.change, quantity=seats, proration=self._at_once, forget_paid=remembers)
        else:
            until = self.found.period_end
            self.change = replace(self.change, quantity=seats, paid_seats=covered, paid_until=until)

    def _price_proration(self, before: PriceFacts, after: PriceFacts) -> Proration:
        if before.interval == after.interval and self.wanted.downgrade is Downgrade.AT_PERIOD_END:
            amounts = before.unit_amount, after.unit_amount
            if amounts[0] is not None and amounts[1] is not None and amounts[1] <= amounts[0]:
                return Proration.NONE
        return self._at_once

    @property
    def _at_once(self) -> Proration:
        # In a trial nothing is paid, so there is nothing to settle.
        return Proration.NONE if self._is_trial else Proration.ALWAYS_INVOICE


_WORDS = {
    "the end": {True: "asked for", False: "not asked for"},
    "the collection of payments": {True: "paused", False: "not paused"},
}


def _shown(what: str, value: object) -> str:
    words = _WORDS.get(what)
    return words[bool(value)] if words is not None else str(value)
