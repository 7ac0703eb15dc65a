"""Pages on which a customer pays: https://docs.stripe.com/api/checkout/sessions. What the customer does there, tests do: `pay`.

A page expires by the account's clock, also for a customer with a test clock. What it sells is shown only where `line_items`
are to be expanded, as at Stripe.
"""

from tests.stripe.account import Account, Thing, listed, with_metadata
from tests.stripe.customers import attach, living_customer
from tests.stripe.pages import PAGE, page, within
from tests.stripe.refusals import NotServed, StripeRefusal
from tests.stripe.routes import Given, serves
from tests.stripe.subscription_items import recurring_price
from tests.stripe.subscriptions import create_subscription, trial_end_of

_SHORTEST, _LONGEST = 30 * 60, 24 * 3600
_SOONEST_TRIAL_END = 48 * 3600
_HONOURED = (
    "mode customer line_items.price line_items.quantity success_url cancel_url expires_at metadata metadata.*"
    " client_reference_id allow_promotion_codes discounts.coupon discounts.promotion_code payment_method_collection"
    " subscription_data.metadata.* subscription_data.trial_end subscription_data.trial_period_days"
    " subscription_data.description"
)


@serves("POST /v1/checkout/sessions", _HONOURED)
def create_checkout(account: Account, given: Given) -> Thing:
    """An open page that begins a subscription."""
    if given.get("mode") != "subscription" or "customer" not in given:
        raise NotServed("The stand-in serves checkout sessions of a customer with mode=subscription")
    customer = living_customer(account, given["customer"], "customer", status=400)
    identity, now = account.new_id("checkout.session"), account.clock.now
    if "success_url" not in given:
        raise StripeRefusal(
            "Missing required param: success_url.", code="parameter_missing", param="success_url"
        )
    expires = given.get("expires_at", now + _LONGEST)
    if not now + _SHORTEST <= expires <= now + _LONGEST:
        raise StripeRefusal(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    _check_trial(account, customer, given)
    lines = _lines(account, given)
    total = sum(one["amount_total"] for one in lines)
    checkout: Thing = {
        "id": identity,
        "object": "checkout.session",
        "allow_promotion_codes": given.get("allow_promotion_codes"),
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "cancel_url": given.get("cancel_url"),
        "client_reference_id": given.get("client_reference_id"),
        "created": now,
        "currency": lines[0]["currency"],
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": customer["id"],
        "expires_at": expires,
        "invoice": None,
        "line_items": listed(lines, f"/v1/checkout/sessions/{identity}/line_items"),
        "livemode": False,
        "metadata": with_metadata({}, given.get("metadata")),
        "mode": "subscription",
        "payment_method_collection": given.get("payment_method_collection", "always"),
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "shipping_options": [],
        "status": "open",
        "subscription": None,
        "success_url": given["success_url"],
        "url": f"https://checkout.stripe.com/c/pay/{identity}",
    }
    account.begins[identity] = given
    account.clock.at(expires, lambda: _expire(account, checkout))
    return account.add(checkout)


def _check_trial(account: Account, customer: Thing, given: Given) -> None:
    now = account.clock_of(customer).now
    end = trial_end_of(given.get("subscription_data", {}), now)
    if (
        "trial_end" in given.get("subscription_data", {})
        and end is not None
        and end < now + _SOONEST_TRIAL_END
    ):
        raise StripeRefusal(
            "The `trial_end` date has to be at least 2 days in the future.",
            param="subscription_data[trial_end]",
        )


def _lines(account: Account, given: Given) -> list[Thing]:
    if not given.get("line_items"):
        raise StripeRefusal(
            "Missing required param: line_items.", code="parameter_missing", param="line_items"
        )
    lines = []
    for place, one in enumerate(given["line_items"]):
        price = recurring_price(account, one["price"], f"line_items[{place}][price]")
        amount = price["unit_amount"] * one["quantity"]
        line: Thing = {
            "id": account.new_id("line_item"),
            "object": "item",
            "amount_discount": 0,
            "amount_subtotal": amount,
            "amount_tax": 0,
            "amount_total": amount,
            "currency": price["currency"],
            "description": account.find("product", price["product"])["name"],
            "price": price,
            "quantity": one["quantity"],
        }
        lines.append(line)
    return lines


@serves("GET /v1/checkout/sessions/{session}")
def read_checkout(account: Account, _given: Given, identity: str) -> Thing:
    """The page."""
    return account.find("checkout.session", identity)


@serves("GET /v1/checkout/sessions", f"{PAGE} customer status subscription created created.*")
def list_checkouts(account: Account, given: Given) -> Thing:
    """The newest first."""
    wanted = [
        one
        for one in account.all("checkout.session")
        if all(given.get(name, one[name]) == one[name] for name in ("customer", "status", "subscription"))
        and within(one["created"], given.get("created"))
    ]
    return page(wanted, given, "/v1/checkout/sessions")


@serves("POST /v1/checkout/sessions/{session}/expire")
def expire_checkout(account: Account, _given: Given, identity: str) -> Thing:
    """Nobody can pay there any more."""
    checkout = account.find("checkout.session", identity)
    if checkout["status"] != "open":
        raise StripeRefusal(
            'Only Checkout Sessions with a status in ["open"] can be expired.'
            f" This Checkout Session has a status of {checkout['status']}."
        )
    _expire(account, checkout)
    return checkout


def _expire(account: Account, checkout: Thing) -> None:
    if checkout["status"] == "open":
        account.edit(checkout, "checkout.session.expired", {"status": "expired", "url": None})


def pay(account: Account, identity: str, card: str = "pm_card_visa") -> Thing:
    """The customer enters that card. The subscription that has begun. Raises the card's refusal, after which the page is still
    open, and a `StripeRefusal` where it is not."""
    checkout = account.find("checkout.session", identity)
    if checkout["status"] != "open":
        raise StripeRefusal(f"The page is {checkout['status']}")
    given = account.begins[identity]
    customer = account.find("customer", checkout["customer"])
    method = attach(account, card, customer)
    wanted: Given = {
        "customer": customer["id"],
        "items": [dict(one) for one in given["line_items"]],
        "default_payment_method": method["id"],
        "payment_behavior": "error_if_incomplete",
        "discounts": given.get("discounts", []),
    }
    begun = create_subscription(account, wanted | given.get("subscription_data", {}))
    done = {
        "status": "complete",
        "payment_status": "no_payment_required" if begun["trial_end"] else "paid",
        "subscription": begun["id"],
        "invoice": begun["latest_invoice"],
        "url": None,
    }
    account.edit(checkout, "checkout.session.completed", done)
    return begun


@serves("POST /v1/billing_portal/sessions", "customer return_url")
def create_portal_link(account: Account, given: Given) -> Thing:
    """A page for some minutes on which a customer looks after cards and invoices."""
    if "customer" not in given:
        raise NotServed("The stand-in serves portal sessions of a customer")
    customer = living_customer(account, given["customer"], "customer", status=400)
    identity = account.new_id("billing_portal.session")
    portal: Thing = {
        "id": identity,
        "object": "billing_portal.session",
        "configuration": "bpc_00000000000001",
        "created": account.clock.now,
        "customer": customer["id"],
        "flow": None,
        "livemode": False,
        "locale": None,
        "on_behalf_of": None,
        "return_url": given.get("return_url"),
        "url": f"https://billing.stripe.com/p/session/{identity}",
    }
    return account.add(portal)
