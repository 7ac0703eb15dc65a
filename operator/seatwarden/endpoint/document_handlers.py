"""The calls for what clients verify without a network: public root keys, and the licence document."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from aiohttp import web

from seatwarden.backends.authority import AuthorityUnavailable, SeatPath
from seatwarden.backends.redis_documents import DocumentReader
from seatwarden.domain.seats import Code, Refusal
from seatwarden.endpoint.codes import RequestCode
from seatwarden.endpoint.credentials import Credentials
from seatwarden.endpoint.problems import Outcome, Problem, Reply
from seatwarden.endpoint.verdicts import refusal_outcome

JWK_SET = "application/jwk-set+json"
"""The media type of RFC 7517 section 8.5.2."""
JWS = "application/jose"
"""The media type of RFC 7515 section 9.2.1, for the compact serialization."""
JWKS_SECONDS = 3600
LICENCE_SECONDS = 300
STALE_SECONDS = 86_400
_REMEMBERED = 4096
_UID = re.compile("[0-9A-Za-z-]{1,64}")
_NO_TENANT = "There is no Tenant of this uid, or it has no public keys yet."
_NO_LICENCE = "There is no licence document yet. See the condition LicenceReady of the Subscription."


_Read = Callable[[DocumentReader, str], Awaitable[bytes | None]]


class DocumentHandlers:
    """While Redis is away, what was read last is handed out again: nothing of it is secret, and it is signed."""

    def __init__(
        self, *, documents: DocumentReader | None, seats: SeatPath, credentials: Credentials
    ) -> None:
        self._documents = documents
        self._seats = seats
        self._credentials = credentials
        self._last: OrderedDict[str, bytes] = OrderedDict()

    async def jwks(self, request: web.Request) -> Outcome:
        """GET /api/v1/tenants/{uid}/jwks.json."""
        return await self._of_tenant(request, "keys", lambda documents, uid: documents.jwks(uid), JWK_SET)

    async def revocations(self, request: web.Request) -> Outcome:
        """GET /api/v1/tenants/{uid}/revocations."""
        return await self._of_tenant(
            request, "revocations", lambda documents, uid: documents.revocations(uid), JWS
        )

    async def _of_tenant(self, request: web.Request, what: str, read: _Read, media_type: str) -> Outcome:
        uid = request.match_info["uid"]
        if self._documents is None or _UID.fullmatch(uid) is None:
            return Problem(code=RequestCode.UNKNOWN_TENANT, detail=_NO_TENANT)
        found = await self._read(f"{what} {uid}", read(self._documents, uid))
        if found is None:
            return Problem(code=RequestCode.UNKNOWN_TENANT, detail=_NO_TENANT)
        return _cacheable(request, found, media_type, f"public, max-age={JWKS_SECONDS}")

    async def licence(self, request: web.Request) -> Outcome:
        """GET /api/v1/licenses/license."""
        credential = await self._credentials.of(request)
        verdict = await self._seats.validate(credential.pool, credential.key_hash)
        # What was signed says itself until when it counts, also for who is suspended.
        if isinstance(verdict, Refusal) and verdict.code is Code.INVALID_LICENSE:
            return refusal_outcome(verdict)
        found = None
        if self._documents is not None:
            found = await self._read(f"pool {credential.pool}", self._documents.licence(credential.pool))
        if found is None:
            return Problem(code=RequestCode.NO_LICENSE_DOCUMENT, detail=_NO_LICENCE)
        return _cacheable(request, found, JWS, f"private, max-age={LICENCE_SECONDS}")

    async def _read(self, name: str, reading: Awaitable[bytes | None]) -> bytes | None:
        try:
            found = await reading
        except AuthorityUnavailable:
            if name in self._last:
                return self._last[name]
            raise
        if found is not None:
            self._last[name] = found
            self._last.move_to_end(name)
            if len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)
        return found


def _cacheable(request: web.Request, body: bytes, media_type: str, cache: str) -> Reply:
    """The document, or that the caller has it already (RFC 9110 section 13.1.2, RFC 5861 section 4)."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": f"{cache}, stale-if-error={STALE_SECONDS}"}
    known = {one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")}
    if tag in known or known == {"*"}:
        return Reply(304, b"", media_type, headers)
    return Reply(200, body, media_type, headers)
