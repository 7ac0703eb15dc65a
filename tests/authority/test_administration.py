"""What the operator tells the authority: configuration, terms of office, epochs, many pools, the end of a pool."""

import asyncio
from dataclasses import replace

import pytest

from seatwarden.backends.authority import AuthorityUnavailable, StaleTerm
from seatwarden.domain.seats import (
    AcquireRequest,
    Code,
    Configured,
    Grant,
    Millis,
    PoolState,
    PoolUid,
    SeatGroup,
)
from tests.authority.desk import KEY, Desk, holder, new_config


@pytest.mark.behaviour(23)
async def test_the_same_configuration_again_writes_nothing(desk: Desk) -> None:
    await desk.seat(1)
    before = [await desk.redis.dump(key) for key in desk.keys]
    assert await desk.configure() == Configured(changed=False, existed=True, epoch=1, live=1)
    assert [await desk.redis.dump(key) for key in desk.keys] == before


async def test_each_field_of_the_configuration_counts_as_a_change(desk: Desk) -> None:
    changes = {
        "tenant_uid": "another",
        "generation": 2,
        "epoch": 2,
        "state": PoolState.SUSPENDED,
        "capacity": 3,
        "lease": Millis(1000),
        "heartbeat": Millis(100),
        "signed_for": Millis(1),
        "valid_until": Millis(1),
        "key_ids": {KEY: "renamed"},
        "keys_die": {KEY: Millis(2**45)},
        "key_groups": {KEY: "a"},
        "document": "[]",
        "overage": 1,
        "drain": True,
        "shadow": True,
        "groups": {"a": SeatGroup(reserved=1, limit=2, members=frozenset({holder(1)}))},
        "only_groups": True,
        "queue_size": 3,
        "claim": Millis(5000),
        "holder_limit": 2,
        "borrow_seats": 2,
        "borrow_longest": Millis(9),
        "borrow_low_water": 1,
        "version_min": "4",
        "version_max": "4",
        "rate_key": 1,
        "rate_holder": 1,
        "device_limit": 1,
        "device_cooldown": Millis(1),
        "evict_after": Millis(0),
        "ends_at_once": True,
        "linger": Millis(1),
    }
    for name, value in changes.items():
        assert (await desk.configure(**{name: value})).changed, name
        [seen] = await desk.authority.observe([desk.pool])
        assert seen is not None
        assert seen.config_digest == desk.config.digest
    assert set(changes) == set(new_config().__dataclass_fields__)


@pytest.mark.behaviour(23)
async def test_configuring_touches_no_lease_and_no_count(desk: Desk) -> None:
    grant = await desk.seat(1)
    expiry = await desk.expiry(grant)
    leases = await desk.redis.hgetall(desk.keys.leases)
    done = await desk.configure(capacity=9, generation=2, document="{}")
    assert done == Configured(changed=True, existed=True, epoch=1, live=1)
    assert await desk.expiry(grant) == expiry
    assert await desk.redis.hgetall(desk.keys.leases) == leases
    assert (await desk.beat(grant)).code is Code.OK
    assert (await desk.sweep()).granted == 1


@pytest.mark.behaviour(26)
async def test_a_valid_until_or_key_that_was_taken_away_is_gone(desk: Desk) -> None:
    await desk.configure(valid_until=Millis(1))
    assert (await desk.refusal(1)).code is Code.EXPIRED
    await desk.configure(valid_until=None, key_ids={KEY: "old", "b" * 64: "new"})
    old = await desk.seat(1)
    await desk.configure(key_ids={"b" * 64: "new"})
    assert (await desk.beat(old)).code is Code.INVALID_LICENSE
    request = AcquireRequest(key_hash="b" * 64, holder=holder(1))
    again = await desk.authority.acquire(desk.pool, request)
    assert isinstance(again, Grant)
    assert (again.code, again.fence) == (Code.EXISTING, old.fence)


async def test_a_leader_that_was_succeeded_is_refused_even_where_the_new_one_changed_nothing(
    desk: Desk,
) -> None:
    config = desk.config
    assert not (await desk.authority.configure(desk.pool, config, term=7)).changed
    with pytest.raises(StaleTerm, match="term 7 by a newer leader; term 6 is over"):
        await desk.authority.configure(desk.pool, replace(config, capacity=9), term=6)
    with pytest.raises(StaleTerm):
        await desk.authority.configure(desk.pool, config, term=6)
    [seen] = await desk.authority.observe([desk.pool])
    assert seen is not None
    assert seen.capacity == config.capacity
    assert (await desk.authority.configure(desk.pool, replace(config, capacity=9), term=7)).changed


async def test_many_pools_are_observed_and_swept_in_order_with_gaps_for_unknown_ones(desk: Desk) -> None:
    desks = [Desk(authority=desk.authority, redis=desk.redis) for _ in range(150)]
    await asyncio.gather(*(one.configure(capacity=at) for at, one in enumerate(desks)))
    pools = [one.pool for one in desks]
    pools[70] = PoolUid("00000000-0000-0000-0000-000000000000")
    expected = [None if at == 70 else at for at in range(150)]
    observed = await desk.authority.observe(pools)
    assert [one and one.capacity for one in observed] == expected
    assert [one and one.capacity for one in await desk.authority.sweep(pools)] == expected
    assert await desk.authority.observe([]) == []
    assert await desk.authority.sweep([]) == []


@pytest.mark.behaviour(24)
async def test_remove_leaves_no_key_and_is_safe_to_repeat(desk: Desk) -> None:
    await desk.release(await desk.seat(1))
    await desk.configure(capacity=1, overage=1, rate_key=600, device_limit=9)
    for number in (2, 3):
        await desk.seat(number)
    await desk.configure(queue_size=2, evict_after=Millis(1000))
    await desk.ask(4, would_wait=True)
    for name in (desk.keys.offers, desk.keys.borrows):
        await desk.redis.zadd(name, {"a seat": 1})
    assert await desk.redis.exists(*desk.keys) == len(desk.keys)
    await desk.authority.remove(desk.pool)
    await desk.authority.remove(desk.pool)
    assert not [name async for name in desk.redis.scan_iter(f"*{desk.pool}*")]
    assert await desk.authority.observe([desk.pool]) == [None]
    assert (await desk.refusal(1)).code is Code.INVALID_LICENSE


async def test_a_pool_made_anew_does_not_exist_before(desk: Desk) -> None:
    fresh = Desk(authority=desk.authority, redis=desk.redis)
    assert await fresh.authority.observe([fresh.pool]) == [None]
    done = await fresh.configure(epoch=4)
    assert done == Configured(changed=True, existed=False, epoch=4, live=0)


@pytest.mark.parametrize("lost", ["config", "state", "expiry", "leases", "ended"])
@pytest.mark.behaviour(10, 11)
async def test_a_pool_that_lost_any_key_is_unknown_until_configured_and_then_works(
    desk: Desk, lost: str
) -> None:
    await desk.release(await desk.seat(1))
    held = await desk.seat(2)
    await desk.redis.delete(getattr(desk.keys, lost))
    assert await desk.authority.observe([desk.pool]) == [None]
    assert await desk.authority.sweep([desk.pool]) == [None]
    if lost == "config":
        assert (await desk.refusal(3)).code is Code.INVALID_LICENSE
    else:
        with pytest.raises(AuthorityUnavailable, match="the state of the pool is complete"):
            await desk.ask(3)
    done = await desk.configure(epoch=2)
    assert (done.changed, done.existed) == (True, lost == "config")
    assert (await desk.refusal(3)).code is Code.RECOVERING
    await desk.end_recovery()
    again = await desk.seat(2)
    assert again.fence > held.fence or lost == "config"
    assert (await desk.sweep()).live == await desk.redis.zcard(desk.keys.expiry) == 1


@pytest.mark.behaviour(11)
async def test_a_lost_pool_keeps_its_fence_counter_where_that_is_still_there(desk: Desk) -> None:
    held = await desk.seat(1)
    await desk.redis.delete(desk.keys.leases)
    await desk.configure()
    assert (await desk.seat(1)).fence > held.fence


async def test_the_ledger_tells_of_each_configuration(desk: Desk) -> None:
    await desk.seat(1)
    await desk.configure(capacity=7, generation=3)
    entry = (await desk.ledger())[-1]
    assert {name: entry[name] for name in ("event", "capacity", "generation", "state", "epoch", "used")} == {
        "event": "configured",
        "capacity": "7",
        "generation": "3",
        "state": "active",
        "epoch": "1",
        "used": "1",
    }
