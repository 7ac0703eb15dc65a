"""A client that is killed at a call, and comes back: the stand-in has outlived it, and knows what was done."""

import asyncio
import signal
import sys

import pytest

from tests.stripe.server import StripeServer

CLIENT = """
import asyncio, sys
from tests.stripe.place import sdk

async def main(url: str) -> None:
    async with sdk(url) as client:
        found = await client.v1.customers.list_async({"email": "ada@example.com"})
        if not found.data:
            wanted = {"email": "ada@example.com"}
            await client.v1.customers.create_async(wanted, {"idempotency_key": "tenant-uid-1"})

asyncio.run(main(sys.argv[1]))
"""


async def run(server: StripeServer, killed_at: int | None = None, *, after: bool = False) -> int:
    """Run the client to its end, or to the call at which it is killed. What it ended with."""
    client = await asyncio.create_subprocess_exec(sys.executable, "-c", CLIENT, server.url)
    if killed_at is not None:
        hooks = server.faults.after if after else server.faults.before

        async def kill(_heard: object) -> None:
            client.send_signal(signal.SIGKILL)
            await client.wait()

        hooks[len(server.heard) + killed_at] = kill
    return await client.wait()


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_client_that_is_killed_at_a_call_finds_what_it_did(
    server: StripeServer, call: int, after: bool
) -> None:
    assert await run(server, call, after=after) == -signal.SIGKILL
    assert await run(server) == 0
    assert len(server.account.all("customer")) == 1
