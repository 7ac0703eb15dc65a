"""Whether the stand-in takes what Stripe takes, and nothing else: its reading of forms, and stripe-mock's opinion of it."""

from typing import Any

import pytest
import stripe
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.stripe.faults import Heard
from tests.stripe.forms import encoded, leaves, parsed
from tests.stripe.openapi import stripe_openapi, typed
from tests.stripe.place import Place
from tests.stripe.refusals import BeforeItBegan
from tests.stripe.routes import Route, route_of, routes
from tests.stripe.server import StripeServer
from tests.stripe.stripe_mock import StripeMock


def test_brackets_nest() -> None:
    text = (
        "items[0][price]=price_1&items[0][quantity]=3&metadata[a.b/c]=x%26y&name=Ada+L&expand[]=a&expand[]=b"
    )
    assert parsed(text) == {
        "items": {"0": {"price": "price_1", "quantity": "3"}},
        "metadata": {"a.b/c": "x&y"},
        "name": "Ada L",
        "expand": {"0": "a", "1": "b"},
    }
    assert parsed("") == {}
    assert parsed("discounts=") == {"discounts": ""}


@pytest.mark.parametrize("text", ["a[b=1", "a[b]]=1", "[a]=1", "a=1&a=2", "a=1&a[b]=2", "a[b]=1&a=2"])
def test_what_is_no_form_is_refused(text: str) -> None:
    with pytest.raises(BeforeItBegan):
        parsed(text)


_NAMES = some.text("abcdefgh_ü/. ", min_size=1, max_size=6)
_TREES = some.recursive(
    some.text(max_size=8),
    lambda below: some.dictionaries(_NAMES, below, min_size=1, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50)
@given(some.dictionaries(_NAMES, _TREES, max_size=3))
def test_what_is_encoded_is_parsed_again(tree: dict[str, Any]) -> None:
    assert parsed(encoded(tree)) == tree


def test_lists_numbers_and_truths_are_encoded_as_the_sdk_does() -> None:
    tree = {"items": [{"quantity": 3}], "cancel_at_period_end": False}
    assert parsed(encoded(tree)) == {"items": {"0": {"quantity": "3"}}, "cancel_at_period_end": "false"}


def test_leaves_have_no_places() -> None:
    tree = {"items": [{"price": "a"}, {"price": "b", "quantity": 1}], "metadata": {"k": "v"}, "discounts": ""}
    assert leaves(tree) == {"items.price", "items.quantity", "metadata.k", "discounts"}


def read(request: str, text: str) -> dict[str, Any]:
    operation = stripe_openapi().operation(*request.split())
    assert operation is not None
    values: dict[str, Any] = typed(operation.parameters, parsed(text))
    return values


def test_texts_become_what_they_mean() -> None:
    assert read(
        "POST /v1/subscriptions",
        "customer=cus_1&items[0][price]=p&items[0][quantity]=3&trial_end=1800000000&off_session=true&metadata[a]=1",
    ) == {
        "customer": "cus_1",
        "items": [{"price": "p", "quantity": 3}],
        "trial_end": 1800000000,
        "off_session": True,
        "metadata": {"a": "1"},
    }
    assert read("POST /v1/subscriptions/sub_1", "trial_end=now&metadata=&discounts=") == {
        "trial_end": "now",
        "metadata": "",
        "discounts": "",
    }
    assert read("GET /v1/subscriptions", "created[gte]=5&limit=2&expand[0]=data.customer") == {
        "created": {"gte": 5},
        "limit": 2,
        "expand": ["data.customer"],
    }


@pytest.mark.parametrize(
    ("request_line", "text", "param", "code"),
    [
        ("POST /v1/customers", "nmae=Ada", "nmae", "parameter_unknown"),
        ("POST /v1/customers", "metadata[a][b]=x", "metadata[a]", None),
        ("POST /v1/products", "active=true", "name", "parameter_missing"),
        ("POST /v1/products", "name=a&active=yes", "active", "parameter_invalid"),
        ("POST /v1/subscriptions", "items[0][quantity]=many", "items[0][quantity]", "parameter_invalid"),
        ("POST /v1/subscriptions", "items=price_1", "items", None),
        ("POST /v1/subscriptions", "collection_method=someday", "collection_method", None),
        ("GET /v1/customers", "limit=ten", "limit", "parameter_invalid"),
        ("GET /v1/customers/search", "limit=10", "query", "parameter_missing"),
    ],
)
async def test_what_stripe_does_not_know_is_refused_as_stripe_mock_does(
    stripe_mock: StripeMock, request_line: str, text: str, param: str, code: str | None
) -> None:
    with pytest.raises(BeforeItBegan) as refused:
        read(request_line, text)
    error = refused.value.body["error"]
    assert (error["param"], error.get("code")) == (param, code)
    method, path = request_line.split()
    heard = Heard(number=1, method=method, path=path, given=parsed(text), key=None)
    async with stripe_mock.session() as session:
        assert "400" in str(await stripe_mock.ask(session, heard))


@pytest.mark.parametrize(
    ("request_line", "text", "param"),
    [
        ("POST /v1/customers", "address[street]=x", "address[street]"),
        ("POST /v1/subscriptions", "items[0][qty]=1", "items[0][qty]"),
        ("POST /v1/checkout/sessions", "subscription_data[quantity]=1", "subscription_data[quantity]"),
    ],
)
def test_unknown_parameters_are_refused_at_any_depth(request_line: str, text: str, param: str) -> None:
    # Here stripe-mock is no judge: it looks at the first level only.
    with pytest.raises(BeforeItBegan) as refused:
        read(request_line, text)
    error = refused.value.body["error"]
    assert (error["param"], error["code"]) == (param, "parameter_unknown")


async def test_stripe_mock_is_asked_once_about_each_kind_of_request(stripe_mock: StripeMock) -> None:
    def heard(path: str, status: int = 200, **given: Any) -> Heard:
        return Heard(number=1, method="POST", path=path, given=given, key=None, status=status)

    mine = StripeMock(stripe_mock.socket)
    assert await mine.complaints([heard("/v1/customers", name="a"), heard("/v1/customers", name="b")]) == []
    assert len(mine.asked) == 1
    (told,) = await mine.complaints([heard("/v1/customers", nmae="a")])
    assert "nmae" in told
    assert await mine.complaints([heard("/v1/customers", 400, other="a")]) == []


@pytest.mark.parametrize("route", routes(), ids=lambda route: f"{route.method} {route.template}")
def test_every_route_is_one_of_stripe_s(route: Route) -> None:
    path = route.template.replace("{", "").replace("}", "")
    operation = stripe_openapi().operation(route.method, path)
    assert operation is not None
    assert route_of(route.method, path) == route
    known = operation.parameters["properties"].keys()
    assert {name.partition(".")[0] for name in route.honours} - {"expand"} <= known


async def test_what_the_stand_in_cannot_do_it_says(server: StripeServer, fake: Place) -> None:
    with pytest.raises(stripe.APIError, match=r"does nothing about address\.city"):
        await fake.customer(None, address={"city": "Wien"})
    with pytest.raises(stripe.APIError, match="does not serve GET /v1/charges"):
        await fake.calls.charges.list_async()
    assert [one.status for one in server.heard[-2:]] == [501, 501]
    assert len(server.ashamed) == 2
    server.ashamed.clear()


async def test_what_stripe_does_not_serve_is_not_found(server: StripeServer, fake: Place) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        await fake.client.raw_request_async("get", "/v1/licences")
    assert server.ashamed == []
