"""Every stable code that an answer can carry: one table, read by the answers, by OpenAPI and by `/docs`.

A code says why; the HTTP status only says what kind of why. The same code can come with several statuses:
`suspended` is 403 where a seat is asked for, 410 where a lease is gone, and 200 where it is merely reported.
A code never changes its meaning.
"""

from dataclasses import dataclass
from enum import StrEnum

from seatwarden.domain.seats import Code


class RequestCode(StrEnum):
    """Codes that the endpoint gives without having asked the authority, or because it could not."""

    INVALID_REQUEST = "invalid_request"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    REQUEST_TIMEOUT = "request_timeout"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    HEADERS_TOO_LARGE = "headers_too_large"
    INTERNAL_ERROR = "internal_error"
    LICENSE_KEY_REQUIRED = "license_key_required"
    AUTHORITY_UNAVAILABLE = "authority_unavailable"
    SHUTTING_DOWN = "shutting_down"
    UNKNOWN_TENANT = "unknown_tenant"
    NO_LICENSE_DOCUMENT = "no_license_document"


AnyCode = Code | RequestCode


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """One row of the reference; ``statuses[0]`` is the usual HTTP status, the text tells of the others."""

    statuses: tuple[int, ...]
    title: str
    meaning: str
    advice: str

    @property
    def status(self) -> int:
        """The status that the code comes with where nothing else is said."""
        return self.statuses[0]


CODES: dict[AnyCode, CodeEntry] = {
    Code.GRANTED: CodeEntry(
        (201,),
        "Seat granted",
        "A new lease was made for this holder.",
        "Keep session_id and fence, and send a heartbeat after next_heartbeat_in seconds.",
    ),
    Code.EXISTING: CodeEntry(
        (200,),
        "Seat already held",
        "The same holder and nonce hold this lease already; it was renewed and counts once.",
        "Go on as after a new grant: the answer is complete.",
    ),
    Code.OK: CodeEntry(
        (200,),
        "In order",
        "The lease was renewed, or what was looked at is valid.",
        "Nothing.",
    ),
    Code.RELEASED: CodeEntry(
        (200, 410),
        "Seat released",
        "The seat was given back: by this call (200), or earlier, so that nothing can be renewed (410).",
        "On 410 acquire again if a seat is still needed.",
    ),
    Code.ALREADY_RELEASED: CodeEntry(
        (200,),
        "Nothing left to release",
        "The lease is not held any more, or never was.",
        "Nothing: releasing is safe to repeat.",
    ),
    Code.INVALID_LICENSE: CodeEntry(
        (401,),
        "Licence key or token not accepted",
        "The request has no licence key, or none that a pool accepts (mistyped, rotated, pool deleted); or it has a token"
        " that is not valid now, or that does not open the pool in Seatwarden-Pool.",
        "Send the pool's current key as 'Authorization: Bearer LIC-…', or a fresh token. Do not retry with the same one.",
    ),
    Code.SUSPENDED: CodeEntry(
        (403, 200, 410),
        "Licence suspended",
        "The pool is suspended: it grants and renews nothing. A lease reported with 200 lives for expires_in"
        " seconds more; with 410 it is gone.",
        "Tell the user that the licence is suspended; the vendor or the administrator can lift it.",
    ),
    Code.EXPIRED: CodeEntry(
        (403, 200, 410),
        "Licence expired",
        "The licence behind the pool has run out: it grants and renews nothing. A lease reported"
        " with 200 lives for expires_in seconds more; with 410 it is gone.",
        "Tell the user that the licence has to be renewed.",
    ),
    Code.RECOVERING: CodeEntry(
        (503,),
        "Seats are being recovered",
        "The seat authority may have lost what it knew. For one lease length only those come back who held a seat.",
        "Go on working with the seat that you hold, and show its signed lease; without one, try again after Retry-After.",
    ),
    Code.IDEMPOTENCY_MISMATCH: CodeEntry(
        (422,),
        "Another request had this idempotency key",
        "The Idempotency-Key belongs to an earlier request, and this one asks for something else.",
        "Make a new key for each new wish, and repeat a request with the key and the body that it had.",
    ),
    Code.POOL_EXHAUSTED: CodeEntry(
        (409,),
        "No seat is free",
        "As many leases live as the pool has seats.",
        "Try again after retry_after seconds, or ask the administrator for more seats.",
    ),
    Code.POOLS_APART: CodeEntry(
        (409,),
        "Pools cannot be asked in one step",
        "This installation keeps these pools on different servers of a Redis Cluster, so seats of them cannot be taken all"
        " or none.",
        "Acquire a seat of each pool by itself, and release those that were given where a later one refuses.",
    ),
    Code.DRAINING: CodeEntry(
        (409,),
        "The pool gives no new seats",
        "An administrator lets this pool run empty. Who holds a seat keeps it, also through a restart.",
        "Take a seat from another pool, or ask the administrator when this one opens again.",
    ),
    Code.QUEUED: CodeEntry(
        (202,),
        "The program waits for a seat",
        "No seat is free for it now, and it has a place in the queue.",
        "Send the same request again after retry_after seconds: that keeps the place, and takes the seat when it is its turn.",
    ),
    Code.QUEUE_FULL: CodeEntry(
        (409,),
        "The queue is full",
        "No seat is free, and as many programs wait as may.",
        "Try again after retry_after seconds, or ask the administrator for more seats or a longer queue.",
    ),
    Code.NOT_ENTITLED: CodeEntry(
        (403, 200),
        "Not part of the licence",
        "A seat was asked for in a group that the pool does not have, or in none where only groups get seats (403). Or all is"
        " in order but the group or the feature that validate was asked for (200). Or the licence key is that of a group, and was"
        " shown for what concerns the whole pool (403).",
        "Name a group of this pool, or ask the administrator to add yours to spec.groups. Do without the feature, or tell"
        " the user that the plan lacks it. List sessions and devices with the licence key of the pool.",
    ),
    Code.RESERVED: CodeEntry(
        (409,),
        "The free seats are reserved for others",
        "Seats are free, but they are kept for groups that this program is not in, or that has its share already.",
        "Try again after retry_after seconds, or ask the administrator for seats of your own group.",
    ),
    Code.GROUP_LIMIT: CodeEntry(
        (409,),
        "The group has as many seats as it may",
        "spec.groups sets a limit for this group, and with this request it would have more.",
        "Try again after retry_after seconds, or ask the administrator for a higher limit.",
    ),
    Code.HOLDER_LIMIT: CodeEntry(
        (403,),
        "One holder may not have so many seats",
        "The request is for more seats than spec.limits.seatsPerHolder allows.",
        "Ask for fewer seats.",
    ),
    Code.VERSION_BLOCKED: CodeEntry(
        (403, 200),
        "Version of the program not admitted",
        "The pool gives seats to other versions of the program, or client_version is missing or no version: a seat was asked for"
        " (403), or validate was asked whether it would be given (200).",
        "Tell the user which versions get a seat: detail names them. Send client_version as 4.2.1 or 4.2.1-rc.1.",
    ),
    Code.RATE_LIMITED: CodeEntry(
        (429,),
        "Asked too often",
        "This licence key or this holder asked for a seat more often than the pool allows in a minute.",
        "Wait for Retry-After before the next try; RateLimit-Policy tells the limit. Heartbeats and releases do not count.",
    ),
    Code.DEVICE_LIMIT: CodeEntry(
        (403,),
        "Too many devices",
        "As many devices are registered with this licence as it may have, and this holder is none of them.",
        "Let the user remove a device that is not needed any more, with DELETE /api/v1/licenses/devices/{hardware_id}.",
    ),
    Code.DEVICE_REMOVED: CodeEntry(
        (200,),
        "Device removed",
        "The device does not count any more, and another one can be registered by taking a seat.",
        "Nothing.",
    ),
    Code.UNKNOWN_DEVICE: CodeEntry(
        (404,),
        "No such device",
        "No device of that hardware_id is registered with this licence: it never was, or was removed.",
        "Nothing, where it was to be removed: it is not there.",
    ),
    Code.DEVICE_IN_USE: CodeEntry(
        (409,),
        "The device holds a seat",
        "A device that holds a seat cannot be removed.",
        "Release its seat, or wait retry_after seconds for the lease to end, and remove the device then.",
    ),
    Code.DEVICE_COOLDOWN: CodeEntry(
        (429,),
        "A device was removed a short time ago",
        "Between two removals the time has to pass that the licence sets.",
        "Try again after Retry-After, or ask the administrator, who can remove a device at once.",
    ),
    Code.BORROWED: CodeEntry(
        (409, 200),
        "Seat borrowed",
        "The seat is away until it is to be back, and nobody has to renew it (200). Or a borrowed lease was to have another"
        " number of seats (409).",
        "Keep the signed lease and work with it offline. On 409 return the seat first, or ask for the number that it has.",
    ),
    Code.RETURNED: CodeEntry(
        (200,),
        "Seat brought back",
        "The lease is not borrowed, and has to be renewed like any other.",
        "Send heartbeats again or release the seat, and throw the signed lease of the borrow away.",
    ),
    Code.BORROW_LIMIT: CodeEntry(
        (409,),
        "The seat cannot be borrowed",
        "The pool lends no seats, or not so many at one time, or not for so long.",
        "Ask for less time, try again when others are back, or work online: the seat is still held.",
    ),
    Code.UNKNOWN_SESSION: CodeEntry(
        (404, 200),
        "No such session in this pool",
        "The pool of this licence key has no lease of that id or holder, and remembers none.",
        "Acquire a seat.",
    ),
    Code.STALE_FENCE: CodeEntry(
        (409,),
        "Fence is out of date",
        "The lease has a newer fence: another run of this holder has taken it over.",
        "Stop using the seat; it belongs to the other run now.",
    ),
    Code.LEASE_EXPIRED: CodeEntry(
        (410, 200),
        "Lease ran out",
        "No heartbeat came in time, and the seat was free for others from that moment on.",
        "Acquire again; the seat may have gone to somebody else meanwhile.",
    ),
    Code.EVICTED: CodeEntry(
        (410, 200),
        "Lease was taken away",
        "The pool was made smaller, or an administrator ended the lease.",
        "Save the user's work and acquire again.",
    ),
    RequestCode.INVALID_REQUEST: CodeEntry(
        (400,),
        "Request not understood",
        "A field, header or parameter is missing or malformed; errors names each one.",
        "Correct the request. Sending it again unchanged does not help.",
    ),
    RequestCode.NOT_FOUND: CodeEntry(
        (404,),
        "No such path",
        "The endpoint serves nothing under this path.",
        "See /docs for what is served.",
    ),
    RequestCode.METHOD_NOT_ALLOWED: CodeEntry(
        (405,),
        "Method not allowed here",
        "The path exists, but not with this method.",
        "Use a method that the Allow header names.",
    ),
    RequestCode.REQUEST_TIMEOUT: CodeEntry(
        (408,),
        "Request came too slowly",
        "The whole body did not arrive in time.",
        "Send it again over a new connection.",
    ),
    RequestCode.BODY_TOO_LARGE: CodeEntry(
        (413,),
        "Body too large",
        "The body is longer than this call takes.",
        "Send less; split bulk heartbeats.",
    ),
    RequestCode.UNSUPPORTED_MEDIA_TYPE: CodeEntry(
        (415,),
        "Body is not JSON",
        "The body has to be application/json in UTF-8, without content encoding.",
        "Set 'Content-Type: application/json'.",
    ),
    RequestCode.HEADERS_TOO_LARGE: CodeEntry(
        (431,),
        "Headers too large",
        "The request line or a header is longer than 8190 bytes.",
        "Send shorter headers.",
    ),
    RequestCode.INTERNAL_ERROR: CodeEntry(
        (500,),
        "Fault in the endpoint",
        "The endpoint has a fault; the log has more under the x-request-id of the answer.",
        "Try again once; then report it with the x-request-id.",
    ),
    RequestCode.LICENSE_KEY_REQUIRED: CodeEntry(
        (403,),
        "Only with a licence key",
        "The token opens the pool, but not for this: it may see and change its own lease only.",
        "Ask with the licence key of the pool, or ask for less.",
    ),
    RequestCode.UNKNOWN_TENANT: CodeEntry(
        (404,),
        "No such tenant",
        "No Tenant of this uid has public keys here: the uid is another one, or the Tenant is new.",
        "Check the uid, which is `iss` in the licence document, or ask again in a minute.",
    ),
    RequestCode.NO_LICENSE_DOCUMENT: CodeEntry(
        (404,),
        "No licence document yet",
        "Nothing has been signed for this licence yet.",
        "Ask again in a minute. If it stays so, the administrator finds why in the condition LicenceReady.",
    ),
    RequestCode.AUTHORITY_UNAVAILABLE: CodeEntry(
        (503,),
        "Seats cannot be reached just now",
        "The seat authority did not answer in time; whether it acted is not known.",
        "Go on working with the lease that you hold; try again after Retry-After: all calls are repeatable.",
    ),
    RequestCode.SHUTTING_DOWN: CodeEntry(
        (503,),
        "This endpoint is shutting down",
        "Given by /readyz only: requests in flight are still answered, new ones belong elsewhere.",
        "Send the request to another replica.",
    ),
}
"""Codes in the order of the reference."""
