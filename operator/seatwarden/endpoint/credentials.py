"""Who asks: the licence key of a request, or the token of a program, and through it the pool."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

from aiohttp import web

from seatwarden.domain.identity_token import (
    IdentityToken,
    holder_of,
    identity_key_hash,
    is_in_time,
    read_identity_token,
)
from seatwarden.domain.licence_key import parse_licence_key
from seatwarden.domain.seats import Code, PoolUid
from seatwarden.endpoint.bodies import invalid_request
from seatwarden.endpoint.identities import Identities, TokenFault
from seatwarden.endpoint.problems import FieldError, Problem, Refused
from seatwarden.endpoint.request_models import POOL_NAME_PATTERN, AcquireAllBody, PoolWish, RequestBody

POOL_HEADER = "Seatwarden-Pool"
NO_KEY = "There is no licence key in the request. Send it as 'Authorization: Bearer LIC-…'."
BAD_KEY = (
    "No pool accepts this licence key. Check it for typing errors; if it was rotated, take the current one"
    " from the pool's Secret."
)
NOT_OPENED = (
    "This token opens no pool of that name. Check the name, and that the pool's Tenant lists the token's issuer,"
    " audience and subject."
)
UNREADABLE = "What the request shows is neither a licence key nor a token signed with RS256 or ES256."
OUT_OF_TIME = (
    "The token is not valid at this time. Read it anew from where it is renewed; if that does not help, check the"
    " clocks."
)
_POOL_NAME = re.compile(POOL_NAME_PATTERN.strip("^$"))


@dataclass(frozen=True, slots=True)
class Credential:
    """A pool, and the hash of the key with which it is approached.

    Whether the key fits, only the authority says. ``holder`` is who alone may be spoken for, None: anybody in the pool.
    """

    pool: PoolUid
    key_hash: str
    holder: str | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """Finds credentials. ``now`` gives seconds since the epoch; ``refused`` is told why a token opens nothing."""

    identities: Identities
    now: Callable[[], float]
    refused: Callable[[TokenFault], None]

    async def of(self, request: web.Request, body: RequestBody | None = None) -> Credential:
        """The credential in the `Authorization` header, or else the licence key in the body.

        Raises:
            Refused: there is none, it is malformed, a token opens nothing, or there are two headers.
            AuthorityUnavailable, AuthorityRecovering: see `Identities.pool_opened_by`.
        """
        if (text := _bearer(request)) is not None:
            if (key := _key_credential(text)) is not None:
                return key
            if POOL_HEADER in request.headers or text.count(".") == 2:  # noqa: PLR2004  a token's three parts
                return await self._of_token(text, lambda: _pool_named_by(request), body)
        elif body is not None and body.license_key is not None:
            if (key := _key_credential(body.license_key)) is not None:
                return key
        else:
            raise Refused(Problem(code=Code.INVALID_LICENSE, detail=NO_KEY))
        raise Refused(Problem(code=Code.INVALID_LICENSE, detail=BAD_KEY))

    async def of_each(self, request: web.Request, body: AcquireAllBody) -> list[Credential]:
        """The credential for each of the pools that ``body`` names, by their licence keys or all by one token.

        Raises:
            Refused: a pool is named in no way, or twice; or as `of`.
            AuthorityUnavailable, AuthorityRecovering: see `of`.
        """
        found = [await self._of_wish(request, body, at, wish) for at, wish in enumerate(body.pools)]
        pools = [credential.pool for credential in found]
        if len({*pools}) < len(pools):
            raise invalid_request(FieldError("pools", "A pool should be named only once"))
        return found

    async def _of_wish(
        self, request: web.Request, body: AcquireAllBody, at: int, wish: PoolWish
    ) -> Credential:
        token = _bearer(request)
        if token is not None and wish.pool is not None:
            namespace, _, name = wish.pool.partition("/")
            return await self._of_token(token, lambda: (namespace, name), body)
        if wish.license_key is None:
            message = "Field required; or with a token in the Authorization header, pool as NAMESPACE/NAME"
            raise invalid_request(FieldError(f"pools.{at}.license_key", message))
        if (key := _key_credential(wish.license_key)) is None:
            raise Refused(Problem(code=Code.INVALID_LICENSE, detail=BAD_KEY, pool=at))
        return key

    async def _of_token(
        self, text: str, named: Callable[[], tuple[str, str]], body: RequestBody | None
    ) -> Credential:
        token = read_identity_token(text)
        if token is None:
            self._refuse(TokenFault.MALFORMED, UNREADABLE)
        if not is_in_time(token, self.now()):
            self._refuse(TokenFault.OUT_OF_TIME, OUT_OF_TIME)
        part = _part(token, body)
        namespace, name = named()
        opened = await self.identities.pool_opened_by(token, namespace, name)
        if isinstance(opened, TokenFault):
            # The same answer whatever the reason: a stranger must not learn which pools there are, and whom they trust.
            self._refuse(opened, NOT_OPENED)
        return Credential(opened, identity_key_hash(opened), holder_of(token, part))

    def _refuse(self, fault: TokenFault, detail: str) -> NoReturn:
        self.refused(fault)
        raise Refused(Problem(code=Code.INVALID_LICENSE, detail=detail))


# A client sends its key with each heartbeat; decoding and hashing it anew would cost as much as the rest of
# the parsing.
@lru_cache(maxsize=4096)
def _key_credential(text: str) -> Credential | None:
    key = parse_licence_key(text)
    return None if key is None else Credential(key.pool, key.sha256)


def _bearer(request: web.Request) -> str | None:
    """What the `Authorization` header shows; empty where that is of another scheme, None where there is no header."""
    headers = request.headers.getall("Authorization", [])
    if len(headers) > 1:
        raise invalid_request(FieldError("Authorization", "Header should be given only once"))
    if not headers:
        return None
    scheme, _, text = headers[0].partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


def _pool_named_by(request: web.Request) -> tuple[str, str]:
    names = request.headers.getall(POOL_HEADER, [])
    if len(names) != 1 or _POOL_NAME.fullmatch(names[0]) is None:
        message = "Header should be given once with a token, and name the pool as NAMESPACE/NAME"
        raise invalid_request(FieldError(POOL_HEADER, message))
    namespace, _, name = names[0].partition("/")
    return namespace, name


def _part(token: IdentityToken, body: RequestBody | None) -> str:
    """Which part of what the token names holds the seat: a container of a Pod, a machine of anybody else."""
    container, machine = (None, None) if body is None else (body.container, body.hardware_id)
    if token.pod_uid is not None and machine is not None:
        raise invalid_request(
            FieldError("hardware_id", "A Pod's token says who holds the seat; see container")
        )
    if token.pod_uid is None and container is not None:
        raise invalid_request(FieldError("container", "The token is not that of a Pod"))
    return container or machine or ""
