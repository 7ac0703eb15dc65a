"""Doors and trust in a real Redis."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from seatwarden.backends.authority import AuthorityUnavailable, StaleTerm
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.backends.redis_identities import RedisIdentities
from seatwarden.domain.seats import PoolUid
from seatwarden.domain.trust import Door
from tests.identity_tokens import TestIssuer

TRUST = (TestIssuer().trusted("job-*"),)
DOOR = Door(PoolUid("pool-1"), "tenant-1")


@pytest.fixture
async def identities(redis_url: str) -> AsyncIterator[RedisIdentities]:
    authority = RedisSeatAuthority.connect(redis_url, time_limit_seconds=10)
    yield authority.identities()
    await authority.close()


async def test_what_nobody_said_is_nothing(identities: RedisIdentities) -> None:
    assert await identities.door("team-a", "dev") is None
    assert await identities.trust("tenant-1") == ()


async def test_what_was_said_is_read_back_and_forgotten(identities: RedisIdentities, redis: Redis) -> None:
    await identities.open_door("team-a", "dev", DOOR, term=1)
    assert await identities.say_trust("tenant-1", TRUST, term=1)

    assert await identities.door("team-a", "dev") == DOOR
    assert await identities.door("team-b", "dev") is None
    assert await identities.trust("tenant-1") == TRUST
    assert await identities.trust("tenant-2") == ()

    await identities.close_door("team-a", "dev", term=1)
    assert await identities.say_trust("tenant-1", (), term=1)
    assert not await identities.say_trust("tenant-1", (), term=1)
    assert await redis.keys() == []


async def test_saying_the_same_again_is_no_write(identities: RedisIdentities, redis: Redis) -> None:
    assert await identities.say_trust("tenant-1", TRUST, term=1)
    writes = (await redis.info("persistence"))["rdb_changes_since_last_save"]

    assert not await identities.say_trust("tenant-1", TRUST, term=1)
    assert (await redis.info("persistence"))["rdb_changes_since_last_save"] == writes


async def test_a_leader_that_was_replaced_brings_nothing_back(identities: RedisIdentities) -> None:
    await identities.say_trust("tenant-1", (TestIssuer().trusted("job-1", "job-2"),), term=1)
    assert not await identities.say_trust("tenant-1", (TestIssuer().trusted("job-1", "job-2"),), term=2)
    await identities.say_trust("tenant-1", TRUST, term=2)

    with pytest.raises(StaleTerm) as caught:
        await identities.say_trust("tenant-1", (), term=1)
    assert caught.value.held == 2
    assert await identities.trust("tenant-1") == TRUST


async def test_a_new_leader_fences_off_the_one_before_also_where_nothing_changes(
    identities: RedisIdentities,
) -> None:
    await identities.open_door("team-a", "dev", DOOR, term=1)
    await identities.open_door("team-a", "dev", DOOR, term=2)
    with pytest.raises(StaleTerm):
        await identities.close_door("team-a", "dev", term=1)


async def test_a_redis_that_is_away_is_told() -> None:
    authority = RedisSeatAuthority.connect("redis://127.0.0.1:1/0", time_limit_seconds=0.5)
    with pytest.raises(AuthorityUnavailable):
        await authority.identities().trust("tenant-1")
    await authority.close()
