"""Tells as metrics how much waits in the stream of events: from here, as there may be no operator that could tell."""

import asyncio
import random
from contextlib import suppress
from typing import Protocol

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.stripe_stream import Backlog
from seatwarden.domain.backoff import spread
from seatwarden_webhooks import metrics

LOOK_SECONDS = 15.0


class BacklogSource(Protocol):
    """Where the backlog is."""

    async def backlog(self) -> Backlog:
        """How much waits. Raises `AuthorityUnavailable`."""
        ...


async def watch_backlog(source: BacklogSource, *, seconds: float = LOOK_SECONDS) -> None:
    """Look again and again, until cancelled. While Redis is away, the metrics stay as they were."""
    while True:
        with suppress(AuthorityUnavailable):  # requests and /readyz tell of it
            tell(await source.backlog())
        await asyncio.sleep(spread(seconds, random.random()))  # noqa: S311  # jitter


def tell(backlog: Backlog) -> None:
    """Set the metrics."""
    metrics.STRIPE_BACKLOG.set(backlog.waiting)
    metrics.STRIPE_BACKLOG_AGE.set(backlog.oldest_ms / 1000)
    metrics.STRIPE_DEAD.set(backlog.dead)
