"""Secrets that the operator makes: whose they are, and which are left alone."""

import pytest

from seatwarden.reconcilers.engine import ObjectKey, RetryLater
from seatwarden.reconcilers.ownership import OwnedSecrets, Problem, Secret, owner_reference
from seatwarden.reconcilers.paths import secret_path
from seatwarden.resources.names import Kind
from seatwarden.resources.reasons import Reason
from tests.domain import objects
from tests.domain.objects import NAMESPACE, Body, uid_of
from tests.reconcilers.kubernetes_in_memory import KubernetesInMemory

DEV = ObjectKey(Kind.SEAT_POOL, NAMESPACE, "dev")
POOL = objects.pool()
SECRET = "dev-licence"
OURS = {"app.kubernetes.io/managed-by": "seatwarden"}


@pytest.fixture
def api() -> KubernetesInMemory:
    return KubernetesInMemory()


@pytest.fixture
def secrets(api: KubernetesInMemory) -> OwnedSecrets:
    return OwnedSecrets(api=api)


async def test_a_secret_that_is_not_there_is_none(secrets: OwnedSecrets) -> None:
    assert await secrets.read(DEV, POOL, SECRET) is None


@pytest.mark.parametrize("collected", [True, False])
async def test_a_secret_is_made_once_and_is_read_back_as_ours(
    api: KubernetesInMemory, secrets: OwnedSecrets, collected: bool
) -> None:
    assert await secrets.create(DEV, POOL, SECRET, {"licence-key": "LIC"}, collected=collected)
    assert not await secrets.create(DEV, POOL, SECRET, {"licence-key": "another"}, collected=collected)

    secret = await secrets.read(DEV, POOL, SECRET)
    assert secret is not None
    assert secret["data"] == {"licence-key": "TElD"}
    assert secret["metadata"]["labels"] == OURS
    assert secret["metadata"].get("ownerReferences") == ([owner_reference(DEV, POOL)] if collected else None)


def have_secret(api: KubernetesInMemory, **metadata: object) -> None:
    """A Secret of the name that we need."""
    api.put(secret_path(NAMESPACE, SECRET), {"metadata": {"name": SECRET, **metadata}, "data": {}})


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({}, id="bare"),
        pytest.param({"labels": None, "annotations": None}, id="with nulls"),
        pytest.param({"labels": {"app": "shop"}}, id="with labels of its own"),
        pytest.param({"annotations": {"seatwarden.dev/owner-uid": "another"}}, id="of another of ours"),
        pytest.param({"labels": OURS}, id="made by us and owned by nobody"),
        pytest.param({"ownerReferences": [{"uid": "another"}]}, id="owned by another"),
    ],
)
async def test_a_secret_of_something_else_is_a_problem_for_a_person(
    api: KubernetesInMemory, secrets: OwnedSecrets, metadata: Body
) -> None:
    have_secret(api, **metadata)
    with pytest.raises(Problem) as problem:
        await secrets.read(DEV, POOL, SECRET)

    assert problem.value.reason is Reason.SECRET_CONFLICT
    assert SECRET in problem.value.message
    assert api.writes == []


async def test_a_secret_of_the_one_that_had_this_name_before_is_waited_out(
    api: KubernetesInMemory, secrets: OwnedSecrets
) -> None:
    old = {"seatwarden.dev/owner-uid": "the old one"}
    have_secret(api, labels=OURS, annotations=old, ownerReferences=[{"uid": "the old one"}])

    with pytest.raises(RetryLater, match="still belongs to the SeatPool that had this name before"):
        await secrets.read(DEV, POOL, SECRET)


async def retained(api: KubernetesInMemory, secrets: OwnedSecrets) -> Secret:
    await secrets.create(DEV, POOL, SECRET, {}, collected=True)
    made = await secrets.read(DEV, POOL, SECRET)
    assert made is not None
    await secrets.mark(DEV, made, owner=None, collected=False)
    api.writes.clear()
    return api.objects[secret_path(NAMESPACE, SECRET)]


async def test_a_retained_secret_belongs_to_nobody_and_no_collector_takes_it(
    api: KubernetesInMemory, secrets: OwnedSecrets
) -> None:
    metadata = (await retained(api, secrets))["metadata"]

    assert metadata["labels"] == {**OURS, "seatwarden.dev/retained": "true"}
    assert metadata["annotations"] == {}
    assert metadata["ownerReferences"] == []


async def test_a_retained_secret_is_adopted_by_the_next_of_the_name(
    api: KubernetesInMemory, secrets: OwnedSecrets
) -> None:
    await retained(api, secrets)
    heir = objects.pool(uid=uid_of("dev again"))
    found = await secrets.read(DEV, heir, SECRET)
    assert found is not None
    await secrets.mark(DEV, found, owner=heir, collected=True)

    metadata = api.objects[secret_path(NAMESPACE, SECRET)]["metadata"]
    assert metadata["labels"] == OURS
    assert metadata["annotations"] == {"seatwarden.dev/owner-uid": uid_of("dev again")}
    assert [reference["uid"] for reference in metadata["ownerReferences"]] == [uid_of("dev again")]


@pytest.mark.parametrize("collected", [True, False])
async def test_a_secret_that_says_already_whose_it_is_is_not_written(
    api: KubernetesInMemory, secrets: OwnedSecrets, collected: bool
) -> None:
    await secrets.create(DEV, POOL, SECRET, {}, collected=collected)
    found = await secrets.read(DEV, POOL, SECRET)
    assert found is not None
    api.writes.clear()
    await secrets.mark(DEV, found, owner=POOL, collected=collected)

    assert api.writes == []


async def test_labels_and_annotations_of_people_stay(api: KubernetesInMemory, secrets: OwnedSecrets) -> None:
    have_secret(api, labels={"team": "red"}, annotations={"note": "mine"})
    await secrets.mark(DEV, await api.get(secret_path(NAMESPACE, SECRET)), owner=POOL, collected=False)

    metadata = api.objects[secret_path(NAMESPACE, SECRET)]["metadata"]
    assert metadata["labels"]["team"] == "red"
    assert metadata["annotations"]["note"] == "mine"


async def test_a_secret_that_was_changed_meanwhile_is_not_overwritten(
    api: KubernetesInMemory, secrets: OwnedSecrets
) -> None:
    await secrets.create(DEV, POOL, SECRET, {}, collected=True)
    found = await secrets.read(DEV, POOL, SECRET)
    assert found is not None
    have_secret(api, annotations={"note": "changed"})
    with pytest.raises(RetryLater, match="was changed meanwhile"):
        await secrets.mark(DEV, found, owner=None, collected=False)


def test_an_owner_reference_lets_the_collector_wait_for_nothing_but_its_owner() -> None:
    assert owner_reference(DEV, POOL) == {
        "apiVersion": "seatwarden.dev/v1alpha1",
        "kind": "SeatPool",
        "name": "dev",
        "uid": uid_of("dev"),
        "controller": True,
        "blockOwnerDeletion": True,
    }
