"""The stream of Stripe's events with Sentinels and in a Cluster: nothing that was accepted and replicated is lost."""

import asyncio
from pathlib import Path

import pytest

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.stripe_stream import FIRST, StripeStream, Taken
from seatwarden.domain.durability import Durability
from tests.backends.redis_groups import cluster, sentinels
from tests.workers.stripe_objects import event_about

pytestmark = pytest.mark.timeout(180)


async def accepted(stream: StripeStream, number: int) -> Taken:
    """Send as Stripe does: again until it is answered."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await stream.append(event_about(number, f"evt_{number}"))
            except AuthorityUnavailable:
                await asyncio.sleep(0.05)


async def test_what_replicas_had_before_it_was_acknowledged_outlives_a_failover(tmp_path: Path) -> None:
    async with sentinels(tmp_path, None) as world:
        stream = StripeStream.connect(world.url, durability=Durability(replicas=1), time_limit_seconds=1.0)
        alone = StripeStream.connect(world.url, time_limit_seconds=1.0)
        try:
            assert await accepted(stream, 0) in {Taken.NEW, Taken.KNOWN}
            (first,) = await stream.take("before", last=FIRST, count=1)
            assert await accepted(stream, 1) in {Taken.NEW, Taken.KNOWN}
            world.master.kill()
            # There is no replica now, so only who does not ask for one is answered.
            assert await accepted(alone, 1) is Taken.KNOWN
            assert await accepted(alone, 2) is Taken.NEW
            adopted, _ = await alone.adopt("after", stale_ms=0, start=FIRST, count=10)
            taken = await alone.take("after", last=first.id, count=10)
            assert {entry.event for entry in (*adopted, *taken)} == {"evt_0", "evt_1", "evt_2"}
        finally:
            await stream.close()
            await alone.close()


async def test_in_a_cluster_all_of_it_is_on_one_node() -> None:
    async with cluster(None) as world:
        stream = StripeStream.connect(world.url, time_limit_seconds=5.0)
        try:
            for number in range(20):
                assert await accepted(stream, number) in {Taken.NEW, Taken.KNOWN}
            entries = await stream.take("a", last=FIRST, count=100)
            assert len(entries) == 20
            await stream.bury(entries[:1], "why")
            await stream.done([entry.id for entry in entries[1:]])
            assert await stream.replay([letter.id for letter in await stream.dead()]) == 1
            backlog = await stream.backlog()
            assert (backlog.waiting, backlog.dead) == (1, 0)
        finally:
            await stream.close()
