"""Names and labels of keys in Google Cloud KMS, and whose a key is by them."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatwarden.backends.google_kms import GoogleCloudKms
from seatwarden.backends.google_kms_model import KmsKey
from seatwarden.backends.google_kms_names import (
    TENANT_LABEL,
    UID_LABEL,
    Claim,
    anothers_sentence,
    claim_on,
    key_id_of,
    label_value,
    labels_of,
    labels_without_owner,
)
from seatwarden.backends.root_keys import KeyOwner

RING = "projects/vendor/locations/global/keyRings/licences"
OWNER = KeyOwner(namespace="vendor", name="acme", uid="5f0c1f9e-8f9f-4d35-9b51-1d3b7f0c9a10")
# RFC 1123 subdomains, as Kubernetes takes them for names.
NAMES = st.from_regex(
    r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?){0,3}", fullmatch=True
)


def test_a_key_is_named_after_namespace_and_name_alone() -> None:
    assert key_id_of(OWNER) == "seatwarden-50535c49567c83689b0a171748d66da7"
    assert key_id_of(OWNER) == key_id_of(replace(OWNER, uid="another"))


def test_tenants_whose_names_only_join_to_the_same_have_different_keys() -> None:
    one, other = replace(OWNER, namespace="a-b", name="c"), replace(OWNER, namespace="a", name="b-c")
    assert key_id_of(one) != key_id_of(other)


@given(st.lists(NAMES, min_size=2, max_size=2, unique=True))
def test_label_values_are_allowed_and_tell_names_apart(names: list[str]) -> None:
    values = [label_value(name) for name in names]

    assert all(re.fullmatch(r"[a-z0-9_-]{0,63}", value) for value in values)
    assert values[0] != values[1]


@pytest.mark.parametrize("name", ["acme", "a" * 63, "acme-2"])
def test_a_name_that_is_a_label_value_stays_as_it_is(name: str) -> None:
    assert label_value(name) == name


def test_a_name_that_is_none_begins_as_it_did() -> None:
    assert label_value("licences.acme.example").startswith("licences-acme-example_")
    assert len(label_value("x" * 253)) == 63


def test_a_key_is_its_own_by_all_of_its_labels() -> None:
    assert claim_on(labels_of(OWNER) | {"team": "billing"}, OWNER) is Claim.OURS


@pytest.mark.parametrize("labels", [{}, {"team": "billing"}, labels_without_owner(labels_of(OWNER))])
def test_a_key_without_an_owner_may_be_taken(labels: dict[str, str]) -> None:
    assert claim_on(labels, OWNER) is Claim.FREE


@pytest.mark.parametrize("label", labels_of(OWNER))
def test_a_key_with_any_label_of_another_one_may_not(label: str) -> None:
    assert claim_on(labels_of(OWNER) | {label: "another"}, OWNER) is Claim.ANOTHERS
    assert claim_on({label: "another"}, OWNER) is Claim.ANOTHERS


def test_the_refusal_has_a_command_that_can_be_pasted() -> None:
    name = f"{RING}/cryptoKeys/signing"
    labels = {TENANT_LABEL: "acme", UID_LABEL: "old"}
    key = KmsKey(name=name, purpose="", algorithm="", protection_level="", labels=labels)

    assert f"{UID_LABEL} is old" in anothers_sentence(key)
    assert anothers_sentence(key).endswith(
        "gcloud kms keys update signing --keyring=licences --location=global --project=vendor "
        "--remove-labels=seatwarden-tenant-uid"
    )


@pytest.mark.parametrize(
    "ring", ["", "licences", f"{RING}/", f"{RING}/cryptoKeys/x", "projects/a b/locations/c/keyRings/d"]
)
def test_what_is_no_key_ring_is_refused_at_once(ring: str) -> None:
    with pytest.raises(ValueError, match="is no key ring"):
        GoogleCloudKms(key_ring=ring)


@pytest.mark.parametrize("name", ["signing", RING, f"{RING}/cryptoKeys/signing/cryptoKeyVersions/1"])
def test_what_is_no_key_is_not_adopted(name: str) -> None:
    with pytest.raises(ValueError, match="is no key"):
        GoogleCloudKms(key_ring=RING, adopts=name)
