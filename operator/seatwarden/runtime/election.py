"""One active operator at a time, by a `coordination.k8s.io/v1` Lease.

A candidate takes the Lease when it is free, was released, or was not renewed for as long as it says. How long that is gets
measured on the candidate's own monotonic clock from when it last *saw the record change*, so that clocks of different nodes
do not matter (the same rule as client-go's leaderelection package). A leader that could not renew for ``renew_deadline``,
counted from when it *asked* for its last renewal, steps down before anyone else may take over. On a clean stop the holder is
emptied, so that hand-over is immediate.

The term of office is the Lease's resourceVersion at the moment of taking it: it grows with every change of leader, even if
the Lease object itself was deleted in between, which its own ``leaseTransitions`` does not survive.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from seatwarden.backends.kubernetes_api import (
    Conflict,
    KubernetesApi,
    KubernetesError,
    KubernetesUnavailable,
    NotFound,
)

log = structlog.get_logger(__name__)

UPDATE_ATTEMPTS = 3
"""Others may write to the Lease as well without taking it (`kubectl annotate`), or it was a write of ours that got no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionSettings:
    """Seconds. ``renew_deadline`` must be below ``lease_duration``, or two leaders could act at a time."""

    namespace: str
    identity: str
    name: str = "seatwarden-operator"
    lease_duration: int = 15
    renew_deadline: float = 10.0
    retry_period: float = 2.0

    def __post_init__(self) -> None:
        if not self.retry_period < self.renew_deadline < self.lease_duration:
            raise ValueError("election: retry_period < renew_deadline < lease_duration must hold")


class Elector:
    """Takes, keeps and gives back the Lease. ``clock`` gives monotonic seconds, ``now`` the time written into the record."""

    def __init__(
        self,
        api: KubernetesApi,
        settings: ElectionSettings,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._api = api
        self._settings = settings
        self._clock = clock
        self._now = now
        self._seen: tuple[str, float] | None = None
        self._held: dict[str, Any] | None = None
        self._renewed = 0.0
        self._writing = asyncio.Lock()
        self.term = 0

    @property
    def leading(self) -> bool:
        """True from taking the Lease to losing or releasing it."""
        return self._held is not None

    async def acquire(self) -> None:
        """Return as the leader, however long it takes."""
        waiting = ""
        while not await self._attempt(self._try_take, within=self._settings.renew_deadline / 2):
            holder = self._holder_seen
            if holder != waiting:
                log.info("waiting to lead", holder=holder or "nobody yet")
                waiting = holder
            await asyncio.sleep(self._settings.retry_period)
        log.info("leading", identity=self._settings.identity, term=self.term)

    async def keep(self) -> None:
        """Renew until the Lease is lost, then return: the caller must stop acting at once."""
        while self._held is not None:
            await asyncio.sleep(max(min(self._settings.retry_period, self._may_lead_for()), 0.0))
            left = self._may_lead_for()
            if left <= 0:
                break
            await self._attempt(self.renew, within=min(self._settings.renew_deadline / 2, left))
        self._held = None
        log.error("leadership lost", identity=self._settings.identity)

    async def renew(self) -> bool:
        """Renew. False where somebody else has the Lease, or nobody has; then this process no longer leads."""
        asked = self._clock()
        if not await self._update({"renewTime": _micro_time(self._now())}):
            return False
        self._renewed = asked
        return True

    async def release(self) -> None:
        """Empty the holder so that the next candidate need not wait. Safe to call when not leading."""
        nobody = {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _micro_time(self._now())}
        try:
            await self._update(nobody)
        except (KubernetesError, KubernetesUnavailable) as error:
            log.warning("could not release the election lease", error=str(error))
        finally:
            self._held = None

    @property
    def _collection(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self._settings.namespace}/leases"

    @property
    def _path(self) -> str:
        return f"{self._collection}/{self._settings.name}"

    @property
    def _holder_seen(self) -> str:
        return self._seen[0].partition("\n")[0] if self._seen else ""

    def _may_lead_for(self) -> float:
        return self._renewed + self._settings.renew_deadline - self._clock()

    async def _attempt(self, step: Callable[[], Awaitable[bool]], *, within: float) -> bool:
        try:
            async with asyncio.timeout(within):
                return await step()
        except (KubernetesError, KubernetesUnavailable, TimeoutError) as error:
            log.warning("election attempt failed", error=str(error) or f"no answer within {within:.1f} s")
            return False

    async def _update(self, changes: dict[str, Any]) -> bool:
        async with self._writing:
            for _ in range(UPDATE_ATTEMPTS):
                if self._held is None:
                    return False
                try:
                    self._held = await self._api.replace(
                        self._path, self._held | {"spec": self._held["spec"] | changes}
                    )
                except Conflict:
                    self._held = await self._read_if_ours()
                except NotFound:
                    self._held = None
                else:
                    return True
            return False

    async def _read_if_ours(self) -> dict[str, Any] | None:
        try:
            current = await self._api.get(self._path)
        except NotFound:
            return None
        return current if current["spec"].get("holderIdentity") == self._settings.identity else None

    async def _try_take(self) -> bool:
        asked = self._clock()
        try:
            current = await self._api.get(self._path)
        except NotFound:
            return self._took(
                await self._api.create(self._collection, self._record({}, transitions=0)), asked
            )
        spec = current.get("spec", {})
        if not self._free(spec):
            return False
        transitions = int(spec.get("leaseTransitions") or 0) + 1
        record = self._record(current["metadata"], transitions=transitions)
        return self._took(await self._api.replace(self._path, record), asked)

    def _free(self, spec: dict[str, Any]) -> bool:
        holder = spec.get("holderIdentity") or ""
        if holder in ("", self._settings.identity):
            return True
        record = f"{holder}\n{spec.get('renewTime')}"
        if self._seen is None or self._seen[0] != record:
            self._seen = (record, self._clock())
        return self._clock() - self._seen[1] > float(
            spec.get("leaseDurationSeconds") or self._settings.lease_duration
        )

    def _took(self, record: dict[str, Any], asked: float) -> bool:
        self._held = record
        self._renewed = asked
        self.term = int(record["metadata"]["resourceVersion"])
        return True

    def _record(self, metadata: dict[str, Any], *, transitions: int) -> dict[str, Any]:
        now = _micro_time(self._now())
        kept = {key: metadata[key] for key in ("resourceVersion", "uid") if key in metadata}
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._settings.name, "namespace": self._settings.namespace, **kept},
            "spec": {
                "holderIdentity": self._settings.identity,
                "leaseDurationSeconds": self._settings.lease_duration,
                "acquireTime": now,
                "renewTime": now,
                "leaseTransitions": transitions,
            },
        }


def _micro_time(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
