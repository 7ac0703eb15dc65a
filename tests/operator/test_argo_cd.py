"""What Argo CD meets in a cluster: resources in the states in which its colours differ, and fields that nobody else writes."""

import pytest
import yaml

from docs.argo_cd import ROOT, config_map
from seatwarden.domain.seats import Grant
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.resources.names import FIELD_MANAGER, FINALIZER, ROTATE_LICENCE_KEY_REQUESTED_AT, Kind
from tests.argocd.real_resources import assert_kept
from tests.operator.world import Body, World, condition

SERVER_SIDE = ("--server-side", "--force-conflicts")
CLIENT_SIDE = ("--server-side=false",)
APPLIED_ANNOTATIONS = {"argocd.argoproj.io/sync-wave", "kubectl.kubernetes.io/last-applied-configuration"}


@pytest.fixture
def write(request: pytest.FixtureRequest) -> bool:
    """Whether testdata is written anew."""
    return bool(request.config.getoption("--write-pages"))


async def test_a_customer_in_each_state_that_somebody_wants(world: World, write: bool) -> None:
    pool = await world.customer()
    tenant, subscription = _above(pool)
    for key in (tenant, subscription, pool):
        await world.until_ready(key)
    await world.until(tenant, lambda it: it["status"].get("seats") == 5)
    await world.until(subscription, lambda it: condition(it, "LicenceReady").get("status") == "True")
    for key in (tenant, subscription, pool):
        await assert_kept(world, key, "ready", write=write)

    await world.patch_spec(tenant, access="Suspended")
    await world.until_reason(pool, "TenantSuspended")
    for key in (tenant, subscription, pool):
        await assert_kept(world, key, "customer-suspended", write=write)
    await world.patch_spec(tenant, access="Active")

    for key in (tenant, subscription, pool):
        await world.until_ready(key)
        await world.patch_spec(key, suspend=True)
        await world.until_reason(key, "Suspended")
        await assert_kept(world, key, "operator-suspended", write=write)
        await world.patch_spec(key, suspend=False)


async def test_a_subscription_that_has_ended_and_references_that_lead_nowhere(
    world: World, write: bool
) -> None:
    await world.tenant()
    ended = await world.subscription("ended", validUntil="2026-01-01T00:00:00Z")
    pool = await world.pool("late", subscription="ended")
    orphan = await world.subscription("orphan", tenant="nobody")
    lost = await world.pool("lost", subscription="nothing")
    told = {
        ended: ("SubscriptionExpired", "ended"),
        pool: ("SubscriptionExpired", "ended"),
        orphan: ("TenantNotFound", "tenant-not-found"),
        lost: ("SubscriptionNotFound", "subscription-not-found"),
    }
    for key, (reason, name) in told.items():
        await world.until_reason(key, reason)
        await assert_kept(world, key, name, write=write)


@pytest.mark.parametrize("way", [SERVER_SIDE, CLIENT_SIDE], ids=["server-side", "client-side"])
async def test_the_operator_writes_status_and_finalizer_of_what_argo_cd_applies_and_a_sync_changes_nothing(
    world: World, way: tuple[str, ...]
) -> None:
    await _sync(world, way)
    pool = ObjectKey(Kind.SEAT_POOL, world.namespace, "dev")
    tenant, subscription = _above(pool)
    for key in (tenant, subscription, pool):
        await world.until_ready(key)
    await world.annotate(pool, "seatwarden.dev/rotate-licence-key-requested-at", "2026-11-24")
    await world.until(pool, lambda it: len(it["status"].get("licenceKeys", ())) == 2)
    assert isinstance(await world.acquire(1), Grant)
    await world.until(pool, lambda it: it["status"]["used"] == 1)
    await world.until(subscription, lambda it: it["status"].get("seatsInUse") == 1)
    before = [await world.get(key) for key in (tenant, subscription, pool)]

    for resource in before:
        written = {
            path
            for entry in _entries(resource)
            if entry["manager"] == FIELD_MANAGER
            for path in _paths(entry)
        }
        assert "status" in written, _entries(resource)
        assert written <= {"status", "metadata.finalizers"}, resource["kind"]
        assert "labels" not in resource["metadata"]
        assert set(resource["metadata"]["annotations"]) <= {
            *APPLIED_ANNOTATIONS,
            ROTATE_LICENCE_KEY_REQUESTED_AT,
        }

    await _sync(world, way)
    after = [await world.get(key) for key in (tenant, subscription, pool)]
    assert [it["metadata"]["generation"] for it in after] == [it["metadata"]["generation"] for it in before]
    assert [it["metadata"].get("finalizers") for it in after] == [[FINALIZER], None, [FINALIZER]]
    assert condition(after[-1])["status"] == "True"


async def test_the_config_map_is_added_to_the_one_that_is_there(world: World) -> None:
    path = f"/api/v1/namespaces/{world.namespace}/configmaps/argocd-cm"
    before = {"url": "https://argocd.example.com"}
    labels = {"app.kubernetes.io/part-of": "argocd"}
    body = {"metadata": {"name": "argocd-cm", "labels": labels}, "data": before}
    await world.api.create(path.rpartition("/")[0], body)
    ours = config_map().replace("namespace: argocd", f"namespace: {world.namespace}")
    for _ in range(2):
        await world.cluster.kubectl("apply", "--server-side", "-f", "-", stdin=ours)
    found = await world.api.get(path)
    assert found["data"] == yaml.safe_load(ours)["data"] | before
    assert found["metadata"]["labels"] == labels


async def _sync(world: World, way: tuple[str, ...]) -> None:
    """Apply the example as Argo CD does."""
    manifests = (ROOT / "examples" / "argocd" / "customers" / "acme" / "customer.yaml").read_text()
    where = ("--field-manager=argocd-controller", "-n", world.namespace, "-f", "-")
    await world.cluster.kubectl("apply", *way, *where, stdin=manifests)


def _entries(resource: Body) -> list[Body]:
    entries: list[Body] = resource["metadata"]["managedFields"]
    return entries


def _paths(entry: Body) -> set[str]:
    """What an entry names, to the depth at which the owner of a manifest thinks: status, spec, metadata.labels."""
    fields = {name.removeprefix("f:"): below for name, below in entry["fieldsV1"].items()}
    metadata = {f"metadata.{name.removeprefix('f:')}" for name in fields.pop("metadata", {}) if name != "."}
    return {*fields, *metadata}


def _above(pool: ObjectKey) -> tuple[ObjectKey, ObjectKey]:
    return ObjectKey(Kind.TENANT, pool.namespace, "acme"), ObjectKey(
        Kind.SUBSCRIPTION, pool.namespace, "team"
    )
