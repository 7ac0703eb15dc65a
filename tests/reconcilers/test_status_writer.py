from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from seatwarden.backends.kubernetes_api import Conflict, Forbidden, KubernetesUnavailable, NotFound
from seatwarden.domain import findings
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.object_store import Change, ObjectStore
from seatwarden.reconcilers.paths import object_path
from seatwarden.reconcilers.status_writer import StatusWriter
from seatwarden.resources.conditions import Finding, merge_conditions
from seatwarden.resources.names import Kind
from seatwarden.resources.reasons import Reason
from seatwarden.resources.seatpool import SeatPool, SeatPoolStatus
from tests.domain.objects import NAMESPACE, NOON, Body, pool_body, uid_of
from tests.reconcilers.kubernetes_in_memory import KubernetesInMemory

DEV = ObjectKey(Kind.SEAT_POOL, NAMESPACE, "dev")
EVENTS = f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events"


@dataclass
class Desk:
    """A pool in the API and in the store, and a writer of its status."""

    api: KubernetesInMemory = field(default_factory=KubernetesInMemory)
    store: ObjectStore = field(default_factory=ObjectStore)
    written: list[ObjectKey] = field(default_factory=list)
    now: datetime = NOON

    def __post_init__(self) -> None:
        self.writer = StatusWriter(
            api=self.api,
            store=self.store,
            now=lambda: self.now,
            instance="operator-0",
            written=self.written.append,
        )
        self.api.put(object_path(DEV), pool_body())
        self.store.put(Kind.SEAT_POOL, self.api.objects[object_path(DEV)])

    @property
    def pool(self) -> SeatPool:
        entry = self.store.entry(DEV)
        assert isinstance(entry, SeatPool)
        return entry

    async def tell(self, told: tuple[Finding, ...], **numbers: Any) -> None:
        """Write a status that says this."""
        before = self.pool.status.conditions
        status = SeatPoolStatus(
            conditions=merge_conditions(before, told, generation=1, now=self.now), **numbers
        )
        await self.writer.write(DEV, self.pool, status)

    def events(self) -> list[Body]:
        return [body for path, body in self.api.objects.items() if path.startswith(EVENTS)]


@pytest.fixture
async def desk() -> Desk:
    return Desk()


async def test_a_status_is_applied_to_the_very_object_and_nothing_else_of_it(desk: Desk) -> None:
    await desk.tell(findings.ready("well"), capacity=5)

    assert desk.api.writes == [f"apply {object_path(DEV)}/status"]
    [sent] = desk.api.bodies
    assert sent["metadata"] == {"name": "dev", "namespace": NAMESPACE, "uid": uid_of("dev")}
    assert set(sent) == {"apiVersion", "kind", "metadata", "status"}
    assert sent["status"]["capacity"] == 5
    assert desk.api.objects[object_path(DEV)]["status"] == sent["status"]
    assert desk.written == [DEV]


async def test_where_nothing_changed_nothing_is_sent(desk: Desk) -> None:
    await desk.tell(findings.ready("well"), capacity=5)
    desk.api.writes.clear()
    desk.written.clear()
    await desk.tell(findings.ready("well"), capacity=5)

    assert desk.api.writes == []
    assert desk.written == []


async def test_the_watch_event_of_our_own_write_is_no_news(desk: Desk) -> None:
    await desk.tell(findings.ready("well"), capacity=5)

    assert desk.pool.status.capacity == 5
    assert desk.store.put(Kind.SEAT_POOL, desk.api.objects[object_path(DEV)]) is Change.NOTHING


async def test_an_object_that_is_gone_or_made_again_is_not_written_to(desk: Desk) -> None:
    pool = desk.pool
    desk.api.put(object_path(DEV), pool_body(uid=uid_of("dev again")))
    with pytest.raises(Conflict):
        await desk.writer.write(DEV, pool, SeatPoolStatus(capacity=5))
    del desk.api.objects[object_path(DEV)]
    with pytest.raises(NotFound):
        await desk.writer.write(DEV, pool, SeatPoolStatus(capacity=5))

    assert desk.written == []
    assert desk.pool == pool


WELL = findings.ready("well")
AWAY = findings.not_ready(Reason.REDIS_UNAVAILABLE, "no answer")
STILL_AWAY = findings.not_ready(Reason.REDIS_UNAVAILABLE, "no answer for a minute")


async def test_trouble_is_a_warning_and_its_end_is_not(desk: Desk) -> None:
    for told in (WELL, AWAY, STILL_AWAY, WELL):
        await desk.tell(told)

    assert [(event["type"], event["reason"], event["note"]) for event in desk.events()] == [
        ("Warning", "RedisUnavailable", "no answer"),
        ("Normal", "Succeeded", "well"),
    ]


async def test_overage_and_an_empty_pool_are_told_as_they_come_and_go(desk: Desk) -> None:
    there = (*WELL, findings.redis_ready("there"))
    above = findings.overage(held=1, allowed=2, capacity=5)
    for told in (there, (*there, *above), there, (*there, *findings.draining(live=0))):
        await desk.tell(told)

    assert [(event["type"], event["reason"]) for event in desk.events()] == [
        ("Normal", "OverageInUse"),
        ("Normal", "OverageEnded"),
        ("Normal", "Drained"),
    ]


async def test_a_status_without_ready_is_no_event(desk: Desk) -> None:
    await desk.tell(AWAY)
    await desk.tell((), capacity=5)

    assert len(desk.events()) == 1


async def test_an_event_names_its_object_its_author_and_its_instant(desk: Desk) -> None:
    await desk.writer.event(DEV, desk.pool, "SecretConflict", "taken", warning=True)

    [event] = desk.events()
    assert event["regarding"] == {
        "apiVersion": "seatwarden.dev/v1alpha1",
        "kind": "SeatPool",
        "name": "dev",
        "namespace": NAMESPACE,
        "uid": uid_of("dev"),
    }
    assert event["eventTime"] == "2027-03-01T12:00:00.000000Z"
    assert (event["reportingController"], event["reportingInstance"]) == ("seatwarden", "operator-0")
    assert event["action"]


async def test_a_note_is_cut_to_what_an_event_takes(desk: Desk) -> None:
    await desk.writer.event(DEV, desk.pool, "InvalidSpec", "x" * 5000, warning=True)

    assert len(desk.events()[0]["note"]) == 1024


@pytest.mark.parametrize(
    "error", [Forbidden("may not"), KubernetesUnavailable("away")], ids=["refused", "away"]
)
async def test_an_event_that_cannot_be_posted_stops_nothing(desk: Desk, error: Exception) -> None:
    desk.api.refusal = error
    await desk.writer.event(DEV, desk.pool, "SecretConflict", "taken", warning=True)
    desk.api.refusal = None

    assert desk.events() == []


async def test_a_status_that_cannot_be_written_is_an_error_and_was_not_written(desk: Desk) -> None:
    desk.api.refusal = KubernetesUnavailable("away")
    with pytest.raises(KubernetesUnavailable):
        await desk.tell(WELL)

    assert desk.written == []
    assert desk.pool.status == SeatPoolStatus()


@pytest.mark.parametrize("name", ["dev", "a" * 253, f"{'a' * 199}.b", f"{'a' * 198}-.b"])
async def test_the_name_of_an_event_is_one_that_kubernetes_takes(desk: Desk, name: str) -> None:
    pool: Any = desk.pool.model_copy(
        update={"metadata": desk.pool.metadata.model_copy(update={"name": name})}
    )
    await desk.writer.event(DEV, pool, "SecretConflict", "taken", warning=True)

    prefix = desk.events()[0]["metadata"]["generateName"]
    assert len(prefix) <= 248
    assert prefix[:-1][-1].isalnum()
    assert prefix.startswith(name[:100])
