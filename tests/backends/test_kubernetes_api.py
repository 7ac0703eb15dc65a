"""The calls to a real API server, and what is told of its refusals."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from seatwarden.backends import kubernetes_api
from seatwarden.backends.kubernetes_api import (
    Body,
    Conflict,
    Forbidden,
    KubernetesApi,
    KubernetesError,
    NotFound,
)
from seatwarden.local.identities import VIEWER
from seatwarden.local.plane_access import PlaneAccess


@pytest.fixture
async def api(cluster: PlaneAccess) -> AsyncIterator[KubernetesApi]:
    async with cluster.session() as session:
        yield KubernetesApi(session, "")


@pytest.fixture
def maps(namespace: str) -> str:
    """The path of this test's ConfigMaps."""
    return f"/api/v1/namespaces/{namespace}/configmaps"


def config_map(name: str, **data: str) -> Body:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


async def test_what_was_created_is_read_replaced_and_deleted(api: KubernetesApi, maps: str) -> None:
    made = await api.create(maps, config_map("a", colour="red"))
    assert await api.get(f"{maps}/a") == made
    changed = await api.replace(f"{maps}/a", made | {"data": {"colour": "blue"}})
    assert changed["data"] == {"colour": "blue"}
    await api.delete(f"{maps}/a")
    with pytest.raises(NotFound):
        await api.get(f"{maps}/a")


async def test_every_write_is_in_the_name_of_the_operator(api: KubernetesApi, maps: str) -> None:
    made = await api.create(maps, config_map("a", colour="red"))
    await api.replace(f"{maps}/a", made | {"data": {"colour": "blue"}})
    await api.patch(f"{maps}/a", [{"op": "add", "path": "/data/shape", "value": "round"}])
    found = await api.apply(f"{maps}/a", config_map("a", taste="sweet"))
    assert {entry["manager"] for entry in found["metadata"]["managedFields"]} == {"seatwarden"}


async def test_what_is_not_there_is_not_found_and_named(api: KubernetesApi, maps: str) -> None:
    with pytest.raises(NotFound, match=f'^GET {maps}/a: 404 configmaps "a" not found$'):
        await api.get(f"{maps}/a")
    with pytest.raises(NotFound):
        await api.replace(f"{maps}/a", config_map("a") | {"metadata": {"name": "a", "resourceVersion": "1"}})


async def test_what_exists_cannot_be_created(api: KubernetesApi, maps: str) -> None:
    await api.create(maps, config_map("a"))
    with pytest.raises(Conflict, match='configmaps "a" already exists'):
        await api.create(maps, config_map("a"))


async def test_what_changed_since_it_was_read_cannot_be_replaced(api: KubernetesApi, maps: str) -> None:
    read = await api.create(maps, config_map("a"))
    await api.patch(f"{maps}/a", [{"op": "add", "path": "/data", "value": {"colour": "red"}}])
    with pytest.raises(Conflict, match="the object has been modified"):
        await api.replace(f"{maps}/a", read | {"data": {"colour": "blue"}})


@pytest.mark.parametrize(
    "test",
    [
        {"path": "/metadata/uid", "value": "another"},
        {"path": "/data/colour", "value": "blue"},
        {"path": "/data/shape", "value": "round"},
        {"path": "/metadata/finalizers/0", "value": "seatwarden.dev/finalizer"},
    ],
    ids=lambda test: test["path"],
)
async def test_patch_whose_test_fails_is_a_conflict_and_changes_nothing(
    api: KubernetesApi, maps: str, test: Body
) -> None:
    made = await api.create(maps, config_map("a", colour="red"))
    with pytest.raises(Conflict):
        await api.patch(
            f"{maps}/a", [{"op": "test"} | test, {"op": "add", "path": "/data/new", "value": "yes"}]
        )
    assert await api.get(f"{maps}/a") == made


async def test_patch_after_which_the_object_makes_no_sense_is_an_error_and_no_conflict(
    api: KubernetesApi, maps: str
) -> None:
    await api.create(maps, config_map("a"))
    with pytest.raises(KubernetesError, match=": 422 ") as refused:
        await api.patch(f"{maps}/a", [{"op": "add", "path": "/data", "value": {"colour": {"red": 1}}}])
    assert type(refused.value) is KubernetesError


async def test_object_that_breaks_a_rule_is_an_error_that_says_which(
    api: KubernetesApi, namespace: str
) -> None:
    pool = {
        "apiVersion": "seatwarden.dev/v1alpha1",
        "kind": "SeatPool",
        "metadata": {"name": "dev"},
        "spec": {"subscriptionRef": {"name": "team"}, "seats": -1},
    }
    with pytest.raises(KubernetesError, match=r"spec\.seats") as refused:
        await api.create(f"/apis/seatwarden.dev/v1alpha1/namespaces/{namespace}/seatpools", pool)
    assert type(refused.value) is KubernetesError


async def test_missing_permission_is_named(cluster: PlaneAccess, namespace: str) -> None:
    async with cluster.session(VIEWER) as session:
        viewer = KubernetesApi(session, "")
        with pytest.raises(Forbidden, match='User "viewer" cannot get resource "secrets" in API group ""'):
            await viewer.get(f"/api/v1/namespaces/{namespace}/secrets/a")
        with pytest.raises(Forbidden, match='cannot create resource "configmaps"'):
            await viewer.create(f"/api/v1/namespaces/{namespace}/configmaps", config_map("a"))


async def test_deleting_what_is_not_there_is_no_error(api: KubernetesApi, maps: str) -> None:
    await api.delete(f"{maps}/a")


async def test_only_the_object_with_the_uid_is_deleted(api: KubernetesApi, maps: str) -> None:
    made = await api.create(maps, config_map("a"))
    with pytest.raises(Conflict):
        await api.delete(f"{maps}/a", uid="00000000-0000-0000-0000-000000000000")
    assert await api.get(f"{maps}/a") == made
    await api.delete(f"{maps}/a", uid=made["metadata"]["uid"])
    with pytest.raises(NotFound):
        await api.get(f"{maps}/a")


async def test_apply_takes_over_the_fields_that_it_names_and_leaves_others(
    api: KubernetesApi, cluster: PlaneAccess, namespace: str, maps: str
) -> None:
    await cluster.kubectl(
        *("create", "configmap", "a", "-n", namespace),
        *("--from-literal=colour=red", "--from-literal=shape=round"),
    )
    applied = await api.apply(f"{maps}/a", config_map("a", colour="blue"))
    assert applied["data"] == {"colour": "blue", "shape": "round"}
    without = await api.apply(
        f"{maps}/a", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    )
    assert without["data"] == {"shape": "round"}


@pytest.mark.parametrize("count", [0, 2, 3, 7])
async def test_lists_are_read_page_by_page_and_whole(
    api: KubernetesApi, maps: str, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(kubernetes_api, "PAGE", 3)
    names = [f"item-{number}" for number in range(count)]
    for name in names:
        await api.create(maps, config_map(name) | {"metadata": {"name": name, "labels": {"mine": "yes"}}})
    await api.create(maps, config_map("another"))

    found = [item["metadata"]["name"] async for item in api.list(maps, "labelSelector=mine%3Dyes")]
    assert found == names


async def all_of(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


async def test_list_without_permission_is_refused(cluster: PlaneAccess, maps: str) -> None:
    async with cluster.session(VIEWER) as session:
        with pytest.raises(Forbidden, match='cannot list resource "configmaps"'):
            await all_of(KubernetesApi(session, "").list(maps))
