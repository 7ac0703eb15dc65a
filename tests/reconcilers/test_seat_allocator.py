"""What the allocator writes, and in which order. What holds whatever happens is in ``test_seat_allocator_over_time``."""

from typing import Any

import pytest
from prometheus_client import REGISTRY

from tests.domain.objects import uid_of
from tests.reconcilers.subscription_desk import TEAM, SubscriptionDesk

DEV, TEST = uid_of("dev"), uid_of("test")
DELETED: dict[str, Any] = {"deletionTimestamp": "2027-03-01T13:00:00Z"}


@pytest.fixture
async def settled(desk: SubscriptionDesk) -> SubscriptionDesk:
    """The same, after a run, and with what it did forgotten."""
    await desk.settle()
    desk.authority.caps.clear()
    desk.changed.clear()
    return desk


def changes(direction: str) -> float:
    labels = {"direction": direction}
    return REGISTRY.get_sample_value("seatwarden_capacity_changes_total", labels) or 0.0


async def test_new_pools_get_their_shares_and_the_older_one_all_of_it(desk: SubscriptionDesk) -> None:
    desk.buy(4)
    settled = await desk.settle()

    assert desk.caps() == {DEV: 3, TEST: 1}
    assert len(desk.authority.caps) == 2
    assert {uid: (has.capacity, has.entitled, has.live) for uid, has in settled.items()} == {
        DEV: (3, 3, 0),
        TEST: (1, 1, 0),
    }


async def test_a_pool_for_which_nothing_is_left_is_known_to_the_authority_all_the_same(
    desk: SubscriptionDesk,
) -> None:
    desk.buy(3)
    await desk.settle()

    assert desk.caps() == {DEV: 3, TEST: 0}


async def test_where_all_is_as_it_should_be_nothing_is_written(settled: SubscriptionDesk) -> None:
    again = await settled.settle()

    assert settled.authority.caps == []
    assert settled.changed == []
    assert {uid: has.capacity for uid, has in again.items()} == {DEV: 3, TEST: 2}


async def test_a_smaller_cap_is_written_before_the_larger_one_that_it_makes_room_for(
    settled: SubscriptionDesk,
) -> None:
    settled.ask("test", 1, minutes=1)
    settled.ask("dev", 4)
    await settled.settle()

    assert settled.authority.caps == [(TEST, 1), (DEV, 4)]
    assert set(settled.changed) == {DEV, TEST}


async def test_seats_move_only_when_their_holders_gave_them_back(settled: SubscriptionDesk) -> None:
    settled.pool(DEV).take(3)
    settled.ask("dev", 1)
    settled.ask("test", 4, minutes=1)
    run = await settled.settle()
    assert settled.caps() == {DEV: 1, TEST: 2}
    assert (run[DEV].live, run[TEST].capacity, run[TEST].entitled) == (3, 2, 4)

    settled.pool(DEV).give_back(1)
    await settled.settle()
    assert settled.caps() == {DEV: 1, TEST: 3}

    settled.pool(DEV).give_back(2)
    await settled.settle()
    assert settled.caps() == {DEV: 1, TEST: 4}


async def test_a_pool_that_is_entitled_to_more_is_told_even_while_it_must_wait(
    settled: SubscriptionDesk,
) -> None:
    settled.pool(DEV).take(3)
    settled.ask("dev", 1)
    settled.ask("test", 4, minutes=1)
    await settled.settle()

    assert settled.caps()[TEST] == 2
    assert set(settled.changed) == {DEV, TEST}
    settled.changed.clear()
    await settled.settle()
    assert settled.changed == []


async def test_what_else_is_wanted_of_a_pool_is_written_with_the_cap_that_it_has(
    settled: SubscriptionDesk,
) -> None:
    settled.want("dev", generation=2, document='{"plan":"team"}')
    await settled.settle()

    assert settled.authority.caps == [(DEV, 3)]
    assert settled.pool(DEV).config.generation == 2
    assert settled.changed == []


async def test_changes_are_counted_by_their_direction(settled: SubscriptionDesk) -> None:
    before = {direction: changes(direction) for direction in ("larger", "smaller", "same")}
    settled.ask("dev", 4)
    settled.ask("test", 1, minutes=1)
    await settled.settle()
    settled.want("dev", generation=2)
    await settled.settle()

    assert {direction: changes(direction) - count for direction, count in before.items()} == {
        "larger": 1,
        "smaller": 1,
        "same": 1,
    }


async def test_a_pool_that_is_being_deleted_gives_its_seats_up_as_they_come_back(
    settled: SubscriptionDesk,
) -> None:
    settled.pool(DEV).take(1)
    settled.ask("dev", 3, **DELETED)
    settled.ask("test", 5, minutes=1)
    await settled.settle()
    assert settled.caps() == {DEV: 0, TEST: 4}

    await settled.clear_away("dev")
    await settled.settle()
    assert settled.caps() == {TEST: 5}


@pytest.mark.parametrize("gone", ["missing", "being deleted"])
async def test_pools_of_a_subscription_that_is_gone_have_no_seats(
    settled: SubscriptionDesk, gone: str
) -> None:
    settled.pool(DEV).take(2)
    if gone == "missing":
        settled.store.drop(TEAM)
    else:
        settled.buy(5, **DELETED)
    await settled.settle()

    assert settled.caps() == {DEV: 0, TEST: 0}
    assert settled.pool(DEV).live == 2


async def test_of_a_pool_whose_reconciler_has_not_spoken_yet_nothing_is_written_nor_given_away(
    settled: SubscriptionDesk,
) -> None:
    settled.allocator.forget(DEV)
    settled.ask("dev", 1)
    settled.allocator.forget(DEV)
    settled.ask("test", 5, minutes=1)
    run = await settled.settle()

    assert settled.caps() == {DEV: 3, TEST: 2}
    assert set(run) == {TEST}


@pytest.mark.parametrize("who", ["subscription", "tenant"])
async def test_under_a_suspended_subscription_or_tenant_nothing_is_written(
    settled: SubscriptionDesk, who: str
) -> None:
    if who == "tenant":
        settled.tenant(suspend=True)
        settled.buy(1)
    else:
        settled.buy(1, suspend=True)
    settled.want("dev", generation=2)
    run = await settled.settle()

    assert settled.authority.caps == []
    assert {uid: has.capacity for uid, has in run.items()} == {DEV: 3, TEST: 2}
    assert (run[DEV].entitled, run[TEST].entitled) == (1, 0)


async def test_a_new_pool_is_in_the_first_epoch_and_nothing_was_lost(desk: SubscriptionDesk) -> None:
    run = await desk.settle()

    assert (run[DEV].epoch, run[DEV].state_lost, desk.pool(DEV).config.epoch) == (1, False, 1)


async def test_a_pool_that_the_authority_forgot_begins_a_new_epoch_with_its_share(
    settled: SubscriptionDesk,
) -> None:
    settled.authority.pools.clear()
    for name in ("dev", "test"):
        settled.want(name, remembered_epoch=3)
    run = await settled.settle()

    assert (run[DEV].epoch, run[DEV].state_lost, settled.pool(DEV).epoch) == (4, True, 4)
    assert settled.caps() == {DEV: 3, TEST: 2}


async def test_a_pool_set_back_to_an_older_epoch_begins_a_new_one(settled: SubscriptionDesk) -> None:
    settled.pool(DEV).take(2)
    settled.want("dev", remembered_epoch=3)
    run = await settled.settle()

    assert (run[DEV].epoch, run[DEV].state_lost, settled.pool(DEV).epoch) == (4, True, 4)
    assert run[DEV].live == 2


async def test_an_epoch_that_status_does_not_know_yet_is_kept(settled: SubscriptionDesk) -> None:
    settled.authority.pools[DEV].epoch = 7
    run = await settled.settle()

    assert (run[DEV].epoch, settled.pool(DEV).config.epoch) == (7, 7)


@pytest.mark.parametrize("remembered", [None, 1])
async def test_nothing_was_lost_where_status_and_authority_agree(
    settled: SubscriptionDesk, remembered: int | None
) -> None:
    settled.want("dev", remembered_epoch=remembered)
    run = await settled.settle()

    assert run[DEV].state_lost is False
    assert settled.authority.caps == []


@pytest.mark.parametrize("changes", [{"generation": 2}, {"document": "{}"}, {}], ids=str)
async def test_a_configuration_is_written_exactly_where_it_differs(
    settled: SubscriptionDesk, changes: dict[str, Any]
) -> None:
    settled.want("dev", **changes)
    await settled.settle()

    assert len(settled.authority.caps) == ("generation" in changes)
