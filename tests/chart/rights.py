"""The chart's rights in a real cluster: put there under a release of a test's own, and taken away after it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import yaml

from charts.values_file import CHART
from seatwarden.local.plane_access import PlaneAccess
from tests.chart.rendering import KUBE_VERSION, Rendered, helm

RIGHTS = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
_CLUSTER_SCOPED = "clusterroles,clusterrolebindings"


@asynccontextmanager
async def installed_rights(
    cluster: PlaneAccess, namespace: str, *settings: str
) -> AsyncIterator[tuple[str, Rendered]]:
    """The name of a release whose rights are in the cluster, and all that it renders."""
    release = f"sw-{uuid4().hex[:8]}"
    given = [word for setting in ("redis.valkey.enabled=true", *settings) for word in ("--set", setting)]
    rendered = Rendered(
        helm(
            *("template", release, str(CHART), "--namespace", namespace, "--kube-version", KUBE_VERSION),
            *("--set", f"fullnameOverride={release}", *given),
        )
    )
    wanted = [one for one in rendered.objects if one["kind"] in RIGHTS]
    await cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(wanted))
    try:
        yield release, rendered
    finally:
        await cluster.kubectl("delete", _CLUSTER_SCOPED, "-l", f"app.kubernetes.io/instance={release}")


async def account_kubeconfig(cluster: PlaneAccess, namespace: str, account: str, folder: Path) -> Path:
    """A kubeconfig with a token of the ServiceAccount, such as its pods have."""
    token = await cluster.kubectl("create", "token", account, "--namespace", namespace, "--duration=1h")
    document = yaml.safe_load(cluster.kubeconfig().read_text())
    document["users"][0]["user"] = {"token": token.strip()}
    path = folder / "account.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document))
    return path


async def may(cluster: PlaneAccess, user: str, namespace: str, verb: str, what: str) -> bool:
    """May the user do that to ``what``, a resource with its group after a dot? Asked of the API server's authorizer."""
    resource, _, group = what.partition(".")
    attributes = {"verb": verb, "group": group, "resource": resource, "namespace": namespace}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "groups": ["system:authenticated"], "resourceAttributes": attributes},
    }
    async with cluster.session() as session:
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        async with session.post(path, json=review) as answer:
            answer.raise_for_status()
            return bool((await answer.json())["status"]["allowed"])
