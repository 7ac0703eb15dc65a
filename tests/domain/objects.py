"""The three kinds as the API server gives them: bodies to be read, and the resources that are read from them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from seatwarden.domain.seats import Millis, PoolConfig, PoolState, PoolUid
from seatwarden.resources.names import API_VERSION, Kind
from seatwarden.resources.seatpool import SeatPool
from seatwarden.resources.subscription import Subscription
from seatwarden.resources.tenant import Tenant

Body = dict[str, Any]

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
NAMESPACE = "shop"


def uid_of(name: str) -> PoolUid:
    """The uid that the object ``name`` has here unless a test gives it another."""
    return PoolUid(str(uuid5(NAMESPACE_OID, name)))


def pool_config(**changes: Any) -> PoolConfig:
    """What a pool is to have at the authority: five seats and the usual lengths, but for ``changes``."""
    config = PoolConfig(
        tenant_uid="tenant",
        generation=1,
        epoch=1,
        state=PoolState.ACTIVE,
        capacity=5,
        lease=Millis(360_000),
        heartbeat=Millis(120_000),
        signed_for=Millis(86_400_000),
        valid_until=None,
        key_ids={"a" * 64: "a" * 10},
        document="{}",
    )
    return replace(config, **changes)


def tenant_body(
    name: str = "acme", *, spec: Mapping[str, Any] = {}, status: Body | None = None, **metadata: Any
) -> Body:
    """A Tenant; ``metadata`` is as on the wire."""
    return _body(Kind.TENANT, name, spec, status, metadata)


def subscription_body(
    name: str = "team",
    *,
    seats: int = 5,
    tenant: str = "acme",
    spec: Mapping[str, Any] = {},
    status: Body | None = None,
    **metadata: Any,
) -> Body:
    """A Subscription; ``metadata`` is as on the wire."""
    wanted = {"tenantRef": {"name": tenant}, "plan": {"name": "team"}, "seats": seats, **spec}
    return _body(Kind.SUBSCRIPTION, name, wanted, status, metadata)


def pool_body(
    name: str = "dev",
    *,
    seats: int = 5,
    subscription: str = "team",
    spec: Mapping[str, Any] = {},
    status: Body | None = None,
    **metadata: Any,
) -> Body:
    """A SeatPool; ``metadata`` is as on the wire."""
    wanted = {"subscriptionRef": {"name": subscription}, "seats": seats, **spec}
    return _body(Kind.SEAT_POOL, name, wanted, status, metadata)


def tenant(**told: Any) -> Tenant:
    """The Tenant of `tenant_body`."""
    return Tenant.parse(tenant_body(**told))


def subscription(**told: Any) -> Subscription:
    """The Subscription of `subscription_body`."""
    return Subscription.parse(subscription_body(**told))


def pool(**told: Any) -> SeatPool:
    """The SeatPool of `pool_body`."""
    return SeatPool.parse(pool_body(**told))


def _body(kind: Kind, name: str, spec: Mapping[str, Any], status: Body | None, metadata: Body) -> Body:
    usual = {
        "name": name,
        "namespace": NAMESPACE,
        "uid": uid_of(name),
        "generation": 1,
        "resourceVersion": "1",
        "creationTimestamp": "2027-03-01T12:00:00Z",
    }
    body = {
        "apiVersion": API_VERSION,
        "kind": kind.value,
        "metadata": usual | metadata,
        "spec": dict(spec),
    }
    return body if status is None else body | {"status": status}
