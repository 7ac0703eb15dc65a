"""An operator in this process that dies at a write, as by SIGKILL: from that instant nothing of it reaches the outside.

Its clients are the real ones. What is between them and the operator's own code counts the writes, and lets none through
any more once the operator is dead, so that whatever still unwinds in this process cannot tidy up.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeVar

import aiohttp
import orjson

from seatwarden.backends.authority import PoolAdministration, StaleTerm
from seatwarden.backends.kubernetes_api import Body, KubernetesApi
from seatwarden.backends.kubernetes_connection import connect
from seatwarden.backends.private_root_key import PrivateRootKey
from seatwarden.domain.borrowing import BorrowedLease, Borrows
from seatwarden.domain.root_key import RootAlgorithm
from seatwarden.domain.seats import (
    Configured,
    DeviceRemoval,
    PoolConfig,
    PoolCounts,
    PoolObservation,
    PoolUid,
    Pulse,
)
from seatwarden.local.identities import OPERATOR
from seatwarden.reconcilers.controller import Controller, ControllerSettings
from tests.operator.world import INSTALLATION, World

_CONNECTIONS = 8
_Answer = TypeVar("_Answer")
Witness = Callable[[PoolUid], Awaitable[None]]


class Killed(BaseException):
    """The operator is dead. No handler of errors catches this."""


class Moment(StrEnum):
    """When to die: before the write has any effect, or before its answer is read."""

    BEFORE = "before"
    AFTER = "after"


class FaultPoint(NamedTuple):
    """The write at which to die, and on which side of it. ``nth`` counts equal writes from 1."""

    moment: Moment
    write: str
    nth: int


@dataclass(slots=True)
class Life:
    """One run of an operator, to its ``end`` if it has one."""

    end: FaultPoint | None = None
    writes: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, _what: str, call: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Do a call that changes nothing."""
        self._go_on()
        answer = await call()
        self._go_on()
        return answer

    async def write(self, what: str, call: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Do a call that changes something outside, or die at it."""
        self._go_on()
        self.writes.append(what)
        nth = self.writes.count(what)
        self._die_at(FaultPoint(Moment.BEFORE, what, nth))
        try:
            return await call()
        finally:
            self._die_at(FaultPoint(Moment.AFTER, what, nth))
            self._go_on()

    def _die_at(self, point: FaultPoint) -> None:
        if point == self.end:
            self.over.set()
            raise Killed

    def _go_on(self) -> None:
        if self.over.is_set():
            raise Killed


class MortalApi(KubernetesApi):
    """The API server, for as long as the operator lives."""

    def __init__(self, session: aiohttp.ClientSession, server: str, life: Life) -> None:
        super().__init__(session, server)
        self._life = life

    async def _call(
        self, method: str, path: str, data: bytes | None = None, content_type: str = "application/json"
    ) -> Body:
        call = super()._call
        name = _named(method, path, data)
        if method == "GET":
            return await self._life.read(name, lambda: call(method, path))
        return await self._life.write(name, lambda: call(method, path, data, content_type))


class MortalAuthority:
    """The seat authority, for as long as the operator lives. ``witness`` sees every pool just after it was configured."""

    def __init__(self, authority: PoolAdministration, life: Life, witness: Witness) -> None:
        self._authority = authority
        self._life = life
        self._witness = witness
        self._names: dict[PoolUid, str] = {}

    async def configure(self, pool: PoolUid, config: PoolConfig, *, term: int) -> Configured:
        """See `PoolAdministration`."""
        self._names[pool] = name = orjson.loads(config.document)["pool"]
        try:
            return await self._life.write(
                f"configure {name}", lambda: self._authority.configure(pool, config, term=term)
            )
        finally:
            await self._witness(pool)

    async def remove(self, pool: PoolUid) -> None:
        """See `PoolAdministration`."""
        await self._life.write(f"remove {self._names.get(pool, pool)}", lambda: self._authority.remove(pool))

    async def dismiss_device(self, pool: PoolUid, beginning: str) -> DeviceRemoval:
        """See `PoolAdministration`."""
        return await self._life.write(
            f"dismiss a device of {self._names.get(pool, pool)}",
            lambda: self._authority.dismiss_device(pool, beginning),
        )

    async def borrows(self, pool: PoolUid) -> Borrows | None:
        """See `PoolAdministration`."""
        return await self._life.read("borrows", lambda: self._authority.borrows(pool))

    async def restore(self, pool: PoolUid, borrowed: Sequence[BorrowedLease]) -> int | None:
        """See `PoolAdministration`."""
        return await self._life.write(
            f"restore the borrows of {self._names.get(pool, pool)}",
            lambda: self._authority.restore(pool, borrowed),
        )

    async def observe(self, pools: Sequence[PoolUid]) -> list[PoolObservation | None]:
        """See `PoolAdministration`."""
        return await self._life.read("observe", lambda: self._authority.observe(pools))

    async def sweep(self, pools: Sequence[PoolUid]) -> list[PoolCounts | None]:
        """See `PoolAdministration`."""
        return await self._life.read("sweep", lambda: self._authority.sweep(pools))

    async def unfit(self) -> str | None:
        """See `PoolAdministration`."""
        return await self._life.read("unfit", self._authority.unfit)

    async def feel_pulse(self) -> Pulse:
        """See `PoolAdministration`."""
        return await self._life.read("feel pulse", self._authority.feel_pulse)

    async def note_provisioned(self) -> None:
        """See `PoolAdministration`. The mark is the installation's and no part of the story."""
        return await self._life.read("note provisioned", self._authority.note_provisioned)


async def live(world: World, life: Life, witness: Witness, keys: Iterator[PrivateRootKey]) -> None:
    """Operate ``world``'s namespace until the life is over or told to stop. Root keys are taken from ``keys``."""
    connection = await connect(world.cluster.kubeconfig(OPERATOR))
    started = time.time_ns() // 1_000_000

    async def next_key(_: RootAlgorithm) -> PrivateRootKey:
        return next(keys)

    async def superseded(stale: StaleTerm) -> None:
        raise stale

    async with connection.open_session(connections=_CONNECTIONS) as session:
        controller = Controller(
            connection=connection,
            api=MortalApi(session, connection.server, life),
            authority=MortalAuthority(world.seats, life, witness),
            identities=world.seats.identities(),
            documents=world.seats.documents(),
            installation=INSTALLATION,
            settings=ControllerSettings(
                instance="mortal", namespaces=(world.namespace,), status_interval=0.1
            ),
            term=lambda: started,
            confirm_term=superseded,
            new_root_key=next_key,
        )
        with suppress(Killed):
            await controller.run(life.stop)


@asynccontextmanager
async def operated(
    world: World, first: Life, witness: Witness, keys: Iterator[PrivateRootKey]
) -> AsyncIterator[None]:
    """Operators in ``world``: one that lives its life, and at its death another, which lives until the block ends."""
    second = Life()

    async def succeed() -> None:
        await first.over.wait()
        await live(world, second, witness, keys)

    operators = [asyncio.create_task(live(world, first, witness, keys)), asyncio.create_task(succeed())]
    try:
        yield
    finally:
        first.stop.set()
        second.stop.set()
        if not first.over.is_set():
            operators[1].cancel()
        ended = await asyncio.gather(*operators, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error


def _named(method: str, path: str, data: bytes | None) -> str:
    target = path.partition("?")[0].partition("/namespaces/")[2].partition("/")[2]
    if method == "POST" and data is not None:
        target = f"{target}/{orjson.loads(data)['metadata'].get('name', '…')}"
    return f"{method} {target}"
