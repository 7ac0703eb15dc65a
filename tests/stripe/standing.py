"""What payments mean for a subscription's status: https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses."""

from tests.stripe.account import Account, Outcome, Thing
from tests.stripe.invoices import invoices_of, subscription_of
from tests.stripe.subscription_ends import ENDED, end_subscription

_UPDATED = "customer.subscription.updated"


def settled(account: Account, invoice: Thing) -> None:
    """An invoice was paid, or is not wanted any more: in good standing again, if the newest that was sent is not open."""
    subscription = subscription_of(account, invoice)
    newest = _newest(account, subscription)
    if newest["status"] != "open" and subscription["status"] in {"incomplete", "past_due", "unpaid"}:
        account.edit(subscription, _UPDATED, {"status": "active"})


def _newest(account: Account, subscription: Thing) -> Thing:
    """The newest invoice that is no draft: it alone says how a subscription stands."""
    return next(one for one in invoices_of(account, subscription) if one["status"] != "draft")


def not_paid(account: Account, invoice: Thing) -> None:
    """A payment failed, or an invoice that was sent is overdue."""
    subscription = subscription_of(account, invoice)
    if _newest(account, subscription) is invoice and subscription["status"] in {"active", "trialing"}:
        account.edit(subscription, _UPDATED, {"status": "past_due"})


def given_up(account: Account, invoice: Thing) -> None:
    """The last retry failed."""
    subscription = subscription_of(account, invoice)
    if subscription["status"] in ENDED or _newest(account, subscription) is not invoice:
        return
    match account.switches.outcome:
        case Outcome.CANCEL:
            end_subscription(account, subscription, reason="payment_failed")
        case Outcome.UNPAID:
            account.edit(subscription, _UPDATED, {"status": "unpaid"})
        case Outcome.STAY:
            pass
