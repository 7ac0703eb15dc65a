"""The API server itself puts our finalizer on, so an object has it before the operator has seen it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import yaml

from seatwarden.backends.kubernetes_api import KubernetesUnavailable
from seatwarden.local.valkey import ValkeyOptions, valkey_server
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.paths import object_path
from seatwarden.resources.admission import admission_manifests
from seatwarden.resources.names import API_VERSION, FIELD_MANAGER, FINALIZER, Kind
from tests.operator.world import Body, World

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def policed_world(idle_world: World) -> AsyncIterator[World]:
    """A world in whose namespace the policy is in force. Other tests show what the operator does without it."""
    manifests = admission_manifests([idle_world.namespace])
    for manifest in manifests:
        manifest["metadata"]["name"] = idle_world.namespace
    manifests[1]["spec"]["policyName"] = idle_world.namespace
    text = yaml.safe_dump_all(manifests)
    await idle_world.cluster.kubectl("apply", "-f", "-", stdin=text)
    probe = ObjectKey(Kind.TENANT, idle_world.namespace, "probe")
    while True:  # the API server takes some seconds to know the policy, and at first the kinds for it
        with contextlib.suppress(KubernetesUnavailable):
            await idle_world.tenant("probe")
            found = await idle_world.get(probe)
            if FINALIZER in found["metadata"].get("finalizers", ()):
                break
            await idle_world.delete(probe)
        await asyncio.sleep(0.1)
    await without_finalizers(idle_world, probe)
    await idle_world.delete(probe)
    yield idle_world
    await idle_world.cluster.kubectl("delete", "-f", "-", stdin=text)


async def without_finalizers(world: World, key: ObjectKey) -> None:
    """Take all finalizers off, as a person in need does."""
    await world.api.patch(object_path(key), [{"op": "remove", "path": "/metadata/finalizers"}])


def owners_of_finalizers(found: Body) -> set[str]:
    """Who the API server says has set the finalizers."""
    return {
        entry["manager"]
        for entry in found["metadata"]["managedFields"]
        if "f:finalizers" in entry["fieldsV1"].get("f:metadata", {})
    }


async def test_what_has_to_be_cleared_away_has_it_from_the_first_moment(policed_world: World) -> None:
    world = policed_world
    tenant, pool, subscription = await world.tenant(), await world.pool(), await world.subscription()
    assert (await world.get(tenant))["metadata"]["finalizers"] == [FINALIZER]
    assert (await world.get(pool))["metadata"]["finalizers"] == [FINALIZER]
    assert "finalizers" not in (await world.get(subscription))["metadata"]


@pytest.mark.parametrize("own", [["example.com/mine"], ["example.com/mine", FINALIZER]])
async def test_finalizers_that_an_object_comes_with_stay(policed_world: World, own: list[str]) -> None:
    world = policed_world
    key = ObjectKey(Kind.TENANT, world.namespace, "acme")
    body = {"apiVersion": API_VERSION, "kind": "Tenant", "metadata": {"name": "acme", "finalizers": own}}
    await world.api.create(object_path(key).rsplit("/", 1)[0], {**body, "spec": {}})
    assert (await world.get(key))["metadata"]["finalizers"] == ["example.com/mine", FINALIZER]
    await without_finalizers(world, key)


async def test_whoever_applies_the_manifest_does_not_own_it_and_takes_it_off_by_no_apply(
    policed_world: World,
) -> None:
    world = policed_world
    key = ObjectKey(Kind.TENANT, world.namespace, "acme")
    for name in ("Acme", "Acme Robotics"):
        manifest: dict[str, Any] = {
            "apiVersion": API_VERSION,
            "kind": "Tenant",
            "metadata": {"name": key.name, "namespace": key.namespace},
            "spec": {"displayName": name},
        }
        text = yaml.safe_dump(manifest)
        await world.cluster.kubectl("apply", "--server-side", "--field-manager=gitops", "-f", "-", stdin=text)
        found = await world.get(key)
        assert found["spec"]["displayName"] == name
        assert found["metadata"]["finalizers"] == [FINALIZER]
        assert not owners_of_finalizers(found)


async def test_the_operator_works_with_it_and_writes_none_of_its_own(policed_world: World) -> None:
    world = policed_world
    await world.start_operator()
    pool = await world.customer()
    found = await world.get(pool)
    assert found["metadata"]["finalizers"] == [FINALIZER]
    assert FIELD_MANAGER not in owners_of_finalizers(found)
    await world.delete(pool)
    await world.until_gone(pool)


async def test_what_is_deleted_while_no_operator_runs_is_cleared_away_by_the_next(
    policed_world: World,
) -> None:
    world = policed_world
    await world.start_operator()
    pool = await world.customer()
    await world.stop_operator()
    late = await world.pool("late")
    for key in (pool, late):
        await world.delete(key)
        assert (await world.get(key))["metadata"]["deletionTimestamp"]
    await world.start_operator()
    await world.until_gone(pool)
    await world.until_gone(late)


async def test_a_pool_that_never_was_in_redis_goes_without_waiting_for_it(policed_world: World) -> None:
    world = policed_world
    world.deletion_patience = timedelta(minutes=10)
    async with valkey_server(ValkeyOptions()) as valkey:
        world.redis_url = valkey.url
        await world.start_operator()
        waiting = await world.pool("waiting")
        await world.until_reason(waiting, "SubscriptionNotFound")
        valkey.kill()
        await world.delete(waiting)
        await world.until_gone(waiting)
        await world.stop_operator()
