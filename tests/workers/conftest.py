"""A stream of Stripe's events, and one that looks at what changed."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from seatwarden.backends.redis_runner import ScriptRunner
from seatwarden.backends.redis_url import read_redis_url
from seatwarden.workers.stripe_changes import StripeChanges
from tests.workers.crashing_stream import CrashingStream
from tests.workers.looker import Looker, Time


@pytest.fixture
async def stream(redis_url: str) -> AsyncIterator[CrashingStream]:
    """An empty one, on a real server."""
    made = CrashingStream(ScriptRunner(read_redis_url(redis_url), time_limit_seconds=5.0))
    yield made
    await made.close()


@pytest.fixture
def looker() -> Looker:
    """To whom objects are handed over."""
    return Looker()


@pytest.fixture
def time() -> Time:
    """A clock that stands still."""
    return Time()


Begin = Callable[..., StripeChanges]


@pytest.fixture
async def begin(stream: CrashingStream, looker: Looker, time: Time) -> AsyncIterator[Begin]:
    """Makes consumers; what they have in the air ends with the test."""
    async with contextlib.AsyncExitStack() as stack:

        def make(**options: Any) -> StripeChanges:
            made = StripeChanges(
                options.pop("stream", stream),
                looker.look,
                clock=time.now,
                wall=time.wall,
                jitter=lambda: 0.5,
                **options,
            )
            stack.push_async_callback(made._abort)
            return made

        yield make
