"""One customer's account at Stripe, as far as decisions can see it: subscriptions, pages, periods, payments and idempotency keys.

Pure and small: it has its own clock, and every rule of it is one of https://docs.stripe.com/billing. It raises where Stripe would
refuse, so a decision that asks for what cannot be done fails its test.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from seatwarden.domain.billing.calls import (
    CancelSubscription,
    ChangeSubscription,
    CreateCheckout,
    CreateSubscription,
    ExpireCheckout,
    SubscriptionCall,
)
from seatwarden.domain.billing.facts import (
    CheckoutFacts,
    Collection,
    PageState,
    PriceFacts,
    StripeStatus,
    SubscriptionFacts,
)
from seatwarden.domain.billing.subscriptions import Seen, is_alive
from seatwarden.domain.billing.wishes import Proration, SubscriptionChange, SubscriptionWish

CUSTOMER = "cus_1"
KEYS_LAST = timedelta(hours=24)
FIRST_PAYMENT_WITHIN = timedelta(hours=23)
PAGE_LASTS = timedelta(hours=24)
GIVES_UP_AFTER = timedelta(days=21)
MONTH = timedelta(days=30)
PERIODS = {"month": MONTH, "year": timedelta(days=365)}
MONTHLY = PriceFacts(id="price_month", active=True, interval="month", unit_amount=1000)
CHEAPER = PriceFacts(id="price_cheap", active=True, interval="month", unit_amount=500)
YEARLY = PriceFacts(id="price_year", active=True, interval="year", unit_amount=10_000)
PRICES = {price.id: price for price in (MONTHLY, CHEAPER, YEARLY)}


class Refused(Exception):
    """Stripe says no."""


@dataclass(frozen=True, slots=True)
class Charge:
    """Money that was asked for: a reason, and for how many seats."""

    subscription: str
    reason: str
    seats: int


@dataclass(slots=True)
class StripeAccount:
    """``card_works`` is whether a payment that is tried now comes."""

    now: datetime
    card_works: bool = True
    subscriptions: dict[str, SubscriptionFacts] = field(default_factory=dict)
    pages: dict[str, tuple[CheckoutFacts, SubscriptionWish]] = field(default_factory=dict)
    charges: list[Charge] = field(default_factory=list)
    calls: int = 0
    _keys: dict[str, tuple[datetime, SubscriptionCall]] = field(default_factory=dict)

    def seen(self) -> Seen:
        """What a look finds."""
        newest = sorted(self.subscriptions.values(), key=lambda each: (each.created, each.id), reverse=True)
        return Seen(subscriptions=tuple(newest), checkouts=tuple(page for page, _ in self.pages.values()))

    def alive(self) -> list[SubscriptionFacts]:
        """Those that can cost something."""
        return [each for each in self.subscriptions.values() if is_alive(each)]

    def call(self, call: SubscriptionCall) -> None:
        """Do what ``call`` says, or nothing where its key was used before."""
        self.calls += 1
        if not self._is_repeated(call):
            self._do(call)

    def _is_repeated(self, call: SubscriptionCall) -> bool:
        if not isinstance(call, CreateSubscription | CreateCheckout | ChangeSubscription):
            return False
        used = self._keys.get(call.key)
        if used is None or self.now - used[0] >= KEYS_LAST:
            self._keys[call.key] = (self.now, call)
            return False
        if used[1] != call:
            raise Refused(f"key {call.key} was used for another call")
        return True

    def _do(self, call: SubscriptionCall) -> None:
        match call:
            case CreateSubscription():
                self._begin(call.wish)
            case CreateCheckout():
                self._open_page(call.wish)
            case ExpireCheckout():
                page, wish = self.pages[call.checkout]
                if page.state is PageState.OPEN:
                    self.pages[page.id] = (replace(page, state=PageState.EXPIRED), wish)
            case CancelSubscription():
                found = self.subscriptions[call.subscription]
                if is_alive(found):
                    self._end(found)
            case ChangeSubscription():
                self._change(call)

    def edit(self, subscription: str, **changes: object) -> None:
        """Somebody changes a subscription in the dashboard."""
        self.subscriptions[subscription] = replace(self.subscriptions[subscription], **changes)  # type: ignore[arg-type]

    def end_in_dashboard(self, subscription: str) -> None:
        """Somebody ends one there."""
        self._end(self.subscriptions[subscription])

    def pay_on_page(self) -> None:
        """The customer pays on the page that is open, if any is."""
        for page, wish in list(self.pages.values()):
            if page.state is PageState.OPEN:
                self.card_works = True
                begun = self._begin(wish)
                self.pages[page.id] = (replace(page, state=PageState.COMPLETE, subscription=begun), wish)

    def pay_what_is_open(self) -> None:
        """The customer has a card that works, and every open invoice is paid."""
        self.card_works = True
        for found in self.alive():
            if found.status in {StripeStatus.PAST_DUE, StripeStatus.UNPAID, StripeStatus.INCOMPLETE}:
                self.edit(found.id, status=StripeStatus.ACTIVE, unpaid_since=None)

    def pass_until(self, instant: datetime) -> None:
        """Time passes, and what falls due in it does."""
        while True:
            due = [(self._due_at(each), each.id) for each in self.alive()]
            at, which = min(due, default=(instant, ""))
            if at > instant or not which:
                break
            self.now = max(self.now, at)
            self._fall_due(self.subscriptions[which])
        self.now = instant
        for page, wish in list(self.pages.values()):
            if page.state is PageState.OPEN and page.expires_at <= instant:
                self.pages[page.id] = (replace(page, state=PageState.EXPIRED), wish)

    def _due_at(self, found: SubscriptionFacts) -> datetime:
        if found.status is StripeStatus.INCOMPLETE:
            return found.created + FIRST_PAYMENT_WITHIN
        gives_up = (
            [found.unpaid_since + GIVES_UP_AFTER]
            if found.unpaid_since is not None and found.status is StripeStatus.PAST_DUE
            else []
        )
        return min([found.period_end, *gives_up])

    def _fall_due(self, found: SubscriptionFacts) -> None:
        if found.status is StripeStatus.INCOMPLETE:
            self.edit(found.id, status=StripeStatus.INCOMPLETE_EXPIRED, ended_at=self.now)
        elif self.now >= found.period_end:
            self._renew(found)
        else:
            self.edit(found.id, status=StripeStatus.UNPAID)

    def _renew(self, found: SubscriptionFacts) -> None:
        if found.cancel_at_period_end:
            self._end(found)
            return
        start = found.period_end
        self.edit(found.id, period_start=start, period_end=start + PERIODS[found.price.interval])
        if found.status is StripeStatus.TRIALING:
            self.edit(found.id, status=StripeStatus.ACTIVE)
        self._charge(found.id, "period", found.quantity)

    def _begin(self, wish: SubscriptionWish) -> str:
        price, new = PRICES[wish.price], f"sub_{len(self.subscriptions) + 1}"
        tried = wish.trial_end is not None
        self.subscriptions[new] = SubscriptionFacts(
            id=new,
            customer=wish.customer,
            owner=wish.owner,
            cluster=wish.cluster,
            status=StripeStatus.TRIALING if tried else StripeStatus.ACTIVE,
            item=f"si_{new}",
            price=price,
            quantity=wish.quantity,
            created=self.now,
            period_start=self.now,
            period_end=wish.trial_end or self.now + PERIODS[price.interval],
            collection=wish.collection,
            trial_end=wish.trial_end,
            discount=wish.discount,
            applied=wish.applied,
        )
        if not tried:
            self._charge(new, "period", wish.quantity)
            if not self.card_works and wish.collection is Collection.CHARGE_AUTOMATICALLY:
                self.edit(new, status=StripeStatus.INCOMPLETE, unpaid_since=None)
        return new

    def _open_page(self, wish: SubscriptionWish) -> None:
        new = f"cs_{len(self.pages) + 1}"
        page = CheckoutFacts(
            id=new,
            customer=wish.customer,
            owner=wish.owner,
            cluster=wish.cluster,
            url=f"https://checkout.example/{new}",
            created=self.now,
            expires_at=self.now + PAGE_LASTS,
            price=wish.price,
            quantity=wish.quantity,
            state=PageState.OPEN,
        )
        self.pages[new] = (page, wish)

    def _end(self, found: SubscriptionFacts) -> None:
        self.edit(found.id, status=StripeStatus.CANCELED, canceled_at=self.now, ended_at=self.now)

    def _charge(self, subscription: str, reason: str, seats: int) -> None:
        self.charges.append(Charge(subscription, reason, seats))
        found = self.subscriptions[subscription]
        if not self.card_works and found.unpaid_since is None:
            self.edit(subscription, status=StripeStatus.PAST_DUE, unpaid_since=self.now)

    def _change(self, call: ChangeSubscription) -> None:
        found, change = self.subscriptions[call.subscription], call.change
        if change.applied is not None:
            assert len(change.applied) <= 500
            self.edit(found.id, applied=change.applied)
        beyond = replace(change, applied=None)
        if beyond == type(change)():
            return
        if not is_alive(found) or found.status is StripeStatus.INCOMPLETE:
            raise Refused(f"{found.id} is {found.status} and takes no change")
        self._change_owner(found, change)
        self._change_terms(found, change)
        if change.price is not None:
            price = PRICES[change.price]
            if price.interval != found.price.interval:
                self.edit(found.id, period_start=self.now, period_end=self.now + PERIODS[price.interval])
            self.edit(found.id, price=price)
            self._settle(found, change.proration, found.quantity)
        if change.quantity is not None:
            self.edit(found.id, quantity=change.quantity)
            self._settle(found, change.proration, change.quantity - found.quantity)

    def _change_owner(self, found: SubscriptionFacts, change: SubscriptionChange) -> None:
        if change.adopt is not None:
            self.edit(found.id, owner=change.adopt[0], cluster=change.adopt[1])
        if change.release:
            self.edit(found.id, owner=None, cluster=None, applied=None)
        if change.forget_paid:
            self.edit(found.id, paid_seats=None, paid_until=None)
        if change.paid_seats is not None:
            self.edit(found.id, paid_seats=change.paid_seats, paid_until=change.paid_until)

    def _change_terms(self, found: SubscriptionFacts, change: SubscriptionChange) -> None:
        if change.cancel_at_period_end is not None:
            self.edit(found.id, cancel_at_period_end=change.cancel_at_period_end, cancel_at=None)
        if change.resume_collection:
            self.edit(found.id, collection_paused=False)
        if change.collection is not None:
            self.edit(found.id, collection=change.collection)
        if change.discount is not None or change.remove_discount:
            self.edit(found.id, discount=change.discount)
        if change.trial_end is not None:
            self.edit(found.id, trial_end=change.trial_end, period_end=change.trial_end)

    def _settle(self, found: SubscriptionFacts, proration: Proration, seats: int) -> None:
        if proration is Proration.ALWAYS_INVOICE and seats > 0:
            self._charge(found.id, "proration", seats)
        elif proration is Proration.ALWAYS_INVOICE:
            self.charges.append(Charge(found.id, "credit", seats))
