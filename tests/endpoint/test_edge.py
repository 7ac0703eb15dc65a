"""What every call has in common: ids, metrics, an authority that is away, faults."""

import asyncio
import io
import re
from collections.abc import Iterator

import orjson
import pytest

from seatwarden.endpoint.settings import EndpointSettings
from seatwarden.runtime.logging import LogFormat, configure_logging
from tests.endpoint.conftest import StartEndpoint
from tests.endpoint.endpoint_client import EndpointClient
from tests.endpoint.every_call import CALLS
from tests.endpoint.logging_state import kept_logging
from tests.endpoint.scripted_authority import ScriptedAuthority


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """The JSON log of this process."""
    with kept_logging():
        stream = io.StringIO()
        configure_logging("info", LogFormat.JSON, stream=stream)
        yield stream


def _events(logs: io.StringIO) -> list[str]:
    return [orjson.loads(line)["event"] for line in logs.getvalue().splitlines()]


async def test_a_request_id_is_given_back(client: EndpointClient) -> None:
    answer = await client.ask("GET", "/livez", headers={"X-Request-Id": "trace-1.a:b_c"})
    assert answer.headers["X-Request-ID"] == "trace-1.a:b_c"


@pytest.mark.parametrize("given", ["", "two words", "é", "x" * 65, "a;b"])
async def test_a_request_id_that_could_spoil_a_log_is_replaced(client: EndpointClient, given: str) -> None:
    answer = await client.ask("GET", "/livez", headers={"X-Request-Id": given})
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]+", answer.headers["X-Request-ID"])


async def test_each_request_without_an_id_gets_one_of_its_own(client: EndpointClient) -> None:
    ids = {(await client.ask("GET", "/livez")).headers["X-Request-ID"] for _ in range(10)}
    assert len(ids) == 10


async def test_answers_are_not_to_be_stored_and_do_not_name_the_software_below(
    client: EndpointClient,
) -> None:
    answer = await client.acquire()
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Server"] == "seatwarden"


@pytest.mark.parametrize("call", CALLS)
async def test_an_authority_that_is_away_is_503_with_a_wait(
    client: EndpointClient, authority: ScriptedAuthority, call: str
) -> None:
    authority.away = True
    answer = await CALLS[call](client)
    assert (answer.status, answer.code) == (503, "authority_unavailable")
    assert answer.headers["Retry-After"] == "2"
    authority.away = False
    assert (await CALLS[call](client)).status < 300


async def test_a_fault_is_500_in_the_same_form_and_its_log_has_the_request_id(
    client: EndpointClient, authority: ScriptedAuthority, logs: io.StringIO
) -> None:
    authority.fault = RuntimeError("a bug near LIC-" + "a" * 26 + "-" + "b" * 32)
    answer = await client.acquire()
    assert (answer.status, answer.code) == (500, "internal_error")
    assert "bug" not in str(answer.body)
    line = orjson.loads(logs.getvalue())
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert "RuntimeError: a bug near LIC-aaaa***" in line["exception"]
    assert 'seatwarden_endpoint_faults_total{route="acquire"} 1.0' in await _metrics(client)


async def test_an_outage_is_logged_twice_however_many_requests_it_meets(
    client: EndpointClient, authority: ScriptedAuthority, logs: io.StringIO
) -> None:
    authority.away = True
    for _ in range(5):
        await client.acquire()
    await client.ask("GET", "/livez")
    authority.away = False
    for _ in range(5):
        await client.acquire()
    assert _events(logs) == ["the seat authority does not answer", "the seat authority answers again"]


async def test_metrics_count_by_route_status_and_code(
    client: EndpointClient, authority: ScriptedAuthority
) -> None:
    await client.acquire()
    await client.acquire(holder="short")
    authority.away = True
    await client.acquire()
    await client.ask("GET", "/no/such/path")
    shown = await _metrics(client)
    for line in (
        'seatwarden_endpoint_requests_total{route="acquire",status="201"} 1.0',
        'seatwarden_endpoint_requests_total{route="acquire",status="400"} 1.0',
        'seatwarden_endpoint_requests_total{route="acquire",status="503"} 1.0',
        'seatwarden_endpoint_requests_total{route="unmatched",status="404"} 1.0',
        'seatwarden_endpoint_refusals_total{code="invalid_request",route="acquire"} 1.0',
        'seatwarden_endpoint_refusals_total{code="authority_unavailable",route="acquire"} 1.0',
        'seatwarden_endpoint_request_duration_seconds_count{route="acquire"} 3.0',
        "seatwarden_endpoint_authority_errors_total 1.0",
        "seatwarden_endpoint_requests_in_flight 1.0",
    ):
        assert line in shown.splitlines(), line


async def test_no_metric_has_a_value_that_a_client_chose(client: EndpointClient) -> None:
    await client.ask("GET", "/chosen-path", headers={"X-Request-Id": "chosen-id"})
    await client.acquire(nonce="chosen-nonce", client_version="chosen-version", metadata={"chosen": "chosen"})
    shown = await _metrics(client)
    assert "chosen" not in shown
    assert client.key not in shown


async def test_each_series_is_of_this_endpoint_or_of_the_process(client: EndpointClient) -> None:
    names = re.findall(r"^# TYPE (\S+)", await _metrics(client), re.MULTILINE)
    assert all(name.startswith(("seatwarden_endpoint_", "process_", "python_")) for name in names)


async def test_the_access_log_is_off_unless_asked_for_and_holds_no_key(
    start_endpoint: StartEndpoint, authority: ScriptedAuthority, logs: io.StringIO
) -> None:
    await (await start_endpoint(authority)).client.acquire()
    assert _events(logs) == []
    client = (await start_endpoint(authority, EndpointSettings(access_log=True))).client
    await client.acquire(license_key=client.key)
    line = orjson.loads(logs.getvalue())
    assert (line["method"], line["route"], line["status"], line["remote"]) == (
        "POST",
        "acquire",
        201,
        "127.0.0.1",
    )
    assert client.key not in logs.getvalue()


async def test_malformed_requests_leave_no_trace_in_the_log(
    start_endpoint: StartEndpoint, authority: ScriptedAuthority, logs: io.StringIO
) -> None:
    endpoint = await start_endpoint(authority)
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.server.port)
    writer.write(b"GET / HTTP/1.1\r\nAuthorization: Bearer LIC-secret\x00\r\n\r\n")
    await reader.read()
    writer.close()
    await writer.wait_closed()
    assert logs.getvalue() == ""


async def _metrics(client: EndpointClient) -> str:
    return str((await client.ask("GET", "/metrics")).body)
