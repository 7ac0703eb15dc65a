"""What we rely on in Cloud KMS, asked by Google's client alone. Run against the service, it says how honest the stand-in is."""

from typing import Any

import google_crc32c
import pytest
from google.api_core import exceptions as refusals
from google.cloud.kms_v1 import KeyManagementServiceAsyncClient, types

from seatwarden.backends.google_kms_names import key_id_of, labels_of
from seatwarden.backends.root_keys import KeyOwner
from tests.kms.conftest import Place

DIGEST = bytes(range(32))
P256 = "EC_SIGN_P256_SHA256"


@pytest.fixture
async def client(place: Place) -> KeyManagementServiceAsyncClient:
    """Google's client, as it is."""
    calls = await place.client().connection.calls()
    return calls.client


@pytest.fixture
async def version(client: KeyManagementServiceAsyncClient, place: Place, owner: KeyOwner) -> str:
    """The name of the first version of a key for ES256."""
    return await first_version(client, place, owner, P256)


async def first_version(
    client: KeyManagementServiceAsyncClient, place: Place, owner: KeyOwner, algorithm: str
) -> str:
    key = {
        "purpose": "ASYMMETRIC_SIGN",
        "version_template": {"algorithm": algorithm},
        "labels": labels_of(owner),
    }
    request = {"parent": place.key_ring, "crypto_key_id": key_id_of(owner), "crypto_key": key}
    made = await client.create_crypto_key(request=request)
    return f"{made.name}/cryptoKeyVersions/1"


def state_of(version: types.CryptoKeyVersion) -> str:
    return str(version.state.name)


async def set_state(
    client: KeyManagementServiceAsyncClient, version: str, state: str
) -> types.CryptoKeyVersion:
    request = {"crypto_key_version": {"name": version, "state": state}, "update_mask": {"paths": ["state"]}}
    return await client.update_crypto_key_version(request=request)


async def test_a_key_is_made_once_with_its_first_version(
    client: KeyManagementServiceAsyncClient, place: Place, owner: KeyOwner, version: str
) -> None:
    with pytest.raises(refusals.AlreadyExists):
        await first_version(client, place, owner, P256)

    key = await client.get_crypto_key(name=version.split("/cryptoKeyVersions/", maxsplit=1)[0])
    assert dict(key.labels) == labels_of(owner)
    listed = await client.list_crypto_key_versions(parent=key.name)
    assert [each.name async for each in listed] == [version]


async def test_what_is_missing_is_not_found(
    client: KeyManagementServiceAsyncClient, place: Place, owner: KeyOwner
) -> None:
    name = f"{place.key_ring}/cryptoKeys/{key_id_of(owner)}"
    for attempt in (
        client.get_crypto_key(name=name),
        client.list_crypto_key_versions(parent=name),
        client.create_crypto_key_version(request={"parent": name}),
        client.get_crypto_key_version(name=f"{name}/cryptoKeyVersions/1"),
        client.destroy_crypto_key_version(name=f"{name}/cryptoKeyVersions/1"),
    ):
        with pytest.raises(refusals.NotFound):
            await attempt


async def test_a_disabled_version_neither_signs_nor_tells_its_public_half(
    client: KeyManagementServiceAsyncClient, place: Place, version: str
) -> None:
    assert state_of(await set_state(client, version, "DISABLED")) == "DISABLED"
    if place.is_service:
        pytest.skip("Disabling takes a minute there, and sometimes hours")

    for attempt in (
        client.get_public_key(name=version),
        client.asymmetric_sign(request={"name": version, "digest": {"sha256": DIGEST}}),
    ):
        with pytest.raises(refusals.FailedPrecondition):
            await attempt
    assert state_of(await set_state(client, version, "ENABLED")) == "ENABLED"


async def test_destruction_is_scheduled_once_and_restoring_leaves_it_disabled(
    client: KeyManagementServiceAsyncClient, version: str
) -> None:
    scheduled = await client.destroy_crypto_key_version(name=version)
    assert state_of(scheduled) == "DESTROY_SCHEDULED"
    assert scheduled.destroy_time > scheduled.create_time
    with pytest.raises(refusals.FailedPrecondition):
        await client.destroy_crypto_key_version(name=version)

    restored = await client.restore_crypto_key_version(name=version)
    assert state_of(restored) == "DISABLED"
    assert not restored.destroy_time
    with pytest.raises(refusals.FailedPrecondition):
        await client.restore_crypto_key_version(name=version)


async def test_checksums_are_checked_and_told(client: KeyManagementServiceAsyncClient, version: str) -> None:
    request: dict[str, Any] = {"name": version, "digest": {"sha256": DIGEST}}
    with pytest.raises(refusals.InvalidArgument):
        await client.asymmetric_sign(request=request | {"digest_crc32c": google_crc32c.value(DIGEST) ^ 1})

    unchecked = await client.asymmetric_sign(request=request)
    checked = await client.asymmetric_sign(request=request | {"digest_crc32c": google_crc32c.value(DIGEST)})
    assert (unchecked.verified_digest_crc32c, checked.verified_digest_crc32c) == (False, True)
    assert checked.signature_crc32c == google_crc32c.value(checked.signature)
    assert checked.name == version


async def test_a_public_half_comes_with_its_checksum_and_name(
    client: KeyManagementServiceAsyncClient, version: str
) -> None:
    public = await client.get_public_key(name=version)

    assert (public.name, public.algorithm.name) == (version, P256)
    assert public.pem_crc32c == google_crc32c.value(public.pem.encode())


async def test_ed25519_takes_data_and_no_digest(
    client: KeyManagementServiceAsyncClient, place: Place, owner: KeyOwner
) -> None:
    version = await first_version(client, place, owner, "EC_SIGN_ED25519")
    with pytest.raises(refusals.InvalidArgument):
        await client.asymmetric_sign(request={"name": version, "digest": {"sha256": DIGEST}})

    signed = await client.asymmetric_sign(
        request={"name": version, "data": b"data", "data_crc32c": google_crc32c.value(b"data")}
    )
    assert signed.verified_data_crc32c
    assert len(signed.signature) == 64


async def test_only_what_the_mask_names_changes(
    client: KeyManagementServiceAsyncClient, owner: KeyOwner, version: str
) -> None:
    name = version.split("/cryptoKeyVersions/", maxsplit=1)[0]
    changed = {
        "name": name,
        "labels": {"team": "billing"},
        "version_template": {"algorithm": "EC_SIGN_ED25519"},
    }
    with pytest.raises(refusals.InvalidArgument):
        await client.update_crypto_key(request={"crypto_key": changed, "update_mask": {"paths": []}})

    async def update(path: str) -> types.CryptoKey:
        return await client.update_crypto_key(
            request={"crypto_key": changed, "update_mask": {"paths": [path]}}
        )

    key = await update("version_template.algorithm")
    assert (dict(key.labels), key.version_template.algorithm.name) == (labels_of(owner), "EC_SIGN_ED25519")
    assert dict((await update("labels")).labels) == {"team": "billing"}
    another = await client.create_crypto_key_version(request={"parent": name})
    assert another.name.endswith("/2")
    assert another.algorithm.name == "EC_SIGN_ED25519"
    assert (await client.get_crypto_key_version(name=version)).algorithm.name == P256


@pytest.mark.parametrize("labels", [{"Team": "x"}, {"team": "X"}, {"team": "a.b"}, {"team": "x" * 64}])
async def test_labels_that_break_the_rules_are_refused(
    client: KeyManagementServiceAsyncClient, owner: KeyOwner, version: str, labels: dict[str, str]
) -> None:
    changed = {"name": version.split("/cryptoKeyVersions/", maxsplit=1)[0], "labels": labels}

    with pytest.raises(refusals.InvalidArgument):
        await client.update_crypto_key(request={"crypto_key": changed, "update_mask": {"paths": ["labels"]}})
