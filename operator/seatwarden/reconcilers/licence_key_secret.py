"""The Secret with a pool's licence key: made once, read at every run, never overwritten."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

from seatwarden.domain.licence_key import SECRET_BYTES, LicenceKey, new_licence_key, parse_licence_key
from seatwarden.domain.seats import PoolUid
from seatwarden.reconcilers.engine import ObjectKey, RetryLater
from seatwarden.reconcilers.object_store import Entry
from seatwarden.reconcilers.ownership import OwnedSecrets, Problem, Secret
from seatwarden.resources.names import LICENCE_KEY_FIELD, licence_key_secret
from seatwarden.resources.reasons import Reason
from seatwarden.resources.seatpool import SeatPool


@dataclass(slots=True)
class LicenceKeySecrets:
    """``random_bytes`` gives that many bytes fit for a secret."""

    secrets: OwnedSecrets
    random_bytes: Callable[[int], bytes]

    async def ensure(self, key: ObjectKey, pool: SeatPool) -> LicenceKey:
        """The pool's licence key, made now if there is none.

        Raises:
            Problem: the Secret is not ours, or holds no key of this pool.
        """
        name = licence_key_secret(pool.metadata.name)
        uid = PoolUid(pool.metadata.uid)
        # A pool that was never provisioned has no Secret yet, as a rule: the look is saved, a conflict brings it back.
        secret = await self.secrets.read(key, pool, name) if pool.status.epoch is not None else None
        if secret is None:
            made = new_licence_key(uid, self.random_bytes(SECRET_BYTES))
            if await self.secrets.create(key, pool, name, {LICENCE_KEY_FIELD: made.text}, collected=True):
                return made
            secret = await self.secrets.read(key, pool, name)
        if secret is None:
            raise RetryLater(f"Secret {name!r} was removed just now")
        return _read(secret, name, uid)

    async def is_there(self, key: ObjectKey, pool: Entry) -> bool:
        """Was the key of ``pool`` made? A Secret of that name that is somebody else's is none.

        Raises:
            RetryLater: a pool that had this name before still has its key.
        """
        try:
            return await self.secrets.read(key, pool, licence_key_secret(pool.metadata.name)) is not None
        except Problem:
            return False


def _read(secret: Secret, name: str, pool: PoolUid) -> LicenceKey:
    try:
        text = base64.b64decode((secret.get("data") or {})[LICENCE_KEY_FIELD], validate=True).decode()
    except (KeyError, binascii.Error, UnicodeDecodeError):
        text = ""
    parsed = parse_licence_key(text.strip())
    if parsed is None or parsed.pool != pool:
        raise Problem(
            Reason.INVALID_SECRET,
            f"Secret {name!r} holds no licence key of this pool under {LICENCE_KEY_FIELD!r}. "
            "Restore it from a backup, or delete it to have a new key made (the old key then stops working).",
        )
    return parsed
