"""Where changes come in: from kopf's watch, from listings, and from what our own writes did to sums further up.

Each change becomes work for the object itself and for those that depend on it: what a person wants of a Tenant or a
Subscription concerns all below it, numbers in status concern only the sums above, and those may wait and be added up.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import kopf
import structlog

from seatwarden.backends.kubernetes_api import KubernetesApi
from seatwarden.backends.kubernetes_connection import KubernetesConnection
from seatwarden.domain.seats import PoolUid
from seatwarden.reconcilers.engine import Cause, Engine, ObjectKey, add_all
from seatwarden.reconcilers.kopf_storage import NoDiffBase, NoProgress
from seatwarden.reconcilers.object_store import Change, ObjectStore, key_of
from seatwarden.reconcilers.paths import collection_path
from seatwarden.resources.names import GROUP, VERSION, Kind

log = structlog.get_logger(__name__)

WATCH_CONNECTIONS = 32
# Pools that are made together are certified by one signature.
CERTIFIED_SECONDS = 1.0


@dataclass(slots=True)
class Intake:
    """``sums_seconds`` is how long sums over many objects may wait. ``pool_gone`` is told of each pool that went."""

    store: ObjectStore
    engine: Engine
    api: KubernetesApi
    sums_seconds: float
    pool_gone: Callable[[PoolUid], None]
    namespaces: tuple[str, ...] = ()

    async def list_all(self) -> None:
        """Read every object, so that the store is complete; what is not there any more is dropped."""
        for kind in Kind:
            known = {key: self.store.entry(key) for key in self.store.keys(kind)}
            found: set[ObjectKey] = set()
            for namespace in self.namespaces or (None,):
                async for body in self.api.list(collection_path(kind, namespace)):
                    found.add(key_of(kind, body))
                    self.changed(kind, body)
            for key, entry in known.items():
                # One that changed meanwhile was there after the listing.
                if key not in found and self.store.entry(key) is entry:
                    self.gone(key)

    def changed(self, kind: Kind, body: dict[str, Any]) -> None:
        """An object was made or changed."""
        key = key_of(kind, body)
        before = self.store.entry(key)
        succeeds = before is not None and before.metadata.uid != body["metadata"]["uid"]
        if succeeds and self.store.is_news(key, body):
            self.gone(key)
        match self.store.put(kind, body):
            case Change.INTENT:
                self.engine.add(key, Cause.CHANGED)
                add_all(self.engine, self.store.below(key), Cause.RELATED)
                if kind is Kind.SEAT_POOL and (before is None or succeeds):
                    self._certify_soon(key)
                self.sums_above(key)
            case Change.STATUS:
                self.engine.add(key, Cause.RESYNC)
            case Change.NOTHING:
                pass

    def gone(self, key: ObjectKey) -> None:
        """An object is not there any more."""
        below = self.store.below(key)
        parent = self.store.parent(key)
        entry = self.store.drop(key)
        self.engine.forget(key)
        if entry is not None and key.kind is Kind.SEAT_POOL:
            self.pool_gone(PoolUid(entry.metadata.uid))
        add_all(self.engine, below, Cause.RELATED)
        if parent is not None:
            add_all(self.engine, self.store.below(parent), Cause.RELATED)
        self._sums_of(parent)

    def _certify_soon(self, pool: ObjectKey) -> None:
        """The licence document of a new pool's Subscription is to list it: until then nobody can verify its leases offline."""
        parent = self.store.parent(pool)
        if parent is not None and self.store.entry(parent) is not None:
            self.engine.add_later(parent, min(CERTIFIED_SECONDS, self.sums_seconds), Cause.COUNTS)

    def sums_above(self, key: ObjectKey) -> None:
        """The sums of the object to which ``key`` refers are to be made again, soon."""
        self._sums_of(self.store.parent(key))

    def _sums_of(self, parent: ObjectKey | None) -> None:
        if parent is not None and self.store.entry(parent) is not None:
            self.engine.add_later(parent, self.sums_seconds, Cause.COUNTS)


async def watch(intake: Intake, connection: KubernetesConnection, stop: asyncio.Event) -> None:
    """Hand every change to the intake until ``stop`` is set, which SIGTERM and SIGINT do, or the watch breaks for good."""
    # kopf tells at INFO of each event that it handed over.
    logging.getLogger("kopf").setLevel(logging.WARNING)
    roots = await kopf.spawn_tasks(
        registry=watch_registry(intake, connection),
        settings=watch_settings(),
        standalone=True,
        clusterwide=not intake.namespaces,
        namespaces=intake.namespaces,
        stop_flag=stop,
    )
    # kopf has put its own handlers of signals in place of the process's, and they fail at a second signal.
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # kopf.operator() would go on to wait for every task that began after its own, and then cancel it: the election, a
    # scraper's connection, whatever else runs in this loop.
    try:
        finished, _ = await asyncio.wait(roots, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for root in roots:
            root.cancel()
        await asyncio.gather(*roots, return_exceptions=True)
    for root in finished:
        root.result()


def watch_registry(intake: Intake, connection: KubernetesConnection) -> kopf.OperatorRegistry:
    """What kopf is to do: log in with our bounded session and hand every watch event to the intake."""
    registry = kopf.OperatorRegistry()

    async def login(**_: Any) -> kopf.AiohttpSession:
        session = connection.open_session(connections=WATCH_CONNECTIONS)
        return kopf.AiohttpSession(server=connection.server, aiohttp_session=session)

    kopf.on.login(registry=registry)(login)
    for kind in Kind:
        kopf.on.event(GROUP, VERSION, kind.plural, id=kind.plural, registry=registry)(_on_event(intake, kind))
    return registry


def watch_settings() -> kopf.OperatorSettings:
    """kopf's settings: it stores nothing on objects, posts no Events, and frees its workers soon."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()
    settings.queueing.idle_timeout = 1.0
    settings.networking.request_timeout = 30.0
    settings.networking.connect_timeout = 5.0
    return settings


def _on_event(intake: Intake, kind: Kind) -> Callable[..., Any]:
    async def on_event(event: dict[str, Any], **_: Any) -> None:
        body = event["object"]
        if event.get("type") == "DELETED":
            key = key_of(kind, body)
            entry = intake.store.entry(key)
            if entry is None or entry.metadata.uid == body["metadata"]["uid"]:
                intake.gone(key)
        else:
            intake.changed(kind, dict(body))

    return on_event
