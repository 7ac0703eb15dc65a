"""All reconcilers together as the operator runs them, in virtual time, over an API server and an authority in memory."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from kubernetes.aio.client import Configuration

from seatwarden.backends.authority import StaleTerm
from seatwarden.backends.google_kms_connection import KmsConnection
from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.kubernetes_connection import KubernetesConnection
from seatwarden.backends.private_root_key import PrivateRootKey
from seatwarden.domain.root_key import RootAlgorithm
from seatwarden.domain.seats import Millis, PoolCounts, PoolUid
from seatwarden.reconcilers.controller import Controller, ControllerSettings
from seatwarden.reconcilers.engine import ObjectKey, RetryLater
from seatwarden.reconcilers.paths import object_path
from seatwarden.resources.names import Kind
from tests.domain.objects import NAMESPACE, Body, pool_body, subscription_body, tenant_body
from tests.reconcilers.authority_in_memory import AuthorityInMemory
from tests.reconcilers.documents_in_memory import DocumentsInMemory
from tests.reconcilers.identities_in_memory import IdentitiesInMemory
from tests.reconcilers.kubernetes_in_memory import KubernetesInMemory

DEV = ObjectKey(Kind.SEAT_POOL, NAMESPACE, "dev")


async def _confirm_term(stale: StaleTerm) -> None:
    raise stale


async def _no_root_key(_: RootAlgorithm) -> PrivateRootKey:
    raise RetryLater("there is no key here")


@dataclass
class ControlRoom:
    """A Tenant, its Subscription and one SeatPool; people write to the API and the watch tells of it.

    Unless it is said how to make one, there is no root key. The time of day goes with the loop's from ``begins`` on, and is
    the real one where that is None.
    """

    api: KubernetesInMemory = field(default_factory=KubernetesInMemory)
    authority: AuthorityInMemory = field(default_factory=AuthorityInMemory)
    identities: IdentitiesInMemory = field(default_factory=IdentitiesInMemory)
    documents: DocumentsInMemory = field(default_factory=DocumentsInMemory)
    installation: InstallationKeys | None = None
    google: KmsConnection = field(default_factory=KmsConnection)
    new_root_key: Callable[[RootAlgorithm], Awaitable[PrivateRootKey]] = _no_root_key
    begins: datetime | None = None

    def __post_init__(self) -> None:
        self.controller = Controller(
            connection=KubernetesConnection(Configuration(), "", "nowhere"),
            api=self.api,
            authority=self.authority,
            identities=self.identities,
            documents=self.documents,
            settings=ControllerSettings(instance="operator-0"),
            term=lambda: 1,
            confirm_term=_confirm_term,
            installation=self.installation,
            google=self.google,
            new_root_key=self.new_root_key,
            now=self._now,
        )

    def _now(self) -> datetime:
        passed = timedelta(seconds=asyncio.get_running_loop().time())
        return datetime.now(UTC) if self.begins is None else self.begins + passed

    def write(self, kind: Kind, body: Body) -> None:
        """Somebody writes an object."""
        path = object_path(ObjectKey(kind, NAMESPACE, body["metadata"]["name"]))
        before = self.api.objects.get(path, {})
        merged = before.get("metadata", {}) | body["metadata"]
        self.api.put(path, before | body | {"metadata": merged})
        self.controller.intake.changed(kind, self.api.objects[path])

    def customer(self) -> None:
        """Somebody writes all three."""
        self.write(Kind.TENANT, tenant_body())
        self.write(Kind.SUBSCRIPTION, subscription_body())
        self.write(Kind.SEAT_POOL, pool_body())

    def count(self, pool: PoolUid, *, granted: int) -> None:
        """The next sweeps find so much."""
        has = self.authority.pools[pool]
        told: dict[str, Any] = dict.fromkeys(("peak", "seat_milliseconds", "released", "expired"), 0)
        told |= dict.fromkeys(("taken_over", "denied", "purged", "unpurged"), 0)
        told |= dict.fromkeys(
            (
                "overage",
                "overage_granted",
                "would_deny",
                "version_blocked",
                "rate_limited",
                "device_limit",
                "devices",
            ),
            0,
        )
        self.authority.counts[pool] = PoolCounts(
            epoch=has.epoch,
            capacity=has.config.capacity,
            live=has.live,
            granted=granted,
            next_expiry_in=Millis(360_000),
            recovering_for=Millis(0),
            **told,
        )

    @property
    def status(self) -> Body:
        """The pool's status, as people see it."""
        status: Body = self.api.objects[object_path(DEV)]["status"]
        return status

    def condition(self, kind: str) -> tuple[str, str]:
        """The status and reason of a condition of the pool."""
        return next((it["status"], it["reason"]) for it in self.status["conditions"] if it["type"] == kind)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """The operator runs."""
        engine, reaper = self.controller.engine, self.controller.reaper
        running = [asyncio.create_task(loop) for loop in (engine.run(), engine.wheel.run(), reaper.run())]
        yield
        for task in running:
            task.cancel()
