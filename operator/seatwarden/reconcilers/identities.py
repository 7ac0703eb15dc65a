"""Whose tokens open a Tenant's pools: the issuers' keys are fetched here and put into Redis, where the endpoint reads them.

An issuer that is away changes nothing: its keys that were read last stay, and the Tenant says so. A key is given up when
its issuer publishes others, or when the Tenant lists the issuer no more.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from seatwarden.backends.authority import AuthorityUnavailable, StaleTerm
from seatwarden.backends.issuer_keys import IssuerAway, IssuerKeys, IssuerSource
from seatwarden.backends.redis_identities import IdentityAdministration
from seatwarden.domain import findings
from seatwarden.domain.seats import PoolUid
from seatwarden.domain.trust import CLUSTER, Door, IssuerKey, Trust, TrustedIssuer
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.in_term import InTerm
from seatwarden.resources.conditions import ConditionType, Finding, find_condition
from seatwarden.resources.reasons import Reason
from seatwarden.resources.tenant import ClusterIssuer, Identity, Issuer, Tenant

log = structlog.get_logger(__name__)

REFRESH_SECONDS = 300.0
RETRY_SECONDS = 30.0
REDIS_AWAY = "Redis does not answer; tokens are verified with the keys that it last had."
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRun:
    """What a run found. ``problem`` is why the Tenant is not Ready, if tokens are; ``again_in`` is in seconds."""

    found: tuple[Finding, ...] = ()
    problem: tuple[Reason, str] | None = None
    again_in: float | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    """An issuer with its keys, None where it has none; and what went wrong, if anything did."""

    trusted: TrustedIssuer | None
    trouble: str | None


@dataclass(slots=True)
class Identities:
    """``term`` and ``confirm_term`` are the election's, see `SeatAllocator`."""

    issuers: IssuerKeys
    said: IdentityAdministration
    term: Callable[[], int]
    confirm_term: Callable[[StaleTerm], Awaitable[None]]

    async def ensure(self, tenant: Tenant) -> IdentityRun:
        """Have in Redis whom ``tenant`` trusts, with keys that are fresh where their issuer answers."""
        uid, wanted = tenant.metadata.uid, tenant.spec.identity
        listed = len(wanted.issuers) + (wanted.cluster is not None)
        if not listed and not _was_told(tenant):
            return IdentityRun()
        try:
            reads = await self._read(wanted, await self.said.trust(uid) if listed else ())
            trust = tuple(read.trusted for read in reads if read.trusted is not None)
            await self._say(uid, trust)
        except AuthorityUnavailable:
            away = findings.identity(problem=(Reason.REDIS_UNAVAILABLE, REDIS_AWAY), issuers=listed)
            return IdentityRun(found=(away,), again_in=RETRY_SECONDS)
        if not listed:
            return IdentityRun()
        troubles = [read.trouble for read in reads if read.trouble is not None]
        problem = (Reason.ISSUER_UNAVAILABLE, " ".join(troubles)) if troubles else None
        return IdentityRun(
            found=(findings.identity(problem=problem, issuers=listed),),
            problem=problem if len(trust) < listed else None,
            again_in=RETRY_SECONDS if troubles else REFRESH_SECONDS,
        )

    async def forget(self, tenant: Tenant) -> None:
        """The Tenant goes. What stays in Redis where that is away is never read again, as no Tenant gets the uid anew."""
        if not (trusts_tokens(tenant) or _was_told(tenant)):
            return
        try:
            await self._say(tenant.metadata.uid, ())
        except AuthorityUnavailable as error:
            log.warning("the keys of a tenant's issuers stay in Redis", reason=str(error))

    async def open_door(self, pool: ObjectKey, uid: PoolUid, tenant: Tenant) -> None:
        """Let the endpoint find the pool by its name. Raises `AuthorityUnavailable`."""
        door = Door(uid, tenant.metadata.uid)
        await self._in_term(lambda term: self.said.open_door(pool.namespace, pool.name, door, term=term))

    async def close_door(self, pool: ObjectKey) -> None:
        """The name is no pool's any more. Raises `AuthorityUnavailable`."""
        await self._in_term(lambda term: self.said.close_door(pool.namespace, pool.name, term=term))

    async def _say(self, uid: str, trust: Trust) -> None:
        await self._in_term(lambda term: self.said.say_trust(uid, trust, term=term))

    async def _in_term(self, write: Callable[[int], Awaitable[T]]) -> T:
        return await InTerm(self.term, self.confirm_term).write(write)

    async def _read(self, wanted: Identity, known: Trust) -> list[_Read]:
        reads = [self._read_issuer(issuer, known) for issuer in wanted.issuers]
        if wanted.cluster is not None:
            reads.insert(0, self._read_cluster(wanted.cluster, known))
        return await asyncio.gather(*reads)

    async def _read_issuer(self, wanted: Issuer, known: Trust) -> _Read:
        source = wanted.jwks_url or ""

        def trusted(issuer: TrustedIssuer) -> bool:
            return (issuer.issuer, issuer.source) == (wanted.issuer, source)

        try:
            keys = await self.issuers.of(IssuerSource(wanted.issuer, wanted.jwks_url))
        except IssuerAway as error:
            return _kept(next(filter(trusted, known), None), wanted, str(error))
        return _Read(_trusted(wanted.issuer, source, wanted, keys), None)

    async def _read_cluster(self, wanted: ClusterIssuer, known: Trust) -> _Read:
        try:
            issuer, keys = await self.issuers.of_the_cluster()
        except IssuerAway as error:
            return _kept(next((one for one in known if one.source == CLUSTER), None), wanted, str(error))
        return _Read(_trusted(issuer, CLUSTER, wanted, keys), None)


def trusts_tokens(tenant: Tenant | None) -> bool:
    """Do tokens of anybody open the pools of ``tenant``?"""
    identity = tenant.spec.identity if tenant is not None else Identity()
    return identity.cluster is not None or bool(identity.issuers)


def _was_told(tenant: Tenant) -> bool:
    return find_condition(tenant.status.conditions, ConditionType.IDENTITY_READY) is not None


def _kept(before: TrustedIssuer | None, wanted: ClusterIssuer | Issuer, trouble: str) -> _Read:
    if before is None:
        return _Read(None, f"{trouble} Until they can be, no token of it is accepted.")
    kept = _trusted(before.issuer, before.source, wanted, before.keys)
    return _Read(kept, f"{trouble} Those that were read last are used.")


def _trusted(
    issuer: str, source: str, wanted: ClusterIssuer | Issuer, keys: tuple[IssuerKey, ...]
) -> TrustedIssuer:
    return TrustedIssuer(
        issuer=issuer, source=source, audience=wanted.audience, subjects=wanted.subjects, keys=keys
    )
