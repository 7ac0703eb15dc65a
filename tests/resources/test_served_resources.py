"""What users of the real API server meet: examples, columns, explanations, scale, immutability, status."""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
import yaml

from seatwarden.local.plane_access import PlaneAccess
from seatwarden.resources.names import API_VERSION, DERIVING_NAME_LENGTH, FIELD_MANAGER, Kind
from seatwarden.resources.seatpool import SeatPool
from seatwarden.resources.subscription import Subscription
from seatwarden.resources.tenant import Tenant
from tests.resources.api_server import ApiServer, Refused, manifest, resource_path
from tests.resources.manifest_cases import MODELS

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
SUBSCRIPTION = {"tenantRef": {"name": "acme"}, "plan": {"name": "team"}, "seats": 5}
POOL = {"subscriptionRef": {"name": "acme-team"}, "seats": 5}

READY = {
    "type": "Ready",
    "status": "True",
    "observedGeneration": 1,
    "lastTransitionTime": "2027-03-01T12:00:00Z",
    "reason": "Succeeded",
    "message": "all is well",
}


def example() -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all(files("seatwarden_examples").joinpath("quickstart.yaml").read_text())


def apply_example(api_server: ApiServer, namespace: str) -> dict[Kind, dict[str, Any]]:
    """Apply the example, in another namespace than its own so that tests do not meet."""
    applied = {}
    for document in example():
        if document["kind"] != "Namespace":
            kind, name = Kind(document["kind"]), document["metadata"]["name"]
            document["metadata"]["namespace"] = namespace
            applied[kind] = api_server.apply(resource_path(kind, namespace, name), document)
    return applied


def write_status(
    api_server: ApiServer, kind: Kind, namespace: str, name: str, status: dict[str, Any]
) -> dict[str, Any]:
    body = {"apiVersion": API_VERSION, "kind": kind.value, "metadata": {"name": name}, "status": status}
    path = resource_path(kind, namespace, name, subresource="status")
    return api_server.apply(path, body, manager=FIELD_MANAGER)


def cells(api_server: ApiServer, kind: Kind, namespace: str) -> dict[str, Any]:
    """The columns that ``kubectl get`` shows, of the only object there is."""
    table = api_server.request("GET", resource_path(kind, namespace), accept=TABLE)
    (row,) = table["rows"]
    shown = zip(table["columnDefinitions"], row["cells"], strict=True)
    return {column["name"]: cell for column, cell in shown if column["priority"] == 0}


def test_example_lives_in_the_namespace_that_it_brings() -> None:
    documents = list(example())

    assert documents[0]["kind"] == "Namespace"
    assert {document["metadata"].get("namespace") for document in documents[1:]} == {"quickstart"}


def test_example_is_applied_and_read_as_it_says(api_server: ApiServer, namespace: str) -> None:
    applied = apply_example(api_server, namespace)

    tenant = Tenant.parse(applied[Kind.TENANT])
    subscription = Subscription.parse(applied[Kind.SUBSCRIPTION])
    pool = SeatPool.parse(applied[Kind.SEAT_POOL])
    assert tenant.spec.display_name == "Acme Robotics"
    assert subscription.spec.tenant_ref.name == tenant.metadata.name
    assert pool.spec.subscription_ref.name == subscription.metadata.name
    assert pool.spec.seats == subscription.spec.seats == 5
    assert pool.metadata.uid
    assert pool.metadata.generation == 1


def test_example_applied_again_changes_nothing(api_server: ApiServer, namespace: str) -> None:
    first = apply_example(api_server, namespace)

    again = apply_example(api_server, namespace)

    for kind in Kind:
        assert again[kind]["metadata"]["resourceVersion"] == first[kind]["metadata"]["resourceVersion"]


def test_kubectl_get_shows_the_status_beside_the_spec(api_server: ApiServer, namespace: str) -> None:
    apply_example(api_server, namespace)
    write_status(
        api_server,
        Kind.TENANT,
        namespace,
        "acme",
        {"subscriptions": 1, "seats": 5, "seatsInUse": 3, "conditions": [READY]},
    )
    write_status(
        api_server,
        Kind.SUBSCRIPTION,
        namespace,
        "acme-team",
        {"phase": "Active", "seats": 5, "allocatedSeats": 5, "seatsInUse": 3, "conditions": [READY]},
    )
    write_status(
        api_server,
        Kind.SEAT_POOL,
        namespace,
        "dev",
        {"tenant": "acme", "capacity": 5, "used": 3, "free": 2, "queued": 1, "conditions": [READY]},
    )

    shown = {kind: cells(api_server, kind, namespace) for kind in Kind}
    for columns in shown.values():
        del columns["Age"]

    assert shown[Kind.TENANT] == {
        "Name": "acme",
        "Customer": "Acme Robotics",
        "Access": "Active",
        "Subscriptions": 1,
        "Seats": 5,
        "In Use": 3,
        "Ready": "True",
        "Reason": "Succeeded",
    }
    assert shown[Kind.SUBSCRIPTION] == {
        "Name": "acme-team",
        "Tenant": "acme",
        "Plan": "team",
        "Seats": 5,
        "Allocated": 5,
        "In Use": 3,
        "Phase": "Active",
        "Valid Until": None,
        "Ready": "True",
        "Reason": "Succeeded",
    }
    assert shown[Kind.SEAT_POOL] == {
        "Name": "dev",
        "Tenant": "acme",
        "Seats": 5,
        "Used": 3,
        "Free": 2,
        "Queued": 1,
        "Ready": "True",
        "Reason": "Succeeded",
    }


def test_validity_to_come_is_shown_as_the_instant_that_it_is(api_server: ApiServer, namespace: str) -> None:
    api_server.create(Kind.SUBSCRIPTION, namespace, manifest(Kind.SUBSCRIPTION, "acme-team", SUBSCRIPTION))
    valid = {"validUntil": "2999-01-01T00:00:00Z"}
    write_status(api_server, Kind.SUBSCRIPTION, namespace, "acme-team", valid)

    assert cells(api_server, Kind.SUBSCRIPTION, namespace)["Valid Until"] == "2999-01-01T00:00:00Z"


async def test_kubectl_knows_the_short_names_and_the_category(
    cluster: PlaneAccess, api_server: ApiServer, namespace: str
) -> None:
    apply_example(api_server, namespace)

    by_short_name = await cluster.kubectl("get", "ten,sub,sp", f"--namespace={namespace}", "--output=name")
    by_category = await cluster.kubectl("get", "seatwarden", f"--namespace={namespace}", "--output=name")

    assert by_short_name.split() == [
        "tenant.seatwarden.dev/acme",
        "subscription.seatwarden.dev/acme-team",
        "seatpool.seatwarden.dev/dev",
    ]
    assert sorted(by_category.split()) == sorted(by_short_name.split())


async def test_kubectl_explain_reads_well(cluster: PlaneAccess, api_server: ApiServer) -> None:
    lease = " ".join((await cluster.kubectl("explain", "seatpool.spec.lease")).split())
    tenant = " ".join((await cluster.kubectl("explain", "tenant.spec")).split())

    assert "How long a seat stays taken without a sign of life, and how often programs give one." in lease
    assert "such as 90s, 6m or 1h30m; from 5s to 24h." in lease
    assert "Default 6m." in lease
    assert "enum: Active, Suspended" in tenant
    assert "<no description>" not in lease + tenant


async def test_kubectl_scale_sets_the_seats(
    cluster: PlaneAccess, api_server: ApiServer, namespace: str
) -> None:
    apply_example(api_server, namespace)

    await cluster.kubectl("scale", "seatpool", "dev", "--replicas=50", f"--namespace={namespace}")

    stored = api_server.request("GET", resource_path(Kind.SEAT_POOL, namespace, "dev"))
    assert SeatPool.parse(stored).spec.seats == 50
    assert stored["metadata"]["generation"] == 2


def test_scale_subresource_tells_wish_truth_and_selector(api_server: ApiServer, namespace: str) -> None:
    apply_example(api_server, namespace)
    write_status(
        api_server,
        Kind.SEAT_POOL,
        namespace,
        "dev",
        {"capacity": 4, "selector": "seatwarden.dev/pool=dev"},
    )

    path = resource_path(Kind.SEAT_POOL, namespace, "dev", subresource="scale")
    scale = api_server.request("GET", path)

    assert scale["spec"] == {"replicas": 5}
    assert scale["status"] == {"replicas": 4, "selector": "seatwarden.dev/pool=dev"}


def test_scale_beyond_the_most_seats_is_refused(api_server: ApiServer, namespace: str) -> None:
    apply_example(api_server, namespace)
    path = resource_path(Kind.SEAT_POOL, namespace, "dev", subresource="scale")
    scale = api_server.request("GET", path)

    with pytest.raises(Refused, match=r"spec\.seats in body should be less than or equal to 1000000"):
        api_server.request("PUT", path, {**scale, "spec": {"replicas": 1_000_001}})


@pytest.mark.parametrize(
    ("kind", "name", "reference", "sentence"),
    [
        (Kind.SUBSCRIPTION, "acme-team", "tenantRef", "create another Subscription for another Tenant"),
        (Kind.SEAT_POOL, "dev", "subscriptionRef", "create another SeatPool for another Subscription"),
    ],
)
def test_reference_cannot_be_changed(
    kind: Kind, name: str, reference: str, sentence: str, api_server: ApiServer, namespace: str
) -> None:
    apply_example(api_server, namespace)

    with pytest.raises(Refused) as refused:
        api_server.patch(kind, namespace, name, {"spec": {reference: {"name": "other"}}})

    assert refused.value.fields == {f"spec.{reference}"}
    assert f"must stay as it is; {sentence}" in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "name", "reference"),
    [(Kind.SUBSCRIPTION, "acme-team", "tenantRef"), (Kind.SEAT_POOL, "dev", "subscriptionRef")],
)
def test_reference_cannot_be_removed(
    kind: Kind, name: str, reference: str, api_server: ApiServer, namespace: str
) -> None:
    apply_example(api_server, namespace)

    with pytest.raises(Refused, match=f"spec.{reference}: Required value"):
        api_server.patch(kind, namespace, name, {"spec": {reference: None}})


def test_other_fields_can_be_changed(api_server: ApiServer, namespace: str) -> None:
    apply_example(api_server, namespace)

    api_server.patch(Kind.SEAT_POOL, namespace, "dev", {"spec": {"seats": 6, "lease": {"duration": "30s"}}})
    api_server.patch(Kind.SUBSCRIPTION, namespace, "acme-team", {"spec": {"plan": {"name": "enterprise"}}})
    changed = api_server.patch(Kind.TENANT, namespace, "acme", {"spec": {"access": "Suspended"}})

    assert changed["metadata"]["generation"] == 2


@pytest.mark.parametrize(("kind", "spec"), [(Kind.TENANT, {}), (Kind.SEAT_POOL, POOL)])
def test_name_leaves_room_for_those_of_secrets(
    kind: Kind, spec: dict[str, Any], api_server: ApiServer, namespace: str
) -> None:
    longest = "a" * DERIVING_NAME_LENGTH
    api_server.create(kind, namespace, manifest(kind, longest, spec), dryRun="All")

    with pytest.raises(Refused) as refused:
        api_server.create(kind, namespace, manifest(kind, f"{longest}a", spec), dryRun="All")

    assert refused.value.fields == {"metadata.name"}
    assert "must have at most 200 characters, since Secrets are named after it" in str(refused.value)


def test_whole_seats_written_with_a_point_are_stored_as_a_whole_number(
    api_server: ApiServer, namespace: str
) -> None:
    spec = {**SUBSCRIPTION, "seats": 5.0}
    api_server.create(Kind.SUBSCRIPTION, namespace, manifest(Kind.SUBSCRIPTION, "acme-team", spec))

    stored = api_server.request("GET", resource_path(Kind.SUBSCRIPTION, namespace, "acme-team"))

    assert Subscription.parse(stored).spec.seats == 5


def test_instant_is_stored_as_it_was_written(api_server: ApiServer, namespace: str) -> None:
    spec = {**SUBSCRIPTION, "validUntil": "2027-06-30T23:59:59.5+02:00"}

    stored = api_server.create(Kind.SUBSCRIPTION, namespace, manifest(Kind.SUBSCRIPTION, "acme-team", spec))

    assert stored["spec"]["validUntil"] == "2027-06-30T23:59:59.5+02:00"


def test_subscriptions_of_a_tenant_are_selected_by_the_server(api_server: ApiServer, namespace: str) -> None:
    for name, tenant in (("a", "acme"), ("b", "bolt"), ("c", "acme")):
        spec = {**SUBSCRIPTION, "tenantRef": {"name": tenant}}
        api_server.create(Kind.SUBSCRIPTION, namespace, manifest(Kind.SUBSCRIPTION, name, spec))

    path = resource_path(Kind.SUBSCRIPTION, namespace)
    found = api_server.request("GET", path, fieldSelector="spec.tenantRef.name=acme")

    assert [item["metadata"]["name"] for item in found["items"]] == ["a", "c"]


def test_pools_of_a_subscription_are_selected_by_the_server(api_server: ApiServer, namespace: str) -> None:
    for name, subscription in (("a", "team"), ("b", "other")):
        spec = {**POOL, "subscriptionRef": {"name": subscription}}
        api_server.create(Kind.SEAT_POOL, namespace, manifest(Kind.SEAT_POOL, name, spec))

    path = resource_path(Kind.SEAT_POOL, namespace)
    found = api_server.request("GET", path, fieldSelector="spec.subscriptionRef.name=team")

    assert [item["metadata"]["name"] for item in found["items"]] == ["a"]


def test_status_in_a_manifest_is_passed_over(api_server: ApiServer, namespace: str) -> None:
    body = {**manifest(Kind.SEAT_POOL, "dev", POOL), "status": {"used": 4}}

    assert "status" not in api_server.create(Kind.SEAT_POOL, namespace, body)


def test_status_that_the_models_write_is_stored_and_read_alike(api_server: ApiServer, namespace: str) -> None:
    apply_example(api_server, namespace)
    full: dict[Kind, tuple[str, dict[str, Any]]] = {
        Kind.TENANT: (
            "acme",
            {
                "observedGeneration": 1,
                "conditions": [READY],
                "subscriptions": 1,
                "seats": 5,
                "seatsInUse": 0,
                "signingKeys": [
                    {
                        "kid": "k1",
                        "state": "Signing",
                        "stateSince": "2027-03-01T12:00:00Z",
                        "algorithm": "RS256",
                        "reference": "0001.0123456789abcdef.RS256",
                        "longestLeaseSeconds": 86400,
                        "compromised": False,
                        "publicKey": "-----BEGIN PUBLIC KEY-----\nMII=\n-----END PUBLIC KEY-----\n",
                    }
                ],
                "keySecret": "acme-root-key",
                "jwks": "acme-jwks",
                "revocationsExpireAt": "2027-03-08T12:00:00Z",
                "stripe": {"customerID": "cus_NffrFeUfNV2Hib", "refusals": 1},
                "lastHandledPortalLinkAt": "now",
                "lastHandledRotateSigningKeyAt": "now",
                "lastHandledReconcileAt": "now",
            },
        ),
        Kind.SUBSCRIPTION: (
            "acme-team",
            {
                "observedGeneration": 1,
                "conditions": [READY],
                "phase": "Trialing",
                "trialEndsAt": "2027-03-15T12:00:00Z",
                "stripe": {
                    "subscriptionID": "sub_1MowQVLkdIwHu7ixeRlqHVzs",
                    "state": "trialing",
                    "priceID": "price_1MoBy5",
                    "quantity": 5,
                    "grantedSeats": 5,
                    "paidSeats": 8,
                    "paidUntil": "2027-03-15T12:00:00Z",
                    "overdueSince": "2027-03-15T12:00:00Z",
                    "endsAt": "2027-03-15T12:00:00Z",
                    "endedAt": "2027-03-15T12:00:00Z",
                    "endedBySpec": False,
                    "refusals": 1,
                },
                "currentPeriod": {"start": "2027-03-01T12:00:00Z", "end": "2027-03-15T12:00:00Z"},
                "validUntil": "2027-03-22T12:00:00Z",
                "seats": 8,
                "checkoutURL": "https://checkout.example/c/pay",
                "checkoutExpiresAt": "2027-03-02T12:00:00Z",
                "notice": {"endsAt": "2027-03-22T12:00:00Z", "daysBefore": 7},
                "licence": {
                    "secret": "acme-team-licence-document",
                    "kid": "0123456789abcdef",
                    "issuedAt": "2027-03-01T12:00:00Z",
                    "expiresAt": "2027-03-31T12:00:00Z",
                },
                "allocatedSeats": 5,
                "pools": 1,
                "seatsInUse": 0,
                "lastHandledReconcileAt": "now",
            },
        ),
        Kind.SEAT_POOL: (
            "dev",
            {
                "observedGeneration": 1,
                "conditions": [READY],
                "capacity": 5,
                "used": 0,
                "free": 5,
                "peak": 0,
                "overage": 0,
                "wouldDeny": 0,
                "evicted": 4,
                "queued": 2,
                "groups": [{"name": "render", "used": 2}],
                "borrowed": 1,
                "borrows": [
                    {"holder": "ab" * 32, "until": "2027-03-02T12:00:00Z", "seats": 1, "fence": 2**32 + 1}
                ],
                "borrowsEpoch": 1,
                "refused": {"version": 2, "rate": 3, "device": 1, "borrow": 4},
                "tenant": "acme",
                "selector": "seatwarden.dev/pool=dev",
                "epoch": 1,
                "licenceKeySecret": "dev-licence",
                "licenceKeyID": "0123456789",
                "licenceKeys": [
                    {"id": "0123456789", "state": "Active", "granted": 3, "denied": 0},
                    {
                        "id": "abcdef0123",
                        "group": "render",
                        "state": "Overlapping",
                        "expiresAt": "2027-03-08T12:00:00Z",
                        "granted": 7,
                        "denied": 1,
                        "lastUsedAt": "2027-03-01T12:00:00Z",
                    },
                ],
                "tokens": {"granted": 5, "denied": 1, "lastUsedAt": "2027-03-01T12:00:00Z"},
                "devices": {"registered": 3, "limit": 3},
                "lastHandledReconcileAt": "now",
                "lastHandledRotateLicenceKeyAt": "now",
                "lastHandledRemoveDevice": "0123456789ab@now",
            },
        ),
    }
    for kind, (name, status) in full.items():
        stored = write_status(api_server, kind, namespace, name, status)
        assert stored["status"] == status
        read = MODELS[kind].parse(stored).status
        assert read.wire() == status
        assert set(status) == {field.alias for field in type(read).model_fields.values()}


def test_condition_that_is_applied_by_another_manager_stays_beside_ours(
    api_server: ApiServer, namespace: str
) -> None:
    apply_example(api_server, namespace)
    path = resource_path(Kind.SEAT_POOL, namespace, "dev", subresource="status")
    theirs = manifest(Kind.SEAT_POOL, "dev", POOL)
    del theirs["spec"]
    theirs["status"] = {"conditions": [{**READY, "type": "example.com/Audited"}]}
    api_server.apply(path, theirs, manager="auditor")

    stored = write_status(api_server, Kind.SEAT_POOL, namespace, "dev", {"conditions": [READY]})

    assert sorted(condition["type"] for condition in stored["status"]["conditions"]) == [
        "Ready",
        "example.com/Audited",
    ]
