"""How invoices are collected: https://docs.stripe.com/billing/revenue-recovery/smart-retries."""

from tests.stripe.account import DECLINED_CARD, Account, Thing
from tests.stripe.clock import DAY
from tests.stripe.invoices import (
    FINALISED_AFTER_SECONDS,
    close,
    finalise,
    mark_paid,
    subscription_of,
)
from tests.stripe.pages import PAGE, page, within
from tests.stripe.refusals import StripeRefusal, declined
from tests.stripe.routes import Given, serves
from tests.stripe.standing import given_up, not_paid, settled
from tests.stripe.subscription_ends import ENDED


def payment_method_of(account: Account, subscription: Thing) -> str | None:
    """What a subscription's invoices are paid with."""
    customer = account.find("customer", subscription["customer"])
    own: str | None = subscription["default_payment_method"]
    return own or customer.get("invoice_settings", {}).get("default_payment_method")


def is_paid_by_bank(account: Account, subscription: Thing) -> bool:
    """Whether a charge now would succeed."""
    method = payment_method_of(account, subscription)
    refused = subscription["customer"] in account.declines or (
        method is not None and account.cards[method] == DECLINED_CARD
    )
    return method is not None and not refused


def collect_soon(account: Account, invoice: Thing) -> None:
    """Leave it a draft for an hour, as for all but the first of a subscription."""
    clock = account.clock_of(invoice)
    account.edit(invoice, None, {"automatically_finalizes_at": clock.now + FINALISED_AFTER_SECONDS})

    def due() -> None:
        if invoice["status"] == "draft" and invoice["auto_advance"]:
            collect(account, invoice)

    clock.at(clock.now + FINALISED_AFTER_SECONDS, due)


def collect(account: Account, invoice: Thing) -> bool:
    """Finalise it, and try to be paid. Whether it is paid, or sent."""
    subscription = subscription_of(account, invoice)
    finalise(account, invoice)
    paused = subscription["pause_collection"]
    if invoice["status"] == "open" and paused is not None and paused["behavior"] != "keep_as_draft":
        close(account, invoice, {"mark_uncollectible": "uncollectible"}.get(paused["behavior"], "void"))
    if invoice["status"] != "open":
        settled(account, invoice)
        return True
    if invoice["collection_method"] == "send_invoice":
        account.tell("invoice.sent", invoice)
        _watch_due_date(account, invoice)
        return True
    return try_payment(account, invoice)


def try_payment(account: Account, invoice: Thing) -> bool:
    """Charge what is due. After a failure it is tried again some days later, and at last given up."""
    subscription = subscription_of(account, invoice)
    if is_paid_by_bank(account, subscription):
        account.edit(invoice, None, {"attempt_count": invoice["attempt_count"] + 1})
        mark_paid(account, invoice)
        settled(account, invoice)
        return True
    failures = invoice["attempt_count"] + 1
    clock, days = account.clock_of(invoice), account.switches.retry_days
    again = clock.now + days[failures - 1] * DAY if failures <= len(days) else None
    if subscription["status"] in ENDED | {"incomplete"}:
        again = None
    tried = {"attempted": True, "attempt_count": failures, "next_payment_attempt": again}
    account.edit(invoice, "invoice.payment_failed", tried)
    not_paid(account, invoice)
    if again is not None:
        clock.at(again, lambda: _retry(account, invoice))
    elif subscription["status"] != "incomplete":
        given_up(account, invoice)
    return False


def _retry(account: Account, invoice: Thing) -> None:
    if invoice["status"] == "open" and invoice["next_payment_attempt"] == account.clock_of(invoice).now:
        try_payment(account, invoice)


def _watch_due_date(account: Account, invoice: Thing) -> None:
    def overdue() -> None:
        if invoice["status"] == "open":
            account.tell("invoice.overdue", invoice)
            not_paid(account, invoice)
            if account.switches.overdue_days is not None:
                clock.at(clock.now + account.switches.overdue_days * DAY, last)

    def last() -> None:
        if invoice["status"] == "open":
            given_up(account, invoice)

    clock = account.clock_of(invoice)
    clock.at(invoice["due_date"], overdue)


@serves("GET /v1/invoices/{invoice}")
def read_invoice(account: Account, _given: Given, identity: str) -> Thing:
    """The invoice."""
    return account.find("invoice", identity)


@serves("GET /v1/invoices", f"{PAGE} customer subscription status collection_method created.* due_date.*")
def list_invoices(account: Account, given: Given) -> Thing:
    """The newest first."""
    wanted = [
        one
        for one in account.all("invoice")
        if all(
            given.get(name, one[name]) == one[name] for name in ("customer", "status", "collection_method")
        )
        and given.get("subscription") in {None, one["parent"]["subscription_details"]["subscription"]}
        and within(one["created"], given.get("created"))
        and ("due_date" not in given or within(one["due_date"] or 0, given["due_date"]))
    ]
    return page(wanted, given, "/v1/invoices")


@serves("POST /v1/invoices/{invoice}/pay", "paid_out_of_band")
def pay_invoice(account: Account, given: Given, identity: str) -> Thing:
    """Charged now, or marked as paid by other means."""
    invoice = account.find("invoice", identity)
    if invoice["status"] == "paid":
        raise StripeRefusal("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] == "draft":
        finalise(account, invoice)
    if invoice["status"] not in {"open", "uncollectible", "paid"}:
        raise StripeRefusal(f"You cannot pay an invoice that is {invoice['status']}.")
    if given.get("paid_out_of_band"):
        mark_paid(account, invoice)
        settled(account, invoice)
    elif invoice["status"] != "paid" and not try_payment(account, invoice):
        raise declined()
    return invoice


@serves("POST /v1/invoices/{invoice}/finalize")
def finalise_invoice(account: Account, _given: Given, identity: str) -> Thing:
    """A draft is sent, or charged within the hour: here at once."""
    invoice = account.find("invoice", identity)
    if invoice["status"] != "draft":
        raise StripeRefusal("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    collect(account, invoice)
    return invoice


@serves("POST /v1/invoices/{invoice}/void")
def void_invoice(account: Account, _given: Given, identity: str) -> Thing:
    """Not wanted any more."""
    invoice = account.find("invoice", identity)
    close(account, invoice, "void")
    settled(account, invoice)
    return invoice


@serves("POST /v1/invoices/{invoice}/mark_uncollectible")
def write_off_invoice(account: Account, _given: Given, identity: str) -> Thing:
    """Nobody expects the money any more."""
    invoice = account.find("invoice", identity)
    close(account, invoice, "uncollectible")
    settled(account, invoice)
    return invoice
