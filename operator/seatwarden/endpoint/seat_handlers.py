"""The calls of client programs. Each handler: parse, ask the authority, answer."""

from collections.abc import Awaitable, Sequence

from aiohttp import web

from seatwarden.domain.identity_token import identity_key_hash
from seatwarden.domain.licence_key import key_id_of
from seatwarden.domain.seats import (
    AcquireRequest,
    Beat,
    BeatVerdict,
    BeatVerdicts,
    Code,
    Fence,
    Grant,
    Refusal,
    ReleaseVerdict,
    Shortfall,
    SignedLease,
)
from seatwarden.endpoint import device_verdicts, verdicts
from seatwarden.endpoint.bodies import decode, invalid_request, read_body, require_json
from seatwarden.endpoint.codes import RequestCode
from seatwarden.endpoint.credentials import Credential
from seatwarden.endpoint.handlers import Handlers
from seatwarden.endpoint.long_poll import preferred_wait, seat_in_turn
from seatwarden.endpoint.parameters import (
    device_parameter,
    fence_parameter,
    idempotency_key,
    limit_parameter,
    one_parameter,
    session_parameter,
)
from seatwarden.endpoint.problems import FieldError, Outcome, Problem, Refused
from seatwarden.endpoint.proofs import FORGOTTEN
from seatwarden.endpoint.request_models import (
    AcquireAllBody,
    AcquireBody,
    BulkHeartbeatBody,
    HeartbeatBody,
    ReleaseBody,
    ValidateBody,
)

SPREAD_STEPS = 1 << 16
ONLY_WITH_A_KEY = (
    "Only the licence key of the pool shows who holds its seats and which devices it has;"
    " a token shows its own seat with validate."
)
_NOT_THERE = BeatVerdict(code=Code.UNKNOWN_SESSION)


class SeatHandlers(Handlers):
    """The handlers of seats and devices."""

    async def acquire(self, request: web.Request) -> Outcome:
        """POST /api/v1/licenses/acquire."""
        body = await self._body(request, AcquireBody)
        credential = await self._credentials.of(request, body)
        wish = AcquireRequest(
            key_hash=credential.key_hash,
            holder=_holder(credential, body),
            nonce=body.nonce,
            quantity=body.quantity,
            group=body.group,
            would_wait=body.queue,
            client_version=body.client_version,
            metadata=body.metadata,
            idempotency_key=_own_name(credential, idempotency_key(request)),
            spread=int(self._spread() * SPREAD_STEPS),
        )
        verdict = await self._seats.acquire(credential.pool, wish)
        if isinstance(verdict, Refusal) and verdict.place is not None:
            verdict = await seat_in_turn(
                lambda: self._seats.acquire(credential.pool, wish),
                verdict,
                seconds=preferred_wait(request.headers),
                is_away=lambda: request.transport is None or request.transport.is_closing(),
            )
        proved = self._proofs.shown(body.lease, credential.pool)
        if proved is not None and proved.holder == wish.holder and _went_back(verdict, proved):
            await self._readmit(credential, proved, wish)
            verdict = await self._seats.acquire(credential.pool, wish)
        lease = None
        if isinstance(verdict, Grant):
            self._own.note(credential, verdict.lease_id)
            lease = self._proofs.of_grant(credential.pool, wish.holder, wish.nonce, verdict)
        spread = verdict.spread if isinstance(verdict, Grant) and wish.idempotency_key else wish.spread
        return verdicts.acquire_outcome(verdict, lease=lease, spread=spread / SPREAD_STEPS)

    async def acquire_all(self, request: web.Request) -> Outcome:
        """POST /api/v1/licenses/acquire-all."""
        body = await self._body(request, AcquireAllBody)
        credentials = await self._credentials.of_each(request, body)
        name = idempotency_key(request)
        wishes = [
            (
                credential.pool,
                AcquireRequest(
                    key_hash=credential.key_hash,
                    holder=_holder(credential, body),
                    nonce=body.nonce,
                    quantity=wish.quantity,
                    group=wish.group,
                    client_version=body.client_version,
                    metadata=body.metadata,
                    idempotency_key=_own_name(credential, name),
                    spread=int(self._spread() * SPREAD_STEPS),
                ),
            )
            for credential, wish in zip(credentials, body.pools, strict=True)
        ]
        verdict = await self._seats.acquire_all(wishes)
        if isinstance(verdict, Shortfall):
            return verdicts.shortfall_outcome(verdict, of=len(wishes), spread=self._spread())
        given = []
        for credential, (_, wish), grant in zip(credentials, wishes, verdict, strict=True):
            self._own.note(credential, grant.lease_id)
            lease = self._proofs.of_grant(credential.pool, wish.holder, wish.nonce, grant)
            spread = grant.spread if name is not None else wish.spread
            given.append(verdicts.seat_given(grant, lease=lease, spread=spread / SPREAD_STEPS))
        return verdicts.all_given(given)

    async def heartbeat(self, request: web.Request) -> Outcome:
        """PATCH /api/v1/licenses/sessions/{id}/heartbeat."""
        lease_id = session_parameter(request)
        body = await self._body(request, HeartbeatBody)
        credential = await self._credentials.of(request, body)
        beat = Beat(lease_id, Fence(body.fence))
        found = await self._heartbeats(credential, (beat,))
        verdict = await self._remembered(credential, beat, body.lease, found[0])
        lease = self._proofs.renewed(
            body.lease, credential.pool, beat, verdict.code, at=found.at, signed_for=found.signed_for
        )
        return verdicts.heartbeat_outcome(verdict, lease=lease, spread=self._spread())

    async def bulk_heartbeat(self, request: web.Request) -> Outcome:
        """POST /api/v1/licenses/heartbeats."""
        body = await self._body(request, BulkHeartbeatBody)
        credential = await self._credentials.of(request, body)
        beats = [Beat(item.id, Fence(item.fence)) for item in body.sessions]
        found = await self._heartbeats(credential, beats)
        leases = {}
        for at, item in enumerate(body.sessions):
            if item.lease is not None:
                found[at] = await self._remembered(credential, beats[at], item.lease, found[at])
                renewed = self._proofs.renewed(
                    item.lease,
                    credential.pool,
                    beats[at],
                    found[at].code,
                    at=found.at,
                    signed_for=found.signed_for,
                )
                if renewed is not None:
                    leases[at] = renewed
        return verdicts.bulk_outcome(beats, found, leases, spread=self._spread())

    async def release(self, request: web.Request) -> Outcome:
        """DELETE /api/v1/licenses/sessions/{id}; the fence is in the body, or in the query."""
        lease_id = session_parameter(request)
        in_query = fence_parameter(request)
        raw = await read_body(request, limit=ReleaseBody.body_limit, seconds=self._settings.body_seconds)
        body = ReleaseBody()
        if raw:
            require_json(request)
            body = decode(raw, ReleaseBody)
        credential = await self._credentials.of(request, body)
        fence = body.fence if in_query is None else in_query
        if fence is None:
            raise invalid_request(FieldError("fence", "Field required, in the body or as ?fence="))
        if body.fence not in {None, fence}:
            raise invalid_request(FieldError("fence", "Body and query should not differ"))
        beat = Beat(lease_id=lease_id, fence=Fence(fence))
        if await self._own.among(credential, (lease_id,)) == [False]:
            return verdicts.release_outcome(ReleaseVerdict(code=Code.ALREADY_RELEASED))
        verdict = await self._seats.release(credential.pool, credential.key_hash, beat)
        return verdicts.release_outcome(verdict)

    async def validate(self, request: web.Request) -> Outcome:
        """POST /api/v1/licenses/validate."""
        body = await self._body(request, ValidateBody)
        credential = await self._credentials.of(request, body)
        verdict = await self._seats.validate(
            credential.pool,
            credential.key_hash,
            holder=_looked_at(credential, body),
            lease_id=body.session_id,
            client_version=body.client_version,
            group=body.group,
        )
        return verdicts.validate_outcome(verdict, feature=body.feature)

    async def pool(self, request: web.Request) -> Outcome:
        """GET /api/v1/licenses/pool."""
        credential = await self._credentials.of(request)
        verdict = await self._seats.validate(credential.pool, credential.key_hash)
        return verdicts.pool_outcome(verdict)

    async def sessions(self, request: web.Request) -> Outcome:
        """GET /api/v1/licenses/sessions."""
        credential = await self._licence_key(request)
        limit = limit_parameter(request)
        cursor = one_parameter(request, "cursor")
        try:
            page = await self._seats.sessions(
                credential.pool, credential.key_hash, limit=limit, cursor=cursor
            )
        except ValueError:
            raise invalid_request(FieldError("cursor", "Cursor should be one that this call gave")) from None
        return verdicts.sessions_outcome(page, tokens_key_id=key_id_of(identity_key_hash(credential.pool)))

    async def _heartbeats(self, credential: Credential, beats: Sequence[Beat]) -> BeatVerdicts:
        """The verdicts on ``beats``; a lease that is another's is not there for who shows a token."""
        if credential.holder is None:
            return await self._seats.heartbeat(credential.pool, credential.key_hash, beats)
        own = await self._own.among(credential, [beat.lease_id for beat in beats])
        asked = [beat for beat, is_own in zip(beats, own, strict=True) if is_own]
        found = await self._seats.heartbeat(credential.pool, credential.key_hash, asked)
        verdicts_of_own = iter(found)
        merged = [next(verdicts_of_own) if is_own else _NOT_THERE for is_own in own]
        return BeatVerdicts(merged, found.at, found.signed_for)

    async def devices(self, request: web.Request) -> Outcome:
        """GET /api/v1/licenses/devices."""
        credential = await self._licence_key(request)
        return device_verdicts.devices_outcome(
            await self._seats.devices(credential.pool, credential.key_hash)
        )

    async def remove_device(self, request: web.Request) -> Outcome:
        """DELETE /api/v1/licenses/devices/{hardware_id}."""
        holder = device_parameter(request)
        credential = await self._licence_key(request)
        verdict = await self._seats.remove_device(credential.pool, credential.key_hash, holder)
        return device_verdicts.removal_outcome(verdict)

    async def _licence_key(self, request: web.Request) -> Credential:
        """The credential of a call that shows or changes what belongs to others than its caller.

        Raises:
            Refused: it is a token, which speaks for one holder.
        """
        credential = await self._credentials.of(request)
        if credential.holder is not None:
            raise Refused(Problem(code=RequestCode.LICENSE_KEY_REQUIRED, detail=ONLY_WITH_A_KEY))
        return credential

    async def _remembered(
        self, credential: Credential, beat: Beat, lease: str | None, verdict: BeatVerdict
    ) -> BeatVerdict:
        """The verdict after the authority has been shown a lease that it may have forgotten."""
        if verdict.code not in FORGOTTEN:
            return verdict
        proved = self._proofs.of_beat(lease, credential.pool, beat)
        if proved is None or credential.holder not in {None, proved.holder}:
            return verdict
        return await self._readmit(credential, proved, None)

    def _readmit(
        self, credential: Credential, proved: SignedLease, wish: AcquireRequest | None
    ) -> Awaitable[BeatVerdict]:
        notes = {} if wish is None else {"client_version": wish.client_version, "metadata": wish.metadata}
        return self._seats.readmit(credential.pool, credential.key_hash, proved, **notes)


def _holder(credential: Credential, body: AcquireBody | AcquireAllBody) -> str:
    holder = credential.holder or body.hardware_id
    if holder is None:
        raise invalid_request(FieldError("hardware_id", "Field required"))
    return holder


def _looked_at(credential: Credential, body: ValidateBody) -> str | None:
    """The holder whose lease is to be looked at, None for that of any session, or for none."""
    if credential.holder is None:
        if body.hardware_id is not None and body.session_id is not None:
            raise invalid_request(FieldError("body", "Give hardware_id or session_id, not both"))
        return body.hardware_id
    named = body.session_id or body.hardware_id or body.container
    return None if named is None else credential.holder


def _own_name(credential: Credential, idempotency_key: str | None) -> str | None:
    """Holders that share a pool's tokens must not meet in the names of their wishes."""
    if idempotency_key is None or credential.holder is None:
        return idempotency_key
    return f"{credential.holder} {idempotency_key}"


def _went_back(verdict: Grant | Refusal, proved: SignedLease) -> bool:
    """Does the authority know less than the holder can prove? Either it says so, or it gives a fence that is not newer."""
    if isinstance(verdict, Refusal):
        return verdict.code is Code.RECOVERING
    return verdict.code is Code.GRANTED and verdict.fence <= proved.fence
