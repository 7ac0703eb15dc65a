"""Turns a Tenant's root keys: makes, publishes, hands over and ends them as `seatwarden.domain.root_rotation` says."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.private_root_key import UnusableKey, read_public
from seatwarden.backends.root_keys import KeptKey, KeyOwner, RootKeyRefused, RootKeysAway
from seatwarden.domain.compact_jws import signed_token
from seatwarden.domain.root_rotation import Kept, RootKeyRecord, RotationWish, Step, public_set, signing, step
from seatwarden.domain.signed_document import DocumentKind, WrittenDocument, document_input, read_written
from seatwarden.domain.signing_budget import SigningBudget
from seatwarden.reconcilers import metrics
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.ownership import Problem
from seatwarden.reconcilers.published_keys import PublishedKeys
from seatwarden.reconcilers.root_key_places import RootKeyPlaces
from seatwarden.resources.reasons import Reason
from seatwarden.resources.signing import SigningKey
from seatwarden.resources.tenant import Tenant

_MOST_STEPS = 5
NOT_PUBLISHED_AGAIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyringRun:
    """What a turn found. ``met_request`` is the request for another key that is met by now.

    ``trouble`` is why the key that signs cannot do so just now.
    """

    records: tuple[RootKeyRecord, ...]
    met_request: str | None
    trouble: str | None = None
    waits_until: datetime | None = None
    changes_at: datetime | None = None
    is_published: bool = True

    @property
    def signs(self) -> RootKeyRecord | None:
        """The key that signs."""
        return signing(self.records)


@dataclass(slots=True)
class RootKeyrings:
    """Over the places that Tenants choose."""

    places: RootKeyPlaces
    published: PublishedKeys
    now: Callable[[], datetime]
    budget: SigningBudget = field(default_factory=SigningBudget)

    async def turn(self, key: ObjectKey, tenant: Tenant, longest_lease: timedelta) -> KeyringRun:
        """Do what is due for the keys of ``tenant``, whose pools sign leases for ``longest_lease`` at most.

        Raises:
            Problem: the keys cannot be read or made; the message says who can change that.
            RetryLater: something was changed meanwhile.
        """
        with _told():
            return await self._turn(key, tenant, longest_lease)

    async def forget(self, tenant: Tenant, *, destroys: bool) -> None:
        """The Tenant goes; see `RootKeys.forget`. Raises `AuthorityUnavailable`, `RootKeysAway` and `RootKeyRefused`."""
        await self.published.withdraw(tenant)
        await self.places.of(tenant).forget(owner_of(tenant), destroys=destroys)
        self.places.forget(tenant)
        self.budget.forget(tenant.metadata.uid)

    async def document(
        self,
        tenant: Tenant,
        signer: SigningKey,
        kind: DocumentKind,
        claims: Mapping[str, object],
        *,
        before: str,
    ) -> tuple[str, WrittenDocument]:
        """A document of ``tenant`` that says ``claims`` by its key ``signer``: the one ``before``, or one signed now.

        Raises as `turn` does.
        """
        written = read_written(before)
        if written is not None and written.is_as(kind, claims, signer.kid, self._now()):
            return before, written
        text = await self._signed(tenant, signer, kind, claims)
        written = read_written(text)
        assert written is not None, "we have just written it"
        return text, written

    async def _signed(
        self, tenant: Tenant, signer: SigningKey, kind: DocumentKind, claims: Mapping[str, object]
    ) -> str:
        again = self.budget.spend(tenant.metadata.uid, self.now())
        if again is not None:
            note = f"{self.budget.limit} documents were signed within a day, and no more are until {again:%Y-%m-%d %H:%M:%S} UTC."
            raise Problem(Reason.SIGNING_BUDGET_SPENT, note)
        signed = document_input(kind, claims, algorithm=signer.algorithm, kid=signer.kid, now=self._now())
        metrics.ROOT_SIGNATURES.labels(provider=tenant.spec.signing.provider).inc()
        return signed_token(signed, await self._sign(tenant, signer, signed))

    async def _sign(self, tenant: Tenant, signer: SigningKey, signed: bytes) -> bytes:
        place = self.places.of(tenant)
        key = KeptKey(reference=signer.reference, public=read_public(signer.public_key, signer.algorithm))
        with _told():
            return await place.sign(owner_of(tenant), key, signed)

    async def _turn(self, key: ObjectKey, tenant: Tenant, longest_lease: timedelta) -> KeyringRun:
        place, owner = self.places.of(tenant), owner_of(tenant)
        wish, request = _wish(tenant, longest_lease), tenant.metadata.rotate_signing_key_requested_at
        records, kept = remembered(tenant), list(await place.kept(owner))
        published: Sequence[str] = ()
        found = Step(records=records)
        for _ in range(_MOST_STEPS):
            found = step(records, [_found(each) for each in kept], wish, published=published, now=self._now())
            for reference in found.destroys:
                await place.destroy(owner, reference)
                kept = [each for each in kept if each.reference != reference]
            if found.makes:
                kept.append(await place.make(owner, wish.algorithm))
                wish = replace(wish, is_requested=False)
            elif published and found.records == records:
                break
            records = found.records
            published = await self._publish(key, tenant, records) if not found.makes else ()
        signs = signing(found.records)
        trouble = next((each.trouble for each in kept if signs and each.reference == signs.reference), None)
        return KeyringRun(
            records=found.records,
            met_request=tenant.status.last_handled_rotate_signing_key_at if wish.is_requested else request,
            trouble=trouble,
            waits_until=found.waits_until,
            changes_at=found.changes_at,
            is_published=bool(published),
        )

    async def _publish(
        self, key: ObjectKey, tenant: Tenant, records: Sequence[RootKeyRecord]
    ) -> Sequence[str]:
        keys = public_set(records)
        try:
            await self.published.publish(key, tenant, keys)
        except AuthorityUnavailable:
            return ()
        return [each.kid for each in keys]

    def _now(self) -> datetime:
        return self.now().replace(microsecond=0)


@contextmanager
def _told() -> Iterator[None]:
    """What places of keys raise becomes what the status is to tell."""
    try:
        yield
    except RootKeysAway as error:
        raise Problem(Reason.SIGNING_KEYS_AWAY, str(error)) from error
    except RootKeyRefused as error:
        raise Problem(Reason.SIGNING_KEY_REFUSED, str(error)) from error


def owner_of(tenant: Tenant) -> KeyOwner:
    """Whose keys those of ``tenant`` are."""
    meta = tenant.metadata
    return KeyOwner(namespace=meta.namespace, name=meta.name, uid=meta.uid)


def remembered(tenant: Tenant) -> tuple[RootKeyRecord, ...]:
    """The keys as the status has them. One that cannot be read there is not remembered."""
    records = []
    for told in tenant.status.signing_keys:
        try:
            public = read_public(told.public_key, told.algorithm)
        except UnusableKey:
            continue
        records.append(
            RootKeyRecord(
                public=public,
                reference=told.reference,
                state=told.state,
                since=told.state_since,
                longest_lease=timedelta(seconds=told.longest_lease_seconds),
                compromised=told.compromised,
            )
        )
    return tuple(records)


def told_keys(records: Sequence[RootKeyRecord]) -> tuple[SigningKey, ...]:
    """The keys as the status is to have them."""
    return tuple(
        SigningKey(
            kid=each.kid,
            state=each.state,
            state_since=each.since,
            algorithm=each.public.algorithm,
            reference=each.reference,
            longest_lease_seconds=int(each.longest_lease.total_seconds()),
            compromised=each.compromised,
            public_key=each.public.public_pem,
        )
        for each in records
    )


def _wish(tenant: Tenant, longest_lease: timedelta) -> RotationWish:
    wanted, request = tenant.spec.signing, tenant.metadata.rotate_signing_key_requested_at
    return RotationWish(
        algorithm=wanted.algorithm,
        period=wanted.rotation_period,
        is_requested=request is not None and request != tenant.status.last_handled_rotate_signing_key_at,
        compromised=wanted.compromised,
        longest_lease=longest_lease,
    )


def _found(kept: KeptKey) -> Kept:
    return Kept(public=kept.public, reference=kept.reference, ends=kept.ends)
