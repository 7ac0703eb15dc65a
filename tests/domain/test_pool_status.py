from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.domain.borrowing import BorrowedLease, Borrows
from seatwarden.domain.key_ring import KeyRing, Turn
from seatwarden.domain.licence_key import SECRET_BYTES, new_licence_key
from seatwarden.domain.pool_status import LiveCounts, PoolRun, Provisioned, pool_status
from seatwarden.domain.seats import Fence, Millis
from seatwarden.resources.conditions import ConditionType, find_condition
from seatwarden.resources.reasons import Reason
from seatwarden.resources.seatpool import SeatPool, SeatPoolStatus
from tests.domain import objects
from tests.domain.objects import NOON, Body

KEY = new_licence_key(objects.uid_of("dev"), bytes(SECRET_BYTES))
LATER = NOON + timedelta(hours=1)
KNOWN: Body = {
    "observedGeneration": 1,
    "capacity": 4,
    "used": 3,
    "free": 1,
    "peak": 4,
    "tenant": "acme",
    "epoch": 2,
    "licenceKeySecret": "dev-licence",
    "licenceKeyID": "0123456789",
}


def provisioned(**changes: Any) -> Provisioned:
    """All five seats, none held, but for ``changes``."""
    told: dict[str, Any] = {
        "capacity": 5,
        "live": 0,
        "epoch": 1,
        "entitled": 5,
        "keys": Turn(ring=KeyRing(newest=KEY)),
    }
    return Provisioned(**(told | changes))


def run_of(
    has: Provisioned | None, problem: tuple[Reason, str] | None = None, *, tenant: str = "acme"
) -> PoolRun:
    return PoolRun(problem=problem, provisioned=has, tenant=tenant)


def status_of(
    run: PoolRun, counts: LiveCounts | None = None, *, pool: SeatPool | None = None
) -> SeatPoolStatus:
    return pool_status(pool or objects.pool(), run, counts, now=NOON)


def conditions_of(status: SeatPoolStatus) -> dict[str, tuple[str, str]]:
    return {item.type: (item.status.value, item.reason) for item in status.conditions}


def message_of(status: SeatPoolStatus) -> str:
    ready = find_condition(status.conditions, ConditionType.READY)
    assert ready is not None
    return ready.message


def over_capacity_of(status: SeatPoolStatus) -> str:
    found = find_condition(status.conditions, ConditionType.OVER_CAPACITY)
    assert found is not None
    return found.message


def test_a_pool_that_has_its_seats_is_ready_and_tells_where_its_key_is() -> None:
    status = status_of(run_of(provisioned(live=2)))

    assert conditions_of(status) == {"Ready": ("True", "Succeeded"), "RedisReady": ("True", "Succeeded")}
    assert message_of(status) == "5 seats can be taken with the key in Secret 'dev-licence'."
    assert (status.capacity, status.used, status.free, status.peak) == (5, 2, 3, 2)
    assert (status.epoch, status.licence_key_secret, status.licence_key_id) == (
        1,
        "dev-licence",
        KEY.key_id,
    )
    assert (status.tenant, status.selector) == ("acme", "seatwarden.dev/pool=dev")


def test_status_is_about_the_generation_that_was_reconciled_and_echoes_who_asked() -> None:
    asked = {"seatwarden.dev/reconcile-requested-at": "today"}
    status = status_of(run_of(provisioned()), pool=objects.pool(generation=7, annotations=asked))

    assert status.observed_generation == 7
    assert {item.observed_generation for item in status.conditions} == {7}
    assert status.last_handled_reconcile_at == "today"


def test_what_a_run_could_not_learn_stays_as_it_was_last_told() -> None:
    away = run_of(None, (Reason.REDIS_UNAVAILABLE, "no answer"), tenant="")
    status = status_of(away, pool=objects.pool(status=KNOWN))

    assert KNOWN.items() <= status.wire().items()


def test_of_a_pool_that_was_never_provisioned_nothing_is_made_up() -> None:
    waits = run_of(None, (Reason.SUBSCRIPTION_NOT_FOUND, "none"), tenant="")
    status = status_of(waits)

    assert (status.epoch, status.licence_key_secret, status.licence_key_id) == (None, None, None)
    assert (status.capacity, status.used, status.free, status.peak) == (0, 0, 0, 0)
    assert not status.tenant
    assert conditions_of(status) == {"Ready": ("False", "SubscriptionNotFound")}


def test_fresh_counts_are_believed_over_those_of_the_run_and_those_over_status() -> None:
    pool = objects.pool(status=KNOWN)
    run = run_of(provisioned(live=2))

    assert status_of(run, LiveCounts(live=1, peak=1), pool=pool).used == 1
    assert status_of(run, pool=pool).used == 2
    assert status_of(run_of(None, (Reason.INVALID_SECRET, "no key")), pool=pool).used == 3


@pytest.mark.parametrize(
    ("before", "live", "counts", "peak"),
    [
        (None, 2, None, 2),
        (4, 2, None, 4),
        (4, 5, None, 5),
        (1, 0, LiveCounts(live=1, peak=3), 3),
        (6, 0, LiveCounts(live=1, peak=3), 6),
    ],
)
def test_the_peak_is_the_most_that_was_ever_seen(
    before: int | None, live: int, counts: LiveCounts | None, peak: int
) -> None:
    pool = objects.pool(status={"peak": before} if before is not None else None)

    assert status_of(run_of(provisioned(live=live)), counts, pool=pool).peak == peak


def test_redis_away_is_told_in_both_conditions_and_nothing_is_claimed_of_over_capacity() -> None:
    status = status_of(
        run_of(None, (Reason.REDIS_UNAVAILABLE, "no answer")),
        LiveCounts(live=9, peak=9),
        pool=objects.pool(status=KNOWN),
    )

    assert conditions_of(status) == {
        "Ready": ("False", "RedisUnavailable"),
        "Reconciling": ("True", "RedisUnavailable"),
        "RedisReady": ("False", "RedisUnavailable"),
    }


def test_a_deletion_that_waits_for_redis_says_that_redis_is_not_ready() -> None:
    status = status_of(run_of(None, (Reason.DELETION_BLOCKED_BY_REDIS, "waits")))

    assert conditions_of(status)["RedisReady"] == ("False", "RedisUnavailable")
    assert conditions_of(status)["Ready"] == ("False", "DeletionBlockedByRedis")


def test_a_closed_gate_is_told_and_redis_is_ready_all_the_same() -> None:
    status = status_of(run_of(provisioned(), (Reason.TENANT_SUSPENDED, "suspended")))

    assert conditions_of(status) == {
        "Ready": ("False", "TenantSuspended"),
        "RedisReady": ("True", "Succeeded"),
    }


def test_a_lost_pool_that_waits_for_the_end_of_a_suspension_says_so_of_redis_too() -> None:
    status = status_of(
        run_of(provisioned(capacity=0, epoch=2), (Reason.AWAITING_RESUME, "waits")),
        pool=objects.pool(status=KNOWN),
    )

    assert conditions_of(status) == {
        "Ready": ("False", "AwaitingResume"),
        "RedisReady": ("False", "AwaitingResume"),
    }
    assert (status.epoch, status.capacity, status.free) == (2, 0, 0)


def test_a_problem_for_a_person_stalls() -> None:
    status = status_of(run_of(None, (Reason.INVALID_SECRET, "no key")))

    assert conditions_of(status)["Stalled"] == ("True", "InvalidSecret")


def test_seats_that_the_subscription_has_not_are_awaited_with_what_helps() -> None:
    status = status_of(run_of(provisioned(capacity=2, entitled=2)))

    assert conditions_of(status)["Ready"] == ("False", "AwaitingCapacity")
    assert message_of(status).startswith("2 of 5 seats: Subscription 'team' has no more left.")


def test_seats_that_others_still_hold_are_awaited_and_said_to_follow() -> None:
    status = status_of(run_of(provisioned(capacity=2, entitled=5)))

    assert conditions_of(status)["Ready"] == ("False", "AwaitingCapacity")
    assert message_of(status).startswith("2 of 5 seats: the others are still held in other pools")


def test_more_held_than_there_is_is_told_beside_ready_and_nothing_is_free() -> None:
    status = status_of(run_of(provisioned(live=7)))

    assert conditions_of(status)["OverCapacity"] == ("True", "OverCapacity")
    assert conditions_of(status)["Ready"] == ("True", "Succeeded")
    assert status.free == 0


def test_an_eviction_is_told_until_it_is_over_also_where_the_deadline_is_not_known() -> None:
    at = Millis(int(NOON.timestamp() * 1000) + 300_000)
    counts = LiveCounts(live=7, peak=7, evicted=2, evicts_at=at)
    told = status_of(run_of(provisioned(live=7)), counts)
    assert conditions_of(told)["OverCapacity"] == ("True", "EvictionPending")
    assert f"at {NOON + timedelta(minutes=5):%Y-%m-%d %H:%M:%S} UTC is evicted" in over_capacity_of(told)
    assert told.evicted == 2

    pool = objects.pool(status=told.wire())
    started_anew = status_of(run_of(provisioned(live=7)), pool=pool)
    assert over_capacity_of(started_anew) == over_capacity_of(told)
    assert started_anew.evicted == 2
    assert "OverCapacity" not in conditions_of(status_of(run_of(provisioned(live=5)), pool=pool))
    called_off = status_of(run_of(provisioned(live=7)), LiveCounts(live=7, peak=7, evicted=2), pool=pool)
    assert conditions_of(called_off)["OverCapacity"] == ("True", "OverCapacity")


@pytest.mark.parametrize(
    ("spec", "recovering_for", "free"),
    [
        ({}, 0, 3),
        ({"drain": True}, 0, 0),
        ({"drain": True, "mode": "Shadow"}, 0, 3),
        ({}, 1000, 0),
    ],
)
def test_no_seat_is_free_that_nobody_new_would_be_given(spec: Body, recovering_for: int, free: int) -> None:
    run = run_of(provisioned(live=2, recovering_for=recovering_for))
    assert status_of(run, pool=objects.pool(spec=spec)).free == free


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        pytest.param(None, "Drained", id="what the run that closed the pool saw"),
        pytest.param(LiveCounts(live=0, peak=1), "Draining", id="counted before the pool was closed"),
        pytest.param(LiveCounts(live=0, peak=1, drains=True), "Drained", id="counted behind that"),
        pytest.param(LiveCounts(live=1, peak=1, drains=True), "Draining", id="somebody holds a seat"),
    ],
)
def test_a_pool_is_drained_only_by_a_count_that_came_behind_the_last_grant(
    counts: LiveCounts | None, reason: str
) -> None:
    draining = objects.pool(spec={"drain": True})
    assert (
        conditions_of(status_of(run_of(provisioned(live=0)), counts, pool=draining))["Draining"][1] == reason
    )


def test_a_pool_that_waits_for_borrowed_seats_tells_until_when_also_where_they_are_not_known_just_now() -> (
    None
):
    away = [_borrowed("a", 60_000, seats=2), _borrowed("b", 30_000)]
    counts = LiveCounts(live=4, peak=4, drains=True, borrowed=3, borrows=Borrows(1, tuple(away)))
    draining = objects.pool(spec={"drain": True, "seats": 1})
    run = run_of(provisioned(live=4, capacity=1))
    told = status_of(run, counts, pool=draining)
    until = (
        f"3 of them are borrowed, until {NOON + timedelta(minutes=1):%Y-%m-%d %H:%M:%S} UTC at the latest."
    )
    assert [until in each.message for each in told.conditions if each.type in _WAITING] == [True, True]
    started_anew = objects.pool(spec={"drain": True, "seats": 1}, status=told.wire())
    assert status_of(run, pool=started_anew).conditions == told.conditions


_WAITING = (ConditionType.DRAINING, ConditionType.OVER_CAPACITY)


def _borrowed(holder: str, left: int, *, seats: int = 1) -> BorrowedLease:
    until = Millis(int(NOON.timestamp() * 1000) + left)
    return BorrowedLease(holder * 64, Fence(1), until, seats, "")


def test_a_pool_in_shadow_mode_gives_seats_though_it_should_drain_and_does_not_say_otherwise() -> None:
    tried_out = objects.pool(spec={"drain": True, "mode": "Shadow"})
    assert "Draining" not in conditions_of(status_of(run_of(provisioned(live=0)), pool=tried_out))


def test_the_same_run_told_again_later_is_the_same_status() -> None:
    run = run_of(provisioned(live=7), (Reason.TENANT_SUSPENDED, "suspended"))
    first = pool_status(objects.pool(), run, None, now=NOON)
    read_back = objects.pool(status=first.wire())

    assert pool_status(read_back, run, None, now=LATER) == first == read_back.status


COUNTS = st.integers(0, 20)


@given(
    before=COUNTS,
    has=st.none() | st.builds(provisioned, capacity=COUNTS, live=COUNTS, entitled=COUNTS),
    counts=st.none() | st.builds(LiveCounts, live=COUNTS, peak=COUNTS),
    reason=st.none() | st.sampled_from(Reason),
)
def test_numbers_agree_with_each_other_whatever_is_known(
    before: int, has: Provisioned | None, counts: LiveCounts | None, reason: Reason | None
) -> None:
    pool = objects.pool(status={"capacity": before, "used": before, "peak": before})
    run = run_of(has, (reason, "why") if reason is not None else None)
    status = status_of(run, counts, pool=pool)

    assert status.capacity is not None
    assert status.used is not None
    assert status.free == max(status.capacity - status.used, 0)
    assert status.peak is not None
    assert status.peak >= max(before, status.used)
    over = "OverCapacity" in conditions_of(status)
    assert over == (has is not None and status.used > has.capacity)


def test_keys_and_who_asked_for_the_newest_are_told() -> None:
    status = status_of(run_of(provisioned(keys=Turn(ring=KeyRing(newest=KEY, rotated_for="monday")))))

    assert [(key.id, key.state) for key in status.licence_keys] == [(KEY.key_id, "Active")]
    assert status.last_handled_rotate_licence_key_at == "monday"


def test_what_was_told_of_keys_stays_where_a_run_could_not_learn_it() -> None:
    told = {
        "licenceKeys": [{"id": "0123456789", "state": "Active", "granted": 3, "denied": 0}],
        "lastHandledRotateLicenceKeyAt": "monday",
    }
    pool = objects.pool(status=KNOWN | told)
    status = status_of(run_of(None, (Reason.REDIS_UNAVAILABLE, "away")), pool=pool)

    assert status.licence_keys == pool.status.licence_keys != ()
    assert status.last_handled_rotate_licence_key_at == "monday"


def test_a_rotation_that_waits_is_a_condition_of_its_own_and_the_pool_is_ready_meanwhile() -> None:
    ring = KeyRing(newest=KEY, rotated_for="monday")
    status = status_of(run_of(provisioned(keys=Turn(ring=ring, waits_until=LATER))))

    assert conditions_of(status) == {
        "Ready": ("True", "Succeeded"),
        "RedisReady": ("True", "Succeeded"),
        "RotationWaiting": ("True", "TooManyLicenceKeys"),
    }
    assert status.last_handled_rotate_licence_key_at == "monday"
