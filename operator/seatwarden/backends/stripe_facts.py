"""Objects of Stripe's SDK as `seatwarden.domain.billing.facts`."""

from datetime import UTC, datetime
from typing import Any

import stripe

from seatwarden.domain.billing.facts import (
    APPLIED,
    CLUSTER,
    OWNER,
    PAID_SEATS,
    PAID_UNTIL,
    CheckoutFacts,
    Collection,
    CustomerFacts,
    PageState,
    PriceFacts,
    StripeStatus,
    SubscriptionFacts,
)


def customer_facts(found: stripe.Customer) -> CustomerFacts:
    """A customer, or what is left of one that was deleted."""
    metadata = _metadata(found)
    return CustomerFacts(
        id=found.id,
        owner=metadata.get(OWNER),
        cluster=metadata.get(CLUSTER),
        name=_text(found, "name"),
        email=_text(found, "email"),
        # Of a deleted one nothing is left but its id.
        created=_instant(getattr(found, "created", 0)),
        deleted=bool(getattr(found, "deleted", False)),
    )


def price_facts(found: stripe.Price) -> PriceFacts:
    """A price. One that does not recur has no interval."""
    recurring = found.recurring
    return PriceFacts(
        id=found.id,
        active=found.active,
        interval=recurring.interval if recurring is not None else "",
        lookup_key=found.lookup_key,
        unit_amount=found.unit_amount if found.billing_scheme == "per_unit" else None,
    )


def subscription_facts(
    found: stripe.Subscription, *, unpaid_since: datetime | None = None
) -> SubscriptionFacts:
    """A subscription. Its first item is the plan's seats: we make one with one item, and never add a second."""
    item = found["items"].data[0]
    metadata = _metadata(found)
    paid_seats, paid_until = metadata.get(PAID_SEATS), metadata.get(PAID_UNTIL)
    is_paid_ahead = _is_number(paid_seats) and _is_number(paid_until)
    return SubscriptionFacts(
        id=found.id,
        customer=_id(found.customer),
        owner=metadata.get(OWNER),
        cluster=metadata.get(CLUSTER),
        status=StripeStatus(found.status),
        item=item.id,
        price=price_facts(item.price),
        quantity=item.quantity if item.quantity is not None else 1,
        created=_instant(found.created),
        period_start=_instant(item.current_period_start),
        period_end=_instant(item.current_period_end),
        collection=Collection(found.collection_method),
        trial_end=_instant_or_none(found.trial_end),
        cancel_at_period_end=found.cancel_at_period_end,
        cancel_at=_instant_or_none(found.cancel_at),
        canceled_at=_instant_or_none(found.canceled_at),
        ended_at=_instant_or_none(found.ended_at),
        collection_paused=found.pause_collection is not None,
        unpaid_since=unpaid_since,
        discount=_discount(found),
        applied=metadata.get(APPLIED),
        paid_seats=int(paid_seats) if is_paid_ahead and paid_seats else None,
        paid_until=_instant(int(paid_until)) if is_paid_ahead and paid_until else None,
    )


def checkout_facts(found: stripe.checkout.Session) -> CheckoutFacts | None:
    """A page; None for one that begins no subscription."""
    line = found.line_items.data[0] if found.line_items is not None and found.line_items.data else None
    if line is None or line.price is None or found.mode != "subscription":
        return None
    metadata = _metadata(found)
    return CheckoutFacts(
        id=found.id,
        customer=_id(found.customer),
        owner=metadata.get(OWNER),
        cluster=metadata.get(CLUSTER),
        created=_instant(found.created),
        url=found.url or "",
        expires_at=_instant(found.expires_at),
        price=line.price.id,
        quantity=line.quantity or 0,
        state=PageState(found.status or PageState.EXPIRED),
        subscription=_id(found.subscription) or None,
    )


def due_since(found: stripe.Invoice) -> datetime:
    """When an invoice had to be paid."""
    return _instant(found.due_date or found.status_transitions.finalized_at or found.created)


def _metadata(found: Any) -> dict[str, str]:
    metadata = getattr(found, "metadata", None)
    return {} if metadata is None else {str(name): str(value) for name, value in metadata.to_dict().items()}


def _text(found: Any, name: str) -> str | None:
    value = getattr(found, name, None)
    return value if isinstance(value, str) else None


def _id(found: Any) -> str:
    return found if isinstance(found, str) else str(found.id) if found is not None else ""


def _discount(found: stripe.Subscription) -> str | None:
    for one in found.discounts or ():
        if isinstance(one, str):
            continue
        if one.promotion_code is not None:
            return _id(one.promotion_code)
        return _id(one.source.coupon) if one.source.coupon is not None else None
    return None


def _is_number(text: str | None) -> bool:
    return text is not None and text.isascii() and text.isdigit()


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _instant_or_none(seconds: int | None) -> datetime | None:
    return None if seconds is None else _instant(seconds)
