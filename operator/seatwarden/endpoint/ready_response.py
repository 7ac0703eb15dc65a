"""An answer that leaves as one piece of ready-made bytes, and the short way for requests that get one.

aiohttp's way from a request to a response is general: a router that tries patterns, a map of headers that handlers
may change, signals, compression, chunks. The seat calls need none of that, and it costs as much CPU time as
all the rest of a heartbeat. So the plain cases take a short way, and every other case takes aiohttp's own: a
path that is no seat call, an `Expect` header, HTTP/1.0, `Connection: close`, a server that is draining. Both ways
end in the same handlers and give the same answer, header for header.
"""

import re
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import cast

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter

WebHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Routes = dict[tuple[str, str], WebHandler]
BaseHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_SESSION = re.compile("(/api/v1/licenses/sessions/)[0-9a-f]{32}(/heartbeat)?")


class ReadyResponse(web.StreamResponse):
    """Head and body as bytes; the connection stays open after it."""

    def __init__(self, status: int, wire: bytes) -> None:
        super().__init__(status=status)
        self.wire = wire

    @property
    def keep_alive(self) -> bool | None:
        """Always: another kind of answer closes connections."""
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send it, where aiohttp and not `SeatProtocol` does so."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has gone")
        transport.write(self.wire)
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to be sent."""
        assert not data, "a ready response has no more body"


def can_be_ready(request: web.BaseRequest) -> bool:
    """Whether a `ReadyResponse` is a right answer to ``request``."""
    return request.keep_alive and request.version == HttpVersion11 and request.method != "HEAD"


def ready_response(status: int, content_type: str, request_id: str, body: bytes) -> ReadyResponse:
    """The response with these headers and those that every answer has."""
    first, second = _head(status, content_type)
    wire = b"%b%b%b%d\r\nDate: %b\r\n\r\n%b" % (
        first,
        request_id.encode("ascii"),
        second,
        len(body),
        _date(int(time.time())),
        body,
    )
    return ReadyResponse(status, wire)


def short_way(routes: Routes, long_way: BaseHandler) -> BaseHandler:
    """A request handler that finds plain seat calls in ``routes``, by method and path template, and goes ``long_way``."""

    def handler(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        path = request.raw_path
        found = _SESSION.fullmatch(path)
        if found is not None:
            path = f"{found[1]}{{id}}{found[2] or ''}"
        known = routes.get((request.method, path))
        if known is None or "Expect" in request.headers:
            return long_way(request)
        return known(cast("web.Request", request))  # the application makes them so

    return handler


@lru_cache(maxsize=64)
def _head(status: int, content_type: str) -> tuple[bytes, bytes]:
    return (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nX-Request-ID: ".encode(),
        (
            "\r\nCache-Control: no-store\r\nServer: seatwarden\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: "
        ).encode(),
    )


@lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()
