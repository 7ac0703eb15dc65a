import pytest

from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.object_store import ObjectStore, Unreadable
from seatwarden.reconcilers.paths import object_path
from seatwarden.reconcilers.status_writer import StatusWriter
from seatwarden.reconcilers.unready import report_suspended, report_unreadable
from seatwarden.resources.names import Kind
from seatwarden.resources.seatpool import SeatPool
from tests.domain.objects import NAMESPACE, NOON, Body, pool_body
from tests.reconcilers.kubernetes_in_memory import KubernetesInMemory

DEV = ObjectKey(Kind.SEAT_POOL, NAMESPACE, "dev")


def condition(kind: str, status: str, reason: str) -> Body:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": "as it was",
        "observedGeneration": 1,
        "lastTransitionTime": "2027-03-01T11:00:00Z",
    }


STATUS: Body = {
    "observedGeneration": 1,
    "capacity": 5,
    "used": 3,
    "free": 2,
    "peak": 4,
    "epoch": 2,
    "conditions": [
        condition("Ready", "False", "RedisUnavailable"),
        condition("Reconciling", "True", "RedisUnavailable"),
        condition("RedisReady", "False", "RedisUnavailable"),
        condition("OverCapacity", "True", "OverCapacity"),
    ],
}


class Report:
    """A pool with a status, of a later generation, and what is reported of it."""

    def __init__(self, **changes: object) -> None:
        self.api = KubernetesInMemory()
        self.store = ObjectStore()
        self.writer = StatusWriter(
            api=self.api, store=self.store, now=lambda: NOON, instance="operator-0", written=lambda _: None
        )
        asked = {"seatwarden.dev/reconcile-requested-at": "today"}
        body = pool_body(status=STATUS, generation=2, annotations=asked, spec=changes)
        self.api.put(object_path(DEV), body)
        self.store.put(Kind.SEAT_POOL, self.api.objects[object_path(DEV)])

    async def suspended(self) -> float | None:
        entry = self.store.entry(DEV)
        assert isinstance(entry, SeatPool)
        return await report_suspended(self.writer, DEV, entry)

    async def unreadable(self) -> float | None:
        entry = self.store.entry(DEV)
        assert isinstance(entry, Unreadable)
        return await report_unreadable(self.writer, DEV, entry)

    @property
    def status(self) -> Body:
        status: Body = self.api.objects[object_path(DEV)]["status"]
        return status

    @property
    def conditions(self) -> dict[str, tuple[str, str]]:
        return {item["type"]: (item["status"], item["reason"]) for item in self.status["conditions"]}


@pytest.fixture
async def suspended() -> Report:
    return Report(suspend=True)


@pytest.fixture
async def unreadable() -> Report:
    return Report(seats=-1)


async def test_a_suspended_object_is_neither_ready_nor_in_trouble_and_says_who_wanted_it(
    suspended: Report,
) -> None:
    await suspended.suspended()

    assert suspended.conditions["Ready"] == ("Unknown", "Suspended")
    assert "Reconciling" not in suspended.conditions
    assert "Stalled" not in suspended.conditions


async def test_an_unreadable_object_is_stalled_and_names_the_field(unreadable: Report) -> None:
    await unreadable.unreadable()

    assert unreadable.conditions["Ready"] == ("False", "InvalidSpec")
    assert unreadable.conditions["Stalled"] == ("True", "InvalidSpec")
    assert "Reconciling" not in unreadable.conditions
    [message] = {
        item["message"] for item in unreadable.status["conditions"] if item["type"] in ("Ready", "Stalled")
    }
    assert "spec.seats must be at least 0, not -1" in message


async def test_all_else_that_status_says_stays_as_it_was(suspended: Report) -> None:
    await suspended.suspended()

    kept = {key: value for key, value in STATUS.items() if key not in ("conditions", "observedGeneration")}
    assert kept.items() <= suspended.status.items()
    assert STATUS["conditions"][2:] == suspended.status["conditions"][1:]


async def test_the_report_is_of_the_present_generation_and_echoes_who_asked(suspended: Report) -> None:
    await suspended.suspended()

    assert suspended.status["observedGeneration"] == 2
    assert suspended.status["conditions"][0]["observedGeneration"] == 2
    assert suspended.status["lastHandledReconcileAt"] == "today"


async def test_since_when_is_told_as_for_every_other_condition(unreadable: Report) -> None:
    await unreadable.unreadable()

    since = {item["type"]: item["lastTransitionTime"] for item in unreadable.status["conditions"]}
    assert since["Ready"] == "2027-03-01T11:00:00Z"
    assert since["Stalled"] == "2027-03-01T12:00:00Z"


async def test_what_was_reported_is_not_sent_again(suspended: Report, unreadable: Report) -> None:
    for report, run in ((suspended, suspended.suspended), (unreadable, unreadable.unreadable)):
        await run()
        report.api.writes.clear()
        await run()
        assert report.api.writes == []


async def test_nothing_has_to_be_looked_at_again_before_the_slow_resync(
    suspended: Report, unreadable: Report
) -> None:
    assert await suspended.suspended() is None
    assert await unreadable.unreadable() is None
