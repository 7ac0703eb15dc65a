"""P1: never more live leases than seats, and P2: never a seat that nobody can have."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from seatwarden.backends.redis_keys import all_pool_keys
from seatwarden.backends.redis_link import Argument
from seatwarden.backends.redis_scripts import ACQUIRE
from seatwarden.backends.redis_wire import acquire_arguments, read_acquired
from seatwarden.domain.seats import AcquireRequest, Code, Grant, Millis, PoolUid, Refusal
from tests.authority.desk import HOUR, KEY, Desk, holder

CLIENTS, SEATS = 200, 50


@pytest.mark.behaviour(1)
async def test_two_hundred_clients_at_once_on_fifty_seats_get_exactly_fifty(desk: Desk) -> None:
    """Each client by itself, on as many connections as there are."""
    await desk.configure(capacity=SEATS)
    for _ in range(15):
        answers = await asyncio.gather(*(desk.ask(number) for number in range(CLIENTS)))
        _exactly_the_seats(answers)
        await desk.authority.remove(desk.pool)
        await desk.configure()


@pytest.mark.behaviour(1)
async def test_three_hundred_rounds_of_a_crowd_on_twenty_connections_never_give_a_seat_too_many(
    desk: Desk,
) -> None:
    """Ten clients to a connection, so that the server and not the sending is what is busy."""
    await desk.authority.ready()
    clients = [
        acquire_arguments(AcquireRequest(key_hash=KEY, holder=holder(number))) for number in range(CLIENTS)
    ]

    async def crowd(pool: PoolUid, members: list[tuple[Argument, ...]]) -> list[Grant | Refusal]:
        async with desk.redis.pipeline(transaction=False) as together:
            for arguments in members:
                together.evalsha(ACQUIRE.sha, len(all_pool_keys(pool)), *all_pool_keys(pool), *arguments)
            return [read_acquired(reply) for reply in await together.execute()]

    for _ in range(300):
        pool = PoolUid(str(uuid4()))
        await desk.authority.configure(pool, replace(desk.config, capacity=SEATS), term=1)
        crowds = await asyncio.gather(*(crowd(pool, clients[at::20]) for at in range(20)))
        _exactly_the_seats([answer for answers in crowds for answer in answers])
        await desk.authority.remove(pool)


def _exactly_the_seats(answers: list[Grant | Refusal]) -> None:
    assert len(answers) == CLIENTS
    grants = [answer for answer in answers if isinstance(answer, Grant)]
    assert len(grants) == SEATS
    assert len({grant.fence for grant in grants}) == SEATS
    assert len({grant.lease_id for grant in grants}) == SEATS
    assert max(grant.live for grant in grants) == SEATS
    assert {answer.code for answer in answers if isinstance(answer, Refusal)} == {Code.POOL_EXHAUSTED}


@pytest.mark.behaviour(4)
async def test_one_client_that_asks_many_times_at_once_gets_one_seat(desk: Desk) -> None:
    grants = await asyncio.gather(*(desk.seat(1) for _ in range(50)))
    assert len({(grant.lease_id, grant.fence) for grant in grants}) == 1
    assert await desk.live() == 1


@pytest.mark.behaviour(32)
async def test_a_refusal_says_how_full_the_pool_is_and_when_a_seat_can_come_free(desk: Desk) -> None:
    first = await desk.seat(1)
    await desk.seat(2)
    refusal = await desk.refusal(3)
    assert (refusal.code, refusal.capacity, refusal.live) == (Code.POOL_EXHAUSTED, 2, 2)
    assert refusal.retry_after is not None
    left = await desk.expiry(first) - await desk.now()
    assert left <= refusal.retry_after <= HOUR


async def test_a_pool_without_seats_promises_no_waiting_time(desk: Desk) -> None:
    await desk.configure(capacity=0)
    assert (await desk.refusal(1)).retry_after is None


@pytest.mark.behaviour(8)
async def test_an_expired_seat_is_taken_at_once_without_any_sweep(desk: Desk) -> None:
    await desk.configure(capacity=1, lease=Millis(60), heartbeat=Millis(20))
    for number in range(10):
        grant = await desk.seat(number)
        await desk.until(await desk.expiry(grant))


@pytest.mark.behaviour(8)
async def test_a_seat_is_free_in_the_very_millisecond_of_its_expiry(desk: Desk) -> None:
    """An expiry of `now` has passed; one a second ahead has not."""
    await desk.configure(capacity=1)
    grant = await desk.seat(1)
    await desk.redis.zadd(desk.keys.expiry, {bytes.fromhex(grant.lease_id): await desk.now() + 1000})
    await desk.refusal(2)
    await desk.run_out(grant, ago=0)
    await desk.seat(2)


@pytest.mark.behaviour(8)
async def test_a_seat_is_free_though_more_expired_than_one_call_purges(desk: Desk) -> None:
    await desk.configure(capacity=450)
    crowd = await asyncio.gather(*(desk.seat(number) for number in range(450)))
    await desk.run_out(*crowd)
    await desk.configure(capacity=1)
    assert (await desk.seat(1000)).live == 1
    assert (await desk.refusal(1001)).code is Code.POOL_EXHAUSTED
    counts = await desk.sweep()
    assert (counts.live, counts.expired, counts.unpurged, counts.peak) == (1, 450, 0, 450)


@pytest.mark.behaviour(13)
async def test_shrink_below_use_never_kills_a_lease_and_grants_nothing_until_below(desk: Desk) -> None:
    await desk.configure(capacity=4)
    held = [await desk.seat(number) for number in range(4)]
    await desk.configure(capacity=2)
    assert [(await desk.beat(grant)).code for grant in held] == [Code.OK] * 4
    assert (await desk.seat(0)).code is Code.EXISTING
    for leaving in held[:2]:
        assert (await desk.refusal(9)).code is Code.POOL_EXHAUSTED
        await desk.release(leaving)
    assert (await desk.refusal(9)).live == 2
    await desk.release(held[2])
    assert (await desk.seat(9)).live == 2


async def test_waiting_time_of_an_overfull_pool_is_until_enough_leases_can_be_gone(desk: Desk) -> None:
    await desk.configure(capacity=3)
    held = [await desk.seat(number) for number in range(3)]
    now = await desk.now()
    for minutes, grant in enumerate(held, start=10):
        await desk.redis.zadd(desk.keys.expiry, {bytes.fromhex(grant.lease_id): now + minutes * 60_000})
    await desk.configure(capacity=1)
    wait = (await desk.refusal(9)).retry_after
    assert wait is not None
    assert 11 * 60_000 < wait + (await desk.now() - now) <= 12 * 60_000 + 1000


@pytest.mark.behaviour(14)
async def test_a_raised_capacity_admits_and_leaves_a_suspension_alone(desk: Desk) -> None:
    await desk.seat(1)
    await desk.seat(2)
    await desk.refusal(3)
    await desk.configure(capacity=3)
    await desk.seat(3)
