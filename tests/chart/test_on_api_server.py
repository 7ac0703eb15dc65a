"""A real API server takes all that the chart renders, and pod security "restricted" lets its pods in."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from seatwarden.local.plane_access import KubectlError, PlaneAccess
from tests.chart.rendering import NAMESPACE, Rendered, render

FILES = sorted((Path(__file__).parent / "values").glob("*.yaml"))
EACH = pytest.mark.parametrize("values", FILES, ids=lambda path: path.stem)
SERVED_ELSEWHERE = {"ServiceMonitor", "PrometheusRule", "HTTPRoute"}
"""Kinds that come with the Prometheus operator and with Gateways."""


def placed(rendered: Rendered, namespace: str) -> list[dict[str, Any]]:
    """The objects, with all namespaced ones in the test's own namespace."""
    objects = [one for one in rendered.objects if one["kind"] not in SERVED_ELSEWHERE]
    for one in objects:
        if "namespace" in one["metadata"]:
            one["metadata"]["namespace"] = namespace
    return objects


async def dry_run(cluster: PlaneAccess, objects: list[dict[str, Any]], namespace: str) -> str:
    """Have the API server look at each object, with nothing kept."""
    return await cluster.kubectl(
        *("apply", "--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts"),
        *("--field-manager=chart-test", "--namespace", namespace, "-f", "-"),
        stdin=yaml.safe_dump_all(objects),
    )


@pytest.fixture
async def restricted(cluster: PlaneAccess) -> AsyncIterator[str]:
    """A namespace that takes no pod but those that pod security calls restricted."""
    name = f"test-{uuid4().hex[:12]}"
    await cluster.kubectl("create", "namespace", name)
    await cluster.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield name
    await cluster.kubectl("delete", "namespace", name, "--wait=false")


@EACH
async def test_the_api_server_takes_every_object(cluster: PlaneAccess, namespace: str, values: Path) -> None:
    rendered = render(values, namespace=NAMESPACE)
    objects = placed(rendered, namespace)
    said = await dry_run(cluster, objects, namespace)
    assert len(said.splitlines()) == len(objects)


async def test_a_field_that_is_none_would_be_found(cluster: PlaneAccess, namespace: str) -> None:
    objects = placed(render(FILES[0]), namespace)
    deployment = next(one for one in objects if one["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["livenessprobe"] = {}
    with pytest.raises(KubectlError, match="livenessprobe"):
        await dry_run(cluster, [deployment], namespace)


def pods(rendered: Rendered) -> list[dict[str, Any]]:
    """A Pod of each workload, as its controller would make it."""
    made = list(rendered.of("Pod").values())
    for kind in ("Deployment", "StatefulSet"):
        for name, one in rendered.of(kind).items():
            template = one["spec"]["template"]
            spec = template["spec"]
            for claim in one["spec"].get("volumeClaimTemplates", ()):
                claimed = {"claimName": f"{claim['metadata']['name']}-{name}-0"}
                spec.setdefault("volumes", []).append(
                    {"name": claim["metadata"]["name"], "persistentVolumeClaim": claimed}
                )
            metadata = {**template["metadata"], "name": name}
            made.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    return made


@EACH
async def test_every_pod_is_one_that_pod_security_calls_restricted(
    cluster: PlaneAccess, restricted: str, values: Path
) -> None:
    found = pods(render(values))
    for pod in found:
        pod["metadata"].pop("namespace", None)
        # Accounts and priority classes would have to be there; pod security does not look at them.
        pod["spec"].pop("serviceAccountName", None)
        pod["spec"].pop("priorityClassName", None)
    await until_accounts_work(cluster, restricted)
    said = await dry_run(cluster, found, restricted)
    assert len(said.splitlines()) == len(found) >= 3


async def test_a_pod_with_more_rights_would_be_refused(cluster: PlaneAccess, restricted: str) -> None:
    (pod,) = [one for one in pods(render(FILES[0])) if one["metadata"]["name"].endswith("-serve")]
    pod["spec"].pop("serviceAccountName")
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    await until_accounts_work(cluster, restricted)
    with pytest.raises(KubectlError, match="allowPrivilegeEscalation != false"):
        await dry_run(cluster, [pod], restricted)


async def until_accounts_work(cluster: PlaneAccess, namespace: str) -> None:
    """Wait for the default ServiceAccount, which a controller makes in each new namespace."""
    await cluster.kubectl("wait", "--for=create", "serviceaccount/default", "-n", namespace, "--timeout=30s")
