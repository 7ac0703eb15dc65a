"""Puts the endpoint together: one `web.Application` over one seat authority."""

import random
import re
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

from seatwarden.backends.authority import SeatPath
from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.redis_documents import DocumentReader
from seatwarden.backends.redis_identities import IdentityReader
from seatwarden.endpoint.borrow_handlers import BorrowHandlers
from seatwarden.endpoint.codes import RequestCode
from seatwarden.endpoint.credentials import Credentials
from seatwarden.endpoint.docs_page import docs_page
from seatwarden.endpoint.document_handlers import DocumentHandlers
from seatwarden.endpoint.edge import Edge, Handler, request_ids
from seatwarden.endpoint.identities import Identities
from seatwarden.endpoint.metrics import EndpointMetrics
from seatwarden.endpoint.openapi import openapi_document
from seatwarden.endpoint.own_leases import OwnLeases
from seatwarden.endpoint.problems import Outcome, Problem
from seatwarden.endpoint.proofs import Proofs
from seatwarden.endpoint.pulse import pulse_of
from seatwarden.endpoint.ready_response import WebHandler
from seatwarden.endpoint.route_table import (
    BORROW_OPERATIONS,
    DEVICE_OPERATIONS,
    DOCUMENT_OPERATIONS,
    OPERATIONS,
    SEAT_OPERATIONS,
    SERVICE_OPERATIONS,
)
from seatwarden.endpoint.seat_handlers import SeatHandlers
from seatwarden.endpoint.service_handlers import ServiceHandlers
from seatwarden.endpoint.settings import Draining, EndpointSettings

SETTINGS: web.AppKey[EndpointSettings] = web.AppKey("settings", EndpointSettings)
DRAINING: web.AppKey[Draining] = web.AppKey("draining", Draining)
EDGE: web.AppKey[Edge] = web.AppKey("edge", Edge)
ROUTES: web.AppKey[dict[tuple[str, str], WebHandler]] = web.AppKey(
    "routes", dict[tuple[str, str], WebHandler]
)


def create_app(
    seats: SeatPath,
    settings: EndpointSettings | None = None,
    *,
    keys: InstallationKeys | None = None,
    identities: IdentityReader | None = None,
    documents: DocumentReader | None = None,
    now: Callable[[], float] = time.time,
    spread: Callable[[], float] = random.random,
    request_id: Callable[[], str] | None = None,
    metrics_folder: Path | None = None,
) -> web.Application:
    """The application over ``seats``.

    With ``keys`` leases are signed, with ``identities`` tokens open pools, with ``documents`` clients can
    verify leases offline; ``now`` is the time by which those are valid.
    ``spread`` gives numbers from 0 up to 1 that move heartbeats and retries apart;
    ``request_id`` names requests that came without an id; ``metrics_folder`` is where several processes count
    together. Whoever serves the application closes ``seats`` after it.
    """
    settings = settings or EndpointSettings()
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    metrics = EndpointMetrics(registry, shared_folder=metrics_folder)
    draining = Draining()
    edge = Edge(
        metrics=metrics,
        settings=settings,
        draining=draining,
        spread=spread,
        request_id=request_id or request_ids(),
    )
    document = openapi_document(version("seatwarden"))
    service = ServiceHandlers(
        seats=seats,
        draining=draining,
        metrics=metrics,
        openapi=orjson.dumps(document),
        docs=docs_page(document),
    )
    credentials = Credentials(
        Identities(identities, seats, clock=time.monotonic), now=now, refused=metrics.token_refused
    )
    own, proofs = OwnLeases(seats), Proofs(keys)
    seat_handlers = SeatHandlers(
        seats=seats, settings=settings, credentials=credentials, own=own, proofs=proofs, spread=spread
    )
    borrow_handlers = BorrowHandlers(
        seats=seats, settings=settings, credentials=credentials, own=own, proofs=proofs, spread=spread
    )

    app = web.Application()
    routes: dict[tuple[str, str], WebHandler] = {}
    app[SETTINGS], app[DRAINING], app[EDGE], app[ROUTES] = settings, draining, edge, routes
    app.cleanup_ctx.append(pulse_of(seats))

    def serve(name: str, method: str, path: str, handler: Handler, *, asks_authority: bool) -> None:
        guarded = edge.guard(handler, route=name, asks_authority=asks_authority)
        routes[method, path] = guarded
        app.router.add_route(method, path, guarded, expect_handler=_expect)
        if method == "GET":
            app.router.add_route("HEAD", path, guarded, expect_handler=_expect)

    for seat in (*SEAT_OPERATIONS, *DEVICE_OPERATIONS):
        bound = partial(seat.handler, seat_handlers)
        serve(seat.name, seat.method, seat.path, bound, asks_authority=True)
    for away in BORROW_OPERATIONS:
        serve(away.name, away.method, away.path, partial(away.handler, borrow_handlers), asks_authority=True)
    document_handlers = DocumentHandlers(documents=documents, seats=seats, credentials=credentials)
    for call in DOCUMENT_OPERATIONS:
        serve(
            call.name, call.method, call.path, partial(call.handler, document_handlers), asks_authority=True
        )
    for page in SERVICE_OPERATIONS:
        bound_page = partial(page.handler, service)
        serve(page.name, page.method, page.path, bound_page, asks_authority=page.asks_authority)
    serve("unmatched", "*", "/{tail:.*}", _unmatched, asks_authority=False)
    return app


async def _expect(request: web.Request) -> None:
    # An expectation that we do not know is ignored, as RFC 9110 section 10.1.1 allows; aiohttp's own answer
    # is no problem document.
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def _unmatched(request: web.Request) -> Outcome:
    allow = _allowed(request.path)
    if allow:
        detail = f"This path is served for {' and '.join(allow)}, not for {request.method[:32]}."
        return Problem(code=RequestCode.METHOD_NOT_ALLOWED, detail=detail, allow=allow)
    return Problem(
        code=RequestCode.NOT_FOUND, detail="Nothing is served under this path. See /docs for what is."
    )


def _allowed(path: str) -> tuple[str, ...]:
    methods = {method for pattern, method in _PATTERNS if pattern.fullmatch(path)}
    return tuple(sorted(methods | {"HEAD"} if "GET" in methods else methods))


_PATTERNS = tuple(
    (re.compile(re.sub(r"\{\w+\}", "[^/]+", operation.path)), operation.method) for operation in OPERATIONS
)
