"""Pools that are not to be configured keep what they have, and nobody else gets it."""

import pytest

from tests.domain.objects import uid_of
from tests.reconcilers.subscription_desk import SubscriptionDesk

DEV, TEST = uid_of("dev"), uid_of("test")

pytestmark = pytest.mark.usefixtures("settled")


async def test_seats_of_an_unreadable_pool_are_not_given_to_another(desk: SubscriptionDesk) -> None:
    desk.pool(DEV).take(3)
    desk.ask("dev", 3, spec={"seats": -1})
    desk.ask("test", 5, minutes=1)
    run = await desk.settle()

    assert desk.authority.held <= 5
    assert desk.caps() == {DEV: 3, TEST: 2}
    assert set(run) == {TEST}
    assert run[TEST].entitled == 2


async def test_an_unreadable_pool_is_never_configured(desk: SubscriptionDesk) -> None:
    desk.ask("dev", 3, spec={"seats": -1})
    desk.want("dev", generation=2)
    await desk.settle()
    desk.authority.pools.pop(DEV)
    await desk.settle()

    assert desk.authority.caps == []


async def test_others_make_room_for_what_an_unreadable_younger_pool_has(desk: SubscriptionDesk) -> None:
    desk.ask("test", 2, minutes=1, spec={"seats": -1})
    desk.buy(4)
    await desk.settle()

    assert desk.caps() == {DEV: 2, TEST: 2}


async def test_changes_of_a_suspended_pool_are_not_acted_upon(desk: SubscriptionDesk) -> None:
    desk.ask("dev", 1, spec={"suspend": True})
    desk.want("dev", generation=2)
    desk.ask("test", 5, minutes=1)
    run = await desk.settle()

    assert desk.caps() == {DEV: 3, TEST: 2}
    assert desk.authority.caps == []
    assert set(run) == {TEST}


async def test_a_suspended_pool_that_is_deleted_gives_its_seats_up(desk: SubscriptionDesk) -> None:
    desk.ask("dev", 3, spec={"suspend": True}, deletionTimestamp="2027-03-01T13:00:00Z")
    desk.ask("test", 5, minutes=1)
    await desk.settle()

    assert desk.caps() == {DEV: 0, TEST: 5}


async def test_after_a_suspension_what_was_changed_meanwhile_is_done(desk: SubscriptionDesk) -> None:
    desk.ask("dev", 1, spec={"suspend": True})
    await desk.settle()
    desk.ask("dev", 1)
    await desk.settle()

    assert desk.caps() == {DEV: 1, TEST: 2}


async def test_a_pool_that_was_mended_is_configured_again(desk: SubscriptionDesk) -> None:
    desk.ask("dev", 3, spec={"seats": -1})
    await desk.settle()
    desk.ask("dev", 1)
    await desk.settle()

    assert desk.caps() == {DEV: 1, TEST: 2}
