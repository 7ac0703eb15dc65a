"""Licence documents: signed where they have to be, and only there."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from seatwarden.domain.root_rotation import LEAD
from seatwarden.domain.seats import PoolUid
from seatwarden.reconcilers.engine import Cause
from seatwarden.reconcilers.paths import secret_path
from seatwarden.resources.names import Kind
from tests.domain.objects import NAMESPACE, NOON, pool_body, subscription_body, tenant_body, uid_of
from tests.keys.vault import ACME, ED, TEAM, Vault

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
DOCUMENT = secret_path(NAMESPACE, "team-licence-document")


@pytest.fixture
async def vault() -> Vault:
    """All is as it should be."""
    vault = Vault()
    await vault.tenant()
    await vault.subscription()
    return vault


def _signatures(vault: Vault) -> int:
    """How often the document was written."""
    return (
        sum(DOCUMENT in write or write == f"create {secret_path(NAMESPACE)}" for write in vault.api.writes)
        - 1
    )


async def test_the_document_says_what_was_bought_and_is_signed_by_the_root_key(vault: Vault) -> None:
    header, claims = vault.licence()
    assert header == {"alg": "EdDSA", "kid": vault.made[0].public.kid, "typ": "seat-licence+jwt"}
    assert (claims["iss"], claims["sub"]) == (uid_of("acme"), uid_of("team"))
    assert (claims["seats"], claims["plan"], claims["tenant"]) == (5, "team", "acme")
    assert claims["exp"] - claims["iat"] == 30 * 86_400
    text = vault.secret("team-licence-document")["licence.jws"]
    signed, _, signature = text.rpartition(".")
    x = base64.urlsafe_b64decode(vault.made[0].public.jwk["x"] + "=")
    raw = base64.urlsafe_b64decode(signature + "==")
    Ed25519PublicKey.from_public_bytes(x).verify(raw, signed.encode())
    told = vault.status(TEAM)["licence"]
    assert told == {
        "secret": "team-licence-document",
        "kid": vault.made[0].public.kid,
        "issuedAt": f"{NOON:%Y-%m-%dT%H:%M:%SZ}",
        "expiresAt": f"{NOON + 30 * DAY:%Y-%m-%dT%H:%M:%SZ}",
    }
    assert vault.condition(TEAM, "LicenceReady") == ("True", "Succeeded")


async def test_the_document_lists_the_keys_with_which_leases_of_its_pools_are_signed(vault: Vault) -> None:
    assert vault.installation is not None
    [(kid, raw)] = vault.installation.lease_keys(PoolUid(uid_of("dev")))
    [listed] = vault.licence()[1]["lease_keys"]
    assert (listed["kid"], listed["pool"]) == (kid, uid_of("dev"))
    assert base64.urlsafe_b64decode(listed["x"] + "=") == raw


async def test_nothing_is_signed_again_where_nothing_is_new(vault: Vault) -> None:
    before = list(vault.api.writes)
    for cause in (Cause.CHANGED, Cause.COUNTS, Cause.RELATED):
        await vault.subscription(cause)
    vault.restart()
    await vault.subscription()
    assert vault.api.writes == before


async def test_it_is_renewed_ten_days_before_its_end_and_says_so_to_the_wheel(vault: Vault) -> None:
    assert await vault.subscription() == 600.0, "the longest pause between two looks"
    vault.now += 20 * DAY - SECOND
    await vault.subscription()
    assert _signatures(vault) == 1
    vault.now += SECOND
    await vault.subscription()
    assert _signatures(vault) == 2
    assert vault.licence()[1]["iat"] == int((NOON + 20 * DAY).timestamp())


async def test_a_change_is_signed_at_once(vault: Vault) -> None:
    vault.declare(Kind.SUBSCRIPTION, subscription_body(seats=9))
    await vault.subscription()
    assert vault.licence()[1]["seats"] == 9


async def test_another_pool_is_listed_though_only_the_sums_are_said_to_be_new(vault: Vault) -> None:
    vault.declare(Kind.SEAT_POOL, pool_body("other"))
    await vault.subscription(Cause.COUNTS)
    assert {key["pool"] for key in vault.licence()[1]["lease_keys"]} == {uid_of("dev"), uid_of("other")}


async def test_longer_times_of_a_pool_are_in_the_document(vault: Vault) -> None:
    spec = {"lease": {"offlineGrace": "72h"}, "borrow": {"maxSeats": 1, "maxDuration": "240h"}}
    vault.declare(Kind.SEAT_POOL, pool_body(spec=spec))
    await vault.subscription()
    claims = vault.licence()[1]
    assert (claims["offline_grace"], claims["longest_lease"]) == (72 * 3600, 240 * 3600)
    await vault.tenant()
    assert vault.status(ACME)["signingKeys"][0]["longestLeaseSeconds"] == 240 * 3600


async def test_another_root_key_signs_it_anew(vault: Vault) -> None:
    vault.declare(Kind.TENANT, tenant_body(spec={"signing": {**ED["signing"], "rotationPeriod": "168h"}}))
    vault.now += 7 * DAY
    await vault.tenant()
    await vault.subscription()
    assert vault.licence()[0]["kid"] == vault.made[0].public.kid
    vault.now += LEAD
    await vault.tenant()
    await vault.subscription()
    assert vault.licence()[0]["kid"] == vault.made[1].public.kid


async def test_a_secret_that_was_deleted_or_damaged_is_made_anew(vault: Vault) -> None:
    del vault.api.objects[DOCUMENT]
    await vault.subscription()
    assert vault.licence()[1]["seats"] == 5
    vault.api.objects[DOCUMENT]["data"] = {"licence.jws": base64.b64encode(b"damaged").decode()}
    await vault.subscription()
    assert vault.licence()[1]["seats"] == 5


async def test_a_secret_of_somebody_else_is_not_written() -> None:
    vault = Vault()
    await vault.tenant()
    vault.api.put(DOCUMENT, {"metadata": {"name": "team-licence-document"}, "data": {}})
    assert await vault.subscription() == 30.0
    assert vault.condition(TEAM, "LicenceReady") == ("False", "SecretConflict")
    assert vault.condition(TEAM, "Ready") == ("True", "Succeeded")


async def test_while_redis_is_away_it_is_signed_and_said_later(vault: Vault) -> None:
    vault.documents.away = True
    vault.declare(Kind.SUBSCRIPTION, subscription_body(seats=9))
    assert await vault.subscription() == 30.0
    assert vault.licence()[1]["seats"] == 9
    vault.documents.away = False
    await vault.subscription()
    assert vault.licence()[1]["seats"] == 9


async def test_what_has_ended_is_not_renewed(vault: Vault) -> None:
    ended = {"validUntil": f"{NOON + DAY:%Y-%m-%dT%H:%M:%SZ}"}
    vault.declare(Kind.SUBSCRIPTION, subscription_body(spec=ended))
    await vault.subscription()
    assert vault.licence()[1]["valid_until"] == int((NOON + DAY).timestamp())
    signatures = _signatures(vault)
    vault.now += 25 * DAY
    await vault.subscription()
    assert _signatures(vault) == signatures
    assert vault.status(TEAM)["phase"] == "Expired"
    assert vault.status(TEAM)["licence"]["kid"] == vault.made[0].public.kid


async def test_without_an_installation_key_no_lease_key_is_listed() -> None:
    vault = Vault(installation=None)
    await vault.tenant()
    await vault.subscription()
    assert vault.licence()[1]["lease_keys"] == []


async def test_the_document_of_a_trial_ends_with_the_trial(vault: Vault) -> None:
    ends = NOON + 14 * DAY
    vault.declare(
        Kind.SUBSCRIPTION, subscription_body(spec={"trial": {"endsAt": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}})
    )
    await vault.subscription()
    assert vault.licence()[1]["valid_until"] == int(ends.timestamp())


async def test_a_fault_that_changes_it_over_and_over_does_not_sign_for_ever(vault: Vault) -> None:
    vault.keyrings.budget.limit = 5
    for seats in range(6, 12):
        vault.declare(Kind.SUBSCRIPTION, subscription_body(seats=seats))
        await vault.subscription()
    assert vault.licence()[1]["seats"] == 8, "two were signed before, a list and a document"
    assert vault.condition(TEAM, "LicenceReady") == ("False", "SigningBudgetSpent")
    assert vault.condition(TEAM, "Ready") == ("True", "Succeeded")
    vault.now += DAY
    await vault.subscription()
    assert vault.licence()[1]["seats"] == 11


async def test_the_document_leaves_redis_with_the_last_pool_and_comes_with_the_next(vault: Vault) -> None:
    await vault.said.subscription_of(uid_of("dev"), uid_of("team"))
    going: dict[str, Any] = {
        "deletionTimestamp": f"{NOON:%Y-%m-%dT%H:%M:%SZ}",
        "finalizers": ["seatwarden.dev/finalizer"],
    }
    vault.declare(Kind.SEAT_POOL, pool_body(**going))
    await vault.said.withdraw_pool(PoolUid(uid_of("dev")), is_last=not vault.store.lease_givers(TEAM))
    assert (vault.documents.licences, vault.documents.subscriptions) == ({}, {})
    await vault.subscription()
    assert vault.documents.licences == {}
    assert vault.secret("team-licence-document")["licence.jws"]
    vault.declare(Kind.SEAT_POOL, pool_body("other"))
    await vault.subscription()
    assert [key["pool"] for key in vault.licence()[1]["lease_keys"]] == [uid_of("other")]


async def test_a_pool_that_cannot_be_read_just_now_keeps_its_lease_keys(vault: Vault) -> None:
    vault.declare(Kind.SEAT_POOL, pool_body(spec={"seats": "many"}))
    await vault.subscription()
    assert [key["pool"] for key in vault.licence()[1]["lease_keys"]] == [uid_of("dev")]


async def test_one_of_several_pools_leaves_the_document_where_it_is(vault: Vault) -> None:
    await vault.said.subscription_of(uid_of("dev"), uid_of("team"))
    await vault.said.withdraw_pool(PoolUid(uid_of("dev")), is_last=False)
    assert list(vault.documents.licences) == [uid_of("team")]
