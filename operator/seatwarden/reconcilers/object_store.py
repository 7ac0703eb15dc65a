"""The custom resources as the operator last saw them, with the references between them.

Reconcilers read objects here and never ask the API server for them. Watch events and listings come in through `put`, the
answers of our own writes through `put_answer`; the newest resourceVersion wins, so an event that is older than our own write
brings nothing new. But an answer also has in it what others changed just before, and that is work: it is told as
new when the event about it comes, old or not.
Kubernetes 1.35 and newer promise that resourceVersions of a kind can be compared as numbers (KEP-5504), and every etcd-backed
server before it did so in fact.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from pydantic import ValidationError

from seatwarden.domain.plans import in_plan, pool_in_plan
from seatwarden.domain.seats import PoolUid
from seatwarden.reconcilers.engine import NoSuchObject, ObjectKey
from seatwarden.resources.base import ObjectMeta
from seatwarden.resources.invalid import InvalidResource
from seatwarden.resources.names import Kind
from seatwarden.resources.plans import PlanTable
from seatwarden.resources.seatpool import SeatPool, SeatPoolStatus
from seatwarden.resources.subscription import Subscription, SubscriptionStatus
from seatwarden.resources.tenant import Tenant, TenantStatus


class Change(Enum):
    """What is new in an object."""

    NOTHING = "nothing"
    STATUS = "status"
    INTENT = "intent"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An object whose stored spec breaks a rule of this version. It is shown as such and otherwise left alone.

    ``parent`` is the object to which it refers, as far as that can be told.
    """

    metadata: ObjectMeta
    status: "Status"
    error: str
    parent: ObjectKey | None = None


Status = TenantStatus | SubscriptionStatus | SeatPoolStatus
Resource = Tenant | Subscription | SeatPool
Entry = Resource | Unreadable
_MODELS: dict[Kind, type[Tenant] | type[Subscription] | type[SeatPool]] = {
    Kind.TENANT: Tenant,
    Kind.SUBSCRIPTION: Subscription,
    Kind.SEAT_POOL: SeatPool,
}
_STATUSES: dict[Kind, type[TenantStatus] | type[SubscriptionStatus] | type[SeatPoolStatus]] = {
    Kind.TENANT: TenantStatus,
    Kind.SUBSCRIPTION: SubscriptionStatus,
    Kind.SEAT_POOL: SeatPoolStatus,
}


_NO_PLANS = PlanTable()


@dataclass(slots=True)
class ObjectStore:
    """All known objects, by key, and who refers to whom."""

    plans: dict[str, PlanTable] = field(default_factory=dict)
    """By namespace."""
    _entries: dict[ObjectKey, Entry] = field(default_factory=dict)
    _told: dict[ObjectKey, tuple[object, ...]] = field(default_factory=dict)
    _referrers: dict[ObjectKey, set[ObjectKey]] = field(default_factory=lambda: defaultdict(set))

    def put(self, kind: Kind, body: dict[str, Any]) -> Change:
        """Take in an object, and tell what of it is new."""
        key = key_of(kind, body)
        before = self._entries.get(key)
        entry = self._newest(key, body)
        intent = _intent(entry)
        if self._told.get(key) != intent:
            self._told[key] = intent
            return Change.INTENT
        return Change.STATUS if before is not None and before.status != entry.status else Change.NOTHING

    def is_news(self, key: ObjectKey, body: dict[str, Any]) -> bool:
        """Is ``body`` newer than what is known? A listing may still have an object whose successor the watch has told of."""
        before = self._entries.get(key)
        return before is None or _version(before) < int(body["metadata"]["resourceVersion"])

    def put_answer(self, kind: Kind, body: dict[str, Any]) -> None:
        """Take in the answer of a write of ours to an object. One that went meanwhile does not come back by it."""
        key = key_of(kind, body)
        before = self._entries.get(key)
        if before is not None and before.metadata.uid == body["metadata"]["uid"]:
            self._newest(key, body)

    def drop(self, key: ObjectKey) -> Entry | None:
        """Forget an object; return what it was."""
        self._unlink(key)
        self._told.pop(key, None)
        return self._entries.pop(key, None)

    def entry(self, key: ObjectKey) -> Entry | None:
        """The object of any shape, or None."""
        return self._entries.get(key)

    def existing(self, key: ObjectKey) -> Entry:
        """The object of any shape.

        Raises:
            NoSuchObject: it is gone.
        """
        found = self._entries.get(key)
        if found is None:
            raise NoSuchObject(f"there is no {key.kind} {key.name!r}")
        return found

    def tenant(self, namespace: str, name: str) -> Tenant | None:
        """The readable Tenant of that name, or None."""
        found = self._entries.get(ObjectKey(Kind.TENANT, namespace, name))
        return found if isinstance(found, Tenant) else None

    def subscription(self, namespace: str, name: str) -> Subscription | None:
        """The readable Subscription of that name with what its plan says, or None."""
        found = self._entries.get(ObjectKey(Kind.SUBSCRIPTION, namespace, name))
        return self.in_plan(found) if isinstance(found, Subscription) else None

    def plan_table(self, namespace: str) -> PlanTable:
        """The plans of a namespace."""
        return self.plans.get(namespace, _NO_PLANS)

    def in_plan(self, found: Subscription) -> Subscription:
        """A Subscription with what its plan says where it is silent."""
        return in_plan(found, self.plan_table(found.metadata.namespace))

    def pool_in_plan(self, pool: SeatPool) -> SeatPool:
        """A pool with what the plan of its Subscription says where it is silent."""
        table = self.plans.get(pool.metadata.namespace)
        if table is None:
            return pool
        above = self.subscription(pool.metadata.namespace, pool.spec.subscription_ref.name)
        return pool if above is None else pool_in_plan(pool, above.spec.plan.name, table)

    def pools_of(self, namespace: str, subscription: str) -> list[SeatPool]:
        """The readable pools that refer to that Subscription, with what its plan says."""
        keys = self._referrers.get(ObjectKey(Kind.SUBSCRIPTION, namespace, subscription), ())
        found = [pool for key in keys if isinstance(pool := self._entries.get(key), SeatPool)]
        return [self.pool_in_plan(pool) for pool in found] if namespace in self.plans else found

    def lease_givers(self, subscription: ObjectKey) -> list[PoolUid]:
        """The uids of all pools of a Subscription, readable or not, but those that are being deleted."""
        found = (self._entries.get(key) for key in self._referrers.get(subscription, ()))
        there = (pool.metadata for pool in found if pool is not None)
        return [PoolUid(meta.uid) for meta in there if meta.deletion_timestamp is None]

    def unreadable_pools_of(self, namespace: str, subscription: str) -> list[Unreadable]:
        """The pools that refer to that Subscription and cannot be read."""
        keys = self._referrers.get(ObjectKey(Kind.SUBSCRIPTION, namespace, subscription), ())
        return [pool for key in keys if isinstance(pool := self._entries.get(key), Unreadable)]

    def subscriptions_of(self, namespace: str, tenant: str) -> list[Subscription]:
        """The readable Subscriptions that refer to that Tenant, with what their plans say."""
        keys = self._referrers.get(ObjectKey(Kind.TENANT, namespace, tenant), ())
        return [
            self.in_plan(found) for key in keys if isinstance(found := self._entries.get(key), Subscription)
        ]

    def below(self, key: ObjectKey) -> list[ObjectKey]:
        """The objects that refer to ``key``, and those that refer to them."""
        direct = list(self._referrers.get(key, ()))
        return direct + [deeper for child in direct for deeper in self._referrers.get(child, ())]

    def parent(self, key: ObjectKey) -> ObjectKey | None:
        """The object to which ``key`` refers, whether it exists or not."""
        entry = self._entries.get(key)
        return parent_key(entry) if entry is not None else None

    def keys(self, kind: Kind) -> Iterator[ObjectKey]:
        """All known objects of a kind."""
        return (key for key in list(self._entries) if key.kind is kind)

    def _newest(self, key: ObjectKey, body: dict[str, Any]) -> Entry:
        meta = body["metadata"]
        before = self._entries.get(key)
        if before is not None and not self.is_news(key, body):
            return before
        entry = _parse(key.kind, body)
        if isinstance(entry, Unreadable) and entry.parent is None and before is not None:
            # What an object refers to never changes.
            known = parent_key(before) if before.metadata.uid == meta["uid"] else None
            entry = replace(entry, parent=known)
        self._unlink(key)
        self._entries[key] = entry
        parent = parent_key(entry)
        if parent is not None:
            self._referrers[parent].add(key)
        return entry

    def _unlink(self, key: ObjectKey) -> None:
        before = self._entries.get(key)
        parent = parent_key(before) if before is not None else None
        if parent is not None and (siblings := self._referrers.get(parent)) is not None:
            siblings.discard(key)
            if not siblings:
                del self._referrers[parent]


def parent_key(entry: Entry) -> ObjectKey | None:
    """The object to which ``entry`` refers."""
    match entry:
        case Subscription():
            return ObjectKey(Kind.TENANT, entry.metadata.namespace, entry.spec.tenant_ref.name)
        case SeatPool():
            return ObjectKey(Kind.SUBSCRIPTION, entry.metadata.namespace, entry.spec.subscription_ref.name)
        case Unreadable():
            return entry.parent
        case _:
            return None


def key_of(kind: Kind, body: dict[str, Any]) -> ObjectKey:
    """The key of an object as it is on the wire."""
    return ObjectKey(kind, body["metadata"]["namespace"], body["metadata"]["name"])


def _parse(kind: Kind, body: dict[str, Any]) -> Entry:
    try:
        return _MODELS[kind].parse(body)
    except InvalidResource as error:
        return Unreadable(
            ObjectMeta.model_validate(body["metadata"]),
            _readable_status(kind, body),
            str(error),
            _readable_parent(kind, body),
        )


def _readable_status(kind: Kind, body: dict[str, Any]) -> Status:
    try:
        return _STATUSES[kind].model_validate(body.get("status", {}))
    except ValidationError:
        return _STATUSES[kind]()


def _readable_parent(kind: Kind, body: dict[str, Any]) -> ObjectKey | None:
    namespace = body["metadata"]["namespace"]
    match kind, body.get("spec"):
        case Kind.SUBSCRIPTION, {"tenantRef": {"name": str(name)}}:
            return ObjectKey(Kind.TENANT, namespace, name)
        case Kind.SEAT_POOL, {"subscriptionRef": {"name": str(name)}}:
            return ObjectKey(Kind.SUBSCRIPTION, namespace, name)
        case _:
            return None


def _version(entry: Entry) -> int:
    return int(entry.metadata.resource_version)


def _intent(entry: Entry) -> tuple[object, ...]:
    """What people want of an object; other labels and annotations are nobody's business here."""
    meta = entry.metadata
    asked = (
        meta.reconcile_requested_at,
        meta.rotate_licence_key_requested_at,
        meta.rotate_signing_key_requested_at,
        meta.remove_device_requested,
        meta.portal_link_requested_at,
    )
    return (meta.uid, meta.generation, meta.deletion_timestamp, meta.finalizers, asked)
