"""Our finalizer: put on before anything is made outside the object, taken off when nothing is left."""

from typing import Any

import pytest

from seatwarden.reconcilers.engine import ObjectKey, RetryLater
from seatwarden.reconcilers.object_store import Entry, ObjectStore
from seatwarden.reconcilers.ownership import Finalizers
from seatwarden.reconcilers.paths import object_path
from seatwarden.resources.names import FINALIZER, Kind
from tests.domain.objects import NAMESPACE, Body, pool_body, uid_of
from tests.reconcilers.kubernetes_in_memory import KubernetesInMemory

DEV = ObjectKey(Kind.SEAT_POOL, NAMESPACE, "dev")
THEIRS = "example.com/finalizer"


class Desk:
    """A pool in the API and in the store. ``gone`` has what was told to have gone with its finalizer."""

    def __init__(self) -> None:
        self.api = KubernetesInMemory()
        self.store = ObjectStore()
        self.gone: list[ObjectKey] = []
        self.finalizers = Finalizers(api=self.api, store=self.store, gone=self.gone.append)

    def have_pool(self, **metadata: Any) -> None:
        self.change_pool(**metadata)
        self.store.put(Kind.SEAT_POOL, self.api.objects[object_path(DEV)])

    def change_pool(self, **metadata: Any) -> None:
        """Somebody else changes it, and the operator has not heard of it yet."""
        self.api.put(object_path(DEV), pool_body(**metadata))

    @property
    def pool(self) -> Entry:
        """The pool as the operator knows it."""
        entry = self.store.entry(DEV)
        assert entry is not None
        return entry

    @property
    def names(self) -> list[str]:
        """The finalizers that are on."""
        found: list[str] = self.api.objects[object_path(DEV)]["metadata"].get("finalizers", [])
        return found


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize("others", [[], [THEIRS]], ids=["none before", "others before"])
async def test_our_finalizer_is_put_on_beside_those_of_others(desk: Desk, others: list[str]) -> None:
    desk.have_pool(**({"finalizers": others} if others else {}))
    await desk.finalizers.ensure(DEV, desk.pool)

    assert desk.names == [*others, FINALIZER]
    assert desk.pool.metadata.finalizers == (*others, FINALIZER)


async def test_a_finalizer_that_is_on_is_not_put_on_again(desk: Desk) -> None:
    desk.have_pool(finalizers=[FINALIZER])
    await desk.finalizers.ensure(DEV, desk.pool)

    assert desk.api.writes == []


@pytest.mark.parametrize(
    "meanwhile", [{"uid": uid_of("dev again")}, {"finalizers": [THEIRS]}], ids=["made again", "changed"]
)
async def test_an_object_that_was_changed_meanwhile_gets_no_finalizer_and_is_read_again_first(
    desk: Desk, meanwhile: Body
) -> None:
    desk.have_pool()
    desk.change_pool(**meanwhile)
    with pytest.raises(RetryLater, match="SeatPool dev was changed meanwhile"):
        await desk.finalizers.ensure(DEV, desk.pool)

    assert FINALIZER not in desk.names


async def test_an_object_made_again_with_finalizers_of_others_does_not_get_that_of_the_old_one(
    desk: Desk,
) -> None:
    desk.have_pool(finalizers=[THEIRS])
    desk.change_pool(finalizers=[THEIRS], uid=uid_of("dev again"))
    with pytest.raises(RetryLater):
        await desk.finalizers.ensure(DEV, desk.pool)

    assert desk.names == [THEIRS]


async def test_an_object_that_went_while_its_finalizer_was_put_on_does_not_come_back(desk: Desk) -> None:
    desk.have_pool()
    pool = desk.pool
    desk.store.drop(DEV)
    await desk.finalizers.ensure(DEV, pool)

    assert desk.store.entry(DEV) is None


@pytest.mark.parametrize("at", [0, 1])
async def test_only_our_finalizer_is_taken_off(desk: Desk, at: int) -> None:
    names = [THEIRS]
    names.insert(at, FINALIZER)
    desk.have_pool(finalizers=names)
    await desk.finalizers.remove(DEV, desk.pool)

    assert desk.names == [THEIRS]
    assert desk.pool.metadata.finalizers == (THEIRS,)
    assert desk.gone == []


async def test_an_object_goes_with_its_last_finalizer_and_this_is_told(desk: Desk) -> None:
    desk.have_pool(finalizers=[FINALIZER])
    await desk.finalizers.remove(DEV, desk.pool)

    assert desk.names == []
    assert desk.gone == [DEV]


@pytest.mark.parametrize("known", [None, uid_of("dev again")], ids=["gone already", "made again already"])
async def test_what_the_operator_knows_to_be_gone_is_not_told_again(desk: Desk, known: str | None) -> None:
    desk.have_pool(finalizers=[FINALIZER])
    pool = desk.pool
    desk.store.drop(DEV)
    if known is not None:
        desk.store.put(Kind.SEAT_POOL, pool_body(uid=known))
    await desk.finalizers.remove(DEV, pool)

    assert desk.gone == []


async def test_a_finalizer_that_is_not_where_it_was_is_not_taken_off_blindly(desk: Desk) -> None:
    desk.have_pool(finalizers=[FINALIZER, THEIRS])
    desk.change_pool(finalizers=[THEIRS, FINALIZER])
    with pytest.raises(RetryLater):
        await desk.finalizers.remove(DEV, desk.pool)

    assert desk.names == [THEIRS, FINALIZER]
    assert desk.gone == []
