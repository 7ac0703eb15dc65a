"""P6: after a loss only those come back who held a seat, for one lease length, up to the cap; and fences never go back."""

import pytest

from seatwarden.backends.redis_wire import Loss
from seatwarden.domain.seats import (
    Arrival,
    Code,
    Millis,
    fence_epoch,
)
from tests.authority.desk import HOUR, KEY, TOLD, Desk
from tests.authority.losses import lost


async def test_the_same_server_again_is_no_news(desk: Desk) -> None:
    run = await desk.run_id()
    assert await desk.arrive(run, loss=Loss.EXPECTED) is Arrival.NOTHING_NEW
    before = await desk.redis.hgetall(desk.keys.state)
    assert await desk.arrive(run, loss=Loss.EXPECTED) is Arrival.NOTHING_NEW
    assert await desk.redis.hgetall(desk.keys.state) == before


async def test_another_server_that_cannot_have_lost_anything_opens_no_window(desk: Desk) -> None:
    grant = await desk.seat(1)
    await desk.arrive("run")
    assert await desk.arrive("other run") is Arrival.NOTHING_NEW
    assert (await desk.seat(2)).fence == grant.fence + 1


@pytest.mark.behaviour(10, 21)
@pytest.mark.parametrize("first_seen", ["by its callers", "by nobody"])
async def test_another_server_that_may_have_lost_grants_begins_a_recovery(
    desk: Desk, first_seen: str
) -> None:
    grant = await desk.seat(1)
    if first_seen == "by nobody":
        await desk.redis.hdel(desk.keys.state, "run")
    assert await lost(desk) is Arrival.RECOVERY_BEGAN
    assert await lost(desk) is Arrival.NOTHING_NEW

    refusal = await desk.refusal(2)
    assert refusal.code is Code.RECOVERING
    assert refusal.retry_after is not None
    assert HOUR - 60_000 < refusal.retry_after <= HOUR + 1
    [seen] = await desk.authority.observe([desk.pool])
    assert seen is not None
    assert (seen.epoch, seen.live) == (2, 0)
    assert 0 < seen.recovering_for <= HOUR + 1
    assert (await desk.beat(grant)).code is Code.OK
    assert await desk.live() == 1
    assert [entry for entry in await desk.events() if entry == "recovering"] == ["recovering"]


async def test_a_new_pool_needs_no_recovery(desk: Desk) -> None:
    assert await desk.arrive(await desk.run_id(), loss=Loss.EXPECTED) is Arrival.NOTHING_NEW
    assert await desk.redis.hget(desk.keys.state, "epoch") == b"1"
    assert await desk.redis.hget(desk.keys.config, "recover_until") is None


@pytest.mark.behaviour(10)
async def test_a_copy_of_a_pool_from_before_anybody_arrived_is_no_new_pool(desk: Desk) -> None:
    """All that came after may be lost, so that six seats look free which are held."""
    assert await desk.redis.hget(desk.keys.state, "counter") == b"0"
    assert await lost(desk) is Arrival.RECOVERY_BEGAN
    assert (await desk.refusal(1)).code is Code.RECOVERING


@pytest.mark.behaviour(11, 12)
async def test_a_survivor_keeps_its_fence_and_a_restarted_one_gets_a_fence_of_the_new_epoch(
    desk: Desk,
) -> None:
    first, second = await desk.seat(1), await desk.seat(2)
    await lost(desk)
    same = await desk.seat(1)
    assert (same.code, same.fence) == (Code.EXISTING, first.fence)
    restarted = await desk.seat(2, nonce="another run")
    assert restarted.taken_over
    assert fence_epoch(restarted.fence) == 2
    assert (await desk.beat(second)).code is Code.STALE_FENCE


@pytest.mark.behaviour(22)
async def test_a_lease_that_ran_out_while_nobody_could_renew_it_comes_back_in_the_window(desk: Desk) -> None:
    grant = await desk.seat(1)
    await desk.run_out(grant, ago=60_000)
    await lost(desk)
    assert (await desk.sweep()).purged == 0
    verdict = await desk.beat(grant)
    assert verdict.code is Code.OK
    assert TOLD <= verdict.expires_in <= HOUR


@pytest.mark.behaviour(8, 10)
async def test_what_was_not_heard_of_ends_with_the_window_and_its_seat_is_free_at_once(desk: Desk) -> None:
    await desk.configure(lease=Millis(300), heartbeat=Millis(100))
    await desk.seat(1)
    there = await desk.seat(2)
    await desk.run_out(await desk.seat(1), ago=1)
    await lost(desk)
    await desk.beat(there)
    refusal = await desk.refusal(3)
    assert refusal.code is Code.RECOVERING
    assert refusal.retry_after is not None
    await desk.until(await desk.now() + refusal.retry_after)
    assert (await desk.seat(3)).live <= 2
    counts = await desk.sweep()
    assert counts.recovering_for == 0


@pytest.mark.behaviour(1)
async def test_one_bulk_call_cannot_let_more_back_in_than_the_cap(desk: Desk) -> None:
    await desk.configure(capacity=5)
    grants = [await desk.seat(number) for number in range(5)]
    await desk.configure(capacity=3)
    await lost(desk)
    beats = [desk.beat_of(grant) for grant in grants]
    verdicts = await desk.authority.heartbeat(desk.pool, KEY, beats)
    assert [verdict.code for verdict in verdicts] == [Code.OK] * 3 + [Code.RECOVERING] * 2
    again = await desk.authority.heartbeat(desk.pool, KEY, beats)
    assert [verdict.code for verdict in again] == [Code.OK] * 3 + [Code.RECOVERING] * 2


@pytest.mark.behaviour(18)
async def test_release_in_the_window_frees_the_seat_for_another_that_comes_back(desk: Desk) -> None:
    await desk.configure(capacity=1)
    grant = await desk.seat(1)
    await desk.run_out(grant, ago=1)
    await lost(desk)
    assert await desk.release(grant) is Code.RELEASED
    assert await desk.release(grant) is Code.ALREADY_RELEASED
    assert await desk.live() == 0


@pytest.mark.behaviour(23)
async def test_a_reconcile_in_the_window_does_not_end_it_and_a_shorter_lease_does_not_either(
    desk: Desk,
) -> None:
    grant = await desk.seat(1)
    await lost(desk)
    await desk.configure(epoch=2, capacity=3, lease=Millis(5000), heartbeat=Millis(1000))
    assert (await desk.refusal(2)).code is Code.RECOVERING
    verdict = await desk.beat(grant)
    assert verdict.expires_in > 5000, "a lease that is confirmed outlives the window"
    assert await desk.live() == 1


@pytest.mark.behaviour(1, 10)
async def test_the_window_is_as_long_as_the_leases_of_before_where_they_have_become_shorter(
    desk: Desk,
) -> None:
    expiry = await desk.expiry(await desk.seat(1))
    await desk.configure(lease=Millis(5000), heartbeat=Millis(1000))
    await lost(desk)
    [seen] = await desk.authority.observe([desk.pool])
    assert seen is not None
    assert seen.live == 0, "a lease of before is not one that was heard of"
    assert await desk.now() + seen.recovering_for > expiry


@pytest.mark.behaviour(1, 10)
async def test_a_longer_lease_makes_the_window_longer_and_who_came_back_stays(desk: Desk) -> None:
    """The operator may only be putting back what the loss has undone."""
    grant = await desk.seat(1)
    await lost(desk)
    await desk.beat(grant)
    await desk.configure(lease=Millis(2 * HOUR), epoch=2)
    [seen] = await desk.authority.observe([desk.pool])
    assert seen is not None
    assert seen.live == 1
    assert seen.recovering_for > 2 * HOUR - 60_000


async def test_a_lease_that_is_twice_in_one_call_comes_back_once(desk: Desk) -> None:
    first, second = await desk.seat(1), await desk.seat(2)
    await lost(desk)
    beats = [desk.beat_of(first), desk.beat_of(first), desk.beat_of(second)]
    verdicts = await desk.authority.heartbeat(desk.pool, KEY, beats)
    assert [verdict.code for verdict in verdicts] == [Code.OK] * 3
