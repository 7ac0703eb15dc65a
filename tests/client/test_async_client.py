"""The async client against the real endpoint."""

import asyncio

import pytest
from redis.asyncio import Redis

from seatwarden.client import Loss, NoSeatFree, SeatLost
from seatwarden.domain.seats import Millis
from tests.client.stand import HOLDER, OTHER, PATIENCE_SECONDS, Stand, stand_on, until
from tests.endpoint.live_clients import watchful_operator

SHORT = Millis(4_000)


async def test_a_seat_is_held_in_the_block_and_given_back_after_it(stand: Stand) -> None:
    async with stand.async_client().hold(holder=HOLDER) as seat:
        assert seat.held
        assert [row.lease_id for row in await stand.sessions()] == [seat.session]
        with pytest.raises(NoSeatFree):
            async with stand.async_client().hold(holder=OTHER):
                raise AssertionError("there is one seat")
    assert await stand.sessions() == []


async def test_a_cancelled_block_gives_the_seat_back(stand: Stand) -> None:
    seated = asyncio.Event()

    async def work() -> None:
        async with stand.async_client().hold(holder=HOLDER):
            seated.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.wait_for(seated.wait(), PATIENCE_SECONDS)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await stand.sessions() == []


async def test_a_restart_of_the_endpoint_costs_no_seat(redis_url: str) -> None:
    async with stand_on(redis_url, lease=SHORT) as stand, stand.async_client().hold(holder=HOLDER) as seat:
        await stand.stop()
        await until(lambda: seat._keeping.failures > 0)
        await stand.start()
        await until(lambda: seat._keeping.failures == 0)
        assert seat.held


async def test_a_flush_of_redis_costs_no_seat(redis_url: str) -> None:
    async with (
        stand_on(redis_url, lease=SHORT) as stand,
        watchful_operator(stand.seats, stand.pool),
        stand.async_client().hold(holder=HOLDER) as seat,
    ):
        async with Redis.from_url(redis_url) as redis:
            await redis.flushall()
        before = seat._keeping.valid_until
        await until(lambda: seat._keeping.valid_until > before or seat.loss is not None)
        seat.check()


async def test_a_lost_seat_can_be_awaited_and_is_told_once(redis_url: str) -> None:
    told: list[Loss] = []
    async with stand_on(redis_url, lease=SHORT) as stand:
        async with (
            stand.async_client().hold(holder=HOLDER, on_loss=told.append) as seat,
            stand.async_client().hold(holder=HOLDER),
        ):
            await asyncio.wait_for(seat.lost.wait(), PATIENCE_SECONDS)
            with pytest.raises(SeatLost) as lost:
                seat.check()
            assert lost.value.code == "stale_fence"
        assert [loss.code for loss in told] == ["stale_fence"]


async def test_leaving_the_block_is_no_loss(stand: Stand) -> None:
    told: list[Loss] = []
    async with stand.async_client().hold(holder=HOLDER, on_loss=told.append) as seat:
        pass
    assert (told, seat.lost.is_set()) == ([], False)
