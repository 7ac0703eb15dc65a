"""Every test of this room runs in virtual time: see `tests.reconcilers.virtual_time`."""

from collections.abc import Callable, Mapping

import pytest

from tests.reconcilers.reaper_rounds import POOL, QUIET, Rounds
from tests.reconcilers.subscription_desk import SubscriptionDesk
from tests.reconcilers.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], VirtualTimeLoop]]:
    """The loop of every asynchronous test and fixture of this room."""
    return {"virtual time": VirtualTimeLoop}


@pytest.fixture
async def desk() -> SubscriptionDesk:
    """Five seats, of which the older pool asks for three and the younger for two; nothing is written yet."""
    desk = SubscriptionDesk()
    desk.tenant()
    desk.buy(5)
    desk.ask("dev", 3)
    desk.ask("test", 2, minutes=1)
    return desk


@pytest.fixture
async def settled(desk: SubscriptionDesk) -> None:
    """Both pools of `desk` have their seats, and what was done for that is not counted."""
    await desk.settle()
    desk.authority.caps.clear()
    desk.changed.clear()


@pytest.fixture
async def rounds() -> Rounds:
    """One pool in which nothing happens."""
    rounds = Rounds()
    rounds.authority.counts[POOL] = QUIET
    rounds.reaper.track(POOL)
    return rounds
