"""Runs in a pod with the image: programs that hold seats and ask, and at the end one line of JSON about how it was."""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack

sys.path.insert(0, "/opt/seatwarden/lib")

from seatwarden.client import AsyncClient, SeatRefused

CLIENTS = int(os.environ["CLIENTS"])
CONNECTIONS = 10
SECONDS = float(os.environ["SECONDS"])


async def work(client: AsyncClient, number: int, seated: asyncio.Barrier, counted: Counter[str]) -> None:
    """Hold a seat, ask about it each second, and count what comes."""
    holder = f"{number:064x}"
    async with client.hold(holder=holder) as seat:
        await seated.wait()
        ends = time.monotonic() + SECONDS
        while time.monotonic() < ends:
            try:
                licence = await client.validate(holder=holder)
            except SeatRefused as refused:
                counted[f"refused: {refused}"] += 1
            else:
                counted["answers" if licence.valid else f"invalid: {licence.code}"] += 1
            await asyncio.sleep(1)
        counted["seats kept" if seat.held else f"lost: {seat.loss}"] += 1


async def main() -> None:
    """All of them at a time."""
    counted: Counter[str] = Counter()
    seated = asyncio.Barrier(CLIENTS + 1)
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        # Made before any seat is taken: each reads the certificates of the machine, and nobody beats meanwhile.
        clients = [await stack.enter_async_context(AsyncClient()) for _ in range(CONNECTIONS)]
        for number in range(CLIENTS):
            group.create_task(work(clients[number % CONNECTIONS], number, seated, counted))
        await seated.wait()
        sys.stdout.write("all are seated\n")
        sys.stdout.flush()
    sys.stdout.write(json.dumps(counted) + "\n")


asyncio.run(main())
