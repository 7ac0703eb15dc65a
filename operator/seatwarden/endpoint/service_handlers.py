"""The calls of the platform and of readers: health, metrics, OpenAPI, docs."""

import orjson
from aiohttp import web

from seatwarden.backends.authority import SeatPath
from seatwarden.endpoint.answers import HealthAnswer
from seatwarden.endpoint.codes import CODES, RequestCode
from seatwarden.endpoint.metrics import CONTENT_TYPE, EndpointMetrics
from seatwarden.endpoint.problems import Outcome, Problem, Reply
from seatwarden.endpoint.settings import Draining

HEALTHY = Reply(200, orjson.dumps(HealthAnswer()))
HTML = "text/html; charset=utf-8"


class ServiceHandlers:
    """The handlers; ``openapi`` and ``docs`` are the finished documents."""

    def __init__(
        self,
        *,
        seats: SeatPath,
        draining: Draining,
        metrics: EndpointMetrics,
        openapi: bytes,
        docs: bytes,
    ) -> None:
        self._seats = seats
        self._draining = draining
        self._metrics = metrics
        self._openapi = Reply(200, openapi)
        self._docs = Reply(200, docs, HTML)

    async def live(self, _request: web.Request) -> Outcome:
        """GET /livez. Redis does not count here: a restart of this process would not bring it back."""
        return HEALTHY

    async def ready(self, _request: web.Request) -> Outcome:
        """GET /readyz."""
        if self._draining.begun:
            return Problem(code=RequestCode.SHUTTING_DOWN, detail=CODES[RequestCode.SHUTTING_DOWN].meaning)
        await self._seats.ready()
        return HEALTHY

    async def metrics(self, _request: web.Request) -> Outcome:
        """GET /metrics."""
        return Reply(200, self._metrics.exposition(), CONTENT_TYPE)

    async def openapi(self, _request: web.Request) -> Outcome:
        """GET /openapi.json."""
        return self._openapi

    async def docs(self, _request: web.Request) -> Outcome:
        """GET /docs."""
        return self._docs
