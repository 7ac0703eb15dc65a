"""Each trouble has its own reason, and heals itself when its cause goes away."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.domain.durability import Durability
from seatwarden.domain.seats import Code, Grant
from seatwarden.local.valkey import Valkey, ValkeyOptions, valkey_server
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.paths import secret_path
from seatwarden.resources.names import Kind
from tests.operator.world import World, condition, keys_of_pools

REQUESTED = "seatwarden.dev/reconcile-requested-at"


async def test_secret_of_another_is_never_touched(world: World) -> None:
    theirs = {"metadata": {"name": "dev-licence"}, "stringData": {"password": "theirs"}}
    await world.api.create(secret_path(world.namespace), theirs)
    await world.tenant()
    await world.subscription()
    pool = await world.pool()
    found = await world.until_reason(pool, "SecretConflict")
    assert condition(found, "Stalled")["status"] == "True"
    assert "password" in (await world.secret("dev-licence"))["data"]

    await world.api.delete(secret_path(world.namespace, "dev-licence"))
    await world.annotate(pool, REQUESTED, "1")
    await world.until_ready(pool)


async def test_damaged_licence_key_is_shown_and_not_overwritten(world: World) -> None:
    pool = await world.customer()
    secret = await world.secret("dev-licence")
    damaged = secret | {"data": {"licence-key": base64.b64encode(b"LIC-nonsense").decode()}}
    await world.api.replace(secret_path(world.namespace, "dev-licence"), damaged)
    await world.annotate(pool, REQUESTED, "1")
    await world.until_reason(pool, "InvalidSecret")
    assert (await world.secret("dev-licence"))["data"] == damaged["data"]

    current = await world.secret("dev-licence")
    await world.api.replace(secret_path(world.namespace, "dev-licence"), current | {"data": secret["data"]})
    await world.annotate(pool, REQUESTED, "2")
    await world.until_ready(pool)


@pytest.mark.parametrize("renamed", [True, False], ids=["another field", "another text"])
async def test_damaged_root_key_is_shown_and_not_overwritten(world: World, *, renamed: bool) -> None:
    tenant = await world.tenant()
    await world.until_ready(tenant)
    secret = await world.secret("acme-root-key")
    field = "private.pem" if renamed else next(iter(secret["data"]))
    damaged = secret | {"data": {field: base64.b64encode(b"not a key").decode()}}
    await world.api.replace(secret_path(world.namespace, "acme-root-key"), damaged)
    await world.annotate(tenant, REQUESTED, "1")
    found = await world.until_reason(tenant, "SigningKeyInvalid")
    assert condition(found, "SigningKeyReady")["status"] == "False"
    assert "not a key" not in condition(found)["message"]

    current = await world.secret("acme-root-key")
    await world.api.replace(secret_path(world.namespace, "acme-root-key"), current | {"data": secret["data"]})
    await world.annotate(tenant, REQUESTED, "2")
    await world.until_ready(tenant)


async def test_flushed_redis_starts_a_new_epoch_after_a_recovery_that_status_tells_of(
    world: World, redis: Redis
) -> None:
    await world.tenant()
    await world.subscription()
    pool = await world.pool(lease={"duration": "5s", "heartbeat": "1s"})
    await world.until_ready(pool)
    first = await world.acquire(1)
    await redis.flushall()

    found = await world.until_reason(pool, "Recovering")
    recovering = condition(found, "Recovering")
    assert recovering["status"] == "True"
    assert "others get one again from about" in recovering["message"]
    assert (await world.acquire(2)).code is Code.RECOVERING

    found = await world.until_ready(pool)
    assert condition(found, "Recovering") == {}
    assert found["status"]["epoch"] == 2
    second = await world.acquire(1)
    assert isinstance(first, Grant)
    assert isinstance(second, Grant)
    assert second.fence > first.fence


async def test_redis_that_would_throw_seats_away_gets_none_and_status_says_what_to_change(
    idle_world: World,
) -> None:
    async with valkey_server(ValkeyOptions(extra={"maxmemory-policy": "allkeys-lru"})) as valkey:
        idle_world.redis_url = valkey.url
        await idle_world.start_operator()
        await idle_world.tenant()
        await idle_world.subscription()
        pool = await idle_world.pool()
        found = await idle_world.until_reason(pool, "RedisUnfit")
        told = condition(found, "RedisReady")
        assert (told["status"], told["reason"]) == ("False", "RedisUnfit")
        assert "set maxmemory-policy noeviction" in told["message"]
        async with Redis.from_url(valkey.url) as redis:
            assert [key for key in await redis.keys("*:config") if key] == []
        await idle_world.stop_operator()


async def test_restored_backup_of_the_same_epoch_starts_a_new_one_by_itself(
    world: World, redis: Redis
) -> None:
    pool = await world.customer()
    await world.acquire(1)
    await world.until(pool, lambda it: it["status"]["used"] == 1)
    backup = {key: await redis.dump(key) or b"" for key in await redis.keys("sw:*")}
    await world.acquire(2)
    await world.until(pool, lambda it: it["status"]["used"] == 2)
    for key, value in backup.items():
        await redis.restore(key, 0, value, replace=True)

    found = await world.until(pool, lambda it: it["status"]["epoch"] == 2)
    assert found["status"]["capacity"] == 5


@pytest.fixture
async def mortal_world(idle_world: World) -> AsyncIterator[tuple[World, Valkey]]:
    """A world whose Valkey is its own and may die."""
    async with valkey_server(ValkeyOptions(append_only=True)) as valkey:
        shared = idle_world.seats
        idle_world.redis_url = valkey.url
        idle_world.durability = Durability(fsync=True)
        idle_world.seats = RedisSeatAuthority.connect(
            valkey.url, time_limit_seconds=5, durability=idle_world.durability
        )
        try:
            yield idle_world, valkey
        finally:
            await idle_world.stop_operator()
            await idle_world.seats.close()
            idle_world.seats = shared


async def test_redis_away_is_shown_and_heals_at_once_with_all_leases(
    mortal_world: tuple[World, Valkey],
) -> None:
    world, valkey = mortal_world
    await world.start_operator()
    pool = await world.customer()
    grant = await world.acquire(1)
    valkey.kill()
    found = await world.until_reason(pool, "RedisUnavailable")
    assert condition(found, "RedisReady")["status"] == "False"
    assert found["status"]["capacity"] == 5

    await valkey.start()
    found = await world.until_ready(pool)
    assert found["status"]["epoch"] == 1
    again = await world.acquire(1)
    assert isinstance(grant, Grant)
    assert isinstance(again, Grant)
    assert (again.code, again.fence) == (Code.EXISTING, grant.fence)


async def test_deletion_waits_for_redis_and_says_so(mortal_world: tuple[World, Valkey]) -> None:
    world, valkey = mortal_world
    await world.start_operator()
    pool = await world.customer()
    valkey.kill()
    await world.delete(pool)
    await world.until_reason(pool, "DeletionBlockedByRedis")

    await valkey.start()
    await world.until_gone(pool)
    async with Redis.from_url(world.redis_url) as redis:
        assert await keys_of_pools(redis) == []


async def test_deletion_does_not_wait_for_ever(mortal_world: tuple[World, Valkey]) -> None:
    world, valkey = mortal_world
    world.deletion_patience = timedelta(seconds=1)
    await world.start_operator()
    pool = await world.customer()
    valkey.kill()
    await world.delete(pool)

    await world.until_gone(pool)
    events = await world.cluster.kubectl("get", "events", "-n", world.namespace, "-o", "wide")
    assert "DeletionBlockedByRedis" in events


async def test_trouble_and_its_end_are_events_and_becoming_ready_is_none(world: World) -> None:
    pool = await world.customer()
    await world.patch_spec(ObjectKey(Kind.TENANT, world.namespace, "acme"), access="Suspended")
    await world.until_reason(pool, "TenantSuspended")
    await world.patch_spec(ObjectKey(Kind.TENANT, world.namespace, "acme"), access="Active")
    await world.until_ready(pool)
    await asyncio.sleep(0.2)

    path = f"/apis/events.k8s.io/v1/namespaces/{world.namespace}/events"
    told = [
        (event["type"], event["reason"])
        async for event in world.api.list(path)
        if event["regarding"]["kind"] == "SeatPool"
    ]
    assert sorted(told) == [("Normal", "Succeeded"), ("Warning", "TenantSuspended")]
