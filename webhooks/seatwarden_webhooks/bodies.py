"""Reading bodies of senders that are not known yet: bounded in size, in time, and all together in memory."""

import asyncio

from aiohttp import web


class BodyFault(Exception):
    """The body was not read."""


class TooLarge(BodyFault):
    """It is longer than a body may be."""


class TooSlow(BodyFault):
    """It did not arrive in time, or broke off."""


class NoMemory(BodyFault):
    """Too much is being read already."""


class Bodies:
    """Reads bodies of up to ``limit`` bytes within ``seconds``, and holds up to ``together`` bytes at a time."""

    def __init__(self, *, limit: int, seconds: float, together: int) -> None:
        self._limit = limit
        self._seconds = seconds
        self._together = together
        self._held = 0

    async def read(self, request: web.BaseRequest) -> bytes:
        """The raw body.

        Raises:
            BodyFault: it was not read to its end.
        """
        if (request.content_length or 0) > self._limit:
            raise TooLarge
        body = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                while chunk := await request.content.readany():
                    self._held += len(chunk)
                    body += chunk
                    if len(body) > self._limit:
                        raise TooLarge
                    if self._held > self._together:
                        raise NoMemory
        except (TimeoutError, ConnectionError, web.RequestPayloadError):
            raise TooSlow from None
        finally:
            self._held -= len(body)
        return bytes(body)
