"""An idempotency key: the same wish again is the same answer, and one seat, for as long as the lease that was given."""

import asyncio
from typing import Any

import pytest

from seatwarden.domain.seats import Code, Grant, Millis, PoolState
from tests.authority.desk import HOUR, Desk


async def replays(desk: Desk) -> list[Any]:
    """The keys in Redis in which answers are kept."""
    return [name async for name in desk.redis.scan_iter(f"sw:{{{desk.pool}}}:replay:*")]


@pytest.mark.behaviour(4)
async def test_the_same_wish_again_gets_the_very_same_answer(desk: Desk) -> None:
    first = await desk.seat(1, idempotency_key="wish", spread=4711)
    await desk.seat(2)
    again = await desk.seat(1, idempotency_key="wish", spread=1)
    assert again == first
    assert again.spread == 4711
    assert (await desk.sweep()).granted == 2


@pytest.mark.behaviour(4)
async def test_a_wish_repeated_many_times_at_once_is_one_seat(desk: Desk) -> None:
    """Double clicks."""
    answers = await asyncio.gather(
        *(
            desk.seat(1, nonce=f"run {number % 2}", idempotency_key=f"wish {number % 2}")
            for number in range(40)
        )
    )
    assert len({answer.fence for answer in answers}) == 2
    assert await desk.live() == 1


@pytest.mark.behaviour(4)
@pytest.mark.parametrize(
    "other", [{"nonce": "another"}, {"client_version": "2"}, {"metadata": '{"a":1}'}, {"number": 2}]
)
async def test_the_same_key_with_another_wish_is_refused_and_changes_nothing(
    desk: Desk, other: dict[str, Any]
) -> None:
    await desk.seat(1, idempotency_key="wish")
    before = await desk.redis.hgetall(desk.keys.state)
    wish: dict[str, Any] = {"number": 1, "idempotency_key": "wish"}
    answer = await desk.ask(**(wish | other))
    assert answer.code is Code.IDEMPOTENCY_MISMATCH
    assert await desk.redis.hgetall(desk.keys.state) == before


@pytest.mark.behaviour(2)
async def test_another_key_is_another_wish_but_the_same_run_has_the_same_lease(desk: Desk) -> None:
    first = await desk.seat(1, idempotency_key="wish")
    second = await desk.seat(1, idempotency_key="another wish")
    assert (second.code, second.fence) == (Code.EXISTING, first.fence)


@pytest.mark.behaviour(4)
async def test_a_refusal_is_not_kept(desk: Desk) -> None:
    """The next try may succeed."""
    held = [await desk.seat(1), await desk.seat(2)]
    assert (await desk.ask(3, idempotency_key="wish")).code is Code.POOL_EXHAUSTED
    assert await replays(desk) == []
    await desk.release(held[0])
    assert isinstance(await desk.ask(3, idempotency_key="wish"), Grant)


async def test_the_answer_is_kept_as_long_as_the_lease_and_dies_by_itself(desk: Desk) -> None:
    await desk.seat(1, idempotency_key="wish")
    [name] = await replays(desk)
    assert HOUR - 60_000 < await desk.redis.pttl(name) <= HOUR
    await desk.configure(lease=Millis(80), heartbeat=Millis(20))
    await desk.seat(2, idempotency_key="short")
    await desk.until(await desk.now() + 85)
    assert await replays(desk) == [name]


async def test_the_answer_is_told_again_in_a_pool_that_was_suspended_meanwhile(desk: Desk) -> None:
    first = await desk.seat(1, idempotency_key="wish")
    await desk.configure(state=PoolState.SUSPENDED)
    assert await desk.seat(1, idempotency_key="wish") == first


async def test_a_key_of_one_licence_says_nothing_to_another(desk: Desk) -> None:
    """P7"""
    other = "b" * 64
    await desk.configure(key_ids={**desk.config.key_ids, other: "other"})
    await desk.seat(1, idempotency_key="wish")
    answer = await desk.ask(1, idempotency_key="wish", nonce="x", key_hash=other)
    assert isinstance(answer, Grant)
    assert answer.taken_over
