"""The authority's pulse: an outage is noticed by whoever comes back first, and expiry has paused for that time."""

import asyncio

import pytest
from redis.asyncio import Redis

from seatwarden.backends.redis_authority import PULSE_KEPT, RedisSeatAuthority
from seatwarden.backends.redis_keys import AUTHORITY_KEYS
from seatwarden.backends.redis_wire import Loss
from seatwarden.domain.seats import SILENCE, Arrival, Code, Millis, Outage
from tests.authority.desk import HOUR, Desk

KEY = AUTHORITY_KEYS.authority


@pytest.fixture
async def pulse(own_desk: Desk) -> RedisSeatAuthority:
    """An authority that nobody has given a sign of life of."""
    await own_desk.redis.delete(KEY)
    return own_desk.authority


async def silent_since(redis: Redis, milliseconds: int) -> None:
    """Let the last sign of life be so long ago."""
    last = await redis.hget(KEY, "at")
    assert last is not None
    await redis.hset(KEY, "at", int(last) - milliseconds)


async def test_looking_gives_no_sign_and_leaves_no_key(pulse: RedisSeatAuthority, own_desk: Desk) -> None:
    found = await pulse.feel_pulse()
    assert (found.silent_for, found.provisioned, found.outages) == (None, False, ())
    assert not await own_desk.redis.exists(KEY)


async def test_signs_in_time_are_no_outage(pulse: RedisSeatAuthority) -> None:
    await pulse.beat_pulse()
    await asyncio.gather(*(pulse.beat_pulse() for _ in range(20)))
    found = await pulse.feel_pulse()
    assert found.outages == ()
    assert found.silent_for is not None
    assert found.silent_for < SILENCE


@pytest.mark.behaviour(22)
async def test_a_long_silence_is_one_outage_whoever_comes_back_first(
    pulse: RedisSeatAuthority, own_desk: Desk
) -> None:
    await pulse.beat_pulse()
    await silent_since(own_desk.redis, 60_000)
    found = await asyncio.gather(*(pulse.beat_pulse() for _ in range(5)))
    assert {each.outages for each in found} == {found[0].outages}
    [outage] = found[0].outages
    assert outage.number == 1
    assert 60_000 <= outage.ended - outage.began < 90_000


async def test_only_the_latest_outages_are_kept(pulse: RedisSeatAuthority, own_desk: Desk) -> None:
    await pulse.beat_pulse()
    for _ in range(20):
        await silent_since(own_desk.redis, 10_000)
        await pulse.beat_pulse()
    found = await pulse.feel_pulse()
    assert [outage.number for outage in found.outages] == list(range(5, 21))
    assert await own_desk.redis.hlen(KEY) == 2 + 16


async def test_the_authoritys_key_dies_with_it(pulse: RedisSeatAuthority, own_desk: Desk) -> None:
    await pulse.beat_pulse()
    await pulse.note_provisioned()
    assert 0 < await own_desk.redis.pttl(KEY) <= PULSE_KEPT


@pytest.mark.behaviour(9)
async def test_a_clock_that_went_back_is_no_outage_and_no_sign_is_taken_back(
    pulse: RedisSeatAuthority, own_desk: Desk
) -> None:
    await pulse.beat_pulse()
    await silent_since(own_desk.redis, -60_000)
    later = await own_desk.redis.hget(KEY, "at")
    assert (await pulse.beat_pulse()).outages == ()
    assert await own_desk.redis.hget(KEY, "at") == later


def outage(number: int, began: int, ended: int) -> Outage:
    return Outage(number=number, began=Millis(began), ended=Millis(ended))


@pytest.mark.behaviour(21, 22)
async def test_leases_run_on_by_the_time_of_an_outage_and_once_only(desk: Desk) -> None:
    """An outage is not a mass death."""
    grants = [await desk.seat(number) for number in (1, 2)]
    await desk.until(await desk.now() + 1)
    now = await desk.now()
    expiries = [await desk.expiry(grant) for grant in grants]
    await desk.run_out(grants[0], ago=20_000)
    away = outage(1, now - 60_000, now)
    assert await desk.arrive("run", away) is Arrival.LEASES_PROLONGED
    assert (await desk.beat(grants[0])).code is Code.OK
    assert await desk.expiry(grants[1]) == expiries[1] + 60_000
    assert await desk.arrive("run", away) is Arrival.NOTHING_NEW
    assert await desk.expiry(grants[1]) == expiries[1] + 60_000


@pytest.mark.behaviour(5, 22)
async def test_a_lease_that_had_run_out_before_the_outage_stays_so(desk: Desk) -> None:
    grant = await desk.seat(1)
    await desk.run_out(grant, ago=90_000)
    now = await desk.now()
    await desk.arrive("run", outage(1, now - 60_000, now))
    assert (await desk.beat(grant)).code is Code.LEASE_EXPIRED


@pytest.mark.behaviour(8)
async def test_a_lease_that_was_renewed_since_is_not_prolonged(desk: Desk) -> None:
    now = await desk.now()
    await desk.until(now + 2)
    grant = await desk.seat(1)
    expiry = await desk.expiry(grant)
    await desk.arrive("run", outage(1, now - 60_000, now))
    assert await desk.expiry(grant) == expiry


@pytest.mark.behaviour(22)
async def test_several_outages_add_up_and_those_already_known_do_not_count_again(desk: Desk) -> None:
    grant = await desk.seat(1)
    now = await desk.now()
    expiry = now - 10_000 + HOUR
    await desk.redis.zadd(desk.keys.expiry, {bytes.fromhex(grant.lease_id): expiry})
    first, second = outage(1, now - 9_000, now - 6_000), outage(2, now - 5_000, now)
    await desk.arrive("run", first)
    await desk.arrive("run", first, second)
    assert await desk.expiry(grant) == expiry + 3_000 + 5_000


async def test_a_crowd_is_prolonged_as_a_whole(desk: Desk) -> None:
    await desk.configure(capacity=1000)
    crowd = await asyncio.gather(*(desk.seat(number) for number in range(650)))
    await desk.run_out(*crowd, ago=1)
    now = await desk.now()
    await desk.arrive("run", outage(1, now - 30_000, now))
    assert await desk.live() == 650


async def test_an_outage_within_a_recovery_makes_the_window_longer(desk: Desk) -> None:
    grant = await desk.seat(1)
    await desk.arrive("run", loss=Loss.EXPECTED)
    await desk.until(await desk.now() + 2)
    now = await desk.now()
    away = outage(1, now - 60_000, now)
    await desk.arrive("run", away, loss=Loss.EXPECTED)
    [seen] = await desk.authority.observe([desk.pool])
    assert seen is not None
    assert HOUR + 30_000 < seen.recovering_for <= HOUR + 60_001
    assert seen.live == 0
    assert (await desk.beat(grant)).code is Code.OK
    assert await desk.live() == 1
