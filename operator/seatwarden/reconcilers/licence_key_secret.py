"""The Secret with a pool's licence keys: made once, read at every run, rewritten only to rotate them or for another group.

Beside the newest keys it has, as annotations, what must outlive everything else: the hashes of the earlier keys that still
open the pool, and the request for which the key was made. All of it changes in one write.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

import orjson

from seatwarden.domain.key_ring import EarlierKey, KeyRing, Keys, Turn, turned
from seatwarden.domain.licence_key import SECRET_BYTES, LicenceKey, new_licence_key, parse_licence_key
from seatwarden.domain.seats import PoolUid
from seatwarden.reconcilers.engine import ObjectKey, RetryLater
from seatwarden.reconcilers.object_store import Entry
from seatwarden.reconcilers.ownership import OwnedSecrets, Problem, Secret
from seatwarden.resources.names import (
    EARLIER_GROUP_KEYS,
    EARLIER_LICENCE_KEYS,
    GROUP_KEY_SUFFIX,
    LICENCE_KEY_FIELD,
    LICENCE_KEY_ROTATED_FOR,
    licence_key_secret,
)
from seatwarden.resources.reasons import Reason
from seatwarden.resources.rules import format_instant
from seatwarden.resources.seatpool import MOST_LICENCE_KEYS, SeatPool

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LAST_YEAR = 2999
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KeptRing:
    """The keys of a pool, and the Secret from which they were read."""

    ring: KeyRing
    secret: Secret


@dataclass(slots=True)
class LicenceKeySecrets:
    """``random_bytes`` gives that many bytes fit for a secret."""

    secrets: OwnedSecrets
    random_bytes: Callable[[int], bytes]

    async def ensure(self, key: ObjectKey, pool: SeatPool) -> KeptRing:
        """The pool's licence keys; one is made now if there is none. A key just made meets every request for a new one.

        Raises:
            Problem: the Secret is not ours, or holds no key of this pool.
        """
        name = licence_key_secret(pool.metadata.name)
        uid = PoolUid(pool.metadata.uid)
        # A pool that was never provisioned has no Secret yet, as a rule: the look is saved, a conflict brings it back.
        secret = await self.secrets.read(key, pool, name) if pool.status.epoch is not None else None
        if secret is None:
            request = pool.metadata.rotate_licence_key_requested_at
            made = KeyRing(newest=self._new_key(uid), rotated_for=request)
            noted = {} if request is None else {LICENCE_KEY_ROTATED_FOR: request}
            data = {LICENCE_KEY_FIELD: made.newest.text}
            created = await self.secrets.create(key, pool, name, data, collected=True, annotations=noted)
            if created is not None:
                return KeptRing(made, created)
            secret = await self.secrets.read(key, pool, name)
        if secret is None:
            raise RetryLater(f"Secret {name!r} was removed just now")
        return KeptRing(_read(secret, name, uid, _with_own_key(pool)), secret)

    def turn(self, pool: SeatPool, ring: KeyRing, *, now: datetime, may_rotate: bool) -> Turn:
        """What ``ring`` is to be now. Nothing is written before `save`."""
        request = pool.metadata.rotate_licence_key_requested_at if may_rotate else None
        groups = _with_own_key(pool) if may_rotate else tuple(ring.groups)
        if request is not None and request == pool.status.last_handled_rotate_licence_key_at:
            # Somebody has put an older Secret back, which does not know of this request. It was met all the same.
            ring = replace(ring, rotated_for=request)
        return turned(
            ring,
            request=request,
            overlap=pool.spec.licence_key.overlap,
            now=now,
            new_key=lambda: self._new_key(PoolUid(pool.metadata.uid)),
            groups=groups,
        )

    async def save(self, key: ObjectKey, kept: KeptRing, ring: KeyRing) -> None:
        """Write ``ring`` into the Secret, where it is another one.

        Raises:
            RetryLater: the Secret was changed or deleted since it was read.
        """
        if ring.all_keys() == kept.ring.all_keys():
            return
        of_groups = {name: keys.earlier for name, keys in ring.groups.items() if keys.earlier}
        noted = {
            EARLIER_LICENCE_KEYS: _written(ring.earlier) if ring.earlier else None,
            EARLIER_GROUP_KEYS: _written_by_group(of_groups) if of_groups else None,
            LICENCE_KEY_ROTATED_FOR: ring.rotated_for,
        }
        data = {LICENCE_KEY_FIELD: ring.newest.text}
        data |= {name + GROUP_KEY_SUFFIX: keys.newest.text for name, keys in ring.groups.items()}
        dropped = [name + GROUP_KEY_SUFFIX for name in kept.ring.groups if name not in ring.groups]
        await self.secrets.rewrite(key, kept.secret, data, noted, dropped=dropped)

    async def is_there(self, key: ObjectKey, pool: Entry) -> bool:
        """Was the key of ``pool`` made? A Secret of that name that is somebody else's is none.

        Raises:
            RetryLater: a pool that had this name before still has its key.
        """
        try:
            return await self.secrets.read(key, pool, licence_key_secret(pool.metadata.name)) is not None
        except Problem:
            return False

    def _new_key(self, pool: PoolUid) -> LicenceKey:
        return new_licence_key(pool, self.random_bytes(SECRET_BYTES))


def _with_own_key(pool: SeatPool) -> tuple[str, ...]:
    return tuple(group.name for group in pool.spec.groups if group.licence_key)


def _read(secret: Secret, name: str, pool: PoolUid, groups: Sequence[str]) -> KeyRing:
    data, noted = secret.get("data") or {}, secret["metadata"].get("annotations") or {}
    earlier = _parsed(noted, EARLIER_LICENCE_KEYS, name, _earlier)
    of_groups = _parsed(noted, EARLIER_GROUP_KEYS, name, _earlier_by_group)
    rings = {}
    for field in data:
        group = field.removesuffix(GROUP_KEY_SUFFIX)
        if group != field and (group in groups or _key_in(data, field, pool) is not None):
            newest = _required_key(data, field, pool, name)
            rings[group] = Keys(newest=newest, earlier=of_groups.get(group, ()))
    return KeyRing(
        newest=_required_key(data, LICENCE_KEY_FIELD, pool, name),
        earlier=earlier,
        rotated_for=noted.get(LICENCE_KEY_ROTATED_FOR),
        groups=rings,
    )


def _key_in(data: Mapping[str, str], field: str, pool: PoolUid) -> LicenceKey | None:
    try:
        text = base64.b64decode(data[field], validate=True).decode()
    except (KeyError, binascii.Error, UnicodeDecodeError):
        return None
    parsed = parse_licence_key(text.strip())
    return parsed if parsed is not None and parsed.pool == pool else None


def _required_key(data: Mapping[str, str], field: str, pool: PoolUid, name: str) -> LicenceKey:
    key = _key_in(data, field, pool)
    if key is None:
        raise Problem(
            Reason.INVALID_SECRET,
            f"Secret {name!r} holds no licence key of this pool under {field!r}. "
            "Restore it from a backup, or delete it to have a new key made (all earlier keys then stop working).",
        )
    return key


def _parsed(noted: Mapping[str, str], annotation: str, name: str, parse: Callable[[Any], T]) -> T:
    try:
        return parse(orjson.loads(noted.get(annotation, "{}")))
    except (ValueError, TypeError, AttributeError) as error:
        raise Problem(
            Reason.INVALID_SECRET,
            f"The annotation {annotation} of Secret {name!r} cannot be read. "
            "Restore it from a backup, or remove the annotation (the earlier keys then stop working).",
        ) from error


def _earlier_by_group(told: Any) -> dict[str, tuple[EarlierKey, ...]]:
    return {group: _earlier(keys) for group, keys in told.items()}


def _earlier(told: Any) -> tuple[EarlierKey, ...]:
    keys = []
    for sha256, replaced_at in told.items():
        instant = datetime.fromisoformat(replaced_at)
        if _SHA256.fullmatch(sha256) is None or instant.utcoffset() is None or instant.year > _LAST_YEAR:
            raise ValueError(sha256)
        keys.append(EarlierKey(sha256=sha256, replaced_at=instant))
    if len(keys) >= MOST_LICENCE_KEYS:
        raise ValueError(told)
    return tuple(keys)


def _written(earlier: tuple[EarlierKey, ...]) -> str:
    return orjson.dumps(_by_hash(earlier)).decode()


def _written_by_group(earlier: Mapping[str, tuple[EarlierKey, ...]]) -> str:
    return orjson.dumps({group: _by_hash(keys) for group, keys in earlier.items()}).decode()


def _by_hash(earlier: tuple[EarlierKey, ...]) -> dict[str, str]:
    return {key.sha256: format_instant(key.replaced_at) for key in earlier}
