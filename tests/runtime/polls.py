"""An election over a real Lease, with candidates whose clocks are the test's."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from seatwarden.backends.kubernetes_api import KubernetesApi
from seatwarden.runtime.election import ElectionSettings, Elector

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
LEASE_SECONDS = 15
DEADLINE_SECONDS = 10.0
PATIENCE_SECONDS = 20.0


@dataclass(slots=True)
class Clock:
    """Stands still until it is moved. ``looks`` counts how often somebody looked at it."""

    time: float = 1000.0
    looks: int = 0

    def __call__(self) -> float:
        self.looks += 1
        return self.time

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds


@dataclass(frozen=True, slots=True)
class Polls:
    """One election in one namespace."""

    api: KubernetesApi
    namespace: str

    @property
    def path(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases/seatwarden-operator"

    def candidate(
        self, identity: str, clock: Callable[[], float] = time.monotonic, api: KubernetesApi | None = None
    ) -> Elector:
        settings = ElectionSettings(
            namespace=self.namespace,
            identity=identity,
            lease_duration=LEASE_SECONDS,
            renew_deadline=DEADLINE_SECONDS,
            retry_period=0.02,
        )
        return Elector(api or self.api, settings, clock=clock, now=lambda: NOW)

    async def spec(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.api.get(self.path))["spec"]
        return found

    async def change(self, **spec: Any) -> None:
        """Somebody else writes to the Lease."""
        operations = [{"op": "add", "path": f"/spec/{name}", "value": value} for name, value in spec.items()]
        await self.api.patch(self.path, operations)


@asynccontextmanager
async def waiting(candidate: Elector) -> AsyncIterator[asyncio.Task[None]]:
    """A candidate that waits to lead for as long as the block lasts."""
    task = asyncio.create_task(candidate.acquire())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    """Return as soon as it is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def looked(clock: Clock, times: int = 6) -> None:
    """Return when somebody has looked at the clock so often that the Lease was considered twice."""
    wanted = clock.looks + times
    await until(lambda: clock.looks >= wanted)


async def in_time(task: "asyncio.Task[None]") -> None:
    """Return when the task is done."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        await task
