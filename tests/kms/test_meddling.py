"""What is found in Google Cloud KMS that was not put there so: somebody changed, deleted or labelled it, or it takes its time."""

import datetime as dt

import pytest
from google.cloud.kms_v1 import types

from seatwarden.backends.google_kms_model import KmsMethod
from seatwarden.backends.root_keys import KeptKey, KeyOwner, RootKeyRefused, RootKeysAway
from seatwarden.domain.root_key import RootAlgorithm
from seatwarden.resources.signing import ProtectionLevel
from tests.kms.conftest import QUICK, Place
from tests.kms.fake_kms import State
from tests.kms.fake_server import FakeServer
from tests.kms.test_root_keys import SIGNED

ES256 = RootAlgorithm.ES256
SIGN, PUBLIC = KmsMethod.ASYMMETRIC_SIGN, KmsMethod.GET_PUBLIC_KEY


async def test_a_disabled_key_is_in_trouble_and_does_not_sign_until_it_is_enabled(
    fake: Place, server: FakeServer, owner: KeyOwner
) -> None:
    client = fake.client()
    key = await client.make(owner, ES256)
    server.kms.set_state(key.reference, State.DISABLED)

    (disabled,) = await client.kept(owner)
    assert disabled.public == key.public
    assert not disabled.ends
    assert disabled.trouble == (
        f"Somebody disabled {key.reference}. Who administers Cloud KMS can enable it again."
    )
    with pytest.raises(RootKeyRefused, match="has to be enabled"):
        await client.sign(owner, key, SIGNED)
    server.kms.set_state(key.reference, State.ENABLED)
    assert await client.kept(owner) == (key,)


async def test_a_disabled_key_is_known_after_a_restart_to_who_wrote_it_down(
    fake: Place, server: FakeServer, owner: KeyOwner, key: KeptKey
) -> None:
    server.kms.set_state(key.reference, State.DISABLED)
    forgetful, mindful = fake.client(), fake.client()
    mindful.remember(key.reference, key.public)

    assert await forgetful.kept(owner) == ()
    assert [each.public for each in await mindful.kept(owner)] == [key.public]


async def test_a_key_that_is_disabled_while_it_is_read_is_left_out(
    fake: Place, server: FakeServer, owner: KeyOwner, key: KeptKey
) -> None:
    server.meanwhile[PUBLIC] = lambda: server.kms.set_state(key.reference, State.DISABLED)

    assert await fake.client().kept(owner) == ()


async def test_a_destroyed_key_is_gone_after_its_delay_and_cannot_be_restored(
    fake: Place, server: FakeServer, owner: KeyOwner
) -> None:
    client = fake.client()
    key = await client.make(owner, ES256)
    await client.destroy(owner, key.reference)
    server.kms.pass_time(dt.timedelta(days=29))
    assert len(await client.kept(owner)) == 1
    server.kms.pass_time(dt.timedelta(days=1))

    assert await client.kept(owner) == ()
    await client.destroy(owner, key.reference)
    with pytest.raises(RootKeyRefused, match="its private half is gone"):
        await client.restore(owner, key.reference)


async def test_a_key_is_disabled_first_where_the_organisation_wants_that(
    fake: Place, server: FakeServer, owner: KeyOwner, key: KeptKey
) -> None:
    server.kms.disables_before_destroying = True
    await fake.client().destroy(owner, key.reference)

    assert server.kms.versions[key.reference].told.state == State.DESTROY_SCHEDULED


async def test_a_key_is_waited_for_while_it_is_generated(
    fake: Place, server: FakeServer, owner: KeyOwner
) -> None:
    server.kms.looks = 3
    key = await fake.client().make(owner, ES256)

    assert await fake.client().kept(owner) == (key,)


async def test_a_key_that_takes_long_is_not_made_a_second_time(
    fake: Place, server: FakeServer, owner: KeyOwner
) -> None:
    server.kms.looks = QUICK.looks + 2
    with pytest.raises(RootKeysAway, match="still generating"):
        await fake.client().make(owner, ES256)

    assert len(await fake.client().kept(owner)) == len(server.kms.versions) == 1


async def test_a_key_that_could_not_be_generated_is_none(
    fake: Place, server: FakeServer, owner: KeyOwner, key: KeptKey
) -> None:
    server.kms.set_state(key.reference, State.GENERATION_FAILED)

    assert await fake.client().kept(owner) == ()
    await fake.client().destroy(owner, key.reference)
    assert (await fake.client().make(owner, ES256)).reference.endswith("/2")


async def test_keys_of_many_pages_are_in_the_order_in_which_they_were_made(
    fake: Place, server: FakeServer, owner: KeyOwner
) -> None:
    server.kms.largest_page = 4
    client = fake.client()
    keys = [await client.make(owner, ES256) for _ in range(11)]

    assert await client.kept(owner) == tuple(keys)


async def test_a_key_of_another_protection_level_does_not_sign_for_this_one(
    fake: Place, owner: KeyOwner, key: KeptKey
) -> None:
    client = fake.client()
    client.protection_level = ProtectionLevel.HSM

    for attempt in (client.kept(owner), client.make(owner, ES256)):
        with pytest.raises(RootKeyRefused, match="SOFTWARE, and HSM is wanted"):
            await attempt


async def test_a_key_for_encrypting_is_not_adopted(fake: Place, server: FakeServer, owner: KeyOwner) -> None:
    name = f"{fake.key_ring}/cryptoKeys/disks"
    server.kms.keys[name] = types.CryptoKey(name=name, purpose="ENCRYPT_DECRYPT")

    with pytest.raises(RootKeyRefused, match="has the purpose ENCRYPT_DECRYPT"):
        await fake.client(adopts=name).kept(owner)


async def test_versions_of_other_algorithms_in_an_adopted_key_are_left_alone(
    fake: Place, server: FakeServer, owner: KeyOwner, key: KeptKey
) -> None:
    told = server.kms.versions[key.reference].told
    told.algorithm = types.CryptoKeyVersion(algorithm="EC_SIGN_P384_SHA384").algorithm

    assert await fake.client().kept(owner) == ()


async def test_labels_of_somebody_else_stay(
    fake: Place, server: FakeServer, owner: KeyOwner, key: KeptKey
) -> None:
    (name,) = server.kms.keys
    server.kms.keys[name].labels["team"] = "billing"
    await fake.client().forget(owner, destroys=False)
    assert "seatwarden-tenant-uid" not in server.kms.keys[name].labels
    await fake.client().kept(owner)

    labels = dict(server.kms.keys[name].labels)
    assert labels.pop("team") == "billing"
    assert labels == {
        "seatwarden-namespace": "vendor",
        "seatwarden-tenant": owner.name,
        "seatwarden-tenant-uid": owner.uid,
    }


async def test_a_key_is_made_at_the_level_that_is_wanted(
    fake: Place, server: FakeServer, owner: KeyOwner
) -> None:
    client = fake.client()
    client.protection_level = ProtectionLevel.HSM
    keys = [await client.make(owner, ES256) for _ in range(2)]

    assert {server.kms.versions[key.reference].told.protection_level.name for key in keys} == {"HSM"}


async def test_a_deleted_key_is_told_from_one_that_was_never_made(
    fake: Place, server: FakeServer, owner: KeyOwner
) -> None:
    client = fake.client()
    server.kms.retired.add(client.key_name_of(owner))

    with pytest.raises(RootKeyRefused, match="Google gives no name out twice"):
        await client.make(owner, ES256)


async def test_a_first_key_that_somebody_else_makes_meanwhile_is_not_shared(
    fake: Place, server: FakeServer, owner: KeyOwner
) -> None:
    name = fake.client().key_name_of(owner)
    others = types.CryptoKey(name=name, purpose="ASYMMETRIC_SIGN", labels={"seatwarden-tenant-uid": "other"})
    server.meanwhile[KmsMethod.CREATE_CRYPTO_KEY] = lambda: server.kms.keys.update({name: others})

    with pytest.raises(RootKeyRefused, match="is another Tenant's by its labels"):
        await fake.client().make(owner, ES256)
    assert server.kms.versions == {}
    assert dict(server.kms.keys[name].labels) == {"seatwarden-tenant-uid": "other"}


async def test_a_state_that_is_newer_than_googles_package_is_none_that_signs(
    fake: Place, server: FakeServer, owner: KeyOwner, key: KeptKey
) -> None:
    types.CryptoKeyVersion.pb(server.kms.versions[key.reference].told).state = 99

    with pytest.warns(UserWarning, match="Unrecognized"):
        assert await fake.client().kept(owner) == ()


async def test_a_key_that_is_still_generated_is_ended_later(
    fake: Place, server: FakeServer, owner: KeyOwner, key: KeptKey
) -> None:
    server.kms.set_state(key.reference, State.PENDING_GENERATION)
    server.kms.versions[key.reference].looks_left = 1

    with pytest.raises(RootKeysAway, match="still generating"):
        await fake.client().destroy(owner, key.reference)
    assert server.kms.versions[key.reference].told.state == State.PENDING_GENERATION


async def test_a_key_that_somebody_enables_again_and_again_is_not_ended_by_force(
    fake: Place, server: FakeServer, owner: KeyOwner, key: KeptKey
) -> None:
    server.kms.disables_before_destroying = True
    enables = {
        KmsMethod.DESTROY_CRYPTO_KEY_VERSION: lambda: server.kms.set_state(key.reference, State.ENABLED)
    }
    server.meanwhile[KmsMethod.UPDATE_CRYPTO_KEY_VERSION] = lambda: server.meanwhile.update(enables)

    with pytest.raises(RootKeyRefused, match=r"does not let .* be destroyed"):
        await fake.client().destroy(owner, key.reference)


async def test_a_further_key_whose_generation_fails_is_tried_for_again(
    fake: Place, server: FakeServer, owner: KeyOwner, key: KeptKey
) -> None:
    second = key.reference.removesuffix("/1") + "/2"
    fails = {
        KmsMethod.LIST_CRYPTO_KEY_VERSIONS: lambda: server.kms.set_state(second, State.GENERATION_FAILED)
    }
    server.meanwhile[KmsMethod.CREATE_CRYPTO_KEY_VERSION] = lambda: server.meanwhile.update(fails)

    with pytest.raises(RootKeysAway, match="it cannot be used: GENERATION_FAILED"):
        await fake.client().make(owner, ES256)
    assert (await fake.client().make(owner, ES256)).reference.endswith("/3")


async def test_a_key_with_versions_without_end_is_not_read_without_end(
    fake: Place, server: FakeServer, owner: KeyOwner, key: KeptKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seatwarden.backends.google_kms_calls._MOST_PAGES", 2)
    server.kms.largest_page = 1
    client = fake.client()
    await client.make(owner, ES256)
    assert len(await client.kept(owner)) == 2
    parent = key.reference.split("/cryptoKeyVersions/")[0]
    server.kms.create_crypto_key_version(types.CreateCryptoKeyVersionRequest(parent=parent))

    with pytest.raises(RootKeyRefused, match="more than 2 pages"):
        await client.kept(owner)
