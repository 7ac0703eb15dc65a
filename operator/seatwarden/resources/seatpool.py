"""SeatPool: where seats are taken. Data only."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from seatwarden.resources.base import (
    Bool,
    Count,
    Echo,
    Instant,
    Model,
    Resource,
    Seats,
    SecretName,
    SpecModel,
    Subdomain,
)
from seatwarden.resources.borrowing import MOST_BORROWED, BorrowPolicy, BorrowStatus
from seatwarden.resources.conditions import Condition
from seatwarden.resources.names import DERIVING_NAME_LENGTH, Kind
from seatwarden.resources.rules import DurationBetween, Immutable, ListMap, Rule, both_are_durations
from seatwarden.resources.seat_limits import (
    MOST_GROUP_KEYS,
    MOST_GROUPS,
    DevicesStatus,
    GroupStatus,
    Limits,
    Queue,
    SeatGroup,
)
from seatwarden.resources.versions import Version

MOST_LICENCE_KEYS = 4
"""So many licence keys may open a pool at one time, and so many more for each group that has its own."""


class SubscriptionRef(SpecModel):
    """The Subscription whose seats these are, in the same namespace."""

    name: Annotated[str, Field(max_length=253), Subdomain]
    """Name of the Subscription."""


class Lease(SpecModel):
    """How long a seat stays taken without a sign of life, and how often programs give one."""

    duration: Annotated[timedelta, DurationBetween("5s", "24h")] = timedelta(minutes=6)
    """How long a seat stays taken after the last heartbeat, such as 90s, 6m or 1h30m; from 5s to 24h. The
    seat of a program that died is free again after this time. Default 6m."""
    heartbeat: Annotated[timedelta, DurationBetween("1s", "12h")] = timedelta(minutes=2)
    """How often programs are told to renew their lease, such as 30s or 2m; from 1s to half of duration.
    Default 2m."""

    offline_grace: Annotated[timedelta, DurationBetween("1m", "168h")] = timedelta(hours=24)
    """How long the signed copy of a lease counts that a program is given, such as 24h; from 1m to 168h.
    With it a program gets its seat back after Redis lost its data. Default 24h."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                f"!({both_are_durations('duration', 'heartbeat')}) || "
                "duration(self.heartbeat) + duration(self.heartbeat) <= duration(self.duration)"
            ),
            message="must be at most half of duration, so that one lost heartbeat does not cost the seat",
            at="heartbeat",
            holds=lambda lease: lease.heartbeat * 2 <= lease.duration,
        ),
    )


class Overage(SpecModel):
    """Seats above the capacity that may be taken all the same."""

    seats: Seats = 0
    """How many seats may be taken above those of the pool, from 0 to 1,000,000. Each such lease is marked, and becomes an
    ordinary one when a seat of the pool gets free. They do not count against the Subscription. Default 0."""


class Mode(StrEnum):
    """Whether the pool's policies are enforced."""

    ENFORCE = "Enforce"
    SHADOW = "Shadow"


class OnShrink(StrEnum):
    """What becomes of seats above what is allowed when the pool gets fewer."""

    DRAIN = "Drain"
    EVICT = "Evict"


class OnSuspend(StrEnum):
    """What becomes of leases when the Tenant is suspended."""

    AT_LEASE_END = "AtLeaseEnd"
    IMMEDIATELY = "Immediately"


class VersionWindow(SpecModel):
    """Which versions of client programs get a seat."""

    minimum: Version | None = None
    """The first version that gets a seat, such as 4, 4.2 or 4.2.1; what is missing counts as 0. Without it, any version
    that is not above the maximum does."""
    maximum: Version | None = None
    """The last version that gets a seat, such as 4, which admits 4.9.1, or 4.2.1. Without it, any version that is not
    below the minimum does."""


class LicenceKeyPolicy(SpecModel):
    """How the licence key is replaced."""

    overlap: Annotated[timedelta, DurationBetween("0s", "8760h")] = timedelta(days=7)
    """How long an earlier licence key still opens the pool after it was replaced, such as 24h; from 0s to
    8760h, which is a year. A change counts for earlier keys that still live, too. Default 168h."""


class SeatPoolSpec(SpecModel):
    """How many seats there are to take, and how."""

    subscription_ref: Annotated[
        SubscriptionRef,
        Immutable("must stay as it is; create another SeatPool for another Subscription"),
    ]
    """The Subscription whose seats these are, in the same namespace. Cannot be changed."""
    seats: Seats
    """How many seats may be taken at one time, from 0 to 1,000,000. The pool gets fewer while the
    Subscription has fewer left; status.capacity tells how many. kubectl scale and autoscalers set this
    field."""
    lease: Lease = Lease()
    """How long a seat stays taken without a sign of life, and how often programs give one."""
    overage: Overage = Overage()
    """Seats above the capacity that may be taken all the same."""
    drain: Bool = False
    """True lets the pool run empty: no new seat is given, and who holds one keeps it. The condition Draining tells
    when it is empty. Default false."""
    on_shrink: OnShrink = OnShrink.DRAIN
    """What becomes of seats above what is allowed when the pool gets fewer. Drain leaves them to their holders until
    these give them back. Evict ends so many leases, the oldest first, after evictAfter. Default Drain."""
    evict_after: Annotated[timedelta, DurationBetween("0s", "24h")] = timedelta(minutes=5)
    """How long holders have to give back by themselves what is too much, before leases are evicted, such as 30s or 5m; from 0s
    to 24h. For onShrink Evict alone. Default 5m."""
    on_suspend: OnSuspend = OnSuspend.AT_LEASE_END
    """What becomes of leases when the Tenant is suspended. AtLeaseEnd lets each run out, as none is renewed. Immediately
    ends them all at once. Default AtLeaseEnd."""
    linger: Annotated[timedelta, DurationBetween("0s", "1h")] = timedelta(0)
    """How long a seat that was given back is kept for its holder, who gets it again without waiting, such as 60s; from 0s to
    1h. It counts as held meanwhile. Default 0s."""
    versions: VersionWindow = VersionWindow()
    """Which versions of client programs get a seat. A seat that is held is kept, whatever the version."""
    mode: Mode = Mode.ENFORCE
    """Shadow refuses nothing for want of a seat, nor because of another policy, and counts in status.wouldDeny what Enforce would
    have refused: for trying out a number of seats. Default Enforce."""
    groups: Annotated[tuple[SeatGroup, ...], Field(max_length=MOST_GROUPS), ListMap("name")] = ()
    """Groups of the programs that share the pool, up to 1000, with seats that are reserved for them and
    limits."""
    only_groups: Bool = False
    """True gives seats to programs of spec.groups alone. Default false."""
    queue: Queue = Queue()
    """Programs that wait for a seat."""
    borrow: BorrowPolicy = BorrowPolicy()
    """Seats that programs may take away, to work where there is no network."""
    limits: Limits = Limits()
    """What one holder may have, and how often it or a licence key may ask."""
    licence_key: LicenceKeyPolicy = LicenceKeyPolicy()
    """How the licence key is replaced."""
    suspend: Bool = False
    """True stops the operator from acting on changes of this SeatPool until it is false again. Deletion
    still works, and programs go on taking and keeping seats. Default false."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.groups) || self.groups.map(group, has(group.reserved) ? group.reserved : 0).sum() <= self.seats",
            message="must be at least as many as are reserved for groups",
            at="seats",
            holds=lambda spec: sum(group.reserved for group in spec.groups) <= spec.seats,
        ),
        Rule(
            cel="!has(self.groups) || "
            f"self.groups.filter(group, has(group.licenceKey) && group.licenceKey).size() <= {MOST_GROUP_KEYS}",
            message=f"must have at most {MOST_GROUP_KEYS} groups with a licence key of their own",
            at="groups",
            holds=lambda spec: sum(group.licence_key for group in spec.groups) <= MOST_GROUP_KEYS,
        ),
    )


class KeyState(StrEnum):
    """What a licence key is now."""

    ACTIVE = "Active"
    OVERLAPPING = "Overlapping"


class LicenceKeyStatus(Model):
    """One licence key that opens the pool."""

    id: Annotated[str, Field(max_length=64)]
    """Public id of the key: the beginning of its SHA-256. Not secret."""
    group: Annotated[str, Field(max_length=63)] | None = None
    """The group that the key is for. Not there for a key of the whole pool."""
    state: KeyState
    """Active is the newest key, the one in the Secret. Overlapping is an earlier one that opens the pool until
    expiresAt."""
    expires_at: Instant | None = None
    """The instant from which the key opens nothing any more. Not there for the Active key."""
    granted: Count
    """How many seats were given for this key since Redis knows the pool. Follows the truth by a minute at most."""
    denied: Count
    """How many requests for a seat with this key were refused since Redis knows the pool. Follows the truth
    by a minute at most."""
    last_used_at: Instant | None = None
    """When a seat was last asked for with this key. Follows the truth by a minute at most."""


class TokensStatus(Model):
    """What was asked for with tokens in place of a licence key, all of them together."""

    granted: Count
    """How many seats were given for tokens since Redis knows the pool. Follows the truth by a minute at most."""
    denied: Count
    """How many requests for a seat with a token were refused since Redis knows the pool. Follows the truth by some
    minutes."""
    last_used_at: Instant | None = None
    """When a seat was last asked for with a token. Follows the truth by a minute at most."""


class Refused(Model):
    """Requests for a seat that were refused for another reason than that no seat is free, since the pool was made."""

    version: Count | None = None
    """The version of the program is not one of spec.versions."""
    rate: Count | None = None
    """The licence key or the holder asked more often than spec.limits.acquiresPerMinute allows."""
    device: Count | None = None
    """As many devices are registered as spec.limits.devices allows."""
    borrow: Count | None = None
    """A seat was to be borrowed, and spec.borrow does not allow it. The seat itself was kept."""


class SeatPoolStatus(Model):
    """What the operator observed. Written by the operator only."""

    observed_generation: Count | None = None
    """The metadata.generation that this status is about."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16), ListMap("type")] = ()
    """Ready, with Reconciling or Stalled while they are so, RedisReady, OverCapacity, Overage, Draining, ShadowMode,
    Recovering and RotationWaiting."""
    capacity: Annotated[Count, Field(le=2**31 - 1)] | None = None
    """How many seats may be taken at one time now: spec.seats, or what the Subscription has left if that is
    less."""
    used: Count | None = None
    """Seats held at this moment. Follows the truth by some seconds."""
    free: Count | None = None
    """Seats that can be taken at this moment; 0 while the pool drains, and in a recovery. Follows the truth by some
    seconds."""
    peak: Count | None = None
    """The most seats that were ever held at one time."""
    overage: Count | None = None
    """Seats held above the capacity at this moment, by permission of spec.overage."""
    would_deny: Count | None = None
    """Grants that would have been refused if spec.mode were Enforce, since the pool was made."""
    evicted: Count | None = None
    """Leases that spec.onShrink ended, since Redis knows the pool."""
    queued: Count | None = None
    """Programs that wait for a seat at this moment. Follows the truth by some seconds."""
    borrowed: Count | None = None
    """Seats that are away at this moment; they count as used. Follows the truth by some seconds."""
    borrows: Annotated[tuple[BorrowStatus, ...], Field(max_length=MOST_BORROWED), ListMap("holder")] = ()
    """Each lease that is borrowed, those that end first come first. From here they are put back if Redis loses them."""
    borrows_epoch: Count | None = None
    """The epoch in which borrows was read. In a later one Redis may have lost some of them."""
    groups: Annotated[tuple[GroupStatus, ...], Field(max_length=MOST_GROUPS), ListMap("name")] = ()
    """What each group of spec.groups has."""
    devices: DevicesStatus | None = None
    """The devices of the pool, where spec.limits.devices limits them."""
    refused: Refused | None = None
    """Requests for a seat that were refused for another reason than that no seat is free, since the pool was made."""
    tenant: Annotated[str, Field(max_length=DERIVING_NAME_LENGTH)] | None = None
    """Name of the Tenant whose pool this is."""
    selector: Annotated[str, Field(max_length=512)] | None = None
    """Label selector of the scale subresource, for autoscalers."""
    epoch: Count | None = None
    """Grows whenever the state in Redis was lost or set back. Every fence of a lease begins with it."""
    licence_key_secret: SecretName | None = None
    """Name of the Secret that holds the licence key of this pool, under the key licence-key."""
    licence_key_id: Annotated[str | None, Field(alias="licenceKeyID", max_length=64)] = None
    """Public id of the licence key: the beginning of its SHA-256. Not secret."""
    licence_keys: Annotated[
        tuple[LicenceKeyStatus, ...],
        Field(max_length=MOST_LICENCE_KEYS * (1 + MOST_GROUP_KEYS)),
        ListMap("id"),
    ] = ()
    """Every licence key that opens the pool, the newest first and those of groups last, and what it was used for."""
    tokens: TokensStatus | None = None
    """What tokens were used for. There only where spec.identity of the Tenant lets tokens open the pool."""
    last_handled_reconcile_at: Echo | None = None
    """Value of the annotation seatwarden.dev/reconcile-requested-at when it was last acted upon."""
    last_handled_rotate_licence_key_at: Echo | None = None
    """Value of the annotation seatwarden.dev/rotate-licence-key-requested-at when it was last acted upon."""
    last_handled_remove_device: Echo | None = None
    """Value of the annotation seatwarden.dev/remove-device-requested when it was last acted upon."""


class SeatPool(Resource):
    """Seats for programs to take, keep and give back: at no instant are more taken than there are."""

    KIND: ClassVar[Kind] = Kind.SEAT_POOL

    spec: SeatPoolSpec
    """How many seats there are to take, and how."""
    status: SeatPoolStatus = SeatPoolStatus()
    """What the operator observed. Written by the operator only."""
