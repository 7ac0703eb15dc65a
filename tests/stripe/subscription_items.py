"""What a subscription is for: prices and quantities, each with the period that is paid for."""

from tests.stripe.account import Account, Thing, listed, with_metadata
from tests.stripe.clock import period_end
from tests.stripe.invoices import line
from tests.stripe.refusals import StripeRefusal
from tests.stripe.routes import Given


def recurring_price(account: Account, identity: str, param: str) -> Thing:
    """A price that a subscription can be for."""
    price = account.find("price", identity, param, status=400)
    if price["type"] != "recurring":
        raise StripeRefusal(
            "The price specified is set to `type=one_time`: use a recurring one.", param=param
        )
    if not price["active"]:
        raise StripeRefusal("The price specified is inactive.", param=param)
    return price


def new_item(account: Account, subscription: str, given: Given, place: int, now: int) -> Thing:
    """An item whose period is not known yet."""
    param = f"items[{place}][price]"
    if "price" not in given:
        raise StripeRefusal(f"Missing required param: {param}.", code="parameter_missing", param=param)
    return {
        "id": account.new_id("subscription_item"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": now,
        "current_period_end": now,
        "current_period_start": now,
        "discounts": [],
        "metadata": with_metadata({}, given.get("metadata")),
        "price": recurring_price(account, given["price"], param),
        "quantity": given.get("quantity", 1),
        "subscription": subscription,
        "tax_rates": [],
    }


def items_of(subscription: Thing) -> list[Thing]:
    """The items."""
    items: list[Thing] = subscription["items"]["data"]
    return items


def item_list(subscription: str, items: list[Thing]) -> Thing:
    """As a subscription shows them. Two of one price, or of two rhythms, are refused."""
    prices = [one["price"]["id"] for one in items]
    for price in prices:
        if prices.count(price) > 1:
            raise StripeRefusal(f"Price {price} is in more than one item: update that item instead.")
    if len({rhythm(one) for one in items}) != 1:
        raise StripeRefusal("All prices of a subscription must have the same recurring interval.")
    return listed(items, f"/v1/subscription_items?subscription={subscription}")


def rhythm(item: Thing) -> tuple[str, int]:
    """How often it is billed."""
    recurring = item["price"]["recurring"]
    return recurring["interval"], recurring["interval_count"]


def amount_of(item: Thing) -> int:
    """For a whole period, in the currency's smallest unit."""
    return int(item["price"]["unit_amount"]) * int(item["quantity"])


def begin_periods(subscription: Thing, start: int, end: int | None = None) -> None:
    """A new period of all items; without an end the one that the anchor gives."""
    for item in items_of(subscription):
        until = end or period_end(subscription["billing_cycle_anchor"], *rhythm(item), start)
        item.update(current_period_start=start, current_period_end=until)


def ends_at(subscription: Thing) -> int:
    """The end of the period that runs."""
    return min(int(one["current_period_end"]) for one in items_of(subscription))


def period_lines(account: Account, subscription: Thing, *, free: bool = False) -> list[Thing]:
    """What an invoice says for the period that runs."""
    return [
        line(
            account,
            subscription,
            item,
            0 if free else amount_of(item),
            (item["current_period_start"], item["current_period_end"]),
        )
        for item in items_of(subscription)
    ]


def proration_lines(
    account: Account, subscription: Thing, before: list[Thing], after: list[Thing], now: int
) -> list[Thing]:
    """The unused rest of what changed, credited, and the same rest of what it became, charged."""
    lines = []
    for items, sign, words in ((before, -1, "Unused time on"), (after, 1, "Remaining time on")):
        other = {one["id"]: one for one in (after if sign < 0 else before)}
        for item in items:
            twin = other.get(item["id"])
            if twin is not None and (twin["price"]["id"], twin["quantity"]) == (
                item["price"]["id"],
                item["quantity"],
            ):
                continue
            start, end = item["current_period_start"], item["current_period_end"]
            if not start <= now < end:
                continue
            amount = sign * round(amount_of(item) * (end - now) / (end - start))
            told = f"{words} {item['quantity']} x {item['price']['id']}"
            lines.append(
                line(account, subscription, item, amount, (now, end), proration=True, description=told)
            )
    return lines
