"""The few calls that Seatwarden makes to the API server, and what can go wrong with them.

Every call has a time limit and no retry of its own: the reconciler that made it is repeated as a whole, with back-off, and
reads again first. A write that changes nothing costs the API server as much as one that does, so callers compare first.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson

from seatwarden.resources.names import FIELD_MANAGER

Body = dict[str, Any]

CALL_SECONDS = 15.0
PAGE = 500
_JSON = "application/json"
# The issuer's public keys are served under their own media type only.
_ACCEPTED = f"{_JSON}, application/jwk-set+json;q=0.5"
_JSON_PATCH = "application/json-patch+json"
_APPLY = "application/apply-patch+yaml"


class KubernetesError(Exception):
    """The API server refused a call for good: the same call would be refused again."""


class NotFound(KubernetesError):
    """The object is not there, or not any more."""


class Conflict(KubernetesError):
    """The object exists already, or has changed since it was read. Read again, then decide again."""


class Forbidden(KubernetesError):
    """The operator's role lacks a permission; the message names it."""


class KubernetesUnavailable(Exception):
    """No answer, or none yet: whether the call took effect is unknown. ``retry_after`` is in seconds, if the server said."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class KubernetesApi:
    """Calls over one bounded session. ``writes`` bounds the writes under way: more than that only queues in the server."""

    def __init__(self, session: aiohttp.ClientSession, server: str, *, writes: int = 16) -> None:
        self._session = session
        self._server = server.rstrip("/")
        self._writes = asyncio.Semaphore(writes)

    async def get(self, path: str) -> Body:
        """The object at ``path``. Raises `NotFound` and the other errors of this module."""
        return await self._call("GET", path)

    async def create(self, path: str, body: Body) -> Body:
        """Create ``body`` in the collection ``path``. Raises `Conflict` where it exists."""
        return await self._write("POST", f"{path}?fieldManager={FIELD_MANAGER}", body, _JSON)

    async def replace(self, path: str, body: Body) -> Body:
        """Put ``body`` at ``path``; with its ``metadata.resourceVersion`` a change in between is a `Conflict`."""
        return await self._write("PUT", f"{path}?fieldManager={FIELD_MANAGER}", body, _JSON)

    async def patch(self, path: str, operations: list[Body]) -> Body:
        """Apply JSON Patch ``operations`` (RFC 6902). Where a ``test`` fails, or a place is not there, it is a `Conflict`."""
        return await self._write("PATCH", f"{path}?fieldManager={FIELD_MANAGER}", operations, _JSON_PATCH)

    async def apply(self, path: str, body: Body) -> Body:
        """Server-side apply of ``body`` at ``path``, taking over the fields that it names."""
        return await self._write("PATCH", f"{path}?fieldManager={FIELD_MANAGER}&force=true", body, _APPLY)

    async def delete(self, path: str, *, uid: str | None = None) -> None:
        """Delete the object at ``path`` (only if it has ``uid``); nothing happens where there is none."""
        preconditions: Body = {"preconditions": {"uid": uid}} if uid else {}
        try:
            await self._write("DELETE", path, preconditions, _JSON)
        except NotFound:
            return

    async def list(self, path: str, query: str = "") -> AsyncIterator[Body]:
        """Every object of the collection ``path``, read in pages."""
        token = ""
        while True:
            page = await self._call("GET", f"{path}?limit={PAGE}&{query}&continue={token}")
            for item in page.get("items", ()):
                yield item
            token = page.get("metadata", {}).get("continue") or ""
            if not token:
                return

    async def _write(self, method: str, path: str, body: object, content_type: str) -> Body:
        async with self._writes:
            return await self._call(method, path, orjson.dumps(body), content_type)

    async def _call(
        self, method: str, path: str, data: bytes | None = None, content_type: str = _JSON
    ) -> Body:
        headers = {"Content-Type": content_type, "Accept": _ACCEPTED}
        try:
            async with (
                asyncio.timeout(CALL_SECONDS),
                self._session.request(method, self._server + path, data=data, headers=headers) as response,
            ):
                raw = await response.read()
                if response.status < HTTPStatus.BAD_REQUEST:
                    body: Body = orjson.loads(raw)
                    return body
                raise _error(method, path, response.status, response.headers, raw)
        except TimeoutError as error:
            raise KubernetesUnavailable(
                f"The API server did not answer {method} {path} within {CALL_SECONDS:.0f} s."
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise KubernetesUnavailable(f"The API server cannot be reached: {error}") from error


def _error(method: str, path: str, status: int, headers: Mapping[str, str], raw: bytes) -> Exception:
    try:
        told = orjson.loads(raw)
        message, causes = str(told.get("message", "")), (told.get("details") or {}).get("causes")
    except (orjson.JSONDecodeError, AttributeError):
        message, causes = raw[:200].decode(errors="replace"), None
    text = f"{method} {path.partition('?')[0]}: {status} {message}"
    match status:
        case 404 | 410:
            return NotFound(text)
        case 409:
            return Conflict(text)
        case 403:
            return Forbidden(text)
        case 401 | 429 | 500 | 502 | 503 | 504:
            wait = headers.get("Retry-After", "")
            return KubernetesUnavailable(text, retry_after=float(wait) if wait.isdigit() else None)
        case 422 if method == "PATCH" and not causes:
            # The API server does not say more about a patch that does not fit. An object that breaks a rule has causes.
            return Conflict(f"{text} (the object is not as the patch expects it)")
        case _:
            return KubernetesError(text)
