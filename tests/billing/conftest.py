"""An office, and the shop whose money it looks after."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.billing.office import Office
from tests.billing.shop import Shop, shop


@pytest.fixture
async def till(tmp_path: Path) -> AsyncIterator[Shop]:
    """The account at Stripe."""
    async with shop(tmp_path) as found:
        yield found


@pytest.fixture
def office(till: Shop) -> Office:
    """The operator, with nothing to do yet."""
    return Office(till)
