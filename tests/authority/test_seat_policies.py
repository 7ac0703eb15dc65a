"""What the policies of a pool make of a wish for a seat: overage, drain and shadow mode."""

import asyncio

import pytest

from seatwarden.domain.seats import Code, Grant, Millis, PoolState, Refusal
from tests.authority.desk import HOUR, Desk


def _answers(found: list[Grant | Refusal]) -> list[tuple[Code, bool]]:
    return [(one.code, isinstance(one, Grant) and bool(one.overage)) for one in found]


BASE, ABOVE, REFUSED = (Code.GRANTED, False), (Code.GRANTED, True), (Code.POOL_EXHAUSTED, False)


@pytest.mark.behaviour(17)
async def test_overage_gives_so_many_seats_above_the_capacity_and_no_more(desk: Desk) -> None:
    await desk.configure(capacity=2, overage=2)
    found = [await desk.ask(number) for number in range(6)]
    assert _answers(found) == [BASE, BASE, ABOVE, ABOVE, REFUSED, REFUSED]
    assert [one.capacity for one in found] == [2] * 6
    assert [one.live for one in found] == [1, 2, 3, 4, 4, 4]
    counts = await desk.sweep()
    assert (counts.overage, counts.overage_granted, counts.denied, counts.peak) == (2, 2, 2, 4)


@pytest.mark.behaviour(17)
async def test_a_crowd_gets_exactly_the_seats_and_the_overage(desk: Desk) -> None:
    await desk.configure(capacity=20, overage=5)
    found = await asyncio.gather(*(desk.ask(number) for number in range(100)))
    told = _answers(found)
    assert (told.count(BASE), told.count(ABOVE), told.count(REFUSED)) == (20, 5, 75)


@pytest.mark.behaviour(17)
async def test_a_base_seat_that_gets_free_makes_the_oldest_overage_lease_a_base_one(desk: Desk) -> None:
    await desk.configure(capacity=1, overage=2)
    base, older, _ = [await desk.seat(number) for number in range(3)]
    await desk.release(base)
    assert [await _is_above(desk, number) for number in (1, 2)] == [False, True]
    # The one above the capacity goes: nothing is free below it, and nothing to convert.
    await desk.configure(overage=1)
    assert (await desk.refusal(7)).code is Code.POOL_EXHAUSTED
    await desk.release(older)
    assert not await _is_above(desk, 2)
    assert (await desk.sweep()).overage == 0


@pytest.mark.behaviour(17)
async def test_more_capacity_makes_overage_leases_base_ones_and_less_marks_nobody(desk: Desk) -> None:
    await desk.configure(capacity=1, overage=3)
    for number in range(4):
        await desk.seat(number)
    await desk.configure(capacity=3)
    assert [await _is_above(desk, number) for number in range(4)] == [False, False, False, True]
    await desk.configure(capacity=0)
    assert (await desk.sweep()).overage == 1


@pytest.mark.behaviour(17)
async def test_an_overage_lease_that_runs_out_converts_nobody_and_a_base_one_does(desk: Desk) -> None:
    await desk.configure(capacity=1, overage=1)
    base = await desk.seat(0)
    await desk.seat(1)
    await desk.run_out(base)
    assert (await desk.sweep()).overage == 0
    third = await desk.seat(2)
    assert third.overage
    await desk.run_out(third)
    assert (await desk.sweep()).overage == 0
    assert not await _is_above(desk, 1)


@pytest.mark.behaviour(17)
async def test_the_ledger_tells_which_grant_was_above_the_capacity_and_until_when(desk: Desk) -> None:
    await desk.configure(capacity=1, overage=1)
    base, above = await desk.seat(0), await desk.seat(1)
    await desk.release(base)
    told = [(it["event"], it.get("overage"), it.get("lease")) for it in await desk.ledger() if "lease" in it]
    assert told == [
        ("granted", None, base.lease_id),
        ("granted", "1", above.lease_id),
        ("released", None, base.lease_id),
        ("converted", None, above.lease_id),
    ]


async def test_overage_marks_that_redis_lost_cost_no_seat_and_stop_nothing(desk: Desk) -> None:
    await desk.configure(capacity=1, overage=2)
    grants = [await desk.seat(number) for number in range(3)]
    await desk.redis.delete(desk.keys.overage)
    assert await desk.release(grants[0]) is Code.RELEASED
    counts = await desk.sweep()
    assert (counts.live, counts.overage) == (2, 0)
    assert (await desk.seat(3)).overage


async def test_a_pool_that_drains_gives_no_new_seat_and_takes_none_away(desk: Desk) -> None:
    held = await desk.seat(0, nonce="first run")
    assert not (await desk.sweep()).drains
    await desk.configure(drain=True)
    assert (await desk.sweep()).drains
    refused = await desk.refusal(1)
    assert (refused.code, refused.live, refused.retry_after) == (Code.DRAINING, 1, None)
    assert (await desk.beat(held)).code is Code.OK
    assert (await desk.seat(0, nonce="first run")).code is Code.EXISTING
    # A program that starts again has its seat already.
    again = await desk.seat(0, nonce="second run")
    assert again.taken_over
    await desk.release(again)
    assert (await desk.refusal(0)).code is Code.DRAINING
    await desk.configure(drain=False)
    assert (await desk.seat(0)).code is Code.GRANTED


@pytest.mark.behaviour(32)
async def test_draining_is_said_before_exhausted(desk: Desk) -> None:
    """Waiting for a seat helps where a pool is full, and not where it drains."""
    await desk.configure(capacity=0, drain=True)
    assert (await desk.refusal(0)).code is Code.DRAINING


async def test_in_shadow_mode_nothing_is_refused_for_want_of_a_seat_and_all_of_it_is_counted(
    desk: Desk,
) -> None:
    await desk.configure(capacity=2, overage=1, shadow=True)
    found = [await desk.ask(number) for number in range(5)]
    assert _answers(found) == [BASE, BASE, ABOVE, BASE, BASE]
    assert found[-1].live == 5
    await desk.configure(drain=True)
    assert (await desk.seat(5)).live == 6
    counts = await desk.sweep()
    assert (counts.denied, counts.would_deny, counts.overage, counts.live) == (0, 3, 1, 6)
    marks = [(it.get("overage"), it.get("shadow")) for it in await desk.ledger() if it["event"] == "granted"]
    assert marks == [(None, None), (None, None), ("1", None), *[(None, "1")] * 3]


async def test_the_end_of_shadow_mode_takes_no_seat_away(desk: Desk) -> None:
    await desk.configure(capacity=1, shadow=True)
    grants = [await desk.seat(number) for number in range(3)]
    await desk.configure(shadow=False)
    assert [(await desk.beat(grant)).code for grant in grants] == [Code.OK] * 3
    await desk.release(grants[0])
    await desk.release(grants[1])
    assert (await desk.refusal(4)).code is Code.POOL_EXHAUSTED
    await desk.release(grants[2])
    assert (await desk.seat(4)).code is Code.GRANTED


@pytest.mark.parametrize("state", [PoolState.SUSPENDED, PoolState.EXPIRED])
async def test_shadow_mode_opens_no_pool_that_is_closed(desk: Desk, state: PoolState) -> None:
    await desk.configure(shadow=True, state=state)
    assert (await desk.refusal(0)).code is Code(state.value)
    assert (await desk.sweep()).denied == 1


async def test_the_wait_of_a_full_pool_counts_the_overage(desk: Desk) -> None:
    await desk.configure(capacity=1, overage=1)
    await desk.seat(0)
    await desk.configure(lease=Millis(2 * HOUR))
    await desk.seat(1)
    wait = (await desk.refusal(2)).retry_after
    assert wait is not None
    assert wait <= HOUR


async def _is_above(desk: Desk, number: int) -> bool:
    return (await desk.seat(number)).overage == 1
