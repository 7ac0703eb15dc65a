"""Whatever comes in: a problem document that names the field, and never a 5xx."""

import asyncio
import gzip
import io
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from seatwarden.endpoint.settings import EndpointSettings
from tests.endpoint.conftest import Endpoint, StartEndpoint
from tests.endpoint.endpoint_client import ACQUIRE, BULK, HOLDER, POOL, SESSIONS, VALIDATE, EndpointClient
from tests.endpoint.scripted_authority import LEASE_ID, ScriptedAuthority

HEARTBEAT = f"{SESSIONS}/{LEASE_ID}/heartbeat"
RELEASE = f"{SESSIONS}/{LEASE_ID}"
GOOD_ITEM = {"id": LEASE_ID, "fence": 1}


@dataclass(frozen=True)
class Bad:
    """A request and the field that its refusal names."""

    method: str
    path: str
    body: Any
    field: str


BAD_FIELDS = [
    Bad("POST", ACQUIRE, {}, "hardware_id"),
    Bad("POST", ACQUIRE, {"hardware_id": None}, "hardware_id"),
    Bad("POST", ACQUIRE, {"hardware_id": 5}, "hardware_id"),
    Bad("POST", ACQUIRE, {"hardware_id": ["ab" * 32]}, "hardware_id"),
    Bad("POST", ACQUIRE, {"hardware_id": "ab" * 31 + "a"}, "hardware_id"),
    Bad("POST", ACQUIRE, {"hardware_id": HOLDER + "a"}, "hardware_id"),
    Bad("POST", ACQUIRE, {"hardware_id": HOLDER.upper()}, "hardware_id"),
    Bad("POST", ACQUIRE, {"hardware_id": "gg" * 32}, "hardware_id"),
    Bad("POST", ACQUIRE, {"hardware_id": HOLDER + "\n"}, "hardware_id"),
    Bad("POST", ACQUIRE, {"hardware_id": "\x00" * 64}, "hardware_id"),
    Bad("POST", ACQUIRE, {"hardware_id": "\uff11" * 64}, "hardware_id"),
    Bad("POST", ACQUIRE, {"hardware_id": HOLDER, "nonce": "a\x00b"}, "nonce"),
    Bad("POST", ACQUIRE, {"hardware_id": HOLDER, "nonce": "n" * 129}, "nonce"),
    Bad("POST", ACQUIRE, {"hardware_id": HOLDER, "nonce": 7}, "nonce"),
    Bad("POST", ACQUIRE, {"hardware_id": HOLDER, "nonce": None}, "nonce"),
    Bad("POST", ACQUIRE, {"hardware_id": HOLDER, "client_version": "v" * 65}, "client_version"),
    Bad("POST", ACQUIRE, {"hardware_id": HOLDER, "client_version": "1\r\n2"}, "client_version"),
    Bad("POST", ACQUIRE, {"hardware_id": HOLDER, "quantity": 0}, "quantity"),
    Bad("POST", ACQUIRE, {"hardware_id": HOLDER, "quantity": 1001}, "quantity"),
    Bad("POST", ACQUIRE, {"hardware_id": HOLDER, "quantity": "2"}, "quantity"),
    Bad("POST", ACQUIRE, {"hardware_id": HOLDER, "metadata": []}, "metadata"),
    Bad("POST", ACQUIRE, {"hardware_id": HOLDER, "metadata": "{}"}, "metadata"),
    Bad("POST", ACQUIRE, {"hardware_id": HOLDER, "metadata": {"k": "v" * 2048}}, "metadata"),
    Bad("POST", ACQUIRE, {"hardware_id": HOLDER, "license_key": 1}, "license_key"),
    Bad("POST", ACQUIRE, {"hardware_id": HOLDER, "license_key": "k" * 101}, "license_key"),
    Bad("POST", ACQUIRE, [], "body"),
    Bad("POST", ACQUIRE, "acquire", "body"),
    Bad("PATCH", HEARTBEAT, {}, "fence"),
    Bad("PATCH", HEARTBEAT, {"fence": "1"}, "fence"),
    Bad("PATCH", HEARTBEAT, {"fence": 1.0}, "fence"),
    Bad("PATCH", HEARTBEAT, {"fence": True}, "fence"),
    Bad("PATCH", HEARTBEAT, {"fence": -1}, "fence"),
    Bad("PATCH", HEARTBEAT, {"fence": 2**53}, "fence"),
    Bad("PATCH", HEARTBEAT, {"fence": None}, "fence"),
    Bad("PATCH", f"{SESSIONS}/{LEASE_ID.upper()}/heartbeat", {"fence": 1}, "id"),
    Bad("PATCH", f"{SESSIONS}/{LEASE_ID}0/heartbeat", {"fence": 1}, "id"),
    Bad("PATCH", f"{SESSIONS}/{LEASE_ID[:-1]}%00/heartbeat", {"fence": 1}, "id"),
    Bad("PATCH", f"{SESSIONS}/{LEASE_ID[:-1]}%0A/heartbeat", {"fence": 1}, "id"),
    Bad("PATCH", f"{SESSIONS}/..%2F..%2Fpool/heartbeat", {"fence": 1}, "id"),
    Bad("POST", BULK, {}, "sessions"),
    Bad("POST", BULK, {"sessions": []}, "sessions"),
    Bad("POST", BULK, {"sessions": {}}, "sessions"),
    Bad("POST", BULK, {"sessions": [GOOD_ITEM] * 1001}, "sessions"),
    Bad("POST", BULK, {"sessions": [GOOD_ITEM, {"id": LEASE_ID}]}, "sessions.1.fence"),
    Bad("POST", BULK, {"sessions": [GOOD_ITEM, GOOD_ITEM, {"id": "x", "fence": 1}]}, "sessions.2.id"),
    Bad("POST", BULK, {"sessions": [None]}, "sessions.0"),
    Bad("DELETE", RELEASE, {}, "fence"),
    Bad("DELETE", RELEASE, {"fence": "1"}, "fence"),
    Bad("DELETE", RELEASE, None, "fence"),
    Bad("DELETE", f"{RELEASE}?fence=", None, "fence"),
    Bad("DELETE", f"{RELEASE}?fence=-1", None, "fence"),
    Bad("DELETE", f"{RELEASE}?fence=1e3", None, "fence"),
    Bad("DELETE", f"{RELEASE}?fence=9007199254740992", None, "fence"),
    Bad("DELETE", f"{RELEASE}?fence=1&fence=1", None, "fence"),
    Bad("DELETE", f"{RELEASE}?fence=%D9%A3", None, "fence"),
    Bad("DELETE", f"{RELEASE}?fence=2", {"fence": 3}, "fence"),
    Bad("DELETE", f"{SESSIONS}/short", {"fence": 3}, "id"),
    Bad("POST", VALIDATE, {"hardware_id": HOLDER[:-1]}, "hardware_id"),
    Bad("POST", VALIDATE, {"session_id": HOLDER}, "session_id"),
    Bad("POST", VALIDATE, {"feature": ""}, "feature"),
    Bad("POST", VALIDATE, {"feature": "f" * 64}, "feature"),
    Bad("POST", VALIDATE, {"feature": ["export"]}, "feature"),
    Bad("POST", VALIDATE, {"feature": "a b"}, "feature"),
    Bad("POST", VALIDATE, {"client_version": "4" * 65}, "client_version"),
    Bad("POST", VALIDATE, {"client_version": "4\n"}, "client_version"),
    Bad("POST", VALIDATE, {"group": "-"}, "group"),
    Bad("POST", VALIDATE, {"group": "Render"}, "group"),
    Bad("POST", VALIDATE, {"container": "Worker"}, "container"),
    Bad("POST", VALIDATE, {"container": "w" * 64}, "container"),
    Bad("PATCH", f"{SESSIONS}/{LEASE_ID}/heartbeat", {"fence": 1, "hardware_id": "x"}, "hardware_id"),
    Bad("POST", VALIDATE, {"hardware_id": HOLDER, "session_id": LEASE_ID}, "body"),
    Bad("GET", f"{SESSIONS}?limit=0", None, "limit"),
    Bad("GET", f"{SESSIONS}?limit=501", None, "limit"),
    Bad("GET", f"{SESSIONS}?limit=ten", None, "limit"),
    Bad("GET", f"{SESSIONS}?limit=99999999999999999999", None, "limit"),
    Bad("GET", f"{SESSIONS}?limit=1&limit=2", None, "limit"),
    Bad("GET", f"{SESSIONS}?cursor=nobody-gave-this", None, "cursor"),
    Bad("GET", f"{SESSIONS}?cursor={'c' * 257}", None, "cursor"),
]


@pytest.mark.parametrize(
    "bad", BAD_FIELDS, ids=lambda bad: f"{bad.field}-{str(bad.body)[:40]}-{bad.path[-20:]}"
)
async def test_a_bad_field_is_400_and_named(client: EndpointClient, bad: Bad) -> None:
    answer = await client.ask(bad.method, bad.path, bad.body)
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert [error["field"] for error in answer.body["errors"]] == [bad.field]
    assert bad.field in answer.body["detail"]


BAD_BODIES = {
    "empty": b"",
    "truncated": b'{"hardware_id":',
    "trailing": b'{"hardware_id":"%b"} x' % HOLDER.encode(),
    "two documents": b"{}{}",
    "single quotes": b"{'hardware_id':1}",
    "comment": b'{"hardware_id":1}//',
    "byte order mark": b"\xef\xbb\xbf{}",
    "latin-1": '{"nonce":"é"}'.encode("latin-1"),
    "utf-16": '{"hardware_id":"x"}'.encode("utf-16"),
    "lone surrogate": b'{"hardware_id":"%b","nonce":"\\ud800"}' % HOLDER.encode(),
    "surrogate in metadata": b'{"hardware_id":"%b","metadata":{"a":"\\udc00"}}' % HOLDER.encode(),
    "raw control character": b'{"hardware_id":"%b","nonce":"a\x00"}' % HOLDER.encode(),
    "NaN": b'{"hardware_id":"%b","metadata":{"a":NaN}}' % HOLDER.encode(),
    "infinity": b'{"hardware_id":"%b","metadata":{"a":1e999}}' % HOLDER.encode(),
    "deep": b'{"hardware_id":"%b","metadata":{"a":%b%b}}' % (HOLDER.encode(), b"[" * 5000, b"]" * 5000),
    "long number": b'{"hardware_id":"%b","metadata":{"a":%b}}' % (HOLDER.encode(), b"9" * 50_000),
    "name twice": b'{"hardware_id":"%b","hardware_id":"%b"}' % (HOLDER.encode(), HOLDER.encode()),
    "unknown name twice": b'{"hardware_id":"%b","x":1,"x":1}' % HOLDER.encode(),
    "name twice, once escaped": b'{"hardware_id":"%b","nonce":"a","n\\u006fnce":"b"}' % HOLDER.encode(),
    "name twice in metadata": b'{"hardware_id":"%b","metadata":{"a":1,"a":2}}' % HOLDER.encode(),
}


@pytest.mark.parametrize("case", BAD_BODIES)
async def test_what_is_no_json_object_is_400(
    client: EndpointClient, authority: ScriptedAuthority, case: str
) -> None:
    headers = {"Authorization": f"Bearer {client.key}", "Content-Type": "application/json"}
    answer = await client.ask("POST", ACQUIRE, data=BAD_BODIES[case], headers=headers)
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert answer.body["errors"]
    assert authority.wishes == []


async def test_a_name_twice_in_a_bulk_item_is_400(client: EndpointClient) -> None:
    item = b'{"id":"%b","fence":1,"fence":2}' % LEASE_ID.encode()
    headers = {"Authorization": f"Bearer {client.key}", "Content-Type": "application/json"}
    answer = await client.ask("POST", BULK, data=b'{"sessions":[%b]}' % item, headers=headers)
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "fence")


async def test_only_the_first_errors_of_many_are_told(client: EndpointClient) -> None:
    answer = await client.ask("POST", BULK, {"sessions": [{"id": "x", "fence": "y"}] * 1000})
    assert answer.status == 400
    assert len(answer.body["errors"]) == 20


async def test_unknown_fields_are_ignored(client: EndpointClient, authority: ScriptedAuthority) -> None:
    answer = await client.acquire(group="render", quantity=3, nested={"a": {"b": [1, 2]}})
    assert answer.status == 201
    assert authority.wishes[0].holder == HOLDER


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
        "application/problem+json",
    ],
)
async def test_a_body_that_is_not_said_to_be_json_is_415(client: EndpointClient, content_type: str) -> None:
    headers = {"Authorization": f"Bearer {client.key}", "Content-Type": content_type}
    answer = await client.ask(
        "POST", ACQUIRE, data=b'{"hardware_id":"%b"}' % HOLDER.encode(), headers=headers
    )
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=UTF-8", "Application/JSON"]
)
async def test_json_may_be_announced_in_several_ways(client: EndpointClient, content_type: str) -> None:
    headers = {"Authorization": f"bearer {client.key}", "Content-Type": content_type}
    answer = await client.ask(
        "POST", ACQUIRE, data=b'{"hardware_id":"%b"}' % HOLDER.encode(), headers=headers
    )
    assert answer.status == 201


async def test_a_compressed_body_is_415_and_never_unpacked(client: EndpointClient) -> None:
    headers = {
        "Authorization": f"Bearer {client.key}",
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
    }
    answer = await client.ask("POST", ACQUIRE, data=gzip.compress(b" " * 10_000_000), headers=headers)
    assert answer.status == 415


@pytest.mark.parametrize("size", [64 * 1024 + 1, 10_000_000])
async def test_a_body_above_the_limit_is_413(client: EndpointClient, size: int) -> None:
    headers = {"Authorization": f"Bearer {client.key}", "Content-Type": "application/json"}
    answer = await client.ask("POST", ACQUIRE, data=io.BytesIO(b" " * size), headers=headers)
    assert (answer.status, answer.code) == (413, "body_too_large")


async def test_a_chunked_body_above_the_limit_is_413_without_being_kept(endpoint: Endpoint) -> None:
    head = f"POST {ACQUIRE} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    assert b" 413 " in await _exchange(endpoint, head + chunk * 8 + b"0\r\n\r\n")


async def test_a_bulk_body_may_be_larger_but_not_endless(client: EndpointClient) -> None:
    headers = {"Authorization": f"Bearer {client.key}", "Content-Type": "application/json"}
    for padding, status in ((500_000, 200), (1_100_000, 413)):
        padded = {"sessions": [GOOD_ITEM] * 1000, "padding": "p" * padding}
        answer = await client.ask("POST", BULK, data=io.BytesIO(orjson.dumps(padded)), headers=headers)
        assert answer.status == status


async def test_metadata_of_just_the_limit_is_taken(
    client: EndpointClient, authority: ScriptedAuthority
) -> None:
    assert (await client.acquire(metadata={"k": "v" * (2048 - 8)})).status == 201
    assert len(authority.wishes[0].metadata) == 2048


async def test_metadata_keeps_its_text(client: EndpointClient, authority: ScriptedAuthority) -> None:
    await client.acquire(metadata={"user": "Zoë", "n": 12345678901234567890, "deep": [{"a": None}]})
    assert orjson.loads(authority.wishes[0].metadata)["user"] == "Zoë"
    assert "12345678901234567890" in authority.wishes[0].metadata


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", ACQUIRE, "POST"),
        ("PUT", HEARTBEAT, "PATCH"),
        ("GET", RELEASE, "DELETE"),
        ("POST", POOL, "GET, HEAD"),
        ("OPTIONS", "/livez", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_405_with_those_that_are_allowed(
    client: EndpointClient, method: str, path: str, allow: str
) -> None:
    answer = await client.ask(method, path)
    assert (answer.status, answer.code, answer.headers["Allow"]) == (405, "method_not_allowed", allow)


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/v1/licenses/", f"{ACQUIRE}/", "/api/v2/x", "/%00", "//livez"]
)
async def test_an_unknown_path_is_404(client: EndpointClient, path: str) -> None:
    answer = await client.ask("GET", path)
    assert (answer.status, answer.code) == (404, "not_found")


async def test_head_is_served_where_get_is(client: EndpointClient) -> None:
    answer = await client.ask("HEAD", "/livez")
    assert (answer.status, answer.body) == (200, "")


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("Bearer LIC-short-key", 401),
        ("Basic dXNlcjpwYXNz", 401),
        ("Bearer é", 401),
        ("Bearer " + "x" * 5000, 401),
    ],
)
async def test_a_malformed_key_is_401(client: EndpointClient, authorization: str, status: int) -> None:
    answer = await client.ask("GET", POOL, headers={"Authorization": authorization})
    assert (answer.status, answer.code) == (status, "invalid_license")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_no_key_at_all_is_401_and_says_how_to_send_one(client: EndpointClient) -> None:
    answer = await client.ask("GET", POOL, headers={})
    assert answer.status == 401
    assert "Authorization: Bearer" in answer.body["detail"]


async def test_a_key_in_the_body_is_taken_where_there_is_no_header(
    client: EndpointClient, authority: ScriptedAuthority
) -> None:
    body = orjson.dumps({"hardware_id": HOLDER, "license_key": client.key})
    answer = await client.ask("POST", ACQUIRE, data=body, headers={"Content-Type": "application/json"})
    assert answer.status == 201


async def test_the_header_wins_over_the_key_in_the_body(client: EndpointClient) -> None:
    body = orjson.dumps({"hardware_id": HOLDER, "license_key": client.key})
    headers = {"Content-Type": "application/json", "Authorization": "Bearer nonsense"}
    assert (await client.ask("POST", ACQUIRE, data=body, headers=headers)).status == 401


RAW_REQUESTS = {
    "two lengths": (
        f"POST {ACQUIRE} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        400,
    ),
    "length and chunks": (
        f"POST {ACQUIRE} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    "bad length": (f"POST {ACQUIRE} HTTP/1.1\r\nHost: x\r\nContent-Length: minus\r\n\r\n", 400),
    "NUL in a header": ("GET /livez HTTP/1.1\r\nHost: x\r\nX-Y: a\x00b\r\n\r\n", 400),
    "unknown method": (f"BREW {POOL} HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "no HTTP": ("LIC-secret please\r\n\r\n", 400),
    "TLS": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "long header": ("GET /livez HTTP/1.1\r\nHost: x\r\nX-Y: " + "y" * 9000 + "\r\n\r\n", 431),
    "long path": ("GET /" + "y" * 9000 + " HTTP/1.1\r\nHost: x\r\n\r\n", 431),
    "target without path": ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "unknown expectation": (
        "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: tea\r\n\r\n",
        200,
    ),
    "bad chunk": (
        f"POST {ACQUIRE} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n",
        400,
    ),
}


@pytest.mark.parametrize("case", RAW_REQUESTS)
async def test_malformed_http_is_a_problem_document_too(endpoint: Endpoint, case: str) -> None:
    sent, status = RAW_REQUESTS[case]
    received = await _exchange(endpoint, sent.encode("latin-1"))
    head, _, body = received.partition(b"\r\n\r\n")
    assert f" {status} ".encode() in head.splitlines()[0]
    assert b"x-request-id" in head.lower()
    assert orjson.loads(body).get("status") in {status, "ok"}


async def test_two_authorization_headers_are_400_whatever_they_say(endpoint: Endpoint) -> None:
    key = f"Authorization: Bearer {endpoint.client.key}\r\n"
    request = f"GET {POOL} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{key}{key}\r\n"
    received = await _exchange(endpoint, request.encode())
    assert b" 400 " in received.splitlines()[0]
    assert b'"field":"Authorization"' in received


CHUNKED = f"POST {ACQUIRE} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
TOO_LARGE = {
    "announced, and never sent": f"POST {ACQUIRE} HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n".encode(),
    "in chunks without an end": CHUNKED + (b"8000\r\n" + b" " * 0x8000 + b"\r\n") * 3,
    "in one packet": CHUNKED + b"10008\r\n" + b" " * 0x10008 + b"\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("case", TOO_LARGE)
async def test_a_body_is_413_as_soon_as_it_is_known_to_be_too_large(endpoint: Endpoint, case: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.server.port)
    writer.write(TOO_LARGE[case])
    assert b" 413 " in await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    await writer.wait_closed()


async def test_a_body_that_trickles_in_is_408(
    start_endpoint: StartEndpoint, authority: ScriptedAuthority
) -> None:
    endpoint = await start_endpoint(authority, EndpointSettings(body_seconds=0.1, linger_seconds=0.1))
    head = (
        f"POST {ACQUIRE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n"
    )
    received = await _exchange(endpoint, head.encode() + b'{"hardware')
    assert b" 408 " in received.splitlines()[0]
    assert b"request_timeout" in received


async def test_a_connection_that_never_sends_its_headers_is_closed(
    start_endpoint: StartEndpoint, authority: ScriptedAuthority
) -> None:
    endpoint = await start_endpoint(authority, EndpointSettings(keep_alive_seconds=0.2))
    assert await _exchange(endpoint, b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ") == b""


async def test_a_client_that_asks_first_is_told_to_go_on(endpoint: Endpoint) -> None:
    body = b'{"hardware_id":"%b"}' % HOLDER.encode()
    head = (
        f"POST {ACQUIRE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {endpoint.client.key}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.server.port)
    writer.write(head.encode())
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert b" 201 " in (await reader.read()).splitlines()[0]
    writer.close()
    await writer.wait_closed()


async def _exchange(endpoint: Endpoint, sent: bytes) -> bytes:
    """All that the server says to ``sent`` until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.server.port)
    try:
        writer.write(sent)
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()
        await writer.wait_closed()
