"""Search: what it finds, and how long it does not."""

import pytest
import stripe

from tests.stripe.account import Switches
from tests.stripe.place import Place, new_place, sdk
from tests.stripe.server import StripeServer, fake_stripe

OWNED = "metadata['seatwarden.dev/uid']:'u-1'"


async def found(place: Place, query: str, **more: object) -> list[str]:
    answer = await place.calls.customers.search_async({"query": query} | more)
    return [one.id for one in answer.data]


async def owned(place: Place, uid: str = "u-1", **more: object) -> str:
    made = await place.customer(None, metadata={"seatwarden.dev/uid": uid, "cluster": "c-1"}, **more)
    return str(made.id)


async def test_what_is_new_is_found_a_minute_later(fake: Place, server: StripeServer) -> None:
    made = await owned(fake)
    assert await found(fake, OWNED) == []
    server.clock.advance(seconds=59)
    assert await found(fake, OWNED) == []
    server.clock.advance(seconds=1)
    assert await found(fake, OWNED) == [made]


async def test_what_was_changed_is_found_by_what_it_was_for_a_minute(
    fake: Place, server: StripeServer
) -> None:
    made = await owned(fake, email="old@example.com")
    server.clock.advance(seconds=60)
    await fake.calls.customers.update_async(made, {"email": "new@example.com"})
    assert await found(fake, "email:'old@example.com'") == [made]
    assert await found(fake, "email:'new@example.com'") == []
    shown = await fake.calls.customers.search_async({"query": OWNED})
    assert shown.data[0].email == "new@example.com"
    server.clock.advance(seconds=60)
    assert await found(fake, "email:'old@example.com'") == []


async def test_a_list_is_never_behind(fake: Place) -> None:
    made = await owned(fake)
    listed = await fake.calls.customers.list_async({"test_clock": fake.clock})
    assert [one.id for one in listed.data] == [made]


async def test_the_delay_is_a_switch() -> None:
    async with (
        fake_stripe(switches=Switches(search_delay_seconds=0)) as server,
        sdk(server.url) as client,
    ):
        place = await new_place(client)
        assert await found(place, OWNED) == []
        made = await owned(place)
        assert await found(place, OWNED) == [made]


async def test_clauses_are_all_to_hold_and_can_be_negated(fake: Place, server: StripeServer) -> None:
    first = await owned(fake, name="Acme Works")
    second = await owned(fake, "u-2", name="Acme Mills")
    server.clock.advance(seconds=60)
    assert await found(fake, f"{OWNED} AND metadata['cluster']:'c-1'") == [first]
    assert await found(fake, f"{OWNED} AND metadata['cluster']:'c-2'") == []
    assert await found(fake, "name~'acme' AND -name~'works'") == [second]
    assert await found(fake, f"created>={fake.began} AND metadata['cluster']:'c-1'") == [second, first]
    assert await found(fake, "metadata['nothing']:null AND name~'mills'") == [second]


async def test_a_deleted_customer_is_found_no_more(fake: Place, server: StripeServer) -> None:
    made = await owned(fake)
    server.clock.advance(seconds=60)
    await fake.calls.customers.delete_async(made)
    assert await found(fake, OWNED) == []


async def test_pages_have_tokens(fake: Place, server: StripeServer) -> None:
    made = [await owned(fake) for _ in range(5)]
    server.clock.advance(seconds=60)
    first = await fake.calls.customers.search_async({"query": OWNED, "limit": 2})
    assert (first.has_more, len(first.data)) == (True, 2)
    assert [one.id async for one in first.auto_paging_iter()] == made[::-1]


async def test_subscriptions_are_searched_too(fake: Place, server: StripeServer) -> None:
    made = await fake.subscription(await fake.customer(), metadata={"seatwarden.dev/uid": "u-1"})
    server.clock.advance(seconds=60)
    answer = await fake.calls.subscriptions.search_async({"query": f"{OWNED} AND status:'active'"})
    assert [one.id for one in answer.data] == [made.id]


@pytest.mark.parametrize(
    "query", ["", "name", "nothing:'x'", "name:'a' OR name:'b'", "name~'ab'", "metadata['a]:'b'"]
)
async def test_what_cannot_be_asked_is_refused(fake: Place, query: str) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await found(fake, query)
