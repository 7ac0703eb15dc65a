"""Idempotency keys: the same request again does nothing again. Holds for the stand-in and for Stripe."""

import uuid

import pytest
import stripe

from tests.stripe.place import Place


@pytest.fixture
def key() -> str:
    """A key that nothing used before."""
    return str(uuid.uuid4())


def under(key: str) -> dict[str, str]:
    return {"idempotency_key": key}


async def test_the_same_request_under_a_key_makes_one_customer(place: Place, key: str) -> None:
    wanted = {"name": "Once", "test_clock": place.clock}
    first = await place.calls.customers.create_async(wanted, under(key))
    second = await place.calls.customers.create_async(wanted, under(key))
    assert second.id == first.id
    listed = await place.calls.customers.list_async({"test_clock": place.clock})
    assert len(listed.data) == 1
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert second.last_response.headers["Idempotent-Replayed"] == "true"


async def test_a_key_is_of_one_request_with_its_parameters(place: Place, key: str) -> None:
    await place.calls.customers.create_async({"name": "One", "test_clock": place.clock}, under(key))
    with pytest.raises(stripe.IdempotencyError) as refused:
        await place.calls.customers.create_async({"name": "Two", "test_clock": place.clock}, under(key))
    assert refused.value.http_status == 400
    with pytest.raises(stripe.IdempotencyError):
        await place.calls.products.create_async({"name": "One"}, under(key))


async def test_the_answer_is_the_first_one_even_if_the_object_is_another_by_now(
    place: Place, key: str
) -> None:
    wanted = {"name": "Then", "test_clock": place.clock}
    made = await place.calls.customers.create_async(wanted, under(key))
    await place.calls.customers.update_async(made.id, {"name": "Now"})
    assert (await place.calls.customers.create_async(wanted, under(key))).name == "Then"
    assert (await place.calls.customers.retrieve_async(made.id)).name == "Now"


async def test_unknown_parameters_leave_the_key_free(place: Place, key: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await place.calls.customers.create_async({"nmae": "Typo"}, under(key))
    assert (refused.value.code, refused.value.param) == ("parameter_unknown", "nmae")
    made = await place.calls.customers.create_async({"name": "Right", "test_clock": place.clock}, under(key))
    assert made.name == "Right"


async def test_a_change_under_a_key_is_made_once(place: Place, key: str) -> None:
    made = await place.subscription(await place.customer(), 2)
    item = {"id": made["items"].data[0].id, "quantity": 5}
    wanted = {"items": [item], "proration_behavior": "always_invoice"}
    for _ in range(2):
        await place.calls.subscriptions.update_async(made.id, wanted, under(key))
    bills = await place.invoices(made)
    assert [one.billing_reason for one in bills] == ["subscription_create", "subscription_update"]


async def test_a_card_error_is_remembered_too(place: Place, key: str) -> None:
    customer = await place.customer("pm_card_chargeCustomerFail")
    wanted = {
        "customer": customer.id,
        "items": [{"price": place.monthly}],
        "payment_behavior": "error_if_incomplete",
    }
    with pytest.raises(stripe.CardError):
        await place.calls.subscriptions.create_async(wanted, under(key))
    card = await place.calls.payment_methods.attach_async("pm_card_visa", {"customer": customer.id})
    settings = {"invoice_settings": {"default_payment_method": card.id}}
    await place.calls.customers.update_async(customer.id, settings)
    with pytest.raises(stripe.CardError) as again:
        await place.calls.subscriptions.create_async(wanted, under(key))
    assert (again.value.headers or {})["Idempotent-Replayed"] == "true"
