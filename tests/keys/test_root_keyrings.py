"""Root keys of a Tenant through their life: made, published, handed over, ended, and found again by another operator."""

from datetime import timedelta

import pytest

from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.domain.root_rotation import LEAD
from seatwarden.reconcilers.engine import RetryLater
from seatwarden.reconcilers.paths import config_map_path, object_path, secret_path
from seatwarden.resources.names import Kind
from tests.domain.objects import NAMESPACE, NOON, tenant_body
from tests.keys.vault import ACME, ED, TEAM, Vault

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
ROTATE = "seatwarden.dev/rotate-signing-key-requested-at"
SECRET = secret_path(NAMESPACE, "acme-root-key")


@pytest.fixture
def vault() -> Vault:
    return Vault()


async def _ask(vault: Vault, request: str) -> None:
    vault.declare(Kind.TENANT, tenant_body(spec=ED, annotations={ROTATE: request}))
    await vault.tenant()


def _wish(vault: Vault, **signing: object) -> None:
    vault.declare(Kind.TENANT, tenant_body(spec={"signing": {**ED["signing"], **signing}}))


async def test_the_first_key_signs_at_once_and_is_public_everywhere(vault: Vault) -> None:
    await vault.tenant()
    assert vault.states() == [("key 0", "Signing")]
    assert vault.jwks() == [vault.made[0].public.kid]
    assert vault.condition(ACME, "SigningKeyReady") == ("True", "Succeeded")
    assert vault.status(ACME)["jwks"] == "acme-jwks"
    assert vault.sign_anew == [ACME]


async def test_nothing_is_written_where_nothing_is_to_be_changed(vault: Vault) -> None:
    await vault.tenant()
    before = list(vault.api.writes), vault.documents.writes
    vault.now += 3 * DAY
    await vault.tenant()
    assert (vault.api.writes, vault.documents.writes) == before
    assert len(vault.made) == 1


async def test_a_key_is_sealed_and_nobody_else_reads_it(vault: Vault) -> None:
    await vault.tenant()
    [(field, text)] = vault.secret("acme-root-key").items()
    assert field == f"0001.{vault.made[0].public.kid}.EdDSA"
    assert text.startswith("sealed:v1:")
    assert "PRIVATE" not in text
    vault.installation = InstallationKeys([b"\1" * 32])
    vault.restart()
    await vault.tenant()
    assert vault.condition(ACME, "SigningKeyReady") == ("False", "SigningKeyInvalid")
    assert vault.secret("acme-root-key") == {field: text}


async def test_a_new_installation_key_seals_anew_what_the_old_one_sealed(vault: Vault) -> None:
    await vault.tenant()
    before = vault.secret("acme-root-key")
    vault.installation = InstallationKeys([b"\1" * 32, bytes(32)])
    vault.restart()
    with pytest.raises(RetryLater):
        await vault.tenant()
    await vault.tenant()
    assert vault.secret("acme-root-key") != before
    vault.installation = InstallationKeys([b"\1" * 32])
    vault.restart()
    await vault.tenant()
    assert vault.condition(ACME, "SigningKeyReady") == ("True", "Succeeded")
    assert len(vault.made) == 1


async def test_a_key_that_was_kept_open_is_sealed_once_the_installation_has_a_key(vault: Vault) -> None:
    vault.installation = None
    vault.restart()
    await vault.tenant()
    assert "PRIVATE" in next(iter(vault.secret("acme-root-key").values()))
    vault.installation = InstallationKeys([bytes(32)])
    vault.restart()
    with pytest.raises(RetryLater):
        await vault.tenant()
    await vault.tenant()
    assert "PRIVATE" not in next(iter(vault.secret("acme-root-key").values()))
    assert len(vault.made) == 1


async def test_a_key_that_is_asked_for_is_published_before_it_signs(vault: Vault) -> None:
    await vault.tenant()
    vault.now += DAY
    await _ask(vault, "once")
    assert vault.states() == [("key 0", "Signing"), ("key 1", "Published")]
    assert vault.jwks() == [key.public.kid for key in vault.made]
    assert vault.status(ACME)["lastHandledRotateSigningKeyAt"] == "once"
    assert await vault.tenant() == 600.0, "the longest pause between two looks"
    vault.now += LEAD
    await vault.tenant()
    assert vault.states() == [("key 0", "Retiring"), ("key 1", "Signing")]
    assert vault.sign_anew == [ACME, ACME]
    assert "SigningKeyRotated" in vault.reasons_told()
    await _ask(vault, "once")
    assert len(vault.made) == 2
    await _ask(vault, "twice")
    assert len(vault.made) == 3


async def test_while_redis_is_away_a_key_stays_pending_however_long_that_takes(vault: Vault) -> None:
    await vault.tenant()
    vault.documents.away = True
    await _ask(vault, "once")
    vault.now += 9 * DAY
    assert await vault.tenant() == 30.0
    assert vault.states() == [("key 0", "Signing"), ("key 1", "Pending")]
    vault.documents.away = False
    await vault.tenant()
    assert vault.states() == [("key 0", "Signing"), ("key 1", "Published")]


async def test_by_its_period_a_key_is_replaced_and_in_the_end_destroyed(vault: Vault) -> None:
    _wish(vault, rotationPeriod="720h")
    await vault.tenant()
    vault.now += 30 * DAY
    await vault.tenant()
    vault.now += LEAD
    _wish(vault)
    await vault.tenant()
    assert vault.states() == [("key 0", "Retiring"), ("key 1", "Signing")]
    assert len(vault.secret("acme-root-key")) == 2
    vault.now += 32 * DAY - SECOND
    await vault.tenant()
    assert len(vault.jwks()) == 2
    vault.now += SECOND
    await vault.tenant()
    assert vault.states() == [("key 1", "Signing")]
    assert list(vault.secret("acme-root-key")) == [f"0002.{vault.made[1].public.kid}.EdDSA"]


async def test_a_compromised_key_is_out_at_once_and_its_private_half_is_gone(vault: Vault) -> None:
    await vault.tenant()
    leaked = vault.made[0].public.kid
    _wish(vault, compromised=[leaked])
    await vault.tenant()
    assert vault.states() == [("key 0", "Retired"), ("key 1", "Signing")]
    assert vault.jwks() == [vault.made[1].public.kid]
    assert leaked not in "".join(vault.secret("acme-root-key"))
    assert vault.status(ACME)["signingKeys"][0]["compromised"] is True
    assert vault.reasons_told().count("SigningKeyCompromised") == 1
    await vault.tenant()
    assert vault.reasons_told().count("SigningKeyCompromised") == 1


async def test_another_algorithm_replaces_the_key(vault: Vault) -> None:
    await vault.tenant()
    _wish(vault, algorithm="ES256")
    await vault.tenant()
    assert [key.public.algorithm for key in vault.made] == ["EdDSA", "ES256"]
    assert vault.states() == [("key 0", "Signing"), ("key 1", "Published")]


async def test_another_operator_finds_the_keys_as_they_are(vault: Vault) -> None:
    await vault.tenant()
    await _ask(vault, "once")
    vault.restart()
    vault.now += LEAD
    await vault.tenant()
    assert vault.states() == [("key 0", "Retiring"), ("key 1", "Signing")]
    assert len(vault.made) == 2


async def test_a_status_that_was_lost_costs_no_key(vault: Vault) -> None:
    await vault.tenant()
    await _ask(vault, "once")
    path = object_path(ACME)
    vault.api.put(path, {k: v for k, v in vault.api.objects[path].items() if k != "status"})
    vault.store.put(Kind.TENANT, vault.api.objects[path])
    await vault.tenant()
    assert vault.states()[0] == ("key 0", "Signing")
    assert {kid for kid, _ in vault.states()} >= {"key 0", "key 1"}


async def test_a_config_map_of_somebody_else_is_not_written(vault: Vault) -> None:
    path = config_map_path(NAMESPACE, "acme-jwks")
    theirs = {"metadata": {"name": "acme-jwks"}, "data": {"mine": "yes"}}
    vault.api.put(path, theirs)
    await vault.tenant()
    assert vault.condition(ACME, "Ready") == ("False", "ConfigMapConflict")
    assert vault.api.objects[path]["data"] == {"mine": "yes"}


async def test_a_config_map_that_was_changed_or_deleted_is_made_right(vault: Vault) -> None:
    await vault.tenant()
    path = config_map_path(NAMESPACE, "acme-jwks")
    vault.api.objects[path]["data"] = {"jwks.json": "{}"}
    await vault.tenant()
    assert vault.jwks() == [vault.made[0].public.kid]
    del vault.api.objects[path]
    await vault.tenant()
    assert vault.jwks() == [vault.made[0].public.kid]


async def test_after_redis_was_lost_the_set_is_said_again(vault: Vault) -> None:
    await vault.tenant()
    vault.documents.sets.clear()
    vault.said.forget_all()
    await vault.tenant()
    assert vault.jwks() == [vault.made[0].public.kid]


async def test_a_subscription_waits_for_the_key(vault: Vault) -> None:
    await vault.subscription()
    assert vault.condition(TEAM, "LicenceReady") == ("False", "AwaitingSigningKey")
    assert vault.status(TEAM).get("licence") is None
    assert vault.now == NOON
