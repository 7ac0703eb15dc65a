"""The revocation list of a Tenant, as the operator writes it and as programs verify it."""

from datetime import timedelta

import pytest

from seatwarden.domain.root_rotation import LEAD
from seatwarden.reconcilers.paths import config_map_path
from seatwarden.resources.names import Kind
from seatwarden.verify import Revocations, read_keys, read_revocations
from tests.domain.objects import NAMESPACE, NOON, tenant_body, uid_of
from tests.keys.vault import ACME, Vault

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
MAP = config_map_path(NAMESPACE, "acme-jwks")
LEASE = "0123456789abcdef" * 2


@pytest.fixture
async def vault() -> Vault:
    vault = Vault()
    await vault.tenant()
    return vault


def _wish(vault: Vault, **signing: object) -> None:
    vault.declare(Kind.TENANT, tenant_body(spec={"signing": {"algorithm": "EdDSA", **signing}}))


def _list(vault: Vault) -> Revocations:
    """As a program reads it from what is published."""
    data = vault.api.objects[MAP]["data"]
    assert vault.documents.away or vault.documents.lists == {uid_of("acme"): data["revocations.jws"]}
    keys = read_keys(data["jwks.json"])
    return read_revocations(
        data["revocations.jws"], keys, now=int(vault.now.timestamp()), tenant=uid_of("acme")
    )


async def test_there_is_a_list_also_where_nothing_is_revoked(vault: Vault) -> None:
    found = _list(vault)
    assert (found.keys, found.leases) == (frozenset(), frozenset())
    assert found.expires_at - found.issued_at == 7 * 86_400
    until = NOON + 7 * DAY
    assert vault.status(ACME)["revocationsExpireAt"] == f"{until:%Y-%m-%dT%H:%M:%SZ}"


async def test_what_the_spec_names_is_revoked_root_keys_lease_keys_and_leases(vault: Vault) -> None:
    root, lease_key = vault.made[0].public.kid, "ab" * 8
    _wish(vault, compromised=[root, lease_key], revokedLeases=[LEASE])
    await vault.tenant()
    found = _list(vault)
    assert found.keys == {root, lease_key}
    assert found.leases == {LEASE}


async def test_a_compromised_key_stays_in_the_list_though_the_spec_names_it_no_more(vault: Vault) -> None:
    _wish(vault, compromised=[vault.made[0].public.kid])
    await vault.tenant()
    _wish(vault)
    await vault.tenant()
    assert _list(vault).keys == {vault.made[0].public.kid}


async def test_it_is_renewed_three_days_before_its_end_and_not_before(vault: Vault) -> None:
    vault.now += 4 * DAY - SECOND
    await vault.tenant()
    assert _list(vault).issued_at == int(NOON.timestamp())
    vault.now += SECOND
    await vault.tenant()
    assert _list(vault).issued_at == int(vault.now.timestamp())


async def test_another_root_key_signs_it_anew(vault: Vault) -> None:
    _wish(vault, algorithm="ES256")
    await vault.tenant()
    vault.now += LEAD
    await vault.tenant()
    assert _list(vault).issued_at == int(vault.now.timestamp())


async def test_a_list_that_was_deleted_or_changed_is_signed_anew(vault: Vault) -> None:
    vault.api.objects[MAP]["data"].pop("revocations.jws")
    await vault.tenant()
    assert _list(vault).keys == frozenset()
    vault.api.objects[MAP]["data"]["revocations.jws"] = "damaged"
    await vault.tenant()
    assert _list(vault).keys == frozenset()
    assert vault.jwks() == [vault.made[0].public.kid]


async def test_while_redis_is_away_it_is_written_and_said_later(vault: Vault) -> None:
    vault.documents.away = True
    _wish(vault, revokedLeases=[LEASE])
    assert await vault.tenant() == 30.0
    assert _list(vault).leases == {LEASE}
    vault.documents.away = False
    await vault.tenant()
    assert _list(vault).leases == {LEASE}
