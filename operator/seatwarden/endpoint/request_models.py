"""The bodies of requests. OpenAPI's request schemas are generated from these classes.

Types are strict ("5" is no number). Fields that a model does not know are ignored, so that a client written
for a newer server works with an older one; duplicate names are refused, since readers disagree on which one
counts.
"""

import json
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from seatwarden.domain.seats import GROUP_NAME, MOST_SEATS_OF_A_LEASE
from seatwarden.domain.signed_lease import LONGEST_TOKEN

BODY_LIMIT = 64 * 1024
BULK_BODY_LIMIT = 1024 * 1024
BULK_SESSIONS = 1000
MOST_POOLS = 16
POOL_NAME_PATTERN = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"
METADATA_LIMIT = 2048
VERSION_TEXT_LIMIT = 64
LEASE_ID_PATTERN = "^[0-9a-f]{32}$"
FENCE_LIMIT = 2**53
MOST_SECONDS_AWAY = 10 * 366 * 24 * 3600
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"


def _metadata_text(value: Any) -> str:
    if not isinstance(value, dict):
        raise PydanticCustomError("metadata_type", "Input should be an object")
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        raise PydanticCustomError("metadata_number", "Numbers should be finite") from None
    if len(text.encode()) > METADATA_LIMIT:
        raise PydanticCustomError(
            "metadata_size", f"Object should have at most {METADATA_LIMIT} bytes as JSON"
        )
    return text


HardwareId = Annotated[
    str,
    Field(
        pattern="^[0-9a-f]{64}$",
        description="The holder: 64 lower-case hex characters, usually the SHA-256 of what makes the"
        " machine unique. With a token that is not a Pod's, it tells machines of one identity apart.",
    ),
]
LeaseId = Annotated[
    str, Field(pattern=LEASE_ID_PATTERN, description="The id of the lease, as acquire gave it.")
]
FenceNumber = Annotated[
    int, Field(ge=0, lt=FENCE_LIMIT, description="The fence of the lease, as acquire gave it.")
]
MetadataText = Annotated[
    str,
    BeforeValidator(_metadata_text),
    WithJsonSchema(
        {
            "type": "object",
            "description": f"Free notes, shown in the list of sessions; at most {METADATA_LIMIT} bytes.",
        }
    ),
]


ShownLease = Annotated[
    str | None,
    Field(
        max_length=LONGEST_TOKEN,
        pattern=r"^[A-Za-z0-9_.-]*$",
        description="The signed lease that the last answer gave. It proves whose seat it is where the server has"
        " forgotten.",
    ),
]


class RequestBody(BaseModel):
    """What all bodies have in common."""

    model_config = ConfigDict(strict=True, extra="ignore")
    body_limit: ClassVar[int] = BODY_LIMIT

    license_key: Annotated[
        str | None,
        Field(
            max_length=100,
            description="The licence key, for clients that cannot set a header; the header wins.",
        ),
    ] = None
    hardware_id: HardwareId | None = None
    container: Annotated[
        str | None,
        Field(
            pattern="^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
            description="With the token of a Pod, where several containers hold a seat each: the holder's name.",
        ),
    ] = None

    def names_read(self) -> int:
        """How many name-value pairs of the JSON text went into this model; others are unknown, or twice."""
        return len(self.model_fields_set)


Nonce = Annotated[
    str,
    Field(
        max_length=128,
        pattern=_PRINTABLE,
        description="Tells two runs on one machine apart: the same nonce again is the same lease,"
        " another one takes it over.",
    ),
]
Quantity = Annotated[
    int,
    Field(
        ge=1,
        le=MOST_SEATS_OF_A_LEASE,
        description="How many seats, all of them or none. Another number than before changes the lease.",
    ),
]
Group = Annotated[
    str,
    Field(
        pattern=f"^({GROUP_NAME.pattern})?$",
        description="The group of the pool that the program is in. A group that the pool does not have gets no seat.",
    ),
]
ClientVersion = Annotated[
    str,
    Field(
        max_length=VERSION_TEXT_LIMIT,
        pattern=_PRINTABLE,
        description="The version of the program, such as 4.2.1. Pools that admit some versions only need it.",
    ),
]


class AcquireBody(RequestBody):
    """Ask for a seat. With a licence key `hardware_id` has to be given."""

    nonce: Nonce = ""
    quantity: Quantity = 1
    group: Group = ""
    client_version: ClientVersion = ""
    queue: Annotated[
        bool,
        Field(
            description="Wait in the queue where there is no seat. With the header `Prefer: wait=N` the answer comes when it"
            " is the program's turn, or after N seconds, at most 30."
        ),
    ] = False
    metadata: MetadataText = "{}"
    lease: ShownLease = None


class PoolWish(BaseModel):
    """Seats of one pool, which its licence key names, or for a program with a token its name."""

    model_config = ConfigDict(strict=True, extra="ignore")

    license_key: Annotated[str | None, Field(max_length=100, description="The licence key of the pool.")] = (
        None
    )
    pool: Annotated[
        str | None,
        Field(pattern=POOL_NAME_PATTERN, description="With a token: the pool as NAMESPACE/NAME."),
    ] = None
    quantity: Quantity = 1
    group: Group = ""


class AcquireAllBody(RequestBody):
    """Ask for seats of several pools, of all of them or of none."""

    nonce: Nonce = ""
    client_version: ClientVersion = ""
    metadata: MetadataText = "{}"
    pools: Annotated[
        list[PoolWish],
        Field(min_length=1, max_length=MOST_POOLS, description="No pool twice."),
    ]

    def names_read(self) -> int:
        """See `RequestBody.names_read`; each wish has names of its own."""
        return len(self.model_fields_set) + sum(len(wish.model_fields_set) for wish in self.pools)


class HeartbeatBody(RequestBody):
    """Renew a lease."""

    fence: FenceNumber
    lease: ShownLease = None


class BeatItem(BaseModel):
    """One lease to renew."""

    model_config = ConfigDict(strict=True, extra="ignore")

    id: LeaseId
    fence: FenceNumber
    lease: ShownLease = None


class BulkHeartbeatBody(RequestBody):
    """Renew many leases of one pool."""

    body_limit: ClassVar[int] = BULK_BODY_LIMIT

    sessions: Annotated[list[BeatItem], Field(min_length=1, max_length=BULK_SESSIONS)]

    def names_read(self) -> int:
        """See `RequestBody.names_read`; each item has names of its own."""
        return len(self.model_fields_set) + sum(len(item.model_fields_set) for item in self.sessions)


class BorrowBody(RequestBody):
    """Take the seats of a lease away."""

    fence: FenceNumber
    seconds: Annotated[
        float | None,
        Field(
            gt=0,
            le=MOST_SECONDS_AWAY,
            description="For how long; without it for as long as the pool allows.",
        ),
    ] = None


class ReturnBody(RequestBody):
    """Bring borrowed seats back."""

    fence: FenceNumber


class ReleaseBody(RequestBody):
    """Give a seat back. The fence can be a query parameter instead."""

    fence: FenceNumber | None = None


class ValidateBody(RequestBody):
    """Look at the pool, at one lease where hardware_id or session_id names it, and at what else is asked for."""

    session_id: LeaseId | None = None
    feature: Annotated[
        str | None,
        Field(
            max_length=63,
            pattern="^[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?$",
            description="A feature that the program wants to use: is it among the entitlements?",
        ),
    ] = None
    client_version: Annotated[
        str | None,
        Field(
            max_length=VERSION_TEXT_LIMIT,
            pattern=_PRINTABLE,
            description="The version of the program, such as 4.2.1: does the pool give it seats?",
        ),
    ] = None
    group: Annotated[
        str | None,
        Field(
            pattern=f"^({GROUP_NAME.pattern})?$",
            description="The group that the program is in, or empty for none: does the pool give it seats?",
        ),
    ] = None
