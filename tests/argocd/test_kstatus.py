"""Flux, kubectl and others judge a resource by the rules of kstatus. They and Argo CD never say contrary things of one.

The rules are those for kinds that it does not know, from
https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md.
"""

from typing import Any

import pytest

from docs.argo_cd import ROOT, folder_of
from seatwarden.domain import findings
from seatwarden.resources.conditions import Finding
from seatwarden.resources.health import Health, health_of
from seatwarden.resources.names import Kind
from seatwarden.resources.reasons import Outlook, Reason
from tests.argocd.customizations import HealthCase, health_cases, read

Body = dict[str, Any]
OF_OUTLOOK = {
    Outlook.SETTLED: "InProgress",
    Outlook.RETRYING: "InProgress",
    Outlook.WAITING: "InProgress",
    Outlook.TERMINAL: "Failed",
}


def kstatus(resource: Body) -> str:
    """Current, InProgress, Failed or Terminating."""
    metadata, status = resource["metadata"], resource.get("status", {})
    if "deletionTimestamp" in metadata:
        return "Terminating"
    if status.get("observedGeneration", metadata["generation"]) != metadata["generation"]:
        return "InProgress"
    told = {condition["type"]: condition["status"] for condition in status.get("conditions", ())}
    if told.get("Reconciling") == "True":
        return "InProgress"
    if told.get("Stalled") == "True":
        return "Failed"
    return "Current" if told.get("Ready", "True") == "True" else "InProgress"


def resource(*told: Finding) -> Body:
    """A resource whose present generation was seen."""
    conditions = [{"type": str(one.type), "status": str(one.status)} for one in told]
    return {"metadata": {"generation": 1}, "status": {"observedGeneration": 1, "conditions": conditions}}


@pytest.mark.parametrize("reason", list(Reason))
def test_what_is_not_ready_is_in_progress_or_failed_by_the_outlook_of_its_reason(reason: Reason) -> None:
    found = kstatus(resource(*findings.not_ready(reason, "why")))
    assert found == OF_OUTLOOK[reason.outlook]
    if found == "Failed":
        assert health_of(reason) is Health.DEGRADED


def test_what_is_ready_is_current() -> None:
    assert kstatus(resource(*findings.ready("well"))) == "Current"


@pytest.mark.parametrize("case", health_cases(), ids=str)
def test_what_argo_cd_calls_healthy_is_current(case: HealthCase) -> None:
    found = kstatus(read(case.path))
    if case.expected["status"] == Health.HEALTHY:
        assert found == "Current"
    if case.expected["status"] == Health.DEGRADED:
        assert found != "Current"


def test_a_pool_that_drains_is_current_since_that_is_what_its_spec_asks_for() -> None:
    assert kstatus(read(ROOT / folder_of(Kind.SEAT_POOL) / "testdata" / "draining.yaml")) == "Current"
