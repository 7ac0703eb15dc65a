"""Runners of scripts for the tests of the way to Redis."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from seatwarden.backends.redis_pipe import PipeLimits
from seatwarden.backends.redis_runner import ScriptRunner
from seatwarden.backends.redis_url import read_redis_url

MakeRunner = Callable[..., ScriptRunner]


@pytest.fixture
async def make_runner() -> AsyncIterator[MakeRunner]:
    """Makes runners for a URL or a port of this machine; they are closed with the test."""
    async with contextlib.AsyncExitStack() as stack:

        def make(place: str | int, *, seconds: float = 5.0, **limits: Any) -> ScriptRunner:
            url = f"redis://127.0.0.1:{place}" if isinstance(place, int) else place
            runner = ScriptRunner(
                read_redis_url(url),
                time_limit_seconds=seconds,
                limits=PipeLimits(call_seconds=seconds, **limits),
            )
            stack.push_async_callback(runner.close)
            return runner

        yield make
