"""The colour of a resource is the one that its state deserves, in the engine of Argo CD."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docs.generate_reference import REFERENCE
from seatwarden.domain import findings
from seatwarden.resources.conditions import ConditionStatus, ConditionType, Finding
from seatwarden.resources.health import Health, health_of
from seatwarden.resources.names import API_VERSION, Kind
from seatwarden.resources.reasons import Outlook, Reason
from tests.argocd.customizations import HealthCase, folder, health_cases, health_script
from tests.argocd.customizations import read as read_yaml
from tests.argocd.lua_engine import LuaEngine
from tests.argocd.resources import resources

Body = dict[str, Any]
EVERY_KIND = pytest.mark.parametrize("kind", list(Kind))


def health(engine: LuaEngine, resource: Body) -> tuple[str, str]:
    """Status and message."""
    returned = engine.run(health_script(Kind(resource["kind"])), resource)
    assert set(returned) == {"status", "message"}
    return returned["status"], returned["message"]


def resource(kind: Kind, *told: Finding, generation: int = 2, seen: int = 2, **spec: Any) -> Body:
    """A resource of which the operator has said what it found in generation ``seen``."""
    conditions = [
        {
            "type": str(one.type),
            "status": str(one.status),
            "reason": one.reason.value,
            "message": one.message,
            "observedGeneration": seen,
            "lastTransitionTime": "2026-11-24T09:00:00Z",
        }
        for one in told
    ]
    return {
        "apiVersion": API_VERSION,
        "kind": str(kind),
        "metadata": {"name": "one", "namespace": "customers", "generation": generation},
        "spec": spec,
        "status": {"observedGeneration": seen, "conditions": conditions},
    }


@pytest.mark.parametrize("case", health_cases(), ids=str)
def test_what_was_in_a_cluster_has_the_colour_that_was_written_down(
    engine: LuaEngine, case: HealthCase
) -> None:
    assert health(engine, read_yaml(case.path)) == (case.expected["status"], case.expected["message"])


@EVERY_KIND
def test_everything_in_the_testdata_is_tried(kind: Kind) -> None:
    tried = {case.path for case in health_cases() if case.kind is kind}
    assert tried == set((folder(kind) / "testdata").glob("*.yaml"))


@EVERY_KIND
@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_the_colour_of_the_reference(engine: LuaEngine, kind: Kind, reason: Reason) -> None:
    lines = (REFERENCE / "reasons.md").read_text().splitlines()
    [row] = [line for line in lines if line.startswith(f"| `{reason.value}` | `{reason.outlook.value}` |")]
    documented = row.split("|")[3].strip().strip("`")
    told = findings.not_ready(reason, "why")
    if documented == Health.HEALTHY:
        told = findings.ready("why")
    status, message = health(engine, resource(kind, *told))
    assert status == documented == health_of(reason)
    assert message == ("why" if status == Health.HEALTHY else f"{reason.value}: why")


@EVERY_KIND
@pytest.mark.parametrize("outlook", [Outlook.WAITING, Outlook.TERMINAL, Outlook.RETRYING])
def test_no_reason_that_says_that_something_is_not_so_is_healthy(
    engine: LuaEngine, kind: Kind, outlook: Outlook
) -> None:
    for reason in (reason for reason in Reason if reason.outlook is outlook):
        assert health(engine, resource(kind, *findings.not_ready(reason, "why")))[0] != Health.HEALTHY, reason


def test_what_needs_a_person_for_good_is_degraded() -> None:
    terminal = [reason for reason in Reason if reason.outlook is Outlook.TERMINAL]
    assert {health_of(reason) for reason in terminal} == {Health.DEGRADED}


@EVERY_KIND
def test_what_nobody_has_reported_on_is_progressing(engine: LuaEngine, kind: Kind) -> None:
    fresh: Body = resource(kind)
    unreported: list[Body | None] = [None, {}, {"conditions": []}, {"observedGeneration": 2}]
    for status in unreported:
        asked = fresh | {"status": status}
        assert health(engine, asked) == ("Progressing", "The operator has not reported yet.")


@EVERY_KIND
def test_a_change_that_the_operator_has_not_seen_is_progressing_however_well_it_was_before(
    engine: LuaEngine, kind: Kind
) -> None:
    for told in (
        findings.ready("well"),
        findings.not_ready(Reason.INVALID_SECRET, "bad"),
        findings.suspended(),
    ):
        stale = resource(kind, *told, generation=3, seen=2)
        assert health(engine, stale) == ("Progressing", "The operator has not seen generation 3 yet.")
    half = resource(kind, *findings.ready("well"), generation=3, seen=2)
    half["status"]["observedGeneration"] = 3
    assert health(engine, half)[0] == "Progressing"
    other_half = resource(kind, *findings.ready("well"), generation=3, seen=3)
    other_half["status"]["observedGeneration"] = 2
    assert health(engine, other_half)[0] == "Progressing"


@EVERY_KIND
def test_what_is_being_deleted_is_progressing_and_says_what_it_waits_for(
    engine: LuaEngine, kind: Kind
) -> None:
    blocked = resource(kind, *findings.not_ready(Reason.DELETION_BLOCKED_BY_REDIS, "Redis is away."))
    blocked["metadata"]["deletionTimestamp"] = "2026-11-24T09:00:00Z"
    assert health(engine, blocked) == ("Progressing", "DeletionBlockedByRedis: Redis is away.")
    bare = deepcopy(blocked) | {"status": {}}
    assert health(engine, bare) == ("Progressing", "Pending deletion")


@EVERY_KIND
def test_where_a_condition_has_no_message_its_reason_is_the_message(engine: LuaEngine, kind: Kind) -> None:
    asked = resource(kind, *findings.not_ready(Reason.INVALID_SPEC, ""))
    assert health(engine, asked) == ("Degraded", "InvalidSpec")
    del asked["status"]["conditions"][0]["message"]
    assert health(engine, asked) == ("Degraded", "InvalidSpec")


@EVERY_KIND
def test_a_reason_of_a_newer_operator_is_judged_by_whether_the_operator_works_on_it(
    engine: LuaEngine, kind: Kind
) -> None:
    for reason, colour in ((Reason.REDIS_UNAVAILABLE, "Progressing"), (Reason.INVALID_SPEC, "Degraded")):
        newer = resource(kind, *findings.not_ready(reason, "why"))
        for condition in newer["status"]["conditions"]:
            condition["reason"] = "NewerReason"
        assert health(engine, newer) == (colour, "NewerReason: why")


def test_a_tenant_without_access_is_suspended_though_it_is_ready(engine: LuaEngine) -> None:
    asked = resource(Kind.TENANT, *findings.ready("It has a key."), access="Suspended")
    assert health(engine, asked) == ("Suspended", "spec.access is Suspended: no seat is granted or renewed.")
    assert (
        health(engine, resource(Kind.TENANT, *findings.ready("It has a key."), access="Active"))[0]
        == "Healthy"
    )
    broken = resource(Kind.TENANT, *findings.not_ready(Reason.SIGNING_KEY_INVALID, "bad"), access="Suspended")
    assert health(engine, broken)[0] == "Degraded"


@pytest.mark.parametrize("live", [2, 0])
def test_a_pool_that_drains_or_has_drained_is_suspended(engine: LuaEngine, live: int) -> None:
    told = findings.draining(live=live)
    asked = resource(Kind.SEAT_POOL, *findings.ready("well"), *told, drain=True)
    assert health(engine, asked) == ("Suspended", f"{told[0].reason.value}: {told[0].message}")


def test_a_pool_in_which_too_many_seats_are_held_is_progressing_until_seats_are_given_again(
    engine: LuaEngine,
) -> None:
    told = findings.over_capacity(live=5, capacity=3)
    asked = resource(Kind.SEAT_POOL, *findings.ready("well"), *told)
    assert health(engine, asked) == ("Progressing", f"OverCapacity: {told[0].message}")


def test_a_subscription_without_a_licence_document_is_not_healthy(engine: LuaEngine) -> None:
    for reason, colour in (
        (Reason.SECRET_CONFLICT, "Degraded"),
        (Reason.AWAITING_SIGNING_KEY, "Progressing"),
    ):
        beside = findings.licence(problem=(reason, "why"), message="")
        asked = resource(Kind.SUBSCRIPTION, *findings.ready("well"), beside)
        assert health(engine, asked) == (colour, f"{reason.value}: why")


def test_what_is_worth_a_word_is_said_of_a_healthy_resource(engine: LuaEngine) -> None:
    told = (*findings.shadow_mode(would_deny=3), *findings.overage(held=2, allowed=3, capacity=5))
    status, message = health(engine, resource(Kind.SEAT_POOL, *findings.ready("well."), *told))
    assert status == "Healthy"
    assert message == f"well. {told[1].message} {told[0].message}"


@EVERY_KIND
@settings(max_examples=100)
@given(data=st.data())
def test_any_resource_gets_a_colour_and_a_word_why(
    engine: LuaEngine, kind: Kind, data: st.DataObject
) -> None:
    asked = data.draw(resources(kind))
    status, message = health(engine, asked)
    assert status in set(Health)
    assert message or status == Health.HEALTHY
    if status == Health.HEALTHY:
        assert _may_be_healthy(asked)


def _may_be_healthy(asked: Body) -> bool:
    """Healthy is what is Ready in its present generation, stays, and gives seats."""
    told = asked["status"]
    by_type = {condition["type"]: condition["status"] for condition in told["conditions"]}
    return (
        by_type.get("Ready") == ConditionStatus.TRUE
        and told["observedGeneration"] == asked["metadata"].get("generation", told["observedGeneration"])
        and "deletionTimestamp" not in asked["metadata"]
        and asked.get("spec", {}).get("access") != "Suspended"
        and by_type.get(ConditionType.DRAINING) != ConditionStatus.TRUE
        and by_type.get(ConditionType.OVER_CAPACITY) != ConditionStatus.TRUE
    )
