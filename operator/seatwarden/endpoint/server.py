"""Serves the application on a socket, and takes it off the air without breaking a request.

Going down has two steps. *Draining*: `/readyz` says 503 while everything is still answered, so that load
balancers turn away before the socket does. *Closing*: nothing new is accepted, requests in flight finish,
connections close.
"""

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from seatwarden.endpoint.application import DRAINING, EDGE, ROUTES, SETTINGS
from seatwarden.endpoint.codes import CODES, RequestCode
from seatwarden.endpoint.edge import Edge
from seatwarden.endpoint.problems import FieldError, Problem
from seatwarden.endpoint.ready_response import ReadyResponse, short_way


class SeatProtocol(web.RequestHandler):
    """aiohttp's connection, except that what is no HTTP request gets a problem document and no log line.

    aiohttp would log the offending bytes, and those can hold a licence key.
    """

    __slots__ = ("_edge",)

    def __init__(self, manager: web.Server, edge: Edge, **options: Any) -> None:
        super().__init__(manager, **options)
        self._edge = edge

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,  # noqa: ARG002  # aiohttp's signature
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  # aiohttp's signature
    ) -> web.StreamResponse:
        """The answer to an unreadable request. Faults of handlers never come here: `Edge` answers them."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        return self._edge.unreadable(_unreadable(exc))

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer. aiohttp's own refusals get here only for a target without a path, such as ``*``."""
        if type(resp) is ReadyResponse and not self._upgraded:
            transport = self.transport
            if transport is None or transport.is_closing():
                return resp, True
            transport.write(resp.wire)
            if self.writing_paused:
                await request.writer.drain()
            return resp, False
        if isinstance(resp, web.HTTPException):
            detail = "The request target has no path. Send a path such as /livez."
            resp = self._edge.unreadable(Problem(code=RequestCode.NOT_FOUND, detail=detail))
        return await super().finish_response(request, resp, start_time)


def _unreadable(fault: BaseException | None) -> Problem:
    if isinstance(fault, LineTooLong):
        entry = CODES[RequestCode.HEADERS_TOO_LARGE]
        return Problem(code=RequestCode.HEADERS_TOO_LARGE, detail=f"{entry.meaning} {entry.advice}")
    what = "Duplicate header" if "Duplicate" in str(fault) else "Request line or headers are malformed"
    return Problem(
        code=RequestCode.INVALID_REQUEST,
        detail="This is no well-formed HTTP/1.1 request. Correct it and send it again.",
        errors=(FieldError("headers", what),),
    )


class SeatServer:
    """A running endpoint."""

    def __init__(self, app: web.Application, runner: web.AppRunner, listener: asyncio.Server) -> None:
        self._app = app
        self._runner = runner
        self._listener = listener

    @property
    def port(self) -> int:
        """The port that it listens on, also where 0 was asked for."""
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    def begin_drain(self) -> None:
        """Say "not ready" from now on, and answer all the same."""
        self._app[DRAINING].begin()

    async def close(self) -> None:
        """Stop accepting, let requests in flight finish (within the settings' time), close.

        Safe to repeat.
        """
        self.begin_drain()
        self._listener.close()
        await self._runner.cleanup()


async def start_server(app: web.Application, *, host: str, port: int, share_port: bool = False) -> SeatServer:
    """Serve ``app`` on ``host`` and ``port`` (0: any free one); others may serve there too with ``share_port``.

    Raises:
        OSError: the address cannot be had.
    """
    settings = app[SETTINGS]
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=settings.finish_seconds)
    await runner.setup()
    manager = runner.server
    assert manager is not None, "setup() makes the server"  # narrows the type
    manager.request_handler = short_way(app[ROUTES], manager.request_handler)
    loop = asyncio.get_running_loop()

    def connection() -> SeatProtocol:
        return SeatProtocol(
            manager,
            app[EDGE],
            loop=loop,
            access_log=None,
            keepalive_timeout=settings.keep_alive_seconds,
            lingering_time=settings.linger_seconds,
            # A compressed body could unfold to any size; `require_json` refuses it by its header.
            auto_decompress=False,
        )

    try:
        listener = await loop.create_server(
            connection, host, port, backlog=1024, reuse_port=share_port or None
        )
    except BaseException:
        await runner.cleanup()
        raise
    return SeatServer(app, runner, listener)
