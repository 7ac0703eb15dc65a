"""What goes to the scripts and comes back from them, as bytes and as the words of `seatwarden.domain.seats`.

The layout of a lease's record is told in ``lua/seats/lib/pool.lua``. Its tail is ours alone: the id of the
licence key (5 bytes); then the length of the client's version (2 bytes), the version, the metadata, and none of these
three where both have their defaults.
"""

import hashlib
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple

from seatwarden.backends.redis_link import Argument
from seatwarden.domain.licence_key import KEY_ID_LENGTH, key_id_of
from seatwarden.domain.seats import (
    AcquireRequest,
    Arrival,
    Beat,
    BeatVerdict,
    BeatVerdicts,
    Code,
    Device,
    DeviceList,
    DeviceRemoval,
    Fence,
    Grant,
    GroupVerdict,
    KeyUse,
    Millis,
    Outage,
    PoolConfig,
    PoolCounts,
    PoolObservation,
    Pulse,
    QueuePlace,
    RateLimit,
    Refusal,
    SessionPage,
    SessionRow,
    SignedLease,
    Validation,
    VersionVerdict,
    ask_again_in,
    estimate_of,
)
from seatwarden.domain.versions import first_version_key, last_version_key, version_key, version_window

_LEASE_ID = re.compile(r"[0-9a-f]{32}")
_HOLDER = re.compile(r"[0-9a-f]{64}")
_CURSOR = re.compile(rb"(\d{1,15})\.([0-9a-f]{32})")
_RECORD = struct.Struct(">Qc6s32s8sHB")
_LINGERING = b"k"
_FENCE_LIMIT = 1 << 53
# No lease has them: what cannot be an id or a fence gets the verdict of a wrong one, from the same place.
_NO_LEASE = b"-"
_NO_FENCE = bytes(8)
_NOT_ASKED = "-"


class Place(NamedTuple):
    """Where a page of sessions ended: the expiry of its last lease, and the lease's id as Redis has it."""

    expiry: int = 0
    lease: bytes = b""

    def cursor(self) -> str:
        """This place as text for a client."""
        return urlsafe_b64encode(b"%d." % self.expiry + self.lease.hex().encode()).decode().rstrip("=")


def read_cursor(cursor: str | None) -> Place:
    """The place that `Place.cursor` wrote.

    Raises:
        ValueError: it did not write this.
    """
    if cursor is None:
        return Place()
    try:
        match = _CURSOR.fullmatch(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
    except (Base64Error, UnicodeEncodeError):
        match = None
    if match is None:
        raise ValueError(
            "this cursor was not given by the list of sessions; ask without a cursor to start again"
        )
    return Place(int(match[1]), bytes.fromhex(match[2].decode()))


def holder_bytes(holder: str) -> bytes:
    """The holder as the record has it.

    Raises:
        ValueError: it is not 64 lower-case hex characters.
    """
    if _HOLDER.fullmatch(holder) is None:
        raise ValueError("a holder is 64 lower-case hex characters")
    return bytes.fromhex(holder)


def lease_bytes(lease_id: str) -> bytes:
    """The lease id as Redis has it, or one that no lease has where ``lease_id`` cannot be one."""
    return bytes.fromhex(lease_id) if _LEASE_ID.fullmatch(lease_id) else _NO_LEASE


def fence_bytes(fence: Fence) -> bytes:
    """The fence as the record has it, or one that no lease has where ``fence`` cannot be one."""
    return fence.to_bytes(8, "big") if 0 <= fence < _FENCE_LIMIT else _NO_FENCE


def acquire_arguments(request: AcquireRequest) -> tuple[Argument, ...]:
    """The ARGV of acquire.lua."""
    nonce = bytes.fromhex(nonce_digest(request.nonce))
    tail = _tail(request.key_hash, request.client_version, request.metadata)
    version = version_key(request.client_version) or ""
    holder = holder_bytes(request.holder)
    plain = (
        request.key_hash,
        holder,
        nonce,
        request.quantity,
        request.group,
        int(request.would_wait),
        tail,
        version,
    )
    if request.idempotency_key is None:
        return plain
    wish = b"%d:%s:" % (request.quantity, request.group.encode())
    told = hashlib.blake2b(holder + nonce + wish + tail, digest_size=16).digest()
    return (*plain, told, request.spread)


def validate_arguments(
    key_hash: str,
    *,
    holder: str | None,
    lease_id: str | None,
    client_version: str | None,
    group: str | None,
) -> tuple[Argument, ...]:
    """The ARGV of validate.lua."""
    return (
        key_hash,
        b"" if holder is None else holder_bytes(holder),
        b"" if lease_id is None else lease_bytes(lease_id),
        _NOT_ASKED if client_version is None else version_key(client_version) or "",
        _NOT_ASKED if group is None else group,
    )


def nonce_digest(nonce: str) -> str:
    """What the record and a signed lease keep of a nonce: 16 hex characters."""
    return hashlib.blake2b(nonce.encode(), digest_size=8).hexdigest()


def readmit_arguments(
    key_hash: str, lease: SignedLease, *, client_version: str, metadata: str
) -> tuple[Argument, ...]:
    """The ARGV of readmit.lua."""
    return (
        key_hash,
        lease_bytes(lease.lease_id),
        fence_bytes(lease.fence),
        holder_bytes(lease.holder),
        bytes.fromhex(lease.nonce),
        lease.valid_until,
        lease.quantity,
        lease.group,
        _tail(key_hash, client_version, metadata),
    )


class Loss(IntEnum):
    """What another server than the last one means for a pool."""

    IMPOSSIBLE = 0
    EXPECTED = 1
    TO_BE_TOLD = 2
    """That is not known yet: tell which server the last one was, and do nothing."""


def arrive_arguments(run_id: str, outages: Sequence[Outage], loss: Loss) -> tuple[Argument, ...]:
    """The ARGV of arrive.lua."""
    told = [number for each in outages for number in (each.number, each.began, each.ended)]
    return (run_id, int(loss), *told)


def lease_arguments(key_hash: str, beat: Beat) -> tuple[Argument, ...]:
    """The ARGV of a script for one lease."""
    return key_hash, lease_bytes(beat.lease_id), fence_bytes(beat.fence)


def heartbeat_arguments(key_hash: str, beats: Sequence[Beat]) -> tuple[Argument, ...]:
    """The ARGV of heartbeat.lua."""
    if len(beats) == 1:  # the call that is made most by far
        [(lease_id, fence)] = beats
        return key_hash, lease_bytes(lease_id), fence_bytes(fence)
    return (
        key_hash,
        *(lease_bytes(beat.lease_id) for beat in beats),
        *(fence_bytes(beat.fence) for beat in beats),
    )


def configure_arguments(config: PoolConfig, *, term: int, secret: str, run_id: str) -> tuple[Argument, ...]:
    """The ARGV of configure.lua."""
    fields: dict[str | bytes, str | int] = {
        "tenant_uid": config.tenant_uid,
        "generation": config.generation,
        "capacity": config.capacity,
        "lease": config.lease,
        "heartbeat": config.heartbeat,
        "signed_for": config.signed_for,
        "document": config.document,
    }
    if config.valid_until is not None:
        fields["valid_until"] = config.valid_until
    policies = {"overage": config.overage, "drain": int(config.drain), "shadow": int(config.shadow)}
    fields |= {name: value for name, value in policies.items() if value}
    fields |= _group_fields(config)
    fields |= _gate_fields(config)
    fields |= _borrow_fields(config)
    fields |= _ending_fields(config)
    fields["keys"] = " ".join(config.key_ids.values())
    for key_hash, key_id in config.key_ids.items():
        group, dies_at = config.key_groups.get(key_hash), config.keys_die.get(key_hash)
        told = key_id if group is None else f"{key_id}/{group}"
        fields[f"key:{key_hash}"] = told if dies_at is None else f"{told}@{dies_at}"
    flat = [part for pair in fields.items() for part in pair]
    return config.digest, term, config.epoch, secret, run_id, config.state.value, *flat


def _group_fields(config: PoolConfig) -> dict[str | bytes, str | int]:
    fields: dict[str | bytes, str | int] = {}
    if config.queue_size:
        fields |= {"queue_size": config.queue_size, "claim": config.claim}
    if config.groups:
        fields["groups"] = " ".join(config.groups)
        fields["reserved"] = sum(group.reserved for group in config.groups.values())
    if config.only_groups:
        fields["only_groups"] = 1
    if config.holder_limit is not None:
        fields["holder_limit"] = config.holder_limit
    for name, group in config.groups.items():
        fields[f"group:{name}"] = (
            f"{group.reserved} {'-' if group.limit is None else group.limit} {group.priority}"
        )
        for member in group.members:
            fields[b"member:" + holder_bytes(member)] = name
    return fields


def _borrow_fields(config: PoolConfig) -> dict[str | bytes, str | int]:
    """Nothing where no seat can be borrowed."""
    if not config.borrow_seats:
        return {}
    fields: dict[str | bytes, str | int] = {
        "borrow_seats": config.borrow_seats,
        "borrow_longest": config.borrow_longest,
    }
    return fields | ({"borrow_low_water": config.borrow_low_water} if config.borrow_low_water else {})


def _gate_fields(config: PoolConfig) -> dict[str | bytes, str | int]:
    """What is asked of a wish for a seat before seats are counted. What is not asked has no field."""
    fields: dict[str | bytes, str | int] = {
        "versions": version_window(config.version_min, config.version_max)
    }
    if config.version_min:
        fields["version_min"] = first_version_key(config.version_min)
    if config.version_max:
        fields["version_max"] = last_version_key(config.version_max)
    fields |= {"rate_key": config.rate_key, "rate_holder": config.rate_holder}
    fields |= {"device_limit": config.device_limit, "device_cooldown": config.device_cooldown}
    return {name: value for name, value in fields.items() if value}


def _ending_fields(config: PoolConfig) -> dict[str | bytes, str | int]:
    fields: dict[str | bytes, str | int] = {}
    if config.evict_after is not None:
        fields["evict_after"] = config.evict_after
    if config.ends_at_once:
        fields["ends_at_once"] = 1
    if config.linger:
        fields["linger"] = config.linger
    return fields


def read_acquired(reply: list[bytes | int | None], quantity: int = 1) -> Grant | Refusal:
    """The answer of acquire.lua to a request for ``quantity`` seats."""
    match reply:
        case [
            bytes(code),
            bytes(lease),
            int(fence),
            int(left),
            int(beat),
            int(capacity),
            int(live),
            int(taken),
            int(at),
            int(signed_for),
            int(spread),
            int(overage),
            bytes(group),
        ]:
            return Grant(
                code=Code(code.decode()),
                lease_id=lease.decode(),
                fence=Fence(fence),
                expires_in=told_length(left),
                heartbeat=Millis(beat),
                capacity=capacity,
                live=live,
                taken_over=bool(taken),
                at=Millis(at),
                signed_for=Millis(signed_for),
                spread=spread,
                quantity=quantity,
                overage=overage,
                group=group.decode(),
            )
        case [
            b"queued",
            int(capacity),
            int(live),
            int(wait),
            int(position),
            int(waiting),
            bytes(seat_ms),
            int(ended),
        ]:
            place = QueuePlace(position, waiting, estimate_of(position, capacity, int(seat_ms), ended))
            again = ask_again_in(position, Millis(wait))
            return Refusal(code=Code.QUEUED, capacity=capacity, live=live, retry_after=again, place=place)
        case [bytes(code), int(capacity), int(live), (int() | None) as wait]:
            retry_after = None if wait is None else Millis(wait)
            return Refusal(code=Code(code.decode()), capacity=capacity, live=live, retry_after=retry_after)
        case [b"version_blocked", int(capacity), int(live), None, bytes(versions)]:
            return Refusal(
                code=Code.VERSION_BLOCKED, capacity=capacity, live=live, versions=versions.decode()
            )
        case [b"rate_limited", int(capacity), int(live), int(wait), bytes(policy), int(quota)]:
            return Refusal(
                code=Code.RATE_LIMITED,
                capacity=capacity,
                live=live,
                retry_after=Millis(wait),
                rate=RateLimit(policy.decode(), quota),
            )
    raise unexpected("acquire")


def read_acquired_all(reply: list[Any], quantities: Sequence[int]) -> list[Grant] | tuple[int, Any]:
    """The answer of acquire_all.lua: all grants; or the number of the pool that refused, and what acquire.lua said there."""
    match reply:
        case [int(number), list(refused)]:
            return number, refused
        case [*granted] if len(granted) == len(quantities):
            answers = [read_acquired(each, seats) for each, seats in zip(granted, quantities, strict=True)]
            grants = [answer for answer in answers if isinstance(answer, Grant)]
            if len(grants) == len(quantities):
                return grants
    raise unexpected("acquire_all")


def read_beats(reply: list[bytes | int]) -> BeatVerdicts:
    """The answer of heartbeat.lua."""
    if len(reply) < 3 or len(reply) % 2 == 0:  # noqa: PLR2004  # three of the pool, two for each beat
        raise unexpected("heartbeat")
    heartbeat, at, signed_for = reply[:3]
    if not (isinstance(heartbeat, int) and isinstance(at, int) and isinstance(signed_for, int)):
        raise unexpected("heartbeat")
    verdicts = [_beat_verdict(reply[i], reply[i + 1], heartbeat) for i in range(3, len(reply), 2)]
    return BeatVerdicts(verdicts, Millis(at), Millis(signed_for))


# Nearly all beats get one of a few verdicts: renewed for the length of the pool's leases.
@lru_cache(maxsize=1024)
def _beat_verdict(code: bytes | int, left: bytes | int, heartbeat: int) -> BeatVerdict:
    if not isinstance(code, bytes) or not isinstance(left, int):
        raise unexpected("heartbeat")
    pause = Millis(heartbeat if left > 0 else 0)
    said = Code(code.decode())
    return BeatVerdict(
        code=said, expires_in=Millis(left) if said is Code.RECOVERING else told_length(left), heartbeat=pause
    )


def read_validation(reply: list[bytes | int | None]) -> Validation:
    """The answer of validate.lua."""
    match reply:
        case [
            bytes(code),
            int(capacity),
            int(live),
            (int() | None) as valid_for,
            bytes(document),
            (bytes() | None) as lease,
            (int() | None) as fence,
            int(left),
            (int() | None) as admitted,
            (bytes() | None) as window,
            *group,
        ]:
            return Validation(
                code=Code(code.decode()),
                capacity=capacity,
                live=live,
                valid_for=None if valid_for is None else Millis(valid_for),
                document=document.decode(),
                lease_id=None if lease is None else lease.decode(),
                fence=None if fence is None else Fence(fence),
                expires_in=told_length(left),
                version=None
                if admitted is None
                else VersionVerdict(bool(admitted), (window or b"").decode()),
                group=_group_verdict(group),
            )
    raise unexpected("validate")


def _group_verdict(reply: Sequence[bytes | int | None]) -> GroupVerdict | None:
    match reply:
        case [None, *_]:
            return None
        case [bytes(name), int(known), int(reserved), (int() | None) as limit, int(used)]:
            return GroupVerdict(name.decode(), bool(known), reserved, limit, used)
    raise unexpected("validate")


def read_sessions(reply: list[bytes | int]) -> SessionPage:
    """The answer of sessions.lua."""
    match reply:
        case [int(now), int(more), *rest] if len(rest) % 3 == 0:
            pass
        case _:
            raise unexpected("sessions")
    rows, place = [], Place()
    for lease_id, expiry, record in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        if not (isinstance(lease_id, bytes) and isinstance(expiry, int) and isinstance(record, bytes)):
            raise unexpected("sessions")
        rows.append(_session_row(lease_id, Millis(expiry - now), record))
        place = Place(expiry, lease_id)
    return SessionPage(rows=tuple(rows), cursor=place.cursor() if more else None)


def read_observation(reply: list[bytes | int] | None) -> PoolObservation | None:
    """The answer of observe.lua."""
    match reply:
        case None:
            return None
        case [int(epoch), int(capacity), int(live), bytes(digest), int(recovering_for)]:
            return PoolObservation(
                epoch=epoch,
                capacity=capacity,
                live=live,
                recovering_for=Millis(recovering_for),
                config_digest=digest.decode(),
            )
    raise unexpected("observe")


def read_counts(reply: list[bytes | int | list[bytes | None]] | None) -> PoolCounts | None:
    """The answer of sweep.lua."""
    match reply:
        case None:
            return None
        case [
            int(epoch),
            int(capacity),
            int(live),
            int(peak),
            bytes(seat_ms),
            int(since),
            *rest,
            evicts_at,
            bytes(key_ids),
            list(uses),
            bytes(groups),
            list(held),
            int(waiting),
            int(borrowed),
            int(borrow_changes),
            int(lends),
            int(borrow_limit),
            int(drains),
        ]:
            numbers = (number for number in rest if isinstance(number, int))
            granted, released, expired, taken_over, denied, *rest_of_numbers = numbers
            purged, unpurged, soonest, recovering, overage, overage_granted, would_deny, *gates = (
                rest_of_numbers
            )
            return PoolCounts(
                epoch=epoch,
                capacity=capacity,
                live=live,
                peak=peak,
                seat_milliseconds=int(seat_ms) + since,
                granted=granted,
                released=released,
                expired=expired,
                taken_over=taken_over,
                denied=denied,
                purged=purged,
                unpurged=unpurged,
                next_expiry_in=Millis(soonest),
                recovering_for=Millis(recovering),
                overage=overage,
                overage_granted=overage_granted,
                would_deny=would_deny,
                version_blocked=gates[0],
                rate_limited=gates[1],
                device_limit=gates[2],
                devices=gates[3],
                evicted=gates[4],
                suspended=gates[5],
                due=gates[6],
                evicts_at=Millis(evicts_at) if isinstance(evicts_at, int) else None,
                key_uses=_key_uses(key_ids, uses),
                groups={
                    name: int(seats or 0) for name, seats in zip(groups.decode().split(), held, strict=True)
                },
                waiting=waiting,
                borrowed=borrowed,
                borrow_changes=borrow_changes,
                lends=lends == 1,
                borrow_limit=borrow_limit,
                drains=drains == 1,
            )
    raise unexpected("sweep")


def _key_uses(key_ids: bytes, uses: Sequence[bytes | None]) -> dict[str, KeyUse]:
    by_key = zip(key_ids.decode().split(), uses, strict=True)
    told = {key_id: map(int, use.split()) for key_id, use in by_key if use is not None}
    return {key_id: KeyUse(granted, denied, Millis(at)) for key_id, (granted, denied, at) in told.items()}


def read_devices(reply: list[bytes | int]) -> DeviceList:
    """The answer of devices.lua."""
    match reply:
        case [int(), int(limit), int(cooldown), *rest] if len(rest) % 3 == 0:
            rows = zip(rest[::3], rest[1::3], rest[2::3], strict=True)
            return DeviceList(
                devices=tuple(map(_device, rows)), limit=limit or None, cooldown_left=Millis(cooldown)
            )
    raise unexpected("devices")


def _device(row: tuple[bytes | int, ...]) -> Device:
    match row:
        case [bytes(holder), int(registered), int(kept_for)]:
            return Device(holder.hex(), Millis(registered), Millis(kept_for))
    raise unexpected("devices")


def read_removal(reply: list[bytes | int | None]) -> DeviceRemoval:
    """The answer of remove_device.lua."""
    match reply:
        case [bytes(code), (int() | None) as wait]:
            return DeviceRemoval(code=Code(code.decode()), retry_after=None if wait is None else Millis(wait))
    raise unexpected("remove_device")


_ARRIVALS = (Arrival.NOTHING_NEW, Arrival.RECOVERY_BEGAN, Arrival.LEASES_PROLONGED)


def read_arrival(reply: int | None) -> Arrival:
    """The answer of arrive.lua."""
    return Arrival.UNKNOWN_POOL if reply is None else _ARRIVALS[reply]


def read_pulse(reply: list[int | None]) -> Pulse:
    """The answer of tick.lua."""
    match reply:
        case [(int() | None) as since, int(provisioned), *rest] if len(rest) % 3 == 0:
            numbers = [number for number in rest if number is not None]
            outages = tuple(
                Outage(number=number, began=Millis(began), ended=Millis(ended))
                for number, began, ended in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)
            )
            return Pulse(
                silent_for=None if since is None else Millis(since),
                provisioned=bool(provisioned),
                outages=outages,
            )
    raise unexpected("tick")


def told_length(left: int) -> Millis:
    """How long a lease lives, as it is told to who holds it."""
    # The scripts' clock is rounded down to a millisecond, so a lease may end by that much earlier than they count.
    # Whoever goes by the answer must not believe in a seat that another has already.
    return Millis(max(0, left - 1))


def _tail(key_hash: str, client_version: str, metadata: str) -> bytes:
    key_id = bytes.fromhex(key_id_of(key_hash))
    if not client_version and metadata == "{}":
        return key_id
    version = client_version.encode()
    return key_id + struct.pack(">H", len(version)) + version + metadata.encode()


def _session_row(lease_id: bytes, expires_in: Millis, record: bytes) -> SessionRow:
    fence, letter, since, holder, _, quantity, group_length = _RECORD.unpack_from(record)
    group_end = _RECORD.size + group_length
    notes_at = group_end + KEY_ID_LENGTH // 2
    notes = record[notes_at:]
    version_end = 2 + int.from_bytes(notes[:2], "big")
    return SessionRow(
        lease_id=lease_id.hex(),
        holder=holder.hex(),
        fence=Fence(fence),
        quantity=quantity,
        acquired_at=Millis(int.from_bytes(since, "big")),
        expires_in=expires_in,
        lingers=letter == _LINGERING,
        group=record[_RECORD.size : group_end].decode(),
        key_id=record[group_end:notes_at].hex(),
        client_version=notes[2:version_end].decode(),
        metadata=notes[version_end:].decode() if notes else "{}",
    )


def unexpected(script: str) -> RuntimeError:
    """What a reader of a script's answers raises for one that the script cannot have given."""
    return RuntimeError(
        f"{script}.lua gave an answer that its reader does not know; they are of different versions"
    )
