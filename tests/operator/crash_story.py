"""The life of a customer from its first manifest to its last, told while operators die and are started again."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
from redis.asyncio import Redis

from seatwarden.domain.licence_key import LicenceKey
from seatwarden.domain.seats import Code, Grant, PoolUid
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.paths import collection_path, secret_path
from seatwarden.resources.names import OWNER_UID, RETAINED, Kind
from tests.operator.world import Body, World, is_ready

SEATS = 5


@dataclass(slots=True)
class Story:
    """One telling. ``held`` is what all pools together held after each change of one."""

    world: World
    redis: Redis
    held: list[int] = field(default_factory=list)
    _began: str = ""
    _uids: set[PoolUid] = field(default_factory=set)
    _keys: dict[str, LicenceKey] = field(default_factory=dict)

    async def tell(self) -> None:
        """Create, resize and delete. After each step all is as it should be, however often the operator died in it."""
        world = self.world
        self._began = await self._version()
        tenant = await world.tenant()
        await world.until_ready(tenant)
        subscription = await world.subscription(seats=SEATS)
        one = await world.pool("one", seats=3)
        await self._settled({one: 3})
        two = await world.pool("two", seats=2)
        await self._settled({one: 3, two: 2})
        grant = await self._take_a_seat("one")

        await asyncio.gather(world.patch_spec(one, seats=1), world.patch_spec(two, seats=4))
        await self._settled({one: 1, two: 4})
        assert (await self._take_a_seat("one")).fence == grant.fence

        await world.delete(one)
        await world.until_gone(one)
        await self._settled({two: 4})
        await self._take_a_seat("two")
        await self._is_forgotten("one")

        await world.delete(tenant)
        await world.until_gone(tenant)
        await world.until_reason(two, "TenantNotFound")
        assert (await world.acquire(2, "two")).code is Code.SUSPENDED

        await world.delete(two)
        await world.until_gone(two)
        await self._is_forgotten("two")
        await world.delete(subscription)
        await world.until_gone(subscription)
        assert max(self.held) <= SEATS, self.held
        await self._one_key_each_was_ever_published()

    async def witness(self, pool: PoolUid) -> None:
        """Add up what all pools hold now: each the larger of its cap and its leases."""
        self._uids.add(pool)
        seen = await self.world.seats.observe(list(self._uids))
        self.held.append(sum(max(it.capacity, it.live) for it in seen if it is not None))

    async def _settled(self, pools: Mapping[ObjectKey, int]) -> None:
        """All is Ready and has been added up, the pools have these seats, and there is one Secret for each."""
        world = self.world
        for pool, seats in pools.items():
            found = await world.until_ready(pool)
            assert (found["status"]["capacity"], found["status"]["epoch"]) == (seats, 1)
        used = await self._seats_in_use()
        subscription = ObjectKey(Kind.SUBSCRIPTION, world.namespace, "team")
        tenant = ObjectKey(Kind.TENANT, world.namespace, "acme")
        sums = {"pools": len(pools), "allocatedSeats": sum(pools.values()), "seatsInUse": used}
        await world.until(subscription, lambda it: is_ready(it) and sums.items() <= it["status"].items())
        wanted = {"subscriptions": 1, "seats": SEATS, "seatsInUse": used}
        await world.until(tenant, lambda it: is_ready(it) and wanted.items() <= it["status"].items())
        await self._one_secret_each([tenant, *pools])

    async def _seats_in_use(self) -> int:
        seen = await self.world.seats.observe(list(self._uids))
        return sum(it.live for it in seen if it is not None)

    async def _one_secret_each(self, owners: list[ObjectKey]) -> None:
        uids = {(await self.world.get(owner))["metadata"]["uid"] for owner in owners}
        made_for = [
            secret["metadata"]["annotations"][OWNER_UID]
            async for secret in self.world.api.list(secret_path(self.world.namespace))
        ]
        assert sorted(uid for uid in made_for if uid in uids) == sorted(uids)

    async def _take_a_seat(self, pool: str) -> Grant:
        key = await self.world.licence_key(pool)
        assert self._keys.setdefault(pool, key) == key
        grant = await self.world.acquire(1, pool)
        assert isinstance(grant, Grant), grant
        return grant

    async def _is_forgotten(self, pool: str) -> None:
        left = [key async for key in self.redis.scan_iter(match=f"sw:{{{self._keys[pool].pool}}}:*")]
        assert left == []

    async def _one_key_each_was_ever_published(self) -> None:
        """As the API server remembers it: every status that there ever was."""
        kids = {
            key["kid"]
            for tenant in await self._history(Kind.TENANT)
            for key in tenant["status"]["signingKeys"]
        }
        secret = await self.world.secret("acme-root-key")
        assert [field.split(".")[1] for field in secret["data"]] == list(kids)
        assert secret["metadata"]["labels"][RETAINED] == "true"
        assert not secret["metadata"].get("ownerReferences")
        published = {
            (pool["metadata"]["name"], pool["status"]["licenceKeyID"], pool["status"]["epoch"])
            for pool in await self._history(Kind.SEAT_POOL)
            if "epoch" in pool["status"]
        }
        assert published == {(name, key.key_id, 1) for name, key in self._keys.items()}

    async def _history(self, kind: Kind) -> list[Body]:
        """Every state with a status, of every object of the kind, of which none is left."""
        path = f"{collection_path(kind, self.world.namespace)}?watch=1&resourceVersion={self._began}"
        states: list[Body] = []
        alive: set[str] = set()
        async with self.world.cluster.session() as session, session.get(path) as stream:
            async for line in stream.content:
                event: Body = orjson.loads(line)
                assert event["type"] != "ERROR", event
                states.append(event["object"])
                uid = event["object"]["metadata"]["uid"]
                alive = alive - {uid} if event["type"] == "DELETED" else alive | {uid}
                if not alive:
                    break
        return [state for state in states if "observedGeneration" in state.get("status", {})]

    async def _version(self) -> str:
        """The newest resourceVersion there is."""
        async with (
            self.world.cluster.session() as session,
            session.get("/api/v1/namespaces?limit=1") as answer,
        ):
            return str((await answer.json())["metadata"]["resourceVersion"])
