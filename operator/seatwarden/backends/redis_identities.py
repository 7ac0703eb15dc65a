"""Doors and trust in Redis: what the operator says of them, and what the endpoint reads.

A door says which pool has a name, and trust which issuers a Tenant believes. Neither is a secret, and neither opens
anything alone: the pool's own configuration says whether tokens open it at all.
"""

from typing import Protocol

from seatwarden.backends.redis_keys import door_keys, trust_keys
from seatwarden.backends.redis_runner import ScriptRunner
from seatwarden.backends.redis_said import read_said, say
from seatwarden.domain.trust import Door, Trust, read_door, read_trust, write_door, write_trust


class IdentityReader(Protocol):
    """What the endpoint needs. Every call raises `AuthorityUnavailable` where there is no answer in time."""

    async def door(self, namespace: str, name: str) -> Door | None:
        """Which pool has that name, if tokens open it."""

    async def trust(self, tenant_uid: str) -> Trust:
        """The issuers that a Tenant trusts; none where nothing was said."""


class IdentityAdministration(IdentityReader, Protocol):
    """What the operator needs besides. A smaller ``term`` than the last is refused, see `PoolAdministration.configure`.

    Every call raises `AuthorityUnavailable` where there is no answer in time, and those that write `StaleTerm`.
    """

    async def open_door(self, namespace: str, name: str, door: Door, *, term: int) -> None:
        """Say which pool has that name. Writes nothing where it is said already."""

    async def close_door(self, namespace: str, name: str, *, term: int) -> None:
        """Say that tokens open no pool of that name. Safe to repeat."""

    async def say_trust(self, tenant_uid: str, trust: Trust, *, term: int) -> bool:
        """Say which issuers a Tenant trusts; whether that was news. Without any, nothing is left of it."""


class RedisIdentities:
    """Both sides, over the connections of ``runner``."""

    def __init__(self, runner: ScriptRunner) -> None:
        self._runner = runner

    async def door(self, namespace: str, name: str) -> Door | None:
        """See `IdentityReader.door`."""
        said = await read_said(self._runner, door_keys(namespace, name))
        return None if said is None else read_door(said.decode())

    async def trust(self, tenant_uid: str) -> Trust:
        """See `IdentityReader.trust`."""
        said = await read_said(self._runner, trust_keys(tenant_uid))
        return () if said is None else read_trust(said)

    async def open_door(self, namespace: str, name: str, door: Door, *, term: int) -> None:
        """See `IdentityAdministration.open_door`."""
        await say(self._runner, door_keys(namespace, name), write_door(door), term)

    async def close_door(self, namespace: str, name: str, *, term: int) -> None:
        """See `IdentityAdministration.close_door`."""
        await say(self._runner, door_keys(namespace, name), "", term)

    async def say_trust(self, tenant_uid: str, trust: Trust, *, term: int) -> bool:
        """See `IdentityAdministration.say_trust`."""
        return await say(self._runner, trust_keys(tenant_uid), write_trust(trust) if trust else "", term)
