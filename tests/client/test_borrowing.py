"""Seats that are taken away, with either client in front of a real endpoint."""

import asyncio
import logging
import stat
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from seatwarden.client import (
    AsyncClient,
    BorrowRefused,
    Client,
    EndpointUnavailable,
    LicenceRefused,
    RequestRefused,
    SeatLost,
)
from seatwarden.client.borrowed import Borrowed
from seatwarden.domain.seats import Millis, PoolState
from tests.client.stand import HOLDER, KEYS, OTHER, PATIENCE_SECONDS, Stand, stand_on, until

DAY = Millis(86_400_000)
EIGHT_HOURS = timedelta(hours=8)


async def lend(stand: Stand, seats: int = 1) -> Stand:
    """Have the pool lend so many seats for a day."""
    await stand.pool.configure(borrow_seats=seats, borrow_longest=DAY)
    return stand


@pytest.fixture
async def lending(stand: Stand) -> Stand:
    """A stand whose one seat can be borrowed for a day."""
    return await lend(stand)


async def seconds_away(stand: Stand) -> float:
    """For how long the only lease lives."""
    [row] = await stand.sessions()
    return row.expires_in / 1000


async def borrow_in_a_thread(stand: Stand, file: Path) -> Borrowed:
    """What the sync client borrows for eight hours."""

    def work() -> Borrowed:
        with stand.client().hold(holder=HOLDER) as seat:
            return seat.borrow(EIGHT_HOURS, save=file)

    return await asyncio.to_thread(work)


async def borrow_in_a_task(stand: Stand, file: Path) -> Borrowed:
    """What the async client borrows for eight hours."""
    async with stand.async_client().hold(holder=HOLDER) as seat:
        return await seat.borrow(EIGHT_HOURS, save=file)


@pytest.mark.parametrize("borrow", [borrow_in_a_thread, borrow_in_a_task])
async def test_a_borrowed_seat_stays_away_when_the_block_is_left(
    lending: Stand, tmp_path: Path, borrow: Callable[[Stand, Path], Coroutine[Any, Any, Borrowed]]
) -> None:
    file = tmp_path / "seat.json"
    borrowed = await borrow(lending, file)
    assert 28_700 < await seconds_away(lending) <= 28_800
    assert abs(borrowed.until - datetime.now(UTC) - EIGHT_HOURS) < timedelta(minutes=1)
    assert (borrowed.quantity, borrowed.group, borrowed.seconds) == (1, "", 28_800.0)
    lease = KEYS.verify(borrowed.lease or "", lending.pool.uid)
    assert lease is not None
    assert (lease.lease_id, lease.fence) == (borrowed.session, borrowed.fence)
    assert Borrowed.read(file) == borrowed
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_given_back_it_is_free_at_once_and_the_second_time_there_is_nothing_to_do(
    lending: Stand, tmp_path: Path
) -> None:
    sync, concurrent = lending.client(), lending.async_client()
    for give_back in (
        lambda borrowed: asyncio.to_thread(sync.give_back, borrowed),
        concurrent.give_back,
    ):
        borrowed = await borrow_in_a_task(lending, tmp_path / "seat.json")
        assert await give_back(borrowed)
        assert await lending.sessions() == []
        assert not await give_back(borrowed)
    earlier = await borrow_in_a_task(lending, tmp_path / "seat.json")
    await concurrent.give_back(earlier)
    async with concurrent.hold(holder=OTHER):
        assert not await concurrent.give_back(earlier)
        assert len(await lending.sessions()) == 1


async def test_a_run_that_took_the_borrowed_seat_over_keeps_it_when_the_one_before_is_given_back(
    lending: Stand, tmp_path: Path
) -> None:
    borrowed = await borrow_in_a_task(lending, tmp_path / "seat.json")
    async with lending.async_client().hold(holder=HOLDER) as seat:
        assert not await lending.async_client().give_back(borrowed)
        assert [row.lease_id for row in await lending.sessions()] == [seat.session]


async def test_what_cannot_be_given_back_is_told_and_stays_borrowed(lending: Stand, tmp_path: Path) -> None:
    borrowed = await borrow_in_a_task(lending, tmp_path / "seat.json")
    await lending.stop()
    async with AsyncClient(lending.url, license_key=lending.pool.key.text, call_seconds=1) as client:
        with pytest.raises(EndpointUnavailable):
            await client.give_back(borrowed)
    await lending.start()
    stranger = lending.pool.key.text[:-1] + ("a" if lending.pool.key.text[-1] != "a" else "b")
    async with AsyncClient(lending.url, license_key=stranger) as client:
        with pytest.raises(LicenceRefused):
            await client.give_back(borrowed)
    assert await seconds_away(lending) > 28_000


async def test_a_pool_that_does_not_lend_leaves_the_seat_held_and_says_what_it_lends(stand: Stand) -> None:
    async with stand.async_client().hold(holder=HOLDER) as seat:
        with pytest.raises(BorrowRefused, match=r"spec\.borrow") as refused:
            await seat.borrow(EIGHT_HOURS)
        assert (refused.value.code, refused.value.status) == ("borrow_limit", 409)
        await lend(stand)
        with pytest.raises(BorrowRefused, match=r"24\.0 hours at most"):
            await seat.borrow(timedelta(hours=25))
        assert seat.held
        assert await seconds_away(stand) <= 60
    assert await stand.sessions() == []


@pytest.mark.parametrize(
    ("changes", "kind", "code"),
    [
        ({"drain": True}, BorrowRefused, "draining"),
        ({"state": PoolState.SUSPENDED}, LicenceRefused, "suspended"),
        ({"valid_until": Millis(1)}, LicenceRefused, "expired"),
        ({"epoch": 2}, EndpointUnavailable, "recovering"),
    ],
)
async def test_a_closed_pool_lends_nothing_and_each_reason_has_its_kind(
    lending: Stand, changes: dict[str, object], kind: type[Exception], code: str
) -> None:
    async with lending.async_client().hold(holder=HOLDER) as seat:
        await lending.pool.configure(**changes)
        with pytest.raises(kind) as refused:
            await seat.borrow()
        assert getattr(refused.value, "code", "") == code
        assert seat.loss is None


async def test_a_duration_that_is_none_is_a_fault_of_the_program(lending: Stand) -> None:
    async with lending.async_client().hold(holder=HOLDER) as seat:
        with pytest.raises(RequestRefused):
            await seat.borrow(timedelta(0))


async def test_a_seat_that_another_run_took_cannot_be_borrowed_and_is_lost(lending: Stand) -> None:
    async with (
        lending.async_client().hold(holder=HOLDER) as seat,
        lending.async_client().hold(holder=HOLDER) as newer,
    ):
        with pytest.raises(SeatLost) as lost:
            await seat.borrow()
        assert lost.value.code == "stale_fence"
        assert seat.loss is not None
        with pytest.raises(SeatLost):
            await seat.borrow()
        assert newer.held


async def test_in_the_block_a_borrowed_seat_outlives_the_endpoint(redis_url: str, tmp_path: Path) -> None:
    """It is strict: without the borrow the seat would be lost when the lease ends."""
    async with stand_on(redis_url, lease=Millis(2_000)) as stand:
        await lend(stand)
        async with stand.async_client().hold(holder=HOLDER, strict=True) as seat:
            await seat.borrow(EIGHT_HOURS)
            told_until = seat._keeping.valid_until
            await stand.stop()
            await until(lambda: seat._clock() > told_until + 0.5)
            assert seat.held
            assert 28_000 < seat.valid_for <= 28_800
            seat.check()
            await stand.start()
            await until(lambda: seat._keeping.failures == 0)
            assert seat.held


async def test_a_beat_that_runs_while_the_seat_is_borrowed_does_not_forget_that(redis_url: str) -> None:
    async with stand_on(redis_url, lease=Millis(2_000)) as stand:
        await lend(stand)

        def work() -> bool:
            with stand.client().hold(holder=HOLDER) as seat:
                borrowed = seat.borrow(EIGHT_HOURS)
                before = seat._keeping.valid_until
                for _ in range(int(PATIENCE_SECONDS * 50)):
                    if seat._keeping.valid_until > before:
                        break
                    seat.lost.wait(0.02)
                return seat._keeping.valid_until > before and seat.valid_for > 28_000 and bool(borrowed.lease)

        assert await asyncio.to_thread(work)


async def test_a_file_that_cannot_be_written_leaves_no_seat_away(lending: Stand, tmp_path: Path) -> None:
    def work() -> None:
        with lending.client().hold(holder=HOLDER) as seat:
            seat.borrow(EIGHT_HOURS, save=tmp_path / "none" / "seat.json")

    with pytest.raises(FileNotFoundError):
        await asyncio.to_thread(work)
    assert await lending.sessions() == []


async def test_a_second_borrow_makes_the_time_longer_and_never_shorter(lending: Stand) -> None:
    async with lending.async_client().hold(holder=HOLDER) as seat:
        first = await seat.borrow(EIGHT_HOURS)
        shorter = await seat.borrow(timedelta(hours=1))
        longest = await seat.borrow()
        assert abs(shorter.until - first.until) < timedelta(seconds=1)
        assert timedelta(hours=23) < longest.until - datetime.now(UTC) <= timedelta(days=1)
        assert seat.valid_for > 82_800


async def test_several_seats_of_a_group_go_away_as_one(stand: Stand) -> None:
    await stand.pool.configure(capacity=3)
    await lend(stand, seats=3)
    async with stand.async_client().hold(holder=HOLDER, quantity=3) as seat:
        borrowed = await seat.borrow(EIGHT_HOURS)
    assert borrowed.quantity == 3


async def test_nothing_that_is_logged_or_shown_has_the_signed_lease(
    lending: Stand, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        borrowed = await borrow_in_a_thread(lending, tmp_path / "seat.json")
        with Client.away(tmp_path / "seat.json") as seat:
            shown = f"{borrowed!r} {borrowed} {seat!r} {caplog.text}"
    assert borrowed.lease
    assert borrowed.lease not in shown
    assert borrowed.lease.rpartition(".")[2] not in shown
    assert HOLDER not in f"{borrowed!r}"
