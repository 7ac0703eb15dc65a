"""What time does to a subscription: periods end, trials end, cancellations come due."""

from tests.stripe.account import Account, Thing
from tests.stripe.clock import DAY
from tests.stripe.collection import collect_soon, payment_method_of
from tests.stripe.invoices import draft
from tests.stripe.subscription_ends import ENDED, end_subscription, expire_subscription
from tests.stripe.subscription_items import begin_periods, ends_at, period_lines

_UPDATED = "customer.subscription.updated"
_INCOMPLETE_SECONDS = 23 * 3600
_NOTICE = 3 * DAY


def watch(account: Account, subscription: Thing) -> None:
    """Look at a subscription again when something falls due. To be called whenever it may be at another time than before."""
    if subscription["status"] in ENDED:
        return
    clock = account.clock_of(subscription)
    if subscription["status"] == "incomplete":
        clock.at(subscription["created"] + _INCOMPLETE_SECONDS, lambda: _expire(account, subscription))
        return
    when = [ends_at(subscription), subscription["cancel_at"]]
    paused = subscription["pause_collection"]
    when.append(paused["resumes_at"] if paused else None)
    for one in when:
        if one is not None and one > clock.now:
            clock.at(one, lambda: _due(account, subscription))
    if subscription["status"] == "trialing":
        _announce_trial_end(account, subscription)


def _expire(account: Account, subscription: Thing) -> None:
    if subscription["status"] == "incomplete":
        expire_subscription(account, subscription)


def _announce_trial_end(account: Account, subscription: Thing) -> None:
    end, clock = subscription["trial_end"], account.clock_of(subscription)

    def tell() -> None:
        if subscription["status"] == "trialing" and subscription["trial_end"] == end:
            account.tell("customer.subscription.trial_will_end", subscription)

    clock.at(max(end - _NOTICE, clock.now), tell)


def _due(account: Account, subscription: Thing) -> None:
    now = account.clock_of(subscription).now
    if subscription["status"] in ENDED or subscription["status"] == "paused":
        return
    paused = subscription["pause_collection"]
    if paused is not None and paused["resumes_at"] is not None and paused["resumes_at"] <= now:
        account.edit(subscription, _UPDATED, {"pause_collection": None})
    if subscription["cancel_at"] is not None and subscription["cancel_at"] <= now:
        end_subscription(account, subscription)
    elif ends_at(subscription) <= now:
        _renew(account, subscription)


def _renew(account: Account, subscription: Thing) -> None:
    start = ends_at(subscription)
    if subscription["status"] == "trialing":
        behaviour = _without_method(account, subscription)
        if behaviour == "cancel":
            end_subscription(account, subscription)
            return
        if behaviour == "pause":
            account.edit(subscription, None, {"status": "paused"})
            account.tell("customer.subscription.paused", subscription)
            return
    begin_periods(subscription, start)
    changes = {"status": "active"} if subscription["status"] == "trialing" else {}
    invoice = draft(
        account,
        subscription,
        "subscription_cycle",
        account.pending_lines.pop(subscription["id"], []) + period_lines(account, subscription),
    )
    account.edit(subscription, None, changes)
    account.tell(_UPDATED, subscription, {"items": {}, "latest_invoice": None})
    paused = subscription["pause_collection"]
    kept = subscription["status"] == "unpaid" or (paused and paused["behavior"] == "keep_as_draft")
    if kept:
        account.edit(invoice, "invoice.updated", {"auto_advance": False})
    else:
        collect_soon(account, invoice)
    watch(account, subscription)


def _without_method(account: Account, subscription: Thing) -> str:
    """What the end of a trial brings where there is no means of payment."""
    if subscription["collection_method"] == "send_invoice" or payment_method_of(account, subscription):
        return "create_invoice"
    return str(subscription["trial_settings"]["end_behavior"]["missing_payment_method"])
