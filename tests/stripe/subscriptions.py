"""Subscriptions, from their beginning: https://docs.stripe.com/api/subscriptions/create."""

from tests.stripe.account import Account, Thing, with_metadata
from tests.stripe.clock import DAY
from tests.stripe.collection import collect, collect_soon, is_paid_by_bank, payment_method_of
from tests.stripe.customers import living_customer
from tests.stripe.discounts import redeemed
from tests.stripe.invoices import draft, finalise
from tests.stripe.pages import PAGE, page, within
from tests.stripe.refusals import BeforeItBegan, StripeRefusal, declined, missing
from tests.stripe.renewals import watch
from tests.stripe.routes import Given, serves
from tests.stripe.subscription_ends import ENDED, end_subscription
from tests.stripe.subscription_items import amount_of, begin_periods, item_list, new_item, period_lines

_HONOURED = (
    "customer items.price items.quantity items.metadata.* metadata.* collection_method days_until_due trial_end"
    " trial_period_days trial_settings.end_behavior.missing_payment_method discounts.coupon discounts.promotion_code"
    " default_payment_method payment_behavior cancel_at_period_end cancel_at description off_session proration_behavior"
    " payment_settings.save_default_payment_method"
)


@serves("POST /v1/subscriptions", _HONOURED)
def create_subscription(account: Account, given: Given) -> Thing:
    """A new subscription with its first invoice."""
    customer = living_customer(account, given["customer"], "customer", status=400)
    subscription = _begun(account, customer, given)
    behaviour = given.get("payment_behavior", "allow_incomplete")
    if _is_charged_now(subscription) and behaviour != "default_incomplete":
        if payment_method_of(account, subscription) is None:
            raise StripeRefusal(
                "This customer has no attached payment source or default payment method.",
                code="resource_missing",
            )
        if behaviour == "error_if_incomplete" and not is_paid_by_bank(account, subscription):
            raise declined()
    subscription["discounts"] = redeemed(account, subscription, given.get("discounts", []))
    account.add(subscription)
    account.tell("customer.subscription.created", subscription)
    _first_invoice(account, subscription, behaviour)
    watch(account, subscription)
    return subscription


def _begun(account: Account, customer: Thing, given: Given) -> Thing:
    now = account.clock_of(customer).now
    identity = account.new_id("subscription")
    trial_end = trial_end_of(given, now)
    collection = given.get("collection_method", "charge_automatically")
    if not given.get("items"):
        raise BeforeItBegan("Missing required param: items.", code="parameter_missing", param="items")
    check_days_until_due(collection, given.get("days_until_due"))
    items = [new_item(account, identity, one, place, now) for place, one in enumerate(given["items"])]
    subscription: Thing = {
        "id": identity,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"enabled": False, "disabled_reason": None, "liability": None},
        "billing_cycle_anchor": trial_end or now,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"type": "flexible", "flexible": {"proration_discounts": "included"}},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": given.get("cancel_at") or None,
        "cancel_at_period_end": given.get("cancel_at_period_end", False),
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": collection,
        "created": now,
        "currency": items[0]["price"]["currency"],
        "customer": customer["id"],
        "days_until_due": given.get("days_until_due"),
        "default_payment_method": given.get("default_payment_method"),
        "default_source": None,
        "default_tax_rates": [],
        "description": given.get("description"),
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": item_list(identity, items),
        "latest_invoice": None,
        "livemode": False,
        "metadata": with_metadata({}, given.get("metadata")),
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": given.get("payment_settings", {}).get(
                "save_default_payment_method", "off"
            ),
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": now,
        "status": "trialing" if trial_end else "active",
        "test_clock": customer["test_clock"],
        "transfer_data": None,
        "trial_end": trial_end,
        "trial_settings": {
            "end_behavior": given.get("trial_settings", {}).get(
                "end_behavior", {"missing_payment_method": "create_invoice"}
            )
        },
        "trial_start": now if trial_end else None,
    }
    begin_periods(subscription, now, trial_end)
    if subscription["cancel_at_period_end"]:
        subscription.update(cancel_at=items[0]["current_period_end"], canceled_at=now)
    return subscription


def trial_end_of(given: Given, now: int) -> int | None:
    """When a trial ends, of the two ways in which that can be asked for; None for no trial."""
    if "trial_end" in given and "trial_period_days" in given:
        raise StripeRefusal("You may only specify one of trial_end and trial_period_days.")
    if "trial_period_days" in given:
        return now + int(given["trial_period_days"]) * DAY if given["trial_period_days"] else None
    end = given.get("trial_end")
    if end in {None, "now"}:
        return None
    if end <= now:
        raise StripeRefusal(
            "Invalid timestamp: must be an integer Unix timestamp in the future.", param="trial_end"
        )
    return int(end)


def check_days_until_due(collection: str, days: int | None) -> None:
    """Days are for invoices that are sent, and those need them."""
    if collection == "send_invoice" and days is None:
        raise StripeRefusal(
            "If collection_method is set to `send_invoice`, you must specify `days_until_due`.",
            param="days_until_due",
        )
    if collection != "send_invoice" and days is not None:
        raise StripeRefusal(
            "`days_until_due` can only be set when collection_method is `send_invoice`.",
            param="days_until_due",
        )


def _is_charged_now(subscription: Thing) -> bool:
    charged = (
        subscription["collection_method"] == "charge_automatically" and subscription["trial_end"] is None
    )
    return charged and any(amount_of(one) for one in subscription["items"]["data"])


def _first_invoice(account: Account, subscription: Thing, behaviour: str) -> None:
    in_trial = subscription["trial_end"] is not None
    if _is_charged_now(subscription):
        subscription["status"] = "incomplete"
    lines = period_lines(account, subscription, free=in_trial)
    invoice = draft(account, subscription, "subscription_create", lines)
    if subscription["collection_method"] == "send_invoice" and not in_trial:
        collect_soon(account, invoice)
    elif behaviour == "default_incomplete":
        finalise(account, invoice)
    else:
        collect(account, invoice)


@serves("GET /v1/subscriptions/{subscription}")
def read_subscription(account: Account, _given: Given, identity: str) -> Thing:
    """The subscription, also one that has ended."""
    return account.find("subscription", identity)


@serves(
    "GET /v1/subscriptions", f"{PAGE} customer status price collection_method created created.* test_clock"
)
def list_subscriptions(account: Account, given: Given) -> Thing:
    """The newest first; ended ones only where the status says so (canceled, ended, all)."""
    wanted = [one for one in account.all("subscription") if _is_wanted(one, given)]
    return page(wanted, given, "/v1/subscriptions")


def _is_wanted(subscription: Thing, given: Given) -> bool:
    status = given.get("status")
    by_status = {
        None: subscription["status"] not in ENDED,
        "all": True,
        "ended": subscription["status"] in ENDED,
    }
    prices = {one["price"]["id"] for one in subscription["items"]["data"]}
    return (
        by_status.get(status, subscription["status"] == status)
        and given.get("customer", subscription["customer"]) == subscription["customer"]
        and given.get("collection_method", subscription["collection_method"])
        == subscription["collection_method"]
        and ("price" not in given or given["price"] in prices)
        and (subscription["test_clock"] == given.get("test_clock") or "customer" in given)
        and within(subscription["created"], given.get("created"))
    )


@serves(
    "DELETE /v1/subscriptions/{subscription}",
    "cancellation_details.comment cancellation_details.feedback",
)
def cancel_subscription(account: Account, given: Given, identity: str) -> Thing:
    """Ended now. One that has ended already is not found, as Stripe has it."""
    subscription = account.find("subscription", identity)
    if subscription["status"] in ENDED:
        raise missing("subscription", identity)
    details = given.get("cancellation_details", {}) | {"reason": "cancellation_requested"}
    end_subscription(account, subscription, **details)
    return subscription
