"""The answers of our own writes: taken in at once, and no news by themselves."""

import pytest

from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.object_store import Change, ObjectStore
from seatwarden.resources.names import Kind
from seatwarden.resources.seatpool import SeatPool
from tests.domain.objects import NAMESPACE, pool_body

DEV = ObjectKey(Kind.SEAT_POOL, NAMESPACE, "dev")


@pytest.fixture
def store() -> ObjectStore:
    store = ObjectStore()
    store.put(Kind.SEAT_POOL, pool_body())
    return store


def pool_in(store: ObjectStore) -> SeatPool:
    entry = store.entry(DEV)
    assert isinstance(entry, SeatPool)
    return entry


def test_an_answer_is_known_at_once_and_the_event_about_it_is_no_news(store: ObjectStore) -> None:
    answer = pool_body(resourceVersion="5", status={"used": 3})
    store.put_answer(Kind.SEAT_POOL, answer)

    assert pool_in(store).status.used == 3
    assert store.put(Kind.SEAT_POOL, answer) is Change.NOTHING


def test_what_another_changed_before_our_write_is_told_by_its_event_though_that_is_older(
    store: ObjectStore,
) -> None:
    theirs = pool_body(resourceVersion="4", generation=2, seats=7)
    store.put_answer(
        Kind.SEAT_POOL, pool_body(resourceVersion="5", generation=2, seats=7, status={"used": 3})
    )

    assert store.put(Kind.SEAT_POOL, theirs) is Change.INTENT
    assert pool_in(store).metadata.resource_version == "5"
    assert store.put(Kind.SEAT_POOL, theirs) is Change.NOTHING


def test_an_answer_older_than_what_is_known_changes_nothing(store: ObjectStore) -> None:
    store.put(Kind.SEAT_POOL, pool_body(resourceVersion="9", generation=2, seats=7))
    store.put_answer(Kind.SEAT_POOL, pool_body(resourceVersion="5", status={"used": 3}))

    assert (pool_in(store).spec.seats, pool_in(store).status.used) == (7, None)


def test_an_object_that_went_meanwhile_does_not_come_back_by_an_answer(store: ObjectStore) -> None:
    store.drop(DEV)
    store.put_answer(Kind.SEAT_POOL, pool_body(resourceVersion="5"))

    assert store.entry(DEV) is None


def test_an_answer_about_an_older_object_does_not_touch_the_one_that_has_its_name_now(
    store: ObjectStore,
) -> None:
    store.put(Kind.SEAT_POOL, pool_body(resourceVersion="9", uid="newer"))
    store.put_answer(Kind.SEAT_POOL, pool_body(resourceVersion="10", seats=7))

    assert (pool_in(store).metadata.uid, pool_in(store).spec.seats) == ("newer", 5)
