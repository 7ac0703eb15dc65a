"""The calls of client programs. Each handler: parse, ask the authority, answer."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import web

from seatwarden.backends.authority import AuthorityUnavailable, SeatPath
from seatwarden.domain.seats import AcquireRequest, Beat, Fence
from seatwarden.endpoint import verdicts
from seatwarden.endpoint.bodies import decode, invalid_request, read_body, require_json
from seatwarden.endpoint.credentials import credential_of
from seatwarden.endpoint.parameters import fence_parameter, limit_parameter, one_parameter, session_parameter
from seatwarden.endpoint.problems import FieldError, Outcome
from seatwarden.endpoint.request_models import (
    AcquireBody,
    BulkHeartbeatBody,
    HeartbeatBody,
    ReleaseBody,
    RequestBody,
    ValidateBody,
)
from seatwarden.endpoint.settings import EndpointSettings
from seatwarden.endpoint.time_limit import TimeLimit

Body = TypeVar("Body", bound=RequestBody)
Verdict = TypeVar("Verdict")


class SeatHandlers:
    """The handlers, over one authority. ``spread`` gives a number from 0 up to 1 (see `verdicts`)."""

    def __init__(self, *, seats: SeatPath, settings: EndpointSettings, spread: Callable[[], float]) -> None:
        self._seats = seats
        self._settings = settings
        self._spread = spread
        self._time_limit = TimeLimit(settings.authority_seconds)

    async def acquire(self, request: web.Request) -> Outcome:
        """POST /api/v1/licenses/acquire."""
        body = await self._body(request, AcquireBody)
        credential = credential_of(request, body.license_key)
        wish = AcquireRequest(
            key_hash=credential.key_hash,
            holder=body.hardware_id,
            nonce=body.nonce,
            client_version=body.client_version,
            metadata=body.metadata,
        )
        verdict = await self._answered(self._seats.acquire(credential.pool, wish))
        return verdicts.acquire_outcome(verdict, spread=self._spread())

    async def heartbeat(self, request: web.Request) -> Outcome:
        """PATCH /api/v1/licenses/sessions/{id}/heartbeat."""
        lease_id = session_parameter(request)
        body = await self._body(request, HeartbeatBody)
        credential = credential_of(request, body.license_key)
        beat = Beat(lease_id=lease_id, fence=Fence(body.fence))
        found = await self._answered(self._seats.heartbeat(credential.pool, credential.key_hash, (beat,)))
        return verdicts.heartbeat_outcome(found[0], spread=self._spread())

    async def bulk_heartbeat(self, request: web.Request) -> Outcome:
        """POST /api/v1/licenses/heartbeats."""
        body = await self._body(request, BulkHeartbeatBody)
        credential = credential_of(request, body.license_key)
        beats = [Beat(lease_id=item.id, fence=Fence(item.fence)) for item in body.sessions]
        found = await self._answered(self._seats.heartbeat(credential.pool, credential.key_hash, beats))
        return verdicts.bulk_outcome(beats, found, spread=self._spread())

    async def release(self, request: web.Request) -> Outcome:
        """DELETE /api/v1/licenses/sessions/{id}; the fence is in the body, or in the query."""
        lease_id = session_parameter(request)
        in_query = fence_parameter(request)
        raw = await read_body(request, limit=ReleaseBody.body_limit, seconds=self._settings.body_seconds)
        body = ReleaseBody()
        if raw:
            require_json(request)
            body = decode(raw, ReleaseBody)
        credential = credential_of(request, body.license_key)
        fence = body.fence if in_query is None else in_query
        if fence is None:
            raise invalid_request(FieldError("fence", "Field required, in the body or as ?fence="))
        if body.fence not in {None, fence}:
            raise invalid_request(FieldError("fence", "Body and query should not differ"))
        beat = Beat(lease_id=lease_id, fence=Fence(fence))
        verdict = await self._answered(self._seats.release(credential.pool, credential.key_hash, beat))
        return verdicts.release_outcome(verdict)

    async def validate(self, request: web.Request) -> Outcome:
        """POST /api/v1/licenses/validate."""
        body = await self._body(request, ValidateBody)
        credential = credential_of(request, body.license_key)
        verdict = await self._answered(
            self._seats.validate(
                credential.pool, credential.key_hash, holder=body.hardware_id, lease_id=body.session_id
            )
        )
        return verdicts.validate_outcome(verdict)

    async def pool(self, request: web.Request) -> Outcome:
        """GET /api/v1/licenses/pool."""
        credential = credential_of(request)
        verdict = await self._answered(self._seats.validate(credential.pool, credential.key_hash))
        return verdicts.pool_outcome(verdict)

    async def sessions(self, request: web.Request) -> Outcome:
        """GET /api/v1/licenses/sessions."""
        credential = credential_of(request)
        limit = limit_parameter(request)
        cursor = one_parameter(request, "cursor")
        try:
            page = await self._answered(
                self._seats.sessions(credential.pool, credential.key_hash, limit=limit, cursor=cursor)
            )
        except ValueError:
            raise invalid_request(FieldError("cursor", "Cursor should be one that this call gave")) from None
        return verdicts.sessions_outcome(page)

    async def _body(self, request: web.Request, model: type[Body]) -> Body:
        body = await read_body(request, limit=model.body_limit, seconds=self._settings.body_seconds)
        if body:
            require_json(request)
        return decode(body, model)

    async def _answered(self, call: Awaitable[Verdict]) -> Verdict:
        try:
            return await self._time_limit.keep(call)
        except TimeoutError as late:
            raise AuthorityUnavailable("the seat authority did not answer in time") from late
