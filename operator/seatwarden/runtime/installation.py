"""What Seatwarden needs in a cluster, put there and taken away by kubectl.

Everything made here carries a label, and only what carries it is ever removed again: what had been in the
cluster before stays without it.
"""

import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

import yaml

from seatwarden.local.crd_installation import packaged_definitions
from seatwarden.resources.admission import POLICIES, POLICY_BINDINGS, admission_manifests
from seatwarden.resources.names import API_VERSION, GROUP, Kind
from seatwarden.resources.permissions import operator_manifests
from seatwarden.runtime.kubectl import Kubectl, KubectlFailed

MADE_BY = f"{GROUP}/made-by"
_OURS = f"{MADE_BY}=seatwarden-dev"
_FIELD_MANAGER = "seatwarden-installer"
_SERVED_SECONDS = 30.0
_DELETE_SECONDS = 120.0
_LOOK_SECONDS = 0.1

Manifest = dict[str, Any]
_RESOURCES = ",".join(kind.plural for kind in Kind)
_SAMPLES = yaml.safe_dump_all(
    {
        "apiVersion": API_VERSION,
        "kind": kind.value,
        "metadata": {"generateName": "sample-", "namespace": "default"},
        "spec": spec,
    }
    for kind, spec in (
        (Kind.TENANT, {}),
        (Kind.SUBSCRIPTION, {"tenantRef": {"name": "sample"}, "plan": {"name": "sample"}, "seats": 1}),
        (Kind.SEAT_POOL, {"subscriptionRef": {"name": "sample"}, "seats": 1}),
    )
)


async def system_manifests(kubectl: Kubectl) -> list[Manifest]:
    """The definitions, the operator's namespace, account and rights, and our admission policy where the cluster serves its kind.

    Raises:
        KubectlFailed: the cluster does not answer.
    """
    admission = admission_manifests() if await _serves_policies(kubectl) else []
    return [*packaged_definitions(), *operator_manifests(), *admission]


def quickstart_manifests() -> list[Manifest]:
    """The example: a namespace with one customer, one plan and one pool."""
    text = files("seatwarden_examples").joinpath("quickstart.yaml").read_text()
    return list(yaml.safe_load_all(text))


async def install_system(kubectl: Kubectl) -> None:
    """Apply `system_manifests` and wait until the API server would take an object of each kind.

    Raises:
        KubectlFailed: something was refused, or is not served in time.
    """
    await apply(kubectl, await system_manifests(kubectl))
    deadline = time.monotonic() + _SERVED_SECONDS
    while True:
        try:
            # The kinds are served a moment after they are established, and admission knows their form three seconds later.
            await kubectl.run("create", "--dry-run=server", "-f", "-", stdin=_SAMPLES)
        except KubectlFailed:
            if time.monotonic() > deadline:
                raise
        else:
            return
        await asyncio.sleep(_LOOK_SECONDS)


async def apply(kubectl: Kubectl, manifests: Sequence[Manifest]) -> None:
    """Server-side apply, with our label on everything that is not there without it yet.

    Raises:
        KubectlFailed: something was refused.
    """
    before = await present(kubectl, manifests)
    foreign = {name for name, ours in before.items() if not ours}
    marked = [item if identity(item) in foreign else _labelled(item) for item in manifests]
    await kubectl.run(
        *("apply", "--server-side", "--force-conflicts", f"--field-manager={_FIELD_MANAGER}", "-f", "-"),
        stdin=yaml.safe_dump_all(marked),
    )


async def present(kubectl: Kubectl, manifests: Iterable[Manifest]) -> dict[str, bool]:
    """Which of ``manifests`` the cluster has already, and whether they carry our label.

    Raises:
        KubectlFailed: the cluster does not answer, or may not be read.
    """
    text = yaml.safe_dump_all(manifests)
    found = await kubectl.run("get", "-f", "-", "--ignore-not-found", "-o", "json", stdin=text)
    if not found.strip():
        return {}
    document = json.loads(found)
    items = document["items"] if document["kind"] == "List" else [document]
    return {identity(item): MADE_BY in item["metadata"].get("labels", {}) for item in items}


def identity(manifest: Manifest) -> str:
    """The kind, namespace and name of an object, for people: ``Role seatwarden-system/seatwarden-operator``."""
    metadata = manifest["metadata"]
    place = f"{metadata['namespace']}/" if "namespace" in metadata else ""
    return f"{manifest['kind']} {place}{metadata['name']}"


async def remove_resources(kubectl: Kubectl) -> None:
    """Delete the labelled resources of the example and wait until the operator has let go of them.

    Raises:
        KubectlFailed: a deletion was refused, or is not over within two minutes.
    """
    await _delete(kubectl, _RESOURCES, "--all-namespaces")


async def remove_system(kubectl: Kubectl) -> bool:
    """Delete the rest of what is labelled. False where the definitions stay, as other resources are left.

    Raises:
        KubectlFailed: a deletion was refused, or is not over within two minutes.
    """
    if await _serves_policies(kubectl):
        await _delete(kubectl, f"{POLICY_BINDINGS},{POLICIES}")
    await _delete(kubectl, "namespaces")
    await _delete(kubectl, "clusterroles,clusterrolebindings")
    if (await kubectl.run("get", _RESOURCES, "--all-namespaces", "-o", "name")).strip():
        return False
    await _delete(kubectl, "customresourcedefinitions")
    return True


async def _serves_policies(kubectl: Kubectl) -> bool:
    served = json.loads(await kubectl.run("get", "--raw", "/apis/admissionregistration.k8s.io/v1"))
    return any(resource["name"] == POLICIES for resource in served["resources"])


async def _delete(kubectl: Kubectl, kinds: str, *options: str) -> None:
    await kubectl.run(
        *("delete", kinds, *options, "--selector", _OURS, "--ignore-not-found", "--wait"),
        limit_seconds=_DELETE_SECONDS,
    )


def _labelled(manifest: Manifest) -> Manifest:
    name, _, value = _OURS.partition("=")
    metadata = manifest["metadata"]
    labels = metadata.get("labels", {}) | {name: value}
    return {**manifest, "metadata": {**metadata, "labels": labels}}
