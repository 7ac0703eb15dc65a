"""Whether the stand-in's objects are Stripe's: every field is declared in the SDK's class, and what OpenAPI requires is there.

The server looks at each answer by OpenAPI; here its objects are held against the SDK, which is newer than that, and the look
itself is tried.
"""

import importlib
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import stripe
from stripe import params as sdk_params
from stripe._object_classes import OBJECT_CLASSES

from tests.stripe.account import Thing, copied
from tests.stripe.checkouts import pay
from tests.stripe.clock import DAY, later
from tests.stripe.openapi import stripe_openapi
from tests.stripe.place import Place
from tests.stripe.routes import routes
from tests.stripe.server import StripeServer
from tests.stripe.shapes import complaints


def sdk_class(kind: str) -> type[stripe.StripeObject]:
    """The SDK's class for an object."""
    module, name = OBJECT_CLASSES[kind]
    found: type[stripe.StripeObject] = getattr(importlib.import_module(module), name)
    return found


def undeclared(thing: Thing, cls: type | None = None, path: str = "") -> list[str]:
    """The fields that the SDK does not know, at any depth."""
    kind = thing.get("object")
    if isinstance(kind, str):
        cls, path = sdk_class(kind), kind
    if cls is None or not cls.__annotations__:
        return []
    # The class of what was found leaves out its address, which OpenAPI requires.
    names = {"object", "url"} if kind == "search_result" else {"object"}
    names |= {name for one in cls.__mro__ for name in getattr(one, "__annotations__", {})}
    inner = getattr(cls, "_inner_class_types", {})
    wrong = [f"{path}.{name}" for name in thing if name not in names]
    for name, value in thing.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and ("object" in one or name in inner):
                wrong += undeclared(one, inner.get(name), f"{path}.{name}")
    return wrong


def as_sent(answer: Any) -> Thing:
    """The JSON that the SDK made an object of."""
    sent: Thing = json.loads(answer.last_response.body)
    return sent


async def a_long_life(place: Place, server: StripeServer) -> dict[str, Thing]:
    """Objects of every kind that the stand-in has, as its API shows them; by kind, and then by what became of them."""
    calls = place.calls
    coupon = await calls.coupons.create_async({"percent_off": 10, "duration": "forever"})
    code = await calls.promotion_codes.create_async({"promotion": {"type": "coupon", "coupon": coupon.id}})
    customer = await place.customer()
    trial = await place.subscription(
        customer, trial_period_days=14, discounts=[{"promotion_code": code.id}], expand=["discounts"]
    )
    wanted = {
        "mode": "subscription",
        "customer": customer.id,
        "line_items": [{"price": place.monthly, "quantity": 2}],
        "success_url": "https://vendor.example",
    }
    page = await calls.checkout.sessions.create_async(wanted)
    begun = pay(server.account, page.id)
    server.account.declines.add(customer.id)
    await place.pass_until(later(place.began, "month", 1) + DAY)
    sent = await place.subscription(customer, collection_method="send_invoice", days_until_due=3)
    paused = {"pause_collection": {"behavior": "void"}, "cancel_at_period_end": True}
    await calls.subscriptions.update_async(sent.id, paused)
    shown = {
        "coupon": coupon,
        "promotion code": code,
        "customer": await calls.customers.retrieve_async(customer.id),
        "subscription in trial": trial,
        "subscription past due": await calls.subscriptions.retrieve_async(
            begun["id"], {"expand": ["latest_invoice", "customer"]}
        ),
        "subscription paused": await place.again(sent),
        "checkout": await calls.checkout.sessions.retrieve_async(page.id, {"expand": ["line_items"]}),
        "price": await calls.prices.retrieve_async(place.monthly, {"expand": ["product"]}),
        "invoices": await calls.invoices.list_async({"customer": customer.id}),
        "events": await calls.events.list_async({"limit": 100}),
        "found": await calls.customers.search_async({"query": "name~'acme'"}),
        "portal": await calls.billing_portal.sessions.create_async({"customer": customer.id}),
        "clock": await calls.test_helpers.test_clocks.retrieve_async(place.clock),
        "card": await calls.payment_methods.attach_async("pm_card_visa", {"customer": customer.id}),
        "deleted": await calls.customers.delete_async(customer.id),
    }
    return {name: as_sent(one) for name, one in shown.items()}


async def test_every_field_is_one_of_the_sdk(fake: Place, server: StripeServer) -> None:
    life = await a_long_life(fake, server)
    assert {name: undeclared(one) for name, one in life.items() if undeclared(one)} == {}
    kinds = {one["object"] for table in server.account.tables.values() for one in table.values()}
    assert kinds <= OBJECT_CLASSES.keys()


async def test_a_field_that_the_sdk_does_not_know_would_be_seen(fake: Place, server: StripeServer) -> None:
    life = await a_long_life(fake, server)
    made = life["subscription past due"]
    made["latest_invoice"]["charge"] = None
    made["items"]["data"][0]["price"]["recurring"]["aggregate_usage"] = None
    made["trial_settings"]["end_behavior"]["then"] = None
    assert sorted(undeclared(made)) == [
        "invoice.charge",
        "price.recurring.aggregate_usage",
        "subscription.trial_settings.end_behavior.then",
    ]


async def test_payloads_of_events_are_objects_of_the_api_too(fake: Place, server: StripeServer) -> None:
    await a_long_life(fake, server)
    api = stripe_openapi()
    wrong = [
        told
        for event in server.account.tables["event"].values()
        for thing in [event["data"]["object"]]
        if not thing.get("deleted")
        for told in complaints(api, api.schema(thing["object"]), thing)
    ]
    assert wrong == []


SPOILT: list[tuple[str, Callable[[Thing], Any], str]] = [
    ("a field too many", lambda one: one.update(plan=None), "answer.plan: is no field"),
    ("a field too few", lambda one: one.pop("status"), "answer.status: is missing"),
    ("a wrong type", lambda one: one.update(created="now"), "answer.created: 'now' is no integer"),
    ("a truth is no number", lambda one: one.update(created=True), "answer.created: True is no integer"),
    ("a status of nobody", lambda one: one.update(status="fine"), "answer.status: 'fine' is none of"),
    ("nothing where something is", lambda one: one.update(items=None), "answer.items: None is no object"),
    (
        "deep inside",
        lambda one: one["items"]["data"][0]["price"].pop("currency"),
        "answer.items.data[0].price.currency: is missing",
    ),
    (
        "in what was expanded",
        lambda one: one["latest_invoice"].pop("total"),
        "answer.latest_invoice.total: is missing",
    ),
]


@pytest.mark.parametrize(("spoil", "told"), [one[1:] for one in SPOILT], ids=[one[0] for one in SPOILT])
async def test_an_answer_that_is_none_of_stripe_s_would_be_seen(
    fake: Place, spoil: Callable[[Thing], Any], told: str
) -> None:
    made = await fake.subscription(await fake.customer(), expand=["latest_invoice"])
    api, answer = stripe_openapi(), as_sent(made)
    assert complaints(api, api.schema("subscription"), copied(answer)) == []
    spoil(answer)
    (found,) = complaints(api, api.schema("subscription"), answer)
    assert found.startswith(told)


async def test_an_answer_that_is_none_of_stripe_s_is_never_given(fake: Place, server: StripeServer) -> None:
    made = await fake.customer(None)
    server.account.find("customer", made.id)["nickname"] = "Ada"
    with pytest.raises(stripe.APIError, match="nickname: is no field"):
        await fake.calls.customers.retrieve_async(made.id)
    assert server.ashamed.pop().endswith("answer.nickname: is no field")


PARAMETERS = {
    "POST /v1/customers": "CustomerCreateParams",
    "POST /v1/customers/{customer}": "CustomerUpdateParams",
    "GET /v1/customers": "CustomerListParams",
    "GET /v1/customers/search": "CustomerSearchParams",
    "POST /v1/products": "ProductCreateParams",
    "POST /v1/prices": "PriceCreateParams",
    "POST /v1/prices/{price}": "PriceUpdateParams",
    "GET /v1/prices": "PriceListParams",
    "POST /v1/coupons": "CouponCreateParams",
    "POST /v1/promotion_codes": "PromotionCodeCreateParams",
    "GET /v1/promotion_codes": "PromotionCodeListParams",
    "POST /v1/payment_methods/{payment_method}/attach": "PaymentMethodAttachParams",
    "POST /v1/subscriptions": "SubscriptionCreateParams",
    "POST /v1/subscriptions/{subscription}": "SubscriptionUpdateParams",
    "DELETE /v1/subscriptions/{subscription}": "SubscriptionCancelParams",
    "GET /v1/subscriptions": "SubscriptionListParams",
    "GET /v1/subscriptions/search": "SubscriptionSearchParams",
    "GET /v1/invoices": "InvoiceListParams",
    "POST /v1/invoices/{invoice}/pay": "InvoicePayParams",
    "POST /v1/checkout/sessions": "checkout.SessionCreateParams",
    "GET /v1/checkout/sessions": "checkout.SessionListParams",
    "POST /v1/billing_portal/sessions": "billing_portal.SessionCreateParams",
    "POST /v1/test_helpers/test_clocks": "test_helpers.TestClockCreateParams",
    "POST /v1/test_helpers/test_clocks/{test_clock}/advance": "test_helpers.TestClockAdvanceParams",
    "GET /v1/events": "EventListParams",
}


def declared(params: type, module: Any) -> set[str]:
    """The dotted names of all parameters of one of the SDK's typed dicts."""
    names: set[str] = set()
    for name, annotation in params.__annotations__.items():
        inner = re.findall(rf"\b({params.__name__}\w+)", str(annotation))
        names |= {name, f"{name}.*"} if "Dict[str, str]" in str(annotation) else {name}
        for one in inner:
            names |= {f"{name}.{below}" for below in declared(getattr(module, one), module)}
    return names


@pytest.mark.parametrize("route", routes(), ids=lambda route: f"{route.method} {route.template}")
def test_every_parameter_is_one_of_the_sdk(route: Any) -> None:
    asked = f"{route.method} {route.template}"
    if asked not in PARAMETERS:
        assert route.honours == {"expand"}, f"{asked} has parameters: name the SDK's class for them"
        return
    module, _, name = f"{sdk_params.__name__}.{PARAMETERS[asked]}".rpartition(".")
    found = importlib.import_module(module)
    known = declared(getattr(found, name), found)
    unknown = {one for one in route.honours if one.removesuffix(".*") not in known and one not in known}
    assert unknown - {"expand", "customer"} == set()
    assert "customer" in known or "customer" not in route.honours
