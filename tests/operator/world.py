"""What an operator test sees: a namespace of a real API server, a real Valkey, and an operator to start and stop."""

import asyncio
import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.kubernetes_api import KubernetesApi, NotFound
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.backends.redis_keys import AUTHORITY_KEYS
from seatwarden.domain.durability import VOLATILE, Durability
from seatwarden.domain.licence_key import LicenceKey, parse_licence_key
from seatwarden.domain.seats import AcquireRequest, Grant, Refusal
from seatwarden.local.identities import OPERATOR
from seatwarden.local.plane_access import PlaneAccess
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.paths import collection_path, object_path, secret_path
from seatwarden.resources.names import API_VERSION, Kind
from seatwarden.resources.permissions import operator_manifests
from seatwarden.runtime.operator_process import run_operator
from seatwarden.runtime.operator_settings import OperatorSettings

PATIENCE_SECONDS = 20.0
INSTALLATION = InstallationKeys([bytes(range(32))])
COLLECTOR_PATIENCE_SECONDS = 60.0
Body = dict[str, Any]


def holder(number: int) -> str:
    """A hardware id."""
    return f"{number:064x}"


@dataclass(slots=True)
class World:
    """One test's cluster, seats and operator."""

    cluster: PlaneAccess
    api: KubernetesApi
    namespace: str
    redis_url: str
    seats: RedisSeatAuthority
    durability: Durability = VOLATILE
    deletion_patience: timedelta = timedelta(minutes=10)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _operator: asyncio.Task[int] | None = None

    def settings(self, **changes: Any) -> OperatorSettings:
        """How the operator runs here: with no more rights than in a cluster, and in this namespace only."""
        told: dict[str, Any] = {
            "redis_url": self.redis_url,
            "installation_keys": INSTALLATION,
            "durability": self.durability,
            "kubeconfig": self.cluster.kubeconfig(OPERATOR),
            "namespaces": (self.namespace,),
            "identity": "operator-under-test",
            "election_namespace": None,
            "health_host": "127.0.0.1",
            "health_port": 0,
            "status_interval": 0.2,
            "deletion_patience": self.deletion_patience,
        }
        return OperatorSettings(**(told | changes))

    async def start_operator(self, **changes: Any) -> None:
        """Start an operator in this process."""
        self._stop = asyncio.Event()
        self._operator = asyncio.create_task(run_operator(self.settings(**changes), self._stop))

    async def stop_operator(self) -> None:
        """Stop it, and wait until it has gone."""
        if self._operator is not None:
            self._stop.set()
            await self._operator
            self._operator = None

    async def tenant(self, name: str = "acme", **spec: Any) -> ObjectKey:
        """Create a Tenant."""
        return await self._create(Kind.TENANT, name, spec)

    async def subscription(
        self, name: str = "team", *, seats: int | None = 5, tenant: str = "acme", **spec: Any
    ) -> ObjectKey:
        """Create a Subscription; with None for ``seats`` it has those of its plan."""
        wanted = {"tenantRef": {"name": tenant}, "plan": {"name": "team"}, **spec}
        if seats is not None:
            wanted["seats"] = seats
        return await self._create(Kind.SUBSCRIPTION, name, wanted)

    async def pool(
        self, name: str = "dev", *, seats: int = 5, subscription: str = "team", **spec: Any
    ) -> ObjectKey:
        """Create a SeatPool."""
        wanted = {"subscriptionRef": {"name": subscription}, "seats": seats, **spec}
        return await self._create(Kind.SEAT_POOL, name, wanted)

    async def younger_pool(self, name: str, *, than: ObjectKey, seats: int) -> ObjectKey:
        """Create a SeatPool in a later second than ``than``: the age by which pools are served is in seconds."""
        made = datetime.fromisoformat((await self.get(than))["metadata"]["creationTimestamp"])
        await asyncio.sleep((made + timedelta(seconds=1) - datetime.now(UTC)).total_seconds())
        return await self.pool(name, seats=seats)

    async def customer(self) -> ObjectKey:
        """All three, Ready; the key of the pool."""
        await self.tenant()
        await self.subscription()
        pool = await self.pool()
        await self.until_ready(pool)
        return pool

    async def get(self, key: ObjectKey) -> Body:
        """The resource as it is now; its status is empty where nothing was reported yet."""
        return {"status": {}} | await self.api.get(object_path(key))

    async def patch_spec(self, key: ObjectKey, **spec: Any) -> None:
        """Change fields of the spec, as kubectl patch does."""
        operations = [{"op": "add", "path": f"/spec/{name}", "value": value} for name, value in spec.items()]
        await self.api.patch(object_path(key), operations)

    async def annotate(self, key: ObjectKey, name: str, value: str) -> None:
        """Set an annotation."""
        merged = f'{{"metadata":{{"annotations":{{"{name}":"{value}"}}}}}}'
        await self.cluster.kubectl(
            *("patch", key.kind.singular, key.name, "-n", self.namespace, "--type=merge", "-p", merged)
        )

    async def delete(self, key: ObjectKey) -> None:
        """Ask for a deletion."""
        await self.api.delete(object_path(key))

    async def secret(self, name: str) -> Body:
        """A Secret of the namespace."""
        return await self.api.get(secret_path(self.namespace, name))

    async def licence_key(self, pool: str = "dev", *, group: str = "") -> LicenceKey:
        """The licence key that a customer would be given: that of the pool, or of a group."""
        secret = await self.secret(f"{pool}-licence")
        field = f"{group}.licence-key" if group else "licence-key"
        key = parse_licence_key(base64.b64decode(secret["data"][field]).decode())
        assert key is not None
        return key

    async def licence_key_ids(self) -> list[str]:
        """The public ids of all licence keys, pool by pool, the newest of each first."""
        pools = [pool async for pool in self.api.list(collection_path(Kind.SEAT_POOL, self.namespace))]
        return [key["id"] for pool in pools for key in pool.get("status", {}).get("licenceKeys", ())]

    async def acquire(self, number: int, pool: str = "dev", **details: Any) -> Grant | Refusal:
        """Take a seat for machine ``number`` with the key in the pool's Secret."""
        key = await self.licence_key(pool)
        wish = AcquireRequest(key_hash=key.sha256, holder=holder(number), **details)
        return await self.seats.acquire(key.pool, wish)

    async def until(self, key: ObjectKey, holds: Callable[[Body], bool]) -> Body:
        """The resource as soon as ``holds`` is true of it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = await self.get(key)
            if holds(found):
                return found
            assert time.monotonic() < deadline, f"{key.kind} {key.name} stayed so: {found.get('status')}"
            await asyncio.sleep(0.05)

    async def until_ready(self, key: ObjectKey) -> Body:
        """The resource as soon as it is Ready for its present generation."""
        return await self.until(key, is_ready)

    async def until_reason(self, key: ObjectKey, reason: str) -> Body:
        """The resource as soon as Ready has that reason."""
        return await self.until(key, lambda found: condition(found).get("reason") == reason)

    async def until_told(self, *reasons: str) -> None:
        """Wait for Events with these reasons. An Event is posted after the status that it tells of."""
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not {*reasons} <= {event["reason"] async for event in self.api.list(path)}:  # noqa: ASYNC110  # seen from outside only
                await asyncio.sleep(0.05)

    async def until_gone(self, key: ObjectKey) -> None:
        """Return when there is no such resource any more."""
        await self.until_not_found(object_path(key))

    async def until_not_found(self, path: str, within: float = PATIENCE_SECONDS) -> None:
        """Return when there is nothing at ``path`` any more."""
        deadline = time.monotonic() + within
        while True:
            try:
                found = await self.api.get(path)
            except NotFound:
                return
            assert time.monotonic() < deadline, f"{path} is still there: {found}"
            await asyncio.sleep(0.05)

    async def until_seats_are_counted(self, used: int) -> None:
        """Return when the operator, which runs in this process, knows that so many are used and has done what follows."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while REGISTRY.get_sample_value("seatwarden_seats", {"what": "used"}) != used:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        swept = REGISTRY.get_sample_value("seatwarden_pool_sweeps_total", {"result": "ok"})
        while REGISTRY.get_sample_value("seatwarden_pool_sweeps_total", {"result": "ok"}) == swept:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)

    async def until_collected(self, name: str, key: LicenceKey) -> None:
        """Return when no Secret of that name holds the licence key any more."""
        deadline = time.monotonic() + COLLECTOR_PATIENCE_SECONDS
        while True:
            try:
                secret = await self.secret(name)
            except NotFound:
                return
            if base64.b64decode(secret["data"]["licence-key"]).decode() != key.text:
                return
            assert time.monotonic() < deadline, f"Secret {name} was not collected"
            await asyncio.sleep(0.05)

    async def _create(self, kind: Kind, name: str, spec: Body) -> ObjectKey:
        body = {"apiVersion": API_VERSION, "kind": kind.value, "metadata": {"name": name}, "spec": spec}
        await self.api.create(collection_path(kind, self.namespace), body)
        return ObjectKey(kind, self.namespace, name)


async def permit_operator(cluster: PlaneAccess) -> None:
    """Give the operator its rights in a cluster. To do it again changes nothing."""
    manifests = yaml.safe_dump_all(operator_manifests())
    await cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=manifests)


def condition(resource: Body, kind: str = "Ready") -> Body:
    """One condition of a resource, or an empty one."""
    conditions = resource.get("status", {}).get("conditions", ())
    return next((item for item in conditions if item["type"] == kind), {})


def is_ready(resource: Body) -> bool:
    """Is it Ready, and is that said of its present generation?"""
    ready = condition(resource)
    return ready.get("status") == "True" and ready["observedGeneration"] == resource["metadata"]["generation"]


async def keys_of_pools(redis: Redis) -> list[bytes | str]:
    """All keys in Redis but the one that belongs to the authority as a whole, and those of Tenants."""
    kept = (AUTHORITY_KEYS.authority.encode(), b":jwks", b":revocations")
    return [key for key in await redis.keys() if isinstance(key, bytes) and not key.endswith(kept)]
