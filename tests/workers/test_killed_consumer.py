"""A consumer that is killed while it looks at an object: the next one looks at it again."""

import asyncio
import sys

from seatwarden.workers.stripe_changes import ChangesSettings
from tests.workers.conftest import Begin
from tests.workers.crashing_stream import CrashingStream
from tests.workers.looker import Looker
from tests.workers.stripe_objects import event_about

# Looks at sub_0 at once and at sub_1 for ever.
PROGRAM = """
import asyncio, sys
from seatwarden.backends.stripe_stream import StripeStream
from seatwarden.workers.stripe_changes import StripeChanges

async def look(change):
    print('looking at', change.object.id, flush=True)
    if change.object.id == "sub_1":
        await asyncio.Event().wait()

asyncio.run(StripeChanges(StripeStream.connect(sys.argv[1]), look).run(asyncio.Event()))
"""


async def test_kill_9_between_take_and_done_loses_nothing(
    redis_url: str, stream: CrashingStream, begin: Begin, looker: Looker
) -> None:
    for number in range(2):
        await stream.append(event_about(number))
    killed = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, redis_url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert killed.stdout is not None
        while b"looking at sub_1" not in await asyncio.wait_for(killed.stdout.readline(), 30):
            pass
        async with asyncio.timeout(20):
            while (await stream.backlog()).waiting > 1:  # noqa: ASYNC110  # seen from outside only
                await asyncio.sleep(0.02)
    finally:
        killed.kill()
        await killed.wait()
        assert killed.stdout is not None
        await killed.stdout.read()
    changes = begin(settings=ChangesSettings())
    for _ in range(2):
        await changes.round()
        await changes.landed()
    assert looker.looked == {"sub_1": 1}
    assert (await stream.backlog()).waiting == 0
