"""Events and how they are sent: signed, again, doubled, mixed up, lost."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import stripe
from aiohttp import web

from tests.stripe.place import Place
from tests.stripe.server import StripeServer
from tests.stripe.webhooks import RETRIES, Endpoint

SECRET = "whsec_one"


@dataclass
class Receiver:
    """Takes what is sent, and answers with ``status``."""

    url: str = ""
    status: int = 200
    taken: list[tuple[bytes, str]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        self.taken.append((await request.read(), request.headers["Stripe-Signature"]))
        self.arrived.set()
        return web.Response(status=self.status)

    @property
    def ids(self) -> list[str]:
        return [json.loads(body)["id"] for body, _ in self.taken]

    @property
    def types(self) -> list[str]:
        return [json.loads(body)["type"] for body, _ in self.taken]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/stripe", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/stripe"
    yield receiver
    await runner.cleanup()


@pytest.fixture
def endpoint(server: StripeServer, receiver: Receiver) -> Endpoint:
    endpoint = Endpoint(receiver.url, [SECRET], frozenset({"customer.created", "customer.updated"}))
    server.webhooks.endpoints.append(endpoint)
    return endpoint


async def test_what_is_sent_is_signed_so_that_the_sdk_believes_it(
    fake: Place, server: StripeServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    made = await fake.customer(None)
    assert await server.webhooks.deliver() == 1
    ((body, signed),) = receiver.taken
    event = fake.client.construct_event(body, signed, SECRET)
    assert (event.type, event.data.object["id"]) == ("customer.created", made.id)
    with pytest.raises(stripe.SignatureVerificationError):
        fake.client.construct_event(body + b" ", signed, SECRET)
    with pytest.raises(stripe.SignatureVerificationError):
        fake.client.construct_event(body, signed, "whsec_other")


async def test_an_old_signature_is_not_believed(
    fake: Place, server: StripeServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    server.webhooks.now = lambda: 1_700_000_000.0
    await fake.customer(None)
    await server.webhooks.deliver()
    ((body, signed),) = receiver.taken
    with pytest.raises(stripe.SignatureVerificationError, match="outside the tolerance"):
        fake.client.construct_event(body, signed, SECRET)


async def test_both_secrets_sign_while_one_replaces_the_other(
    fake: Place, server: StripeServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    endpoint.secrets.append("whsec_two")
    await fake.customer(None)
    await server.webhooks.deliver()
    ((body, signed),) = receiver.taken
    for secret in (SECRET, "whsec_two"):
        assert fake.client.construct_event(body, signed, secret).type == "customer.created"


async def test_an_endpoint_hears_what_it_wants(
    fake: Place, server: StripeServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    made = await fake.customer()
    await fake.subscription(made)
    await fake.calls.customers.update_async(made.id, {"name": "Other"})
    await fake.calls.customers.update_async(made.id, {"name": "Other"})
    await server.webhooks.deliver()
    # Not payment_method.attached; and an update that changes nothing is told of by nobody.
    named = [one for one in receiver.taken if b"Other" in one[0]]
    assert (receiver.types[0], len(named)) == ("customer.created", 1)
    assert set(receiver.types) == {"customer.created", "customer.updated"}


async def test_an_event_says_what_was_before_and_who_asked(
    fake: Place, server: StripeServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    made = await fake.customer(None)
    await fake.calls.customers.update_async(made.id, {"name": "Other"}, {"idempotency_key": "k-1"})
    await server.webhooks.deliver()
    event = json.loads(receiver.taken[-1][0])
    assert event["data"]["previous_attributes"] == {"name": f"Acme {fake.tag}"}
    assert event["data"]["object"]["name"] == "Other"
    assert event["request"]["idempotency_key"] == "k-1"
    assert (await fake.calls.events.retrieve_async(event["id"])).type == "customer.updated"


async def test_the_payload_is_of_then_and_the_object_of_now(
    fake: Place, server: StripeServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    made = await fake.customer(None)
    for name in ("First", "Second"):
        await fake.calls.customers.update_async(made.id, {"name": name})
    await server.webhooks.deliver()
    names = [json.loads(body)["data"]["object"]["name"] for body, _ in receiver.taken]
    assert names == [f"Acme {fake.tag}", "First", "Second"]


async def test_what_is_not_taken_is_sent_again_for_three_days(
    fake: Place, server: StripeServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    receiver.status = 500
    await fake.customer(None)
    assert await server.webhooks.deliver() == 0
    assert await server.webhooks.deliver() == 0
    assert len(receiver.taken) == 1
    for seconds in RETRIES:
        server.clock.advance(seconds=seconds)
        await server.webhooks.deliver()
    assert len(receiver.taken) == 1 + len(RETRIES)
    assert len(set(receiver.ids)) == 1
    assert server.webhooks.waiting == []
    assert 2.5 < sum(RETRIES) / 86_400 < 3.5


async def test_an_endpoint_that_is_away_loses_nothing_that_is_sent_again(
    fake: Place, server: StripeServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    there, endpoint.url = endpoint.url, "http://127.0.0.1:1/stripe"
    await fake.customer(None)
    assert await server.webhooks.deliver() == 0
    assert server.webhooks.statuses == [0]
    endpoint.url = there
    server.clock.advance(seconds=RETRIES[0])
    assert await server.webhooks.deliver() == 1


async def test_events_come_twice_where_a_test_wants_it(
    fake: Place, server: StripeServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    server.webhooks.copies = 2
    await fake.customer(None)
    assert await server.webhooks.deliver() == 2
    assert len(set(receiver.ids)) == 1


async def test_events_come_in_another_order_where_a_test_wants_it(
    fake: Place, server: StripeServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    server.webhooks.shuffled = random.Random(7)
    for _ in range(8):
        await fake.customer(None)
    await server.webhooks.deliver()
    happened = [
        one["id"] for one in server.account.tables["event"].values() if one["type"] == "customer.created"
    ]
    assert sorted(receiver.ids) == sorted(happened)
    assert receiver.ids != happened


async def test_events_are_lost_where_a_test_wants_it_and_can_be_asked_for_again(
    fake: Place, server: StripeServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    server.webhooks.lost = 1
    await fake.customer(None)
    assert await server.webhooks.deliver() == 0
    listed = await fake.calls.events.list_async({"type": "customer.created"})
    assert len(listed.data) == 1
    server.webhooks.send_again([server.account.find("event", listed.data[0].id)])
    assert await server.webhooks.deliver() == 1


async def test_events_are_sent_by_themselves_while_that_is_wanted(
    fake: Place, server: StripeServer, receiver: Receiver, endpoint: Endpoint
) -> None:
    async with server.webhooks.sending():
        await fake.customer(None)
        async with asyncio.timeout(30):
            await receiver.arrived.wait()
    # The one whose answer was not waited for may be among those that wait: it comes again.
    sent = len(receiver.taken)
    made = await fake.customer(None)
    assert server.webhooks.waiting[-1].event["data"]["object"]["id"] == made.id
    assert len(receiver.taken) == sent


async def test_events_are_kept_for_thirty_days(fake: Place, server: StripeServer) -> None:
    await fake.calls.products.create_async({"name": "Old"})
    server.clock.advance(days=31)
    await fake.calls.products.create_async({"name": "New"})
    told = await fake.calls.events.list_async({"types": ["product.created"]})
    assert [one.data.object["name"] for one in told.data] == ["New"]
