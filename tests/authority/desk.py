"""A pool in a real Redis, and short words for what the tests do to it."""

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis

from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.backends.redis_keys import AllPoolKeys, PoolKeys, all_pool_keys
from seatwarden.backends.redis_scripts import ARRIVE
from seatwarden.backends.redis_wire import Loss, arrive_arguments, read_arrival
from seatwarden.domain.seats import (
    AcquireRequest,
    Arrival,
    Beat,
    BeatVerdict,
    Code,
    Configured,
    Fence,
    Grant,
    Millis,
    Outage,
    PoolConfig,
    PoolCounts,
    PoolUid,
    Refusal,
)
from tests.domain.objects import pool_config

KEY = hashlib.sha256(b"a licence key").hexdigest()
HOUR = Millis(3_600_000)
NO_POLICIES: dict[str, Any] = {
    "overage": 0,
    "drain": False,
    "shadow": False,
    "version_min": "",
    "version_max": "",
    "rate_key": 0,
    "rate_holder": 0,
    "queue_size": 0,
    "device_limit": 0,
    "groups": {},
    "only_groups": False,
    "holder_limit": None,
    "borrow_seats": 0,
    "evict_after": None,
    "ends_at_once": False,
    "linger": Millis(0),
}
"""What a pool has that gives each free seat to who asks first."""
TOLD = Millis(HOUR - 1)
"""A lease of an hour as its holder is told: the authority's clock is rounded down by up to a millisecond."""


def holder(number: int) -> str:
    """The hardware id of machine ``number``."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def beat_of(grant: Grant) -> Beat:
    """What the client that got ``grant`` says to keep it."""
    return Beat(lease_id=grant.lease_id, fence=grant.fence)


def new_config(**changes: Any) -> PoolConfig:
    """An active pool of two seats with leases of an hour, but for ``changes``."""
    usual: dict[str, Any] = {
        "capacity": 2,
        "lease": HOUR,
        "heartbeat": Millis(20_000),
        "key_ids": {KEY: KEY[:10]},
        "document": '{"plan":"team"}',
    }
    return pool_config(**(usual | changes))


@dataclass(kw_only=True)
class Desk:
    """One pool, its authority, and a client of its own that looks at Redis from the side."""

    authority: RedisSeatAuthority
    redis: Redis
    pool: PoolUid = field(default_factory=lambda: PoolUid(str(uuid4())))
    config: PoolConfig = field(default_factory=new_config)
    term: int = 1

    @property
    def keys(self) -> AllPoolKeys:
        return all_pool_keys(self.pool)

    async def configure(self, **changes: Any) -> Configured:
        self.config = replace(self.config, **changes)
        return await self.authority.configure(self.pool, self.config, term=self.term)

    async def ask(self, number: int, *, nonce: str = "", **details: Any) -> Grant | Refusal:
        request = AcquireRequest(**({"key_hash": KEY, "holder": holder(number), "nonce": nonce} | details))
        return await self.authority.acquire(self.pool, request)

    async def seat(self, number: int, *, nonce: str = "", **details: Any) -> Grant:
        answer = await self.ask(number, nonce=nonce, **details)
        assert isinstance(answer, Grant), answer
        return answer

    async def refusal(self, number: int, **details: Any) -> Refusal:
        answer = await self.ask(number, **details)
        assert isinstance(answer, Refusal), answer
        return answer

    async def beat(self, grant: Grant, *, fence: int | None = None) -> BeatVerdict:
        beat = Beat(lease_id=grant.lease_id, fence=grant.fence if fence is None else Fence(fence))
        [verdict] = await self.authority.heartbeat(self.pool, KEY, [beat])
        return verdict

    async def release(self, grant: Grant) -> Code:
        return (await self.authority.release(self.pool, KEY, beat_of(grant))).code

    def beat_of(self, grant: Grant) -> Beat:
        return beat_of(grant)

    async def arrive(self, run: str, *outages: Outage, loss: Loss = Loss.IMPOSSIBLE) -> Arrival:
        """Tell the pool that its callers are on server ``run`` now, and of ``outages``."""
        arguments = arrive_arguments(run, outages, loss)
        keys = PoolKeys(*self.keys[: len(PoolKeys._fields)])
        reply: Any = await self.redis.eval(ARRIVE.text, len(keys), *keys, *arguments)
        return read_arrival(reply)

    async def sweep(self) -> PoolCounts:
        [counts] = await self.authority.sweep([self.pool])
        assert counts is not None
        return counts

    async def live(self) -> int:
        [seen] = await self.authority.observe([self.pool])
        assert seen is not None
        return seen.live

    async def run_id(self) -> str:
        """By what the server tells this start from another one."""
        return str((await self.redis.info("server"))["run_id"])

    async def now(self) -> int:
        seconds, micros = await self.redis.time()
        return int(seconds) * 1000 + int(micros) // 1000

    async def until(self, instant: int) -> None:
        """Return as soon as Redis's clock shows ``instant``."""
        left = instant - await self.now()
        if left > 0:
            await asyncio.sleep(left / 1000)
            await self.until(instant)

    async def expiry(self, grant: Grant) -> int:
        score = await self.redis.zscore(self.keys.expiry, bytes.fromhex(grant.lease_id))
        assert score is not None
        return int(score)

    async def run_out(self, *grants: Grant, ago: int = 0) -> int:
        """Let leases expire ``ago`` milliseconds before now by rewriting their expiry; return that instant."""
        instant = await self.now() - ago
        for grant in grants:
            await self.redis.zadd(
                self.keys.expiry, dict.fromkeys(await self.seats_of(grant), instant), xx=True
            )
        return instant

    async def seats_of(self, grant: Grant) -> list[bytes]:
        """The members of `expiry` that are seats of this lease."""
        lease = bytes.fromhex(grant.lease_id)
        first = [lease] if await self.redis.zscore(self.keys.expiry, lease) is not None else []
        if grant.quantity == 1:
            return first
        seats: Any = await self.redis.zrange(self.keys.expiry, 0, -1)
        return [seat for seat in seats if seat.startswith(lease)]

    async def expiries(self) -> set[int]:
        """When seats run out, each instant once."""
        seats: Any = await self.redis.zrange(self.keys.expiry, 0, -1, withscores=True)
        return {int(score) for _, score in seats}

    async def end_recovery(self, *, ago: int = 0) -> None:
        """Let the recovery window end ``ago`` milliseconds before now."""
        await self.redis.hset(self.keys.config, "recover_until", str(await self.now() - ago))

    async def ledger(self) -> list[dict[str, str]]:
        entries: Any = await self.redis.xrange(self.keys.ledger)
        return [{name.decode(): value.decode() for name, value in fields.items()} for _, fields in entries]

    async def events(self) -> list[str]:
        return [entry["event"] for entry in await self.ledger()]
