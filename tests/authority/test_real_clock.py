"""The promises under the server's own clock, with leases of a tenth of a second: a smaller world than the simulated ones."""

import asyncio
import random
import time
from collections.abc import Callable

import pytest

from seatwarden.domain.seats import Code, Grant, Millis
from tests.authority.desk import Desk

SEATS, CLIENTS, SECONDS = 6, 30, 1.5


class Crowd:
    """Clients that count their leases from the moment of sending, and who believes in a seat just now."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk = desk
        self.seed = seed
        self.until: dict[int, float] = {}
        self.lost_in_time = 0
        self.most = 0

    async def client(self, number: int, end: float) -> None:
        rng = random.Random(self.seed * 100 + number)
        while time.monotonic() < end:
            sent = time.monotonic()
            answer = await self.desk.ask(number, nonce=f"{sent}")
            if isinstance(answer, Grant):
                self.believe(number, sent, answer.expires_in)
                await self.hold(number, answer, rng)
            else:
                await asyncio.sleep(rng.uniform(0, 0.05))

    async def hold(self, number: int, grant: Grant, rng: random.Random) -> None:
        for _ in range(rng.randint(0, 6)):
            await asyncio.sleep(rng.choice([0.01, 0.03, 0.03, 0.2]))
            sent = time.monotonic()
            verdict = await self.desk.beat(grant)
            if verdict.code is not Code.OK:
                # Its answer may have come late, but the call itself was not.
                self.lost_in_time += time.monotonic() < self.until[number]
                del self.until[number]
                return
            self.believe(number, sent, verdict.expires_in)
        # Half of them give the seat back, the others crash.
        del self.until[number]
        if rng.random() < 0.5:
            await self.desk.release(grant)

    def believe(self, number: int, sent: float, left: Millis) -> None:
        # The server rounds its clock down to a millisecond, so a lease can be shorter by as much.
        self.until[number] = sent + (left - 1) / 1000
        now = time.monotonic()
        self.most = max(self.most, sum(now < until for until in self.until.values()))


@pytest.mark.behaviour(1, 8)
async def test_clients_under_the_servers_clock_never_believe_in_more_seats_than_there_are(
    desk: Desk, fresh_seeds: Callable[[int], range]
) -> None:
    await desk.configure(capacity=SEATS, lease=Millis(100), heartbeat=Millis(30))
    crowd = Crowd(desk, fresh_seeds(1)[0])
    end = time.monotonic() + SECONDS
    await asyncio.gather(*(crowd.client(number, end) for number in range(CLIENTS)))
    assert 0 < crowd.most <= SEATS
    assert crowd.lost_in_time == 0
    await desk.until(await desk.now() + 100)
    assert await desk.live() == 0
    await asyncio.gather(*(desk.seat(1000 + number) for number in range(SEATS)))
