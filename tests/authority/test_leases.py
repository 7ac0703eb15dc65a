"""The life of a lease: had again, taken over, kept, lost, given back."""

from uuid import uuid4

import pytest

from seatwarden.domain.seats import AcquireRequest, Beat, Code, Fence, Grant, Millis, PoolUid, fence_epoch
from tests.authority.desk import HOUR, KEY, TOLD, Desk, beat_of, holder


@pytest.mark.behaviour(2, 4)
async def test_a_client_that_lost_the_answer_gets_the_same_lease_and_fence_with_a_fresh_expiry(
    desk: Desk,
) -> None:
    lost = await desk.seat(1, nonce="run")
    before = await desk.expiry(lost)
    await desk.until(before - HOUR + 5)
    again = await desk.seat(1, nonce="run")
    assert (again.code, again.lease_id, again.fence) == (Code.EXISTING, lost.lease_id, lost.fence)
    assert (again.expires_in, again.heartbeat, again.capacity, again.live) == (TOLD, 20_000, 2, 1)
    assert await desk.expiry(again) > before


@pytest.mark.behaviour(3)
async def test_a_restarted_client_takes_its_seat_over_and_the_old_fence_is_dead(desk: Desk) -> None:
    old = await desk.seat(1, nonce="first run")
    new = await desk.seat(1, nonce="second run")
    assert (new.code, new.taken_over, new.live, new.lease_id) == (Code.GRANTED, True, 1, old.lease_id)
    assert new.fence > old.fence
    assert (await desk.beat(old)).code is Code.STALE_FENCE
    assert await desk.release(old) is Code.STALE_FENCE
    assert (await desk.beat(new)).code is Code.OK


async def test_a_full_pool_still_lets_its_holders_take_over(desk: Desk) -> None:
    await desk.seat(1)
    await desk.seat(2)
    assert (await desk.seat(1, nonce="restarted")).taken_over


@pytest.mark.behaviour(2)
async def test_an_expired_own_lease_counts_as_new_and_competes_like_any(desk: Desk) -> None:
    await desk.configure(capacity=1)
    own = await desk.seat(1)
    await desk.run_out(own)
    back = await desk.seat(1)
    assert (back.code, back.taken_over) == (Code.GRANTED, False)
    assert back.fence > own.fence
    await desk.run_out(back)
    await desk.seat(2)
    assert (await desk.refusal(1)).code is Code.POOL_EXHAUSTED


async def test_a_heartbeat_renews_to_one_lease_length_from_now(desk: Desk) -> None:
    grant = await desk.seat(1)
    before = await desk.expiry(grant)
    await desk.until(before - HOUR + 5)
    verdict = await desk.beat(grant)
    assert (verdict.code, verdict.expires_in, verdict.heartbeat) == (Code.OK, TOLD, 20_000)
    after = await desk.expiry(grant)
    assert before < after <= await desk.now() + HOUR


@pytest.mark.behaviour(5, 6)
async def test_a_heartbeat_on_an_expired_lease_never_revives_it(desk: Desk) -> None:
    grant = await desk.seat(1)
    instant = await desk.run_out(grant)
    verdict = await desk.beat(grant)
    assert (verdict.code, verdict.expires_in) == (Code.LEASE_EXPIRED, 0)
    assert await desk.expiry(grant) == instant
    await desk.sweep()
    assert (await desk.beat(grant)).code is Code.LEASE_EXPIRED
    assert await desk.live() == 0


@pytest.mark.behaviour(5, 12, 32)
async def test_each_kind_of_lost_lease_has_its_own_verdict_in_one_call(desk: Desk) -> None:
    await desk.configure(capacity=4)
    kept, gone, expired = [await desk.seat(number) for number in range(3)]
    await desk.release(gone)
    await desk.run_out(expired)
    other = Desk(authority=desk.authority, redis=desk.redis)
    await other.configure()
    foreign = await other.seat(0)
    beats = [
        beat_of(kept),
        beat_of(gone),
        beat_of(expired),
        beat_of(foreign),
        Beat(lease_id="0" * 32, fence=Fence(1)),
        Beat(lease_id="not a lease id", fence=Fence(1)),
        Beat(lease_id=kept.lease_id, fence=Fence(kept.fence - 1)),
        Beat(lease_id=kept.lease_id, fence=Fence(-1)),
        Beat(lease_id=kept.lease_id, fence=Fence(2**64)),
        beat_of(kept),
    ]
    assert [verdict.code for verdict in await desk.authority.heartbeat(desk.pool, KEY, beats)] == [
        Code.OK,
        Code.RELEASED,
        Code.LEASE_EXPIRED,
        Code.UNKNOWN_SESSION,
        Code.UNKNOWN_SESSION,
        Code.UNKNOWN_SESSION,
        Code.STALE_FENCE,
        Code.STALE_FENCE,
        Code.STALE_FENCE,
        Code.OK,
    ]


async def test_a_thousand_heartbeats_fit_in_one_call_and_no_more(desk: Desk) -> None:
    grant = await desk.seat(1)
    verdicts = await desk.authority.heartbeat(desk.pool, KEY, [beat_of(grant)] * 1000)
    assert {verdict.code for verdict in verdicts} == {Code.OK}
    with pytest.raises(ValueError, match="at most 1000"):
        await desk.authority.heartbeat(desk.pool, KEY, [beat_of(grant)] * 1001)
    assert await desk.authority.heartbeat(desk.pool, KEY, []) == []


@pytest.mark.behaviour(18)
async def test_release_is_safe_to_repeat(desk: Desk) -> None:
    grant = await desk.seat(1)
    assert await desk.release(grant) is Code.RELEASED
    assert await desk.release(grant) is Code.ALREADY_RELEASED
    never = Beat(lease_id="0" * 32, fence=Fence(7))
    assert (await desk.authority.release(desk.pool, KEY, never)).code is Code.ALREADY_RELEASED
    assert await desk.live() == 0


@pytest.mark.behaviour(12, 18)
async def test_a_slow_old_release_does_not_free_the_seat_of_the_next_run(desk: Desk) -> None:
    old = await desk.seat(1)
    await desk.release(old)
    new = await desk.seat(1)
    assert new.lease_id == old.lease_id
    assert await desk.release(old) is Code.STALE_FENCE
    assert (await desk.beat(new)).code is Code.OK


async def test_release_of_an_expired_lease_finds_it_gone_and_leaves_it_charged_to_its_expiry(
    desk: Desk,
) -> None:
    grant = await desk.seat(1)
    await desk.run_out(grant)
    assert await desk.release(grant) is Code.ALREADY_RELEASED
    counts = await desk.sweep()
    assert (counts.released, counts.expired) == (0, 1)


@pytest.mark.behaviour(11, 12)
async def test_fences_grow_with_every_grant_and_through_epochs(desk: Desk) -> None:
    fences = [(await desk.seat(1, nonce=str(run))).fence for run in range(3)]
    await desk.configure(epoch=5)
    fences += [(await desk.seat(1, nonce=str(run))).fence for run in range(3, 6)]
    done = await desk.configure(epoch=2)
    assert done.epoch == 5
    await desk.end_recovery()
    fences.append((await desk.seat(2)).fence)
    assert fences == sorted(set(fences))
    assert [fence_epoch(fence) for fence in fences] == [1, 1, 1, 5, 5, 5, 5]


@pytest.mark.behaviour(32)
async def test_a_wrong_key_or_pool_gets_the_same_refusal_and_writes_nothing(desk: Desk) -> None:
    grant = await desk.seat(1)
    for pool, key in [(desk.pool, "0" * 64), (desk.pool, ""), (PoolUid(str(uuid4())), KEY)]:
        request = AcquireRequest(key_hash=key, holder=holder(2))
        answer = await desk.authority.acquire(pool, request)
        assert not isinstance(answer, Grant)
        assert (answer.code, answer.capacity, answer.live) == (Code.INVALID_LICENSE, 0, 0)
        [verdict] = await desk.authority.heartbeat(pool, key, [beat_of(grant)])
        assert verdict.code is Code.INVALID_LICENSE
        assert (await desk.authority.release(pool, key, beat_of(grant))).code is Code.INVALID_LICENSE
        validation = await desk.authority.validate(pool, key, holder=holder(1))
        assert validation.code is Code.INVALID_LICENSE
        page = await desk.authority.sessions(pool, key, limit=10, cursor=None)
        assert getattr(page, "code", None) is Code.INVALID_LICENSE
        if pool != desk.pool:
            assert not [name async for name in desk.redis.scan_iter(f"*{pool}*")]
    assert (await desk.sweep()).denied == 0


@pytest.mark.behaviour(12, 24)
async def test_lease_ids_of_a_holder_differ_between_pools(desk: Desk) -> None:
    """An id says nothing about another pool, not even about a pool made again."""
    first = await desk.seat(1)
    await desk.authority.remove(desk.pool)
    await desk.configure()
    again = await desk.seat(1)
    assert first.lease_id != again.lease_id
    assert (await desk.beat(first)).code is Code.UNKNOWN_SESSION


async def test_a_holder_that_is_no_hardware_id_is_refused_before_redis_is_asked(desk: Desk) -> None:
    for wrong in ["", "ab", "A" * 64, "a" * 65, "\0" * 64]:
        with pytest.raises(ValueError, match="64 lower-case hex"):
            await desk.authority.acquire(desk.pool, AcquireRequest(key_hash=KEY, holder=wrong))


async def test_tombstones_are_kept_for_ten_minutes_or_two_lease_lengths(desk: Desk) -> None:
    await desk.configure(lease=Millis(60_000))
    grant = await desk.seat(1)
    await desk.release(grant)
    await desk.redis.zadd(desk.keys.ended, {bytes.fromhex(grant.lease_id): await desk.now() - 590_000})
    await desk.sweep()
    assert (await desk.beat(grant)).code is Code.RELEASED
    await desk.redis.zadd(desk.keys.ended, {bytes.fromhex(grant.lease_id): await desk.now() - 601_000})
    await desk.sweep()
    assert (await desk.beat(grant)).code is Code.UNKNOWN_SESSION
    assert await desk.release(grant) is Code.ALREADY_RELEASED


async def test_at_most_ten_thousand_tombstones_are_kept_and_the_oldest_go_first(desk: Desk) -> None:
    now = await desk.now()
    names = [number.to_bytes(16, "big") for number in range(10_100)]
    await desk.redis.hset(desk.keys.leases, mapping={name: bytes(8) + b"r" for name in names})
    await desk.redis.zadd(desk.keys.ended, {name: now - 10_100 + at for at, name in enumerate(names)})
    grant = await desk.seat(1)
    await desk.release(grant)
    assert await desk.redis.zcard(desk.keys.ended) == 10_000
    assert await desk.redis.hlen(desk.keys.leases) == 10_000
    assert (await desk.beat(grant)).code is Code.RELEASED
    assert await desk.redis.zscore(desk.keys.ended, names[100]) is None
