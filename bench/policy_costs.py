"""What a pool's policies cost Redis: its CPU time for each call of a script, with what it takes to read and answer it.

A pool with every policy is held against one with none; one in whose queue 10,000 wait against one where 10 do; one of
1,000 groups against one of a single group. The two of a pair take turns, a few calls at a time, so that a disturbance
meets both. It is CPU time, as the kernel counts it: so what else runs on the machine is not in it, nor the endpoint.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.rows import Row
from bench.samples import Samples
from bench.seats_world import HOUR, SeatPool, Server, World, granted, new_pool
from seatwarden.domain.seats import Beat, Code, Grant, Refusal, SeatGroup

SEATS = 10_000_000
HELD = 100
CALLS = 5
SETTLES_SECONDS = 0.001
FEW_WAIT, ONE_GROUP, MANY_GROUPS = 10, 1, 1000
# No wish of a benchmark is too many: what is measured is the question, not the refusal.
NEVER_REACHED = 30_000_000


def groups(count: int) -> dict[str, SeatGroup]:
    """So many groups; each reserves a seat, has a limit, and has ten members that ask for none here."""
    return {
        group_of(number, count): SeatGroup(
            reserved=1,
            limit=SEATS,
            members=frozenset(f"{number:060x}{member:04x}" for member in range(0xFFF0, 0xFFFA)),
            priority=number % 3,
        )
        for number in range(count)
    }


def group_of(holder: int, count: int) -> str:
    """The group that a holder names."""
    return f"team-{holder % count}"


def every_policy() -> dict[str, Any]:
    """All of them at once, as fields of `PoolConfig`, each with a limit that nobody reaches."""
    return {
        "overage": 1000,
        "queue_size": 10_000,
        "groups": groups(MANY_GROUPS),
        "holder_limit": 10,
        "version_min": "1.0.0",
        "version_max": "9",
        "rate_key": NEVER_REACHED,
        "rate_holder": NEVER_REACHED,
        "device_limit": SEATS,
    }


@dataclass(slots=True)
class ScriptClock:
    """How long Redis works at scripts."""

    redis: Server
    samples: Samples

    @asynccontextmanager
    async def times(self, name: str) -> AsyncIterator[None]:
        """Keep, as a sample of ``name``, how many microseconds each of the `CALLS` of the block took."""
        before = await self._so_far()
        yield
        self.samples.add(name, (await self._so_far() - before) / CALLS * 1e6, "us/call")

    async def _so_far(self) -> float:
        # The kernel counts what ran when it stops running; until then Redis tidies up behind its last answer.
        await asyncio.sleep(SETTLES_SECONDS)
        return self.redis.cpu_seconds()


@dataclass(slots=True)
class Visitors:
    """Holders that come to a pool, send a heartbeat and go again."""

    pool: SeatPool
    count_of_groups: int
    suffix: str
    come: int = 0

    async def turn(self, clock: ScriptClock) -> None:
        """Some of them do."""
        holders = range(self.come, self.come + CALLS)
        self.come += CALLS

        def group(number: int) -> str:
            return group_of(number, self.count_of_groups) if self.count_of_groups else ""

        async with clock.times(f"script_acquire_{self.suffix}"):
            grants = granted(await self.pool.ask(holders, group=group))
        async with clock.times(f"script_heartbeat_{self.suffix}"):
            for grant in grants:
                beat = Beat(lease_id=grant.lease_id, fence=grant.fence)
                await self.pool.authority.heartbeat(self.pool.uid, self.pool.key.sha256, [beat])
        async with clock.times(f"script_release_{self.suffix}"):
            await self.pool.give_back(grants)


@dataclass(slots=True)
class Crowd:
    """A pool that is full, and those who wait for a seat of it, the first one first."""

    pool: SeatPool
    suffix: str
    held: deque[Grant] = field(default_factory=deque)
    waiting: deque[int] = field(default_factory=deque)
    come: int = 0

    async def gather(self, waiting: int) -> None:
        """Take all seats, and let so many wait."""
        self.held.extend(await self.pool.seats(HELD))
        self.come = HELD
        await self._join(waiting)

    async def _join(self, count: int) -> None:
        newcomers = range(self.come, self.come + count)
        self.come += count
        self._all_have(Code.QUEUED, await self.pool.ask(newcomers, would_wait=True))
        self.waiting.extend(newcomers)

    async def turn(self, clock: ScriptClock) -> None:
        """Some give their seats back, those whose turn it is take them, and as many others begin to wait."""
        async with clock.times(f"script_queue_release_{self.suffix}"):
            await self.pool.give_back([self.held.popleft() for _ in range(CALLS)])
        first = [self.waiting.popleft() for _ in range(CALLS)]
        async with clock.times(f"script_queue_claim_{self.suffix}"):
            answers = await self.pool.ask(first, would_wait=True)
        self.held.extend(granted(answers))
        async with clock.times(f"script_queue_join_{self.suffix}"):
            await self._join(CALLS)
        last = [self.waiting[-1 - number] for number in range(CALLS)]
        async with clock.times(f"script_queue_ask_again_{self.suffix}"):
            answers = await self.pool.ask(last, would_wait=True)
        self._all_have(Code.QUEUED, answers)
        others = range(self.come, self.come + CALLS)
        async with clock.times(f"script_queue_refusal_{self.suffix}"):
            answers = await self.pool.ask(others)
        self._all_have(Code.POOL_EXHAUSTED, answers)

    @staticmethod
    def _all_have(code: Code, answers: list[Grant | Refusal]) -> None:
        assert {answer.code for answer in answers} == {code}, answers


async def policy_rows(world: World, *, turns: int, waiting: int) -> list[Row]:
    """The rows, from so many turns of each pair; ``waiting`` is the length of the long queue."""
    pairs, rows = await _pairs(world, waiting)
    clock = ScriptClock(world.redis, Samples())
    for turn in range(turns):
        for pair in pairs:
            for one in pair[:: -1 if turn % 2 else 1]:
                await one.turn(clock)
    return [row for name, other in rows for row in (clock.samples.row(other), clock.samples.row(name, other))]


async def _pairs(
    world: World, waiting: int
) -> tuple[list[list[Visitors] | list[Crowd]], list[tuple[str, str]]]:
    """What takes turns, and the names of the figures with those that they are held against."""
    pairs: list[list[Visitors] | list[Crowd]] = []
    names: list[tuple[str, str]] = []
    calls = ("acquire", "heartbeat", "release")
    plain = await new_pool(world.authority, seats=SEATS)
    every = await new_pool(world.authority, seats=SEATS, **every_policy())
    pairs.append([Visitors(plain, 0, "without_policies"), Visitors(every, MANY_GROUPS, "with_every_policy")])
    names += [(f"script_{call}_with_every_policy", f"script_{call}_without_policies") for call in calls]
    by_groups = []
    for count in (ONE_GROUP, MANY_GROUPS):
        pool = await new_pool(world.authority, seats=SEATS, groups=groups(count))
        by_groups.append(Visitors(pool, count, f"{count}_groups"))
    pairs.append(by_groups)
    names += [(f"script_{call}_{MANY_GROUPS}_groups", f"script_{call}_{ONE_GROUP}_groups") for call in calls]
    crowds = []
    for length in (FEW_WAIT, waiting):
        pool = await new_pool(world.authority, seats=HELD, queue_size=waiting + CALLS, claim=HOUR)
        crowd = Crowd(pool, f"{length}_waiting")
        await crowd.gather(length)
        crowds.append(crowd)
    pairs.append(crowds)
    steps = ("release", "claim", "join", "ask_again", "refusal")
    names += [
        (f"script_queue_{step}_{waiting}_waiting", f"script_queue_{step}_{FEW_WAIT}_waiting")
        for step in steps
    ]
    return pairs, names
