"""The definitions go in, again and again, and a refusal is said."""

from typing import Any

import pytest

from seatwarden.local.crd_installation import CrdInstallationError, install_crds, packaged_definitions
from seatwarden.local.identities import VIEWER
from seatwarden.local.plane_access import PlaneAccess

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def a_definition(**spec: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"spec": {"type": "object"}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "parrots", "singular": "parrot", "kind": "Parrot", "listKind": "ParrotList"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "parrots.installation.example"},
        "spec": {
            "group": "installation.example",
            "scope": "Namespaced",
            "names": names,
            "versions": [version],
        }
        | spec,
    }


async def test_installing_again_changes_nothing(cluster: PlaneAccess) -> None:
    async with cluster.session() as session:
        names = await install_crds(session)
        assert names == [definition["metadata"]["name"] for definition in packaged_definitions()]
        before = [await resource_version(session, name) for name in names]
        assert await install_crds(session) == names
        assert [await resource_version(session, name) for name in names] == before


async def resource_version(session: Any, name: str) -> str:
    async with session.get(f"{DEFINITIONS}/{name}") as answer:
        version: str = (await answer.json())["metadata"]["resourceVersion"]
        return version


async def test_a_refused_definition_is_named_with_the_reason(
    cluster: PlaneAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = a_definition(scope="Planetary")
    monkeypatch.setattr("seatwarden.local.crd_installation.packaged_definitions", lambda: [wrong])
    async with cluster.session() as session:
        with pytest.raises(CrdInstallationError, match=r"refused the definition parrots\..*Planetary"):
            await install_crds(session)


async def test_who_may_not_install_is_told_so(cluster: PlaneAccess) -> None:
    async with cluster.session(VIEWER) as session:
        with pytest.raises(CrdInstallationError, match='User "viewer" cannot patch'):
            await install_crds(session)


async def test_a_definition_that_is_not_served_in_time_is_said_so(
    cluster: PlaneAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The names clash with a definition that is there: the API server accepts it and does not establish it.
    clashing = a_definition(group="seatwarden.dev")
    clashing["metadata"]["name"] = "parrots.seatwarden.dev"
    clashing["spec"]["names"] |= {"kind": "Tenant", "listKind": "TenantList"}
    monkeypatch.setattr("seatwarden.local.crd_installation.packaged_definitions", lambda: [clashing])
    monkeypatch.setattr("seatwarden.local.crd_installation._SERVED_SECONDS", 1.0)
    async with cluster.session() as session:
        try:
            with pytest.raises(CrdInstallationError, match=r"kubectl describe crd parrots\.seatwarden\.dev"):
                await install_crds(session)
        finally:
            await session.delete(f"{DEFINITIONS}/parrots.seatwarden.dev")
