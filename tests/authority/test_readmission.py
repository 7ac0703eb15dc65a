"""P6: a validly signed lease brings its holder back where Redis has forgotten it, up to the cap, and nothing else does."""

import asyncio

import pytest

from seatwarden.backends.authority import AuthorityRecovering
from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.domain.seats import (
    Code,
    Fence,
    Millis,
    PoolState,
    SeatGroup,
    fence_epoch,
)
from tests.authority.desk import HOUR, TOLD, Desk
from tests.authority.losses import forget, lost, proof, readmit


@pytest.fixture
async def desk_of_an_installation(desk: Desk) -> Desk:
    """A desk whose lease ids outlive a loss."""
    keys = InstallationKeys([bytes(32)])
    desk.authority = RedisSeatAuthority(desk.authority._runner, keys=keys)
    await desk.redis.unlink(*desk.keys)
    await desk.configure()
    return desk


@pytest.mark.behaviour(10)
async def test_a_signed_lease_that_was_forgotten_is_let_back_in_with_its_own_fence(desk: Desk) -> None:
    grant = await desk.seat(1)
    await forget(desk, grant)
    assert (await readmit(desk, proof(desk, grant, 1))).code is Code.UNKNOWN_SESSION
    await lost(desk)
    assert (await desk.beat(grant)).code is Code.UNKNOWN_SESSION
    verdict = await readmit(desk, proof(desk, grant, 1))
    assert verdict.code is Code.OK
    assert TOLD <= verdict.expires_in <= HOUR
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


async def test_a_holder_comes_back_after_a_loss_with_all_the_seats_it_can_prove_or_not_at_all(
    desk: Desk,
) -> None:
    await desk.configure(capacity=10)
    first, second = await desk.seat(0, quantity=4), await desk.seat(1, quantity=2)
    await forget(desk, first)
    await forget(desk, second)
    await desk.configure(capacity=5)
    await lost(desk)
    assert (await readmit(desk, proof(desk, first, 0))).code is Code.OK
    assert await desk.live() == 4
    # One of its two would fit.
    assert (await readmit(desk, proof(desk, second, 1))).code is Code.RECOVERING
    assert await desk.live() == 4
    assert (await desk.seat(0, quantity=4)).code is Code.EXISTING


async def test_who_comes_back_after_a_loss_comes_back_into_its_group(desk_of_an_installation: Desk) -> None:
    desk = desk_of_an_installation
    groups = {"a": SeatGroup(reserved=2, limit=2)}
    await desk.configure(capacity=3, groups=groups)
    shown = proof(desk, await desk.seat(0, group="a", quantity=2), 0)
    await desk.redis.unlink(*desk.keys)
    await desk.configure(epoch=2)
    assert (await readmit(desk, shown)).code is Code.OK
    assert (await desk.sweep()).groups == {"a": 2}
    await desk.end_recovery()
    assert (await desk.refusal(1, group="a")).code is Code.GROUP_LIMIT
    await desk.seat(2)


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
