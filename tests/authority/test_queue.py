"""Who waits for a seat gets it in turn: places, offers, and what becomes of those who do not come again."""

import asyncio
from typing import Any

import pytest

from seatwarden.domain.seats import Code, Grant, Millis, Refusal, SeatGroup
from tests.authority.desk import HOUR, Desk

CLAIM = Millis(20_000)


@pytest.mark.behaviour(20)
async def test_whoever_waits_is_told_its_place_and_gets_its_seat_in_turn(desk: Desk) -> None:
    await desk.configure(capacity=1, queue_size=5, claim=CLAIM)
    grant = await desk.seat(0)
    for number in (1, 2, 3):
        waiting = await _waits(desk, number)
        assert waiting.place is not None
        assert waiting.place[:2] == (number, number)
        assert waiting.retry_after == 1000 * number
    await desk.release(grant)
    assert (await _waits(desk, 3)).place == (2, 2, _any(await _waits(desk, 3)))
    assert isinstance(await desk.ask(1, would_wait=True), Grant)
    assert [_position(await _waits(desk, number)) for number in (2, 3)] == [1, 2]


@pytest.mark.behaviour(20)
async def test_nobody_who_comes_anew_overtakes(desk: Desk) -> None:
    await desk.configure(capacity=2, queue_size=5, claim=CLAIM)
    first = await desk.seat(0)
    await desk.seat(1)
    await _waits(desk, 2, quantity=2)
    await desk.release(first)
    refused = await desk.refusal(3)
    assert (refused.code, refused.live) == (Code.POOL_EXHAUSTED, 1)
    assert _position(await _waits(desk, 4)) == 2


@pytest.mark.behaviour(20)
async def test_a_big_wish_is_not_starved_by_small_ones(desk: Desk) -> None:
    await desk.configure(capacity=3, queue_size=50, claim=CLAIM)
    held = [await desk.seat(number) for number in range(3)]
    await _waits(desk, 10, quantity=3)
    for number in range(20, 40):
        await _waits(desk, number)
    for grant in held:
        for number in range(20, 40):
            assert isinstance(await desk.ask(number, would_wait=True), Refusal)
        await desk.release(grant)
    assert isinstance(await desk.ask(10, quantity=3, would_wait=True), Grant)


@pytest.mark.behaviour(20)
async def test_an_offer_that_nobody_claims_passes_on_in_its_millisecond(desk: Desk) -> None:
    await desk.configure(capacity=1, queue_size=5, claim=CLAIM)
    grant = await desk.seat(0)
    await _waits(desk, 1)
    await _waits(desk, 2)
    await desk.release(grant)
    await _waits(desk, 2)
    assert (await desk.refusal(3)).code is Code.POOL_EXHAUSTED
    await _let_lapse(desk, desk.keys.offers)
    assert isinstance(await desk.ask(2, would_wait=True), Grant)
    assert _position(await _waits(desk, 1)) == 1


@pytest.mark.behaviour(20)
async def test_who_does_not_come_again_loses_its_place(desk: Desk) -> None:
    await desk.configure(capacity=1, queue_size=5, claim=CLAIM)
    await desk.seat(0)
    await _waits(desk, 1)
    await _let_lapse(desk, desk.keys.waits)
    assert _position(await _waits(desk, 2)) == 1
    assert _position(await _waits(desk, 1)) == 2


@pytest.mark.behaviour(20)
async def test_a_queue_takes_so_many_and_no_more(desk: Desk) -> None:
    await desk.configure(capacity=1, queue_size=2, claim=CLAIM)
    await desk.seat(0)
    await _waits(desk, 1)
    await _waits(desk, 2)
    full = await desk.refusal(3, would_wait=True)
    assert full.code is Code.QUEUE_FULL
    assert full.retry_after is not None
    assert _position(await _waits(desk, 2)) == 2, "who is in it stays"


@pytest.mark.behaviour(20)
async def test_a_crowd_in_the_queue_is_served_once_each_and_in_order(desk: Desk) -> None:
    await desk.configure(capacity=3, queue_size=100, claim=CLAIM)
    held = [await desk.seat(number) for number in range(3)]
    for number in range(10, 40):
        await _waits(desk, number)
    served = list[int]()
    while len(served) < 30:
        await desk.release(held.pop(0))
        found = await asyncio.gather(*(desk.ask(number, would_wait=True) for number in range(10, 40)))
        new = [10 + at for at, one in enumerate(found) if isinstance(one, Grant) and 10 + at not in served]
        held += [one for one in found if isinstance(one, Grant) and one.code is Code.GRANTED]
        served += new
        assert await desk.live() <= 3
    assert served == sorted(served)


@pytest.mark.behaviour(20)
async def test_a_higher_priority_goes_first_and_within_one_who_came_first(desk: Desk) -> None:
    groups = {"vip": SeatGroup(priority=5), "rest": SeatGroup()}
    await desk.configure(capacity=1, queue_size=9, claim=CLAIM, groups=groups)
    await desk.seat(0)
    await _waits(desk, 1, group="rest")
    await _waits(desk, 2)
    assert _position(await _waits(desk, 3, group="vip")) == 1
    assert _position(await _waits(desk, 4, group="vip")) == 2
    assert [
        _position(await _waits(desk, number, group=group)) for number, group in ((1, "rest"), (2, ""))
    ] == [3, 4]


async def test_the_share_of_a_group_does_not_wait_behind_others(desk: Desk) -> None:
    await desk.configure(capacity=3, queue_size=9, claim=CLAIM, groups={"own": SeatGroup(reserved=1)})
    await desk.seat(0, quantity=2)
    assert _position(await _waits(desk, 1)) == 1
    await desk.seat(2, group="own")
    assert _position(await _waits(desk, 3, group="own")) == 2


@pytest.mark.behaviour(20)
async def test_what_can_never_be_had_does_not_stand_in_the_way(desk: Desk) -> None:
    await desk.configure(capacity=3, queue_size=9, claim=CLAIM)
    await desk.seat(0, quantity=3)
    assert (await desk.refusal(1, quantity=4, would_wait=True)).code is Code.POOL_EXHAUSTED
    await _waits(desk, 2, quantity=3)
    await _waits(desk, 3)
    await desk.configure(capacity=2, groups={"own": SeatGroup(reserved=1)})
    await desk.release(await desk.seat(0, quantity=3))
    assert isinstance(await desk.ask(3, would_wait=True), Grant)
    refused = await desk.refusal(4, quantity=2, would_wait=True)
    assert refused.code in {Code.RESERVED, Code.POOL_EXHAUSTED}


async def test_a_wish_for_something_else_is_another_wish(desk: Desk) -> None:
    await desk.configure(capacity=2, queue_size=9, claim=CLAIM)
    await desk.seat(0, quantity=2)
    await _waits(desk, 1)
    await _waits(desk, 2)
    assert _position(await _waits(desk, 1, quantity=2)) == 2


async def test_who_wants_to_wait_no_more_leaves_the_queue(desk: Desk) -> None:
    await desk.configure(capacity=1, queue_size=9, claim=CLAIM)
    await desk.seat(0)
    await _waits(desk, 1)
    await _waits(desk, 2)
    assert (await desk.refusal(1)).code is Code.POOL_EXHAUSTED
    assert _position(await _waits(desk, 2)) == 1


async def test_asking_again_for_ones_turn_is_no_new_wish_to_a_rate(desk: Desk) -> None:
    await desk.configure(capacity=1, queue_size=9, claim=CLAIM, rate_holder=1)
    await desk.seat(0)
    for _ in range(5):
        await _waits(desk, 1)
    assert (await desk.refusal(0, nonce="again")).code is Code.RATE_LIMITED


async def test_a_pool_that_drains_takes_nobody_into_its_queue_and_offers_nothing(desk: Desk) -> None:
    await desk.configure(capacity=1, queue_size=9, claim=CLAIM)
    grant = await desk.seat(0)
    await _waits(desk, 1)
    await desk.configure(drain=True)
    await desk.release(grant)
    assert (await desk.refusal(2, would_wait=True)).code is Code.DRAINING
    await desk.configure(drain=False)
    assert isinstance(await desk.ask(1, would_wait=True), Grant)


@pytest.mark.behaviour(20)
async def test_a_place_is_kept_through_a_recovery(desk: Desk) -> None:
    await desk.configure(capacity=1, queue_size=9, claim=CLAIM)
    await desk.seat(0)
    await _waits(desk, 1)
    await _waits(desk, 2)
    await desk.configure(epoch=2)
    await _let_lapse(desk, desk.keys.waits)
    assert (await desk.refusal(1, would_wait=True)).code is Code.RECOVERING
    await desk.end_recovery()
    await desk.configure(lease=Millis(HOUR))
    assert isinstance(await desk.ask(2, would_wait=True), Refusal)
    assert _position(await _waits(desk, 1)) == 1


async def test_where_there_is_no_queue_or_only_a_rehearsal_nobody_waits(desk: Desk) -> None:
    await desk.configure(capacity=1)
    await desk.seat(0)
    assert (await desk.refusal(1, would_wait=True)).code is Code.POOL_EXHAUSTED
    await desk.configure(queue_size=5, shadow=True)
    assert isinstance(await desk.ask(1, would_wait=True), Grant)


async def test_the_estimate_goes_by_how_long_seats_were_held(desk: Desk) -> None:
    await desk.configure(capacity=2, queue_size=9, claim=CLAIM)
    first, _ = await desk.seat(0), await desk.seat(1)
    assert (await _waits(desk, 2)).place == (1, 1, None)
    await asyncio.sleep(0.03)
    await desk.release(first)
    await desk.seat(2)
    place = (await _waits(desk, 3)).place
    assert place is not None
    assert place.estimate is not None
    assert place.estimate >= 15


async def _waits(desk: Desk, number: int, **details: Any) -> Refusal:
    answer = await desk.ask(number, would_wait=True, **details)
    assert answer.code is Code.QUEUED, answer
    assert isinstance(answer, Refusal)
    return answer


def _position(answer: Refusal) -> int:
    assert answer.place is not None
    return answer.place.position


def _any(answer: Refusal) -> Millis | None:
    assert answer.place is not None
    return answer.place.estimate


async def _let_lapse(desk: Desk, key: str) -> None:
    now = await desk.now()
    members: Any = await desk.redis.zrange(key, 0, -1)
    await desk.redis.zadd(key, dict.fromkeys(members, now))
