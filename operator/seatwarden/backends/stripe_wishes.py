"""`seatwarden.domain.billing.wishes` as parameters of Stripe's calls. Only what differs from the facts is sent."""

from datetime import datetime
from typing import Any

from seatwarden.domain.billing.facts import APPLIED, CLUSTER, OWNER, PAID_SEATS, PAID_UNTIL, SubscriptionFacts
from seatwarden.domain.billing.wishes import CustomerWish, SubscriptionChange, SubscriptionWish

Parameters = dict[str, Any]
_PROMOTION_CODE = "promo_"


def customer_parameters(wish: CustomerWish) -> Parameters:
    """Of a customer to make or to change. Without an e-mail address, the one at Stripe stays."""
    told = {"name": wish.name, "metadata": _owner(wish.owner, wish.cluster)}
    return told if wish.email is None else {**told, "email": wish.email}


def subscription_parameters(wish: SubscriptionWish) -> Parameters:
    """Of a subscription to begin at once."""
    return _without_none(
        customer=wish.customer,
        items=[{"price": wish.price, "quantity": wish.quantity}],
        collection_method=wish.collection.value,
        days_until_due=wish.days_until_due,
        trial_end=_seconds(wish.trial_end),
        discounts=_discounts(wish.discount),
        metadata=_owner(wish.owner, wish.cluster) | {APPLIED: wish.applied},
        # What cannot be paid begins unpaid and is told so, instead of an error that leaves nothing to look at.
        payment_behavior="allow_incomplete",
    )


def checkout_parameters(wish: SubscriptionWish, *, return_url: str) -> Parameters:
    """Of a page that begins a subscription."""
    owner = _owner(wish.owner, wish.cluster)
    return _without_none(
        mode="subscription",
        customer=wish.customer,
        line_items=[{"price": wish.price, "quantity": wish.quantity}],
        discounts=_discounts(wish.discount),
        metadata=owner,
        subscription_data=_without_none(
            metadata=owner | {APPLIED: wish.applied}, trial_end=_seconds(wish.trial_end)
        ),
        success_url=return_url,
    )


def release_parameters() -> Parameters:
    """Of a customer that nobody is to own any more."""
    return {"metadata": dict.fromkeys((OWNER, CLUSTER), "")}


def change_parameters(change: SubscriptionChange, found: SubscriptionFacts) -> Parameters:
    """Of a change, without what is as wished already; empty where nothing is left."""
    price = change.price if change.price != found.price.id else None
    quantity = change.quantity if change.quantity != found.quantity else None
    changed = _without_none(price=price, quantity=quantity)
    parameters = _without_none(
        items=[{"id": found.item, **changed}] if changed else None,
        collection_method=change.collection.value
        if change.collection is not None and change.collection is not found.collection
        else None,
        trial_end=_seconds(change.trial_end) if change.trial_end != found.trial_end else None,
        metadata=_changed_metadata(change, found) or None,
        **_cancellation(change, found),
        **_new_discount(change, found),
    )
    if change.resume_collection and found.collection_paused:
        parameters["pause_collection"] = ""
    if "collection_method" in parameters and change.days_until_due is not None:
        parameters["days_until_due"] = change.days_until_due
    if parameters.keys() & {"items", "trial_end"}:
        parameters["proration_behavior"] = change.proration.value
    return parameters


def _cancellation(change: SubscriptionChange, found: SubscriptionFacts) -> Parameters:
    if change.cancel_at_period_end is None:
        return {}
    if change.cancel_at_period_end:
        return {} if found.cancel_at_period_end else {"cancel_at_period_end": True}
    if found.cancel_at_period_end:
        return {"cancel_at_period_end": False}
    # Another instant than the end of the period is taken back by its own name.
    return {"cancel_at": ""} if found.cancel_at is not None else {}


def _new_discount(change: SubscriptionChange, found: SubscriptionFacts) -> Parameters:
    if change.remove_discount:
        return {"discounts": ""} if found.discount is not None else {}
    if change.discount is None or change.discount == found.discount:
        return {}
    return {"discounts": _discounts(change.discount)}


def _changed_metadata(change: SubscriptionChange, found: SubscriptionFacts) -> dict[str, str]:
    told: dict[str, str] = {}
    if change.release:
        has = {OWNER: found.owner, CLUSTER: found.cluster, APPLIED: found.applied}
        return {name: "" for name, value in has.items() if value is not None}
    if change.applied is not None and change.applied != found.applied:
        told[APPLIED] = change.applied
    if change.adopt is not None and change.adopt != (found.owner, found.cluster):
        told |= _owner(*change.adopt)
    if change.forget_paid and found.paid_seats is not None:
        told |= {PAID_SEATS: "", PAID_UNTIL: ""}
    paid = (change.paid_seats, change.paid_until)
    if change.paid_seats is not None and paid != (found.paid_seats, found.paid_until):
        told |= {PAID_SEATS: str(change.paid_seats), PAID_UNTIL: str(_seconds(change.paid_until))}
    return told


def _discounts(discount: str | None) -> list[dict[str, str]] | None:
    if discount is None:
        return None
    kind = "promotion_code" if discount.startswith(_PROMOTION_CODE) else "coupon"
    return [{kind: discount}]


def _owner(owner: str, cluster: str) -> dict[str, str]:
    return {OWNER: owner, CLUSTER: cluster}


def _seconds(instant: datetime | None) -> int | None:
    return None if instant is None else int(instant.timestamp())


def _without_none(**given: Any) -> Parameters:
    return {name: value for name, value in given.items() if value is not None}
