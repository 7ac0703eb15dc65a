"""What a suspended pool, one past its end, or one told something new does to its leases."""

import pytest

from seatwarden.domain.seats import Code, Millis, PoolState, Validation
from tests.authority.desk import HOUR, KEY, Desk, beat_of, holder


@pytest.mark.behaviour(15)
async def test_a_suspended_pool_grants_nothing_renews_nothing_and_takes_seats_back(desk: Desk) -> None:
    one, two = await desk.seat(1), await desk.seat(2)
    before = await desk.expiry(one)
    await desk.configure(state=PoolState.SUSPENDED)
    assert (await desk.refusal(3)).code is Code.SUSPENDED
    assert (await desk.refusal(1)).code is Code.SUSPENDED
    verdict = await desk.beat(one)
    assert verdict.code is Code.SUSPENDED
    assert 0 < verdict.expires_in <= HOUR
    assert await desk.expiry(one) == before
    assert await desk.release(two) is Code.RELEASED
    assert await desk.live() == 1


async def test_the_end_of_a_suspension_renews_what_still_lives(desk: Desk) -> None:
    grant = await desk.seat(1)
    await desk.configure(state=PoolState.SUSPENDED)
    await desk.configure(state=PoolState.ACTIVE)
    assert (await desk.beat(grant)).code is Code.OK


async def test_a_lease_that_ran_out_during_a_suspension_says_so_however_late_it_is_purged(desk: Desk) -> None:
    await desk.configure(capacity=3)
    early, within, late = [await desk.seat(number) for number in range(3)]
    await desk.run_out(early, ago=1000)
    await desk.configure(state=PoolState.SUSPENDED)
    await desk.run_out(within)
    assert (await desk.beat(within)).code is Code.SUSPENDED
    assert (await desk.beat(within)).expires_in == 0
    await desk.until(await desk.now() + 2)
    await desk.configure(state=PoolState.ACTIVE)
    await desk.until(await desk.now() + 1)
    await desk.run_out(late)
    for _ in range(2):
        assert [(await desk.beat(grant)).code for grant in (early, within, late)] == [
            Code.LEASE_EXPIRED,
            Code.SUSPENDED,
            Code.LEASE_EXPIRED,
        ]
        await desk.sweep()


async def test_a_pool_that_the_operator_calls_expired_keeps_its_leases_to_their_end(desk: Desk) -> None:
    grant = await desk.seat(1)
    await desk.configure(state=PoolState.EXPIRED)
    verdict = await desk.beat(grant)
    assert (verdict.code, verdict.expires_in > 0, verdict.heartbeat) == (Code.EXPIRED, True, 20_000)
    assert (await desk.refusal(2)).code is Code.EXPIRED


async def test_nothing_is_granted_or_renewed_from_the_millisecond_of_valid_until(desk: Desk) -> None:
    ends = Millis(await desk.now() + 150)
    await desk.configure(valid_until=ends)
    grant = await desk.seat(1)
    assert (await desk.beat(grant)).code is Code.OK
    await desk.until(ends)
    before = await desk.expiry(grant)
    assert (await desk.beat(grant)).code is Code.EXPIRED
    assert await desk.expiry(grant) == before
    assert (await desk.refusal(2)).code is Code.EXPIRED
    seen = await desk.authority.validate(desk.pool, KEY)
    assert isinstance(seen, Validation)
    assert (seen.code, seen.valid_for) == (Code.EXPIRED, 0)
    assert await desk.release(grant) is Code.RELEASED


async def test_a_longer_lease_counts_from_the_next_renewal(desk: Desk) -> None:
    grant = await desk.seat(1)
    before = await desk.expiry(grant)
    await desk.configure(lease=Millis(2 * HOUR))
    assert await desk.expiry(grant) == before
    assert (await desk.beat(grant)).expires_in == 2 * HOUR - 1
    assert await desk.expiry(grant) > before + HOUR - 60_000


@pytest.mark.behaviour(6)
async def test_a_shorter_lease_takes_nothing_back_that_a_holder_was_told(desk: Desk) -> None:
    """The answer to a renewal may get lost, and its client goes by the one before."""
    grant = await desk.seat(1)
    before = await desk.expiry(grant)
    await desk.configure(lease=Millis(60_000))
    assert (await desk.beat(grant)).expires_in == 59_999
    assert (await desk.seat(1)).expires_in == 59_999
    assert (await desk.seat(1, nonce="another run")).expires_in == 59_999
    assert await desk.expiry(grant) == before


async def test_validate_tells_the_pool_and_the_lease_and_purges_nothing(desk: Desk) -> None:
    ends = Millis(await desk.now() + HOUR)
    await desk.configure(valid_until=ends)
    grant = await desk.seat(1)
    by_holder = await desk.authority.validate(desk.pool, KEY, holder=holder(1))
    by_lease = await desk.authority.validate(desk.pool, KEY, lease_id=grant.lease_id)
    for seen in (by_holder, by_lease):
        assert isinstance(seen, Validation)
        assert (seen.code, seen.capacity, seen.live) == (Code.OK, 2, 1)
        assert (seen.lease_id, seen.fence) == (grant.lease_id, grant.fence)
        assert 0 < seen.expires_in <= HOUR
        assert seen.valid_for is not None
        assert 0 < seen.valid_for <= HOUR
        assert seen.document == '{"plan":"team"}'
    await desk.run_out(grant)
    gone = await desk.authority.validate(desk.pool, KEY, holder=holder(1))
    assert isinstance(gone, Validation)
    assert (gone.code, gone.live, gone.expires_in) == (Code.LEASE_EXPIRED, 0, 0)
    assert await desk.redis.zcard(desk.keys.expiry) == 1


async def test_validate_of_a_lease_that_nobody_or_another_has(desk: Desk) -> None:
    grant = await desk.seat(1)
    ask = desk.authority.validate
    assert (await ask(desk.pool, KEY)).code is Code.OK
    assert (await ask(desk.pool, KEY, holder=holder(2))).code is Code.UNKNOWN_SESSION
    assert (await ask(desk.pool, KEY, lease_id="nonsense")).code is Code.UNKNOWN_SESSION
    both = await ask(desk.pool, KEY, holder=holder(2), lease_id=grant.lease_id)
    assert both.code is Code.UNKNOWN_SESSION
    assert (await ask(desk.pool, KEY, holder=holder(1), lease_id=grant.lease_id)).code is Code.OK
    await desk.release(grant)
    assert (await ask(desk.pool, KEY, holder=holder(1))).code is Code.RELEASED
    await desk.configure(state=PoolState.SUSPENDED)
    assert (await ask(desk.pool, KEY, holder=holder(1))).code is Code.SUSPENDED


async def test_beats_of_one_call_are_judged_by_one_state_of_the_pool(desk: Desk) -> None:
    grants = [await desk.seat(1), await desk.seat(2)]
    await desk.configure(state=PoolState.SUSPENDED)
    verdicts = await desk.authority.heartbeat(desk.pool, KEY, [beat_of(grant) for grant in grants])
    assert {verdict.code for verdict in verdicts} == {Code.SUSPENDED}
