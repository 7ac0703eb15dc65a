"""The sync client against the real endpoint. It runs in a thread of its own, as the endpoint is served in this one."""

import asyncio
import threading
from typing import Any

import pytest
from redis.asyncio import Redis

from seatwarden.client import Client, EndpointUnavailable, LicenceRefused, Loss, NoSeatFree, SeatLost
from seatwarden.client.answers import Answer
from seatwarden.domain.seats import Millis, PoolState
from tests.chaos_proxy import chaos_proxy
from tests.client.stand import HOLDER, OTHER, PATIENCE_SECONDS, Stand, stand_on, until
from tests.endpoint.live_clients import watchful_operator

SHORT = Millis(4_000)


async def test_a_seat_is_held_in_the_block_and_given_back_after_it(stand: Stand) -> None:
    def work(loop: asyncio.AbstractEventLoop) -> None:
        notes = {"user": "mia"}
        with stand.client().hold(holder=HOLDER, quantity=2, client_version="2.4", metadata=notes) as seat:
            rows = asyncio.run_coroutine_threadsafe(stand.sessions(), loop).result(PATIENCE_SECONDS)
            told = [(row.lease_id, row.client_version, row.quantity) for row in rows]
            assert told == [(seat.session, "2.4", 2)]
            assert seat.held
            assert 0 < seat.valid_for <= 60
            assert seat.lease
            seat.check()

    await stand.pool.configure(capacity=2)
    await asyncio.to_thread(work, asyncio.get_running_loop())
    assert await stand.sessions() == []


async def test_an_error_in_the_block_gives_the_seat_back_and_comes_through(stand: Stand) -> None:
    def work() -> None:
        with stand.client().hold(holder=HOLDER):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(work)
    assert await stand.sessions() == []


async def test_a_full_pool_is_refused_with_its_code_and_the_wait(stand: Stand) -> None:
    def work() -> NoSeatFree:
        with stand.client().hold(holder=HOLDER), pytest.raises(NoSeatFree) as refused:  # noqa: SIM117
            with stand.client().hold(holder=OTHER):
                raise AssertionError("there is one seat")
        return refused.value

    error = await asyncio.to_thread(work)
    assert (error.code, error.status) == ("pool_exhausted", 409)
    assert error.retry_after is not None
    assert 0 < error.retry_after <= 60


async def test_who_waits_gets_the_seat_that_becomes_free(redis_url: str) -> None:
    async with stand_on(redis_url, lease=Millis(2_000)) as stand:
        refused = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wait() -> bool:
            client = stand.client()
            send = client.send

            def tell(call: Any, **limits: Any) -> Answer:
                answer = send(call, **limits)
                if answer.code == "pool_exhausted":
                    loop.call_soon_threadsafe(refused.set)
                return answer

            client.send = tell  # type: ignore[method-assign]  # it listens in
            with client.hold(holder=OTHER, wait=30) as seat:
                return seat.held

        async with stand.async_client().hold(holder=HOLDER):
            waiting = asyncio.create_task(asyncio.to_thread(wait))
            await asyncio.wait_for(refused.wait(), PATIENCE_SECONDS)
            assert not waiting.done()
        assert await asyncio.wait_for(waiting, PATIENCE_SECONDS)


@pytest.mark.parametrize("state", [PoolState.SUSPENDED, PoolState.EXPIRED])
async def test_a_licence_that_gives_no_seat_is_told_as_such(stand: Stand, state: PoolState) -> None:
    await stand.pool.configure(state=state)

    def work() -> None:
        with stand.client().hold(holder=HOLDER, wait=60):
            pass

    with pytest.raises(LicenceRefused) as refused:
        await asyncio.to_thread(work)
    assert refused.value.code == state.value


async def test_a_lost_answer_costs_no_second_seat(redis_url: str) -> None:
    async with stand_on(redis_url, seats=2) as stand, chaos_proxy(stand.port, seed=1) as proxy:
        proxy.set("down", cut=1.0)
        loop = asyncio.get_running_loop()

        async def heal() -> None:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await stand.sessions():  # noqa: ASYNC110  the lease is in Redis
                    await asyncio.sleep(0.01)
            proxy.calm()

        def work() -> bool:
            with stand.client(f"http://127.0.0.1:{proxy.port}").hold(holder=HOLDER, wait=30) as seat:
                rows = asyncio.run_coroutine_threadsafe(stand.sessions(), loop).result(PATIENCE_SECONDS)
                return [row.lease_id for row in rows] == [seat.session] and not seat.taken_over

        _, well = await asyncio.gather(heal(), asyncio.to_thread(work))
        assert well


async def run_through(stand: Stand, disturb: Any, *, url: str | None = None, **wishes: Any) -> Loss | None:
    """Hold a seat, ``disturb``, and tell whether it was lost."""
    seated, over = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    seats = []

    def work() -> None:
        try:
            with stand.client(url).hold(holder=HOLDER, **wishes) as seat:
                seats.append(seat)
                loop.call_soon_threadsafe(seated.set)
                over.wait(PATIENCE_SECONDS * 2)
        finally:
            loop.call_soon_threadsafe(seated.set)

    working = asyncio.create_task(asyncio.to_thread(work))
    await asyncio.wait_for(seated.wait(), PATIENCE_SECONDS)
    try:
        await disturb(seats[0])
        return seats[0].loss
    finally:
        over.set()
        await working


async def test_a_restart_of_the_endpoint_costs_no_seat(redis_url: str) -> None:
    async with stand_on(redis_url, lease=SHORT) as stand:

        async def restart(seat: Any) -> None:
            for _ in range(2):
                failures = seat._keeping.failures
                await stand.stop()
                await until(lambda before=failures: seat._keeping.failures > before)  # type: ignore[misc]
                await stand.start()
                await until(lambda: seat._keeping.failures == 0 and seat.held)

        assert await run_through(stand, restart) is None
        assert await stand.sessions() == []


async def test_away_for_longer_than_the_lease_and_forgotten_the_seat_is_offline_and_its_signed_lease_gets_it_back(
    redis_url: str,
) -> None:
    async with stand_on(redis_url, lease=Millis(6_000)) as stand, watchful_operator(stand.seats, stand.pool):

        async def forget(seat: Any) -> None:
            await stand.stop()
            await until(lambda: not seat.held)
            assert (seat.loss, seat.lost.is_set(), seat.valid_for) == (None, False, 0.0)
            seat.check()
            async with Redis.from_url(redis_url) as redis:
                await redis.flushall()
            await stand.start()
            await until(lambda: seat.held or seat.loss is not None)

        assert await run_through(stand, forget) is None


async def test_strict_the_seat_is_lost_when_the_lease_ends_in_silence(redis_url: str) -> None:
    async with stand_on(redis_url, lease=Millis(2_000)) as stand:
        told: list[Loss] = []

        async def be_away(seat: Any) -> None:
            await stand.stop()
            await until(lambda: bool(told))
            assert seat.lost.is_set()
            with pytest.raises(SeatLost) as lost:
                seat.check()
            assert lost.value.code == "lease_expired"

        loss = await run_through(stand, be_away, strict=True, on_loss=told.append)
        assert told == [loss]


async def test_a_run_that_takes_the_seat_over_ends_the_one_before(redis_url: str) -> None:
    async with stand_on(redis_url, lease=SHORT) as stand:

        async def take_over(seat: Any) -> None:
            async with stand.async_client().hold(holder=HOLDER) as newer:
                assert newer.taken_over
                assert newer.fence > seat.fence
                await until(seat.lost.is_set)

        loss = await run_through(stand, take_over)
        assert loss is not None
        assert (loss.code, loss.told) == ("stale_fence", True)


async def test_a_suspended_pool_lets_the_lease_run_out_and_says_so_at_once(redis_url: str) -> None:
    async with stand_on(redis_url, lease=SHORT) as stand:

        async def suspend(seat: Any) -> None:
            await stand.pool.configure(state=PoolState.SUSPENDED)
            await until(lambda: seat.told == "suspended")
            assert seat.held
            await until(seat.lost.is_set)

        loss = await run_through(stand, suspend)
        assert loss is not None
        assert loss.code == "suspended"


async def test_a_thread_that_dies_is_a_lost_seat(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    died: list[object] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    async with stand_on(redis_url, lease=SHORT) as stand:

        async def break_it(seat: Any) -> None:
            whole, seat._client = seat._client, None
            await until(seat.lost.is_set)
            seat._client = whole

        loss = await run_through(stand, break_it)
        assert loss is not None
        assert loss.code == "beat_stopped"
        assert died
        assert await stand.sessions() == []


async def test_an_endpoint_that_is_not_there_is_unavailable(stand: Stand) -> None:
    await stand.stop()

    def work() -> None:
        with stand.client().hold(holder=HOLDER):
            pass

    with pytest.raises(EndpointUnavailable) as refused:
        await asyncio.to_thread(work)
    assert refused.value.code == "unreachable"


async def test_a_key_in_a_file_is_read_again_after_a_rotation(redis_url: str, tmp_path: Any) -> None:
    async with stand_on(redis_url, lease=SHORT) as stand:
        file = tmp_path / "key"
        file.write_text("LIC-an-old-key-that-no-pool-accepts\n")
        client = Client(stand.url, license_key_file=file)

        def work() -> None:
            with client.hold(holder=HOLDER):
                pass

        with client:
            with pytest.raises(LicenceRefused):
                await asyncio.to_thread(work)
            file.write_text(stand.pool.key.text + "\n")
            await asyncio.to_thread(work)
