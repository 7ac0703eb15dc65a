"""Every test of this room runs in virtual time: see `tests.reconcilers.virtual_time`."""

from collections.abc import Callable, Mapping

import pytest

from tests.reconcilers.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], VirtualTimeLoop]]:
    """The loop of every asynchronous test and fixture of this room."""
    return {"virtual time": VirtualTimeLoop}
