"""`seatwarden webhooks` and `seatwarden dead-letters` as processes of their own."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from click.testing import CliRunner

from seatwarden.backends.redis_keys import STRIPE_KEYS
from seatwarden.backends.stripe_stream import FIRST, StripeStream
from seatwarden.runtime.commands import main
from seatwarden.runtime.dead_letters_command import dead_letters
from seatwarden.runtime.webhooks_command import webhooks
from tests.endpoint.served import UNREACHABLE, Served
from tests.webhooks.signed_events import body_of, event, signature
from tests.workers.stripe_objects import event_about

if TYPE_CHECKING:
    from redis.asyncio import Redis

PROGRAM = "from seatwarden.runtime.webhooks_command import webhooks; webhooks()"
NEW_SECRET = b"whsec_other"
Start = Callable[..., Awaitable[Served]]


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    """As it is mounted."""
    path = tmp_path / "signing-secret"
    path.write_text("whsec_test_first\n")
    return path


@pytest.fixture
async def start(secret_file: Path) -> AsyncIterator[Start]:
    """Starts the command; it ends with the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def start_one(*options: str, url: str = UNREACHABLE) -> Served:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-c", PROGRAM, "--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0"),
                *("--stripe-secret-file", str(secret_file), *options),
                env={**os.environ, "SEATWARDEN_REDIS_URL": url},
                stderr=asyncio.subprocess.PIPE,
            )

            async def stop() -> None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
                assert process.stderr is not None
                await asyncio.wait_for(process.stderr.read(), 20)

            stack.push_async_callback(stop)
            return Served(process)

        yield start_one


async def ready(http: aiohttp.ClientSession, health: str) -> tuple[int, str]:
    async with http.get(f"{health}/readyz") as answer:
        return answer.status, await answer.text()


async def test_it_receives_tells_and_drains(start: Start, redis_url: str, secret_file: Path) -> None:
    served = await start("--drain-seconds", "600", url=redis_url)
    told = await served.logged("receiving events of Stripe")
    assert (told["mode"], told["secrets"], told["path"]) == ("live", 1, "/stripe/webhooks")
    receive, health = (
        f"http://127.0.0.1:{told['port']}/stripe/webhooks",
        f"http://127.0.0.1:{told['health_port']}",
    )
    body = body_of(event(1))

    async with aiohttp.ClientSession() as http:

        async def post(*secrets: bytes) -> int:
            headers = {"Stripe-Signature": signature(body, time.time(), *secrets)}
            async with http.post(receive, data=body, headers=headers) as answer:
                return answer.status

        assert await post() == 200
        assert await post(NEW_SECRET) == 400
        secret_file.write_text("whsec_other\nwhsec_test_first\n")  # noqa: ASYNC240  # a few bytes
        assert await post(NEW_SECRET) == 200
        assert await ready(http, health) == (200, "ok\n")
        async with http.get(f"{health}/metrics") as answer:
            text = await answer.text()
        assert 'seatwarden_webhooks_stripe_requests_total{result="accepted"} 1.0' in text
        assert 'seatwarden_webhooks_stripe_requests_total{result="duplicate"} 1.0' in text
        assert "seatwarden_webhooks_stripe_secrets 2.0" in text

        served.process.send_signal(signal.SIGTERM)
        await served.logged("draining")
        assert await ready(http, health) == (503, "shutting down\n")
        assert await post() == 200
    served.process.send_signal(signal.SIGTERM)
    rest = await served.rest()
    assert await asyncio.wait_for(served.process.wait(), 10) == 1
    for secret in ("test_first", "whsec_other", "example.com"):
        assert secret not in rest + str(served.lines)


async def test_without_redis_it_receives_nothing_and_is_not_ready_and_never_shows_the_password(
    start: Start,
) -> None:
    served = await start("--drain-seconds", "0")
    told = await served.logged("receiving events of Stripe")
    body = body_of(event(1))
    async with aiohttp.ClientSession() as http:
        headers = {"Stripe-Signature": signature(body, time.time())}
        url = f"http://127.0.0.1:{told['port']}/stripe/webhooks"
        async with http.post(url, data=body, headers=headers) as answer:
            assert answer.status == 503
        status, why = await ready(http, f"http://127.0.0.1:{told['health_port']}")
        assert (status, "could not be asked" in why) == (503, True)
        async with http.get(f"http://127.0.0.1:{told['health_port']}/livez") as live:
            assert live.status == 200
    served.process.send_signal(signal.SIGTERM)
    rest = await served.rest()
    assert await served.process.wait() == 0
    assert "hunter2" not in rest + str(served.lines)


async def test_what_is_no_http_leaves_no_line_in_the_log(start: Start, redis_url: str) -> None:
    served = await start("--drain-seconds", "0", url=redis_url)
    told = await served.logged("receiving events of Stripe")
    reader, writer = await asyncio.open_connection("127.0.0.1", told["port"])
    writer.write(b"\x16\x03\x01 secret nonsense\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.0 400")
    writer.close()
    served.process.send_signal(signal.SIGTERM)
    assert "nonsense" not in await served.rest() + str(served.lines)


def test_the_help_has_examples() -> None:
    shown = CliRunner().invoke(webhooks, ["--help"]).output
    for part in ("Examples:", "SEATWARDEN_STRIPE_SECRET_FILE", "--stripe-mode", "0.0.0.0:8082", "whsec_"):
        assert part in shown


@pytest.mark.parametrize(
    ("text", "says"), [(None, "cannot be read"), ("sk_live_abc", "does not hold the signing secret")]
)
def test_a_secret_that_is_none_is_a_sentence(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "secret"
    if text is not None:
        path.write_text(text)
    result = CliRunner().invoke(webhooks, ["--stripe-secret-file", str(path)])
    assert result.exit_code == 1
    assert says in result.output
    assert "sk_live" not in result.output


def test_without_a_secret_it_does_not_begin() -> None:
    result = CliRunner().invoke(webhooks, [], env={"SEATWARDEN_STRIPE_SECRET_FILE": ""})
    assert result.exit_code == 2
    assert "--stripe-secret-file" in result.output


def test_an_address_in_use_is_a_sentence(secret_file: Path, redis_url: str) -> None:
    port = redis_url.rpartition(":")[2].partition("/")[0]
    result = CliRunner().invoke(
        webhooks, ["--stripe-secret-file", str(secret_file), "--health-listen", f"127.0.0.1:{port}"]
    )
    assert result.exit_code == 1
    assert "cannot listen on" in result.output


def test_a_redis_url_that_cannot_be_read_is_a_sentence_without_its_password(secret_file: Path) -> None:
    for command, options in ((webhooks, ["--stripe-secret-file", str(secret_file)]), (dead_letters, [])):
        result = CliRunner().invoke(command, [*options, "--redis-url", "http://:hunter2@host"])
        assert result.exit_code == 1
        assert "cannot use --redis-url" in result.output
        assert "hunter2" not in result.output


async def given_up(url: str, count: int) -> None:
    stream = StripeStream.connect(url)
    try:
        for number in range(count):
            await stream.append(event_about(number, f"evt_{number}"))
        await stream.bury(await stream.take("a", last=FIRST, count=count), "Forbidden")
    finally:
        await stream.close()


def run(url: str, *arguments: str) -> str:
    result = CliRunner().invoke(main, ["dead-letters", *arguments], env={"SEATWARDEN_REDIS_URL": url})
    assert result.exit_code == 0, result.output
    return result.output


async def test_dead_letters_are_listed_and_put_back(redis_url: str, redis: "Redis") -> None:
    await given_up(redis_url, 3)
    lines = (await asyncio.to_thread(run, redis_url)).splitlines()
    first = lines[0].split()
    assert (len(lines), first[2:]) == (3, ["1", "subscription", "sub_0", "cus_0", "sub_0", "Forbidden"])
    assert await asyncio.to_thread(run, redis_url, first[0]) == f"{lines[0]}\n"
    assert await asyncio.to_thread(run, redis_url, "--replay", first[0]) == "1 put back\n"
    assert (await asyncio.to_thread(run, redis_url, "--replay", first[0])).startswith("0 put back\n")
    assert await asyncio.to_thread(run, redis_url, "--replay") == "2 put back\n"
    assert await asyncio.to_thread(run, redis_url) == ""
    assert await redis.xlen(STRIPE_KEYS.events) == 3


@pytest.mark.parametrize("one", ["evt_1", "7", "1-2-3", "1-"])
def test_what_is_no_id_of_a_dead_letter_is_refused_with_an_example(one: str) -> None:
    result = CliRunner().invoke(dead_letters, ["--replay", one])
    assert result.exit_code == 2
    assert "they look like" in result.output


def test_dead_letters_of_a_redis_that_is_away_are_a_sentence() -> None:
    result = CliRunner().invoke(dead_letters, [], env={"SEATWARDEN_REDIS_URL": UNREACHABLE})
    assert result.exit_code == 1
    assert "could not be asked" in result.output
    assert "hunter2" not in result.output
