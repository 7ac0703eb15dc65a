"""What a pool asks of a wish for a seat before it counts seats."""

import asyncio

import pytest

from seatwarden.domain.seats import Code, DeviceList, Grant, Millis, PoolState, RateLimit, Refusal
from tests.authority.desk import KEY, Desk, holder


async def _code(desk: Desk, number: int, version: str, nonce: str = "") -> Code:
    return (await desk.ask(number, nonce=nonce, client_version=version)).code


@pytest.mark.parametrize(
    ("version", "code"),
    [
        ("4.2.0", Code.GRANTED),
        ("4.9.1", Code.GRANTED),
        ("4.10", Code.GRANTED),
        ("4.2.1-rc.1", Code.GRANTED),
        ("4.2.0-rc.1", Code.VERSION_BLOCKED),
        ("4.1.99", Code.VERSION_BLOCKED),
        ("5.0.0", Code.VERSION_BLOCKED),
        ("10", Code.VERSION_BLOCKED),
        ("", Code.VERSION_BLOCKED),
        ("v4.2.0", Code.VERSION_BLOCKED),
        ("latest", Code.VERSION_BLOCKED),
    ],
)
async def test_a_window_of_versions_lets_in_what_semver_puts_there(
    desk: Desk, version: str, code: Code
) -> None:
    await desk.configure(version_min="4.2", version_max="4")
    assert await _code(desk, 1, version) is code
    assert await desk.live() == (code is Code.GRANTED)


async def test_a_refusal_names_the_window_and_no_time_to_wait(desk: Desk) -> None:
    await desk.configure(version_min="4.2", version_max="4")
    answer = await desk.ask(1, client_version="5.0.0")
    assert answer == Refusal(code=Code.VERSION_BLOCKED, capacity=2, versions="from 4.2 to 4")
    counts = await desk.sweep()
    assert (counts.version_blocked, counts.denied) == (1, 1)


async def test_a_window_that_closes_takes_no_seat_away(desk: Desk) -> None:
    held = await desk.seat(1, nonce="first run", client_version="3.9")
    await desk.configure(version_min="4")
    assert (await desk.beat(held)).code is Code.OK
    assert await _code(desk, 1, "3.9", "first run") is Code.EXISTING
    assert await _code(desk, 1, "3.9", "second run") is Code.VERSION_BLOCKED
    # The first run goes on: nothing was taken over.
    assert (await desk.beat(held)).code is Code.OK
    assert await _code(desk, 1, "4.0.0", "second run") is Code.GRANTED
    assert (await desk.beat(held)).code is Code.STALE_FENCE


async def test_a_window_that_is_taken_away_lets_all_in(desk: Desk) -> None:
    await desk.configure(version_max="3")
    assert await _code(desk, 1, "4.0.0") is Code.VERSION_BLOCKED
    await desk.configure(version_max="")
    assert await _code(desk, 1, "") is Code.GRANTED


async def test_a_closed_pool_is_told_before_a_version_and_a_version_before_a_full_pool(desk: Desk) -> None:
    await desk.configure(version_max="3", capacity=0, drain=True)
    assert await _code(desk, 1, "4") is Code.VERSION_BLOCKED
    assert await _code(desk, 1, "3") is Code.DRAINING
    await desk.configure(state=PoolState.SUSPENDED)
    assert await _code(desk, 1, "4") is Code.SUSPENDED


async def test_in_shadow_mode_a_version_is_counted_and_not_refused(desk: Desk) -> None:
    await desk.configure(version_max="3", shadow=True, capacity=0)
    assert [await _code(desk, 1, "4", nonce) for nonce in ("one", "one", "two")] == [
        *(Code.GRANTED, Code.EXISTING, Code.GRANTED)
    ]
    counts = await desk.sweep()
    assert (counts.would_deny, counts.version_blocked, counts.denied) == (2, 0, 0)


async def test_an_idempotent_answer_is_given_again_though_the_window_closed(desk: Desk) -> None:
    given = await desk.seat(1, client_version="3.9", idempotency_key="a wish")
    await desk.configure(version_min="4")
    assert await desk.ask(1, client_version="3.9", idempotency_key="a wish") == given


async def test_a_crowd_with_one_key_is_answered_as_often_as_the_rate_says(desk: Desk) -> None:
    await desk.configure(capacity=100, rate_key=30)
    found = await asyncio.gather(*(desk.ask(number) for number in range(90)))
    # The clock runs: one share of the minute, two seconds, may have passed meanwhile, or many on a slow machine.
    given = sum(isinstance(one, Grant) for one in found)
    assert 30 <= given < 90
    stopped = [one for one in found if isinstance(one, Refusal)]
    assert {(one.code, one.rate) for one in stopped} == {(Code.RATE_LIMITED, RateLimit("perKey", 30))}
    assert all(one.retry_after is not None and 0 < one.retry_after <= 2000 for one in stopped)
    counts = await desk.sweep()
    assert (counts.rate_limited, counts.denied, counts.live) == (len(stopped), len(stopped), given)


async def test_a_holder_that_asks_without_a_pause_is_stopped_and_others_are_served(desk: Desk) -> None:
    await desk.configure(rate_holder=1)
    assert isinstance(await desk.ask(1, nonce="run 1"), Grant)
    again = await desk.ask(1, nonce="run 2")
    assert isinstance(again, Refusal)
    assert again.rate == RateLimit("perHolder", 1)
    assert again.retry_after is not None
    assert 0 < again.retry_after <= 60_000
    assert isinstance(await desk.ask(2), Grant)


async def test_who_is_stopped_by_a_rate_keeps_and_releases_its_seat(desk: Desk) -> None:
    await desk.configure(rate_holder=1, rate_key=1)
    held = await desk.seat(1)
    assert (await desk.ask(1)).code is Code.RATE_LIMITED
    assert [(await desk.beat(held)).code for _ in range(3)] == [Code.OK] * 3
    assert await desk.release(held) is Code.RELEASED


async def test_an_answer_that_was_lost_is_given_again_whatever_the_rate(desk: Desk) -> None:
    await desk.configure(rate_holder=1)
    given = await desk.seat(1, idempotency_key="a wish")
    assert (await desk.ask(1)).code is Code.RATE_LIMITED
    assert [await desk.ask(1, idempotency_key="a wish") for _ in range(3)] == [given] * 3
    # Without a name it cannot be told from a program that hammers.
    assert (await desk.ask(1, nonce="")).code is Code.RATE_LIMITED


async def test_what_has_no_rate_reads_and_writes_none(desk: Desk) -> None:
    await desk.seat(1)
    assert not await desk.redis.exists(desk.keys.rates)
    await desk.configure(rate_key=600)
    await desk.seat(1)
    assert await desk.redis.zcard(desk.keys.rates) == 1
    assert 0 < await desk.redis.pttl(desk.keys.rates) <= 3_600_000


async def test_in_shadow_mode_who_asks_too_often_is_counted_only(desk: Desk) -> None:
    await desk.configure(rate_key=1, shadow=True, lease=Millis(60_000))
    assert [(await desk.ask(1)).code for _ in range(3)] == [Code.GRANTED, Code.EXISTING, Code.EXISTING]
    counts = await desk.sweep()
    assert (counts.would_deny, counts.rate_limited) == (2, 0)


async def test_a_crowd_of_new_devices_gets_as_many_places_as_there_are(desk: Desk) -> None:
    await desk.configure(capacity=100, device_limit=3)
    found = await asyncio.gather(*(desk.ask(number) for number in range(40)))
    codes = [one.code for one in found]
    assert (codes.count(Code.GRANTED), codes.count(Code.DEVICE_LIMIT)) == (3, 37)
    counts = await desk.sweep()
    assert (counts.devices, counts.device_limit, counts.live) == (3, 37, 3)


async def test_a_device_holds_its_place_without_a_seat_until_it_is_removed(desk: Desk) -> None:
    await desk.configure(device_limit=1)
    held = await desk.seat(1)
    in_use = await desk.authority.remove_device(desk.pool, KEY, holder(1))
    assert in_use.code is Code.DEVICE_IN_USE
    assert in_use.retry_after is not None
    assert 0 < in_use.retry_after <= 3_600_000
    await desk.release(held)
    assert (await desk.refusal(2)).code is Code.DEVICE_LIMIT
    assert (await desk.authority.remove_device(desk.pool, KEY, holder(1))).code is Code.DEVICE_REMOVED
    assert (await desk.ask(2)).code is Code.GRANTED
    assert (await desk.ask(1)).code is Code.DEVICE_LIMIT


async def test_between_two_removals_the_cooldown_passes_and_the_operator_need_not_wait(desk: Desk) -> None:
    await desk.configure(device_limit=3, device_cooldown=Millis(3_600_000), capacity=3)
    for number in range(3):
        await desk.release(await desk.seat(number))
    remove = desk.authority.remove_device
    assert (await remove(desk.pool, KEY, holder(0))).code is Code.DEVICE_REMOVED
    cooling = await remove(desk.pool, KEY, holder(1))
    assert cooling.code is Code.DEVICE_COOLDOWN
    assert cooling.retry_after is not None
    assert 0 < cooling.retry_after <= 3_600_000
    dismissed = await desk.authority.dismiss_device(desk.pool, holder(1)[:12])
    assert dismissed.code is Code.DEVICE_REMOVED
    listed = await desk.authority.devices(desk.pool, KEY)
    assert isinstance(listed, DeviceList)
    assert [one.holder for one in listed.devices] == [holder(2)]
    assert (listed.limit, listed.devices[0].seat_kept_for) == (3, 0)
    assert 0 < listed.cooldown_left <= 3_600_000


async def test_another_key_neither_sees_nor_removes_a_device(desk: Desk) -> None:
    await desk.configure(device_limit=1)
    await desk.release(await desk.seat(1))
    other = "b" * 64
    assert (await desk.authority.remove_device(desk.pool, other, holder(1))).code is Code.INVALID_LICENSE
    assert await desk.authority.devices(desk.pool, other) == Refusal(code=Code.INVALID_LICENSE)
    with pytest.raises(ValueError, match="64 lower-case hex"):
        await desk.authority.remove_device(desk.pool, KEY, "ab")
    assert (await desk.sweep()).devices == 1
