"""The tour: the main job, done by real programs on real servers, each step shown and checked.

Every command that is shown is the command that was run. A step that does not come out as it says ends the tour.
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console

from seatwarden.runtime.dev_stack import DevStack

NAMESPACE = "quickstart"
POOL = "dev"
SUBSCRIPTION = "acme-team"
SEATS = 5
_STEP_SECONDS = 40.0
_LOOK_SECONDS = 0.2
_SOON_SECONDS = 10.0


class TourFailed(Exception):
    """A step did not come out as it should; the text says which and how."""


@dataclass(slots=True)
class Client:
    """A client program in a process of its own."""

    name: str
    process: asyncio.subprocess.Process

    @classmethod
    async def start(cls, name: str, *, endpoint: str, key_file: Path) -> "Client":
        """Start the program for the machine ``name``."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "seatwarden.local.tour_client", endpoint, str(key_file), name),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return cls(name, process)

    async def said(self) -> dict[str, Any]:
        """The next thing that the program tells."""
        assert self.process.stdout is not None
        async with asyncio.timeout(_SOON_SECONDS):
            line = await self.process.stdout.readline()
        if not line:
            raise TourFailed(f"the client {self.name} ended without a word")
        told: dict[str, Any] = json.loads(line)
        return told

    async def end(self, number: signal.Signals) -> None:
        """Send a signal and wait until the program has ended."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        await self.process.wait()


@dataclass(slots=True)
class Tour:
    """One walk through ``stack``, told on ``console``."""

    stack: DevStack
    console: Console
    clients: dict[str, Client] = field(default_factory=dict)
    key_file: Path = Path()
    checked: int = 0

    async def walk(self) -> None:
        """All steps, in order.

        Raises:
            TourFailed: a step did not come out as it says.
            KubectlFailed: a command failed.
        """
        try:
            await self._declare()
            await self._take_all_seats()
            await self._refuse_the_sixth()
            await self._crash_and_recover()
            await self._grow()
            await self._give_back()
        finally:
            for client in self.clients.values():
                await client.end(signal.SIGKILL)

    async def _declare(self) -> None:
        self._title("A customer, what it bought, and where its seats are: three resources")
        await self.stack.apply(files("seatwarden_examples").joinpath("quickstart.yaml").read_text())
        for kind, name in (("tenant", "acme"), ("subscription", SUBSCRIPTION), ("seatpool", POOL)):
            await self._kubectl("wait", "--for=condition=Ready", f"{kind}/{name}", "--timeout=30s")
        await self._kubectl("get", "tenants,subscriptions,seatpools")
        self.key_file = await self.stack.write_licence_key(NAMESPACE, POOL)
        self._check(
            self.key_file.stat().st_mode & 0o077 == 0, "all three are Ready; the licence key is in a Secret"
        )

    async def _take_all_seats(self) -> None:
        self._title("Five client programs take the five seats over HTTP")
        for number in range(1, SEATS + 1):
            told = await self._start(f"machine-{number}")
            self._say(
                f"machine-{number}: {told['code']}, seat {told['seats']['used']} of {told['seats']['capacity']}"
            )
            self._check(
                told["code"] == "granted",
                f"machine-{number} has a seat, fence {told.get('fence')}",
                quiet=True,
            )
        pool = await self._pool()
        self._check(pool["seats"]["used"] == SEATS, f"{SEATS} of {SEATS} seats are held")

    async def _refuse_the_sixth(self) -> None:
        self._title("The sixth is refused, and told why")
        told = await self._start("machine-6")
        self._say(json.dumps({name: told.get(name) for name in ("status", "code", "detail")}, indent=2))
        self._check(told["code"] == "pool_exhausted", "the cap holds: refused with the code pool_exhausted")
        await self._until(lambda: self._status_says(used=SEATS), "status shows that all seats are held")
        await self._kubectl("get", "seatpool", POOL)

    async def _crash_and_recover(self) -> None:
        self._title(
            "A client crashes: SIGKILL, no release, no goodbye. Its seat comes back when its lease ends"
        )
        await self.clients["machine-3"].end(signal.SIGKILL)
        killed = time.monotonic()
        await self._until(
            self._is_one_free, "the seat is free again", waiting="waiting for the lease of 15 s to end"
        )
        self._say(f"{time.monotonic() - killed:.1f} s after the crash; nobody had to do anything")
        told = await self._start("machine-7")
        self._check(told["code"] == "granted", "another machine has taken it")

    async def _grow(self) -> None:
        self._title("One seat more")
        await self._kubectl("scale", f"seatpool/{POOL}", "--replicas=6")
        await self._until(
            lambda: self._reason_is("AwaitingCapacity"),
            "the pool says that the Subscription has no sixth seat",
        )
        await self._kubectl("get", "seatpool", POOL)
        patch = '{"spec":{"seats":6}}'
        await self._kubectl("patch", "subscription", SUBSCRIPTION, "--type=merge", "-p", patch)
        await self._kubectl(
            "wait", "--for=jsonpath={.status.capacity}=6", f"seatpool/{POOL}", "--timeout=30s"
        )
        told = await self._start("machine-6")
        self._check(told["code"] == "granted", "bought one more: the sixth machine is in")
        await self._until(lambda: self._status_says(used=SEATS + 1), "status shows six")
        await self._kubectl("get", "subscriptions,seatpools")

    async def _give_back(self) -> None:
        self._title("Everybody goes home: SIGTERM, and each client gives its seat back")
        for client in self.clients.values():
            await client.end(signal.SIGTERM)
        pool = await self._pool()
        self._check(pool["seats"]["used"] == 0, "all seats are free")

    async def _start(self, name: str) -> dict[str, Any]:
        client = await Client.start(name, endpoint=self.stack.endpoint, key_file=self.key_file)
        self.clients[name] = client
        return await client.said()

    async def _kubectl(self, *words: str) -> str:
        command = (*words, "-n", NAMESPACE)
        self.console.print(f"[bold]$ {self.stack.kubectl.shown(*command)}", soft_wrap=True, highlight=False)
        output = await self.stack.kubectl.run(*command, limit_seconds=_STEP_SECONDS)
        self.console.print(output.rstrip(), soft_wrap=True, highlight=False, markup=False)
        return output

    async def _pool(self) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.key_file.read_text().strip()}"}
        async with (
            aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=5.0)) as session,
            session.get(f"{self.stack.endpoint}/api/v1/licenses/pool") as response,
        ):
            pool: dict[str, Any] = await response.json()
            return pool

    async def _is_one_free(self) -> bool:
        return bool((await self._pool())["seats"]["free"] == 1)

    async def _pool_resource(self) -> dict[str, Any]:
        words = ("get", "seatpool", POOL, "-n", NAMESPACE, "-o", "json")
        status: dict[str, Any] = json.loads(await self.stack.kubectl.run(*words)).get("status", {})
        return status

    async def _status_says(self, *, used: int) -> bool:
        return bool((await self._pool_resource()).get("used") == used)

    async def _reason_is(self, reason: str) -> bool:
        conditions = (await self._pool_resource()).get("conditions", [])
        return any(item["type"] == "Ready" and item["reason"] == reason for item in conditions)

    async def _until(self, holds: Callable[[], Awaitable[bool]], what: str, waiting: str = "") -> None:
        deadline = time.monotonic() + _STEP_SECONDS
        with self.console.status(waiting or f"waiting until {what}"):
            while not await holds():
                self.stack.check_alive()
                if time.monotonic() > deadline:
                    raise TourFailed(f"within {_STEP_SECONDS:.0f} s it did not come true that {what}")
                await asyncio.sleep(_LOOK_SECONDS)
        self._check(True, what)

    def _check(self, holds: bool, what: str, *, quiet: bool = False) -> None:
        if not holds:
            self.console.print(f"[red]✗ not so: {what}")
            raise TourFailed(f"not so: {what}")
        self.checked += 1
        if not quiet:
            self.console.print(f"[green]✓[/] {what}", highlight=False)

    def _title(self, text: str) -> None:
        self.console.print(f"\n[bold cyan]{text}", highlight=False)

    def _say(self, text: str) -> None:
        self.console.print(f"  {text}", highlight=False, markup=False)
