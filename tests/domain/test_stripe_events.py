import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.domain.stripe_events import (
    EVENT_TYPES,
    ObjectKind,
    StripeEvent,
    UnknownType,
    UnreadableEvent,
    read_event,
)


def event(kind: ObjectKind, type_: str, **about: Any) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "object": "event",
        "type": type_,
        "created": 1_764_590_400,
        "livemode": False,
        "data": {"object": {"id": "id_1", "object": kind.value, **about}},
    }


def read(kind: ObjectKind, type_: str, **about: Any) -> StripeEvent:
    found = read_event(event(kind, type_, **about))
    assert isinstance(found, StripeEvent)
    return found


@pytest.mark.parametrize(("type_", "kind"), EVENT_TYPES.items())
def test_of_each_type_the_object_is_known(type_: str, kind: ObjectKind) -> None:
    found = read(kind, type_)
    assert (found.id, found.type, found.created) == ("evt_1", type_, 1_764_590_400)
    assert (found.change.object.kind, found.change.object.id, found.change.object.live) == (
        kind,
        "id_1",
        False,
    )


def test_a_customer_and_a_subscription_refer_to_themselves() -> None:
    customer = read(ObjectKind.CUSTOMER, "customer.updated").change
    assert (customer.customer, customer.subscription) == ("id_1", "")
    subscription = read(ObjectKind.SUBSCRIPTION, "customer.subscription.updated", customer="cus_1").change
    assert (subscription.customer, subscription.subscription) == ("cus_1", "id_1")


@pytest.mark.parametrize(
    "about",
    [
        {"subscription": "sub_1"},
        {"subscription": {"id": "sub_1", "object": "subscription"}},
        {"parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}}},
        {"parent": {"subscription_details": {"subscription": "sub_1"}}, "subscription": "sub_0"},
        {"parent": None, "subscription": "sub_1"},
        {"parent": {"subscription_details": None}, "subscription": "sub_1"},
    ],
)
def test_an_invoice_refers_to_its_subscription_in_old_and_new_versions_of_the_api(
    about: dict[str, Any],
) -> None:
    found = read(ObjectKind.INVOICE, "invoice.paid", customer={"id": "cus_1"}, **about).change
    assert (found.customer, found.subscription) == ("cus_1", "sub_1")


@pytest.mark.parametrize("customer", [None, 7, "", "cus 1", "cus_é", "x" * 256, {}, {"id": 7}, []])
def test_a_reference_that_is_none_is_left_out(customer: Any) -> None:
    assert read(ObjectKind.INVOICE, "invoice.paid", customer=customer).change.customer == ""


@pytest.mark.parametrize(
    "type_", ["charge.refunded", "invoice.upcoming", "v2.core.event", "customer.source.created"]
)
def test_other_types_are_told_apart_before_anything_else_is_read(type_: str) -> None:
    assert read_event({"type": type_}) == UnknownType(type_)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"id": 7}, "id is none of Stripe's"),
        ({"id": "evt 1"}, "id is none of Stripe's"),
        ({"id": "x" * 256}, "id is none of Stripe's"),
        ({"type": None}, "type is none of Stripe's"),
        ({"created": True}, "created is no time"),
        ({"created": -1}, "created is no time"),
        ({"created": 1.5}, "created is no time"),
        ({"created": 1 << 60}, "created is no time"),
        ({"livemode": "true"}, "livemode is neither true nor false"),
        ({"livemode": None}, "livemode is neither true nor false"),
        ({"data": None}, "data is no object"),
        ({"data": {"object": []}}, "data.object is no object"),
        ({"data": {"object": {"object": "invoice"}}}, "data.object.id is none of Stripe's"),
        ({"data": {"object": {"object": "invoice", "id": "in\n1"}}}, "data.object.id is none of Stripe's"),
        ({"data": {"object": {"object": "charge", "id": "ch_1"}}}, "data.object is no invoice"),
    ],
)
def test_what_is_wrong_is_said_without_quoting_it(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(UnreadableEvent, match=f"^{re.escape(what)}$"):
        read_event({**event(ObjectKind.INVOICE, "invoice.paid"), **changes})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_any_json_is_read_or_refused(body: Any) -> None:
    with pytest.raises(UnreadableEvent):
        read_event(body)


@given(name=st.sampled_from(["id", "type", "created", "livemode", "data", "account"]), value=JSON)
def test_an_event_with_anything_in_a_field_is_read_or_refused(name: str, value: Any) -> None:
    try:
        found = read_event({**event(ObjectKind.INVOICE, "invoice.paid"), name: value})
    except UnreadableEvent:
        return
    assert isinstance(found, StripeEvent | UnknownType)
