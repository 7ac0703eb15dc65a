"""Coupons, the codes that customers type in for them, and the discounts that come of both: https://docs.stripe.com/billing/subscriptions/coupons."""

from tests.stripe.account import Account, Thing, with_metadata
from tests.stripe.clock import later
from tests.stripe.pages import PAGE, page
from tests.stripe.refusals import StripeRefusal, missing
from tests.stripe.routes import Given, serves


@serves(
    "POST /v1/coupons",
    "id name percent_off amount_off currency duration duration_in_months metadata metadata.*",
)
def create_coupon(account: Account, given: Given) -> Thing:
    """So much off: per cent, or an amount of a currency."""
    if ("percent_off" in given) == ("amount_off" in given):
        raise StripeRefusal("You must pass exactly one of percent_off and amount_off.")
    identity = given.get("id") or account.new_id("coupon")
    if identity in account.tables["coupon"]:
        raise StripeRefusal("Coupon already exists.", code="resource_already_exists")
    coupon: Thing = {
        "id": identity,
        "object": "coupon",
        "amount_off": given.get("amount_off"),
        "created": account.clock.now,
        "currency": given.get("currency"),
        "duration": given.get("duration", "once"),
        "duration_in_months": given.get("duration_in_months"),
        "livemode": False,
        "max_redemptions": None,
        "metadata": with_metadata({}, given.get("metadata")),
        "name": given.get("name"),
        "percent_off": given.get("percent_off"),
        "redeem_by": None,
        "times_redeemed": 0,
        "valid": True,
    }
    return account.add(coupon, "coupon.created")


@serves("POST /v1/promotion_codes", "code promotion.coupon promotion.type active customer")
def create_promotion_code(account: Account, given: Given) -> Thing:
    """A code that stands for a coupon."""
    coupon = given["promotion"]["coupon"]
    account.find("coupon", coupon, "promotion[coupon]", status=400)
    identity = account.new_id("promotion_code")
    code: Thing = {
        "id": identity,
        "object": "promotion_code",
        "active": given.get("active", True),
        "code": given.get("code", identity[-8:]),
        "created": account.clock.now,
        "customer": given.get("customer"),
        "expires_at": None,
        "livemode": False,
        "max_redemptions": None,
        "metadata": {},
        "promotion": {"type": "coupon", "coupon": coupon},
        "restrictions": {
            "first_time_transaction": False,
            "minimum_amount": None,
            "minimum_amount_currency": None,
        },
        "times_redeemed": 0,
    }
    return account.add(code, "promotion_code.created")


@serves("GET /v1/promotion_codes", f"{PAGE} code active coupon")
def list_promotion_codes(account: Account, given: Given) -> Thing:
    """The newest first. A code is found whatever the case of its letters."""
    wanted = [
        one
        for one in account.all("promotion_code")
        if str(given.get("code", one["code"])).lower() == one["code"].lower()
        and given.get("active", one["active"]) == one["active"]
        and given.get("coupon") in {None, one["promotion"]["coupon"]}
    ]
    return page(wanted, given, "/v1/promotion_codes")


def redeemed(account: Account, subscription: Thing, wanted: list[Given] | str) -> list[str]:
    """The discounts that a subscription has afterwards: those that are wanted and no others. Ids. Makes none where one of them
    is refused."""
    chosen = wanted if isinstance(wanted, list) else []
    for one in chosen:
        if "discount" not in one:
            _coupon_of(account, subscription, one)
        elif one["discount"] not in subscription["discounts"]:
            raise missing("discount", one["discount"], "discounts[0][discount]", status=400)
    return [one.get("discount") or _redeem(account, subscription, one) for one in chosen]


def _coupon_of(account: Account, subscription: Thing, wanted: Given) -> Thing:
    promotion = wanted.get("promotion_code")
    if promotion is None:
        return account.find("coupon", wanted.get("coupon", ""), "discounts[0][coupon]", status=400)
    code = account.find("promotion_code", promotion, "discounts[0][promotion_code]", status=400)
    if not code["active"] or code["customer"] not in {None, subscription["customer"]}:
        raise StripeRefusal("This promotion code cannot be redeemed.", param="discounts[0][promotion_code]")
    return account.find("coupon", code["promotion"]["coupon"])


def _redeem(account: Account, subscription: Thing, wanted: Given) -> str:
    coupon = _coupon_of(account, subscription, wanted)
    promotion = wanted.get("promotion_code")
    used = [coupon] if promotion is None else [coupon, account.find("promotion_code", promotion)]
    for one in used:
        account.edit(one, None, {"times_redeemed": one["times_redeemed"] + 1})
    now = account.clock_of(subscription).now
    months = coupon["duration_in_months"]
    discount: Thing = {
        "id": account.new_id("discount"),
        "object": "discount",
        "checkout_session": None,
        "customer": subscription["customer"],
        "end": later(now, "month", months) if coupon["duration"] == "repeating" else None,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": promotion,
        "source": {"type": "coupon", "coupon": coupon["id"]},
        "start": now,
        "subscription": subscription["id"],
        "subscription_item": None,
    }
    account.add(discount, "customer.discount.created")
    return str(discount["id"])


def reduction(account: Account, subscription: Thing, subtotal: int, now: int) -> int:
    """What the discounts of a subscription take off an invoice. One that is for once is used up by it."""
    left = subtotal
    for identity in list(subscription["discounts"]):
        discount = account.find("discount", identity)
        coupon = account.find("coupon", discount["source"]["coupon"])
        if left <= 0 or (discount["end"] is not None and discount["end"] <= now):
            continue
        percent = coupon["percent_off"]
        off = round(left * percent / 100) if percent is not None else coupon["amount_off"]
        left -= min(off, left)
        if coupon["duration"] == "once":
            kept = [one for one in subscription["discounts"] if one != identity]
            account.edit(subscription, None, {"discounts": kept})
    return subtotal - left
