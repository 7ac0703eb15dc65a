"""Root keys of the provider `Local`: in a Secret beside the Tenant, sealed under the installation's key.

With `Retain` the Secret carries no owner reference, so that not even a finalizer removed by force takes the keys away; a
later Tenant of the same name adopts it. With `Delete` the garbage collector removes it together with the Tenant.
"""

import base64
import binascii
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from seatwarden.backends.installation_keys import InstallationKeys, UnusableKeys, is_sealed
from seatwarden.backends.private_root_key import PrivateRootKey, UnusableKey, generate, read_private
from seatwarden.backends.root_keys import KeptKey, KeyOwner
from seatwarden.domain.root_key import RootAlgorithm
from seatwarden.reconcilers.engine import ObjectKey, RetryLater
from seatwarden.reconcilers.object_store import Entry, ObjectStore
from seatwarden.reconcilers.ownership import OwnedSecrets, Problem, Secret
from seatwarden.resources.names import Kind, root_key_secret
from seatwarden.resources.reasons import Reason
from seatwarden.resources.tenant import DeletionPolicy, Tenant

_FIELD = re.compile(r"(\d{4})\.([0-9a-f]{16})\.(RS256|PS512|ES256|EdDSA)")


@dataclass(slots=True)
class LocalRootKeys:
    """A `RootKeys`, and it raises what reconcilers raise besides: `Problem` and `RetryLater`.

    Without an ``installation`` nothing is sealed. ``new_key`` makes a key.
    """

    store: ObjectStore
    secrets: OwnedSecrets
    installation: InstallationKeys | None
    new_key: Callable[[RootAlgorithm], Awaitable[PrivateRootKey]] = generate

    async def kept(self, owner: KeyOwner) -> tuple[KeptKey, ...]:
        """See `RootKeys.kept`. The Secret is marked as the Tenant's, and sealed anew where an older key sealed it."""
        key, tenant = self._tenant(owner)
        secret = await self.secrets.read(key, tenant, root_key_secret(owner.name))
        if secret is None:
            return ()
        texts = {field: self._open(owner, field, text) for field, text in _fields(secret).items()}
        stale = {
            field: self._sealed(owner, field, pem) for field, (pem, is_new) in texts.items() if not is_new
        }
        if stale:
            await self.secrets.rewrite(key, secret, stale, {})
            raise RetryLater("the root keys were sealed anew and are read once more")
        await self.secrets.mark(key, secret, owner=tenant, collected=_is_collected(tenant))
        return tuple(
            KeptKey(reference=field, public=_read(owner, field, pem).public)
            for field, (pem, _) in sorted(texts.items())
        )

    async def make(self, owner: KeyOwner, algorithm: RootAlgorithm) -> KeptKey:
        """See `RootKeys.make`."""
        key, tenant = self._tenant(owner)
        name = root_key_secret(owner.name)
        made = await self.new_key(algorithm)
        secret = await self.secrets.read(key, tenant, name)
        number = 1 + max((int(field[:4]) for field in _fields(secret or {})), default=0)
        field = f"{number:04}.{made.public.kid}.{algorithm}"
        data = {field: self._sealed(owner, field, made.pem())}
        await self.secrets.put(key, tenant, secret, name, data, collected=_is_collected(tenant))
        return KeptKey(reference=field, public=made.public)

    async def sign(self, owner: KeyOwner, key: KeptKey, signed: bytes) -> bytes:
        """See `RootKeys.sign`."""
        at, tenant = self._tenant(owner)
        secret = await self.secrets.read(at, tenant, root_key_secret(owner.name))
        text = _fields(secret or {}).get(key.reference)
        if text is None:
            raise RetryLater(f"root key {key.public.kid} is not in its Secret any more")
        pem, _ = self._open(owner, key.reference, text)
        return await _read(owner, key.reference, pem).sign(signed)

    async def destroy(self, owner: KeyOwner, reference: str) -> None:
        """See `RootKeys.destroy`."""
        key, tenant = self._tenant(owner)
        secret = await self.secrets.read(key, tenant, root_key_secret(owner.name))
        if secret is not None and reference in _fields(secret):
            await self.secrets.rewrite(key, secret, {}, {}, dropped={reference})

    async def forget(self, owner: KeyOwner, *, destroys: bool) -> None:
        """See `RootKeys.forget`. What is to be destroyed goes with the Tenant by its owner reference."""
        key, tenant = self._tenant(owner)
        if destroys:
            return
        try:
            secret = await self.secrets.read(key, tenant, root_key_secret(owner.name))
        except Problem:
            return
        if secret is not None:
            await self.secrets.mark(key, secret, owner=None, collected=False)

    def _tenant(self, owner: KeyOwner) -> tuple[ObjectKey, Entry]:
        key = ObjectKey(Kind.TENANT, owner.namespace, owner.name)
        entry = self.store.entry(key)
        if entry is None or entry.metadata.uid != owner.uid:
            raise RetryLater(f"Tenant {owner.name} is another one by now")
        return key, entry

    def _sealed(self, owner: KeyOwner, field: str, pem: bytes) -> str:
        return (
            pem.decode() if self.installation is None else self.installation.seal(pem, _place(owner, field))
        )

    def _open(self, owner: KeyOwner, field: str, text: str) -> tuple[bytes, bool]:
        """The key, and whether it is sealed as it would be now."""
        if not is_sealed(text):
            return text.encode(), self.installation is None
        if self.installation is None:
            raise _unusable(owner, "it is sealed, and the operator runs without --installation-key-file")
        try:
            return self.installation.unseal(text, _place(owner, field))
        except UnusableKeys as error:
            raise _unusable(owner, str(error)) from None


def _place(owner: KeyOwner, field: str) -> str:
    """What a key is sealed for. A later Tenant of the same name has the same, which may adopt it."""
    return f"root key {owner.namespace}/{owner.name} {field}"


def _is_collected(tenant: Entry) -> bool:
    return isinstance(tenant, Tenant) and tenant.spec.deletion_policy is DeletionPolicy.DELETE


def _fields(secret: Secret) -> dict[str, str]:
    data = secret.get("data") or {}
    if data and not any(map(_FIELD.fullmatch, data)):
        name = secret["metadata"]["name"]
        raise Problem(
            Reason.SIGNING_KEY_INVALID, _advice(name, "none of its fields is named as a root key is")
        )
    try:
        return {
            field: base64.b64decode(text, validate=True).decode()
            for field, text in data.items()
            if _FIELD.fullmatch(field)
        }
    except (binascii.Error, UnicodeDecodeError):
        name = secret["metadata"]["name"]
        raise Problem(Reason.SIGNING_KEY_INVALID, _advice(name, "its data is no text in base64")) from None


def _read(owner: KeyOwner, field: str, pem: bytes) -> PrivateRootKey:
    try:
        found = read_private(pem, RootAlgorithm(field.rpartition(".")[2]))
    except UnusableKey as error:
        raise _unusable(owner, str(error)) from None
    if found.public.kid not in field:
        raise _unusable(owner, f"{field!r} holds another key than its name says")
    return found


def _unusable(owner: KeyOwner, detail: str) -> Problem:
    return Problem(Reason.SIGNING_KEY_INVALID, _advice(root_key_secret(owner.name), detail))


def _advice(name: str, detail: str) -> str:
    return (
        f"Secret {name!r} holds no usable signing key: {detail}. Restore it from a backup; "
        "delete it only to have a new key, which ends trust in the old one."
    )
