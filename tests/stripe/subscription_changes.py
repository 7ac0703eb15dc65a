"""Changes of a running subscription, and what is billed for them: https://docs.stripe.com/billing/subscriptions/prorations."""

from tests.stripe.account import Account, Thing, copied, with_metadata
from tests.stripe.collection import collect, is_paid_by_bank
from tests.stripe.discounts import redeemed
from tests.stripe.invoices import draft
from tests.stripe.refusals import StripeRefusal, declined, missing
from tests.stripe.renewals import watch
from tests.stripe.routes import Given, serves
from tests.stripe.subscription_ends import ENDED
from tests.stripe.subscription_items import (
    begin_periods,
    ends_at,
    item_list,
    items_of,
    new_item,
    period_lines,
    proration_lines,
    recurring_price,
    rhythm,
)
from tests.stripe.subscriptions import check_days_until_due, trial_end_of

_HONOURED = (
    "items.id items.price items.quantity items.metadata.* metadata metadata.* collection_method days_until_due trial_end"
    " discounts discounts.coupon discounts.promotion_code discounts.discount default_payment_method payment_behavior"
    " cancel_at_period_end cancel_at description off_session proration_behavior pause_collection pause_collection.behavior"
    " pause_collection.resumes_at cancellation_details.comment cancellation_details.feedback"
)
_AFTER_THE_END = {"metadata", "cancellation_details", "expand"}


@serves("POST /v1/subscriptions/{subscription}", _HONOURED)
def change_subscription(account: Account, given: Given, identity: str) -> Thing:
    """The subscription with what is given; the rest stays. All of it, or nothing."""
    subscription = account.find("subscription", identity)
    if subscription["status"] in ENDED and not given.keys() <= _AFTER_THE_END:
        raise StripeRefusal("A canceled subscription can only update its cancellation_details and metadata.")
    now = account.clock_of(subscription).now
    items = _wanted_items(account, subscription, given.get("items", []), now)
    wanted = _wanted_fields(account, subscription, given)
    before = copied(items_of(subscription))
    resets = _restarts(subscription, items, given)
    lines = _owed(account, subscription, before, items, now, given)
    _refuse_unpaid(account, subscription, given, lines)
    if given.get("discounts", []) != []:
        wanted["discounts"] = redeemed(account, subscription, given["discounts"])
    _apply(account, subscription, wanted, items)
    if resets:
        _restart(account, subscription, given, now)
    watch(account, subscription)
    if resets or (lines and given.get("proration_behavior") == "always_invoice"):
        full = (
            period_lines(account, subscription, free=subscription["status"] == "trialing") if resets else []
        )
        pending = account.pending_lines.pop(subscription["id"], [])
        collect(account, draft(account, subscription, "subscription_update", pending + lines + full))
    elif lines:
        account.pending_lines[subscription["id"]].extend(lines)
    return subscription


def _wanted_items(account: Account, subscription: Thing, given: list[Given], now: int) -> list[Thing]:
    items = copied(items_of(subscription))
    for place, one in enumerate(given):
        if "id" not in one:
            # As in Stripe: without an id it is one more, and the subscription costs both.
            added = new_item(account, subscription["id"], one, place, now)
            period = ("current_period_start", "current_period_end")
            added.update({name: items[0][name] for name in period})
            items.append(added)
            continue
        item = next((item for item in items if item["id"] == one["id"]), None)
        if item is None:
            raise missing("subscription_item", one["id"], f"items[{place}][id]", status=400)
        if "price" in one:
            item["price"] = recurring_price(account, one["price"], f"items[{place}][price]")
        item["quantity"] = one.get("quantity", item["quantity"])
        item["metadata"] = with_metadata(item["metadata"], one.get("metadata"))
    item_list(subscription["id"], items)
    return items


def _wanted_fields(account: Account, subscription: Thing, given: Given) -> Thing:
    wanted: Thing = {
        name: given[name] or None
        for name in ("description", "default_payment_method", "cancel_at", "days_until_due")
        if name in given
    }
    wanted["metadata"] = with_metadata(subscription["metadata"], given.get("metadata"))
    if "collection_method" in given or "days_until_due" in given:
        collection = str(given.get("collection_method", subscription["collection_method"]))
        days = given.get("days_until_due")
        if days is None and collection == "send_invoice":
            days = subscription["days_until_due"]
        check_days_until_due(collection, days)
        wanted |= {"collection_method": collection, "days_until_due": days}
    if "pause_collection" in given:
        paused = given["pause_collection"] or None
        wanted["pause_collection"] = paused and {"resumes_at": None} | paused
    if "cancellation_details" in given:
        wanted["cancellation_details"] = subscription["cancellation_details"] | given["cancellation_details"]
    return wanted | _cancellation(account, subscription, given)


def _cancellation(account: Account, subscription: Thing, given: Given) -> Thing:
    if "cancel_at_period_end" in given and "cancel_at" in given:
        raise StripeRefusal("You may only specify one of cancel_at and cancel_at_period_end.")
    asked = given.get("cancel_at_period_end", given.get("cancel_at"))
    if asked is None or asked == subscription["cancel_at_period_end"]:
        return {}
    if isinstance(asked, str) and asked:
        raise StripeRefusal("The stand-in knows no such way to cancel", param="cancel_at")
    at_end = asked is True
    details = subscription["cancellation_details"] | {"reason": "cancellation_requested" if asked else None}
    return {
        "cancel_at_period_end": at_end,
        "cancel_at": ends_at(subscription) if at_end else asked or None,
        "canceled_at": account.clock_of(subscription).now if asked else None,
        "cancellation_details": details,
    }


def _restarts(subscription: Thing, items: list[Thing], given: Given) -> bool:
    """Whether a new period begins now: another rhythm, or another end of the trial."""
    return rhythm(items[0]) != rhythm(items_of(subscription)[0]) or "trial_end" in given


def _owed(
    account: Account, subscription: Thing, before: list[Thing], after: list[Thing], now: int, given: Given
) -> list[Thing]:
    if subscription["status"] == "trialing" or given.get("proration_behavior") == "none":
        return []
    if rhythm(before[0]) != rhythm(after[0]):
        # The new rhythm is charged for a whole period: only what is unused of the old one is credited.
        return proration_lines(account, subscription, before, [], now)
    return proration_lines(account, subscription, before, after, now)


def _refuse_unpaid(account: Account, subscription: Thing, given: Given, lines: list[Thing]) -> None:
    owed = sum(one["amount"] for one in lines)
    at_once = given.get("proration_behavior") == "always_invoice"
    strict = given.get("payment_behavior") == "error_if_incomplete"
    charged = subscription["collection_method"] == "charge_automatically"
    if strict and at_once and charged and owed > 0 and not is_paid_by_bank(account, subscription):
        raise declined()


def _apply(account: Account, subscription: Thing, wanted: Thing, items: list[Thing]) -> None:
    wanted["items"] = item_list(subscription["id"], items)
    account.edit(subscription, "customer.subscription.updated", wanted)


def _restart(account: Account, subscription: Thing, given: Given, now: int) -> None:
    end = trial_end_of(given, now)
    in_trial = end is not None or (subscription["status"] == "trialing" and "trial_end" not in given)
    end = end or (subscription["trial_end"] if in_trial else None)
    changes: Thing = {"billing_cycle_anchor": end or now}
    if in_trial:
        changes |= {"status": "trialing", "trial_end": end, "trial_start": subscription["trial_start"] or now}
    elif subscription["status"] == "trialing":
        changes |= {"status": "active", "trial_end": now}
    account.edit(subscription, None, changes)
    begin_periods(subscription, now, end)
    if subscription["cancel_at_period_end"]:
        account.edit(subscription, None, {"cancel_at": ends_at(subscription)})
    account.tell("customer.subscription.updated", subscription)
