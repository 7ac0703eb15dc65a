"""A Tenant's public root keys as a JWK Set (RFC 7517), and its revocation list: in a ConfigMap for who may read the namespace, in
Redis for the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from seatwarden.backends.kubernetes_api import KubernetesApi, NotFound
from seatwarden.domain.root_key import PublicRootKey
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.ownership import Problem, owner_reference
from seatwarden.reconcilers.paths import config_map_path
from seatwarden.reconcilers.said_documents import SaidDocuments
from seatwarden.resources.names import (
    JWKS_FIELD,
    MANAGED_BY,
    MANAGED_BY_SEATWARDEN,
    OWNER_UID,
    REVOCATIONS_FIELD,
    jwks_config_map,
)
from seatwarden.resources.reasons import Reason
from seatwarden.resources.tenant import Tenant

_FIELDS = (JWKS_FIELD, REVOCATIONS_FIELD)


def jwks(keys: Sequence[PublicRootKey]) -> str:
    """The set as it is handed out. The same keys in the same order give the same text."""
    return orjson.dumps({"keys": [dict(key.jwk) for key in keys]}, option=orjson.OPT_SORT_KEYS).decode()


@dataclass(slots=True)
class PublishedKeys:
    """Where public keys are put."""

    api: KubernetesApi
    said: SaidDocuments

    async def publish(self, key: ObjectKey, tenant: Tenant, keys: Sequence[PublicRootKey]) -> None:
        """Have the set say ``keys`` wherever it is read.

        Raises:
            AuthorityUnavailable: Redis does not answer. The ConfigMap has them.
            Problem: the ConfigMap is somebody else's (`CONFIG_MAP_CONFLICT`).
        """
        text = jwks(keys)
        await self._write(key, tenant, JWKS_FIELD, text)
        await self.said.jwks(tenant.metadata.uid, text)

    async def publish_revocations(self, key: ObjectKey, tenant: Tenant, text: str, *, before: str) -> None:
        """Have the revocation list be ``text`` wherever it is read, where it was ``before``. Raises as `publish` does."""
        if text != before:
            await self._write(key, tenant, REVOCATIONS_FIELD, text)
        await self.said.revocations(tenant.metadata.uid, text)

    async def read(self, key: ObjectKey, field: str) -> str | None:
        """What is published as ``field`` of the Tenant's ConfigMap."""
        found = await self._found(config_map_path(key.namespace, jwks_config_map(key.name)))
        text: str | None = ((found or {}).get("data") or {}).get(field)
        return text

    async def withdraw(self, tenant: Tenant) -> None:
        """The Tenant goes. Raises `AuthorityUnavailable`."""
        await self.said.jwks(tenant.metadata.uid, "")
        await self.said.revocations(tenant.metadata.uid, "")

    async def _write(self, key: ObjectKey, tenant: Tenant, field: str, text: str) -> None:
        name = jwks_config_map(key.name)
        path = config_map_path(key.namespace, name)
        metadata = {
            "name": name,
            "namespace": key.namespace,
            "labels": {MANAGED_BY: MANAGED_BY_SEATWARDEN},
            "annotations": {OWNER_UID: tenant.metadata.uid},
            "ownerReferences": [owner_reference(key, tenant)],
        }
        found = await self._found(path)
        data: dict[str, str] = {}
        if found is not None:
            _check_ours(found, name, key)
            data = {kind: said for kind, said in (found.get("data") or {}).items() if kind in _FIELDS}
            if data.get(field) == text and _is_of(found, tenant):
                return
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": data | {field: text},
        }
        await self.api.apply(path, body)

    async def _found(self, path: str) -> dict[str, Any] | None:
        try:
            return await self.api.get(path)
        except NotFound:
            return None


def _is_of(found: dict[str, Any], tenant: Tenant) -> bool:
    return bool((found["metadata"].get("annotations") or {}).get(OWNER_UID) == tenant.metadata.uid)


def _check_ours(found: dict[str, Any], name: str, key: ObjectKey) -> None:
    labels = found["metadata"].get("labels") or {}
    if labels.get(MANAGED_BY) != MANAGED_BY_SEATWARDEN:
        raise Problem(
            Reason.CONFIG_MAP_CONFLICT,
            f"ConfigMap {name!r} is needed here and belongs to something else. Rename or delete it, or rename this {key.kind}.",
        )
