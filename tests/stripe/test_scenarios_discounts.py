"""Coupons and promotion codes, as offers to stay are made with them. Holds for the stand-in and for Stripe."""

import pytest
import stripe

from tests.stripe.clock import DAY, later
from tests.stripe.place import MONTHLY, Place


async def coupon(place: Place, **more: object) -> str:
    wanted = {"name": f"Stay {place.tag}", "percent_off": 50, "duration": "forever"} | more
    return str((await place.calls.coupons.create_async(wanted)).id)


async def code(place: Place, of: str) -> str:
    wanted = {"promotion": {"type": "coupon", "coupon": of}, "code": f"STAY{place.tag}"}
    return str((await place.calls.promotion_codes.create_async(wanted)).id)


async def test_a_coupon_takes_its_part_off_every_invoice(place: Place) -> None:
    half = await coupon(place)
    made = await place.subscription(
        await place.customer(), 2, discounts=[{"coupon": half}], expand=["discounts"]
    )
    (discount,) = made.discounts
    assert (discount.source.coupon, discount.promotion_code, discount.subscription) == (half, None, made.id)
    await place.pass_until(later(place.began, "month", 1) + DAY)
    assert [one.amount_paid for one in await place.invoices(made)] == [MONTHLY, MONTHLY]


async def test_a_coupon_for_once_is_used_up_by_one_invoice(place: Place) -> None:
    once = await coupon(place, duration="once")
    made = await place.subscription(await place.customer(), 2, discounts=[{"coupon": once}])
    await place.pass_until(later(place.began, "month", 1) + DAY)
    assert [one.amount_paid for one in await place.invoices(made)] == [MONTHLY, 2 * MONTHLY]


async def test_a_coupon_for_some_months_ends(place: Place) -> None:
    wanted = await coupon(place, duration="repeating", duration_in_months=1)
    made = await place.subscription(await place.customer(), 2, discounts=[{"coupon": wanted}])
    await place.pass_until(later(place.began, "month", 1) + DAY)
    assert [one.amount_paid for one in await place.invoices(made)] == [MONTHLY, 2 * MONTHLY]


async def test_an_amount_is_taken_off_and_never_more_than_there_is(place: Place) -> None:
    lot = {"percent_off": "", "amount_off": 100 * MONTHLY, "currency": "eur"}
    lot.pop("percent_off")
    made = await place.calls.coupons.create_async({"duration": "forever"} | lot)
    begun = await place.subscription(await place.customer(), discounts=[{"coupon": made.id}])
    assert begun.status == "active"
    assert [one.amount_paid for one in await place.invoices(begun)] == [0]


async def test_a_promotion_code_is_found_by_what_is_typed_and_stands_for_its_coupon(place: Place) -> None:
    half = await coupon(place)
    promotion = await code(place, half)
    found = await place.calls.promotion_codes.list_async({"code": f"stay{place.tag}"})
    assert [one.id for one in found.data] == [promotion]
    made = await place.subscription(await place.customer(), 2, discounts=[{"promotion_code": promotion}])
    read = await place.calls.subscriptions.retrieve_async(made.id, {"expand": ["discounts"]})
    assert [(one.promotion_code, one.source.coupon) for one in read.discounts] == [(promotion, half)]


async def test_a_discount_can_be_given_later_and_taken_away(place: Place) -> None:
    half = await coupon(place)
    made = await place.subscription(await place.customer(), 2)
    given = await place.calls.subscriptions.update_async(made.id, {"discounts": [{"coupon": half}]})
    assert len(given.discounts) == 1
    taken = await place.calls.subscriptions.update_async(made.id, {"discounts": ""})
    assert taken.discounts == []


async def test_a_coupon_that_never_was_is_missing(place: Place) -> None:
    customer = await place.customer()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await place.subscription(customer, discounts=[{"coupon": "never"}])
    assert (refused.value.code, refused.value.http_status) == ("resource_missing", 400)
    every = await place.calls.subscriptions.list_async({"customer": customer.id, "status": "all"})
    assert every.data == []
