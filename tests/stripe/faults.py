"""What goes wrong with a request, because a test wants it to."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any


class Fault(Enum):
    """One thing that goes wrong."""

    ERROR_BEFORE = auto()
    """A 500 at the door: nothing is done nor remembered."""
    ERROR_AFTER = auto()
    """It is done, and a 500 is answered, which its idempotency key gives again for a day."""
    HANG_BEFORE = auto()
    """It arrives nowhere, and nothing comes back until `Faults.release`."""
    HANG_AFTER = auto()
    """It is done, and nothing comes back."""
    BUSY = auto()
    """It is being worked on, its idempotency key is taken, and so it stays until `Faults.release`."""
    RESET_BEFORE = auto()
    """The connection breaks, and nothing is done."""
    RESET_AFTER = auto()
    """It is done, and the connection breaks."""
    RATE_LIMITED = auto()
    """A 429 that asks to wait for a second."""
    LOCKED = auto()
    """A 429 because something else works on the object just now: Stripe asks to try again."""
    UNAUTHORISED = auto()
    """A 401: the key was rolled."""
    FORBIDDEN = auto()
    """A 403: the restricted key may not do that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A request that arrived. ``number`` counts from 1; ``given`` are the parameters as texts; ``status`` is None as long as
    nothing was answered."""

    number: int
    method: str
    path: str
    given: dict[str, Any]
    key: str | None
    status: int | None = None
    replayed: bool = False


Hook = Callable[[Heard], Awaitable[None] | None]


@dataclass(slots=True)
class _Planned:
    fault: Fault
    method: str | None
    path: str
    times: int

    def meets(self, heard: Heard) -> bool:
        return self.method in {None, heard.method} and heard.path.startswith(self.path)


@dataclass(slots=True)
class Faults:
    """``before`` and ``after`` are called at the request with that number: before anything is done, and when all is done but not
    answered. That is where a test kills its client. ``holding`` is set when a request hangs or is busy."""

    before: dict[int, Hook] = field(default_factory=dict)
    after: dict[int, Hook] = field(default_factory=dict)
    holding: asyncio.Event = field(default_factory=asyncio.Event)
    _planned: list[_Planned] = field(default_factory=list)
    _at: dict[int, Fault] = field(default_factory=dict)
    _released: list[asyncio.Event] = field(default_factory=list)

    def fail(self, fault: Fault, times: int = 1, *, method: str | None = None, path: str = "/") -> None:
        """Have the next requests go wrong whose method it is and whose path begins so."""
        self._planned.append(_Planned(fault, method, path, times))

    def fail_at(self, number: int, fault: Fault) -> None:
        """Have the request with that number go wrong."""
        self._at[number] = fault

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._planned.clear()
        self._at.clear()
        self.before.clear()
        self.after.clear()

    def of(self, heard: Heard) -> Fault | None:
        """What goes wrong with a request; used up by that."""
        if heard.number in self._at:
            return self._at.pop(heard.number)
        for planned in self._planned:
            if planned.meets(heard):
                planned.times -= 1
                if not planned.times:
                    self._planned.remove(planned)
                return planned.fault
        return None

    async def hold(self) -> None:
        """Keep a request until `release`."""
        released = asyncio.Event()
        self._released.append(released)
        self.holding.set()
        await released.wait()

    def release(self) -> None:
        """What is busy goes on."""
        self.holding.clear()
        while self._released:
            self._released.pop().set()


async def call(hook: Hook | None, heard: Heard) -> None:
    """Call a hook, if there is one."""
    if hook is not None:
        result = hook(heard)
        if inspect.isawaitable(result):
            await result
