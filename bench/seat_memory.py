"""What a lease and a pool cost in Redis, by MEMORY USAGE over their keys."""

from redis.asyncio import Redis

from bench.rows import Row
from bench.seats_world import World, new_pool
from seatwarden.backends.redis_keys import all_pool_keys

MOST_BYTES_PER_LEASE = 260


async def memory_rows(world: World, leases: int) -> list[Row]:
    """A pool with that many leases, and one that nobody has asked yet."""
    idle = await new_pool(world.authority, seats=10)
    large = await new_pool(world.authority, seats=leases)
    async with Redis.from_url(world.redis_url, socket_timeout=600) as client:

        async def used(key: str) -> int:
            return await client.memory_usage(key, samples=0) or 0

        idle_bytes = sum([await used(key) for key in all_pool_keys(idle.uid)])
        before = (await client.info("memory"))["used_memory"]
        await large.seats(leases)
        grown = (await client.info("memory"))["used_memory"] - before
        keys = all_pool_keys(large.uid)
        ledger = await used(keys.ledger)
        live = sum([await used(key) for key in keys if key != keys.ledger])
        await large.authority.remove(large.uid)
    return [
        Row(
            name="memory_per_lease",
            value=live / leases,
            unit="bytes",
            reference=MOST_BYTES_PER_LEASE,
        ),
        Row(name="memory_per_ledger_entry", value=ledger / leases, unit="bytes"),
        Row(name="memory_growth_per_lease", value=grown / leases, unit="bytes"),
        Row(name="memory_of_an_idle_pool", value=idle_bytes, unit="bytes"),
    ]
