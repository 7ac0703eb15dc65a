"""Invoices: draft, open, then paid, void or uncollectible: https://docs.stripe.com/invoicing/overview#invoice-statuses.

Here is what an invoice is. Who pays it and when is in `collection`, what it means for a subscription in `standing`.
"""

from typing import Any

from tests.stripe.account import Account, Thing, listed
from tests.stripe.clock import DAY
from tests.stripe.discounts import reduction
from tests.stripe.refusals import StripeRefusal

FINALISED_AFTER_SECONDS = 3600
"""A renewal's invoice stays a draft for about an hour."""


def line(
    account: Account, subscription: Thing, item: Thing, amount: int, period: tuple[int, int], **more: Any
) -> Thing:
    """A line of an invoice for one item of a subscription. ``more``: proration, description, quantity."""
    price = item["price"]
    return {
        "id": account.new_id("line_item"),
        "object": "line_item",
        "amount": amount,
        "currency": subscription["currency"],
        "description": more.get("description", f"{item.get('quantity', 1)} x {price['id']}"),
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": dict(subscription["metadata"]),
        "parent": {
            "type": "subscription_item_details",
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": more.get("proration", False),
                "proration_details": {"credited_items": None},
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
        },
        "period": {"start": period[0], "end": period[1]},
        "pretax_credit_amounts": [],
        "pricing": {
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": str(price["unit_amount"]),
        },
        "quantity": more.get("quantity", item.get("quantity", 1)),
        "subscription": subscription["id"],
        "subtotal": amount,
        "taxes": [],
    }


def draft(account: Account, subscription: Thing, reason: str, lines: list[Thing]) -> Thing:
    """A new invoice of a subscription, which becomes its latest."""
    now = account.clock_of(subscription).now
    customer = account.find("customer", subscription["customer"])
    identity = account.new_id("invoice")
    for one in lines:
        one["invoice"] = identity
    subtotal = sum(one["amount"] for one in lines)
    total = subtotal - reduction(account, subscription, subtotal, now)
    sends = subscription["collection_method"] == "send_invoice"
    start, end = lines[0]["period"].values() if lines else (now, now)
    invoice: Thing = {
        "id": identity,
        "object": "invoice",
        "amount_due": max(total, 0),
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_paid_off_stripe": 0,
        "amount_remaining": max(total, 0),
        "amount_shipping": 0,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {
            "enabled": False,
            "disabled_reason": None,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "automatically_finalizes_at": None,
        "billing_reason": reason,
        "collection_method": subscription["collection_method"],
        "created": now,
        "currency": subscription["currency"],
        "customer": customer["id"],
        "customer_email": customer.get("email"),
        "customer_name": customer.get("name"),
        "default_payment_method": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": list(subscription["discounts"]),
        "due_date": now + subscription["days_until_due"] * DAY if sends else None,
        "ending_balance": None,
        "hosted_invoice_url": None,
        "issuer": {"type": "self"},
        "lines": listed(lines, f"/v1/invoices/{identity}/lines"),
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "parent": {
            "type": "subscription_details",
            "quote_details": None,
            "subscription_details": {
                "metadata": dict(subscription["metadata"]),
                "subscription": subscription["id"],
            },
        },
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": end,
        "period_start": start,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "starting_balance": customer.get("balance", 0),
        "status": "draft",
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": subtotal,
        "test_clock": subscription["test_clock"],
        "total": total,
    }
    account.bills[subscription["id"]].append(invoice)
    account.add(invoice, "invoice.created")
    account.edit(subscription, None, {"latest_invoice": identity})
    return invoice


def finalise(account: Account, invoice: Thing) -> Thing:
    """Open, with a number and its amount due after the customer's credit; paid at once where nothing is due."""
    now = account.clock_of(invoice).now
    customer = account.find("customer", invoice["customer"])
    balance: int = customer.get("balance", 0)
    due = max(invoice["total"] + balance, 0)
    left = invoice["total"] + balance - due
    number = customer.get("next_invoice_sequence", 1)
    if not customer.get("deleted"):
        account.edit(customer, "customer.updated", {"balance": left, "next_invoice_sequence": number + 1})
    account.edit(
        invoice,
        "invoice.finalized",
        {
            "status": "open",
            "amount_due": due,
            "amount_remaining": due,
            "starting_balance": balance,
            "ending_balance": left,
            "automatically_finalizes_at": None,
            "number": f"{customer.get('invoice_prefix', 'GONE')}-{number:04d}",
            "hosted_invoice_url": f"https://invoice.stripe.com/i/{invoice['id']}",
            "status_transitions": invoice["status_transitions"] | {"finalized_at": now},
        },
    )
    if due == 0:
        mark_paid(account, invoice)
    return invoice


def mark_paid(account: Account, invoice: Thing) -> None:
    """Nothing is due any more."""
    now = account.clock_of(invoice).now
    paid = {
        "status": "paid",
        "attempted": True,
        "auto_advance": False,
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
        "next_payment_attempt": None,
        "status_transitions": invoice["status_transitions"] | {"paid_at": now},
    }
    account.edit(invoice, "invoice.paid", paid)
    account.tell("invoice.payment_succeeded", invoice)


def close(account: Account, invoice: Thing, status: str) -> None:
    """Void or uncollectible."""
    if invoice["status"] not in {"open", "uncollectible"}:
        raise StripeRefusal(f"You can only do that to an open invoice; this one is {invoice['status']}.")
    stamp, event = {
        "void": ("voided_at", "invoice.voided"),
        "uncollectible": ("marked_uncollectible_at", "invoice.marked_uncollectible"),
    }[status]
    closed = {
        "status": status,
        "auto_advance": False,
        "next_payment_attempt": None,
        "status_transitions": invoice["status_transitions"] | {stamp: account.clock_of(invoice).now},
    }
    account.edit(invoice, event, closed)


def subscription_of(account: Account, invoice: Thing) -> Thing:
    """What the invoice is for."""
    return account.find("subscription", invoice["parent"]["subscription_details"]["subscription"])


def invoices_of(account: Account, subscription: Thing) -> list[Thing]:
    """Of one subscription, the newest first."""
    return account.bills[subscription["id"]][::-1]
