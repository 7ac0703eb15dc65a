"""Epochs that the allocator raises: fences never go back, and who writes status is told."""

import pytest

from tests.domain.objects import uid_of
from tests.reconcilers.subscription_desk import SubscriptionDesk

DEV, TEST = uid_of("dev"), uid_of("test")


@pytest.fixture
async def desk() -> SubscriptionDesk:
    """Five seats, of which the older pool has three and the younger two."""
    desk = SubscriptionDesk()
    desk.tenant()
    desk.buy(5)
    desk.ask("dev", 3)
    desk.ask("test", 2, minutes=1)
    await desk.settle()
    desk.authority.caps.clear()
    desk.changed.clear()
    return desk


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
    await desk.settle()
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


async def test_a_pool_that_is_gone_is_not_remembered(desk: SubscriptionDesk) -> None:
    await desk.clear_away("dev")
    desk.ask("dev", 3)
    run = await desk.settle()

    assert run[DEV].epoch == 1
