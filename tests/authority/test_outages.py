"""Redis flushed of its scripts, restarted, killed, frozen, full, or made a replica."""

import asyncio
import time

import pytest
from redis.asyncio import Redis

from seatwarden.backends.authority import AuthorityRecovering, AuthorityUnavailable
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.backends.redis_scripts import ALL_SCRIPTS
from seatwarden.domain.seats import AcquireRequest, Code, PoolUid
from seatwarden.local.valkey import Valkey, ValkeyOptions, valkey_server
from tests.authority.desk import KEY, Desk, holder


async def test_every_call_survives_a_flush_of_the_scripts(own_desk: Desk) -> None:
    desk = own_desk

    async def flush() -> None:
        await desk.redis.script_flush()

    grant = await desk.seat(1)
    await flush()
    assert (await desk.seat(1)).fence == grant.fence
    await flush()
    assert (await desk.beat(grant)).code is Code.OK
    await flush()
    assert (await desk.authority.validate(desk.pool, KEY)).code is Code.OK
    await flush()
    await desk.authority.sessions(desk.pool, KEY, limit=1, cursor=None)
    await flush()
    pools = [desk.pool, PoolUid("unknown"), desk.pool]
    assert [one is not None for one in await desk.authority.observe(pools)] == [True, False, True]
    await flush()
    assert [one is not None for one in await desk.authority.sweep(pools)] == [True, False, True]
    await flush()
    assert (await desk.configure(capacity=3)).changed
    await flush()
    assert await desk.release(grant) is Code.RELEASED
    await flush()
    await desk.authority.remove(desk.pool)


@pytest.mark.behaviour(10)
async def test_leases_and_fences_survive_a_kill_of_a_memory_server(
    own_desk: Desk, own_server: Valkey
) -> None:
    grant = await own_desk.seat(1)
    own_server.kill()
    with pytest.raises(AuthorityUnavailable, match="could not be asked"):
        await own_desk.beat(grant)
    await own_server.start()
    assert (await own_desk.beat(grant)).code is Code.OK
    assert (await own_desk.seat(2)).fence == grant.fence + 1


async def test_a_restart_between_two_calls_is_not_noticed(own_desk: Desk, own_server: Valkey) -> None:
    grant = await own_desk.seat(1)
    own_server.stop()
    await own_server.start()
    assert (await own_desk.seat(1)).fence == grant.fence


@pytest.mark.behaviour(11)
async def test_a_flushed_server_knows_no_pool(own_desk: Desk) -> None:
    grant = await own_desk.seat(1)
    await own_desk.redis.flushall()
    assert await own_desk.authority.observe([own_desk.pool]) == [None]
    with pytest.raises(AuthorityRecovering):
        await own_desk.beat(grant)
    assert not (await own_desk.configure(epoch=2)).existed
    await own_desk.end_recovery()
    assert (await own_desk.seat(1)).fence > grant.fence


async def test_ready_loads_what_is_missing_and_fails_without_redis(
    own_desk: Desk, own_server: Valkey
) -> None:
    await own_desk.redis.script_flush()
    await own_desk.authority.ready()
    assert (await own_desk.redis.info("memory"))["number_of_cached_scripts"] == len(ALL_SCRIPTS)
    own_server.kill()
    with pytest.raises(AuthorityUnavailable):
        await own_desk.authority.ready()


async def test_a_frozen_server_costs_no_more_than_the_time_limit_and_no_answer_is_mixed_up(
    own_desk: Desk, own_server: Valkey
) -> None:
    grant = await own_desk.seat(1)
    quick = RedisSeatAuthority.connect(own_server.url, time_limit_seconds=1)
    try:
        await quick.ready()
        await own_desk.redis.client_pause(5000)
        began = time.monotonic()
        for call in (quick.ready(), quick.observe([own_desk.pool])):
            with pytest.raises(AuthorityUnavailable, match=r"no answer within 1 s"):
                await call
        assert time.monotonic() - began < 4
        await own_desk.redis.client_unpause()
        for _ in range(40):
            [seen] = await quick.observe([own_desk.pool])
            assert seen is not None
            assert seen.live == 1
            assert (await quick.validate(own_desk.pool, KEY, lease_id=grant.lease_id)).code is Code.OK
    finally:
        await quick.close()


@pytest.mark.behaviour(4)
async def test_an_answer_lost_to_a_time_out_can_be_asked_for_again(
    own_desk: Desk, own_server: Valkey
) -> None:
    quick = RedisSeatAuthority.connect(own_server.url, time_limit_seconds=1)
    try:
        await quick.ready()
        await own_desk.redis.client_pause(3000)
        with pytest.raises(AuthorityUnavailable):
            await quick.acquire(own_desk.pool, AcquireRequest(key_hash=KEY, holder=holder(1)))
        assert (await own_desk.seat(1)).live == 1
        assert await own_desk.live() == 1
    finally:
        await quick.close()


async def test_a_full_server_takes_no_new_lease_but_keeps_and_ends_those_it_has(own_desk: Desk) -> None:
    kept, ended = await own_desk.seat(1), await own_desk.seat(2)
    await own_desk.configure(capacity=9)
    before = await own_desk.redis.hgetall(own_desk.keys.state)
    await own_desk.redis.config_set("maxmemory", "1")
    with pytest.raises(AuthorityUnavailable):
        await own_desk.seat(3)
    assert await own_desk.redis.hgetall(own_desk.keys.state) == before
    assert (await own_desk.beat(kept)).code is Code.OK
    assert await own_desk.release(ended) is Code.RELEASED
    await own_desk.sweep()
    await own_desk.redis.config_set("maxmemory", "0")
    assert (await own_desk.seat(3)).live == 2


async def test_a_server_that_became_a_replica_is_unavailable_for_changes(own_desk: Desk) -> None:
    grant = await own_desk.seat(1)
    await own_desk.redis.config_set("replica-serve-stale-data", "yes")
    await own_desk.redis.replicaof("127.0.0.1", "1")
    for call in (own_desk.seat(2), own_desk.beat(grant), own_desk.release(grant), own_desk.sweep()):
        with pytest.raises(AuthorityUnavailable):
            await call
    await own_desk.redis.replicaof("NO", "ONE")
    assert (await own_desk.beat(grant)).code is Code.OK


async def test_a_server_busy_with_an_endless_script_is_unavailable(
    own_desk: Desk, own_server: Valkey
) -> None:
    await own_desk.redis.config_set("busy-reply-threshold", "50")
    endless = Redis.from_url(own_server.url, protocol=2, socket_timeout=None)

    async def endless_script() -> None:
        await endless.register_script("while true do end")()

    running = asyncio.create_task(endless_script())
    try:
        while not running.done():
            try:
                await own_desk.seat(1)
            except AuthorityUnavailable:
                break
        assert not running.done()
    finally:
        killer = Redis.from_url(own_server.url, protocol=2)
        await killer.script_kill()
        await asyncio.wait([running])
        assert running.exception() is not None
        await killer.aclose()
        await endless.aclose()
    assert (await own_desk.seat(1)).live == 1


async def test_more_clients_than_connections_wait_their_turn(desk: Desk) -> None:
    await desk.configure(capacity=500)
    grants = await asyncio.gather(*(desk.seat(number) for number in range(300)))
    assert len({grant.fence for grant in grants}) == 300


async def test_a_wrong_password_is_unavailable_and_never_shown() -> None:
    async with valkey_server(ValkeyOptions(password="the-right-one")) as server:
        authority = RedisSeatAuthority.connect(f"redis://:hunter2secret@127.0.0.1:{server.port}/0")
        try:
            with pytest.raises(AuthorityUnavailable) as caught:
                await authority.ready()
            assert "hunter2secret" not in f"{caught.value!r} {caught.value.__cause__!r}"
        finally:
            await authority.close()
