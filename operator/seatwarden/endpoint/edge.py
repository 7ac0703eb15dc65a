"""The edge of each request: its id, its metrics, and where an outcome or exception becomes a response."""

import itertools
import re
import secrets
import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from seatwarden.backends.authority import AuthorityRecovering, AuthorityUnavailable
from seatwarden.domain.seats import Millis
from seatwarden.endpoint.codes import CODES, RequestCode
from seatwarden.endpoint.metrics import EndpointMetrics, RouteMetrics
from seatwarden.endpoint.problems import (
    JSON,
    PROBLEM_JSON,
    Outcome,
    Problem,
    Refused,
    Reply,
    problem_body,
    problem_headers,
)
from seatwarden.endpoint.ready_response import WebHandler, can_be_ready, ready_response
from seatwarden.endpoint.settings import Draining, EndpointSettings
from seatwarden.endpoint.verdicts import recovering_problem, unavailable_problem

REQUEST_ID = "X-Request-ID"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_DOCS_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"

Handler = Callable[[web.Request], Awaitable[Outcome]]

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def request_ids() -> Callable[[], str]:
    """A source of request ids: unique to this process and the call, cheap enough for each request."""
    prefix = secrets.token_hex(4)
    counter = itertools.count(1)
    return lambda: f"{prefix}-{next(counter):x}"


class Edge:
    """Wraps handlers; ``spread`` gives numbers from 0 up to 1, ``request_id`` ids, ``clock`` seconds."""

    def __init__(
        self,
        *,
        metrics: EndpointMetrics,
        settings: EndpointSettings,
        draining: Draining,
        spread: Callable[[], float],
        request_id: Callable[[], str],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._metrics = metrics
        self._settings = settings
        self._draining = draining
        self._spread = spread
        self._request_id = request_id
        self._clock = clock
        self._authority_away = False

    def guard(self, handler: Handler, *, route: str, asks_authority: bool) -> WebHandler:
        """``handler`` as aiohttp calls it: answers whatever happens, and counts it under ``route``.

        ``asks_authority``: an outcome of this handler proves that the authority answers.
        """
        counts = self._metrics.route(route)
        metrics, clock = self._metrics, self._clock

        async def answer(request: web.Request) -> web.StreamResponse:
            started = clock()
            metrics.in_flight += 1
            try:
                request_id = self._id_of(request)
                try:
                    outcome = await handler(request)
                except Exception as error:  # noqa: BLE001  # the edge of the request: it must be answered
                    outcome = self._outcome_of(error, counts, request_id)
                else:
                    if self._authority_away and asks_authority:
                        self._authority_away = False
                        log.info("the seat authority answers again", request_id=request_id)
                response = self._response(outcome, request_id, counts, request)
            finally:
                metrics.in_flight -= 1
            seconds = clock() - started
            counts.answered(status=response.status, seconds=seconds)
            if self._settings.access_log:
                log.info(
                    "request answered",
                    method=request.method,
                    route=route,
                    status=response.status,
                    milliseconds=round(seconds * 1000, 3),
                    remote=request.remote,
                    request_id=request_id,
                )
            return response

        return answer

    def unreadable(self, problem: Problem) -> web.StreamResponse:
        """The answer to what is no HTTP request; the connection closes after it."""
        counts = self._metrics.route("unreadable")
        response = self._response(problem, self._request_id(), counts)
        counts.answered(status=response.status, seconds=0.0)
        response.force_close()
        return response

    def _outcome_of(self, error: Exception, counts: RouteMetrics, request_id: str) -> Outcome:
        match error:
            case Refused():
                return error.problem
            case AuthorityRecovering():
                return recovering_problem(Millis(0), spread=self._spread())
            case AuthorityUnavailable():
                self._metrics.authority_errors.inc()
                if not self._authority_away:
                    self._authority_away = True
                    log.warning(
                        "the seat authority does not answer", reason=str(error), request_id=request_id
                    )
                return unavailable_problem(spread=self._spread())
        counts.faults.inc()
        log.error("a request ended in a fault", request_id=request_id, exc_info=error)
        entry = CODES[RequestCode.INTERNAL_ERROR]
        return Problem(code=RequestCode.INTERNAL_ERROR, detail=f"{entry.meaning} {entry.advice}")

    def _id_of(self, request: web.Request) -> str:
        given = request.headers.get(REQUEST_ID)
        if given is not None and _REQUEST_ID.fullmatch(given):
            return given
        return self._request_id()

    def _response(
        self,
        outcome: Outcome,
        request_id: str,
        counts: RouteMetrics,
        request: web.BaseRequest | None = None,
    ) -> web.StreamResponse:
        if (
            isinstance(outcome, Reply)
            and request is not None
            and not self._draining.begun
            and outcome.content_type == JSON
            and can_be_ready(request)
        ):
            return ready_response(outcome.status, JSON, request_id, outcome.body)
        headers = {REQUEST_ID: request_id, "Cache-Control": "no-store", "Server": "seatwarden"}
        if isinstance(outcome, Problem):
            counts.refused(outcome.code)
            headers["Content-Type"] = PROBLEM_JSON
            headers.update(problem_headers(outcome))
            response = web.Response(status=outcome.http_status, body=problem_body(outcome), headers=headers)
            if outcome.code is RequestCode.REQUEST_TIMEOUT:
                response.force_close()
        else:
            headers |= {"Content-Type": outcome.content_type, **outcome.headers}
            if outcome.content_type.startswith("text/html"):
                headers["Content-Security-Policy"] = _DOCS_POLICY
            response = web.Response(status=outcome.status, body=outcome.body, headers=headers)
        if self._draining.begun:
            response.force_close()
        return response
