"""The operator may be killed at any instant: what it does outside is done in such an order that the next one can go on."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import cycle

import pytest
from redis.asyncio import Redis

from seatwarden.backends.private_root_key import PrivateRootKey, generate
from seatwarden.domain.root_key import RootAlgorithm
from tests.operator.crash_story import Story
from tests.operator.mortal_operator import FaultPoint, Life, Moment, operated
from tests.operator.world import World

STORIES_AT_A_TIME = 6


@pytest.fixture(scope="module")
def root_keys() -> tuple[PrivateRootKey, ...]:
    """Two, as to make one takes half a second: an operator that made a second one for a Tenant would get the other."""
    return tuple(asyncio.run(generate(RootAlgorithm.RS256)) for _ in range(2))


async def told(around: World, redis: Redis, keys: Sequence[PrivateRootKey], chapter: str, life: Life) -> None:
    """Tell the story in a namespace of its own. It stays, with a Secret in it; to delete it would take longer than the story."""
    namespace = f"{around.namespace}-{chapter}"
    await around.api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    world = World(around.cluster, around.api, namespace, around.redis_url, around.seats)
    story = Story(world, redis)
    async with operated(world, life, story.witness, cycle(keys)):
        await story.tell()


def fault_points(writes: list[str], moment: Moment) -> Iterator[FaultPoint]:
    """Each of the writes."""
    seen: Counter[str] = Counter()
    for write in writes:
        seen[write] += 1
        yield FaultPoint(moment, write, seen[write])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("moment", Moment)
async def test_killed_at_any_write_it_loses_nothing_and_doubles_nothing(
    idle_world: World, redis: Redis, root_keys: tuple[PrivateRootKey, ...], moment: Moment
) -> None:
    undisturbed = Life()
    await told(idle_world, redis, root_keys, "undisturbed", undisturbed)
    points = list(fault_points(undisturbed.writes, moment))
    waiting = iter(enumerate(points))
    died: list[FaultPoint] = []
    failed: list[str] = []

    async def tell_stories() -> None:
        for number, point in waiting:
            life = Life(point)
            try:
                await told(idle_world, redis, root_keys, str(number), life)
            except Exception as error:  # noqa: BLE001  all points are tried before the test fails
                failed.append(f"killed {point.moment} {point.write} (no. {point.nth}): {error!r}")
            if life.over.is_set():
                died.append(point)

    await asyncio.gather(*(tell_stories() for _ in range(STORIES_AT_A_TIME)))
    print(f"killed {moment} {len(died)} of {len(points)} writes")  # noqa: T201  part of the result
    assert "\n".join(failed) == ""
    # Numbers in status may be added up once less where the operator died, so the last of their writes may be missing.
    assert {point.write for point in died} == {point.write for point in points}
