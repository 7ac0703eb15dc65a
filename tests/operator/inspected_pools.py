"""The pools of the page ``docs/inspecting.md``: what has happened to each before `kubectl` looks at it."""

from collections.abc import Awaitable, Callable

from redis.asyncio import Redis

from seatwarden.domain.borrowing import Borrow
from seatwarden.domain.seats import AcquireRequest, Beat, Code, Grant, Millis
from seatwarden.reconcilers.engine import ObjectKey
from tests.operator.world import World, condition, holder, is_ready

Scene = Callable[[World, Redis], Awaitable[None]]
SCENES: dict[str, Scene] = {}


def scene(heading: str) -> Callable[[Scene], Scene]:
    """What has happened before the commands under ``heading`` are typed."""

    def register(told: Scene) -> Scene:
        SCENES[heading] = told
        return told

    return register


async def _customer(world: World) -> ObjectKey:
    """As `World.customer`, but each resource comes when the one above it is Ready: so all have the same Events each time."""
    await world.until_ready(await world.tenant())
    await world.until_ready(await world.subscription())
    pool = await world.pool()
    await world.until_ready(pool)
    return pool


async def _taken(world: World, count: int, *, begin: int = 0, group: str = "") -> list[Grant]:
    answers = [await world.acquire(number, group=group) for number in range(begin, begin + count)]
    assert all(isinstance(answer, Grant) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, Grant)]


async def _set(world: World, pool: ObjectKey, **spec: object) -> None:
    await world.patch_spec(pool, **spec)
    await world.until(pool, lambda it: it["status"]["observedGeneration"] == it["metadata"]["generation"])


@scene("More seats are held than there are, by permission")
async def _overage(world: World, _: Redis) -> None:
    pool = await _customer(world)
    await _set(world, pool, overage={"seats": 3})
    await _taken(world, 5)
    # In one step, as the Event tells how many there were when it began.
    assert isinstance(await world.acquire(5, quantity=2), Grant)
    await world.until(pool, lambda it: it["status"].get("overage") == 2)


@scene("More seats are held than there are, after a shrink")
async def _shrunk(world: World, _: Redis) -> None:
    pool = await _customer(world)
    await _taken(world, 5)
    await _set(world, pool, seats=3)
    await world.until(pool, lambda it: it["status"]["used"] == 5 and bool(condition(it, "OverCapacity")))


@scene("A pool runs empty")
async def _draining(world: World, _: Redis) -> None:
    pool = await _customer(world)
    await _taken(world, 2)
    await _set(world, pool, drain=True)
    await world.until(pool, lambda it: it["status"]["used"] == 2 and bool(condition(it, "Draining")))


@scene("A number of seats is tried out")
async def _shadow(world: World, _: Redis) -> None:
    pool = await _customer(world)
    await _set(world, pool, mode="Shadow")
    await _taken(world, 8)
    await world.until(pool, lambda it: it["status"].get("wouldDeny") == 3)


@scene("Programs wait")
async def _queue(world: World, _: Redis) -> None:
    pool = await _customer(world)
    await _set(world, pool, queue={"size": 10, "claimWindow": "10m"})
    await _taken(world, 5)
    for number in (50, 51):
        assert (await world.acquire(number, would_wait=True)).code is Code.QUEUED
    await world.until(pool, lambda it: it["status"].get("queued") == 2)


@scene("Groups share a pool")
async def _groups(world: World, _: Redis) -> None:
    pool = await _customer(world)
    await _set(world, pool, groups=[{"name": "render", "reserved": 2}, {"name": "guests", "limit": 1}])
    await _taken(world, 2)
    await _taken(world, 1, begin=10, group="guests")
    assert (await world.acquire(50)).code is Code.RESERVED
    assert (await world.acquire(51, group="guests")).code is Code.GROUP_LIMIT
    # A refusal alone is not worth a write of the status: it is told with the next thing that is, here a seat that comes and goes.
    passing = (await _taken(world, 1, begin=20, group="render"))[0]
    await world.until(pool, lambda it: it["status"]["used"] == 4)
    key = await world.licence_key()
    await world.seats.release(key.pool, key.sha256, Beat(lease_id=passing.lease_id, fence=passing.fence))
    await world.until(pool, lambda it: it["status"]["used"] == 3)
    await world.until(pool, lambda it: it["status"].get("groups", [{}])[-1].get("used") == 1)


@scene("Programs are refused for another reason")
async def _gates(world: World, _: Redis) -> None:
    pool = await _customer(world)
    limits = {"devices": 2, "acquiresPerMinute": {"perHolder": 2}}
    await _set(world, pool, versions={"minimum": "4.2"}, limits=limits)
    for number, version in ((1, "4.2"), (2, "4.3"), (1, "4.2")):
        assert isinstance(await world.acquire(number, client_version=version), Grant)
    assert (await world.acquire(1, client_version="4.2")).code is Code.RATE_LIMITED
    assert (await world.acquire(3, client_version="4.2")).code is Code.DEVICE_LIMIT
    for number in (4, 5):
        assert (await world.acquire(number, client_version="4.1.9")).code is Code.VERSION_BLOCKED
    told = {"version": 2, "rate": 1, "device": 1, "borrow": 0}
    await world.until(pool, lambda it: it["status"]["refused"] == told)


@scene("A licence key was replaced, and somebody still has the old one")
async def _keys(world: World, _: Redis) -> None:
    pool = await _customer(world)
    await _taken(world, 3)
    before = await world.licence_key()
    await world.annotate(pool, "seatwarden.dev/rotate-licence-key-requested-at", "2026-11-24")
    await world.until(pool, lambda it: len(it["status"]["licenceKeys"]) == 2)
    await _taken(world, 1, begin=3)
    for number in (70, 71, 72):
        await world.seats.acquire(before.pool, AcquireRequest(key_hash=before.sha256, holder=holder(number)))
    used = [(1, 0), (4, 2)]
    await world.until(
        pool, lambda it: [(key["granted"], key["denied"]) for key in it["status"]["licenceKeys"]] == used
    )


@scene("Seats are borrowed")
async def _borrowed(world: World, _: Redis) -> None:
    pool = await _customer(world)
    await _set(world, pool, borrow={"maxSeats": 2, "maxDuration": "720h"})
    grant, key = (await _taken(world, 2))[0], await world.licence_key()
    beat = Beat(lease_id=grant.lease_id, fence=grant.fence)
    answer = await world.seats.borrow(key.pool, key.sha256, beat, Millis(48 * 3_600_000))
    assert isinstance(answer, Borrow), answer
    await world.until(pool, lambda it: it["status"].get("borrowed") == 1 and bool(it["status"]["borrows"]))


@scene("Redis has lost something")
async def _recovering(world: World, redis: Redis) -> None:
    pool = await _customer(world)
    await _taken(world, 2)
    await world.until(pool, lambda it: it["status"].get("peak") == 2)
    await redis.flushdb()
    await world.annotate(pool, "seatwarden.dev/reconcile-requested-at", "2026-11-24")
    await world.until_reason(pool, "Recovering")


@scene("There are too few seats left")
async def _awaiting(world: World, _: Redis) -> None:
    first = await _customer(world)
    await _set(world, first, seats=4)
    second = await world.younger_pool("nightly", than=first, seats=3)
    await world.until(second, lambda it: condition(it).get("reason") == "AwaitingCapacity")


@scene("A Tenant trusts tokens")
async def _identity(world: World, _: Redis) -> None:
    issuer = {"issuer": "https://issuer.invalid", "audience": "seatwarden", "subjects": ["repo:acme/*"]}
    cluster = {"subjects": ["system:serviceaccount:customers:render"]}
    tenant = await world.tenant(identity={"cluster": cluster, "issuers": [issuer]})
    await world.until(tenant, lambda it: bool(condition(it, "IdentityReady")) and not is_ready(it))
