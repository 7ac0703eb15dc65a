"""Looks after the authority as a whole: is it fit to hold seats, and are all pools in it?

A Redis that lost everything knows no pool, and the endpoint must not take that for "there is no such pool". So the operator
leaves a mark when all pools are in, the endpoint believes that a pool does not exist only where the mark is, and a missing
mark has all pools reconciled at once.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from seatwarden.backends.authority import AuthorityUnavailable, PoolAdministration

log = structlog.get_logger(__name__)

LOOK_SECONDS = 2.0
FITNESS_SECONDS = 30.0


@dataclass(slots=True)
class AuthorityWatch:
    """``reconcile_all`` has every pool reconciled; ``is_idle`` says whether all that was asked for is done."""

    authority: PoolAdministration
    clock: Callable[[], float]
    reconcile_all: Callable[[], None]
    is_idle: Callable[[], bool]
    problem: str | None = None
    """Why the authority may not hold seats, or None."""
    _fitness_due: float = 0.0
    _asked: bool = False

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Look once. An authority that does not answer tells nothing new."""
        try:
            if self.clock() >= self._fitness_due:
                await self._look_at_fitness()
            await self._look_at_mark()
        except AuthorityUnavailable:
            return

    async def _look_at_fitness(self) -> None:
        before, self.problem = self.problem, await self.authority.unfit()
        self._fitness_due = self.clock() + FITNESS_SECONDS
        if self.problem == before:
            return
        if self.problem is not None:
            log.error("this Redis may not hold seats", problem=self.problem)
        else:
            log.info("this Redis may hold seats now")
        self.reconcile_all()

    async def _look_at_mark(self) -> None:
        if (await self.authority.feel_pulse()).provisioned:
            self._asked = False
        elif not self._asked:
            self._asked = True
            self.reconcile_all()
        elif self.is_idle() and self.problem is None:
            await self.authority.note_provisioned()
