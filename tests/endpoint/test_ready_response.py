"""Requests in the forms that HTTP allows get the same answer, whichever way it takes through aiohttp."""

import asyncio
import time
from email.utils import parsedate_to_datetime

import pytest

from seatwarden.endpoint.application import EDGE
from seatwarden.endpoint.metrics import LATENCY_BUCKETS
from tests.endpoint.conftest import Endpoint
from tests.endpoint.endpoint_client import ACQUIRE, SESSIONS, EndpointClient
from tests.endpoint.scripted_authority import FENCE, LEASE_ID

BEAT = f"{SESSIONS}/{LEASE_ID}/heartbeat"


def raw(
    key: str, *, path: str = BEAT, version: str = "1.1", extra: str = "", body: str | None = None
) -> bytes:
    """A heartbeat as bytes."""
    content = f'{{"fence":{FENCE}}}' if body is None else body
    return (
        f"PATCH {path} HTTP/{version}\r\nHost: x\r\nAuthorization: Bearer {key}\r\nX-Request-ID: mine\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n{extra}\r\n{content}"
    ).encode()


async def say(
    endpoint: Endpoint, *requests: bytes, answers: int = 1
) -> list[tuple[str, dict[str, str], bytes]]:
    """Status line, headers and body of each answer on one new connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.server.port)
    try:
        writer.write(b"".join(requests))
        seen = []
        async with asyncio.timeout(20):
            for _ in range(answers):
                status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                seen.append((status, headers, await reader.readexactly(int(headers["content-length"]))))
        return seen
    finally:
        writer.close()
        await writer.wait_closed()


FORMS = {
    "plain": {},
    "old version": {"version": "1.0"},
    "closing": {"extra": "Connection: close\r\n"},
    "expecting": {"extra": "Expect: something-else\r\n"},
    "with a query": {"path": f"{BEAT}?x=1"},
    "with an escape": {"path": BEAT.replace("heartbeat", "heart%62eat")},
}


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_of_a_request_gets_the_same_answer(
    endpoint: Endpoint, client: EndpointClient, form: str
) -> None:
    [plain] = await say(endpoint, raw(client.key))
    [other] = await say(endpoint, raw(client.key, **FORMS[form]))
    assert plain[0] == "HTTP/1.1 200 OK"
    assert other[0].endswith("200 OK")
    assert other[2] == plain[2]
    told = {"date", "connection"}
    assert {name: value for name, value in other[1].items() if name not in told} == {
        name: value for name, value in plain[1].items() if name not in told
    }
    assert plain[1]["x-request-id"] == "mine"


async def test_the_date_is_now(endpoint: Endpoint, client: EndpointClient) -> None:
    [(_, headers, _)] = await say(endpoint, raw(client.key))
    assert abs(parsedate_to_datetime(headers["date"]).timestamp() - time.time()) < 5


async def test_requests_that_come_at_once_are_answered_in_order(
    endpoint: Endpoint, client: EndpointClient
) -> None:
    requests = [
        raw(client.key).replace(b"X-Request-ID: mine", b"X-Request-ID: number-%d" % number)
        for number in range(20)
    ]
    answers = await say(endpoint, *requests, answers=20)
    assert [headers["x-request-id"] for _, headers, _ in answers] == [f"number-{n}" for n in range(20)]


async def test_a_request_that_comes_in_pieces_is_put_together(
    endpoint: Endpoint, client: EndpointClient
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.server.port)
    for byte in raw(client.key):
        writer.write(bytes([byte]))
        await writer.drain()
    assert (await asyncio.wait_for(reader.readline(), 20)) == b"HTTP/1.1 200 OK\r\n"
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("path", [f"{SESSIONS}/{'A' * 32}/heartbeat", f"{SESSIONS}/short/heartbeat"])
async def test_an_id_of_another_form_is_refused_as_before(
    endpoint: Endpoint, client: EndpointClient, path: str
) -> None:
    [(status, _, body)] = await say(endpoint, raw(client.key, path=path))
    assert " 400 " in status
    assert b"32 lower-case hex" in body


async def test_an_answer_while_draining_closes_the_connection(
    endpoint: Endpoint, client: EndpointClient
) -> None:
    endpoint.server.begin_drain()
    [(_, headers, _)] = await say(endpoint, raw(client.key))
    assert headers["connection"] == "close"


async def test_the_histogram_has_each_answer_in_its_bucket(
    endpoint: Endpoint, client: EndpointClient
) -> None:
    route = endpoint.server._app[EDGE]._metrics.route("heartbeat")
    for bound in LATENCY_BUCKETS:
        route.answered(status=200, seconds=bound)
    route.answered(status=200, seconds=LATENCY_BUCKETS[-1] * 2)
    for _ in range(2):
        page = (await client.ask("GET", "/metrics")).body
        for number, bound in enumerate(LATENCY_BUCKETS, start=1):
            assert f'duration_seconds_bucket{{le="{bound}",route="heartbeat"}} {number}.0' in page
        assert 'duration_seconds_bucket{le="+Inf",route="heartbeat"} 14.0' in page
        assert 'duration_seconds_count{route="heartbeat"} 14.0' in page
        assert 'requests_total{route="heartbeat",status="200"} 14.0' in page


async def test_an_acquire_is_still_201_when_it_is_new(client: EndpointClient) -> None:
    answer = await client.ask("POST", ACQUIRE, {"hardware_id": "ab" * 32})
    assert answer.status == 201
    assert answer.headers["Content-Type"] == "application/json"
