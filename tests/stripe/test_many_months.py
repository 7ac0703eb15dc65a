"""Random lives of subscriptions over months: whatever happens, each period is billed once, and statuses follow what was paid."""

import contextlib
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from tests.stripe.account import Account, Outcome, Switches, Thing
from tests.stripe.catalogue import create_price, create_product
from tests.stripe.clock import Clock
from tests.stripe.collection import pay_invoice
from tests.stripe.customers import create_customer
from tests.stripe.openapi import stripe_openapi
from tests.stripe.refusals import StripeRefusal
from tests.stripe.shapes import complaints
from tests.stripe.subscription_changes import change_subscription
from tests.stripe.subscription_ends import ENDED
from tests.stripe.subscriptions import cancel_subscription, create_subscription

_PRORATIONS = ["always_invoice", "none", "create_prorations"]
_STEPS = some.one_of(
    some.tuples(some.just("wait"), some.integers(1, 40)),
    some.tuples(some.just("seats"), some.integers(1, 50), some.sampled_from(_PRORATIONS)),
    some.tuples(some.just("price"), some.booleans(), some.sampled_from(_PRORATIONS)),
    some.tuples(some.just("bank"), some.booleans()),
    some.tuples(some.just("pay")),
    some.tuples(some.just("at end"), some.booleans()),
    some.tuples(some.just("pause"), some.booleans()),
    some.tuples(some.just("cancel")),
)


class Life:
    """An account with one subscription."""

    def __init__(self, outcome: Outcome, trial_days: int) -> None:
        self.account = Account(Clock(1_770_000_000), Switches(outcome=outcome))
        product = create_product(self.account, {"name": "Seats"})
        self.prices = [self.price(product, interval) for interval in ("month", "year")]
        card = {"payment_method": "pm_card_visa"}
        default = {"invoice_settings": {"default_payment_method": "pm_card_visa"}}
        self.customer = create_customer(self.account, card | default)
        items = [{"price": self.prices[0], "quantity": 2}]
        wanted = {"customer": self.customer["id"], "items": items, "trial_period_days": trial_days}
        self.subscription = create_subscription(self.account, wanted)

    def price(self, product: Thing, interval: str) -> str:
        amount = {"month": 1000, "year": 10_000}[interval]
        wanted = {"product": product["id"], "currency": "eur", "unit_amount": amount}
        return str(create_price(self.account, wanted | {"recurring": {"interval": interval}})["id"])

    def step(self, what: str, *how: Any) -> None:
        """Let something happen; Stripe may say no."""
        identity = self.subscription["id"]
        item = self.subscription["items"]["data"][0]["id"]
        match what:
            case "wait":
                self.account.clock.advance(days=how[0])
            case "seats":
                changed = {"items": [{"id": item, "quantity": how[0]}], "proration_behavior": how[1]}
                change_subscription(self.account, changed, identity)
            case "price":
                changed = {
                    "items": [{"id": item, "price": self.prices[how[0]]}],
                    "proration_behavior": how[1],
                }
                change_subscription(self.account, changed, identity)
            case "bank":
                self.account.declines = {self.customer["id"]} if how[0] else set()
            case "pay":
                for bill in [one for one in self.bills if one["status"] == "open"]:
                    pay_invoice(self.account, {}, bill["id"])
            case "at end":
                change_subscription(self.account, {"cancel_at_period_end": how[0]}, identity)
            case "pause":
                paused = {"pause_collection": {"behavior": "void"} if how[0] else ""}
                change_subscription(self.account, paused, identity)
            case "cancel":
                cancel_subscription(self.account, {}, identity)

    @property
    def bills(self) -> list[Thing]:
        return self.account.all("invoice")


def check(life: Life) -> None:
    """What holds at every instant."""
    subscription, bills, now = life.subscription, life.bills, life.account.clock.now
    full = Counter(
        line["period"]["start"]
        for bill in bills
        if bill["billing_reason"] != "subscription_update"
        for line in bill["lines"]["data"]
        if not line["parent"]["subscription_item_details"]["proration"]
    )
    assert not full or max(full.values()) == 1, "a period was billed twice"
    for bill in bills:
        assert bill["amount_due"] >= 0
        assert bill["amount_paid"] + bill["amount_remaining"] == bill["amount_due"]
        assert (bill["status"] == "paid") == (bill["status_transitions"]["paid_at"] is not None)
    item = subscription["items"]["data"][0]
    assert item["current_period_start"] < item["current_period_end"]
    if subscription["status"] not in ENDED:
        assert item["current_period_start"] <= now < item["current_period_end"]
        sent = [one for one in bills if one["status"] != "draft"]
        assert (subscription["status"] in {"past_due", "unpaid"}) <= (sent[0]["status"] == "open")
    else:
        assert subscription["ended_at"] <= now
        assert all(one["next_payment_attempt"] is None for one in bills)
    api = stripe_openapi()
    assert complaints(api, api.schema("subscription"), subscription) == []


@settings(max_examples=60)
@given(some.sampled_from(list(Outcome)), some.sampled_from([0, 14]), some.lists(_STEPS, max_size=25))
def test_each_period_is_billed_once_whatever_happens(
    outcome: Outcome, trial_days: int, steps: list[tuple[Any, ...]]
) -> None:
    life = Life(outcome, trial_days)
    check(life)
    for step in steps:
        with contextlib.suppress(StripeRefusal):
            life.step(*step)
        check(life)
