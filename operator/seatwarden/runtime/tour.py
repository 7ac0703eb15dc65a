"""The tour: the main job, done by real programs on real servers, each step shown and checked.

Every command that is shown is the command that was run. A step that does not come out as it says ends the tour.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from signal import SIGKILL, SIGTERM
from typing import Any

import aiohttp
from rich.console import Console

from seatwarden.runtime.dev_stack import DevStack, LicenceKeyFiles
from seatwarden.runtime.installation import apply, quickstart_manifests
from seatwarden.runtime.step_progress import StepProgress
from seatwarden.runtime.tour_programs import Program, ProgramSilent, Told

NAMESPACE = "quickstart"
POOL = "dev"
SUBSCRIPTION = "acme-team"
SEATS = 5
LEASE_SECONDS = 15.0
_CRASHING = "machine-3"
_SIXTH = "machine-6"
_LOOK_SECONDS = 0.2
_SOON_SECONDS = 30.0
_SILENT_SECONDS = 2.0
# The next one in line asks every second, and this machine may be busy.
_LATE_SECONDS = 5.0
# Between the authority's answer and our reading of it some time has passed.
_EARLY_SECONDS = 0.5


class TourFailed(Exception):
    """A step did not come out as it should; the text says which and how."""


@dataclass(slots=True)
class Tour:
    """One walk through ``stack``, told on ``console``."""

    stack: DevStack
    console: Console
    programs: dict[str, Program] = field(default_factory=dict)
    checked: int = 0
    _keys: LicenceKeyFiles | None = None

    @property
    def keys(self) -> LicenceKeyFiles:
        """The licence key of the pool, once the pool is there."""
        assert self._keys is not None, "the first step gets them"
        return self._keys

    async def walk(self) -> None:
        """All steps, in order.

        Raises:
            TourFailed: a step did not come out as it says.
            KubectlFailed: a command failed.
            LocalServerError: the operator or the endpoint has ended.
        """
        try:
            await self._declare()
            await self._take_all_seats()
            await self._refuse_the_sixth()
            await self._crash_and_recover()
            await self._ask_for_more_than_was_bought()
            await self._buy_one_more()
            await self._give_back()
        except ProgramSilent as error:
            self.stack.check_alive()
            raise TourFailed(str(error)) from error
        finally:
            for program in self.programs.values():
                await program.end(SIGKILL)

    async def _declare(self) -> None:
        self._title("A customer, what it bought, and where its seats are: three resources")
        self._say("The operator makes them true: examples/quickstart.yaml, applied.")
        await apply(self.stack.kubectl, quickstart_manifests())
        await self._kubectl(
            *("wait", "--for=condition=Ready", "tenant/acme", f"subscription/{SUBSCRIPTION}"),
            *(f"seatpool/{POOL}", "--timeout=60s"),
        )
        self._keys = await self.stack.write_licence_key(NAMESPACE, POOL)
        # Seats that an earlier run of a kept state folder left behind come back with their leases.
        await self._until(
            self._all_free, "the pool has five seats, all free, and its licence key", show=False
        )
        await self._until(lambda: self._allocated(SEATS), "all three are Ready, five seats are allocated")
        await self._kubectl("get", "tenants,subscriptions,seatpools")

    async def _take_all_seats(self) -> None:
        self._title("Five client programs take the five seats over HTTP")
        for number in range(1, SEATS + 1):
            name = f"machine-{number}"
            told = await self._start(name)
            self._check(told["code"] == "granted", f"{name} has a seat", told)
        pool = await self._pool()
        self._check(pool["seats"]["used"] == SEATS, "5 of 5 seats are held", pool)
        await self._until(lambda: self._pool_says(used=SEATS), "the status of the pool says so too")
        await self._until(lambda: self._allocated(SEATS, in_use=SEATS), "and those of the others", show=False)
        await self._kubectl("get", "tenants,subscriptions,seatpools")

    async def _refuse_the_sixth(self) -> None:
        self._title("The sixth is refused, and told why")
        told = await self._start(_SIXTH, keep_asking=True)
        self._say(f"{_SIXTH} (process {self.programs[_SIXTH].pid}): HTTP {told.get('status')}")
        self._say(f"code    {told['code']}")
        self._say(f"detail  {told.get('detail')}")
        refused = (told.get("status"), told["code"], told.get("capacity")) == (409, "pool_exhausted", SEATS)
        self._check(refused, "the cap holds; the program goes on asking every second", told)

    async def _crash_and_recover(self) -> None:
        self._title("A program crashes: SIGKILL, no release, no goodbye. Its seat comes back by itself")
        crashing = self.programs[_CRASHING]
        self._say(f"$ kill -9 {crashing.pid}")
        status = await crashing.end(SIGKILL)
        self._check(status == -SIGKILL, f"{_CRASHING} is dead; its lease is not", status)
        left = await self._lease_left(_CRASHING)
        began = time.monotonic()
        with StepProgress(self.console).countdown(f"the lease of {_CRASHING} ends", left) as tell:
            told = await self._told_while_alive(self.programs[_SIXTH], tell, within=left + _SOON_SECONDS)
        took = time.monotonic() - began
        self._check(told["code"] == "granted", f"{_SIXTH} has its seat, after {took:.1f} s", told)
        in_time = left - _EARLY_SECONDS <= took <= left + _LATE_SECONDS
        timing = f"not before the lease had ended ({left:.1f} s), and as soon as it was asked for"
        self._check(in_time, timing, took)

    async def _ask_for_more_than_was_bought(self) -> None:
        self._title("The crashed program is started again, and there is no seat left: scale to six")
        told = await self._start(_CRASHING, keep_asking=True)
        self._check(told["code"] == "pool_exhausted", f"{_CRASHING} is the sixth now: {told['code']}", told)
        await self._kubectl("scale", f"seatpool/{POOL}", "--replicas=6")
        waiting = "the pool is not Ready: AwaitingCapacity"
        await self._until(lambda: self._pool_says(reason="AwaitingCapacity", used=SEATS), waiting)
        await self._kubectl("get", "seatpools")
        self._say(_ready(await self._resource(f"seatpool/{POOL}"))["message"])
        seats = (await self._pool())["seats"]
        self._check(seats == {"capacity": 5, "used": 5, "free": 0}, "five were bought, so five it is", seats)

    async def _buy_one_more(self) -> None:
        self._title("One more seat is bought")
        patch = json.dumps({"spec": {"seats": SEATS + 1}}, separators=(",", ":"))
        await self._kubectl("patch", f"subscription/{SUBSCRIPTION}", "--type=merge", "-p", patch)
        told = await self._told_while_alive(self.programs[_CRASHING], lambda: None, within=_SOON_SECONDS)
        self._check(told["code"] == "granted", f"{_CRASHING}, which went on asking, has a seat", told)
        await self._until(
            lambda: self._pool_says(reason="Succeeded", used=SEATS + 1), "the pool is Ready, with six in use"
        )
        await self._until(lambda: self._allocated(SEATS + 1, in_use=SEATS + 1), "so are the others")
        await self._kubectl("get", "tenants,subscriptions,seatpools")

    async def _give_back(self) -> None:
        self._title("Everybody goes home: SIGTERM, and each program gives its seat back")
        ended = [await program.end(SIGTERM) for program in self.programs.values()]
        self._check(not any(ended), "all programs ended well", ended)
        pool = await self._pool()
        self._check(pool["seats"]["used"] == 0, "all seats are free", pool)

    async def _start(self, name: str, *, keep_asking: bool = False) -> Told:
        program = await Program.start(
            name,
            endpoint=self.stack.endpoint,
            key_file=self.keys.key,
            log=self.stack.logs / "programs.log",
            keep_asking=keep_asking,
        )
        self.programs[name] = program
        return await program.told()

    async def _told_while_alive(self, program: Program, tell: Callable[[], None], *, within: float) -> Told:
        """What ``program`` tells next, with ``tell`` called meanwhile, and an eye on our servers."""
        telling = asyncio.ensure_future(program.told(within=within))
        try:
            while not telling.done():
                self.stack.check_alive()
                tell()
                await asyncio.wait([telling], timeout=_LOOK_SECONDS)
            return await telling
        finally:
            telling.cancel()

    async def _kubectl(self, *words: str) -> None:
        command = ("-n", NAMESPACE, *words)
        self.console.print(f"[bold]$ {self.stack.kubectl.shown(*command)}", soft_wrap=True, highlight=False)
        with self.console.status("kubectl is at it"):
            output = await self.stack.kubectl.run(*command)
        self.console.print(output.rstrip(), soft_wrap=True, highlight=False, markup=False)

    async def _resource(self, name: str) -> dict[str, Any]:
        found = await self.stack.kubectl.run("-n", NAMESPACE, "get", name, "-o", "json")
        resource: dict[str, Any] = json.loads(found)
        return resource

    async def _pool_says(self, *, used: int, reason: str = "Succeeded") -> bool:
        pool = await self._resource(f"seatpool/{POOL}")
        current = pool["status"].get("observedGeneration") == pool["metadata"]["generation"]
        return current and pool["status"].get("used") == used and _ready(pool).get("reason") == reason

    async def _allocated(self, seats: int, *, in_use: int = 0) -> bool:
        status = (await self._resource(f"subscription/{SUBSCRIPTION}")).get("status", {})
        tenant = (await self._resource("tenant/acme")).get("status", {})
        numbers = (status.get("allocatedSeats"), status.get("seatsInUse"), tenant.get("seatsInUse"))
        return numbers == (seats, in_use, in_use)

    async def _all_free(self) -> bool:
        return bool((await self._pool())["seats"] == {"capacity": SEATS, "used": 0, "free": SEATS})

    async def _lease_left(self, machine: str) -> float:
        sessions = (await self._ask("sessions"))["sessions"]
        left = [item["expires_in"] for item in sessions if item["metadata"].get("hostname") == machine]
        self._check(len(left) == 1 and 0 < left[0] <= LEASE_SECONDS, f"{machine} still holds its seat", left)
        return float(left[0])

    async def _pool(self) -> dict[str, Any]:
        return await self._ask("pool")

    async def _ask(self, what: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.keys.text}"}
        async with (
            aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=5.0)) as session,
            session.get(f"{self.stack.endpoint}/api/v1/licenses/{what}") as response,
        ):
            answer: dict[str, Any] = await response.json()
            if not response.ok:
                raise TourFailed(f"the endpoint was asked for {what} and answered {answer.get('detail')}")
            return answer

    async def _until(self, holds: Callable[[], Awaitable[bool]], what: str, *, show: bool = True) -> None:
        began = time.monotonic()
        silent = not self.console.is_terminal
        with self.console.status(f"waiting until {what}"):
            while not await holds():
                self.stack.check_alive()
                waited = time.monotonic() - began
                if waited > _SOON_SECONDS:
                    self._check(False, what, f"not within {_SOON_SECONDS:.0f} s")
                if silent and waited > _SILENT_SECONDS:
                    silent = False
                    self._say(f"waiting until {what} …")
                await asyncio.sleep(_LOOK_SECONDS)
        if show:
            self._check(True, what, None)

    def _check(self, holds: bool, what: str, found: object) -> None:
        sign = "[green]✓[/]" if holds else "[red]✗[/]"
        self.console.print(f"{sign} {what}", highlight=False, soft_wrap=True)
        if not holds:
            raise TourFailed(f"This should be so, and is not: {what}. Found instead: {found}")
        self.checked += 1

    def _title(self, text: str) -> None:
        self.console.print(f"\n[bold cyan]{text}", highlight=False, soft_wrap=True)

    def _say(self, text: str) -> None:
        self.console.print(f"  {text}", highlight=False, markup=False, soft_wrap=True)


def _ready(resource: dict[str, Any]) -> dict[str, Any]:
    """The condition Ready, or nothing where there is none yet."""
    conditions = resource.get("status", {}).get("conditions", [])
    found: list[dict[str, Any]] = [item for item in conditions if item["type"] == "Ready"]
    return found[0] if found else {}
