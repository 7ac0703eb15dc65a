"""Several seats in one lease: all of them or none."""

import asyncio

from seatwarden.domain.seats import (
    MOST_SEATS_OF_A_LEASE,
    Code,
    Grant,
    Millis,
    PoolState,
    SessionPage,
)
from tests.authority.desk import HOUR, KEY, Desk, beat_of


async def test_all_the_seats_are_given_or_none(desk: Desk) -> None:
    await desk.configure(capacity=5)
    assert (await desk.seat(0, quantity=3)).live == 3
    refused = await desk.refusal(1, quantity=3)
    assert (refused.code, refused.live, refused.capacity) == (Code.POOL_EXHAUSTED, 3, 5)
    assert (await desk.seat(2, quantity=2)).live == 5
    counts = await desk.sweep()
    assert (counts.live, counts.granted, counts.denied, counts.peak) == (5, 2, 1, 5)


async def test_a_crowd_of_different_sizes_never_holds_more_than_there_is(desk: Desk) -> None:
    await desk.configure(capacity=50)
    found = await asyncio.gather(*(desk.ask(number, quantity=1 + number % 7) for number in range(100)))
    held = sum(one.quantity for one in found if isinstance(one, Grant))
    assert held == 50, "a wish for one seat was among those refused, so none may be left"
    assert (await desk.sweep()).live == 50


async def test_the_seats_of_a_lease_live_and_end_together(desk: Desk) -> None:
    await desk.configure(capacity=4)
    lease = await desk.seat(0, quantity=4)
    await desk.run_out(lease, ago=-1000)
    verdict = await desk.beat(lease)
    assert verdict.code is Code.OK
    assert await desk.expiries() == {await desk.expiry(lease)}
    assert len(await desk.redis.zrange(desk.keys.expiry, 0, -1)) == 4
    await desk.release(lease)
    assert (await desk.sweep()).live == 0
    assert (await desk.redis.exists(desk.keys.expiry)) == 0


async def test_seats_that_come_to_a_lease_end_no_sooner_than_those_it_has(desk: Desk) -> None:
    await desk.configure(capacity=2)
    await desk.seat(0)
    (before,) = await desk.expiries()
    await desk.configure(lease=Millis(30_000), heartbeat=Millis(10_000))
    grown = await desk.seat(0, quantity=2)
    assert await desk.expiries() == {before}
    assert len(await desk.seats_of(grown)) == 2


async def test_a_client_that_dies_gives_back_all_its_seats_at_once(desk: Desk) -> None:
    await desk.configure(capacity=4)
    await desk.run_out(await desk.seat(0, quantity=4), ago=0)
    assert (await desk.seat(1, quantity=4)).live == 4
    counts = await desk.sweep()
    assert (counts.expired, counts.live, counts.unpurged) == (1, 4, 0)


async def test_a_purge_that_ends_amid_the_seats_of_a_lease_ends_all_of_them(desk: Desk) -> None:
    await desk.configure(capacity=1000)
    big = [await desk.seat(number, quantity=150) for number in range(4)]
    for at, lease in enumerate(big):
        await desk.run_out(lease, ago=10 - at)
    counts = await desk.sweep()
    assert (counts.purged, counts.unpurged, counts.live) == (2, 300, 0)
    assert (await desk.seat(9, quantity=1000)).live == 1000


async def test_the_same_wish_again_gets_the_same_lease_and_charges_it_once(desk: Desk) -> None:
    await desk.configure(capacity=4)
    first = await desk.seat(0, quantity=3)
    again = await desk.seat(0, quantity=3)
    assert (again.code, again.lease_id, again.fence) == (Code.EXISTING, first.lease_id, first.fence)
    assert (again.quantity, again.live) == (3, 3)


async def test_a_lease_grows_and_shrinks_by_a_new_fence_and_a_refused_one_stays_as_it_was(desk: Desk) -> None:
    await desk.configure(capacity=5)
    small = await desk.seat(0, quantity=2)
    grown = await desk.seat(0, quantity=4)
    assert (grown.code, grown.taken_over, grown.lease_id) == (Code.GRANTED, True, small.lease_id)
    assert grown.fence > small.fence
    assert grown.live == 4
    assert (await desk.refusal(0, quantity=6)).code is Code.POOL_EXHAUSTED
    verdict = await desk.beat(grown)
    assert verdict.code is Code.OK, "a refused wish cost the lease that was there"
    shrunk = await desk.seat(0, quantity=1)
    assert (shrunk.live, shrunk.taken_over) == (1, True)
    stale = await desk.beat(grown)
    assert stale.code is Code.STALE_FENCE
    assert (await desk.seat(1, quantity=4)).live == 5


async def test_a_pool_that_drains_lets_a_lease_shrink_and_not_grow(desk: Desk) -> None:
    await desk.configure(capacity=5)
    await desk.seat(0, quantity=2)
    await desk.configure(drain=True)
    assert (await desk.refusal(0, quantity=3)).code is Code.DRAINING
    assert (await desk.seat(0, quantity=1)).live == 1


async def test_seats_above_the_capacity_are_counted_one_by_one(desk: Desk) -> None:
    await desk.configure(capacity=2, overage=3)
    base = await desk.seat(0)
    over = await desk.seat(1, quantity=3)
    assert (over.overage, over.live) == (2, 4)
    assert (await desk.refusal(2, quantity=2)).code is Code.POOL_EXHAUSTED
    await desk.release(base)
    assert (await desk.seat(1, quantity=3)).overage == 1
    counts = await desk.sweep()
    assert (counts.overage, counts.overage_granted) == (1, 2)
    assert (await desk.seat(1, quantity=2)).overage == 0


async def test_in_shadow_mode_a_wish_that_is_too_big_is_counted_once(desk: Desk) -> None:
    await desk.configure(capacity=2, overage=1, shadow=True)
    assert (await desk.seat(0, quantity=6)).overage == 0
    assert (await desk.sweep()).would_deny == 1
    [entry] = [it for it in await desk.ledger() if it["event"] == "granted"]
    assert (entry["quantity"], entry["shadow"]) == ("6", "3")


async def test_the_wait_ends_when_enough_seats_are_free_and_there_is_none_for_more_than_all(
    desk: Desk,
) -> None:
    await desk.configure(capacity=4)
    for number, quantity in enumerate((1, 2, 1)):
        await desk.configure(lease=Millis((1 + number) * HOUR))
        await desk.seat(number, quantity=quantity)
    waits = [(await desk.refusal(9, quantity=quantity)).retry_after for quantity in (1, 2, 3, 4, 5)]
    hours = [None if wait is None else -(-wait // HOUR) for wait in waits]
    assert hours == [1, 2, 2, 3, None]


async def test_seat_time_is_charged_for_each_seat(desk: Desk) -> None:
    await desk.configure(capacity=10)
    lease = await desk.seat(0, quantity=10)
    [granted] = [entry for entry in await desk.ledger() if entry["event"] == "granted"]
    await asyncio.sleep(0.02)
    end = await desk.run_out(lease)
    assert (await desk.sweep()).seat_milliseconds == 10 * max(0, end - int(granted["at"]))


async def test_the_listing_shows_a_lease_once_with_its_quantity_also_page_by_page(desk: Desk) -> None:
    await desk.configure(capacity=4000)
    for number, quantity in enumerate((MOST_SEATS_OF_A_LEASE, 1, 700, 2)):
        await desk.seat(number, quantity=quantity)
    seen, cursor = [], None
    while True:
        page = await desk.authority.sessions(desk.pool, KEY, limit=1, cursor=cursor)
        assert isinstance(page, SessionPage)
        seen += [row.quantity for row in page.rows]
        cursor = page.cursor
        if cursor is None:
            break
    assert sorted(seen) == [1, 2, 700, MOST_SEATS_OF_A_LEASE]


async def test_very_big_leases_beat_in_one_call(desk: Desk) -> None:
    await desk.configure(capacity=10 * MOST_SEATS_OF_A_LEASE)
    leases = [await desk.seat(number, quantity=MOST_SEATS_OF_A_LEASE) for number in range(10)]
    for lease in leases:
        await desk.run_out(lease, ago=-1000)
    verdicts = await desk.authority.heartbeat(desk.pool, KEY, [beat_of(lease) for lease in leases])
    assert {verdict.code for verdict in verdicts} == {Code.OK}
    assert min(await desk.expiries()) > await desk.now() + HOUR // 2


async def test_in_recovery_nobody_grows(desk: Desk) -> None:
    await desk.configure(capacity=5)
    await desk.seat(0, quantity=2)
    await desk.configure(epoch=2)
    assert (await desk.refusal(0, quantity=3)).code is Code.RECOVERING
    assert (await desk.seat(0, quantity=2)).live == 2
    assert (await desk.seat(0, quantity=1)).live == 1


async def test_a_suspended_pool_keeps_the_seats_of_a_lease_to_its_end(desk: Desk) -> None:
    await desk.configure(capacity=3)
    lease = await desk.seat(0, quantity=3)
    await desk.configure(state=PoolState.SUSPENDED)
    verdict = await desk.beat(lease)
    assert verdict.code is Code.SUSPENDED
    assert verdict.expires_in > 0
    assert (await desk.sweep()).live == 3
