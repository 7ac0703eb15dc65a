"""Seats are taken as ever while the key-management service is away: it accepts every call and answers none.

All is real but the service: an API server, the operator, Redis, an endpoint, and a Tenant whose root key is in Google Cloud
KMS, for which the stand-in of the tests answers. First the load runs for a while with nothing wrong, as the reference and
to count how often the service is asked on the seat path. Then the service goes away, the operator is given something to
sign, and the load runs for the time that is asked for. What was granted is then counted in the authority.
"""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import click

from bench.load import LoadPlan, LoadSeen, finish_load, start_load
from bench.rows import Row
from bench.seats_world import KEYS, SeatPool, Server, endpoint, holder, key_in_a_file
from seatwarden.backends.google_kms_model import KmsMethod
from seatwarden.backends.kubernetes_api import KubernetesApi
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.domain.seats import Validation
from seatwarden.local.valkey import valkey_server
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.verify import Licence, read_keys, verify_lease, verify_licence
from tests.kms.fake_server import FakeServer, Fault, fake_kms_server
from tests.operator.world import World, permit_operator
from tests.shared_cluster import start_cluster

RING = "projects/bench/locations/europe-west3/keyRings/licences"
IN_KMS = {"provider": "GoogleCloudKMS", "googleCloudKMS": {"keyRing": RING}}
CONNECTIONS = 64
REFERENCE_SHARE, REFERENCE_SECONDS = 0.2, 10.0
FOR_EVER = 1_000_000
QUIET_SECONDS = 3.0
ENOUGH = 1.2
LAST_HOLDER = 1 << 40
LARGER = "larger"
LOOK_SECONDS = 0.2
# The operator waits for an answer for up to 40 seconds, and then some time before it tries again.
PATIENCE_SECONDS = 180.0


@dataclass(slots=True)
class Scene:
    """A pool that is Ready, in a cluster whose root keys are in the stand-in."""

    kms: FakeServer
    world: World
    tenant: ObjectKey
    subscription: ObjectKey
    pool: SeatPool
    served: Server
    taken: int = 0

    async def acquires(self, rate: float, seconds: float) -> LoadSeen:
        """So many new holders a second ask for a seat, whatever is still unanswered."""
        numbers = range(self.taken, self.taken + math.ceil(rate * seconds * ENOUGH) + CONNECTIONS)
        self.taken = numbers.stop
        wishes = [self.pool.wish(number) for number in numbers]
        plan = LoadPlan(
            port=self.served.port, requests=wishes, connections=CONNECTIONS, seconds=seconds, rate=rate
        )
        # The stand-in answers in this process, so it must not stand still meanwhile.
        return await asyncio.to_thread(lambda: finish_load(start_load(plan)))

    async def live(self) -> int:
        """How many seats the authority knows to be taken."""
        found = await self.world.seats.validate(self.pool.uid, self.pool.key.sha256)
        assert isinstance(found, Validation), found
        return found.live

    async def goes_away(self) -> None:
        """The service is away from now on, and the operator finds out: it has a document to sign."""
        for method in KmsMethod:
            self.kms.fail(method, Fault.BLACK_HOLE, times=FOR_EVER)
        before = len(self.kms.heard)
        await self.world.patch_spec(self.subscription, plan={"name": LARGER})
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.kms.heard) == before:  # noqa: ASYNC110  # another process would not tell either
                await asyncio.sleep(LOOK_SECONDS)

    async def comes_back(self) -> None:
        """It answers again, and the document that waited is signed."""
        self.kms.faults.clear()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await self.licence()).plan != LARGER:  # noqa: ASYNC110  # so does a program
                await asyncio.sleep(LOOK_SECONDS)

    async def licence(self) -> Licence:
        """The licence document that the endpoint gives, verified with the keys that it gives."""
        tenant = (await self.world.get(self.tenant))["metadata"]["uid"]
        keys = read_keys(await self._answer("GET", f"tenants/{tenant}/jwks.json"))
        document = await self._answer("GET", "licenses/license")
        return verify_licence(document, keys, now=int(time.time()), tenant=tenant)

    async def lease_is_good_offline(self) -> None:
        """Take a seat, and verify its signed lease as a program does that has no network.

        Raises:
            NotValid: it is not good.
        """
        licence, wish = await self.licence(), {"hardware_id": holder(LAST_HOLDER)}
        lease = json.loads(await self._answer("POST", "licenses/acquire", json=wish))["lease"]
        verify_lease(lease, licence, holder=holder(LAST_HOLDER), now=int(time.time()), pool=self.pool.uid)

    async def _answer(self, method: str, path: str, **details: Any) -> str:
        headers = {"Authorization": f"Bearer {self.pool.key.text}"}
        async with aiohttp.ClientSession(headers=headers, raise_for_status=True) as http:
            url = f"http://127.0.0.1:{self.served.port}/api/v1/{path}"
            async with http.request(method, url, **details) as answer:
                return await answer.text()


@asynccontextmanager
async def scene(seats: int) -> AsyncIterator[Scene]:
    """All of it, with a pool of so many seats whose lease key is in a licence document."""
    plane = await start_cluster()
    try:
        await permit_operator(plane.access)
        async with fake_kms_server() as kms, valkey_server() as redis, plane.access.session() as session:
            kms.kms.rings.add(RING)
            authority = RedisSeatAuthority.connect(redis.url, keys=KEYS, time_limit_seconds=10)
            world = World(plane.access, KubernetesApi(session, ""), "away", redis.url, authority)
            await world.api.create("/api/v1/namespaces", {"metadata": {"name": world.namespace}})
            await world.start_operator(kms_endpoint=kms.endpoint, installation_keys=KEYS)
            try:
                with key_in_a_file() as key_file, endpoint(redis.url, key_file) as served:
                    yield await _customer(kms, world, served, seats)
            finally:
                await world.stop_operator()
                await authority.close()
    finally:
        plane.stop()


async def _customer(kms: FakeServer, world: World, served: Server, seats: int) -> Scene:
    tenant = await world.tenant(signing=IN_KMS)
    subscription = await world.subscription(seats=seats)
    pool = await world.pool(seats=seats)
    await world.until_ready(pool)
    await world.until(subscription, lambda it: it["status"].get("pools") == 1 and "licence" in it["status"])
    await _quiet(kms)
    key = await world.licence_key()
    return Scene(kms, world, tenant, subscription, SeatPool(key.pool, key, world.seats), served)


async def _quiet(kms: FakeServer) -> None:
    """Wait until the operator has signed what it had to sign for the new customer."""
    heard = -1
    while heard != len(kms.heard):
        heard = len(kms.heard)
        await asyncio.sleep(QUIET_SECONDS)


async def away_rows(*, rate: float, seconds: float) -> list[Row]:
    """The rows of ``rate`` acquires a second for so many ``seconds`` with the service away.

    Raises:
        ClickException: a grant was lost, or the service was asked on the seat path.
        NotValid: a lease that was given while the service was away does not verify.
    """
    before_seconds = min(REFERENCE_SECONDS, REFERENCE_SHARE * seconds)
    seats = math.ceil(rate * (seconds + before_seconds) * ENOUGH) + 1000
    async with scene(seats) as made:
        heard = len(made.kms.heard)
        before = await made.acquires(rate, before_seconds)
        on_the_path = len(made.kms.heard) - heard
        heard = len(made.kms.heard)
        await made.goes_away()
        away = await made.acquires(rate, seconds)
        swallowed = len(made.kms.heard) - heard
        live = await made.live()
        await made.lease_is_good_offline()
        await made.comes_back()
    lost = before.answers + away.answers - live
    refused = before.refused + away.refused
    if lost or refused or on_the_path:
        raise click.ClickException(
            f"{refused} acquires were refused, {lost} grants are not in the authority, and the KMS was asked"
            f" {on_the_path} times on the seat path; each should be 0"
        )
    return [
        Row(name="kms_calls_on_the_seat_path", value=on_the_path, unit="calls"),
        Row(name="acquires_with_kms_away", value=away.per_second, unit="requests/s", reference=rate),
        Row(name="grants_with_kms_away", value=away.answers, unit="leases"),
        Row(name="grants_lost_with_kms_away", value=lost, unit="leases"),
        Row(name="refusals_with_kms_away", value=refused, unit="requests"),
        Row(name="acquire_p50_with_kms_away", value=away.p50_ms, unit="ms", reference=before.p50_ms),
        Row(name="acquire_p99_with_kms_away", value=away.p99_ms, unit="ms", reference=before.p99_ms),
        Row(name="operator_calls_that_kms_swallowed", value=swallowed, unit="calls"),
    ]
