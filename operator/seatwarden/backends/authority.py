"""The interface of the seat authority. `seatwarden.backends.redis_authority` is the one that counts."""

from collections.abc import Sequence
from typing import Protocol

from seatwarden.domain.borrowing import Borrow, BorrowedLease, BorrowRefusal, Borrows, ReturnVerdict
from seatwarden.domain.seats import (
    NO_TIME,
    AcquireRequest,
    Beat,
    BeatVerdict,
    BeatVerdicts,
    Configured,
    DeviceList,
    DeviceRemoval,
    Grant,
    Millis,
    PoolConfig,
    PoolCounts,
    PoolObservation,
    PoolUid,
    Pulse,
    Refusal,
    ReleaseVerdict,
    SessionPage,
    Shortfall,
    SignedLease,
    Validation,
)

PULSE_SECONDS = 1.0


class AuthorityUnavailable(Exception):
    """The authority could not be asked, or did not answer in time; whether it acted is then unknown. Retryable."""


class AuthorityRecovering(Exception):
    """The authority has lost what it knew of the pools and is being set up again. Retryable."""


class SeatPath(Protocol):
    """What a client program's request needs.

    Every call raises `AuthorityUnavailable` where there is no answer in time: within a second in service, so that a client
    is told within it. Nobody above sets another limit.

    A call for a pool that the authority does not know raises `AuthorityRecovering` while it is not certain that there is
    none.
    """

    async def acquire(self, pool: PoolUid, request: AcquireRequest) -> Grant | Refusal:
        """Take a seat, or the same seat again."""
        ...

    async def acquire_all(self, wishes: Sequence[tuple[PoolUid, AcquireRequest]]) -> list[Grant] | Shortfall:
        """Take a seat in each of these pools, or in none of them. Nobody waits in a queue.

        All wishes have an idempotency key or none has, and no pool comes twice. `POOLS_APART` where they cannot be asked
        in one step.
        """
        ...

    async def heartbeat(self, pool: PoolUid, key_hash: str, beats: Sequence[Beat]) -> BeatVerdicts:
        """Renew leases; one verdict per beat, in order. A wrong key gives `INVALID_LICENSE` for each."""
        ...

    async def readmit(
        self,
        pool: PoolUid,
        key_hash: str,
        lease: SignedLease,
        *,
        client_version: str = "",
        metadata: str = "{}",
    ) -> BeatVerdict:
        """Let the holder of a lease whose signature was verified back in, where the authority has forgotten it."""
        ...

    async def release(self, pool: PoolUid, key_hash: str, beat: Beat) -> ReleaseVerdict:
        """Give a seat back. Safe to repeat."""
        ...

    async def borrow(
        self, pool: PoolUid, key_hash: str, beat: Beat, length: Millis = NO_TIME
    ) -> Borrow | BorrowRefusal:
        """Take the seats of a lease away for ``length``, or for as long as may be. Safe to repeat."""
        ...

    async def take_back(self, pool: PoolUid, key_hash: str, beat: Beat) -> ReturnVerdict:
        """End the borrow of a lease, which lives on. Safe to repeat."""
        ...

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
        """Look at the pool and, if asked for, one lease, a version of client programs and a group. Changes nothing."""
        ...

    async def sessions(
        self, pool: PoolUid, key_hash: str, *, limit: int, cursor: str | None
    ) -> SessionPage | Refusal:
        """List live leases, ``limit`` (1 to 500) at a time.

        Raises:
            ValueError: ``cursor`` is none that this method gave.
        """
        ...

    async def devices(self, pool: PoolUid, key_hash: str) -> DeviceList | Refusal:
        """Which holders are registered with the pool."""
        ...

    async def remove_device(self, pool: PoolUid, key_hash: str, holder: str) -> DeviceRemoval:
        """Take a device from the pool, where it holds no seat and the cooldown is over."""
        ...

    async def ready(self) -> None:
        """Return when Redis answers and the scripts are loaded."""
        ...

    async def beat_pulse(self) -> Pulse:
        """Give a sign of life of the authority; to be called each `PULSE_SECONDS`."""
        ...


class PoolAdministration(Protocol):
    """What the operator needs. Every call raises `AuthorityUnavailable` where there is no answer in time."""

    async def configure(self, pool: PoolUid, config: PoolConfig, *, term: int) -> Configured:
        """Make the pool so. Writes nothing where it is so already. Never touches a lease.

        ``term`` is the operator's term of office (it grows with every change of leader); a smaller one than the last
        is refused.

        Raises:
            StaleTerm: a newer leader has configured this pool.
        """
        ...

    async def observe(self, pools: Sequence[PoolUid]) -> list[PoolObservation | None]:
        """The pools as the authority has them, in order; None for one that it does not know."""
        ...

    async def sweep(self, pools: Sequence[PoolUid]) -> list[PoolCounts | None]:
        """Purge what expired (a bounded chunk of each pool), and count; None for a pool that it does not know."""
        ...

    async def remove(self, pool: PoolUid) -> None:
        """Forget the pool with its leases and ledger. Safe to repeat."""
        ...

    async def borrows(self, pool: PoolUid) -> Borrows | None:
        """Which leases are borrowed; None for a pool that it does not know."""
        ...

    async def restore(self, pool: PoolUid, borrowed: Sequence[BorrowedLease]) -> int | None:
        """Put borrows back that the authority may have forgotten, and say how many it had; None for a pool that it does not know.

        Safe to repeat.
        """
        ...

    async def dismiss_device(self, pool: PoolUid, beginning: str) -> DeviceRemoval:
        """Take the device whose holder has that ``beginning`` from the pool, whatever the cooldown; not where it has a seat."""
        ...

    async def unfit(self) -> str | None:
        """Why this authority may not hold seats, as a sentence that says what to change; None where it may."""
        ...

    async def feel_pulse(self) -> Pulse:
        """Look for signs of life of the authority."""
        ...

    async def note_provisioned(self) -> None:
        """Say that all pools are in the authority, so that one that is not there does not exist."""
        ...


class StaleTerm(Exception):
    """A pool was configured in a later term of office, ``held``: this operator is probably not the leader any more."""

    def __init__(self, message: str, *, held: int) -> None:
        """Say which pool it was."""
        super().__init__(message)
        self.held = held
