"""P6: after a loss only those come back who held a seat, for one lease length, up to the cap; and fences never go back."""

import asyncio
from dataclasses import replace

import pytest

from seatwarden.backends.authority import AuthorityRecovering
from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.backends.redis_wire import Loss, nonce_digest
from seatwarden.domain.seats import (
    Arrival,
    BeatVerdict,
    Code,
    Fence,
    Grant,
    Millis,
    PoolState,
    SignedLease,
    fence_epoch,
)
from tests.authority.desk import HOUR, KEY, Desk, holder

DAY = 24 * HOUR


def proof(desk: Desk, grant: Grant, number: int, *, nonce: str = "", **changes: object) -> SignedLease:
    """What the endpoint has verified of the lease that machine ``number`` shows."""
    lease = SignedLease(
        pool=desk.pool,
        lease_id=grant.lease_id,
        holder=holder(number),
        nonce=nonce_digest(nonce),
        fence=grant.fence,
        issued_at=grant.at,
        valid_until=Millis(grant.at + grant.signed_for),
    )
    return replace(lease, **changes)  # type: ignore[arg-type]  # the tests name fields rightly


async def lost(desk: Desk, *, run: str = "second run") -> Arrival:
    """Tell the pool that it is on another server now, which may have lost what it acknowledged."""
    return await desk.arrive(run, loss=Loss.EXPECTED)


async def forget(desk: Desk, grant: Grant) -> None:
    """Take every trace of a lease out of Redis, as if its grant had never been replicated."""
    lease = bytes.fromhex(grant.lease_id)
    await desk.redis.zrem(desk.keys.expiry, lease)
    await desk.redis.hdel(desk.keys.leases, lease)
    await desk.redis.hincrby(desk.keys.state, "used", -1)


async def readmit(desk: Desk, lease: SignedLease) -> BeatVerdict:
    return await desk.authority.readmit(desk.pool, KEY, lease)


@pytest.fixture
async def desk_of_an_installation(desk: Desk) -> Desk:
    """A desk whose lease ids outlive a loss."""
    keys = InstallationKeys([bytes(32)])
    desk.authority = RedisSeatAuthority(desk.authority._runner, keys=keys)
    await desk.redis.unlink(*desk.keys)
    await desk.configure()
    return desk


async def test_the_same_server_again_is_no_news(desk: Desk) -> None:
    assert await desk.arrive("run", loss=Loss.EXPECTED) is Arrival.NOTHING_NEW
    await desk.arrive("run")
    before = await desk.redis.hgetall(desk.keys.state)
    assert await desk.arrive("run", loss=Loss.EXPECTED) is Arrival.NOTHING_NEW
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


async def test_a_new_pool_that_nobody_used_needs_no_recovery(desk: Desk) -> None:
    assert await lost(desk) is Arrival.NOTHING_NEW
    assert await desk.redis.hget(desk.keys.state, "epoch") == b"1"
    assert await desk.redis.hget(desk.keys.config, "recover_until") is None


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
    assert HOUR <= verdict.expires_in <= HOUR + 1


@pytest.mark.behaviour(8, 10)
async def test_what_was_not_heard_of_ends_with_the_window_and_its_seat_is_free_at_once(desk: Desk) -> None:
    await desk.seat(1)
    there = await desk.seat(2)
    await desk.configure(lease=Millis(300), heartbeat=Millis(100))
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


@pytest.mark.behaviour(10)
async def test_a_signed_lease_that_was_forgotten_is_let_back_in_with_its_own_fence(desk: Desk) -> None:
    grant = await desk.seat(1)
    await forget(desk, grant)
    assert (await readmit(desk, proof(desk, grant, 1))).code is Code.UNKNOWN_SESSION
    await lost(desk)
    assert (await desk.beat(grant)).code is Code.UNKNOWN_SESSION
    verdict = await readmit(desk, proof(desk, grant, 1))
    assert verdict.code is Code.OK
    assert HOUR <= verdict.expires_in <= HOUR + 1
    assert (await desk.beat(grant)).code is Code.OK
    assert (await desk.seat(1)).fence == grant.fence
    assert "readmitted" in await desk.events()


@pytest.mark.behaviour(1, 10)
async def test_never_more_come_back_than_the_cap_whoever_they_are(desk: Desk) -> None:
    await desk.configure(capacity=6)
    grants = [await desk.seat(number) for number in range(6)]
    for grant in grants[3:]:
        await forget(desk, grant)
    await desk.configure(capacity=2)
    await lost(desk)
    verdicts = await asyncio.gather(
        *(desk.beat(grant) for grant in grants[:3]),
        *(readmit(desk, proof(desk, grant, number)) for number, grant in enumerate(grants[3:], 3)),
    )
    assert [verdict.code for verdict in verdicts].count(Code.OK) == 2
    refused = [verdict for verdict in verdicts if verdict.code is not Code.OK]
    assert {verdict.code for verdict in refused} == {Code.RECOVERING}
    assert all(0 < verdict.expires_in <= HOUR + 1 for verdict in refused)
    assert await desk.live() == 2


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


async def test_a_zombie_that_survived_takes_no_seat_from_a_holder_that_was_forgotten(desk: Desk) -> None:
    """Two of three in Redis were given back after the last copy; the seats went to two whose grants were lost."""
    zombies = [await desk.seat(number) for number in (1, 2)]
    await desk.configure(capacity=4)
    new = [await desk.seat(number) for number in (3, 4)]
    for grant in new:
        await forget(desk, grant)
    await desk.configure(capacity=2)
    await lost(desk)
    for number, grant in zip((3, 4), new, strict=True):
        assert (await readmit(desk, proof(desk, grant, number))).code is Code.OK
    assert (await desk.beat(zombies[0])).code is Code.RECOVERING
    assert await desk.live() == 2


@pytest.mark.behaviour(10, 11)
async def test_a_lease_from_the_future_shows_that_the_authority_went_back(desk: Desk) -> None:
    """Nothing else has noticed it."""
    grant = await desk.seat(1)
    future = proof(desk, grant, 1, fence=Fence(grant.fence + 5))
    verdict = await readmit(desk, future)
    assert verdict.code is Code.OK
    [seen] = await desk.authority.observe([desk.pool])
    assert seen is not None
    assert (seen.epoch, seen.live, seen.recovering_for > 0) == (2, 1, True)
    assert (await desk.refusal(2)).code is Code.RECOVERING
    assert (await desk.beat(grant)).code is Code.STALE_FENCE
    assert (await desk.beat(grant, fence=future.fence)).code is Code.OK


@pytest.mark.behaviour(11)
async def test_the_epoch_goes_beyond_that_of_a_lease_from_the_future(desk: Desk) -> None:
    grant = await desk.seat(1)
    await readmit(desk, proof(desk, grant, 1, fence=Fence((7 << 32) + 3)))
    await desk.end_recovery()
    assert fence_epoch((await desk.seat(2)).fence) == 8


@pytest.mark.behaviour(5, 12)
async def test_a_signed_lease_counts_for_nothing_after_its_time_or_end(desk: Desk) -> None:
    old, ended, superseded = [await desk.seat(1)], await desk.seat(2), None
    await desk.release(ended)
    superseded = await desk.seat(3)
    await desk.seat(3, nonce="another run")
    await forget(desk, old[0])
    await lost(desk)
    past = Millis(await desk.now())
    assert (await readmit(desk, proof(desk, old[0], 1, valid_until=past))).code is Code.LEASE_EXPIRED
    assert (await readmit(desk, proof(desk, ended, 2))).code is Code.RELEASED
    assert (await readmit(desk, proof(desk, superseded, 3))).code is Code.STALE_FENCE
    stolen = proof(desk, old[0], 4)
    assert (await readmit(desk, stolen)).code is Code.UNKNOWN_SESSION


@pytest.mark.behaviour(15)
async def test_a_suspended_pool_lets_nobody_back_in(desk: Desk) -> None:
    grant = await desk.seat(1)
    await forget(desk, grant)
    await lost(desk)
    await desk.configure(state=PoolState.SUSPENDED)
    assert (await readmit(desk, proof(desk, grant, 1))).code is Code.SUSPENDED


@pytest.mark.behaviour(18)
async def test_release_in_the_window_frees_the_seat_for_another_that_comes_back(desk: Desk) -> None:
    await desk.configure(capacity=1)
    grant = await desk.seat(1)
    await desk.run_out(grant, ago=1)
    await lost(desk)
    assert await desk.release(grant) is Code.RELEASED
    assert await desk.release(grant) is Code.ALREADY_RELEASED
    assert await desk.live() == 0


@pytest.mark.behaviour(2, 11)
async def test_a_flushed_pool_is_set_up_in_recovery_and_its_holders_come_back_to_their_own_leases(
    desk_of_an_installation: Desk,
) -> None:
    desk = desk_of_an_installation
    grant = await desk.seat(1)
    await desk.redis.flushdb()
    with pytest.raises(AuthorityRecovering):
        await desk.beat(grant)
    with pytest.raises(AuthorityRecovering):
        await desk.ask(2)
    await desk.configure(epoch=2)
    await desk.authority.note_provisioned()
    assert (await desk.refusal(2)).code is Code.RECOVERING
    assert (await readmit(desk, proof(desk, grant, 1))).code is Code.OK
    same = await desk.seat(1)
    assert (same.lease_id, same.fence, same.live) == (grant.lease_id, grant.fence, 1)


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


@pytest.mark.behaviour(16)
async def test_seat_time_and_the_ledger_stay_exact_through_a_recovery(desk: Desk) -> None:
    kept, gone = await desk.seat(1), await desk.seat(2)
    await desk.configure(capacity=3)
    back = await desk.seat(3)
    await forget(desk, back)
    await lost(desk)
    await desk.beat(kept)
    await readmit(desk, proof(desk, back, 3))
    await desk.run_out(gone)
    await desk.end_recovery()
    await desk.release(kept)
    await desk.release(back)
    counts = await desk.sweep()
    since, total = dict[str, int](), 0
    for entry in await desk.ledger():
        match entry["event"]:
            case "granted" | "readmitted":
                # The grant that was lost is charged to the instant of its return: the loss is not invented.
                since[entry["lease"]] = int(entry["at"])
            case "released" | "expired":
                total += int(entry["at"]) - since.pop(entry["lease"])
    assert since == {}
    assert counts.live == 0
    assert abs(counts.seat_milliseconds - total) < 200
