"""How objects are read: strict where people write, tolerant where machines do, and with sentences for what
is wrong."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from seatwarden.resources.base import ECHO_LENGTH, ObjectMeta
from seatwarden.resources.invalid import InvalidResource
from seatwarden.resources.names import RECONCILE_REQUESTED_AT
from seatwarden.resources.seatpool import Lease, SeatPool
from seatwarden.resources.signing import SigningProvider
from seatwarden.resources.subscription import Entitlement, Phase, Subscription
from seatwarden.resources.tenant import Access, DeletionPolicy, Tenant

POOL: dict[str, Any] = {
    "apiVersion": "seatwarden.dev/v1alpha1",
    "kind": "SeatPool",
    "metadata": {
        "name": "dev",
        "namespace": "quickstart",
        "uid": "0b0c7f0e-6c6f-4f0e-9d4e-2f6d2f1c9a11",
        "generation": 2,
        "resourceVersion": "417",
        "creationTimestamp": "2027-03-01T12:00:00Z",
        "finalizers": ["seatwarden.dev/finalizer"],
        "managedFields": [{"manager": "kubectl"}],
    },
    "spec": {
        "subscriptionRef": {"name": "acme-team"},
        "seats": 5,
        "lease": {"duration": "15s", "heartbeat": "5s", "offlineGrace": "24h"},
        "licenceKey": {"overlap": "36h"},
    },
    "status": {
        "observedGeneration": 2,
        "capacity": 5,
        "used": 3,
        "free": 2,
        "licenceKeyID": "0123456789",
        "groups": [{"name": "render", "used": 2}],
        "borrowed": 2,
        "borrows": [
            {
                "holder": "ab" * 32,
                "until": "2027-03-02T12:00:00Z",
                "seats": 2,
                "group": "render",
                "fence": 2**32,
            }
        ],
        "borrowsEpoch": 1,
        "licenceKeys": [
            {"id": "0123456789", "state": "Active", "granted": 3, "denied": 0},
            {
                "id": "abcdef0123",
                "state": "Overlapping",
                "expiresAt": "2027-03-08T12:00:00Z",
                "granted": 7,
                "denied": 1,
                "lastUsedAt": "2027-03-01T12:00:00Z",
            },
        ],
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "observedGeneration": 2,
                "lastTransitionTime": "2027-03-01T12:00:05Z",
                "reason": "Succeeded",
                "message": "5 of 5 seats",
            }
        ],
    },
}


def pool(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(POOL), **changes}


def complaint(model: type[Tenant | Subscription | SeatPool], spec: Any) -> str:
    with pytest.raises(InvalidResource) as refused:
        model.parse({"metadata": {"name": "acme", "namespace": "quickstart"}, "spec": spec})
    return str(refused.value)


def test_object_of_the_api_is_read_into_typed_values() -> None:
    read = SeatPool.parse(pool())

    assert read.metadata.name == "dev"
    assert read.metadata.generation == 2
    assert read.metadata.creation_timestamp == datetime(2027, 3, 1, 12, tzinfo=UTC)
    assert read.metadata.deletion_timestamp is None
    assert read.metadata.finalizers == ("seatwarden.dev/finalizer",)
    assert read.spec.subscription_ref.name == "acme-team"
    assert read.spec.lease == Lease(duration=timedelta(seconds=15), heartbeat=timedelta(seconds=5))
    assert read.status.used == 3
    assert read.status.licence_key_id == "0123456789"
    assert read.status.conditions[0].reason == "Succeeded"


def test_status_is_written_as_it_was_read() -> None:
    assert SeatPool.parse(pool()).status.wire() == POOL["status"]


def test_spec_is_written_as_it_was_read() -> None:
    assert SeatPool.parse(pool()).spec.wire() == {
        **POOL["spec"],
        "overage": {"seats": 0},
        "drain": False,
        "onShrink": "Drain",
        "evictAfter": "5m",
        "onSuspend": "AtLeaseEnd",
        "linger": "0s",
        "versions": {},
        "mode": "Enforce",
        "groups": [],
        "onlyGroups": False,
        "borrow": {"maxSeats": 0, "maxDuration": "72h", "lowWater": 0},
        "queue": {"size": 0, "claimWindow": "30s"},
        "limits": {"acquiresPerMinute": {}, "deviceCooldown": "0s"},
        "suspend": False,
    }


def test_validity_is_written_in_utc() -> None:
    spec = {
        "tenantRef": {"name": "acme"},
        "plan": {"name": "team"},
        "seats": 1,
        "validUntil": "2027-03-01T14:00:00+02:00",
    }

    read = Subscription.parse({"metadata": {"name": "acme-team"}, "spec": spec})

    assert read.spec.valid_until == datetime(2027, 3, 1, 12, tzinfo=UTC)
    assert read.spec.wire()["validUntil"] == "2027-03-01T12:00:00Z"


def test_defaults_are_those_of_the_schema_even_without_the_api_server() -> None:
    tenant = Tenant.parse({"metadata": {"name": "acme"}, "spec": {}})
    fresh = SeatPool.parse(
        {"metadata": {"name": "a"}, "spec": {"subscriptionRef": {"name": "b"}, "seats": 0}}
    )

    assert tenant.spec.access is Access.ACTIVE
    assert tenant.spec.signing.provider is SigningProvider.LOCAL
    assert tenant.spec.deletion_policy is DeletionPolicy.RETAIN
    assert tenant.status.signing_keys == ()
    assert fresh.spec.lease == Lease(duration=timedelta(minutes=6), heartbeat=timedelta(minutes=2))
    assert not fresh.spec.suspend


def test_spec_cannot_be_changed_in_place() -> None:
    read = SeatPool.parse(pool())

    with pytest.raises(ValidationError, match="frozen"):
        read.spec.seats = 6


def test_unknown_fields_of_status_and_metadata_are_passed_over() -> None:
    body = pool()
    body["status"]["reserved"] = 4
    body["status"]["conditions"][0]["severity"] = "Info"
    body["metadata"]["shard"] = "b"

    assert SeatPool.parse(body) == SeatPool.parse(pool())


def test_condition_of_an_unknown_type_is_kept() -> None:
    body = pool()
    body["status"]["conditions"].append({**body["status"]["conditions"][0], "type": "example.com/Audited"})

    assert [condition.type for condition in SeatPool.parse(body).status.conditions] == [
        "Ready",
        "example.com/Audited",
    ]


SIGNING_FIELDS = "provider, googleCloudKMS, algorithm, rotationPeriod, compromised, revokedLeases"


@pytest.mark.parametrize(
    "status",
    [
        {"used": "three"},
        {"conditions": {"Ready": True}},
        {"conditions": [{"type": "Ready"}]},
        {"observedGeneration": -1},
        "broken",
        [],
    ],
)
def test_status_that_makes_no_sense_counts_as_none(status: object) -> None:
    read = SeatPool.parse(pool(status=status))

    assert read.status.observed_generation is None
    assert read.status.conditions == ()
    assert read.spec == SeatPool.parse(pool()).spec


def test_broken_status_does_not_hide_a_broken_spec() -> None:
    with pytest.raises(InvalidResource, match=r"spec\.seats is required"):
        SeatPool.parse(pool(status="broken", spec={"subscriptionRef": {"name": "a"}}))


def test_phase_is_read_as_one_of_a_closed_set() -> None:
    spec = {"tenantRef": {"name": "acme"}, "plan": {"name": "team"}, "seats": 1}

    read = Subscription.parse({"metadata": {"name": "a"}, "spec": spec, "status": {"phase": "PastDue"}})

    assert read.status.phase is Phase.PAST_DUE


def test_request_to_reconcile_is_cut_to_what_status_can_echo() -> None:
    asked = ObjectMeta(name="dev", annotations={RECONCILE_REQUESTED_AT: "x" * 1000})

    assert asked.reconcile_requested_at == "x" * ECHO_LENGTH
    assert ObjectMeta(name="dev").reconcile_requested_at is None


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"displayname": "Acme"}, 'spec.displayname is not a field; did you mean "displayName"?'),
        (
            {"signing": {"kms": 1}},
            f"spec.signing.kms is not a field; the fields here are {SIGNING_FIELDS}",
        ),
        ({"access": "Frozen"}, "spec.access must be 'Active' or 'Suspended', not \"Frozen\""),
        ({"suspend": "no"}, 'spec.suspend must be true or false, not "no"'),
        ({"displayName": "a" * 121}, "spec.displayName must have at most 120 characters, not 121"),
        ({"displayName": 7}, "spec.displayName must be a string, not 7"),
        ({"signing": "Local"}, 'spec.signing must be an object, not "Local"'),
        (None, "spec must be an object, not null"),
    ],
)
def test_complaint_about_a_tenant_names_field_and_remedy(spec: object, sentence: str) -> None:
    assert complaint(Tenant, spec) == f"Tenant quickstart/acme: {sentence}"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seats": 1_000_001}, "spec.seats must be at most 1000000, not 1000001"),
        ({"seats": -1}, "spec.seats must be at least 0, not -1"),
        ({"seats": "5"}, 'spec.seats must be a whole number, not "5"'),
        ({"entitlements": {}}, "spec.entitlements must be a list, not {}"),
        ({"entitlements": [{"name": "a"}] * 65}, "spec.entitlements must have at most 64 items, not 65"),
        (
            {"entitlements": [{"name": "a"}, {"name": "a"}]},
            'spec.entitlements[1] must have another name than those before, not "a" again',
        ),
        (
            {"entitlements": [{"name": "a", "limits": 1}]},
            'spec.entitlements[0].limits is not a field; did you mean "limit"?',
        ),
    ],
)
def test_complaint_about_a_subscription_names_field_and_remedy(change: dict[str, Any], sentence: str) -> None:
    spec = {"tenantRef": {"name": "acme"}, "plan": {"name": "team"}, "seats": 5, **change}

    assert complaint(Subscription, spec) == f"Subscription quickstart/acme: {sentence}"


def test_complaint_shows_only_the_beginning_of_a_long_value_and_of_many_mistakes() -> None:
    text = complaint(Tenant, {"access": "x" * 500, **{f"unknown{number}": 1 for number in range(9)}})

    assert len(text) < 900
    assert 'not "xxxxx' in text
    assert text.endswith("; and 5 more")


def test_complaint_about_nothing_at_all_is_a_sentence_too() -> None:
    with pytest.raises(InvalidResource, match=r"^Tenant: metadata is required; spec is required$"):
        Tenant.parse({})


def test_rule_on_a_whole_object_holds_in_code_as_on_the_wire() -> None:
    with pytest.raises(ValidationError, match="must be at most half of duration"):
        Lease(duration=timedelta(seconds=10), heartbeat=timedelta(seconds=6))
    with pytest.raises(ValidationError, match="must not stand beside limit"):
        Entitlement(name="a", limit=1, value="x")
    with pytest.raises(ValidationError, match="must be from 5s to 24h"):
        Lease(duration=timedelta(seconds=4), heartbeat=timedelta(seconds=1))
