"""Runs in a pod with the image: programs that hold seats and ask, and at the end one line of JSON about how it was."""

import asyncio
import json
import os
import sys
import time
from collections import Counter

sys.path.insert(0, "/opt/seatwarden/lib")

from seatwarden.client import AsyncClient, SeatRefused

CLIENTS = int(os.environ["CLIENTS"])
SECONDS = float(os.environ["SECONDS"])


async def work(number: int, seated: asyncio.Barrier, counted: Counter[str]) -> None:
    """Hold a seat, ask about it each second on a connection of its own, and count what comes."""
    holder = f"{number:064x}"
    async with AsyncClient() as client, client.hold(holder=holder) as seat:
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
    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(work(number, seated, counted))
        await seated.wait()
        sys.stdout.write("all are seated\n")
        sys.stdout.flush()
    sys.stdout.write(json.dumps(counted) + "\n")


asyncio.run(main())
