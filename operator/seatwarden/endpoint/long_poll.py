"""Waiting within one request until it is a program's turn: ``Prefer: wait=N`` of RFC 7240, section 4.3.

Whoever waits asks the authority again in the pauses that it names, short for the first in the queue and longer further
behind. So many programs that wait cost few calls, and nothing has to be told from one endpoint to the others.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping

from seatwarden.domain.seats import Grant, Refusal

LONGEST_WAIT_SECONDS = 30.0
_WAIT = re.compile(r"(?:^|,)\s*wait\s*=\s*\"?(\d{1,6})\"?\s*(?=$|[,;])", re.IGNORECASE)


def preferred_wait(headers: Mapping[str, str]) -> float:
    """How many seconds a client wants to wait within its request, at most `LONGEST_WAIT_SECONDS`; 0 without a wish."""
    found = _WAIT.search(headers.get("Prefer", ""))
    return min(float(found[1]), LONGEST_WAIT_SECONDS) if found else 0.0


async def seat_in_turn(
    ask: Callable[[], Awaitable[Grant | Refusal]],
    verdict: Grant | Refusal,
    *,
    seconds: float,
    is_away: Callable[[], bool],
) -> Grant | Refusal:
    """The first answer other than `QUEUED`, or the last one where ``seconds`` passed or the client went away.

    A client that went away is not asked for any more: it would be given a seat that nobody uses.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while isinstance(verdict, Refusal) and verdict.place is not None and verdict.retry_after is not None:
        pause = verdict.retry_after / 1000
        if loop.time() + pause > deadline:
            return verdict
        await asyncio.sleep(pause)
        if is_away():
            return verdict
        verdict = await ask()
    return verdict
