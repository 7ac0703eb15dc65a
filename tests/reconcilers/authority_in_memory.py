"""The operator's side of the seat authority as a dictionary, with clients that come and go while the operator writes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from seatwarden.backends.authority import AuthorityUnavailable, PoolAdministration, StaleTerm
from seatwarden.domain.borrowing import Borrows
from seatwarden.domain.seats import (
    NO_TIME,
    Code,
    Configured,
    DeviceRemoval,
    Millis,
    PoolConfig,
    PoolCounts,
    PoolObservation,
    PoolUid,
    Pulse,
)


@dataclass(slots=True)
class HeldPool:
    """A pool as the authority has it."""

    config: PoolConfig
    epoch: int
    live: int = 0
    term: int = 0

    @property
    def held(self) -> int:
        """Seats that nobody else may have."""
        return max(self.config.capacity, self.live)

    def take(self, seats: int) -> None:
        """Clients take as many of ``seats`` as there are."""
        self.live += min(seats, max(self.config.capacity - self.live, 0))

    def give_back(self, seats: int) -> None:
        """Clients give back as many of ``seats`` as they have."""
        self.live -= min(seats, self.live)


@dataclass(slots=True)
class AuthorityInMemory(PoolAdministration):
    """Others act ``before`` each call. ``written`` is told of each pool configured, with the seats held before it was.

    ``lent`` is what is borrowed. ``caps`` has every cap written, in order, and ``most_at_once`` how many calls were ever
    under way together.
    After ``calls_left`` more calls there is no answer any more; with ``loses_answer`` the first of those calls is
    acted upon all the same.
    """

    pools: dict[PoolUid, HeldPool] = field(default_factory=dict)
    counts: dict[PoolUid, PoolCounts] = field(default_factory=dict)
    lent: dict[PoolUid, Borrows] = field(default_factory=dict)
    dismissed: list[tuple[PoolUid, str]] = field(default_factory=list)
    caps: list[tuple[PoolUid, int]] = field(default_factory=list)
    observed: list[list[PoolUid]] = field(default_factory=list)
    swept: list[list[PoolUid]] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    written: Callable[[int], None] = lambda _: None
    seconds_to_configure: float = 0.0
    most_at_once: int = 0
    calls_left: int | None = None
    loses_answer: bool = False
    problem: str | None = None
    silent_for: Millis | None = None
    provisioned: bool = True
    _under_way: int = 0

    @property
    def held(self) -> int:
        """Seats of all pools together that nobody else may have."""
        return sum(pool.held for pool in self.pools.values())

    async def configure(self, pool: PoolUid, config: PoolConfig, *, term: int) -> Configured:
        async with self._call(seconds=self.seconds_to_configure):
            has = self.pools.get(pool)
            if has is not None and term < has.term:
                raise StaleTerm(f"pool {pool} was configured in term {has.term}", held=has.term)
            if has is not None and has.config.digest == config.digest:
                has.term = term
                return Configured(changed=False, existed=True, epoch=has.epoch, live=has.live)
            held = self.held
            live, epoch = (has.live, max(has.epoch, config.epoch)) if has is not None else (0, config.epoch)
            self.pools[pool] = HeldPool(config, epoch, live, term)
            self.caps.append((pool, config.capacity))
            self.written(held)
            return Configured(changed=True, existed=has is not None, epoch=epoch, live=live)

    async def observe(self, pools: Sequence[PoolUid]) -> list[PoolObservation | None]:
        self.observed.append(list(pools))
        async with self._call():
            return [_observation(self.pools.get(pool)) for pool in pools]

    async def sweep(self, pools: Sequence[PoolUid]) -> list[PoolCounts | None]:
        self.swept.append(list(pools))
        async with self._call():
            return [self.counts.get(pool) for pool in pools]

    async def remove(self, pool: PoolUid) -> None:
        async with self._call():
            self.pools.pop(pool, None)

    async def borrows(self, pool: PoolUid) -> Borrows | None:
        async with self._call():
            return self.lent.get(pool)

    async def dismiss_device(self, pool: PoolUid, beginning: str) -> DeviceRemoval:
        async with self._call():
            self.dismissed.append((pool, beginning))
            return DeviceRemoval(code=Code.UNKNOWN_DEVICE)

    async def unfit(self) -> str | None:
        self._must_answer()
        return self.problem

    async def feel_pulse(self) -> Pulse:
        return Pulse(silent_for=self.silent_for, provisioned=self.provisioned, outages=())

    async def note_provisioned(self) -> None:
        self._must_answer()
        self.provisioned = True

    def _must_answer(self) -> None:
        if self.calls_left == 0 and not self.loses_answer:
            raise AuthorityUnavailable("the authority does not answer")

    @asynccontextmanager
    async def _call(self, *, seconds: float = 0.0) -> AsyncIterator[None]:
        self.before()
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._under_way -= 1
        no_answer = AuthorityUnavailable("the authority does not answer")
        if self.calls_left == 0:
            if not self.loses_answer:
                raise no_answer
            self.loses_answer = False
            yield
            raise no_answer
        if self.calls_left is not None:
            self.calls_left -= 1
        yield


def _observation(has: HeldPool | None) -> PoolObservation | None:
    if has is None:
        return None
    config = has.config
    return PoolObservation(
        epoch=has.epoch,
        capacity=config.capacity,
        live=has.live,
        recovering_for=NO_TIME,
        config_digest=config.digest,
    )
