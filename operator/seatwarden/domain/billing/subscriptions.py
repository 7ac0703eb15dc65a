"""Which subscription at Stripe is a Subscription, and the next call that brings it where the spec wants it.

`plan` looks at all subscriptions and checkout pages of the customer and answers one call, or none where all is as it should
be. It is asked again with what is there after the call, until it answers none; a process that dies in between leaves nothing
that the next one does not find. It remembers nothing: what was wished before is in the metadata of the subscription itself.

Invariants, whatever is there at the start:

- At the end at most one subscription of the resource is alive, and while one is, no page is open on which another could be
  paid.
- Nothing begins that would charge a customer whose subscription has ended, unless the spec ended it and now takes that back,
  or the customer itself pays on a page.
- Fewer seats never take what was paid for: the quantity at Stripe goes down at once, without a credit, so that the next
  invoice is smaller; the metadata keeps how many seats are paid until the end of the period. Going up again within that
  number is free.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from seatwarden.domain.billing.applied import Applied, ends
from seatwarden.domain.billing.calls import (
    CancelSubscription,
    ChangeSubscription,
    CreateCheckout,
    CreateSubscription,
    ExpireCheckout,
    SubscriptionCall,
)
from seatwarden.domain.billing.changes import next_change
from seatwarden.domain.billing.drift import Difference
from seatwarden.domain.billing.facts import (
    ENDED,
    CheckoutFacts,
    PageState,
    PriceFacts,
    StripeStatus,
    SubscriptionFacts,
)
from seatwarden.domain.billing.keys import change_key, creation_key
from seatwarden.domain.billing.wanted import Wanted, beginning_trial
from seatwarden.domain.billing.wishes import SubscriptionChange, SubscriptionWish
from seatwarden.resources.reasons import Reason
from seatwarden.resources.subscription import Cancel, DriftPolicy
from seatwarden.resources.tenant import DeletionPolicy

_RANK = {StripeStatus.ACTIVE: 0, StripeStatus.TRIALING: 1, StripeStatus.PAST_DUE: 2, StripeStatus.UNPAID: 3}
"""Of several that are alive, the one that is worth most to the customer stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All subscriptions and checkout pages of the customer, also those of nobody and of others."""

    subscriptions: tuple[SubscriptionFacts, ...] = ()
    checkouts: tuple[CheckoutFacts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """``call`` is what to do next, None where nothing is.

    ``subscription`` is the one that counts, alive or ended, and ``page`` the one that is open. ``drift`` is what others changed.
    ``problem`` is why it does not go on.
    """

    call: SubscriptionCall | None = None
    subscription: SubscriptionFacts | None = None
    page: CheckoutFacts | None = None
    drift: tuple[Difference, ...] = ()
    problem: tuple[Reason, str] | None = None


def is_alive(subscription: SubscriptionFacts) -> bool:
    """Whether it can still cost something."""
    return subscription.status not in ENDED


def plan(wanted: Wanted, seen: Seen, now: datetime) -> Step:
    """The next step from what is there to what is wanted."""
    own = [each for each in seen.subscriptions if wanted.owns(each.owner, each.cluster)]
    alive = sorted((each for each in own if is_alive(each)), key=_worth)
    if len(alive) > 1:
        return Step(call=CancelSubscription(subscription=alive[-1].id, duplicate=True), subscription=alive[0])
    pages = [each for each in seen.checkouts if wanted.owns(each.owner, each.cluster)]
    if alive:
        return _with_one(wanted, alive[0], _open(pages, now), now)
    last = max(own, key=lambda each: (each.created, each.id), default=None)
    return _with_none(wanted, seen, last, pages, now)


def subscription_farewell(
    wanted: Wanted, policy: DeletionPolicy, seen: Seen, now: datetime
) -> SubscriptionCall | None:
    """The next call as the Subscription goes: what it owns is ended, or left to whoever comes next."""
    pages = [each for each in seen.checkouts if wanted.owns(each.owner, each.cluster)]
    for page in _open(pages, now):
        return ExpireCheckout(checkout=page.id)
    for each in seen.subscriptions:
        if is_alive(each) and wanted.owns(each.owner, each.cluster):
            if policy is DeletionPolicy.DELETE:
                return CancelSubscription(subscription=each.id)
            return _changed(wanted, each, SubscriptionChange(release=True))
    return None


def _with_one(
    wanted: Wanted, subscription: SubscriptionFacts, pages: Sequence[CheckoutFacts], now: datetime
) -> Step:
    if pages:
        return Step(call=_closed(pages), subscription=subscription)
    if wanted.cancel is Cancel.IMMEDIATELY:
        return Step(call=_end_now(wanted, subscription), subscription=subscription)
    if subscription.status is StripeStatus.INCOMPLETE:
        # Until its first payment has come Stripe takes no change. It has a day for that.
        return Step(subscription=subscription)
    change, drift = next_change(wanted, subscription, now)
    call = _changed(wanted, subscription, change) if change is not None else None
    return Step(call=call, subscription=subscription, drift=drift, problem=_price_problem(wanted))


def _with_none(
    wanted: Wanted,
    seen: Seen,
    last: SubscriptionFacts | None,
    pages: Sequence[CheckoutFacts],
    now: datetime,
) -> Step:
    is_open = _open(pages, now)
    if wanted.cancel is not None:
        return Step(call=_closed(is_open) or _note_end(wanted, last), subscription=last)
    if wanted.price is None:
        return Step(subscription=last, problem=_price_problem(wanted))
    strays = [each for each in seen.subscriptions if _is_stray(each, wanted.price)]
    if strays:
        return _take_over(wanted, strays, is_open, last, now)
    if is_open and not wanted.begins_by_page:
        return Step(call=_closed(is_open), subscription=last)
    if _awaited(pages, seen) or (last is not None and not _may_begin_again(wanted, last)):
        return Step(subscription=last)
    return _begin(wanted, wanted.price, seen, last, pages, now)


def _take_over(
    wanted: Wanted,
    strays: Sequence[SubscriptionFacts],
    pages: Sequence[CheckoutFacts],
    last: SubscriptionFacts | None,
    now: datetime,
) -> Step:
    if len(strays) > 1:
        names = ", ".join(sorted(each.id for each in strays))
        message = f"Customer {wanted.customer!r} has several subscriptions that could be this one: {names}. End all but one."
        return Step(subscription=last, problem=(Reason.SEVERAL_SUBSCRIPTIONS, message))
    if pages:
        return Step(call=_closed(pages), subscription=last)
    change, _ = next_change(wanted, strays[0], now)
    assert change is not None, "one that is taken over gets an owner"
    return Step(call=_changed(wanted, strays[0], change), subscription=strays[0])


def _begin(
    wanted: Wanted,
    price: PriceFacts,
    seen: Seen,
    last: SubscriptionFacts | None,
    pages: Sequence[CheckoutFacts],
    now: datetime,
) -> Step:
    predecessor = last.id if last is not None else None
    wish = SubscriptionWish(
        owner=wanted.owner,
        cluster=wanted.cluster,
        customer=wanted.customer,
        price=price.id,
        quantity=wanted.seats,
        collection=wanted.collects,
        days_until_due=wanted.days_until_due,
        trial_end=beginning_trial(wanted, price, seen.subscriptions, now),
        discount=wanted.discount,
        applied=wanted.goal(price=price.id, revision=1).written(),
    )
    if not wanted.begins_by_page:
        key = _creation_key(wanted, "subscription", predecessor)
        return Step(call=CreateSubscription(wish=wish, key=key), subscription=last)
    fitting = [each for each in _open(pages, now) if (each.price, each.quantity) == (price.id, wanted.seats)]
    surplus = [each for each in _open(pages, now) if each not in fitting[-1:]]
    if surplus:
        return Step(call=ExpireCheckout(checkout=surplus[0].id), subscription=last)
    if fitting:
        return Step(subscription=last, page=fitting[-1])
    latest = max(pages, key=lambda each: (each.created, each.id), default=None)
    instead_of = f"{predecessor or ''}/{latest.id if latest is not None else ''}"
    return Step(
        call=CreateCheckout(wish=wish, key=_creation_key(wanted, "checkout", instead_of)), subscription=last
    )


def _end_now(wanted: Wanted, subscription: SubscriptionFacts) -> SubscriptionCall:
    """First that it is to end, so that whoever finds it ended knows that the spec wanted it."""
    written = Applied.of(subscription)
    if written is not None and written.cancel:
        return CancelSubscription(subscription=subscription.id)
    begun = subscription.status is not StripeStatus.INCOMPLETE
    change = SubscriptionChange(
        cancel_at_period_end=True if begun and not ends(subscription) else None,
        applied=_with_end(wanted, subscription).written(),
    )
    return _changed(wanted, subscription, change)


def _note_end(wanted: Wanted, last: SubscriptionFacts | None) -> SubscriptionCall | None:
    """That the spec knows of the end: from then on taking `spec.cancel` away begins a new one."""
    written = Applied.of(last) if last is not None else None
    if last is None or (written is not None and written.cancel):
        return None
    return _changed(wanted, last, SubscriptionChange(applied=_with_end(wanted, last).written()))


def _with_end(wanted: Wanted, subscription: SubscriptionFacts) -> Applied:
    written = Applied.of(subscription) or wanted.goal(price=subscription.price.id, revision=0)
    return replace(written, cancel=True, revision=written.revision + 1)


def _may_begin_again(wanted: Wanted, last: SubscriptionFacts) -> bool:
    written = Applied.of(last)
    ended_by_spec = written is not None and written.cancel
    return ended_by_spec or (wanted.begins_by_page and wanted.drift_policy is DriftPolicy.HEAL)


def _is_stray(subscription: SubscriptionFacts, price: PriceFacts) -> bool:
    """One that nobody owns and that is what is wanted: to begin another beside it would have the customer pay twice."""
    is_begun = is_alive(subscription) and subscription.status is not StripeStatus.INCOMPLETE
    return subscription.owner is None and is_begun and subscription.price.id == price.id


def _awaited(pages: Sequence[CheckoutFacts], seen: Seen) -> bool:
    """Whether the customer has paid on a page, and what that began is not to be seen yet."""
    known = {each.id for each in seen.subscriptions}
    return any(each.state is PageState.COMPLETE and each.subscription not in known for each in pages)


def _closed(pages: Sequence[CheckoutFacts]) -> ExpireCheckout | None:
    return ExpireCheckout(checkout=pages[-1].id) if pages else None


def _open(pages: Sequence[CheckoutFacts], now: datetime) -> list[CheckoutFacts]:
    """Those on which can be paid, the oldest first."""
    return sorted(
        (each for each in pages if each.state is PageState.OPEN and each.expires_at > now),
        key=lambda each: (each.created, each.id),
    )


def _worth(subscription: SubscriptionFacts) -> tuple[int, datetime, str]:
    return _RANK.get(subscription.status, len(_RANK)), subscription.created, subscription.id


def _changed(
    wanted: Wanted, subscription: SubscriptionFacts, change: SubscriptionChange
) -> ChangeSubscription:
    key = change_key(subscription.id, owner=wanted.owner, change=repr(change), refusals=wanted.refusals)
    return ChangeSubscription(subscription=subscription.id, change=change, key=key)


def _creation_key(wanted: Wanted, kind: str, instead_of: str | None) -> str:
    return creation_key(
        kind, owner=wanted.owner, cluster=wanted.cluster, instead_of=instead_of, refusals=wanted.refusals
    )


def _price_problem(wanted: Wanted) -> tuple[Reason, str] | None:
    return wanted.price_problem if wanted.price is None else None
