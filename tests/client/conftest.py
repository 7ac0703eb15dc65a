"""A real endpoint over a real Valkey, for clients of it."""

from collections.abc import AsyncIterator

import pytest

from tests.client.stand import Stand, stand_on


@pytest.fixture
async def stand(redis_url: str) -> AsyncIterator[Stand]:
    """An endpoint with a pool of one seat."""
    async with stand_on(redis_url) as one:
        yield one
