"""From YAML to a seat: what the operator makes of the three kinds, and what it leaves when they go."""

import asyncio
import re
from datetime import datetime, timedelta

import pytest

from seatwarden.domain.seats import Beat, Code, Grant, Validation
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.resources.names import Kind
from tests.operator.world import PATIENCE_SECONDS, World, condition, is_ready


async def test_three_manifests_become_seats_that_can_be_taken(world: World) -> None:
    pool = await world.customer()

    grants = [await world.acquire(number) for number in range(6)]

    assert [grant.code for grant in grants] == [*[Code.GRANTED] * 5, Code.POOL_EXHAUSTED]
    status = (await world.until(pool, lambda found: found["status"]["used"] == 5))["status"]
    assert (status["capacity"], status["free"], status["tenant"], status["epoch"]) == (5, 0, "acme", 1)
    assert status["licenceKeyID"] == (await world.licence_key()).key_id


async def test_the_sums_follow_up_to_the_tenant(world: World) -> None:
    await world.customer()
    await world.acquire(1)

    subscription = ObjectKey(Kind.SUBSCRIPTION, world.namespace, "team")
    tenant = ObjectKey(Kind.TENANT, world.namespace, "acme")
    found = await world.until(subscription, lambda it: it["status"].get("seatsInUse") == 1)
    assert (found["status"]["phase"], found["status"]["allocatedSeats"], found["status"]["pools"]) == (
        "Active",
        5,
        1,
    )
    found = await world.until(tenant, lambda it: it["status"].get("seatsInUse") == 1)
    assert (found["status"]["subscriptions"], found["status"]["seats"]) == (1, 5)


async def test_order_of_creation_does_not_matter(world: World) -> None:
    pool = await world.pool()
    await world.until_reason(pool, "SubscriptionNotFound")
    subscription = await world.subscription()
    await world.until_reason(subscription, "TenantNotFound")
    await world.until_reason(pool, "TenantNotFound")
    await world.tenant()

    await world.until_ready(subscription)
    await world.until_ready(pool)


async def test_a_pool_that_waits_has_neither_secret_nor_finalizer(world: World) -> None:
    pool = await world.pool()
    found = await world.until_reason(pool, "SubscriptionNotFound")

    assert "finalizers" not in found["metadata"]
    assert condition(found)["message"] == "There is no Subscription 'team' in this namespace."


async def test_two_pools_never_share_a_seat_and_the_older_is_served_first(world: World) -> None:
    first = await world.customer()
    second = await world.younger_pool("second", than=first, seats=3)
    found = await world.until_reason(second, "AwaitingCapacity")
    assert found["status"]["capacity"] == 0

    await world.patch_spec(ObjectKey(Kind.SUBSCRIPTION, world.namespace, "team"), seats=7)
    found = await world.until(second, lambda it: it["status"]["capacity"] == 2)
    assert condition(found)["reason"] == "AwaitingCapacity"
    await world.patch_spec(first, seats=4)
    await world.until_ready(second)


async def test_shrink_kills_no_lease_and_the_seat_moves_only_when_it_is_free(world: World) -> None:
    first = await world.customer()
    second = await world.younger_pool("second", than=first, seats=2)
    grants = [await world.acquire(number) for number in range(5)]
    await world.patch_spec(first, seats=3)
    found = await world.until(first, lambda it: it["status"]["used"] == 5 and it["status"]["capacity"] == 3)
    assert condition(found, "OverCapacity")["status"] == "True"

    assert (await world.until_reason(second, "AwaitingCapacity"))["status"]["capacity"] == 0
    for grant in grants[:2]:
        assert isinstance(grant, Grant)
        key = await world.licence_key()
        await world.seats.release(key.pool, key.sha256, Beat(lease_id=grant.lease_id, fence=grant.fence))
    await world.until_ready(second)
    await world.until(first, lambda it: not condition(it, "OverCapacity"))


async def test_suspended_tenant_grants_nothing_and_takes_nothing_away(world: World) -> None:
    pool = await world.customer()
    grant = await world.acquire(1)
    assert isinstance(grant, Grant)
    tenant = ObjectKey(Kind.TENANT, world.namespace, "acme")

    await world.patch_spec(tenant, access="Suspended")
    await world.until_reason(pool, "TenantSuspended")
    assert (await world.acquire(2)).code is Code.SUSPENDED
    key = await world.licence_key()
    beat = Beat(lease_id=grant.lease_id, fence=grant.fence)
    verdict = (await world.seats.heartbeat(key.pool, key.sha256, [beat]))[0]
    assert verdict.code is Code.SUSPENDED
    assert verdict.expires_in > 0

    await world.patch_spec(tenant, access="Active")
    await world.until_ready(pool)
    assert (await world.seats.heartbeat(key.pool, key.sha256, [beat]))[0].code is Code.OK


async def test_a_suspension_ends_leases_at_once_where_the_pool_says_so(world: World) -> None:
    pool = await world.customer()
    await world.patch_spec(pool, onSuspend="Immediately")
    await world.until(pool, lambda it: it["status"]["observedGeneration"] == it["metadata"]["generation"])
    grants = [await world.acquire(number) for number in range(3)]
    tenant = ObjectKey(Kind.TENANT, world.namespace, "acme")

    await world.patch_spec(tenant, access="Suspended")
    await world.until_reason(pool, "TenantSuspended")
    await world.until(pool, lambda it: it["status"]["used"] == 0)
    key = await world.licence_key()
    beats = [Beat(lease_id=grant.lease_id, fence=grant.fence) for grant in grants if isinstance(grant, Grant)]
    verdicts = await world.seats.heartbeat(key.pool, key.sha256, beats)
    assert [(one.code, one.expires_in) for one in verdicts] == [(Code.SUSPENDED, 0)] * 3

    await world.patch_spec(tenant, access="Active")
    await world.until_ready(pool)
    assert isinstance(await world.acquire(1), Grant)


async def test_a_subscription_that_is_made_anew_ends_no_lease_whatever_a_suspension_does(
    world: World,
) -> None:
    pool = await world.customer()
    await world.patch_spec(pool, onSuspend="Immediately")
    await world.until(pool, lambda it: it["status"]["observedGeneration"] == it["metadata"]["generation"])
    grant = await world.acquire(1)
    assert isinstance(grant, Grant)
    subscription = ObjectKey(Kind.SUBSCRIPTION, world.namespace, "team")
    await world.delete(subscription)
    await world.until_reason(pool, "SubscriptionNotFound")
    key = await world.licence_key()
    beat = Beat(lease_id=grant.lease_id, fence=grant.fence)
    [verdict] = await world.seats.heartbeat(key.pool, key.sha256, [beat])
    assert verdict.code is Code.SUSPENDED
    assert verdict.expires_in > 0

    await world.subscription("team")
    await world.until_ready(pool)
    assert (await world.seats.heartbeat(key.pool, key.sha256, [beat]))[0].code is Code.OK


async def test_subscription_ends_by_itself_at_its_instant(world: World) -> None:
    await world.tenant()
    await world.subscription(validUntil="2020-01-01T00:00:00Z")
    subscription = ObjectKey(Kind.SUBSCRIPTION, world.namespace, "team")

    found = await world.until_reason(subscription, "SubscriptionExpired")
    assert found["status"]["phase"] == "Expired"


@pytest.mark.behaviour(25)
async def test_a_subscription_that_ran_out_opens_its_pool_again_as_soon_as_it_is_prolonged(
    world: World,
) -> None:
    pool = await world.customer()
    team = ObjectKey(Kind.SUBSCRIPTION, world.namespace, "team")
    grant, key = await world.acquire(1), await world.licence_key()
    assert isinstance(grant, Grant)
    beat = Beat(lease_id=grant.lease_id, fence=grant.fence)

    await world.patch_spec(team, validUntil="2020-01-01T00:00:00Z")
    await world.until_reason(pool, "SubscriptionExpired")
    assert (await world.acquire(2)).code is Code.EXPIRED
    assert (await world.seats.heartbeat(key.pool, key.sha256, [beat]))[0].code is Code.EXPIRED

    # Long before anything is looked at again by itself.
    await world.patch_spec(team, validUntil="2099-01-01T00:00:00Z")
    await world.until_ready(pool)
    assert (await world.seats.heartbeat(key.pool, key.sha256, [beat]))[0].code is Code.OK
    assert (await world.acquire(2)).code is Code.GRANTED


async def test_a_trial_is_told_to_programs_ends_by_itself_and_goes_on_when_it_is_bought(world: World) -> None:
    pool = await world.customer()
    team = ObjectKey(Kind.SUBSCRIPTION, world.namespace, "team")
    await world.patch_spec(team, trial={"days": 14})
    found = await world.until(team, lambda it: it["status"].get("phase") == "Trialing")
    assert condition(found, "Trialing")["reason"] == "TrialRunning"
    created = datetime.fromisoformat(found["metadata"]["creationTimestamp"])
    assert datetime.fromisoformat(found["status"]["trialEndsAt"]) == created + timedelta(days=14)
    key = await world.licence_key()

    async def look() -> Validation:
        seen = await world.seats.validate(key.pool, key.sha256)
        assert isinstance(seen, Validation)
        return seen

    async with asyncio.timeout(PATIENCE_SECONDS):
        while '"trial":true' not in (await look()).document:  # noqa: ASYNC110  seen from outside only
            await asyncio.sleep(0.05)
    assert 13 < ((await look()).valid_for or 0) / 86_400_000 <= 14

    await world.patch_spec(team, trial={"days": None, "endsAt": "2026-01-01T00:00:00Z"})
    await world.until_reason(pool, "TrialEnded")
    assert (await world.until_reason(team, "TrialEnded"))["status"]["phase"] == "Expired"
    assert (await look()).code is Code.EXPIRED

    await world.patch_spec(team, trial=None)
    await world.until_ready(pool)
    assert ((await look()).code, (await look()).valid_for) == (Code.OK, None)
    assert "trialEndsAt" not in (await world.get(team))["status"]


async def test_suspend_keeps_hands_off_but_tells_so(world: World) -> None:
    pool = await world.customer()
    await world.patch_spec(pool, suspend=True, seats=2)

    found = await world.until_reason(pool, "Suspended")
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
    assert found["status"]["capacity"] == 5
    await world.acquire(1)
    await world.until_seats_are_counted(1)
    assert condition(await world.get(pool))["reason"] == "Suspended"
    await world.patch_spec(pool, suspend=False)
    found = await world.until_ready(pool)
    assert found["status"]["capacity"] == 2


@pytest.mark.behaviour(15)
async def test_suspended_subscription_freezes_its_pools(world: World) -> None:
    pool = await world.customer()
    subscription = ObjectKey(Kind.SUBSCRIPTION, world.namespace, "team")
    await world.patch_spec(subscription, suspend=True, seats=1)
    await world.until_reason(subscription, "Suspended")
    await world.annotate(pool, "seatwarden.dev/reconcile-requested-at", "now")

    found = await world.until(pool, lambda it: it["status"].get("lastHandledReconcileAt") == "now")
    assert found["status"]["capacity"] == 5


async def test_pool_made_again_under_its_name_is_a_new_pool(world: World) -> None:
    pool = await world.customer()
    await world.acquire(1)
    old = await world.licence_key()
    await world.delete(pool)
    await world.until_gone(pool)
    # The new pool waits for the garbage collector, which takes its time with kinds that it has just heard of.
    await world.pool()
    await world.until_collected("dev-licence", old)
    await world.annotate(pool, "seatwarden.dev/reconcile-requested-at", "the old Secret is gone")

    found = await world.until_ready(pool)
    new = await world.licence_key()
    assert new.pool != old.pool
    assert found["status"]["used"] == 0


async def test_wiped_status_is_told_anew_with_the_same_keys(world: World) -> None:
    pool = await world.customer()
    tenant = ObjectKey(Kind.TENANT, world.namespace, "acme")
    before = await world.until_ready(tenant)
    for key in (pool, tenant):
        wipe = '{"status":null}'
        await world.cluster.kubectl(
            *("patch", key.kind.singular, key.name, "-n", world.namespace),
            *("--subresource=status", "--type=merge", "-p", wipe),
        )

    after = await world.until_ready(tenant)
    assert after["status"]["signingKeys"][0]["kid"] == before["status"]["signingKeys"][0]["kid"]
    assert (await world.until_ready(pool))["status"]["epoch"] == 1


async def test_retained_root_key_is_adopted_by_the_next_tenant_of_the_name(world: World) -> None:
    tenant = await world.tenant()
    kid = (await world.until_ready(tenant))["status"]["signingKeys"][0]["kid"]
    await world.delete(tenant)
    await world.until_gone(tenant)
    secret = await world.secret("acme-root-key")
    assert secret["metadata"]["labels"]["seatwarden.dev/retained"] == "true"
    assert "ownerReferences" not in secret["metadata"]

    await world.tenant()
    assert (await world.until_ready(tenant))["status"]["signingKeys"][0]["kid"] == kid


async def test_root_key_goes_with_the_tenant_where_policy_says_so(world: World) -> None:
    tenant = await world.tenant(deletionPolicy="Delete")
    await world.until_ready(tenant)
    references = (await world.secret("acme-root-key"))["metadata"]["ownerReferences"]
    assert [(item["kind"], item["name"]) for item in references] == [("Tenant", "acme")]

    await world.patch_spec(tenant, deletionPolicy="Retain")
    await world.until_ready(tenant)
    await world.annotate(tenant, "seatwarden.dev/reconcile-requested-at", "again")
    await world.until(tenant, lambda it: it["status"].get("lastHandledReconcileAt") == "again")
    assert "ownerReferences" not in (await world.secret("acme-root-key"))["metadata"]


async def test_columns_tell_an_admin_what_matters(world: World) -> None:
    pool = await world.customer()
    await world.acquire(1)
    await world.until(pool, lambda it: it["status"]["used"] == 1 and is_ready(it))

    table = await world.cluster.kubectl("get", "sp", "-n", world.namespace)
    rows = [re.split(r"\s{2,}", line) for line in table.splitlines()]
    assert rows[0] == ["NAME", "TENANT", "SEATS", "USED", "FREE", "QUEUED", "READY", "REASON", "AGE"]
    assert rows[1][:8] == ["dev", "acme", "5", "1", "4", "0", "True", "Succeeded"]
