"""Finalizers, and Secrets that the operator makes: who owns what, and what is left alone."""

import base64
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from seatwarden.backends.kubernetes_api import Conflict, KubernetesApi, NotFound
from seatwarden.reconcilers.engine import ObjectKey, RetryLater
from seatwarden.reconcilers.object_store import Entry, ObjectStore
from seatwarden.reconcilers.paths import object_path, secret_path
from seatwarden.resources.names import (
    API_VERSION,
    FINALIZER,
    MANAGED_BY,
    MANAGED_BY_SEATWARDEN,
    OWNER_UID,
    RETAINED,
)
from seatwarden.resources.reasons import Reason

Secret = dict[str, Any]


class Problem(Exception):
    """A run can't go on, for a reason that status is to show."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(slots=True)
class Finalizers:
    """Our finalizer on custom resources. Patches touch nothing else and fail where the object was changed in between.

    ``gone`` is told of each object that went with its finalizer. The watch may not tell: it knows nothing of an object that went
    before it began.
    """

    api: KubernetesApi
    store: ObjectStore
    gone: Callable[[ObjectKey], None]

    async def ensure(self, key: ObjectKey, entry: Entry) -> None:
        """Put our finalizer on, before anything is made outside the object."""
        meta = entry.metadata
        if FINALIZER in meta.finalizers:
            return
        operations: list[dict[str, Any]] = [
            {"op": "test", "path": "/metadata/uid", "value": meta.uid},
            {"op": "test", "path": "/metadata/resourceVersion", "value": meta.resource_version},
            {"op": "add", "path": "/metadata/finalizers/-", "value": FINALIZER}
            if meta.finalizers
            else {"op": "add", "path": "/metadata/finalizers", "value": [FINALIZER]},
        ]
        patched = await self._patch(key, operations)
        current = self.store.entry(key)
        if current is not None and current.metadata.uid == meta.uid:
            # Nothing of it is anybody else's, so it is no news.
            self.store.put(key.kind, patched)

    async def remove(self, key: ObjectKey, entry: Entry) -> None:
        """Take our finalizer off, which lets the object go where it is the last one."""
        place = f"/metadata/finalizers/{entry.metadata.finalizers.index(FINALIZER)}"
        left = await self._patch(
            key, [{"op": "test", "path": place, "value": FINALIZER}, {"op": "remove", "path": place}]
        )
        current = self.store.entry(key)
        if current is None or current.metadata.uid != entry.metadata.uid:
            return
        if left["metadata"].get("finalizers"):
            self.store.put_answer(key.kind, left)
        else:
            self.gone(key)

    async def _patch(self, key: ObjectKey, operations: list[dict[str, Any]]) -> dict[str, Any]:
        try:
            return await self.api.patch(object_path(key), operations)
        except Conflict as error:
            raise RetryLater(f"{key.kind} {key.name} was changed meanwhile") from error


@dataclass(slots=True)
class OwnedSecrets:
    """Secrets made for a custom resource. One that belongs to something else is never written to."""

    api: KubernetesApi

    async def read(self, key: ObjectKey, entry: Entry, name: str) -> Secret | None:
        """The Secret ``name`` of this resource, or None where there is none.

        Raises:
            Problem: there is one and it is not ours (`SECRET_CONFLICT`).
            RetryLater: it belonged to a resource of the same name that is gone, and is about to be collected.
        """
        try:
            secret = await self.api.get(secret_path(key.namespace, name))
        except NotFound:
            return None
        metadata = secret["metadata"]
        owner = (metadata.get("annotations") or {}).get(OWNER_UID)
        labels = metadata.get("labels") or {}
        if owner == entry.metadata.uid or labels.get(RETAINED) == "true":
            return secret
        if labels.get(MANAGED_BY) == MANAGED_BY_SEATWARDEN and metadata.get("ownerReferences"):
            raise RetryLater(f"Secret {name!r} still belongs to the {key.kind} that had this name before")
        raise Problem(
            Reason.SECRET_CONFLICT,
            f"Secret {name!r} is needed here and belongs to something else. Rename or delete it, or rename this {key.kind}.",
        )

    async def create(
        self,
        key: ObjectKey,
        entry: Entry,
        name: str,
        data: dict[str, str],
        *,
        collected: bool,
        annotations: Mapping[str, str] = {},
    ) -> Secret | None:
        """Make the Secret; None where there is one of this name. ``collected``: it goes together with the resource."""
        metadata: dict[str, Any] = {
            "name": name,
            "namespace": key.namespace,
            "labels": {MANAGED_BY: MANAGED_BY_SEATWARDEN},
            "annotations": {**annotations, OWNER_UID: entry.metadata.uid},
        }
        if collected:
            metadata["ownerReferences"] = [owner_reference(key, entry)]
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "type": "Opaque",
            "stringData": data,
        }
        try:
            return await self.api.create(secret_path(key.namespace), body)
        except Conflict:
            return None

    async def put(
        self,
        key: ObjectKey,
        entry: Entry,
        secret: Secret | None,
        name: str,
        data: dict[str, str],
        *,
        collected: bool,
    ) -> None:
        """Put ``data`` into ``secret`` as it was read, or into a new one of that name where there was none. See `create`.

        Raises:
            RetryLater: it was made, changed or deleted since.
        """
        if secret is not None:
            await self.rewrite(key, secret, data, {})
        elif not await self.create(key, entry, name, data, collected=collected):
            raise RetryLater(f"Secret {name!r} has just been made by another")

    async def rewrite(
        self,
        key: ObjectKey,
        secret: Secret,
        data: dict[str, str],
        annotations: Mapping[str, str | None],
        *,
        dropped: Collection[str] = (),
    ) -> None:
        """Put ``data`` and ``annotations`` into a Secret that was read, in one step; what is ``dropped`` of its data goes, and
        an annotation of None.

        Raises:
            RetryLater: it was changed or deleted since it was read.
        """
        before = secret["metadata"]
        noted = {**(before.get("annotations") or {}), **annotations}
        metadata = before | {"annotations": {name: text for name, text in noted.items() if text is not None}}
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in data.items()}
        kept = {name: text for name, text in (secret.get("data") or {}).items() if name not in dropped}
        changed = secret | {"metadata": metadata, "data": kept | encoded}
        await self._replace(key, changed)

    async def mark(self, key: ObjectKey, secret: Secret, *, owner: Entry | None, collected: bool) -> None:
        """Note in the Secret who owns it now (None: it is retained for a later owner), where it does not say so yet."""
        before = secret["metadata"]
        labels = {k: v for k, v in (before.get("labels") or {}).items() if k != RETAINED}
        annotations = {k: v for k, v in (before.get("annotations") or {}).items() if k != OWNER_UID}
        if owner is None:
            labels[RETAINED] = "true"
        else:
            annotations[OWNER_UID] = owner.metadata.uid
        after = before | {
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [owner_reference(key, owner)] if owner is not None and collected else [],
        }
        if _marks(after) == _marks(before):
            return
        await self._replace(key, secret | {"metadata": after})

    async def _replace(self, key: ObjectKey, secret: Secret) -> None:
        name = secret["metadata"]["name"]
        try:
            await self.api.replace(secret_path(key.namespace, name), secret)
        except (Conflict, NotFound) as error:
            raise RetryLater(f"Secret {name!r} was changed meanwhile") from error


def owner_reference(key: ObjectKey, owner: Entry) -> dict[str, Any]:
    """The reference by which the garbage collector removes what was made for ``owner`` together with it."""
    return {
        "apiVersion": API_VERSION,
        "kind": key.kind.value,
        "name": key.name,
        "uid": owner.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _marks(metadata: dict[str, Any]) -> tuple[object, ...]:
    return (
        metadata.get("labels") or {},
        metadata.get("annotations") or {},
        metadata.get("ownerReferences") or [],
    )
