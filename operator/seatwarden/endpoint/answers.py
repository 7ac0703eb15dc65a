"""The bodies of successful answers. OpenAPI's response schemas are generated from these classes.

Lengths of time are seconds with millisecond precision and count from the moment of the answer, so no client
needs a right clock. A fence is told only to the client that acquired the lease: knowing a session's id alone
moves nothing.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from seatwarden.domain.seats import Code

ExpiresIn = Annotated[
    float, Field(ge=0, description="Seconds until the lease ends unless it is renewed; 0 where it is gone.")
]
NextBeat = Annotated[
    float,
    Field(
        gt=0,
        description="Seconds after which to send the next heartbeat, spread so that clients do not beat as"
        " one.",
    ),
]
SessionId = Annotated[str, Field(pattern="^[0-9a-f]{32}$", description="The id of the lease.")]
FenceNumber = Annotated[int, Field(ge=0, lt=2**53, description="The fence of the lease; it only grows.")]
LeaseQuantity = Annotated[int, Field(description="How many seats the lease has.")]
LeaseGroup = Annotated[str | None, Field(description="The group of the pool whose seats they are, if any.")]
SignedLeaseText = Annotated[
    str | None,
    Field(
        description="The lease as its holder can prove it. Keep it, and show it with heartbeats and when acquiring again:"
        " then the seat stays yours though the server lost its memory. Null where this installation signs none."
    ),
]
RenewedLeaseText = Annotated[
    str | None,
    Field(
        description="A new signed lease in place of the one that was shown; null while that is good for long."
    ),
]
ValidFor = Annotated[
    float | None, Field(description="Seconds until the licence runs out; null where it never does.")
]
Plan = Annotated[str | None, Field(description="The name of the plan, null where none is set.")]
OnTrial = Annotated[
    bool,
    Field(
        description="True where the licence is tried and not bought yet; valid_for_seconds is at most what is left of it."
    ),
]
Entitlements = Annotated[
    dict[str, Any], Field(description="Feature flags of the licence: booleans, integers or strings.")
]


@dataclass(frozen=True, slots=True)
class Seats:
    """How full the pool is. `used` can be above `capacity` after the pool was made smaller."""

    capacity: Annotated[int, Field(ge=0)]
    used: Annotated[int, Field(ge=0)]
    free: Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquireAnswer:
    """A seat."""

    code: Literal[Code.GRANTED, Code.EXISTING]
    session_id: SessionId
    fence: FenceNumber
    expires_in: ExpiresIn
    next_heartbeat_in: NextBeat
    taken_over: Annotated[
        bool, Field(description="True where an earlier run of this holder lost the seat to this one.")
    ]
    quantity: LeaseQuantity
    group: LeaseGroup
    overage: Annotated[
        int,
        Field(
            description="How many of its seats are above the capacity of the pool, by permission."
            " One becomes an ordinary seat when one of those gets free."
        ),
    ]
    lease: SignedLeaseText
    seats: Seats


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquireAllAnswer:
    """A seat of each pool, in the order of the request. Each lease is renewed and released by itself."""

    code: Annotated[
        Literal[Code.GRANTED, Code.EXISTING],
        Field(description="existing where all of them were held by this run already."),
    ]
    pools: list[AcquireAnswer]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedAnswer:
    """A place in the queue. Sending the same request again keeps it, and takes the seat when it is its turn."""

    code: Literal[Code.QUEUED]
    position: Annotated[int, Field(description="1 for who is next.")]
    waiting: Annotated[int, Field(description="How many programs wait.")]
    retry_after: Annotated[float, Field(description="After how many seconds to send the request again.")]
    estimate: Annotated[
        float | None,
        Field(
            description="About how many seconds until it is its turn, by how long seats were held so far;"
            " null where that is not known."
        ),
    ]
    seats: Seats


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatAnswer:
    """The lease lives. It was renewed only where `code` is `ok`."""

    code: Literal[Code.OK, Code.SUSPENDED, Code.EXPIRED]
    expires_in: ExpiresIn
    next_heartbeat_in: NextBeat | None
    lease: RenewedLeaseText


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatAnswer:
    """The verdict on one session of a bulk heartbeat: the code that a single heartbeat would have had."""

    session_id: SessionId
    code: Literal[
        Code.OK,
        Code.SUSPENDED,
        Code.EXPIRED,
        Code.UNKNOWN_SESSION,
        Code.STALE_FENCE,
        Code.LEASE_EXPIRED,
        Code.RELEASED,
        Code.EVICTED,
        Code.RECOVERING,
    ]
    expires_in: ExpiresIn
    lease: Annotated[
        str | SkipJsonSchema[None],
        Field(description="A new signed lease in place of the one that was shown, where that grows old."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkHeartbeatAnswer:
    """One verdict for each session, in the order of the request."""

    sessions: list[BeatAnswer]
    next_heartbeat_in: NextBeat | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseAnswer:
    """The seat is not held by this lease any more."""

    code: Literal[Code.RELEASED, Code.ALREADY_RELEASED]


@dataclass(frozen=True, slots=True, kw_only=True)
class BorrowAnswer:
    """The seat is away: nobody has to renew it until it is to be back."""

    code: Literal[Code.BORROWED]
    session_id: SessionId
    fence: FenceNumber
    borrowed_for: Annotated[float, Field(gt=0, description="Seconds until the seat is to be back.")]
    borrowed_until: Annotated[
        str, Field(json_schema_extra={"format": "date-time"}, description="By the authority's clock, UTC.")
    ]
    quantity: LeaseQuantity
    group: LeaseGroup
    lease: Annotated[
        str | None,
        Field(
            description="The lease as its holder can prove it offline: its claim exp is when the seat is to be back. Null"
            " where this installation signs none."
        ),
    ]
    seats: Seats


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnAnswer:
    """The lease is an ordinary one again, and ends unless it is renewed."""

    code: Literal[Code.RETURNED]
    expires_in: ExpiresIn
    next_heartbeat_in: NextBeat
    lease: Annotated[
        str | None,
        Field(description="A new signed lease: throw the one of the borrow away. Null where none is signed."),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionState:
    """The lease that was asked for."""

    session_id: SessionId
    expires_in: ExpiresIn


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureState:
    """The feature that was asked for. A limit of 0 is not entitled."""

    name: str
    entitled: bool
    value: Annotated[
        bool | int | str | None, Field(description="As in the entitlements; null where it is none of them.")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionState:
    """The version that was asked for."""

    admitted: bool
    window: Annotated[
        str | None,
        Field(description="Which versions get a seat, such as `from 4.2 to 5`; null where all do."),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupState:
    """The group that was asked for, or into which the administrator has put the machine, or that its lease is in."""

    name: str
    entitled: Annotated[bool, Field(description="False where the pool has no such group.")]
    reserved: Annotated[int, Field(description="How many seats are for this group alone.")]
    limit: Annotated[
        int | None, Field(description="How many seats it has at most; null where it may have all.")
    ]
    used: Annotated[
        int,
        Field(description="How many seats it has. Leases that ran out a moment ago may still be counted."),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateAnswer:
    """The verdict. `valid` is true exactly where `code` is `ok`.

    Where several things are wrong, the pool's state comes first, then the lease, the version, the group and the feature.
    """

    valid: bool
    code: Literal[
        Code.OK,
        Code.NOT_ENTITLED,
        Code.VERSION_BLOCKED,
        Code.SUSPENDED,
        Code.EXPIRED,
        Code.UNKNOWN_SESSION,
        Code.LEASE_EXPIRED,
        Code.RELEASED,
        Code.EVICTED,
    ]
    plan: Plan
    trial: OnTrial
    entitlements: Entitlements
    seats: Seats
    valid_for_seconds: ValidFor
    days_left: Annotated[
        int | None,
        Field(
            description="The same in days, one that has begun counts as a whole; null where it never runs out."
        ),
    ]
    feature: FeatureState | None
    version: VersionState | None
    group: GroupState | None
    session: SessionState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolAnswer:
    """The pool of this licence key."""

    code: Literal[Code.OK, Code.SUSPENDED, Code.EXPIRED]
    plan: Plan
    trial: OnTrial
    entitlements: Entitlements
    seats: Seats
    valid_for_seconds: ValidFor


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAnswer:
    """One live lease."""

    session_id: SessionId
    hardware_id: Annotated[str, Field(description="The holder.")]
    quantity: LeaseQuantity
    group: LeaseGroup
    acquired_at: Annotated[
        str,
        Field(
            json_schema_extra={"format": "date-time"},
            description="Since when it has so many seats, by the authority's clock, UTC.",
        ),
    ]
    expires_in: ExpiresIn
    lingers: Annotated[
        bool,
        Field(description="It was given back, and its seats are kept for the holder until it expires."),
    ]
    license_key_id: Annotated[
        str,
        Field(
            description="Public id of the licence key with which the seat was last acquired; `identity` for a token."
        ),
    ]
    client_version: str
    metadata: Annotated[
        Any,
        WithJsonSchema({"type": "object", "description": "What the client gave when it acquired the seat."}),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsAnswer:
    """Live leases, those that end soonest first."""

    sessions: list[SessionAnswer]
    next_cursor: Annotated[str | None, Field(description="Asks for the next page; null on the last one.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceAnswer:
    """One registered holder."""

    hardware_id: Annotated[str, Field(description="The holder.")]
    registered_at: Annotated[
        str, Field(json_schema_extra={"format": "date-time"}, description="By the authority's clock, UTC.")
    ]
    holds_seat: Annotated[bool, Field(description="A device that holds a seat cannot be removed.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicesAnswer:
    """The devices of this licence, those that were registered first come first."""

    devices: list[DeviceAnswer]
    limit: Annotated[int | None, Field(description="How many there may be; null where any number may.")]
    removal_in: Annotated[float, Field(description="Seconds until a device can be removed; 0 where one can.")]


@dataclass(frozen=True, slots=True)
class DeviceRemovedAnswer:
    """The device is not registered any more."""

    code: Literal[Code.DEVICE_REMOVED] = Code.DEVICE_REMOVED


@dataclass(frozen=True, slots=True)
class HealthAnswer:
    """All is well."""

    status: Literal["ok"] = "ok"
