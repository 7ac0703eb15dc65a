"""Stripe's events come in, on a socket and a real Valkey."""

import asyncio
import contextlib
import gzip
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.redis_keys import STRIPE_KEYS
from seatwarden.backends.stripe_stream import FIRST, StripeStream, Taken
from seatwarden.domain.stripe_events import StripeEvent
from seatwarden.local.valkey import ValkeyOptions, valkey_server
from seatwarden_webhooks.bodies import Bodies
from seatwarden_webhooks.stripe_receiver import BODY_LIMIT, MEANINGS, PATH, Mode, Result
from tests.webhooks.conftest import NOW, Receive, Sender
from tests.webhooks.signed_events import OTHER_SECRET, SECRET, body_of, event, signature

if TYPE_CHECKING:
    from redis.asyncio import Redis


def counted(result: str) -> float:
    return REGISTRY.get_sample_value("seatwarden_webhooks_stripe_requests_total", {"result": result}) or 0.0


async def test_an_event_is_accepted_and_waits(sender: Sender, stream: StripeStream) -> None:
    before = counted("accepted")
    assert await sender.send(event(7)) == (200, "accepted")
    (entry,) = await stream.take("a", last=FIRST, count=9)
    assert (entry.event, entry.change.object.id, entry.change.customer) == ("evt_7", "sub_7", "cus_7")
    assert counted("accepted") == before + 1


async def test_nothing_of_the_payload_is_kept_but_references(sender: Sender, redis: "Redis") -> None:
    await sender.send(event(7))
    found: Any = await redis.xrange(STRIPE_KEYS.events)
    assert b"example.com" not in str(found).encode()
    assert b"active" not in str(found).encode()
    assert set(await redis.keys("*")) == {STRIPE_KEYS.events.encode(), STRIPE_KEYS.seen.encode()}


async def test_an_event_that_comes_again_is_a_duplicate_and_an_answer_that_was_lost_does_no_harm(
    sender: Sender, stream: StripeStream
) -> None:
    assert await sender.send(event(1)) == (200, "accepted")
    assert await sender.send(event(1), at=NOW + 60) == (200, "duplicate")
    assert (await stream.backlog()).waiting == 1


@pytest.mark.parametrize("type_", ["charge.refunded", "product.updated", "v2.core.event_destination.ping"])
async def test_other_types_are_answered_and_not_kept(
    sender: Sender, stream: StripeStream, type_: str
) -> None:
    assert await sender.send(event(1, type_)) == (200, "other_type")
    assert (await stream.backlog()).waiting == 0


@pytest.mark.parametrize(("mode", "live"), [(Mode.LIVE, False), (Mode.TEST, True)])
async def test_events_of_the_other_mode_are_answered_told_and_not_kept(
    receive: Receive, stream: StripeStream, mode: Mode, live: bool
) -> None:
    sender = await receive(stream, mode)
    assert await sender.send(event(1, livemode=live)) == (200, "other_mode")
    assert await sender.send(event(2, livemode=not live)) == (200, "accepted")
    assert (await stream.backlog()).waiting == 1


async def test_while_a_secret_is_replaced_both_are_taken_and_afterwards_one(sender: Sender) -> None:
    assert await sender.send(event(1), OTHER_SECRET) == (400, "signature_wrong")
    sender.secrets.append(OTHER_SECRET)
    assert await sender.send(event(1), OTHER_SECRET) == (200, "accepted")
    assert await sender.send(event(2), SECRET) == (200, "accepted")
    assert await sender.send(event(3), SECRET, OTHER_SECRET) == (200, "accepted")
    sender.secrets.remove(SECRET)
    assert await sender.send(event(4), SECRET) == (400, "signature_wrong")


async def test_without_a_genuine_signature_of_now_nothing_is_kept(
    sender: Sender, stream: StripeStream
) -> None:
    body = body_of(event(1))
    genuine = signature(body, NOW)
    assert await sender.post(body, None) == (400, "signature_missing")
    assert await sender.post(body, "t=1") == (400, "signature_malformed")
    assert await sender.post(body + b" ", genuine) == (400, "signature_wrong")
    assert await sender.post(body, signature(body, NOW - 301)) == (400, "signature_out_of_time")
    assert await sender.post(body, genuine.replace("v1=", "v0=")) == (400, "signature_malformed")
    assert (await stream.backlog()).waiting == 0


async def test_two_signature_headers_are_not_guessed_about(sender: Sender) -> None:
    body = body_of(event(1))
    headers = [("Stripe-Signature", signature(body, NOW)), ("Stripe-Signature", signature(body, NOW))]
    async with sender.http.post(PATH, data=body, headers=headers) as answer:
        assert (await answer.json())["result"] == "signature_malformed"


async def test_the_raw_bytes_are_what_is_signed_also_where_they_say_they_are_compressed(
    sender: Sender,
) -> None:
    body = gzip.compress(body_of(event(1)))
    assert await sender.post(body, signature(body, NOW), **{"Content-Encoding": "gzip"}) == (
        400,
        "unreadable",
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"evt"',
        b"\xff\xfe",
        b'{"type": 7}',
        b"[" * 100_000,
        b'{"type": "invoice.paid"}',
    ],
)
async def test_signed_nonsense_is_unreadable(sender: Sender, body: bytes) -> None:
    assert await sender.post(body, signature(body, NOW)) == (400, "unreadable")


async def test_a_body_that_is_too_long_is_refused_by_its_header_and_by_its_length(sender: Sender) -> None:
    body = b"x" * (BODY_LIMIT + 1)
    assert await sender.post(body, signature(body, NOW)) == (413, "too_large")

    async def pieces() -> Any:
        for _ in range(9):
            yield b"x" * (BODY_LIMIT // 8)

    before = counted("too_large")
    with contextlib.suppress(
        aiohttp.ClientConnectionError
    ):  # it was still sending when the connection was closed
        async with sender.http.post(PATH, data=pieces()) as answer:
            assert answer.status == 413
    assert counted("too_large") == before + 1


async def test_a_body_of_the_longest_length_is_read(sender: Sender) -> None:
    made = event(1)
    made["data"]["object"]["description"] = ""
    made["data"]["object"]["description"] = "x" * (BODY_LIMIT - len(body_of(made)))
    assert len(body_of(made)) == BODY_LIMIT
    assert await sender.send(made) == (200, "accepted")


async def test_a_body_that_does_not_come_is_not_waited_for(receive: Receive, stream: StripeStream) -> None:
    sender = await receive(stream, bodies=Bodies(limit=1000, seconds=0.05, together=1000))

    async def never() -> Any:
        yield b"{"
        await asyncio.Event().wait()

    before = counted("too_slow")
    with contextlib.suppress(
        aiohttp.ClientConnectionError
    ):  # it was still sending when the connection was closed
        async with sender.http.post(PATH, data=never()) as answer:
            assert answer.status == 408
    assert counted("too_slow") == before + 1


async def test_bodies_share_a_limited_memory_and_give_it_back(receive: Receive, stream: StripeStream) -> None:
    bodies = Bodies(limit=1_000_000, seconds=10, together=2_000)
    sender = await receive(stream, bodies=bodies)
    made = event(1)
    made["data"]["object"]["description"] = "x" * 3_000
    assert await sender.send(made) == (503, "busy")
    assert await sender.send(event(2)) == (200, "accepted")
    assert bodies._held == 0


class Away:
    """A sink that is not there, or a fault."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def append(self, _event: StripeEvent) -> Taken:
        raise self.error


async def test_when_redis_is_away_stripe_is_told_to_send_it_again(receive: Receive) -> None:
    sender = await receive(Away(AuthorityUnavailable("no answer")))
    assert await sender.send(event(1)) == (503, "redis_away")


async def test_a_fault_is_answered_and_told(receive: Receive) -> None:
    sender = await receive(Away(RuntimeError("unexpected")))
    with capture_logs() as logs:
        assert await sender.send(event(1)) == (500, "fault")
    assert [one["log_level"] for one in logs] == ["error"]


async def test_when_there_is_no_room_stripe_is_told_to_send_it_again(receive: Receive) -> None:
    class Full:
        async def append(self, _event: StripeEvent) -> Taken:
            return Taken.NO_ROOM

    assert await (await receive(Full())).send(event(1)) == (503, "no_room")


async def test_an_outage_of_redis_loses_nothing_that_was_accepted_and_refuses_the_rest(
    receive: Receive,
) -> None:
    async with valkey_server(ValkeyOptions(append_only=True)) as server:
        stream = StripeStream.connect(server.url, time_limit_seconds=2.0)
        try:
            sender = await receive(stream)
            assert await sender.send(event(1)) == (200, "accepted")
            server.kill()
            assert await sender.send(event(2)) == (503, "redis_away")
            await server.start()
            async with asyncio.timeout(30):
                while (await sender.send(event(2)))[0] != 200:  # noqa: ASYNC110  # as Stripe does
                    await asyncio.sleep(0.1)
            assert await sender.send(event(1)) == (200, "duplicate")
            assert {entry.event for entry in await stream.take("a", last=FIRST, count=9)} == {
                "evt_1",
                "evt_2",
            }
        finally:
            await stream.close()


async def test_ten_thousand_events_at_once_are_all_accepted_once(
    sender: Sender, stream: StripeStream
) -> None:
    events, connections = 10_000, 50
    numbers = iter(range(events))
    results: list[tuple[int, str]] = []

    async def send_on() -> None:
        for number in numbers:
            results.append(await sender.send(event(number)))  # one after the other
            if number % 10 == 0:
                results.append(await sender.send(event(number)))

    await asyncio.gather(*(send_on() for _ in range(connections)))
    assert results.count((200, "accepted")) == events
    assert results.count((200, "duplicate")) == events // 10
    assert len(results) == events + events // 10
    assert (await stream.backlog()).waiting == events


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
async def test_only_post_is_served(sender: Sender, method: str) -> None:
    async with sender.http.request(method, PATH) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/", "/metrics", "/readyz", "/stripe/webhooks/", "/stripe", "/%2e%2e/x"])
async def test_nothing_else_is_served_to_the_internet(sender: Sender, path: str) -> None:
    async with sender.http.post(path) as answer:
        assert answer.status == 404
        assert "Server" not in answer.headers or "seatwarden" not in answer.headers["Server"]


async def test_each_kind_of_trouble_is_told_once_a_minute_and_counted_each_time(sender: Sender) -> None:
    body = body_of(event(1))
    before = counted("signature_wrong")
    with capture_logs() as logs:
        for _ in range(5):
            await sender.post(body, signature(body, NOW, b"whsec_wrong"))
            await sender.post(body, None)
    assert [(one["log_level"], one["result"]) for one in logs] == [("warning", "signature_wrong")]
    assert counted("signature_wrong") == before + 5


def test_every_result_has_a_meaning_and_only_what_is_safe_is_answered_with_200() -> None:
    assert set(MEANINGS) == set(Result)
    kept = {result for result, meaning in MEANINGS.items() if meaning.status == 200}
    assert kept == {Result.ACCEPTED, Result.DUPLICATE, Result.OTHER_TYPE, Result.OTHER_MODE}
