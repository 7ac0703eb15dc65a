"""Epochs that the allocator raises: fences never go back, and who writes status is told."""

import pytest

from tests.domain.objects import uid_of
from tests.reconcilers.subscription_desk import SubscriptionDesk

DEV, TEST = uid_of("dev"), uid_of("test")

pytestmark = pytest.mark.usefixtures("settled")


async def test_fences_do_not_go_back_when_a_pool_is_lost_twice(desk: SubscriptionDesk) -> None:
    desk.want("dev", remembered_epoch=1)
    desk.authority.pools.pop(DEV)
    await desk.settle()
    first = desk.pool(DEV).epoch
    desk.authority.pools.pop(DEV)
    await desk.settle()

    assert (first, desk.pool(DEV).epoch) == (2, 3)


@pytest.mark.parametrize("loss", ["forgotten", "an older state"])
async def test_a_pool_that_begins_a_new_epoch_in_a_siblings_run_is_told(
    desk: SubscriptionDesk, loss: str
) -> None:
    desk.want("dev", remembered_epoch=3)
    if loss == "forgotten":
        desk.authority.pools.pop(DEV)
    await desk.settle()
    assert desk.changed == [DEV]

    desk.changed.clear()
    assert (await desk.settle())[DEV].state_lost, (
        "the pool's own run comes after the one that raised the epoch"
    )
    assert desk.changed == []


async def test_a_pool_that_was_lost_before_its_status_ever_told_an_epoch_begins_a_new_one(
    desk: SubscriptionDesk,
) -> None:
    desk.authority.pools.pop(DEV)
    await desk.settle()

    assert desk.pool(DEV).epoch == 2


async def test_an_epoch_further_than_the_one_configured_is_told(desk: SubscriptionDesk) -> None:
    desk.pool(DEV).epoch = 7
    desk.want("dev", generation=2)
    run = await desk.settle()
    assert run[DEV].epoch == 7

    desk.authority.pools.pop(DEV)
    await desk.settle()
    assert desk.pool(DEV).epoch == 8


@pytest.mark.parametrize("who", ["subscription", "tenant"])
async def test_a_lost_pool_under_a_suspension_keeps_its_epoch_and_waits(
    desk: SubscriptionDesk, who: str
) -> None:
    desk.authority.pools.clear()
    if who == "tenant":
        desk.tenant(suspend=True)
    else:
        desk.buy(5, suspend=True)
    run = await desk.settle()
    for _ in range(3):
        desk.want("dev", remembered_epoch=run[DEV].epoch)
        run = await desk.settle()

    assert (run[DEV].epoch, run[DEV].awaits_resume, run[DEV].state_lost) == (1, True, False)
    assert (run[DEV].capacity, run[DEV].live) == (0, 0)
    assert desk.authority.caps == []
    assert desk.changed == []

    desk.tenant()
    desk.buy(5)
    run = await desk.settle()
    assert (run[DEV].epoch, run[DEV].awaits_resume, run[DEV].state_lost) == (2, False, True)
    assert desk.caps() == {DEV: 3, TEST: 2}


async def test_an_older_state_under_a_suspended_subscription_keeps_the_epoch_that_status_knows(
    desk: SubscriptionDesk,
) -> None:
    desk.buy(5, suspend=True)
    desk.want("dev", remembered_epoch=3)
    run = await desk.settle()

    assert (run[DEV].epoch, run[DEV].awaits_resume, run[DEV].capacity) == (3, True, 3)
    assert (run[TEST].epoch, run[TEST].awaits_resume) == (1, False)


async def test_nothing_is_told_of_a_new_pool_under_a_suspended_subscription(desk: SubscriptionDesk) -> None:
    desk.buy(5, suspend=True)
    desk.ask("new", 1, minutes=2)

    assert set(await desk.settle()) == {DEV, TEST}


async def test_a_pool_set_back_within_its_epoch_begins_a_new_one_with_what_it_has(
    desk: SubscriptionDesk,
) -> None:
    desk.pool(DEV).take(2)
    desk.want("dev", remembered_epoch=1)
    desk.allocator.went_back(DEV, 1)
    run = await desk.settle()

    assert (run[DEV].epoch, run[DEV].state_lost, run[DEV].live) == (2, True, 2)
    assert desk.authority.caps == [(DEV, 3)]
    assert desk.changed == [DEV]

    desk.want("dev", remembered_epoch=2)
    run = await desk.settle()
    assert (run[DEV].epoch, run[DEV].state_lost) == (2, False)


async def test_a_pool_set_back_under_a_suspended_subscription_begins_a_new_epoch_after_it(
    desk: SubscriptionDesk,
) -> None:
    desk.buy(5, suspend=True)
    desk.allocator.went_back(DEV, 1)
    run = await desk.settle()
    assert (run[DEV].epoch, run[DEV].awaits_resume, desk.authority.caps) == (1, True, [])

    desk.buy(5)
    assert (await desk.settle())[DEV].epoch == 2


async def test_a_pool_that_is_gone_is_not_remembered(desk: SubscriptionDesk) -> None:
    await desk.clear_away("dev")
    desk.ask("dev", 3)
    run = await desk.settle()

    assert run[DEV].epoch == 1
