"""The one table of what the endpoint serves.

The routes, the Allow headers, OpenAPI and `/docs` are all made from it.
"""

from seatwarden.domain.seats import Code
from seatwarden.endpoint import answers
from seatwarden.endpoint.borrow_handlers import BorrowHandlers
from seatwarden.endpoint.codes import RequestCode
from seatwarden.endpoint.document_handlers import JWK_SET, JWS, DocumentHandlers
from seatwarden.endpoint.operations import SESSION_ID, Answer, Link, Operation, Parameter
from seatwarden.endpoint.parameters import (
    DEFAULT_LIMIT,
    IDEMPOTENCY_KEY,
    IDEMPOTENCY_KEY_PATTERN,
    LARGEST_LIMIT,
)
from seatwarden.endpoint.request_models import (
    FENCE_LIMIT,
    AcquireAllBody,
    AcquireBody,
    BorrowBody,
    BulkHeartbeatBody,
    HeartbeatBody,
    ReleaseBody,
    ReturnBody,
    ValidateBody,
)
from seatwarden.endpoint.seat_handlers import SeatHandlers
from seatwarden.endpoint.service_handlers import ServiceHandlers

_SESSION, _FENCE = "$response.body#/session_id", "$response.body#/fence"
SEAT_LINKS = (
    Link(
        name="KeepTheSeat",
        operation="heartbeat",
        description="The lease is renewed with its id and fence.",
        parameters={"id": _SESSION},
        body={"fence": _FENCE},
    ),
    Link(
        name="GiveTheSeatBack",
        operation="release",
        description="The lease is released with its id and fence.",
        parameters={"id": _SESSION},
        body={"fence": _FENCE},
    ),
    Link(
        name="LookAtTheLease",
        operation="validate",
        description="The lease is looked at by its id.",
        body={"session_id": _SESSION},
    ),
)
NEXT_PAGE = Link(
    name="NextPage",
    operation="sessions",
    description="The next page begins where this one ended, if next_cursor is not null.",
    parameters={"cursor": "$response.body#/next_cursor"},
)

# Why a seat is not given, whether it is asked for alone or with others.
NO_SEAT = (
    (403, Code.SUSPENDED),
    (403, Code.EXPIRED),
    (403, Code.NOT_ENTITLED),
    (403, Code.HOLDER_LIMIT),
    (403, Code.VERSION_BLOCKED),
    (403, Code.DEVICE_LIMIT),
    (409, Code.POOL_EXHAUSTED),
    (409, Code.RESERVED),
    (409, Code.GROUP_LIMIT),
    (409, Code.DRAINING),
    (409, Code.BORROWED),
    (422, Code.IDEMPOTENCY_MISMATCH),
    (429, Code.RATE_LIMITED),
)
# Why whoever names a lease does not hold it.
NO_LEASE = (
    (404, Code.UNKNOWN_SESSION),
    (409, Code.STALE_FENCE),
    (410, Code.LEASE_EXPIRED),
    (410, Code.RELEASED),
    (410, Code.EVICTED),
    (410, Code.SUSPENDED),
)
IDEMPOTENCY = Parameter(
    name=IDEMPOTENCY_KEY,
    place="header",
    description="A name of this wish that its repetitions have too, such as a UUID.",
    schema={"type": "string", "pattern": IDEMPOTENCY_KEY_PATTERN},
)

SEAT_OPERATIONS: tuple[Operation[SeatHandlers], ...] = (
    Operation(
        name="acquire",
        method="POST",
        path="/api/v1/licenses/acquire",
        handler=SeatHandlers.acquire,
        summary="Take a seat",
        description="Safe to repeat: the same hardware_id and nonce get the same lease. Another nonce on"
        " the same hardware_id takes the lease over, and the old fence is dead. With an Idempotency-Key the"
        " same request gets the very same answer, for as long as the lease that was given.",
        body=AcquireBody,
        parameters=(IDEMPOTENCY,),
        answers=(
            Answer(status=201, description="A new lease.", body=answers.AcquireAnswer, links=SEAT_LINKS),
            Answer(
                status=200,
                description="The lease that this run holds already.",
                body=answers.AcquireAnswer,
                links=SEAT_LINKS,
            ),
            Answer(status=202, description="A place in the queue.", body=answers.QueuedAnswer),
        ),
        refusals=(*NO_SEAT, (409, Code.QUEUE_FULL)),
    ),
    Operation(
        name="acquire_all",
        method="POST",
        path="/api/v1/licenses/acquire-all",
        handler=SeatHandlers.acquire_all,
        summary="Take seats of several pools",
        description="Of all of them, or of none: one step decides, and nobody ever sees a part. Each pool is named by its"
        " licence key; a program with a token names each as NAMESPACE/NAME. Nobody waits in a queue here. Otherwise each"
        " pool answers as acquire does. The member pool of a refusal says which one refused.",
        body=AcquireAllBody,
        parameters=(IDEMPOTENCY,),
        answers=(
            Answer(status=201, description="Leases, of which some are new.", body=answers.AcquireAllAnswer),
            Answer(
                status=200,
                description="The leases that this run holds already.",
                body=answers.AcquireAllAnswer,
            ),
        ),
        refusals=(*NO_SEAT, (409, Code.POOLS_APART)),
    ),
    Operation(
        name="heartbeat",
        method="PATCH",
        path="/api/v1/licenses/sessions/{id}/heartbeat",
        handler=SeatHandlers.heartbeat,
        summary="Keep a seat",
        description="Renews the lease. One that is gone is never revived.",
        body=HeartbeatBody,
        parameters=(SESSION_ID,),
        answers=(Answer(status=200, description="The lease lives.", body=answers.HeartbeatAnswer),),
        refusals=(*NO_LEASE, (410, Code.EXPIRED)),
    ),
    Operation(
        name="bulk_heartbeat",
        method="POST",
        path="/api/v1/licenses/heartbeats",
        handler=SeatHandlers.bulk_heartbeat,
        summary="Keep many seats of one pool",
        description="For agents and gateways. Up to 1,000 sessions; each gets its own verdict.",
        body=BulkHeartbeatBody,
        answers=(
            Answer(status=200, description="A verdict each, in order.", body=answers.BulkHeartbeatAnswer),
        ),
    ),
    Operation(
        name="release",
        method="DELETE",
        path="/api/v1/licenses/sessions/{id}",
        handler=SeatHandlers.release,
        summary="Give a seat back",
        description="Safe to repeat. The fence goes into the body, or into the query for clients that"
        " cannot send a body with DELETE.",
        body=ReleaseBody,
        body_required=False,
        parameters=(
            SESSION_ID,
            Parameter(
                name="fence",
                place="query",
                description="The fence of the lease, where the body does not have it.",
                schema={"type": "integer", "minimum": 0, "maximum": FENCE_LIMIT - 1},
            ),
        ),
        answers=(
            Answer(status=200, description="The lease is not held any more.", body=answers.ReleaseAnswer),
        ),
        refusals=((409, Code.STALE_FENCE),),
    ),
    Operation(
        name="validate",
        method="POST",
        path="/api/v1/licenses/validate",
        handler=SeatHandlers.validate,
        summary="Look at a licence",
        description="Looks at the pool, at one lease where hardware_id or session_id names it, and whether the program"
        " may use a feature, in its version and its group. Changes nothing.",
        body=ValidateBody,
        answers=(Answer(status=200, description="The verdict.", body=answers.ValidateAnswer),),
    ),
    Operation(
        name="pool",
        method="GET",
        path="/api/v1/licenses/pool",
        handler=SeatHandlers.pool,
        summary="Look at the pool",
        answers=(Answer(status=200, description="The pool of this licence key.", body=answers.PoolAnswer),),
    ),
    Operation(
        name="sessions",
        method="GET",
        path="/api/v1/licenses/sessions",
        handler=SeatHandlers.sessions,
        summary="List live leases",
        parameters=(
            Parameter(
                name="limit",
                place="query",
                description="Rows of a page at most.",
                schema={"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "default": DEFAULT_LIMIT},
            ),
            Parameter(
                name="cursor",
                place="query",
                description="The next_cursor of the page before.",
                schema={"type": "string"},
            ),
        ),
        answers=(
            Answer(status=200, description="One page.", body=answers.SessionsAnswer, links=(NEXT_PAGE,)),
        ),
        refusals=((403, Code.NOT_ENTITLED), (403, RequestCode.LICENSE_KEY_REQUIRED)),
    ),
)

DEVICE_OPERATIONS: tuple[Operation[SeatHandlers], ...] = (
    Operation(
        name="devices",
        method="GET",
        path="/api/v1/licenses/devices",
        handler=SeatHandlers.devices,
        summary="List the devices of a licence",
        description="Where devices are limited, each holder that takes a seat is registered, and stays so until it is removed.",
        answers=(Answer(status=200, description="All of them.", body=answers.DevicesAnswer),),
        refusals=((403, Code.NOT_ENTITLED), (403, RequestCode.LICENSE_KEY_REQUIRED)),
    ),
    Operation(
        name="remove_device",
        method="DELETE",
        path="/api/v1/licenses/devices/{hardware_id}",
        handler=SeatHandlers.remove_device,
        summary="Remove a device",
        description="Ends nothing: a device that holds a seat stays. After a removal the next one has to wait for the cooldown"
        " that the licence sets.",
        parameters=(
            Parameter(
                name="hardware_id",
                place="path",
                description="The device's hardware_id, as it takes seats with and as the list has it.",
                schema={"type": "string", "pattern": "^[0-9a-f]{64}$"},
            ),
        ),
        answers=(Answer(status=200, description="It is removed.", body=answers.DeviceRemovedAnswer),),
        refusals=(
            (403, Code.NOT_ENTITLED),
            (403, RequestCode.LICENSE_KEY_REQUIRED),
            (404, Code.UNKNOWN_DEVICE),
            (409, Code.DEVICE_IN_USE),
            (429, Code.DEVICE_COOLDOWN),
        ),
    ),
)

BORROW_OPERATIONS: tuple[Operation[BorrowHandlers], ...] = (
    Operation(
        name="borrow",
        method="POST",
        path="/api/v1/licenses/sessions/{id}/borrow",
        handler=BorrowHandlers.borrow,
        summary="Take a seat away",
        description="The lease lives for the time that is asked for without a heartbeat, and the signed lease in the answer"
        " proves it where there is no network. What is borrowed cannot be called back: asking again with a later end"
        " makes the time longer, and with an earlier one leaves it as it is.",
        body=BorrowBody,
        parameters=(SESSION_ID,),
        answers=(Answer(status=200, description="The seat is borrowed.", body=answers.BorrowAnswer),),
        refusals=(
            *NO_LEASE,
            (409, Code.BORROW_LIMIT),
            (409, Code.DRAINING),
            (403, Code.SUSPENDED),
            (403, Code.EXPIRED),
        ),
    ),
    Operation(
        name="return",
        method="POST",
        path="/api/v1/licenses/sessions/{id}/return",
        handler=BorrowHandlers.give_back,
        summary="Bring a borrowed seat back",
        description="The lease has to be renewed again from now on, or is released. Safe to repeat. The signed lease of the"
        " borrow is to be thrown away for the new one.",
        body=ReturnBody,
        parameters=(SESSION_ID,),
        answers=(Answer(status=200, description="The lease floats again.", body=answers.ReturnAnswer),),
        refusals=NO_LEASE,
    ),
)

HAS_IT_ALREADY = Answer(status=304, description="The caller has it already, by its ETag.", media_type="")

TENANT_UID = Parameter(
    name="uid",
    place="path",
    description="The uid of the Tenant.",
    schema={"type": "string", "pattern": "^[0-9A-Za-z-]{1,64}$"},
)

DOCUMENT_OPERATIONS: tuple[Operation[DocumentHandlers], ...] = (
    Operation(
        name="licence",
        method="GET",
        path="/api/v1/licenses/license",
        handler=DocumentHandlers.licence,
        summary="Take the licence document",
        description="A compact JWS signed by the customer's root key: what was bought, and the public keys of the signed leases."
        " With it a program verifies its lease without a network.",
        answers=(
            Answer(status=200, description="The document.", media_type=JWS),
            HAS_IT_ALREADY,
        ),
        refusals=((404, RequestCode.NO_LICENSE_DOCUMENT),),
    ),
    Operation(
        name="jwks",
        method="GET",
        path="/api/v1/tenants/{uid}/jwks.json",
        handler=DocumentHandlers.jwks,
        summary="Take the public root keys of a customer",
        description="A JWK Set (RFC 7517). The uid is `iss` in a licence document.",
        parameters=(TENANT_UID,),
        answers=(Answer(status=200, description="The set.", body=dict, media_type=JWK_SET), HAS_IT_ALREADY),
        refusals=((404, RequestCode.UNKNOWN_TENANT),),
        needs_key=False,
    ),
    Operation(
        name="revocations",
        method="GET",
        path="/api/v1/tenants/{uid}/revocations",
        handler=DocumentHandlers.revocations,
        summary="Take the revocation list of a customer",
        description="A compact JWS signed by the customer's root key: keys and leases that count no more. It counts for a week.",
        parameters=(TENANT_UID,),
        answers=(Answer(status=200, description="The list.", media_type=JWS), HAS_IT_ALREADY),
        refusals=((404, RequestCode.UNKNOWN_TENANT),),
        needs_key=False,
    ),
)

SERVICE_OPERATIONS: tuple[Operation[ServiceHandlers], ...] = (
    Operation(
        name="livez",
        method="GET",
        path="/livez",
        handler=ServiceHandlers.live,
        summary="Is the process alive?",
        answers=(Answer(status=200, description="It is.", body=answers.HealthAnswer),),
        needs_key=False,
        asks_authority=False,
    ),
    Operation(
        name="readyz",
        method="GET",
        path="/readyz",
        handler=ServiceHandlers.ready,
        summary="Can it serve seats?",
        description="503 where Redis cannot be reached, its scripts are not loaded, or this process is"
        " shutting down.",
        answers=(Answer(status=200, description="It can.", body=answers.HealthAnswer),),
        refusals=((503, RequestCode.SHUTTING_DOWN),),
        needs_key=False,
    ),
    Operation(
        name="metrics",
        method="GET",
        path="/metrics",
        handler=ServiceHandlers.metrics,
        summary="Metrics for Prometheus",
        answers=(Answer(status=200, description="Prometheus's text format.", media_type="text/plain"),),
        needs_key=False,
        asks_authority=False,
    ),
    Operation(
        name="openapi",
        method="GET",
        path="/openapi.json",
        handler=ServiceHandlers.openapi,
        summary="This description",
        answers=(Answer(status=200, description="An OpenAPI 3.1 document.", body=dict),),
        needs_key=False,
        asks_authority=False,
    ),
    Operation(
        name="docs",
        method="GET",
        path="/docs",
        handler=ServiceHandlers.docs,
        summary="This description, for people",
        answers=(Answer(status=200, description="A page without outside parts.", media_type="text/html"),),
        needs_key=False,
        asks_authority=False,
    ),
)

OPERATIONS: tuple[
    Operation[SeatHandlers]
    | Operation[BorrowHandlers]
    | Operation[DocumentHandlers]
    | Operation[ServiceHandlers],
    ...,
] = (
    *SEAT_OPERATIONS,
    *BORROW_OPERATIONS,
    *DEVICE_OPERATIONS,
    *DOCUMENT_OPERATIONS,
    *SERVICE_OPERATIONS,
)
