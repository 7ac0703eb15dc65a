"""What an admin sees of a pool's policies with `kubectl` alone."""

import asyncio
from typing import Any

from seatwarden.domain.seats import Beat, Code, Grant, Refusal
from seatwarden.reconcilers.engine import ObjectKey
from tests.operator.world import World, condition, holder


async def test_overage_is_counted_and_told_from_its_beginning_to_its_end(world: World) -> None:
    pool = await world.customer()
    await _set(world, pool, overage={"seats": 1})
    seats = (await world.get(pool))["spec"]["seats"]
    grants = [await world.acquire(number) for number in range(seats + 1)]
    assert [isinstance(grant, Grant) and grant.overage for grant in grants] == [False] * seats + [True]
    assert isinstance(await world.acquire(99), Refusal)

    found = await world.until(pool, lambda it: it["status"].get("overage") == 1)
    assert condition(found, "Overage")["reason"] == "OverageInUse"
    assert not condition(found, "OverCapacity")
    assert condition(found, "Ready")["status"] == "True"

    await _release(world, grants[0])
    await world.until(pool, lambda it: it["status"]["overage"] == 0 and not condition(it, "Overage"))
    await world.until_told("OverageInUse", "OverageEnded")


async def test_the_seats_of_each_group_are_shown_and_what_is_reserved_is_kept(world: World) -> None:
    pool = await world.customer()
    seats = (await world.get(pool))["spec"]["seats"]
    await _set(world, pool, groups=[{"name": "render", "reserved": 1}, {"name": "guests", "limit": 0}])
    for number in range(seats - 1):
        assert isinstance(await world.acquire(number), Grant)
    assert (await world.acquire(50)).code is Code.RESERVED
    assert (await world.acquire(51, group="guests")).code is Code.GROUP_LIMIT
    assert (await world.acquire(52, group="render")).code is Code.GRANTED

    shown = [{"name": "render", "used": 1}, {"name": "guests", "used": 0}]
    await world.until(pool, lambda it: it["status"].get("groups") == shown)


async def test_the_length_of_the_queue_is_shown(world: World) -> None:
    pool = await world.customer()
    seats = (await world.get(pool))["spec"]["seats"]
    await _set(world, pool, queue={"size": 5, "claimWindow": "10m"})
    for number in range(seats):
        await world.acquire(number)
    for number in (50, 51):
        assert (await world.acquire(number, would_wait=True)).code is Code.QUEUED
    await world.until(pool, lambda it: it["status"].get("queued") == 2)


async def test_a_drained_pool_says_so_when_the_last_seat_came_back(world: World) -> None:
    pool = await world.customer()
    grant = await world.acquire(1)
    await _set(world, pool, drain=True)
    found = await world.until(pool, lambda it: bool(condition(it, "Draining")) and it["status"]["used"] == 1)
    assert condition(found, "Draining")["reason"] == "Draining"
    assert (await world.acquire(2)).code is Code.DRAINING

    await _release(world, grant)
    await world.until(pool, lambda it: condition(it, "Draining")["reason"] == "Drained")
    await world.until_told("Drained")

    await _set(world, pool, drain=False)
    await world.until(pool, lambda it: not condition(it, "Draining"))
    assert isinstance(await world.acquire(2), Grant)


async def test_an_eviction_is_told_with_its_deadline_and_kept_to_it(world: World) -> None:
    pool = await world.customer()
    await _set(world, pool, onShrink="Evict", evictAfter="3s")
    grants = [await world.acquire(number) for number in range(5)]
    await _set(world, pool, seats=3)
    told = asyncio.get_running_loop().time()
    found = await world.until(
        pool, lambda it: condition(it, "OverCapacity").get("reason") == "EvictionPending"
    )
    assert "until 2 more came back" in condition(found, "OverCapacity")["message"]
    assert found["status"]["used"] == 5

    found = await world.until(pool, lambda it: it["status"]["used"] == 3)
    assert 1.5 < asyncio.get_running_loop().time() - told < 8
    assert found["status"]["evicted"] == 2
    assert not condition(found, "OverCapacity")
    assert await _beat(world, grants) == [Code.EVICTED] * 2 + [Code.OK] * 3
    await world.until_told("EvictionPending", "LeasesEvicted")


async def test_the_deadline_of_an_eviction_survives_the_operator(world: World) -> None:
    pool = await world.customer()
    await _set(world, pool, onShrink="Evict", evictAfter="4s")
    grants = [await world.acquire(number) for number in range(5)]
    await _set(world, pool, seats=4)
    began = asyncio.get_running_loop().time()
    await asyncio.sleep(1.5)
    await world.stop_operator()
    await world.start_operator()
    await world.until(pool, lambda it: it["status"]["used"] == 4)
    assert asyncio.get_running_loop().time() - began < 9
    assert await _beat(world, grants) == [Code.EVICTED] + [Code.OK] * 4


async def test_a_seat_that_lingers_counts_and_comes_back_to_its_holder_alone(world: World) -> None:
    pool = await world.customer()
    await _set(world, pool, linger="1h")
    grants = [await world.acquire(number) for number in range(5)]
    await _release(world, grants[0])
    assert (await world.acquire(99)).code is Code.POOL_EXHAUSTED
    await world.until(pool, lambda it: it["status"]["used"] == 5)
    again = await world.acquire(0)
    assert isinstance(again, Grant)
    assert again.taken_over


async def test_a_pool_in_shadow_mode_counts_what_it_would_have_refused(world: World) -> None:
    pool = await world.customer()
    await _set(world, pool, mode="Shadow")
    seats = (await world.get(pool))["spec"]["seats"]
    for number in range(seats + 2):
        assert isinstance(await world.acquire(number), Grant)

    found = await world.until(pool, lambda it: it["status"].get("wouldDeny") == 2)
    assert found["status"]["used"] == seats + 2
    assert "2 grants would have been refused" in condition(found, "ShadowMode")["message"]
    assert not condition(found, "OverCapacity")

    await _set(world, pool, mode="Enforce")
    found = await world.until(pool, lambda it: bool(condition(it, "OverCapacity")))
    assert not condition(found, "ShadowMode")


async def test_overage_of_one_pool_takes_no_seat_from_its_sibling(world: World) -> None:
    first = await world.customer()
    await _set(world, first, seats=3, overage={"seats": 2})
    for number in range(5):
        assert isinstance(await world.acquire(number), Grant)
    second = await world.younger_pool("second", than=first, seats=2)
    assert (await world.until_ready(second))["status"]["capacity"] == 2


async def test_programs_of_another_version_are_refused_and_counted(world: World) -> None:
    pool = await world.customer()
    await _set(world, pool, versions={"minimum": "4.2", "maximum": "4"})
    assert isinstance(await world.acquire(1, client_version="4.9.1"), Grant)
    for number, version in enumerate(("5.0.0", "4.2.0-rc.1", "")):
        assert (await world.acquire(number + 2, client_version=version)).code is Code.VERSION_BLOCKED
    await world.until(pool, lambda it: it["status"]["refused"]["version"] == 3)

    await _set(world, pool, versions=None)
    assert isinstance(await world.acquire(2, client_version="5.0.0"), Grant)


async def test_who_asks_too_often_is_refused_and_counted(world: World) -> None:
    pool = await world.customer()
    await _set(world, pool, limits={"acquiresPerMinute": {"perHolder": 1}})
    assert isinstance(await world.acquire(1), Grant)
    assert [(await world.acquire(1)).code for _ in range(2)] == [Code.RATE_LIMITED] * 2
    assert isinstance(await world.acquire(2), Grant)
    await world.until(pool, lambda it: it["status"]["refused"]["rate"] == 2)

    await _set(world, pool, limits=None)
    assert (await world.acquire(1)).code is Code.EXISTING


async def test_devices_are_counted_and_one_is_removed_by_annotation(world: World) -> None:
    pool = await world.customer()
    await _set(world, pool, limits={"devices": 1, "deviceCooldown": "720h"})
    await world.until(pool, lambda it: it["status"]["devices"] == {"registered": 0, "limit": 1})
    grant = await world.acquire(1)
    assert (await world.acquire(2)).code is Code.DEVICE_LIMIT
    await world.until(
        pool,
        lambda it: it["status"]["devices"]["registered"] == 1 and it["status"]["refused"]["device"] == 1,
    )

    await _ask_for_removal(world, pool, "no holder")
    await _ask_for_removal(world, pool, f"{holder(1)[:12]}@while it holds a seat")
    assert (await world.acquire(1)).code is Code.EXISTING
    await world.until_told("DeviceNotRemoved")

    await _release(world, grant)
    await _ask_for_removal(world, pool, f"{holder(1)[:12]}@now")
    await world.until_told("DeviceRemoved")
    assert isinstance(await world.acquire(2), Grant)


async def _ask_for_removal(world: World, pool: ObjectKey, request: str) -> None:
    await world.annotate(pool, "seatwarden.dev/remove-device-requested", request)
    await world.until(pool, lambda it: it["status"].get("lastHandledRemoveDevice") == request)


async def _set(world: World, pool: ObjectKey, **spec: Any) -> None:
    await world.patch_spec(pool, **spec)
    await world.until(pool, lambda it: it["status"]["observedGeneration"] == it["metadata"]["generation"])


async def _release(world: World, grant: Grant | Refusal) -> None:
    assert isinstance(grant, Grant)
    key = await world.licence_key()
    await world.seats.release(key.pool, key.sha256, Beat(lease_id=grant.lease_id, fence=grant.fence))


async def _beat(world: World, grants: list[Grant | Refusal]) -> list[Code]:
    key = await world.licence_key()
    beats = [Beat(lease_id=grant.lease_id, fence=grant.fence) for grant in grants if isinstance(grant, Grant)]
    return [verdict.code for verdict in await world.seats.heartbeat(key.pool, key.sha256, beats)]
