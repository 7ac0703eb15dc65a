"""The chart as a release: installed, upgraded and uninstalled by Helm on a real API server, where nothing runs the pods."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest

from charts.values_file import CHART
from seatwarden.local.plane_access import PlaneAccess
from tests.chart.rendering import Refused, helm

FILES = sorted((Path(__file__).parent / "values").glob("*.yaml"))
# What the whole cluster has only once, and other tests use.
ALONE = ("--set", "redis.valkey.enabled=true,crds.enabled=false,finalizerPolicy=Never")
CLUSTER_SCOPED = "clusterroles,clusterrolebindings"
NAMESPACED = (
    "deployments,statefulsets,services,serviceaccounts,roles,rolebindings,networkpolicies,pdb,secrets,hpa"
)


@pytest.mark.parametrize("values", FILES, ids=lambda path: path.stem)
def test_helm_finds_nothing_to_complain_of(values: Path) -> None:
    said = helm("lint", "--strict", str(CHART), "--values", str(values))
    assert "0 chart(s) failed" in said
    assert "[WARNING]" not in said


class Release:
    """A release in the test's namespace."""

    def __init__(self, cluster: PlaneAccess, namespace: str, home: Path) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.name = f"sw-{uuid4().hex[:8]}"
        self.home = home

    async def helm(self, command: str, *words: str) -> str:
        """A command of Helm's about this release."""
        where = (f"--kubeconfig={self.cluster.kubeconfig()}", "--namespace", self.namespace)
        told = (command, self.name, *([str(CHART)] if command != "uninstall" else []), *where, *words)
        # Helm asks the API server what it serves, and keeps the answer.
        return await asyncio.to_thread(helm, *told, HELM_CACHE_HOME=str(self.home), HOME=str(self.home))

    async def objects(self) -> set[str]:
        """What there is of the release."""
        label = f"app.kubernetes.io/instance={self.name}"
        own = await self.cluster.kubectl("get", NAMESPACED, "-n", self.namespace, "-l", label, "-o", "name")
        wide = await self.cluster.kubectl("get", CLUSTER_SCOPED, "-l", label, "-o", "name")
        return {*own.split(), *wide.split()}


@pytest.fixture
def release(cluster: PlaneAccess, namespace: str, tmp_path: Path) -> Release:
    return Release(cluster, namespace, tmp_path)


async def test_a_release_comes_changes_and_goes_without_a_trace(release: Release) -> None:
    said = await release.helm("install", *ALONE)
    assert f"helm test {release.name} --namespace {release.namespace}" in said
    assert f"http://{release.name}-seatwarden.{release.namespace}" in said
    assert "There is no installation key" in said
    assert "definitions are not part of this release" in said
    at_first = await release.objects()
    assert f"deployment.apps/{release.name}-seatwarden-serve" in at_first
    assert f"clusterrole.rbac.authorization.k8s.io/{release.name}-seatwarden-operator" in at_first

    changes = "serve.autoscaling.enabled=true,rbac.aggregateRoles=false,installationKey.secretName=key"
    said = await release.helm("upgrade", *ALONE, "--set", changes)
    assert "There is no installation key" not in said
    changed = await release.objects()
    gone = {
        f"clusterrole.rbac.authorization.k8s.io/{release.name}-seatwarden-{role}" for role in ("view", "edit")
    }
    assert at_first - changed == gone
    assert changed - at_first == {f"horizontalpodautoscaler.autoscaling/{release.name}-seatwarden-serve"}

    await release.helm("uninstall")
    assert await release.objects() == set()


async def test_an_upgrade_with_bad_values_changes_nothing(release: Release) -> None:
    await release.helm("install", *ALONE)
    before = await release.objects()
    with pytest.raises(Refused, match="/operator/replicas"):
        await release.helm("upgrade", *ALONE, "--set", "operator.replicas=0")
    assert await release.objects() == before
    await release.helm("uninstall")
