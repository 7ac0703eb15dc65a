"""A cluster of the user's: which one, what will be written to it, and how the operator gets to it.

The operator runs on this machine, but under its own ServiceAccount, so that it has no more rights than it would
have in a pod.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from seatwarden.resources.permissions import OPERATOR_ACCOUNT, OPERATOR_NAMESPACE
from seatwarden.runtime.election import ElectionSettings
from seatwarden.runtime.installation import identity, present, quickstart_manifests, system_manifests
from seatwarden.runtime.kubectl import Kubectl

TOKEN_LIFE = "24h"  # noqa: S105  a length of time


class NoSuchContext(Exception):
    """The kubeconfig has no context of that name; the text lists those that it has."""


class ClusterTaken(Exception):
    """Another operator is active in the cluster; the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenCluster:
    """A cluster with the name by which the user knows it. ``kubectl`` has that context."""

    kubectl: Kubectl
    context: str
    server: str


async def find_cluster(program: Path, kubeconfig: str, context: str | None) -> GivenCluster:
    """The cluster of ``context``, or of the current context of ``kubeconfig``.

    Raises:
        NoSuchContext: there is none of that name, or none is current.
        KubectlFailed: the kubeconfig cannot be read.
    """
    reader = Kubectl(program=program, kubeconfig=kubeconfig)
    view = json.loads(await reader.run("config", "view", "-o", "json"))
    contexts = {item["name"]: item["context"] for item in view.get("contexts") or []}
    name = context or view.get("current-context") or ""
    if name not in contexts:
        known = ", ".join(sorted(contexts)) or "none at all"
        asked = f"no context {name!r}" if name else "no current context"
        raise NoSuchContext(f"{kubeconfig} has {asked}; it knows {known}")
    clusters = {item["name"]: item["cluster"] for item in view.get("clusters") or []}
    server = str(clusters.get(contexts[name].get("cluster"), {}).get("server", "a server it does not name"))
    return GivenCluster(
        kubectl=Kubectl(program=program, kubeconfig=kubeconfig, context=name), context=name, server=server
    )


async def announcement(cluster: GivenCluster, *, example: bool) -> str:
    """What will be written to the cluster, for the person who has to agree to it.

    Raises:
        KubectlFailed: the cluster does not answer, or may not be read.
    """
    system = await system_manifests(cluster.kubectl)
    wanted = [*system, *(quickstart_manifests() if example else [])]
    # Of the example only the namespace is of a kind that every cluster knows.
    readable = [*system, *(item for item in wanted if item["kind"] == "Namespace")]
    before = await present(cluster.kubectl, readable)
    lines = [f"In the cluster of context {cluster.context!r} ({cluster.server}) this creates or updates:"]
    for item in wanted:
        known = before.get(identity(item))
        note = {None: "", True: "  (there from an earlier run)", False: "  (there already, stays)"}[known]
        lines.append(f"  {identity(item)}{note}")
    lines.append(
        "Valkey, the endpoint and the operator run on this machine, the operator under the ServiceAccount above."
    )
    return "\n".join(lines)


async def make_sure_nobody_operates(kubectl: Kubectl) -> None:
    """Two operators over two Redis would both be sure of being right, so there must be no other one.

    Raises:
        ClusterTaken: an operator has renewed its Lease lately.
        KubectlFailed: the cluster does not answer, or may not be read.
    """
    name = ElectionSettings(namespace=OPERATOR_NAMESPACE, identity="").name
    words = ("get", "lease", name, "--namespace", OPERATOR_NAMESPACE, "--ignore-not-found", "-o", "json")
    found = await kubectl.run(*words)
    spec: dict[str, Any] = json.loads(found)["spec"] if found.strip() else {}
    holder, renewed = spec.get("holderIdentity"), spec.get("renewTime")
    if not holder or not renewed:
        return
    age = datetime.now(UTC) - datetime.fromisoformat(renewed)
    life = int(spec.get("leaseDurationSeconds") or 0)
    if age.total_seconds() <= life:
        raise ClusterTaken(
            f"Another Seatwarden operator ({holder}) is active in this cluster, with a Redis of its own."
            f" Stop it first. If it was killed just now, wait {life} s and try again."
        )


async def operator_kubeconfig(cluster: GivenCluster, folder: Path) -> Path:
    """Write a kubeconfig with which one is the operator's ServiceAccount for a day, readable for nobody else.

    Raises:
        KubectlFailed: no token was given.
    """
    view = await cluster.kubectl.run("config", "view", "--raw", "--minify", "--flatten", "-o", "json")
    token = await cluster.kubectl.run(
        *("create", "token", OPERATOR_ACCOUNT),
        *("--namespace", OPERATOR_NAMESPACE, "--duration", TOKEN_LIFE),
    )
    clusters = json.loads(view)["clusters"]
    where = {"cluster": clusters[0]["name"], "user": OPERATOR_ACCOUNT}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": clusters,
        "users": [{"name": OPERATOR_ACCOUNT, "user": {"token": token.strip()}}],
        "contexts": [{"name": cluster.context, "context": where}],
        "current-context": cluster.context,
    }
    path = folder / "operator.kubeconfig"
    write_private(path, yaml.safe_dump(document, sort_keys=False))
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, also at the moment of its making."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
