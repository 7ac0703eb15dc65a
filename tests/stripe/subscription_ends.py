"""How a subscription ends: https://docs.stripe.com/billing/subscriptions/cancel."""

from typing import Any

from tests.stripe.account import Account, Thing
from tests.stripe.invoices import close, invoices_of

ENDED = {"canceled", "incomplete_expired"}


def end_subscription(account: Account, subscription: Thing, **details: Any) -> None:
    """Ended now. Its open invoices stay, and nobody collects them any more. One that has ended already stays as it is."""
    if subscription["status"] in ENDED:
        return
    now = account.clock_of(subscription).now
    for invoice in invoices_of(account, subscription):
        if invoice["status"] in {"draft", "open"}:
            stopped = {"auto_advance": False, "next_payment_attempt": None}
            account.edit(invoice, "invoice.updated", stopped)
    account.pending_lines.pop(subscription["id"], None)
    ended = {
        "status": "canceled",
        "canceled_at": subscription["canceled_at"] or now,
        "ended_at": now,
        "cancellation_details": subscription["cancellation_details"] | details,
    }
    account.edit(subscription, None, ended)
    account.tell("customer.subscription.deleted", subscription)


def expire_subscription(account: Account, subscription: Thing) -> None:
    """Its first invoice was not paid in time."""
    for invoice in invoices_of(account, subscription):
        if invoice["status"] == "open":
            close(account, invoice, "void")
    now = account.clock_of(subscription).now
    account.edit(
        subscription, "customer.subscription.updated", {"status": "incomplete_expired", "ended_at": now}
    )
