"""The words of the seat authority: what a pool is told, what a client asks, and what it is answered.

These are plain values. They are what the reconcilers, the endpoint and the authority's Redis side agree on; none of
them knows how the others do their part.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import NamedTuple, NewType

PoolUid = NewType("PoolUid", str)
"""The `metadata.uid` of a SeatPool: lower-case canonical UUID. A pool made again under its old name has another one."""

Millis = NewType("Millis", int)
"""Milliseconds: an instant (since the Unix epoch, by Redis's clock) or a length, as the field's name says."""

Fence = NewType("Fence", int)
"""A number that only grows within a pool: ``epoch * 2**32 + counter``, below 2**53 so that every JSON reader keeps it."""

FENCE_COUNTER_BITS = 32
NO_TIME = Millis(0)
MOST_SEATS_OF_A_LEASE = 1000
HIGHEST_PRIORITY = 9
GROUP_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
SILENCE = Millis(3_000)
ASK_AGAIN_EACH = Millis(1_000)
"""After so long without a sign of life the authority was away."""


def fence_epoch(fence: Fence) -> int:
    """The authority's epoch in which ``fence`` was given."""
    return fence >> FENCE_COUNTER_BITS


class PoolState(StrEnum):
    """What a pool is allowed to do. Only ``ACTIVE`` grants and renews."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    EXPIRED = "expired"


class Code(StrEnum):
    """The stable code of every answer of the seat authority. Each one is explained in the reference of the endpoint."""

    OK = "ok"
    GRANTED = "granted"
    EXISTING = "existing"
    RELEASED = "released"
    ALREADY_RELEASED = "already_released"
    INVALID_LICENSE = "invalid_license"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    POOL_EXHAUSTED = "pool_exhausted"
    UNKNOWN_SESSION = "unknown_session"
    STALE_FENCE = "stale_fence"
    LEASE_EXPIRED = "lease_expired"
    EVICTED = "evicted"
    RECOVERING = "recovering"
    IDEMPOTENCY_MISMATCH = "idempotency_mismatch"
    DRAINING = "draining"
    NOT_ENTITLED = "not_entitled"
    RESERVED = "reserved"
    GROUP_LIMIT = "group_limit"
    HOLDER_LIMIT = "holder_limit"
    VERSION_BLOCKED = "version_blocked"
    RATE_LIMITED = "rate_limited"
    QUEUED = "queued"
    QUEUE_FULL = "queue_full"
    DEVICE_LIMIT = "device_limit"
    DEVICE_REMOVED = "device_removed"
    UNKNOWN_DEVICE = "unknown_device"
    DEVICE_IN_USE = "device_in_use"
    DEVICE_COOLDOWN = "device_cooldown"
    BORROWED = "borrowed"
    RETURNED = "returned"
    BORROW_LIMIT = "borrow_limit"
    POOLS_APART = "pools_apart"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatGroup:
    """Some holders of a pool: ``reserved`` seats are for them alone, and ``limit``, if there is one, is the most they have.

    Callers name the group that they are in; ``members`` are holders that are in it whatever they name.
    """

    reserved: int = 0
    limit: int | None = None
    members: frozenset[str] = frozenset()
    priority: int = 0
    """Its place in the queue, from 0 to `HIGHEST_PRIORITY`: who has more goes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolConfig:
    """What the operator tells the authority about one pool.

    ``capacity`` is the effective one. ``signed_for`` is how long a signed lease counts. ``key_ids`` maps the SHA-256
    (64 hex) of each valid licence key to its public key id, and ``keys_die`` those of them that die to the instant at which
    they do. ``valid_until`` is an instant after which nothing is granted
    or renewed, or None. ``document`` is the JSON that `validate` hands out as it is: plan, entitlements, names.
    """

    tenant_uid: str
    generation: int
    epoch: int
    state: PoolState
    capacity: int
    lease: Millis
    heartbeat: Millis
    signed_for: Millis
    valid_until: Millis | None
    key_ids: dict[str, str] = field(hash=False)
    keys_die: dict[str, Millis] = field(default_factory=dict, hash=False)
    key_groups: dict[str, str] = field(default_factory=dict, hash=False)
    """By hash, for each licence key that is for one group only, the name of the group: who comes with it is in that one."""
    document: str = "{}"
    overage: int = 0
    """So many seats are given above the capacity, each marked as such."""
    drain: bool = False
    """No new seat is given; who holds one keeps it."""
    shadow: bool = False
    """Nothing is refused for want of a seat or because of another policy; it is counted only."""
    groups: dict[str, SeatGroup] = field(default_factory=dict, hash=False)
    """By name."""
    only_groups: bool = False
    """Who is in none of ``groups`` gets no seat."""
    holder_limit: int | None = None
    """The most seats that one holder has."""
    version_min: str = ""
    """The first version of client programs that gets a seat, as the spec has it; empty where any is early enough."""
    version_max: str = ""
    """The last one."""
    rate_key: int = 0
    """So many requests for a seat a minute are answered for each licence key; 0 where any number is."""
    rate_holder: int = 0
    """The same for each holder."""
    queue_size: int = 0
    """So many may wait for a seat."""
    claim: Millis = Millis(30_000)
    """How long a seat is kept for the first of those who wait. Twice as long one keeps its place without asking again."""
    device_limit: int = 0
    """So many holders may be registered as devices of the pool; 0 where any number may."""
    device_cooldown: Millis = NO_TIME
    """How long after a client has removed a device the next one can be removed."""
    borrow_seats: int = 0
    """The most seats that are borrowed at one time."""
    borrow_longest: Millis = NO_TIME
    """How long a seat is away at most."""
    borrow_low_water: int = 0
    """So many seats of the capacity are never borrowed."""
    evict_after: Millis | None = None
    """How long after the pool was made smaller seats above what is allowed are evicted; None where they never are."""
    ends_at_once: bool = False
    """A pool that is suspended ends its leases, and does not leave them to run out."""
    linger: Millis = NO_TIME
    """How long seats that were given back are kept for their holder."""

    @property
    def digest(self) -> str:
        """SHA-256 of all fields: two configurations with equal digests are the same to the authority."""
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), default=sorted)
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolObservation:
    """A pool as the authority has it. ``live`` counts leases not yet expired; ``capacity`` and the rest are as configured."""

    epoch: int
    capacity: int
    live: int
    recovering_for: Millis
    """How long only those come back who held a seat before a loss; 0 where all is as usual."""
    config_digest: str
    """`PoolConfig` as the authority holds it, as a digest; equal digests mean that `configure` would change nothing."""


class KeyUse(NamedTuple):
    """What a licence key was used for since the authority has this pool. Heartbeats and releases do not count."""

    granted: int
    denied: int
    last_used: Millis
    """The instant at which it last asked for a seat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolCounts:
    """What a sweep found after it had purged. The totals grow over the life of a pool's epoch and never go back in it."""

    epoch: int
    capacity: int
    live: int
    peak: int
    """The most live leases at one time since the pool was made."""
    seat_milliseconds: int
    """Exact sum of the time that each seat was held, up to the authority's ``now``."""
    granted: int
    released: int
    expired: int
    taken_over: int
    denied: int
    purged: int
    """Leases that this very sweep found expired and purged."""
    unpurged: int
    """Expired leases that the chunk limit left for the next sweep."""
    next_expiry_in: Millis
    """How long until a lease of this pool can expire at the soonest, also counting leases not yet granted."""
    recovering_for: Millis
    """How long only those come back who held a seat before a loss; 0 where all is as usual."""
    overage: int
    """Live leases that are marked as above the capacity."""
    overage_granted: int
    would_deny: int
    """Grants that would have been refusals but for the shadow mode."""
    version_blocked: int
    """Refusals because of the version of the client program."""
    rate_limited: int
    """Refusals because a licence key or a holder had asked too often."""
    device_limit: int
    """Refusals because as many devices were registered as may be."""
    devices: int
    """How many are registered."""
    key_uses: dict[str, KeyUse] = field(default_factory=dict, hash=False)
    """By key id, for each key that opens the pool and was ever used."""
    groups: dict[str, int] = field(default_factory=dict, hash=False)
    """How many seats each group has."""
    waiting: int = 0
    """How many holders wait in the queue."""
    borrowed: int = 0
    """How many seats are borrowed."""
    borrow_changes: int = 0
    """Grows whenever other leases are borrowed than before, or with other fences."""
    lends: bool = False
    """Whether seats can be borrowed at all."""
    borrow_limit: int = 0
    """Refusals to lend a seat, because of the number or the time."""
    drains: bool = False
    """Whether the pool was to run empty already when this was counted."""
    evicted: int = 0
    """Leases that were ended since the pool had too few seats for them."""
    suspended: int = 0
    """Leases that were ended by a suspension."""
    due: int = 0
    """Seats that are to be ended, and that the chunk limit left for the next sweep."""
    evicts_at: Millis | None = None
    """The instant at which seats above what is allowed are evicted; None where none are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquireRequest:
    """A client's wish for a seat. ``holder`` is its 64 lower-case hex hardware id; ``nonce`` tells two of its runs apart."""

    key_hash: str
    holder: str
    nonce: str = ""
    quantity: int = 1
    """How many seats, from 1 to `MOST_SEATS_OF_A_LEASE`: all of them, or none."""
    group: str = ""
    """The group of the pool that the caller says it is in, or empty."""
    would_wait: bool = False
    """Where there is no seat, take a place in the queue."""
    client_version: str = ""
    metadata: str = "{}"
    idempotency_key: str | None = None
    """The same key with the same request again gives the same answer, for as long as the lease that was given."""
    spread: int = 0
    """Comes back with the grant, so that the same answer can be made of it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A seat. ``code`` is `GRANTED` for a new lease or a take-over, `EXISTING` for the same holder and nonce again.

    ``spread`` is the one of the request that was granted.
    """

    code: Code
    lease_id: str
    fence: Fence
    expires_in: Millis
    heartbeat: Millis
    capacity: int
    live: int
    at: Millis
    """The instant of the grant by the authority's clock."""
    signed_for: Millis
    taken_over: bool = False
    spread: int = 0
    quantity: int = 1
    group: str = ""
    """The group whose seats they are, or empty."""
    overage: int = 0
    """How many of its seats are above the capacity, by permission. One becomes a base seat when one of those gets free."""


class RateLimit(NamedTuple):
    """How many requests for a seat a minute are answered. ``policy`` says to whom: `perKey` or `perHolder`."""

    policy: str
    quota: int


class QueuePlace(NamedTuple):
    """Where a holder waits. ``position`` is 1 for the first of ``waiting``.

    ``estimate`` is about how long it takes, from how long seats were held so far; None where none was given back yet.
    """

    position: int
    waiting: int
    estimate: Millis | None


def ask_again_in(position: int, at_most: Millis) -> Millis:
    """When one who waits is to ask again: the first ones soon, so that a free seat is taken soon."""
    return Millis(min(at_most, position * ASK_AGAIN_EACH))


def estimate_of(position: int, capacity: int, seat_milliseconds: int, ended: int) -> Millis | None:
    """About how long until ``position`` seats are given back, where ``ended`` leases held seats for so long in all."""
    return Millis(position * seat_milliseconds // (ended * max(1, capacity))) if ended else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """No seat, and why. ``retry_after`` is when trying again could help at the soonest, None where waiting does not."""

    code: Code
    capacity: int = 0
    live: int = 0
    retry_after: Millis | None = None
    versions: str = ""
    """Where the client's version is refused, which ones are not: see `seatwarden.domain.versions.version_window`."""
    rate: RateLimit | None = None
    """Where it was asked too often, the limit that was reached; of several the one that needs the longest wait."""
    place: QueuePlace | None = None
    """With `QUEUED` only."""


class Shortfall(NamedTuple):
    """Of seats that were wanted in several pools none was given, because the one with this ``number`` (from 0 on) refused."""

    number: int
    refusal: Refusal


class Device(NamedTuple):
    """A holder that is registered with a pool. ``seat_kept_for`` is 0 where it holds no seat now."""

    holder: str
    registered_at: Millis
    seat_kept_for: Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceList:
    """The devices of a pool, those registered first come first. ``limit`` is None where any number may be."""

    devices: tuple[Device, ...]
    limit: int | None
    cooldown_left: Millis
    """How long none can be removed by a client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRemoval:
    """`DEVICE_REMOVED`, or why it was not: `UNKNOWN_DEVICE`, `DEVICE_IN_USE`, `DEVICE_COOLDOWN` or `INVALID_LICENSE`."""

    code: Code
    retry_after: Millis | None = None


class Beat(NamedTuple):
    """One heartbeat of one lease."""

    lease_id: str
    fence: Fence


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatVerdict:
    """The answer to one `Beat`.

    ``OK`` renewed the lease. ``SUSPENDED`` or ``EXPIRED`` with ``expires_in`` above 0: the lease still lives but was not
    renewed, since the pool may not renew any. Every other code, and 0, means that the lease is not held.
    """

    code: Code
    expires_in: Millis = Millis(0)
    heartbeat: Millis = Millis(0)


class BeatVerdicts(list[BeatVerdict]):
    """The answers to several beats of one call, in order.

    ``at`` is the instant by the authority's clock, ``signed_for`` how long a lease counts that is signed now.
    """

    __slots__ = ("at", "signed_for")

    def __init__(
        self, verdicts: Iterable[BeatVerdict], at: Millis = Millis(0), signed_for: Millis = Millis(0)
    ) -> None:
        super().__init__(verdicts)
        self.at = at
        self.signed_for = signed_for


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedLease:
    """What a client can prove about its lease when the authority has forgotten it. ``nonce`` is a digest, 16 hex characters.

    It counts until ``valid_until`` by the authority's clock.
    """

    pool: PoolUid
    lease_id: str
    holder: str
    nonce: str
    fence: Fence
    issued_at: Millis
    valid_until: Millis
    quantity: int = 1
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A time for which no endpoint could reach the authority. ``number`` grows with each."""

    number: int
    began: Millis
    ended: Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """How the authority as a whole is. ``silent_for`` is the time since an endpoint's last sign of life, None: never one.

    ``provisioned`` is False where the operator has not put the pools in since Redis lost everything.
    """

    silent_for: Millis | None
    provisioned: bool
    outages: tuple[Outage, ...]

    @property
    def silent(self) -> bool:
        """Can nobody renew leases just now? Then their expiry pauses, and nothing is to be purged."""
        return self.silent_for is not None and self.silent_for > SILENCE


class Arrival(StrEnum):
    """What an arrival at a pool did."""

    NOTHING_NEW = "nothing_new"
    RECOVERY_BEGAN = "recovery_began"
    LEASES_PROLONGED = "leases_prolonged"
    UNKNOWN_POOL = "unknown_pool"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseVerdict:
    """`RELEASED`, `ALREADY_RELEASED` (also for an id never seen), `STALE_FENCE` or `INVALID_LICENSE`."""

    code: Code


class VersionVerdict(NamedTuple):
    """Whether a version of client programs gets a seat. ``window`` are those that do, see `version_window`; empty: all."""

    admitted: bool
    window: str


class GroupVerdict(NamedTuple):
    """A group as the pool has it. ``limit`` is None where it has none; a lease that ran out is in ``used`` until it is purged."""

    name: str
    known: bool
    reserved: int
    limit: int | None
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """The pool and, if they were asked for, the holder's lease, a version and a group, at one instant.

    ``code`` is `OK`, `SUSPENDED`, `EXPIRED`; for a named lease `UNKNOWN_SESSION`, `LEASE_EXPIRED`, `RELEASED`, `EVICTED`; for
    a version `VERSION_BLOCKED`, and for a group `NOT_ENTITLED`: the first of these that is so.
    ``document`` is `PoolConfig.document`. ``valid_for`` is how long the licence stays valid, None for ever.
    """

    code: Code
    capacity: int
    live: int
    valid_for: Millis | None
    document: str
    lease_id: str | None = None
    fence: Fence | None = None
    expires_in: Millis = Millis(0)
    version: VersionVerdict | None = None
    """Where a version was asked for."""
    group: GroupVerdict | None = None
    """The group that was asked for, or that the holder is put into, or that its lease is in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """One live lease in a listing."""

    lease_id: str
    holder: str
    fence: Fence
    quantity: int
    acquired_at: Millis
    """Since when it has so many seats."""
    group: str
    expires_in: Millis
    lingers: bool
    """It was given back, and its seats are kept for the holder until it expires."""
    key_id: str
    """Public id of the licence key with which it was last acquired."""
    client_version: str
    metadata: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPage:
    """Live leases in order of expiry. ``cursor`` asks for the next page; None on the last one."""

    rows: tuple[SessionRow, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """What `configure` did. ``existed`` is False where the authority had no state of this pool: new, or lost."""

    changed: bool
    existed: bool
    epoch: int
    live: int
