"""A seat authority that says what the test tells it to, for answers that a real one gives rarely."""

# ruff: noqa: ARG002  # it says what it was told to, whatever it is asked

import asyncio
from collections.abc import Sequence

from seatwarden.backends.authority import AuthorityUnavailable, SeatPath
from seatwarden.domain.borrowing import Borrow, BorrowRefusal, Return, ReturnVerdict
from seatwarden.domain.seats import (
    NO_TIME,
    AcquireRequest,
    Beat,
    BeatVerdict,
    BeatVerdicts,
    Code,
    DeviceList,
    DeviceRemoval,
    Fence,
    Grant,
    Millis,
    PoolUid,
    Pulse,
    Refusal,
    ReleaseVerdict,
    SessionPage,
    Shortfall,
    SignedLease,
    Validation,
)

LEASE_ID = "0123456789abcdef" * 2
FENCE = Fence(2**32 + 7)

GRANT = Grant(
    code=Code.GRANTED,
    lease_id=LEASE_ID,
    fence=FENCE,
    expires_in=Millis(360_000),
    heartbeat=Millis(120_000),
    capacity=5,
    live=1,
    at=Millis(1_800_000_000_000),
    signed_for=Millis(86_400_000),
)
VALIDATION = Validation(
    code=Code.OK,
    capacity=5,
    live=1,
    valid_for=None,
    document='{"plan":"Team","entitlements":{"export":true}}',
)
RENEWED = BeatVerdict(code=Code.OK, expires_in=Millis(360_000), heartbeat=Millis(120_000))
BORROW = Borrow(
    borrowed_for=Millis(36_000_000),
    at=Millis(1_800_000_000_000),
    fence=FENCE,
    holder="ab" * 32,
    nonce="cd" * 8,
    quantity=2,
    group="design",
    capacity=5,
    live=3,
)
RETURN = Return(
    expires_in=Millis(360_000),
    heartbeat=Millis(120_000),
    at=Millis(1_800_000_000_000),
    holder="ab" * 32,
    nonce="cd" * 8,
    quantity=2,
    group="design",
    signed_for=Millis(86_400_000),
)


class ScriptedAuthority(SeatPath):
    """Answers each call with the attribute of its name. ``hold`` keeps calls waiting until it is set."""

    def __init__(self) -> None:
        self.grant: Grant | Refusal = GRANT
        self.beat: BeatVerdict = RENEWED
        self.at = Millis(1_800_000_000_000)
        self.readmission: BeatVerdict = RENEWED
        self.readmitted: list[SignedLease] = []
        self.release_verdict = ReleaseVerdict(code=Code.RELEASED)
        self.validation: Validation | Refusal = VALIDATION
        self.page: SessionPage | Refusal = SessionPage(rows=(), cursor=None)
        self.device_list: DeviceList | Refusal = DeviceList(devices=(), limit=None, cooldown_left=Millis(0))
        self.removal = DeviceRemoval(code=Code.DEVICE_REMOVED)
        self.lent: Borrow | BorrowRefusal = BORROW
        self.lengths: list[Millis] = []
        self.taken_back: ReturnVerdict = RETURN
        self.away = False
        self.fault: Exception | None = None
        self.hold: asyncio.Event | None = None
        self.asked = asyncio.Event()
        self.wishes: list[AcquireRequest] = []
        self.pools: list[PoolUid] = []

    async def acquire(self, pool: PoolUid, request: AcquireRequest) -> Grant | Refusal:
        await self._called(pool)
        self.wishes.append(request)
        return self.grant

    async def acquire_all(self, wishes: Sequence[tuple[PoolUid, AcquireRequest]]) -> list[Grant] | Shortfall:
        for pool, request in wishes:
            await self._called(pool)
            self.wishes.append(request)
        return [self.grant] * len(wishes) if isinstance(self.grant, Grant) else Shortfall(0, self.grant)

    async def heartbeat(self, pool: PoolUid, key_hash: str, beats: Sequence[Beat]) -> BeatVerdicts:
        await self._called(pool)
        return BeatVerdicts([self.beat] * len(beats), at=self.at, signed_for=Millis(86_400_000))

    async def readmit(
        self,
        pool: PoolUid,
        key_hash: str,
        lease: SignedLease,
        *,
        client_version: str = "",
        metadata: str = "{}",
    ) -> BeatVerdict:
        await self._called(pool)
        self.readmitted.append(lease)
        return self.readmission

    async def beat_pulse(self) -> Pulse:
        return Pulse(silent_for=Millis(0), provisioned=True, outages=())

    async def release(self, pool: PoolUid, key_hash: str, beat: Beat) -> ReleaseVerdict:
        await self._called(pool)
        return self.release_verdict

    async def borrow(
        self, pool: PoolUid, key_hash: str, beat: Beat, length: Millis = NO_TIME
    ) -> Borrow | BorrowRefusal:
        await self._called(pool)
        self.lengths.append(length)
        return self.lent

    async def take_back(self, pool: PoolUid, key_hash: str, beat: Beat) -> ReturnVerdict:
        await self._called(pool)
        return self.taken_back

    async def validate(
        self,
        pool: PoolUid,
        key_hash: str,
        *,
        holder: str | None = None,
        lease_id: str | None = None,
        client_version: str | None = None,
        group: str | None = None,
    ) -> Validation | Refusal:
        await self._called(pool)
        return self.validation

    async def sessions(
        self, pool: PoolUid, key_hash: str, *, limit: int, cursor: str | None
    ) -> SessionPage | Refusal:
        await self._called(pool)
        if cursor is not None:
            raise ValueError("no cursor of ours")
        return self.page

    async def devices(self, pool: PoolUid, key_hash: str) -> DeviceList | Refusal:
        await self._called(pool)
        return self.device_list

    async def remove_device(self, pool: PoolUid, key_hash: str, holder: str) -> DeviceRemoval:
        await self._called(pool)
        return self.removal

    async def ready(self) -> None:
        await self._called(PoolUid(""))

    async def _called(self, pool: PoolUid) -> None:
        self.pools.append(pool)
        self.asked.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.fault is not None:
            raise self.fault
        if self.away:
            raise AuthorityUnavailable("scripted to be away")
