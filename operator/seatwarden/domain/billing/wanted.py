"""What a Subscription wants of Stripe, in terms of its spec, its plan and the price that those name."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from seatwarden.domain.billing.applied import Applied
from seatwarden.domain.billing.facts import Collection, PriceFacts, SubscriptionFacts
from seatwarden.domain.plans import Terms
from seatwarden.domain.trials import trial_end
from seatwarden.resources.reasons import Reason
from seatwarden.resources.subscription import (
    Cancel,
    CollectionMethod,
    Downgrade,
    DriftPolicy,
    Interval,
    Subscription,
)

DEFAULT_DAYS_UNTIL_DUE = 30
CHECKOUT_TRIAL_LEAST = timedelta(hours=48)
"""A checkout page begins no trial that ends sooner: https://docs.stripe.com/api/checkout/sessions/create."""
_INTERVALS = {"month": Interval.MONTH, "year": Interval.YEAR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """``price`` is None where it cannot be used; ``price_problem`` then says why.

    Without it nothing begins, and what is there keeps its price; all else goes on. ``refusals`` is how many calls were refused.
    """

    owner: str
    cluster: str
    customer: str
    price: PriceFacts | None
    seats: int
    collection: CollectionMethod
    days_until_due: int | None = None
    trial_end: datetime | None = None
    cancel: Cancel | None = None
    downgrade: Downgrade = Downgrade.AT_PERIOD_END
    drift_policy: DriftPolicy = DriftPolicy.REPORT
    discount: str | None = None
    refusals: int = 0
    price_problem: tuple[Reason, str] | None = None

    @property
    def begins_by_page(self) -> bool:
        """Whether the customer begins the subscription on a checkout page."""
        return self.collection is CollectionMethod.CHECKOUT

    @property
    def collects(self) -> Collection:
        """How Stripe collects what is due."""
        if self.collection is CollectionMethod.SEND_INVOICE:
            return Collection.SEND_INVOICE
        return Collection.CHARGE_AUTOMATICALLY

    def goal(self, *, price: str, revision: int) -> Applied:
        """All of it, as it is written into the subscription."""
        return Applied(
            price=price,
            seats=self.seats,
            collection=self.collects,
            days_until_due=self.days_until_due,
            trial_end=self.trial_end,
            discount=self.discount,
            cancel=self.cancel is not None,
            revision=revision,
        )

    def owns(self, owner: str | None, cluster: str | None) -> bool:
        """Whether an object with these in its metadata belongs to the Subscription."""
        return (owner, cluster) == (self.owner, self.cluster)


def wanted(
    subscription: Subscription, *, cluster: str, customer: str, terms: Terms, price: PriceFacts | None
) -> Wanted:
    """What ``subscription`` wants. ``price`` is what Stripe has for ``terms.price``, None where it has nothing."""
    spec, told = subscription.spec, subscription.status.stripe
    problem = _price_problem(terms, price)
    sends = spec.collection is CollectionMethod.SEND_INVOICE
    end = trial_end(subscription)
    return Wanted(
        owner=subscription.metadata.uid,
        cluster=cluster,
        customer=customer,
        price=price if problem is None else None,
        seats=terms.seats,
        collection=spec.collection,
        days_until_due=(spec.days_until_due or DEFAULT_DAYS_UNTIL_DUE) if sends else None,
        # Stripe has whole seconds.
        trial_end=end.replace(microsecond=0) if end is not None else None,
        cancel=spec.cancel,
        downgrade=spec.downgrade,
        drift_policy=spec.drift_policy,
        discount=spec.coupon,
        refusals=(told.refusals or 0) if told is not None else 0,
        price_problem=problem,
    )


def beginning_trial(
    wanted: Wanted, price: PriceFacts, subscriptions: tuple[SubscriptionFacts, ...], now: datetime
) -> datetime | None:
    """Until when a subscription that begins now is a trial. A customer has one of each price, whoever it was for."""
    had_one = any(each.trial_end is not None and each.price.id == price.id for each in subscriptions)
    least = CHECKOUT_TRIAL_LEAST if wanted.begins_by_page else timedelta(0)
    if had_one or wanted.trial_end is None or wanted.trial_end <= now + least:
        return None
    return wanted.trial_end


def _price_problem(terms: Terms, price: PriceFacts | None) -> tuple[Reason, str] | None:
    if terms.price is None:
        message = f"Plan {terms.plan!r} names no price: set spec.plan.priceID or spec.plan.lookupKey, or a price of the plan."
        return Reason.INVALID_PLAN, message
    if price is None:
        return Reason.INVALID_PRICE, f"There is no price with {terms.price} at Stripe."
    if not price.active:
        return Reason.INVALID_PRICE, f"The price with {terms.price} is archived at Stripe: name another one."
    interval = _INTERVALS.get(price.interval)
    if interval is None or terms.interval not in (None, interval):
        expected = terms.interval or "Month or Year"
        message = f"The price with {terms.price} is paid by the {price.interval}, and not by {expected}."
        return Reason.INVALID_PRICE, message
    return None
