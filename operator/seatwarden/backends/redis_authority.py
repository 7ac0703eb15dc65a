"""The seat authority on Redis or Valkey, 7.0 or newer: each call is one script, which decides alone.

What a script does, costs and touches is told at the top of its file in ``lua/seats``. Nothing is remembered
here, so any number of processes can use one Redis.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import replace

from seatwarden.backends import borrow_wire, redis_scripts, redis_wire
from seatwarden.backends.authority import AuthorityRecovering, AuthorityUnavailable, StaleTerm
from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.redis_documents import RedisDocuments
from seatwarden.backends.redis_identities import RedisIdentities
from seatwarden.backends.redis_keys import (
    AUTHORITY_KEYS,
    AllPoolKeys,
    KeysOfPools,
    PoolAndReplayKeys,
    all_pool_keys,
    pool_keys,
    replay_keys,
)
from seatwarden.backends.redis_runner import ScriptRunner
from seatwarden.backends.redis_url import read_redis_url
from seatwarden.domain.borrowing import Borrow, BorrowedLease, BorrowRefusal, Borrows, ReturnVerdict
from seatwarden.domain.durability import VOLATILE, Durability
from seatwarden.domain.redis_fitness import unfit
from seatwarden.domain.seats import (
    NO_TIME,
    SILENCE,
    AcquireRequest,
    Beat,
    BeatVerdict,
    BeatVerdicts,
    Code,
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

TIME_LIMIT_SECONDS = 0.8
BEATS_LIMIT = 1000
PAGE_LIMIT = 500
LEDGER_KEPT = Millis(7 * 24 * 3600 * 1000)
PULSE_KEPT = Millis(7 * 24 * 3600 * 1000)
UNKNOWN_POOL = b"unknown_pool"
_LOOK, _GIVE, _PROVISIONED = 0, 1, 2
_SLICE = 64
_SECRET_BYTES = 32


class RedisSeatAuthority:
    """Both sides of the authority: what clients' requests need and what the operator needs.

    Each call has the time limit of ``runner``; a call for many pools has it for each 64 of them.
    """

    def __init__(
        self,
        runner: ScriptRunner,
        *,
        ledger_kept: Millis = LEDGER_KEPT,
        keys: InstallationKeys | None = None,
        durability: Durability = VOLATILE,
        serves: bool = False,
    ) -> None:
        self._durability = durability
        volatile = durability.volatile
        runner.arrive_first(volatile=volatile, look=self.beat_pulse if serves else self.feel_pulse)
        self._runner = runner
        self._ledger_kept = ledger_kept
        self._keys = keys

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        time_limit_seconds: float = TIME_LIMIT_SECONDS,
        keys: InstallationKeys | None = None,
        durability: Durability = VOLATILE,
        serves: bool = False,
    ) -> "RedisSeatAuthority":
        """An authority with connections of its own; `close` it. With ``keys`` lease ids outlive a loss of Redis.

        ``serves``: client programs are served from here, so each new connection is a sign of life.

        Raises:
            ValueError: the URL cannot be read (see `seatwarden.backends.redis_url`).
        """
        runner = ScriptRunner(
            read_redis_url(url), time_limit_seconds=time_limit_seconds, replicas=durability.replicas
        )
        return cls(runner, keys=keys, durability=durability, serves=serves)

    async def close(self) -> None:
        """Close the connections."""
        await self._runner.close()

    async def ready(self) -> None:
        """See `SeatPath.ready`."""
        # At the same time, so that both together take no longer than the limit of one.
        _, problem = await asyncio.gather(self._runner.load(), self.unfit())
        if problem is not None:
            raise AuthorityUnavailable(f"this Redis may not hold seats. {problem}")

    async def unfit(self) -> str | None:
        """See `PoolAdministration.unfit`."""
        return unfit(await self._runner.facts(), self._durability)

    def documents(self) -> RedisDocuments:
        """Public root keys and licence documents, over the same connections."""
        return RedisDocuments(self._runner)

    def identities(self) -> RedisIdentities:
        """What the same Redis knows of tokens that open pools, over the same connections."""
        return RedisIdentities(self._runner)

    async def acquire(self, pool: PoolUid, request: AcquireRequest) -> Grant | Refusal:
        """See `SeatPath.acquire`.

        Raises:
            ValueError: the holder is not 64 lower-case hex characters.
        """
        arguments = redis_wire.acquire_arguments(request)
        reply = await self._runner.run(redis_scripts.ACQUIRE, _keys_of_wish(pool, request), *arguments)
        if reply[0] == UNKNOWN_POOL:
            reply = [await self._unopened(UNKNOWN_POOL), *reply[1:]]
        return redis_wire.read_acquired(reply, request.quantity)

    async def acquire_all(self, wishes: Sequence[tuple[PoolUid, AcquireRequest]]) -> list[Grant] | Shortfall:
        """See `SeatPath.acquire_all`.

        Raises:
            ValueError: a holder is not 64 lower-case hex characters.
        """
        pools = [_keys_of_wish(pool, request) for pool, request in wishes]
        if not self._runner.in_one_reach(pools):
            return Shortfall(0, Refusal(code=Code.POOLS_APART))
        arguments = [
            each
            for _, request in wishes
            for each in redis_wire.acquire_arguments(replace(request, would_wait=False))
        ]
        reply = await self._runner.run(
            redis_scripts.ACQUIRE_ALL,
            KeysOfPools(key for pool in pools for key in pool),
            len(wishes),
            *arguments,
        )
        answer = redis_wire.read_acquired_all(reply, [request.quantity for _, request in wishes])
        if isinstance(answer, list):
            return answer
        number, [code, *told] = answer
        refusal = redis_wire.read_acquired([await self._unopened(code), *told])
        assert isinstance(refusal, Refusal)
        return Shortfall(number, refusal)

    async def heartbeat(self, pool: PoolUid, key_hash: str, beats: Sequence[Beat]) -> BeatVerdicts:
        """See `SeatPath.heartbeat`.

        Raises:
            ValueError: more than `BEATS_LIMIT` beats.
        """
        if len(beats) > BEATS_LIMIT:
            raise ValueError(f"at most {BEATS_LIMIT} heartbeats fit in one call, not {len(beats)}")
        if not beats:
            return BeatVerdicts(())
        arguments = redis_wire.heartbeat_arguments(key_hash, beats)
        reply = await self._runner.run(redis_scripts.HEARTBEAT, pool_keys(pool), *arguments)
        if isinstance(reply, bytes):
            code = Code((await self._unopened(reply)).decode())
            return BeatVerdicts([BeatVerdict(code=code)] * len(beats))
        return redis_wire.read_beats(reply)

    async def readmit(
        self,
        pool: PoolUid,
        key_hash: str,
        lease: SignedLease,
        *,
        client_version: str = "",
        metadata: str = "{}",
    ) -> BeatVerdict:
        """See `SeatPath.readmit`."""
        arguments = redis_wire.readmit_arguments(
            key_hash, lease, client_version=client_version, metadata=metadata
        )
        reply = await self._runner.run(redis_scripts.READMIT, all_pool_keys(pool), *arguments)
        if isinstance(reply, bytes):
            return BeatVerdict(code=Code((await self._unopened(reply)).decode()))
        [verdict] = redis_wire.read_beats(reply)
        return verdict

    async def release(self, pool: PoolUid, key_hash: str, beat: Beat) -> ReleaseVerdict:
        """See `SeatPath.release`."""
        reply: bytes = await self._runner.run(
            redis_scripts.RELEASE,
            all_pool_keys(pool),
            *redis_wire.lease_arguments(key_hash, beat),
            urgent=True,
        )
        return ReleaseVerdict(code=Code((await self._unopened(reply)).decode()))

    async def borrow(
        self, pool: PoolUid, key_hash: str, beat: Beat, length: Millis = NO_TIME
    ) -> Borrow | BorrowRefusal:
        """See `SeatPath.borrow`."""
        arguments = borrow_wire.borrow_arguments(key_hash, beat, length)
        reply = await self._runner.run(redis_scripts.BORROW, pool_keys(pool), *arguments)
        if isinstance(reply, bytes):
            return BorrowRefusal(code=Code((await self._unopened(reply)).decode()))
        return borrow_wire.read_borrow(reply)

    async def take_back(self, pool: PoolUid, key_hash: str, beat: Beat) -> ReturnVerdict:
        """See `SeatPath.take_back`."""
        arguments = redis_wire.lease_arguments(key_hash, beat)
        reply = await self._runner.run(redis_scripts.RETURN, pool_keys(pool), *arguments)
        if isinstance(reply, bytes):
            return BeatVerdict(code=Code((await self._unopened(reply)).decode()))
        return borrow_wire.read_return(reply)

    async def borrows(self, pool: PoolUid) -> Borrows | None:
        """See `PoolAdministration.borrows`."""
        return borrow_wire.read_borrows(await self._runner.run(redis_scripts.BORROWS, pool_keys(pool)))

    async def restore(self, pool: PoolUid, borrowed: Sequence[BorrowedLease]) -> int | None:
        """See `PoolAdministration.restore`."""
        arguments = borrow_wire.restore_arguments(borrowed)
        restored: int | None = await self._runner.run(redis_scripts.RESTORE, all_pool_keys(pool), *arguments)
        return restored

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
        """See `SeatPath.validate`. ``holder`` and ``lease_id`` together must mean the same lease.

        Raises:
            ValueError: the holder is not 64 lower-case hex characters.
        """
        arguments = redis_wire.validate_arguments(
            key_hash, holder=holder, lease_id=lease_id, client_version=client_version, group=group
        )
        reply = await self._runner.run(redis_scripts.VALIDATE, pool_keys(pool), *arguments)
        if isinstance(reply, bytes):
            return Refusal(code=Code((await self._unopened(reply)).decode()))
        return redis_wire.read_validation(reply)

    async def sessions(
        self, pool: PoolUid, key_hash: str, *, limit: int, cursor: str | None
    ) -> SessionPage | Refusal:
        """See `SeatPath.sessions`."""
        if not 1 <= limit <= PAGE_LIMIT:
            raise ValueError(f"a page has 1 to {PAGE_LIMIT} sessions, not {limit}")
        place = redis_wire.read_cursor(cursor)
        reply = await self._runner.run(
            redis_scripts.SESSIONS, pool_keys(pool), key_hash, limit, place.expiry, place.lease
        )
        if isinstance(reply, bytes):
            return Refusal(code=Code((await self._unopened(reply)).decode()))
        return redis_wire.read_sessions(reply)

    async def devices(self, pool: PoolUid, key_hash: str) -> DeviceList | Refusal:
        """See `SeatPath.devices`."""
        reply = await self._runner.run(redis_scripts.DEVICES, all_pool_keys(pool), key_hash)
        if isinstance(reply, bytes):
            return Refusal(code=Code((await self._unopened(reply)).decode()))
        return redis_wire.read_devices(reply)

    async def remove_device(self, pool: PoolUid, key_hash: str, holder: str) -> DeviceRemoval:
        """See `SeatPath.remove_device`.

        Raises:
            ValueError: the holder is not 64 lower-case hex characters.
        """
        redis_wire.holder_bytes(holder)
        reply = await self._runner.run(redis_scripts.REMOVE_DEVICE, all_pool_keys(pool), key_hash, holder)
        return redis_wire.read_removal([await self._unopened(reply[0]), reply[1]])

    async def dismiss_device(self, pool: PoolUid, beginning: str) -> DeviceRemoval:
        """See `PoolAdministration.dismiss_device`."""
        reply = await self._runner.run(redis_scripts.REMOVE_DEVICE, all_pool_keys(pool), "", beginning)
        return redis_wire.read_removal(reply)

    async def beat_pulse(self) -> Pulse:
        """See `SeatPath.beat_pulse`."""
        return await self._tick(_GIVE)

    async def feel_pulse(self) -> Pulse:
        """See `PoolAdministration.feel_pulse`."""
        return await self._tick(_LOOK)

    async def note_provisioned(self) -> None:
        """See `PoolAdministration.note_provisioned`."""
        await self._tick(_PROVISIONED)

    async def configure(self, pool: PoolUid, config: PoolConfig, *, term: int) -> Configured:
        """See `PoolAdministration.configure`."""
        secret = (
            self._keys.lease_id_secret(pool) if self._keys is not None else secrets.token_hex(_SECRET_BYTES)
        )
        keys = all_pool_keys(pool)
        server = await self._runner.server(keys)
        arguments = redis_wire.configure_arguments(config, term=term, secret=secret, run_id=server.run_id)
        match await self._runner.run(redis_scripts.CONFIGURE, keys, *arguments):
            case [1, changed, existed, epoch, live]:
                return Configured(changed=bool(changed), existed=bool(existed), epoch=epoch, live=live)
            case [_, held_term]:
                raise StaleTerm(
                    f"pool {pool} was configured in term {held_term} by a newer leader; term {term} is over",
                    held=held_term,
                )
        raise RuntimeError("configure.lua gave an answer of another version")

    async def observe(self, pools: Sequence[PoolUid]) -> list[PoolObservation | None]:
        """See `PoolAdministration.observe`."""
        observed: list[PoolObservation | None] = []
        for start in range(0, len(pools), _SLICE):
            keys = [all_pool_keys(pool) for pool in pools[start : start + _SLICE]]
            replies = await self._runner.run_for_each(redis_scripts.OBSERVE, keys)
            observed.extend(redis_wire.read_observation(reply) for reply in replies)
        return observed

    async def sweep(self, pools: Sequence[PoolUid]) -> list[PoolCounts | None]:
        """See `PoolAdministration.sweep`."""
        counted: list[PoolCounts | None] = []
        for start in range(0, len(pools), _SLICE):
            swept = [all_pool_keys(pool) for pool in pools[start : start + _SLICE]]
            replies = await self._runner.run_for_each(redis_scripts.SWEEP, swept, self._ledger_kept)
            counted.extend(redis_wire.read_counts(reply) for reply in replies)
        return counted

    async def remove(self, pool: PoolUid) -> None:
        """See `PoolAdministration.remove`."""
        await self._runner.run(redis_scripts.REMOVE, all_pool_keys(pool))

    async def _tick(self, act: int) -> Pulse:
        reply = await self._runner.run(redis_scripts.TICK, AUTHORITY_KEYS, SILENCE, PULSE_KEPT, act)
        pulse = redis_wire.read_pulse(reply)
        self._runner.heard(pulse)
        return pulse

    async def _unopened(self, code: bytes) -> bytes:
        """What it means that a pool is not there: nothing, where all pools are known to be in the authority."""
        if code != UNKNOWN_POOL:
            return code
        if (await self.feel_pulse()).provisioned:
            return Code.INVALID_LICENSE.value.encode()
        raise AuthorityRecovering("the seat authority has lost its pools and is being set up again")


def _keys_of_wish(pool: PoolUid, request: AcquireRequest) -> AllPoolKeys | PoolAndReplayKeys:
    if request.idempotency_key is None:
        return all_pool_keys(pool)
    return replay_keys(pool, request.key_hash, request.idempotency_key)
