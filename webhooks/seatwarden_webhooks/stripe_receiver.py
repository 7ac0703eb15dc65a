"""Takes Stripe's events in: is it from Stripe, does it matter, is it new; and then it waits in Redis for the operator.

The answer is what makes Stripe send again or not. So 200 is said only of what is safe in Redis or matters to nobody; and what
cannot be kept now gets 503, upon which Stripe sends it again, for three days, with growing pauses.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import orjson
import structlog
from aiohttp import web

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.stripe_stream import Taken
from seatwarden.domain.stripe_events import StripeEvent, UnknownType, UnreadableEvent, read_event
from seatwarden_webhooks import metrics
from seatwarden_webhooks.bodies import Bodies, BodyFault, NoMemory, TooLarge, TooSlow
from seatwarden_webhooks.stripe_signature import SignatureFault, signature_fault

PATH = "/stripe/webhooks"
SIGNATURE_HEADER = "Stripe-Signature"
BODY_LIMIT = 512 * 1024
BODY_SECONDS = 10.0
BODIES_TOGETHER = 64 * 1024 * 1024
_SAID_AGAIN_AFTER = 60.0

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Mode(StrEnum):
    """Whose events are taken: those about real money, or those of Stripe's test mode and sandboxes."""

    LIVE = "live"
    TEST = "test"


class Result(StrEnum):
    """What became of a request; the values are labels of the metric and words of the answer."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    OTHER_TYPE = "other_type"
    OTHER_MODE = "other_mode"
    SIGNATURE_MISSING = SignatureFault.MISSING.value
    SIGNATURE_MALFORMED = SignatureFault.MALFORMED.value
    SIGNATURE_WRONG = SignatureFault.WRONG.value
    SIGNATURE_OUT_OF_TIME = SignatureFault.OUT_OF_TIME.value
    UNREADABLE = "unreadable"
    TOO_SLOW = "too_slow"
    TOO_LARGE = "too_large"
    BUSY = "busy"
    NO_ROOM = "no_room"
    REDIS_AWAY = "redis_away"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class _Meaning:
    status: int
    detail: str
    warns: bool = False


MEANINGS: dict[Result, _Meaning] = {
    Result.ACCEPTED: _Meaning(200, "It waits for the operator."),
    Result.DUPLICATE: _Meaning(200, "It was accepted before."),
    Result.OTHER_TYPE: _Meaning(200, "Events of this type are not needed."),
    Result.OTHER_MODE: _Meaning(
        200, "It is of the other mode of Stripe than --stripe-mode says. Nothing is done with it.", warns=True
    ),
    Result.SIGNATURE_MISSING: _Meaning(400, f"The header {SIGNATURE_HEADER} is missing."),
    Result.SIGNATURE_MALFORMED: _Meaning(400, f"The header {SIGNATURE_HEADER} has no t=TIME,v1=SIGNATURE."),
    Result.SIGNATURE_WRONG: _Meaning(
        400, "The signature is by none of the secrets. Is the secret that of this endpoint?", warns=True
    ),
    Result.SIGNATURE_OUT_OF_TIME: _Meaning(
        400, "The signature is more than five minutes away from our clock. Is the clock right?", warns=True
    ),
    Result.UNREADABLE: _Meaning(400, "The body is signed and no event that can be read.", warns=True),
    Result.TOO_SLOW: _Meaning(408, "The body did not arrive in time."),
    Result.TOO_LARGE: _Meaning(413, f"The body is longer than {BODY_LIMIT // 1024} KiB.", warns=True),
    Result.BUSY: _Meaning(503, "Too many bodies are being read. Send it again.", warns=True),
    Result.NO_ROOM: _Meaning(503, "As many events wait as may. Send it again.", warns=True),
    Result.REDIS_AWAY: _Meaning(503, "Redis does not answer. Send it again.", warns=True),
    Result.FAULT: _Meaning(500, "A fault of ours. Send it again."),
}

_UNREAD: dict[type[BodyFault], Result] = {
    TooLarge: Result.TOO_LARGE,
    TooSlow: Result.TOO_SLOW,
    NoMemory: Result.BUSY,
}


class EventSink(Protocol):
    """Where events go. Raises `AuthorityUnavailable` where that is not possible now."""

    async def append(self, event: StripeEvent) -> Taken:
        """Take ``event`` in, once however often it comes."""
        ...


class StripeReceiver:
    """The handler of `PATH`. ``wall`` is the time that signatures are compared with, ``clock`` measures."""

    def __init__(
        self,
        sink: EventSink,
        secrets: Callable[[], tuple[bytes, ...]],
        mode: Mode,
        *,
        bodies: Bodies | None = None,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sink = sink
        self._secrets = secrets
        self._live = mode is Mode.LIVE
        self._bodies = bodies or Bodies(limit=BODY_LIMIT, seconds=BODY_SECONDS, together=BODIES_TOGETHER)
        self._wall = wall
        self._clock = clock
        self._said: dict[Result, float] = {}

    async def receive(self, request: web.Request) -> web.Response:
        """POST `PATH`."""
        began = self._clock()
        result, why = await self._result(request)
        metrics.STRIPE_REQUESTS.labels(result=result.value).inc()
        metrics.STRIPE_SECONDS.observe(self._clock() - began)
        meaning = MEANINGS[result]
        if meaning.warns:
            self._warn(result, why)
        body = orjson.dumps({"result": result.value, "detail": meaning.detail})
        response = web.Response(status=meaning.status, body=body, content_type="application/json")
        if result in {Result.TOO_LARGE, Result.TOO_SLOW, Result.BUSY}:
            response.force_close()  # the rest of the body is not read
        return response

    async def _result(self, request: web.Request) -> tuple[Result, str]:
        try:
            return await self._taken(request)
        except BodyFault as fault:
            return _UNREAD[type(fault)], ""
        except UnreadableEvent as error:
            return Result.UNREADABLE, str(error)
        except AuthorityUnavailable as error:
            return Result.REDIS_AWAY, str(error)
        except Exception:  # the edge of the request: Stripe must be told to send it again
            log.exception("a fault in the receiver of Stripe's events")
            return Result.FAULT, ""

    async def _taken(self, request: web.Request) -> tuple[Result, str]:
        body = await self._bodies.read(request)
        headers = request.headers.getall(SIGNATURE_HEADER, [])
        header = headers[0] if len(headers) == 1 else ",".join(headers)
        fault = signature_fault(header, body, self._secrets(), self._wall())
        if fault is not None:
            return Result(fault.value), ""
        event = read_event(_json(body))
        if isinstance(event, UnknownType):
            return Result.OTHER_TYPE, ""
        if event.change.object.live is not self._live:
            return Result.OTHER_MODE, event.id
        match await self._sink.append(event):
            case Taken.NEW:
                return Result.ACCEPTED, ""
            case Taken.KNOWN:
                return Result.DUPLICATE, ""
            case Taken.NO_ROOM:
                return Result.NO_ROOM, ""

    def _warn(self, result: Result, why: str) -> None:
        # Anybody can send anything here: each kind of trouble is told once a minute, and counted each time.
        now = self._clock()
        if now - self._said.get(result, -_SAID_AGAIN_AFTER) < _SAID_AGAIN_AFTER:
            return
        self._said[result] = now
        log.warning(
            "a request to Stripe's receiver was not taken in",
            result=result.value,
            detail=MEANINGS[result].detail,
            **({"reason": why} if why else {}),
        )


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UnreadableEvent("the body is no JSON") from None


def create_app(receiver: StripeReceiver) -> web.Application:
    """The application that faces the internet: one path, and nothing that tells about this process."""
    app = web.Application(middlewares=[_plain_refusals])
    app.router.add_post(PATH, receiver.receive)
    return app


@web.middleware
async def _plain_refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as refusal:
        detail = f"Only POST {PATH} is served here."
        return web.json_response(
            {"result": "not_served", "detail": detail},
            status=refusal.status,
            headers={"Allow": "POST"} if refusal.status == web.HTTPMethodNotAllowed.status_code else None,
        )
