"""An engine for the tests of Argo CD's scripts."""

from collections.abc import Iterator

import pytest

from tests.argocd.lua_engine import LuaEngine, running_engine


@pytest.fixture(scope="session")
def engine() -> Iterator[LuaEngine]:
    """One process for all questions of a worker."""
    with running_engine() as engine:
        yield engine
