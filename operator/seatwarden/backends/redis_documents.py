"""What anybody may read of a customer's licences, in Redis: public root keys, and licence documents.

The operator says them and the endpoint hands them out. They are signed or public, so nobody gains by reading them here, and
whoever changes them here is found out by who verifies them.
"""

from typing import Protocol

from seatwarden.backends.redis_keys import (
    jwks_keys,
    licence_keys,
    licence_of_keys,
    revocations_keys,
)
from seatwarden.backends.redis_runner import ScriptRunner
from seatwarden.backends.redis_said import read_said, say
from seatwarden.domain.seats import PoolUid


class DocumentReader(Protocol):
    """What the endpoint needs. Every call raises `AuthorityUnavailable` where there is no answer in time."""

    async def jwks(self, tenant_uid: str) -> bytes | None:
        """The JWK Set of a Tenant, as it is to be handed out; None where nothing was said."""

    async def revocations(self, tenant_uid: str) -> bytes | None:
        """The revocation list of a Tenant; None where nothing was said."""

    async def licence(self, pool: PoolUid) -> bytes | None:
        """The licence document that speaks for ``pool``; None where nothing was said."""


class DocumentAdministration(DocumentReader, Protocol):
    """What the operator needs besides. A smaller ``term`` than the last is refused, see `PoolAdministration.configure`.

    Every call raises `AuthorityUnavailable` where there is no answer in time, and `StaleTerm`. Empty text leaves nothing.
    """

    async def subscription_of(self, pool: PoolUid) -> str | None:
        """The uid of the Subscription that a pool is of; None where nothing was said."""

    async def say_jwks(self, tenant_uid: str, text: str, *, term: int) -> None:
        """Say which public keys a Tenant has."""

    async def say_revocations(self, tenant_uid: str, text: str, *, term: int) -> None:
        """Say what of a Tenant is revoked."""

    async def say_licence(self, subscription_uid: str, text: str, *, term: int) -> None:
        """Say the licence document of a Subscription."""

    async def say_subscription(self, pool: PoolUid, subscription_uid: str, *, term: int) -> None:
        """Say of which Subscription a pool is."""


class RedisDocuments:
    """Both sides, over the connections of ``runner``."""

    def __init__(self, runner: ScriptRunner) -> None:
        self._runner = runner

    async def jwks(self, tenant_uid: str) -> bytes | None:
        """See `DocumentReader.jwks`."""
        return await read_said(self._runner, jwks_keys(tenant_uid))

    async def revocations(self, tenant_uid: str) -> bytes | None:
        """See `DocumentReader.revocations`."""
        return await read_said(self._runner, revocations_keys(tenant_uid))

    async def licence(self, pool: PoolUid) -> bytes | None:
        """See `DocumentReader.licence`."""
        subscription = await self.subscription_of(pool)
        return None if subscription is None else await read_said(self._runner, licence_keys(subscription))

    async def subscription_of(self, pool: PoolUid) -> str | None:
        """See `DocumentAdministration.subscription_of`."""
        said = await read_said(self._runner, licence_of_keys(pool))
        return None if said is None else said.decode()

    async def say_jwks(self, tenant_uid: str, text: str, *, term: int) -> None:
        """See `DocumentAdministration.say_jwks`."""
        await say(self._runner, jwks_keys(tenant_uid), text, term)

    async def say_revocations(self, tenant_uid: str, text: str, *, term: int) -> None:
        """See `DocumentAdministration.say_revocations`."""
        await say(self._runner, revocations_keys(tenant_uid), text, term)

    async def say_licence(self, subscription_uid: str, text: str, *, term: int) -> None:
        """See `DocumentAdministration.say_licence`."""
        await say(self._runner, licence_keys(subscription_uid), text, term)

    async def say_subscription(self, pool: PoolUid, subscription_uid: str, *, term: int) -> None:
        """See `DocumentAdministration.say_subscription`."""
        await say(self._runner, licence_of_keys(pool), subscription_uid, term)
