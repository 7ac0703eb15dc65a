"""A pool with all that belongs to it, on a Redis that a test is going to harm."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.domain.durability import Durability
from seatwarden.domain.seats import Millis
from seatwarden.endpoint.settings import EndpointSettings
from tests.endpoint.conftest import StartEndpoint
from tests.endpoint.endpoint_client import EndpointClient
from tests.endpoint.live_clients import Judge, LiveClient, all_seated, crowd, watchful_operator
from tests.endpoint.pools import Pool, make_pool

SEATS = 6
KEYS = InstallationKeys([bytes(32)])


@dataclass
class Scene:
    """A pool of six seats, with an endpoint, an operator and a judge."""

    seats: RedisSeatAuthority
    pool: Pool
    http: EndpointClient
    judge: Judge

    async def settled(self) -> None:
        """Return when every call works again, and no recovery goes on."""
        async with asyncio.timeout(40):
            while True:
                try:
                    [seen] = await self.seats.observe([self.pool.uid])
                except Exception:  # noqa: BLE001  # whatever it is, it is not settled
                    seen = None
                if seen is not None and not seen.recovering_for:
                    return
                await asyncio.sleep(0.05)

    async def all_was_well(self) -> list[LiveClient]:
        """Hold the judgement; then let others have all seats, as none may be lost for ever. Returns those others."""
        self.judge.sum_up()
        async with crowd(self.http, Judge(SEATS), SEATS) as others:
            await all_seated(others)
            return others


@asynccontextmanager
async def scene_on(
    url: str, durability: Durability, lease: Millis, start_endpoint: StartEndpoint
) -> AsyncIterator[Scene]:
    """A scene on the Redis at ``url``, for as long as the block lasts."""
    seats = RedisSeatAuthority.connect(url, keys=KEYS, durability=durability, serves=True)
    try:
        pool = await make_pool(seats, seats=SEATS, lease=lease)
        await seats.note_provisioned()
        endpoint = await start_endpoint(seats, EndpointSettings(), keys=KEYS)
        http = endpoint.client.with_key(pool.key.text)
        async with watchful_operator(seats, pool):
            yield Scene(seats, pool, http, Judge(SEATS))
        await endpoint.server.close()
    finally:
        await seats.close()
