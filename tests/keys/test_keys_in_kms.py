"""Tenants whose root keys are in Google Cloud KMS: the unchanged client, a stand-in of the service, and the reconcilers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from google.cloud.kms_v1 import CryptoKeyVersion

from seatwarden.backends.google_kms_connection import KmsConnection
from seatwarden.backends.google_kms_model import KmsMethod
from seatwarden.reconcilers.paths import object_path
from seatwarden.resources.names import FINALIZER, Kind
from tests.domain.objects import subscription_body, tenant_body, uid_of
from tests.keys.vault import ACME, ED, TEAM, Vault
from tests.kms.conftest import FAKE_RING, QUICK
from tests.kms.fake_server import FakeServer, Fault, fake_kms_server

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STATES = CryptoKeyVersion.CryptoKeyVersionState
IN_KMS = {
    "signing": {
        "provider": "GoogleCloudKMS",
        "algorithm": "ES256",
        "googleCloudKMS": {"keyRing": FAKE_RING},
    }
}


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with fake_kms_server() as server:
        server.kms.rings.add(FAKE_RING)
        yield server


@pytest.fixture
def calls() -> Counter[KmsMethod]:
    return Counter()


@pytest.fixture
async def vault(server: FakeServer, calls: Counter[KmsMethod]) -> AsyncIterator[Vault]:
    def count(method: KmsMethod) -> None:
        calls[method] += 1

    google = KmsConnection(api_endpoint=server.endpoint, limits=QUICK, counted=count)
    vault = Vault(google=google)
    _declare(vault)
    await vault.tenant()
    await vault.subscription()
    yield vault
    await google.close()


def _declare(vault: Vault, **metadata: Any) -> None:
    vault.declare(Kind.TENANT, tenant_body(spec=IN_KMS, **metadata))


def _state(server: FakeServer) -> int:
    [version] = server.kms.versions.values()
    return version.told.state


async def test_the_key_is_made_there_and_signs_the_document(vault: Vault, server: FakeServer) -> None:
    assert vault.condition(ACME, "SigningKeyReady") == ("True", "Succeeded")
    [key] = vault.status(ACME)["signingKeys"]
    assert list(server.kms.versions) == [key["reference"]]
    assert vault.licence()[0] == {"alg": "ES256", "kid": key["kid"], "typ": "seat-licence+jwt"}
    assert vault.jwks() == [key["kid"]]
    assert "keySecret" not in vault.status(ACME)


async def test_where_nothing_changes_it_is_asked_for_once_an_hour(
    vault: Vault, calls: Counter[KmsMethod]
) -> None:
    await vault.tenant()
    calls.clear()
    for _ in range(5):
        vault.now += HOUR / 6
        await vault.tenant()
        await vault.subscription()
    assert calls == Counter()
    vault.now += HOUR / 6
    await vault.tenant()
    assert calls.keys() <= {KmsMethod.GET_CRYPTO_KEY, KmsMethod.LIST_CRYPTO_KEY_VERSIONS}
    assert calls.total() <= 2


async def test_a_version_that_somebody_disabled_is_told_and_healed_when_it_is_enabled(
    vault: Vault, server: FakeServer
) -> None:
    [version] = server.kms.versions
    server.kms.set_state(version, STATES.DISABLED)
    vault.now += HOUR
    await vault.tenant()
    assert vault.condition(ACME, "SigningKeyReady") == ("False", "SigningKeyRefused")
    assert vault.states_told() == ["Signing"], "that can be undone, and is no reason to trust another key"
    vault.restart()
    await vault.tenant()
    assert vault.states_told() == ["Signing"]
    server.kms.set_state(version, STATES.ENABLED)
    await vault.tenant()
    assert vault.condition(ACME, "SigningKeyReady") == ("True", "Succeeded")


async def test_while_the_service_is_away_what_was_signed_stays(vault: Vault, server: FakeServer) -> None:
    before = vault.licence()
    for method in KmsMethod:
        server.fail(method, Fault.UNAVAILABLE, times=99)
    vault.now += 25 * DAY
    await vault.tenant()
    await vault.subscription()
    assert vault.condition(ACME, "SigningKeyReady") == ("False", "SigningKeysAway")
    assert vault.condition(TEAM, "LicenceReady") == ("False", "SigningKeysAway")
    assert vault.condition(TEAM, "Ready") == ("True", "Succeeded")
    assert vault.licence() == before


async def test_a_tenant_that_is_retained_is_found_again_by_the_next_of_its_name(
    vault: Vault, server: FakeServer
) -> None:
    [kid] = vault.jwks()
    _declare(vault, deletionTimestamp="2027-03-01T12:00:00Z", finalizers=[FINALIZER])
    await vault.tenant()
    assert _state(server) == STATES.ENABLED
    vault.forget(ACME)
    _declare(vault, uid=uid_of("acme again"))
    await vault.tenant()
    assert [key["kid"] for key in vault.status(ACME)["signingKeys"]] == [kid]


async def test_with_delete_the_versions_are_scheduled_for_destruction(
    vault: Vault, server: FakeServer
) -> None:
    spec = {**IN_KMS, "deletionPolicy": "Delete"}
    gone: dict[str, Any] = {"deletionTimestamp": "2027-03-01T12:00:00Z", "finalizers": [FINALIZER]}
    vault.declare(Kind.TENANT, tenant_body(spec=spec, **gone))
    await vault.tenant()
    assert _state(server) == STATES.DESTROY_SCHEDULED
    assert FINALIZER not in vault.api.objects[object_path(ACME)]["metadata"].get("finalizers", [])


async def test_from_a_secret_to_the_service_the_old_key_is_believed_on(server: FakeServer) -> None:
    google = KmsConnection(api_endpoint=server.endpoint, limits=QUICK)
    vault = Vault(google=google)
    vault.declare(Kind.TENANT, tenant_body(spec=ED))
    await vault.tenant()
    _declare(vault)
    await vault.tenant()
    assert vault.states_told() == ["Retiring", "Signing"]
    assert len(vault.jwks()) == 2
    vault.declare(Kind.SUBSCRIPTION, subscription_body())
    await vault.subscription()
    assert vault.licence()[0]["alg"] == "ES256"
    await google.close()


async def test_killed_at_any_call_it_leaves_one_key_with_one_version(server: FakeServer) -> None:
    undisturbed = await _provisioned(_in_kms(server, "undisturbed"))
    assert undisturbed.states_told() == ["Signing"]
    calls = len(server.heard)
    assert calls > 3
    for point in range(calls):
        vault = _in_kms(server, f"killed-{point}")
        server.done.clear()
        server.stalls_at(point)
        killed = asyncio.create_task(_reconciled(vault))
        await asyncio.wait_for(server.done.wait(), 10)
        killed.cancel()
        await asyncio.gather(killed, return_exceptions=True)
        await vault.google.close()
        vault.google = KmsConnection(api_endpoint=server.endpoint, limits=QUICK)
        vault.restart()
        await _provisioned(vault)
        assert vault.states_told() == ["Signing"], point
        signs = vault.status(ACME)["signingKeys"][0]
        key = signs["reference"].rpartition("/cryptoKeyVersions/")[0]
        assert [it.told.state for it in server.kms.versions_of(key)] == [STATES.ENABLED], point
        assert vault.licence()[0]["kid"] == signs["kid"]


def _in_kms(server: FakeServer, ring: str) -> Vault:
    """A Tenant with a key ring of its own."""
    name = FAKE_RING.rpartition("/")[0] + f"/{ring}"
    server.kms.rings.add(name)
    vault = Vault(google=KmsConnection(api_endpoint=server.endpoint, limits=QUICK))
    signing = {**IN_KMS["signing"], "googleCloudKMS": {"keyRing": name}}
    vault.declare(Kind.TENANT, tenant_body(spec={"signing": signing}))
    return vault


async def _reconciled(vault: Vault) -> None:
    await vault.tenant()
    await vault.subscription()


async def _provisioned(vault: Vault) -> Vault:
    await _reconciled(vault)
    await vault.google.close()
    return vault
