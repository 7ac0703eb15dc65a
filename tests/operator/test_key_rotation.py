"""Licence keys are replaced while programs go on, and every key dies in its time."""

import json

import pytest

from seatwarden.domain.licence_key import LicenceKey
from seatwarden.domain.seats import AcquireRequest, Beat, Code, Grant, Refusal
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.paths import secret_path
from seatwarden.resources.names import Kind
from tests.operator.world import Body, World, condition, holder, is_ready

ROTATE = "seatwarden.dev/rotate-licence-key-requested-at"
RUN = "seatwarden.dev/reconcile-requested-at"


async def rotate(world: World, pool: ObjectKey, request: str) -> LicenceKey:
    """Ask for a new key; the one that comes."""
    await world.annotate(pool, ROTATE, request)
    await world.until(pool, lambda it: it["status"].get("lastHandledRotateLicenceKeyAt") == request)
    return await world.licence_key()


async def run_once(world: World, pool: ObjectKey, request: str) -> Body:
    """Ask for a run; the pool after it."""
    await world.annotate(pool, RUN, request)
    return await world.until(pool, lambda it: it["status"].get("lastHandledReconcileAt") == request)


async def take(world: World, key: LicenceKey, number: int) -> Grant | Refusal:
    """A program asks for a seat with ``key``."""
    return await world.seats.acquire(key.pool, AcquireRequest(key_hash=key.sha256, holder=holder(number)))


async def beat(world: World, key: LicenceKey, grant: Grant | Refusal) -> Code:
    """A program renews its lease with ``key``."""
    assert isinstance(grant, Grant)
    beats = [Beat(lease_id=grant.lease_id, fence=grant.fence)]
    return (await world.seats.heartbeat(key.pool, key.sha256, beats))[0].code


def keys_of(pool: Body) -> dict[str, str]:
    """State by key id."""
    return {key["id"]: key["state"] for key in pool["status"]["licenceKeys"]}


async def events(world: World, reason: str) -> list[Body]:
    """The Events of the namespace with that reason."""
    path = f"/apis/events.k8s.io/v1/namespaces/{world.namespace}/events"
    return [event async for event in world.api.list(path) if event["reason"] == reason]


@pytest.mark.behaviour(26)
async def test_both_keys_open_the_pool_and_a_lease_goes_on_under_either(world: World) -> None:
    pool = await world.customer()
    old = await world.licence_key()
    grant = await take(world, old, 1)
    new = await rotate(world, pool, "monday")

    assert new.text != old.text
    assert [(await take(world, key, 2)).code for key in (old, new)] == [Code.GRANTED, Code.EXISTING]
    assert [await beat(world, key, grant) for key in (old, new)] == [Code.OK, Code.OK]
    found = await world.get(pool)
    assert keys_of(found) == {new.key_id: "Active", old.key_id: "Overlapping"}
    assert found["status"]["licenceKeyID"] == new.key_id


async def test_a_rotation_is_told_once_and_no_key_is_shown(world: World) -> None:
    pool = await world.customer()
    old = await world.licence_key()
    new = await rotate(world, pool, "monday")
    found = await run_once(world, pool, "again")

    [event] = await events(world, "LicenceKeyRotated")
    expires_at = next(key["expiresAt"] for key in found["status"]["licenceKeys"] if "expiresAt" in key)
    assert event["type"] == "Normal"
    assert (
        event["note"]
        == f"The licence key is now the one with id {new.key_id}. The one before, {old.key_id}, "
        f"opens the pool until {expires_at}."
    )
    shown = json.dumps([event, found, (await world.secret("dev-licence"))["metadata"]])
    assert old.text not in shown
    assert new.text not in shown


async def test_another_operator_finds_the_keys_and_makes_no_further_one(world: World) -> None:
    pool = await world.customer()
    old = await world.licence_key()
    new = await rotate(world, pool, "monday")
    await world.stop_operator()
    await world.start_operator()
    found = await run_once(world, pool, "by the next one")

    assert (await world.licence_key()).text == new.text
    assert keys_of(found) == {new.key_id: "Active", old.key_id: "Overlapping"}


async def test_keys_are_put_back_into_a_redis_that_lost_everything(world: World) -> None:
    pool = await world.customer()
    old = await world.licence_key()
    new = await rotate(world, pool, "monday")
    await world.stop_operator()
    await world.seats.remove(new.pool)
    assert (await take(world, old, 1)).code is Code.INVALID_LICENSE
    await world.start_operator()
    await world.until(pool, lambda it: it["status"]["epoch"] == 2)

    answers = [(await take(world, key, 1)).code for key in (old, new)]
    assert answers == [Code.RECOVERING, Code.RECOVERING]


@pytest.mark.behaviour(26)
async def test_an_earlier_key_dies_in_its_time_and_is_then_forgotten(world: World) -> None:
    await world.tenant()
    await world.subscription()
    pool = await world.pool(licenceKey={"overlap": "2s"})
    await world.until_ready(pool)
    old = await world.licence_key()
    await world.annotate(pool, ROTATE, "monday")
    await world.until(pool, lambda it: it["status"]["licenceKeyID"] != old.key_id)

    await world.until(pool, lambda it: len(it["status"]["licenceKeys"]) == 1)
    new = await world.licence_key()
    assert (await take(world, old, 1)).code is Code.INVALID_LICENSE
    assert (await take(world, new, 1)).code is Code.GRANTED
    noted = (await world.secret("dev-licence"))["metadata"]["annotations"]
    assert "seatwarden.dev/earlier-licence-keys" not in noted


async def test_a_shorter_overlap_ends_a_key_that_leaked_and_the_new_one_stays(world: World) -> None:
    pool = await world.customer()
    old = await world.licence_key()
    new = await rotate(world, pool, "monday")
    await world.patch_spec(pool, licenceKey={"overlap": "0s"})
    found = await world.until_ready(pool)

    assert keys_of(found) == {new.key_id: "Active"}
    assert (await take(world, old, 1)).code is Code.INVALID_LICENSE
    assert (await world.licence_key()).text == new.text


async def test_a_deleted_secret_ends_all_keys_at_once(world: World) -> None:
    pool = await world.customer()
    first = await world.licence_key()
    second = await rotate(world, pool, "monday")
    await world.api.delete(secret_path(world.namespace, "dev-licence"))
    found = await run_once(world, pool, "after a leak")

    third = await world.licence_key()
    assert keys_of(found) == {third.key_id: "Active"}
    assert [(await take(world, key, 1)).code for key in (first, second, third)] == [
        Code.INVALID_LICENSE,
        Code.INVALID_LICENSE,
        Code.GRANTED,
    ]
    await run_once(world, pool, "when the Event of the run before is there")
    notes = [event["note"] for event in await events(world, "LicenceKeyRotated")]
    assert sum(f"The one before, {second.key_id}, opens nothing any more." in note for note in notes) == 1


@pytest.mark.behaviour(26)
async def test_a_fifth_key_waits_until_there_is_room_and_says_so(world: World) -> None:
    pool = await world.customer()
    keys = [await world.licence_key(), *[await rotate(world, pool, day) for day in ("mon", "tue", "wed")]]
    await world.annotate(pool, ROTATE, "thu")
    found = await world.until(pool, lambda it: bool(condition(it, "RotationWaiting")))

    assert is_ready(found)
    assert (condition(found, "RotationWaiting")["reason"], found["status"]["licenceKeyID"]) == (
        "TooManyLicenceKeys",
        keys[-1].key_id,
    )
    await run_once(world, pool, "again")
    assert len(await events(world, "TooManyLicenceKeys")) == 1
    assert [(await take(world, key, 1)).code for key in keys] == [Code.GRANTED, *[Code.EXISTING] * 3]

    await world.patch_spec(pool, licenceKey={"overlap": "0s"})
    found = await world.until(pool, lambda it: it["status"]["lastHandledRotateLicenceKeyAt"] == "thu")
    assert not condition(found, "RotationWaiting")
    assert keys_of(found) == {(await world.licence_key()).key_id: "Active"}


@pytest.mark.parametrize("frozen", [Kind.SEAT_POOL, Kind.SUBSCRIPTION])
async def test_a_rotation_waits_while_changes_are_not_acted_upon(world: World, frozen: Kind) -> None:
    pool = await world.customer()
    before = await world.licence_key()
    above = ObjectKey(frozen, world.namespace, "dev" if frozen is Kind.SEAT_POOL else "team")
    await world.patch_spec(above, suspend=True)
    await world.until_reason(above, "Suspended")
    await world.annotate(pool, ROTATE, "monday")
    await run_once(world, pool, "look")

    assert (await world.licence_key()).text == before.text
    await world.patch_spec(above, suspend=False)
    await world.until(pool, lambda it: it["status"].get("lastHandledRotateLicenceKeyAt") == "monday")
    after = await world.licence_key()
    assert after.text != before.text
    assert [(await take(world, key, 1)).code for key in (before, after)] == [Code.GRANTED, Code.EXISTING]


async def test_who_still_uses_an_earlier_key_is_seen_in_status(world: World) -> None:
    pool = await world.customer()
    old = await world.licence_key()
    await rotate(world, pool, "monday")
    await take(world, old, 1)
    await take(world, old, 2)

    def shows_the_use(found: Body) -> bool:
        uses = {key["id"]: key for key in found["status"]["licenceKeys"]}
        return uses[old.key_id]["granted"] == 2 and "lastUsedAt" in uses[old.key_id]

    await world.until(pool, shows_the_use)


async def test_a_group_has_a_key_of_its_own_which_is_replaced_with_that_of_the_pool(world: World) -> None:
    pool = await world.customer()
    await world.patch_spec(pool, groups=[{"name": "render", "limit": 2, "licenceKey": True}])

    def names_the_group(found: Body) -> bool:
        return any(key.get("group") == "render" for key in found["status"]["licenceKeys"])

    await world.until(pool, names_the_group)
    own = await world.licence_key(group="render")
    granted = [await take(world, own, number) for number in range(3)]
    assert [answer.code for answer in granted] == [Code.GRANTED, Code.GRANTED, Code.GROUP_LIMIT]
    assert isinstance(granted[0], Grant)
    assert granted[0].group == "render"

    await rotate(world, pool, "monday")
    new = await world.licence_key(group="render")
    assert new.text != own.text
    assert [await beat(world, key, granted[0]) for key in (own, new)] == [Code.OK, Code.OK]
    found = await world.get(pool)
    shown = {key["id"]: (key["state"], key.get("group")) for key in found["status"]["licenceKeys"]}
    assert shown[own.key_id] == ("Overlapping", "render")
    assert shown[new.key_id] == ("Active", "render")

    await world.patch_spec(pool, groups=[{"name": "render", "limit": 2}])
    await world.until(pool, lambda found: not names_the_group(found))
    assert (await take(world, new, 1)).code is Code.INVALID_LICENSE
    assert "render.licence-key" not in (await world.secret("dev-licence"))["data"]
