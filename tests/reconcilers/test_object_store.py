from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.reconcilers.engine import NoSuchObject, ObjectKey
from seatwarden.reconcilers.object_store import Change, ObjectStore, Unreadable
from seatwarden.resources.names import Kind
from seatwarden.resources.seatpool import SeatPoolStatus
from tests.domain.objects import NAMESPACE, Body, pool_body, subscription_body, tenant_body

ACME = ObjectKey(Kind.TENANT, NAMESPACE, "acme")
TEAM = ObjectKey(Kind.SUBSCRIPTION, NAMESPACE, "team")
DEV = ObjectKey(Kind.SEAT_POOL, NAMESPACE, "dev")
UNREADABLE: Body = {"seats": -1, "leases": "many"}


@pytest.fixture
def store() -> ObjectStore:
    """One Tenant, one Subscription, one SeatPool."""
    store = ObjectStore()
    store.put(Kind.TENANT, tenant_body())
    store.put(Kind.SUBSCRIPTION, subscription_body())
    store.put(Kind.SEAT_POOL, pool_body())
    return store


def test_what_was_put_is_found_by_key_and_by_name(store: ObjectStore) -> None:
    assert store.entry(ACME) == store.tenant(NAMESPACE, "acme")
    assert store.entry(TEAM) == store.subscription(NAMESPACE, "team")
    assert store.entry(DEV) == store.pools_of(NAMESPACE, "team")[0]
    assert [list(store.keys(kind)) for kind in Kind] == [[ACME], [TEAM], [DEV]]


def test_what_is_gone_is_told_as_such(store: ObjectStore) -> None:
    before = store.existing(DEV)

    assert store.drop(DEV) is before
    with pytest.raises(NoSuchObject, match="no SeatPool 'dev'"):
        store.existing(DEV)


def test_namespaces_are_different_worlds(store: ObjectStore) -> None:
    store.put(Kind.SEAT_POOL, pool_body("theirs", namespace="another"))

    assert store.tenant("another", "acme") is None
    assert store.subscription("another", "team") is None
    assert [pool.metadata.name for pool in store.pools_of("another", "team")] == ["theirs"]
    assert [pool.metadata.name for pool in store.pools_of(NAMESPACE, "team")] == ["dev"]


def test_a_new_object_is_an_intent() -> None:
    assert ObjectStore().put(Kind.SEAT_POOL, pool_body()) is Change.INTENT


@pytest.mark.parametrize(
    "metadata",
    [
        {"generation": 2},
        {"uid": "another"},
        {"deletionTimestamp": "2027-03-01T13:00:00Z"},
        {"finalizers": ["seatwarden.dev/finalizer"]},
        {"annotations": {"seatwarden.dev/reconcile-requested-at": "now"}},
        {"annotations": {"seatwarden.dev/portal-link-requested-at": "now"}},
    ],
    ids=lambda metadata: next(iter(metadata)),
)
def test_what_people_want_of_an_object_is_an_intent(store: ObjectStore, metadata: dict[str, Any]) -> None:
    assert store.put(Kind.SEAT_POOL, pool_body(resourceVersion="2", **metadata)) is Change.INTENT


@pytest.mark.parametrize(
    "metadata",
    [{}, {"labels": {"team": "red"}}, {"annotations": {"note": "mine"}}, {"managedFields": [{}]}],
    ids=lambda metadata: next(iter(metadata), "nothing"),
)
def test_what_is_nobodys_business_here_is_no_change(store: ObjectStore, metadata: dict[str, Any]) -> None:
    assert store.put(Kind.SEAT_POOL, pool_body(resourceVersion="2", **metadata)) is Change.NOTHING
    entry = store.entry(DEV)
    assert entry is not None
    assert entry.metadata.resource_version == "2"


def test_a_change_of_status_alone_is_told_as_such(store: ObjectStore) -> None:
    body = pool_body(resourceVersion="2", status={"used": 3})

    assert store.put(Kind.SEAT_POOL, body) is Change.STATUS


@pytest.mark.parametrize("version", ["100", "99", "9"])
def test_an_event_no_newer_than_what_is_known_is_ignored(store: ObjectStore, version: str) -> None:
    store.put(Kind.SEAT_POOL, pool_body(resourceVersion="100", generation=3, seats=7))

    stale = pool_body(resourceVersion=version, generation=2, seats=6)
    assert store.put(Kind.SEAT_POOL, stale) is Change.NOTHING
    assert [pool.spec.seats for pool in store.pools_of(NAMESPACE, "team")] == [7]


def test_resource_versions_are_numbers_and_no_words(store: ObjectStore) -> None:
    store.put(Kind.SEAT_POOL, pool_body(resourceVersion="99", generation=2))

    assert store.put(Kind.SEAT_POOL, pool_body(resourceVersion="100", generation=3)) is Change.INTENT


def test_an_object_made_again_under_its_name_takes_the_place_of_the_old_one(store: ObjectStore) -> None:
    again = pool_body(resourceVersion="50", uid="another", subscription="other", seats=9)

    assert store.put(Kind.SEAT_POOL, again) is Change.INTENT
    assert store.pools_of(NAMESPACE, "team") == []
    assert [pool.metadata.uid for pool in store.pools_of(NAMESPACE, "other")] == ["another"]


def test_news_of_an_older_object_does_not_displace_its_successor() -> None:
    store = ObjectStore()
    store.put(Kind.SEAT_POOL, pool_body(resourceVersion="50", uid="newer"))

    assert store.put(Kind.SEAT_POOL, pool_body(resourceVersion="20", uid="older")) is Change.NOTHING
    assert store.existing(DEV).metadata.uid == "newer"


def test_references_lead_up_and_down(store: ObjectStore) -> None:
    assert store.parent(DEV) == TEAM
    assert store.parent(TEAM) == ACME
    assert store.parent(ACME) is None
    assert store.below(ACME) == [TEAM, DEV]
    assert store.below(TEAM) == [DEV]
    assert store.below(DEV) == []
    assert [found.metadata.name for found in store.subscriptions_of(NAMESPACE, "acme")] == ["team"]


def test_a_reference_counts_before_that_which_it_refers_to_exists() -> None:
    store = ObjectStore()
    store.put(Kind.SEAT_POOL, pool_body(subscription="not-yet"))
    missing = ObjectKey(Kind.SUBSCRIPTION, NAMESPACE, "not-yet")

    assert store.parent(DEV) == missing
    assert store.below(missing) == [DEV]
    assert store.entry(missing) is None


def test_a_dropped_object_refers_to_nothing_any_more(store: ObjectStore) -> None:
    before = store.entry(DEV)

    assert store.drop(DEV) is before
    assert store.drop(DEV) is None
    assert store.entry(DEV) is None
    assert store.parent(DEV) is None
    assert store.below(TEAM) == []
    assert store.below(ACME) == [TEAM]


def test_those_that_refer_to_a_dropped_object_still_do(store: ObjectStore) -> None:
    store.drop(TEAM)

    assert store.below(TEAM) == [DEV]
    assert [pool.metadata.name for pool in store.pools_of(NAMESPACE, "team")] == ["dev"]


def test_a_spec_that_breaks_a_rule_is_kept_as_unreadable_with_what_is_wrong() -> None:
    store = ObjectStore()
    body = pool_body(spec=UNREADABLE, status={"used": 3, "peak": 4})
    assert store.put(Kind.SEAT_POOL, body) is Change.INTENT

    entry = store.entry(DEV)
    assert isinstance(entry, Unreadable)
    assert "spec.seats must be at least 0, not -1" in entry.error
    assert "spec.leases is not a field" in entry.error
    assert entry.status == SeatPoolStatus(used=3, peak=4)
    assert list(store.keys(Kind.SEAT_POOL)) == [DEV]


def test_nothing_is_promised_of_a_status_that_makes_no_sense() -> None:
    store = ObjectStore()
    store.put(Kind.SEAT_POOL, pool_body(spec=UNREADABLE, status={"used": "many"}))

    entry = store.entry(DEV)
    assert isinstance(entry, Unreadable)
    assert entry.status == SeatPoolStatus()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Kind.TENANT, tenant_body(spec={"nonsense": True}, resourceVersion="2")),
        (Kind.SUBSCRIPTION, subscription_body(seats=-1, resourceVersion="2")),
    ],
)
def test_what_cannot_be_read_is_not_found_as_what_it_should_be(
    store: ObjectStore, kind: Kind, body: Body
) -> None:
    store.put(kind, body)

    assert isinstance(store.entry(ObjectKey(kind, NAMESPACE, body["metadata"]["name"])), Unreadable)
    assert (store.tenant(NAMESPACE, "acme") is None) == (kind is Kind.TENANT)
    assert (store.subscription(NAMESPACE, "team") is None) == (kind is Kind.SUBSCRIPTION)


def test_an_unreadable_pool_still_belongs_to_its_subscription(store: ObjectStore) -> None:
    store.put(Kind.SEAT_POOL, pool_body(spec={"seats": -1}, resourceVersion="2"))

    assert store.parent(DEV) == TEAM
    assert store.below(ACME) == [TEAM, DEV]
    assert store.pools_of(NAMESPACE, "team") == []
    assert [pool.metadata.name for pool in store.unreadable_pools_of(NAMESPACE, "team")] == ["dev"]
    store.drop(DEV)
    assert store.unreadable_pools_of(NAMESPACE, "team") == []


@pytest.mark.parametrize("reference", [None, "team", {}, {"name": 1}], ids=str)
def test_a_pool_whose_reference_became_unreadable_stays_where_it_was(
    store: ObjectStore, reference: object
) -> None:
    store.put(Kind.SEAT_POOL, pool_body(spec={"subscriptionRef": reference}, resourceVersion="2"))
    assert store.parent(DEV) == TEAM

    store.put(Kind.SEAT_POOL, pool_body(spec={"subscriptionRef": reference}, resourceVersion="3", uid="new"))
    assert store.parent(DEV) is None


def test_an_object_that_was_mended_is_an_intent_and_is_read_again() -> None:
    store = ObjectStore()
    store.put(Kind.SEAT_POOL, pool_body(spec=UNREADABLE))
    mended = pool_body(resourceVersion="2", generation=2)

    assert store.put(Kind.SEAT_POOL, mended) is Change.INTENT
    assert [pool.metadata.name for pool in store.pools_of(NAMESPACE, "team")] == ["dev"]


PUTS = st.tuples(st.sampled_from("ab"), st.integers(1, 9), st.sampled_from(["team", "other"]))


@given(st.lists(PUTS | st.sampled_from("ab"), max_size=30))
def test_referrers_are_always_those_of_the_newest_objects(
    history: list[tuple[str, int, str] | str],
) -> None:
    store, newest = ObjectStore(), dict[str, tuple[int, str]]()
    for step in history:
        match step:
            case str(name):
                store.drop(ObjectKey(Kind.SEAT_POOL, NAMESPACE, name))
                newest.pop(name, None)
            case (name, version, subscription):
                body = pool_body(name, resourceVersion=str(version), subscription=subscription)
                store.put(Kind.SEAT_POOL, body)
                if name not in newest or newest[name][0] < version:
                    newest[name] = (version, subscription)
        for subscription in ("team", "other"):
            found = {pool.metadata.name for pool in store.pools_of(NAMESPACE, subscription)}
            assert found == {name for name, (_, refers) in newest.items() if refers == subscription}
