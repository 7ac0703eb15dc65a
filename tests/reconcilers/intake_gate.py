"""The intake, the work that it makes, and a clock that a test sets."""

from dataclasses import dataclass, field

from seatwarden.domain.seats import PoolUid
from seatwarden.reconcilers.engine import Cause, Engine, ObjectKey
from seatwarden.reconcilers.intake import Intake
from seatwarden.reconcilers.object_store import ObjectStore
from seatwarden.reconcilers.timer_wheel import TimerWheel
from seatwarden.resources.names import Kind
from tests.domain.objects import NAMESPACE, pool_body, subscription_body, tenant_body
from tests.reconcilers.kubernetes_in_memory import KubernetesInMemory

ACME = ObjectKey(Kind.TENANT, NAMESPACE, "acme")
TEAM = ObjectKey(Kind.SUBSCRIPTION, NAMESPACE, "team")
DEV = ObjectKey(Kind.SEAT_POOL, NAMESPACE, "dev")
TEST = ObjectKey(Kind.SEAT_POOL, NAMESPACE, "test")
SUMS_SECONDS = 10.0


@dataclass
class Gate:
    """``gone`` has the pools of which the intake told that they went."""

    seconds: float = 0.0
    gone: list[PoolUid] = field(default_factory=list)
    api: KubernetesInMemory = field(default_factory=KubernetesInMemory)
    store: ObjectStore = field(default_factory=ObjectStore)

    def __post_init__(self) -> None:
        wheel = TimerWheel(self._due, clock=lambda: self.seconds)
        self.engine = Engine(reconcilers={}, wheel=wheel, jitter=lambda: 0.5)
        self.intake = Intake(
            store=self.store,
            engine=self.engine,
            api=self.api,
            sums_seconds=SUMS_SECONDS,
            pool_gone=self.gone.append,
        )

    def _due(self, key: ObjectKey) -> None:
        self.engine.due(key)

    async def work(self) -> dict[ObjectKey, set[Cause]]:
        """What is to be done now."""
        self.engine.wheel.fire()
        found = {}
        while len(self.engine.queue):
            key, causes = await self.engine.queue.take()
            self.engine.queue.done(key)
            found[key] = set(causes)
        return found

    async def work_later(self, seconds: float = SUMS_SECONDS) -> dict[ObjectKey, set[Cause]]:
        """What is to be done in ``seconds`` and not yet now."""
        self.seconds += seconds
        return await self.work()


async def settled_gate() -> Gate:
    """A Tenant with a Subscription and its two pools, all of them settled."""
    gate = Gate()
    gate.intake.changed(Kind.TENANT, tenant_body())
    gate.intake.changed(Kind.SUBSCRIPTION, subscription_body())
    for name in ("dev", "test"):
        gate.intake.changed(Kind.SEAT_POOL, pool_body(name))
    await gate.work()
    await gate.work_later()
    return gate
