"""Customers and prices: made, found, changed, deleted. Holds for the stand-in and for Stripe."""

import pytest
import stripe

from tests.stripe.place import MONTHLY, Place


async def test_a_customer_is_made_and_read(place: Place) -> None:
    made = await place.customer(None, email="ada@example.com", metadata={"uid": "u-1", "cluster": "c-1"})
    read = await place.calls.customers.retrieve_async(made.id)
    assert (read.email, read.metadata["uid"], read.metadata["cluster"]) == ("ada@example.com", "u-1", "c-1")
    assert read.name == f"Acme {place.tag}"
    assert read.created == place.began


async def test_metadata_is_merged_and_an_empty_value_removes_a_key(place: Place) -> None:
    made = await place.customer(None, metadata={"uid": "u-1", "old": "1"})
    changed = await place.calls.customers.update_async(made.id, {"metadata": {"old": "", "new": "2"}})
    assert changed.metadata.to_dict() == {"uid": "u-1", "new": "2"}
    emptied = await place.calls.customers.update_async(made.id, {"metadata": ""})
    assert emptied.metadata.to_dict() == {}


async def test_what_is_not_given_stays_and_an_empty_text_removes(place: Place) -> None:
    made = await place.customer(None, email="ada@example.com", description="first")
    changed = await place.calls.customers.update_async(made.id, {"description": ""})
    assert (changed.email, changed.description) == ("ada@example.com", None)


async def test_a_customer_that_never_was_is_missing(place: Place) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await place.calls.customers.retrieve_async("cus_Never0000000")
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (
        404,
        "resource_missing",
        "id",
    )


async def test_a_deleted_customer_is_told_of_and_changed_no_more(place: Place) -> None:
    made = await place.customer()
    subscription = await place.subscription(made)
    gone = await place.calls.customers.delete_async(made.id)
    assert gone.deleted
    assert (await place.calls.customers.retrieve_async(made.id)).deleted
    assert (await place.again(subscription)).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await place.calls.customers.update_async(made.id, {"name": "Again"})
    assert refused.value.code == "resource_missing"
    with pytest.raises(stripe.InvalidRequestError) as twice:
        await place.calls.customers.delete_async(made.id)
    assert twice.value.code == "resource_missing"


async def test_customers_of_a_test_clock_are_listed_where_it_is_named_and_nowhere_else(place: Place) -> None:
    made = [(await place.customer(None)).id for _ in range(3)]
    listed = await place.calls.customers.list_async({"test_clock": place.clock})
    assert {one.id for one in listed.data} == set(made)
    unclocked = await place.calls.customers.list_async({"limit": 100})
    assert not {one.id for one in unclocked.data} & set(made)


async def test_pages_follow_each_other(place: Place) -> None:
    made = {(await place.customer(None)).id for _ in range(5)}
    first = await place.calls.customers.list_async({"test_clock": place.clock, "limit": 2})
    assert (len(first.data), first.has_more) == (2, True)
    found = [one.id async for one in first.auto_paging_iter()]
    assert set(found) == made
    assert len(found) == 5


async def test_a_page_begins_after_an_object_and_ends_before_one(place: Place) -> None:
    for _ in range(4):
        await place.customer(None)
    listed = await place.calls.customers.list_async({"test_clock": place.clock})
    ids = [one.id for one in listed.data]
    after = await place.calls.customers.list_async({"test_clock": place.clock, "starting_after": ids[1]})
    assert [one.id for one in after.data] == ids[2:]
    wanted = {"test_clock": place.clock, "ending_before": ids[3], "limit": 2}
    before = await place.calls.customers.list_async(wanted)
    assert ([one.id for one in before.data], before.has_more) == (ids[1:3], True)


@pytest.mark.parametrize("limit", [0, 101])
async def test_a_page_holds_one_to_a_hundred(place: Place, limit: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await place.calls.customers.list_async({"limit": limit})
    assert refused.value.param == "limit"


async def test_a_price_is_found_by_its_lookup_key(place: Place) -> None:
    found = await place.calls.prices.list_async({"lookup_keys": [f"monthly-{place.tag}"]})
    assert [(one.id, one.unit_amount) for one in found.data] == [(place.monthly, MONTHLY)]
    assert (found.data[0].recurring.interval, found.data[0].type) == ("month", "recurring")
    none = await place.calls.prices.list_async({"lookup_keys": ["never-there"]})
    assert none.data == []


async def test_a_lookup_key_is_of_one_price_and_can_move(place: Place) -> None:
    old = await place.calls.prices.retrieve_async(place.monthly)
    wanted = {
        "product": old.product,
        "currency": "eur",
        "unit_amount": 1100,
        "recurring": {"interval": "month"},
        "lookup_key": old.lookup_key,
    }
    with pytest.raises(stripe.InvalidRequestError):
        await place.calls.prices.create_async(wanted)
    new = await place.calls.prices.create_async(wanted | {"transfer_lookup_key": True})
    found = await place.calls.prices.list_async({"lookup_keys": [old.lookup_key]})
    assert [one.id for one in found.data] == [new.id]
    assert (await place.calls.prices.retrieve_async(place.monthly)).lookup_key is None


async def test_what_is_expanded_is_an_object(place: Place) -> None:
    price = await place.calls.prices.retrieve_async(place.monthly, {"expand": ["product"]})
    assert price.product.name == f"Seats {place.tag}"
    with pytest.raises(stripe.InvalidRequestError):
        await place.calls.prices.retrieve_async(place.monthly, {"expand": ["nothing"]})


async def test_a_card_that_is_not_there_cannot_be_attached(place: Place) -> None:
    made = await place.customer(None)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await place.calls.payment_methods.attach_async("pm_never", {"customer": made.id})
    assert refused.value.code == "resource_missing"
