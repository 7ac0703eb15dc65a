"""Seat-milliseconds, totals and the ledger: one count, exact, however late a lease is purged."""

import asyncio

import pytest

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.domain.seats import Code, Fence, Millis, PoolCounts, fence_epoch
from tests.authority.desk import HOUR, TOLD, Desk, holder
from tests.authority.ledger_replay import ledger_seat_milliseconds


async def _closed(desk: Desk) -> PoolCounts:
    counts = await desk.sweep()
    assert counts.live == 0
    return counts


@pytest.mark.behaviour(16)
async def test_seat_milliseconds_are_the_sum_of_what_the_ledger_says(desk: Desk) -> None:
    one = await desk.seat(1)
    await desk.until(await desk.now() + 7)
    two = await desk.seat(2)
    await desk.until(await desk.now() + 5)
    await desk.seat(1, nonce="restarted")
    await desk.release(two)
    await desk.until(await desk.now() + 3)
    await desk.release(await desk.seat(1, nonce="restarted"))
    counts = await _closed(desk)
    ledger = await desk.ledger()
    assert [entry["event"] for entry in ledger] == [
        "configured",
        "granted",
        "granted",
        "taken_over",
        "released",
        "released",
    ]
    assert counts.seat_milliseconds == ledger_seat_milliseconds(ledger) == int(ledger[-1]["seat_ms"])
    assert counts.seat_milliseconds >= 7 + 2 * 5 + 3
    assert (counts.granted, counts.taken_over, counts.released, counts.peak) == (2, 1, 2, 2)
    assert one.lease_id == ledger[1]["lease"]


async def test_a_lease_purged_an_hour_late_is_charged_to_its_expiry_only(desk: Desk) -> None:
    grant = await desk.seat(1)
    granted_at = int((await desk.ledger())[-1]["at"])
    # As if both had happened two hours ago, and nobody had come since.
    past = 2 * HOUR
    record = await desk.redis.hget(desk.keys.leases, bytes.fromhex(grant.lease_id))
    assert isinstance(record, bytes)
    moved = record[:9] + (granted_at - past).to_bytes(6, "big") + record[15:]
    await desk.redis.hset(desk.keys.leases, bytes.fromhex(grant.lease_id), moved)
    await desk.redis.hset(desk.keys.state, "at", str(granted_at - past))
    expired_at = granted_at - HOUR
    await desk.redis.zadd(desk.keys.expiry, {bytes.fromhex(grant.lease_id): expired_at})
    counts = await _closed(desk)
    assert counts.seat_milliseconds == past - HOUR
    last = (await desk.ledger())[-1]
    assert (last["event"], int(last["at"]), last["used"]) == ("expired", expired_at, "0")


async def test_seat_milliseconds_never_fall_while_a_crowd_is_purged_in_chunks(desk: Desk) -> None:
    await desk.configure(capacity=500)
    crowd = await asyncio.gather(*(desk.seat(number) for number in range(500)))
    await desk.run_out(*crowd)
    await desk.until(await desk.now() + 20)
    seen = [await desk.sweep() for _ in range(4)]
    assert [(counts.purged, counts.unpurged) for counts in seen] == [(200, 300), (200, 100), (100, 0), (0, 0)]
    assert [counts.live for counts in seen] == [0, 0, 0, 0]
    totals = [counts.seat_milliseconds for counts in seen]
    assert totals == sorted(totals)
    assert totals[-1] == ledger_seat_milliseconds(await desk.ledger())
    assert [counts.next_expiry_in for counts in seen] == [1, 1, HOUR, HOUR]


async def test_seat_milliseconds_never_fall_while_leases_run_out_one_after_another_and_none_is_purged(
    desk: Desk,
) -> None:
    await desk.configure(capacity=3)
    early, *late = [await desk.seat(number) for number in range(3)]
    await desk.run_out(early)
    await desk.until(await desk.now() + 20)
    await desk.configure(generation=2)
    await desk.run_out(*late)
    await desk.until(await desk.now() + 1)
    await desk.configure(generation=3)
    totals = [int(entry["seat_ms"]) for entry in await desk.ledger()]
    assert totals == sorted(totals)
    assert (await _closed(desk)).seat_milliseconds == ledger_seat_milliseconds(await desk.ledger())


async def test_seats_given_and_taken_beside_an_unpurged_crowd_are_charged_exactly(desk: Desk) -> None:
    await desk.configure(capacity=600)
    crowd = await asyncio.gather(*(desk.seat(number) for number in range(500)))
    leaver, stayer = await desk.seat(1000), await desk.seat(1002)
    await desk.run_out(*crowd)
    await desk.until(await desk.now() + 5)
    await desk.release(leaver)
    await desk.until(await desk.now() + 5)
    stayer = await desk.seat(1002, nonce="restarted")
    await desk.until(await desk.now() + 5)
    await desk.configure(generation=2)
    late = await desk.seat(1001)
    await desk.until(await desk.now() + 5)
    await desk.release(late)
    await desk.release(stayer)
    totals = [int(entry["seat_ms"]) for entry in await desk.ledger()]
    assert totals == sorted(totals)
    while (await desk.sweep()).unpurged:
        pass
    counts = await _closed(desk)
    assert counts.seat_milliseconds == ledger_seat_milliseconds(await desk.ledger())


async def test_a_sweep_with_nothing_to_do_counts_up_to_now_and_writes_nothing(desk: Desk) -> None:
    await desk.seat(1)
    before = await desk.redis.hgetall(desk.keys.state)
    first = (await desk.sweep()).seat_milliseconds
    await desk.until(await desk.now() + 5)
    assert (await desk.sweep()).seat_milliseconds >= first + 4
    assert await desk.redis.hgetall(desk.keys.state) == before


async def test_seat_milliseconds_outgrow_a_double_and_stay_exact(desk: Desk) -> None:
    await desk.redis.hset(desk.keys.state, "seat_ms", str(2**53 + 1))
    await desk.release(await desk.seat(1))
    held = ledger_seat_milliseconds(await desk.ledger())
    assert (await desk.sweep()).seat_milliseconds == 2**53 + 1 + held
    assert (await desk.ledger())[-1]["seat_ms"] == str(2**53 + 1 + held)


@pytest.mark.behaviour(9)
async def test_a_clock_set_back_neither_charges_twice_nor_expires_anything(desk: Desk) -> None:
    first = await desk.seat(1)
    granted_at = int((await desk.ledger())[-1]["at"])
    # Charged up to an instant that Redis's clock, set back since, will only show in ten minutes.
    await desk.redis.hset(desk.keys.state, mapping={"at": granted_at + 600_000, "seat_ms": 600_000})
    assert (await desk.sweep()).seat_milliseconds == 600_000
    assert (await desk.beat(first)).code is Code.OK
    second = await desk.seat(2)
    assert second.expires_in == TOLD
    counts = await desk.sweep()
    assert (counts.live, counts.seat_milliseconds) == (2, 600_000)
    expired_at = await desk.run_out(first, second)
    assert (await _closed(desk)).seat_milliseconds == expired_at - granted_at


async def test_the_peak_counts_live_leases_only(desk: Desk) -> None:
    first = await desk.seat(1)
    await desk.run_out(first)
    await desk.seat(2)
    assert (await desk.sweep()).peak == 1


async def test_denials_are_counted_and_not_in_the_ledger(desk: Desk) -> None:
    await desk.configure(capacity=0)
    for number in range(3):
        await desk.refusal(number)
    assert (await desk.sweep()).denied == 3
    assert await desk.events() == ["configured", "configured"]


async def test_heartbeats_and_repeats_leave_no_trace_in_the_ledger(desk: Desk) -> None:
    grant = await desk.seat(1)
    await desk.beat(grant)
    await desk.seat(1)
    assert await desk.events() == ["configured", "granted"]


@pytest.mark.behaviour(30)
async def test_a_ledger_entry_names_holder_lease_fence_and_seats_in_use(desk: Desk) -> None:
    grant = await desk.seat(1)
    entry = (await desk.ledger())[-1]
    assert entry == {
        "event": "granted",
        "lease": grant.lease_id,
        "holder": holder(1),
        "fence": str(grant.fence),
        "at": entry["at"],
        "used": "1",
        "seat_ms": "0",
    }


async def test_a_sweep_trims_the_ledger_to_what_is_kept(desk: Desk) -> None:
    old = await desk.now() - 8 * 24 * 3_600_000
    ledger = "sw:{" + desk.pool + "}:old"
    for number in range(1, 301):
        await desk.redis.xadd(ledger, {"event": "granted"}, id=f"{old}-{number}")
    await desk.redis.xadd(ledger, {"event": "recent"})
    await desk.redis.rename(ledger, desk.keys.ledger)
    await desk.sweep()
    assert await desk.redis.xlen(desk.keys.ledger) <= 101
    assert (await desk.events())[-1] == "recent"


async def test_the_next_expiry_is_the_soonest_lease_or_one_lease_length(desk: Desk) -> None:
    assert (await desk.sweep()).next_expiry_in == HOUR
    grant = await desk.seat(1)
    soon = await desk.now() + 60_000
    await desk.redis.zadd(desk.keys.expiry, {bytes.fromhex(grant.lease_id): soon})
    assert 1 <= (await desk.sweep()).next_expiry_in <= 60_000
    await desk.configure(lease=Millis(1000))
    assert (await desk.sweep()).next_expiry_in == 1000


@pytest.mark.behaviour(11)
async def test_a_fence_counter_at_its_end_stops_before_the_next_epoch_and_changes_nothing(desk: Desk) -> None:
    await desk.live()
    await desk.redis.hset(desk.keys.state, "counter", 2**32 - 2)
    assert (await desk.seat(1)).fence == Fence(2 * 2**32 - 1)
    before = await desk.redis.hgetall(desk.keys.state)
    with pytest.raises(AuthorityUnavailable, match="a fence is below 2\\^53"):
        await desk.seat(2)
    assert await desk.redis.hgetall(desk.keys.state) == before
    await desk.configure(epoch=2)
    await desk.end_recovery()
    assert fence_epoch((await desk.seat(2)).fence) == 2
