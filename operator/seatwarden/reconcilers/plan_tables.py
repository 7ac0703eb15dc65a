"""The plans of all namespaces, looked at again and again: a ConfigMap is edited without anybody telling us.

One list of one name a look, which the API server answers from its memory; the permission is for that name only.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from seatwarden.backends.kubernetes_api import KubernetesApi, KubernetesError, KubernetesUnavailable
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.object_store import ObjectStore
from seatwarden.reconcilers.paths import config_maps_path
from seatwarden.resources.names import PLANS_CONFIG_MAP, Kind
from seatwarden.resources.plans import PlanTable

log = structlog.get_logger(__name__)

_QUERY = f"fieldSelector=metadata.name%3D{PLANS_CONFIG_MAP}&resourceVersion=0"


@dataclass(slots=True)
class PlanTables:
    """Keeps `ObjectStore.plans`."""

    api: KubernetesApi
    store: ObjectStore
    changed: Callable[[ObjectKey], None]
    """Told of each Subscription and SeatPool in a namespace whose plans are other ones than before."""
    seconds: float
    """From one look to the next."""
    namespaces: tuple[str, ...] = ()
    _texts: dict[str, Mapping[str, str]] = field(default_factory=dict)

    async def look(self) -> None:
        """Read the tables once. Raises what the API client raises; then the tables stay as they were."""
        found: dict[str, Mapping[str, str]] = {}
        for namespace in self.namespaces or (None,):
            async for body in self.api.list(config_maps_path(namespace), _QUERY):
                found[body["metadata"]["namespace"]] = body.get("data") or {}
        for namespace in found.keys() | self._texts.keys():
            self._take(namespace, found.get(namespace))

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(self.seconds)
            try:
                await self.look()
            except (KubernetesUnavailable, KubernetesError) as error:
                log.warning("the plans cannot be read; those that are known go on", error=str(error))

    def _take(self, namespace: str, texts: Mapping[str, str] | None) -> None:
        if texts == self._texts.get(namespace):
            return
        if texts is None:
            del self._texts[namespace], self.store.plans[namespace]
        else:
            self._texts[namespace] = texts
            self.store.plans[namespace] = PlanTable.parse(texts)
        for kind in (Kind.SUBSCRIPTION, Kind.SEAT_POOL):
            for key in self.store.keys(kind):
                if key.namespace == namespace:
                    self.changed(key)
