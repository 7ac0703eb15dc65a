"""Client programs that keep their seats through anything, and a judge who looks at what each of them believes.

A client believes that it has a seat from the answer that gave or renewed it until the lease ends by its own clock, counted
from before the request was sent: so it never believes it longer than the authority does. The judge holds against all of
them together that no more believe so at any instant than there are seats, and against each that no seat was taken from it
while it went on asking.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import aiohttp

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.domain.epoch import next_epoch
from tests.endpoint.endpoint_client import SESSIONS, Answer, EndpointClient
from tests.endpoint.pools import Pool

TRANSIENT = {502, 503, 504, 429}
PAUSE_SECONDS = 0.03


@dataclass
class Judge:
    """Collects who believed from when to when."""

    capacity: int
    beliefs: list[tuple[float, float]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def most_at_once(self) -> int:
        """The most clients that believed at one time that they had a seat."""
        changes = sorted([(start, 1) for start, _ in self.beliefs] + [(end, -1) for _, end in self.beliefs])
        most = now = 0
        for _, change in changes:
            now += change
            most = max(most, now)
        return most

    def sum_up(self) -> None:
        """Fail where something was wrong."""
        assert self.lost == [], "somebody who went on asking lost a seat"
        assert 0 < self.most_at_once() <= self.capacity, "more believed to have a seat than there are"


@dataclass
class LiveClient:
    """One program on one machine. It wants a seat for as long as it runs."""

    http: EndpointClient
    judge: Judge
    holder: str = field(default_factory=lambda: secrets.token_hex(32))
    lease: str | None = None
    session: str = ""
    fence: int = 0
    seated: asyncio.Event = field(default_factory=asyncio.Event)
    epochs: set[int] = field(default_factory=set)
    _since: float | None = None
    _until: float = 0.0

    async def run(self) -> None:
        """Take a seat and keep it, until cancelled; then give it back."""
        try:
            await self._take()
            pause = 0.0
            while pause >= 0:
                await asyncio.sleep(pause)
                pause = await self._keep()
        finally:
            await self._leave()

    async def _ask(self, method: str, path: str, body: dict[str, object]) -> tuple[float, Answer | None]:
        asked = time.monotonic()
        try:
            answer = await self.http.ask(method, path, body)
        except (aiohttp.ClientError, TimeoutError):
            return asked, None
        return asked, None if answer.status in TRANSIENT else answer

    async def _take(self) -> None:
        while True:
            body: dict[str, object] = {"hardware_id": self.holder, "lease": self.lease}
            asked, answer = await self._ask("POST", "/api/v1/licenses/acquire", body)
            if answer is not None and answer.status in {200, 201}:
                self.session, self.lease = answer.body["session_id"], answer.body["lease"]
                self._fenced(answer.body["fence"])
                self._believe(asked, answer.body["expires_in"])
                self.seated.set()
                return
            assert answer is None or answer.code == "pool_exhausted", answer
            await asyncio.sleep(PAUSE_SECONDS)

    async def _keep(self) -> float:
        path = f"{SESSIONS}/{self.session}/heartbeat"
        asked, answer = await self._ask("PATCH", path, {"fence": self.fence, "lease": self.lease})
        if answer is None:
            return PAUSE_SECONDS
        if answer.status != 200:
            self.judge.lost.append(f"{self.holder[:6]}: {answer.status} {answer.code}")
            await asyncio.Event().wait()
        self.lease = answer.body["lease"] or self.lease
        self._believe(asked, answer.body["expires_in"])
        return float(answer.body["next_heartbeat_in"])

    async def _leave(self) -> None:
        self._since_ended(min(time.monotonic(), self._until))
        with contextlib.suppress(asyncio.CancelledError):
            for _ in range(200):
                body: dict[str, object] = {"fence": self.fence}
                _, answer = await self._ask("DELETE", f"{SESSIONS}/{self.session}", body)
                if answer is not None or not self.session:
                    return
                await asyncio.sleep(PAUSE_SECONDS)

    def _fenced(self, fence: int) -> None:
        assert fence >= self.fence, "fences never go back"
        self.fence = fence
        self.epochs.add(fence >> 32)

    def _believe(self, asked: float, expires_in: float) -> None:
        if self._since is None or asked > self._until:
            self._since_ended(self._until)
            self._since = time.monotonic()
        self._until = asked + expires_in

    def _since_ended(self, end: float) -> None:
        if self._since is not None:
            self.judge.beliefs.append((self._since, max(self._since, end)))
        self._since = None


@contextlib.asynccontextmanager
async def crowd(http: EndpointClient, judge: Judge, count: int) -> AsyncIterator[list[LiveClient]]:
    """So many clients, at work for as long as the block lasts."""
    clients = [LiveClient(http, judge) for _ in range(count)]
    tasks = [asyncio.create_task(client.run()) for client in clients]
    try:
        yield clients
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, BaseException) and not isinstance(ended, asyncio.CancelledError):
                raise ended


async def all_seated(clients: list[LiveClient], within: float = 20.0) -> None:
    """Return when each of them has got a seat."""
    async with asyncio.timeout(within):
        await asyncio.gather(*(client.seated.wait() for client in clients))


@contextlib.asynccontextmanager
async def watchful_operator(seats: RedisSeatAuthority, pool: Pool) -> AsyncIterator[None]:
    """What the operator does for one pool: sets it up again, in a later epoch, where it was lost or went back."""

    async def watch() -> None:
        remembered = pool.config.epoch
        term = 2
        while True:
            with contextlib.suppress(AuthorityUnavailable):
                [seen] = await seats.observe([pool.uid])
                epoch = next_epoch(remembered=remembered, observed=None if seen is None else seen.epoch)
                config = replace(pool.config, epoch=epoch)
                if seen is None or seen.config_digest != config.digest:
                    await seats.configure(pool.uid, config, term=term)
                    remembered = epoch
                await seats.note_provisioned()
            await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


def overlaps(intervals: list[tuple[float, float]]) -> bool:
    """Do any two of these intervals of one holder overlap?"""
    return any(end > start for (_, end), (start, _) in pairwise(sorted(intervals)))
