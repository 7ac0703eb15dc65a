"""To be ready takes the authority two questions, and the time limit of one."""

import asyncio
from typing import Any

import pytest

from seatwarden.backends.redis_authority import RedisSeatAuthority


class Runner:
    """Has its scripts loaded only once it was asked for the facts as well."""

    def __init__(self) -> None:
        self.asked_for_facts = asyncio.Event()

    def arrive_first(self, **_: Any) -> None:
        pass

    async def load(self) -> None:
        await self.asked_for_facts.wait()

    async def facts(self) -> list[Any]:
        self.asked_for_facts.set()
        return []


@pytest.mark.timeout(20)
async def test_scripts_and_facts_are_looked_after_at_the_same_time() -> None:
    runner: Any = Runner()
    await RedisSeatAuthority(runner).ready()
