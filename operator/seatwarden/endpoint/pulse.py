"""The endpoint's sign of life: while any endpoint gives it, the authority counts as being there.

When none could, because Redis was away or all endpoints were, the first sign after it makes the silence an outage, and
leases run on by that time (``lua/seats/tick.lua``).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from seatwarden.backends.authority import PULSE_SECONDS, AuthorityUnavailable, SeatPath


def pulse_of(seats: SeatPath) -> Callable[[web.Application], AsyncIterator[None]]:
    """A part of the application's life: gives signs from its start to its end."""

    async def pulse(_: web.Application) -> AsyncIterator[None]:
        beating = asyncio.create_task(_beat(seats))
        yield
        beating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beating

    return pulse


async def _beat(seats: SeatPath) -> None:
    while True:
        # What goes wrong here goes wrong for requests too, which tell of it.
        with contextlib.suppress(AuthorityUnavailable):
            await seats.beat_pulse()
        await asyncio.sleep(PULSE_SECONDS)
