"""Keys in Google Cloud KMS from the first to the last: the same for the stand-in and for the service."""

import base64
import uuid
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from seatwarden.backends.google_kms_model import KmsMethod
from seatwarden.backends.root_keys import KeptKey, KeyOwner, RootKeyRefused
from seatwarden.domain.root_key import PublicRootKey, RootAlgorithm, kid_of
from tests.kms.conftest import Place

SIGNED = b"eyJhbGciOiJQUzUxMiJ9.eyJpc3MiOiJ0ZW5hbnQifQ"
ES256 = RootAlgorithm.ES256


def assert_verifies(public: PublicRootKey, signature: bytes, signed: bytes) -> None:
    """By the standards themselves: nothing of the code under test has a part in it."""
    key = load_pem_public_key(public.public_pem.encode())
    match public.algorithm:
        case RootAlgorithm.RS256:
            assert isinstance(key, rsa.RSAPublicKey)
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        case RootAlgorithm.PS512:
            assert isinstance(key, rsa.RSAPublicKey)
            key.verify(signature, signed, padding.PSS(padding.MGF1(hashes.SHA512()), 64), hashes.SHA512())
        case RootAlgorithm.ES256:
            assert isinstance(key, ec.EllipticCurvePublicKey)
            assert len(signature) == 64
            r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
            key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
        case RootAlgorithm.EDDSA:
            assert isinstance(key, ed25519.Ed25519PublicKey)
            key.verify(signature, signed)


async def made(place: Place, owner: KeyOwner, algorithm: RootAlgorithm = ES256) -> KeptKey:
    return await place.client().make(owner, algorithm)


async def references(place: Place, owner: KeyOwner) -> list[str]:
    return [key.reference for key in await place.client().kept(owner)]


async def test_a_tenant_without_keys_has_none(place: Place, owner: KeyOwner) -> None:
    assert await place.client().kept(owner) == ()


@pytest.mark.parametrize("algorithm", RootAlgorithm)
async def test_what_a_key_signs_verifies_under_its_published_half(
    place: Place, owner: KeyOwner, algorithm: RootAlgorithm
) -> None:
    client = place.client()
    key = await client.make(owner, algorithm)

    for signed in (SIGNED, b"x", b"y" * 50_000):
        assert_verifies(key.public, await client.sign(owner, key, signed), signed)
    assert key.public.algorithm is algorithm
    assert key.trouble is None


@pytest.mark.parametrize("algorithm", RootAlgorithm)
async def test_the_published_key_is_the_same_in_pem_jwk_and_kid(
    place: Place, owner: KeyOwner, algorithm: RootAlgorithm
) -> None:
    public = (await made(place, owner, algorithm)).public
    key = load_pem_public_key(public.public_pem.encode())

    assert public.kid == kid_of(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    assert dict(public.jwk) == {"alg": algorithm.value, "kid": public.kid, "use": "sig", **members(key)}


def members(key: object) -> dict[str, str]:
    match key:
        case rsa.RSAPublicKey():
            return {"kty": "RSA", "n": base64url(key.public_numbers().n, 512), "e": "AQAB"}
        case ec.EllipticCurvePublicKey():
            x, y = key.public_numbers().x, key.public_numbers().y
            return {"kty": "EC", "crv": "P-256", "x": base64url(x, 32), "y": base64url(y, 32)}
        case ed25519.Ed25519PublicKey():
            raw = int.from_bytes(key.public_bytes_raw(), "big")
            return {"kty": "OKP", "crv": "Ed25519", "x": base64url(raw, 32)}
    raise AssertionError(key)


def base64url(number: int, length: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(length, "big")).decode().rstrip("=")


async def test_whoever_begins_anew_finds_the_keys_oldest_first(place: Place, owner: KeyOwner) -> None:
    keys = [await made(place, owner) for _ in range(3)]

    assert await place.client().kept(owner) == tuple(keys)
    assert [key.reference.rsplit("/", 1)[-1] for key in keys] == ["1", "2", "3"]


async def test_a_tenant_may_change_its_algorithm_and_keep_its_older_keys(
    place: Place, owner: KeyOwner
) -> None:
    older = await made(place, owner)
    newer = await made(place, owner, RootAlgorithm.EDDSA)
    client = place.client()

    assert await client.kept(owner) == (older, newer)
    assert [key.public.algorithm for key in (older, newer)] == [ES256, RootAlgorithm.EDDSA]
    for key in (older, newer):
        assert_verifies(key.public, await client.sign(owner, key, SIGNED), SIGNED)


async def test_a_public_half_is_asked_for_once(place: Place, owner: KeyOwner) -> None:
    client = place.client()
    await client.make(owner, ES256)
    for _ in range(3):
        await client.kept(owner)

    assert place.calls[KmsMethod.GET_PUBLIC_KEY] == 1


async def test_a_destroyed_key_is_in_trouble_until_it_is_restored(place: Place, owner: KeyOwner) -> None:
    client = place.client()
    key = await client.make(owner, ES256)

    await client.destroy(owner, key.reference)

    (scheduled,) = await client.kept(owner)
    assert scheduled.public == key.public
    assert scheduled.ends
    assert "is scheduled for destruction at 20" in (scheduled.trouble or "")
    if not place.is_service:  # There it may sign for up to a minute more.
        with pytest.raises(RootKeyRefused, match="restored"):
            await client.sign(owner, key, SIGNED)

    assert await client.restore(owner, key.reference) == key
    assert_verifies(key.public, await client.sign(owner, key, SIGNED), SIGNED)


async def test_destroying_and_restoring_may_be_repeated(place: Place, owner: KeyOwner) -> None:
    key = await made(place, owner)
    for _ in range(2):
        await place.client().destroy(owner, key.reference)
    for _ in range(2):
        assert await place.client().restore(owner, key.reference) == key


async def test_destroying_what_is_not_there_is_no_error(place: Place, owner: KeyOwner) -> None:
    client = place.client()
    await client.destroy(owner, f"{client.key_name_of(owner)}/cryptoKeyVersions/1")
    key = await made(place, owner)
    await client.destroy(owner, key.reference.removesuffix("/1") + "/17")

    assert await references(place, owner) == [key.reference]


async def test_a_key_of_another_tenant_is_neither_destroyed_nor_used(place: Place, owner: KeyOwner) -> None:
    key = await made(place, owner)
    other = replace(owner, name="other", uid=str(uuid.uuid4()))
    client = place.client()

    for attempt in (
        client.destroy(other, key.reference),
        client.restore(other, key.reference),
        client.sign(other, key, SIGNED),
    ):
        with pytest.raises(RootKeyRefused, match="is no version of the Tenant's key"):
            await attempt
    assert await place.client().kept(owner) == (key,)


async def test_a_tenant_that_is_made_again_finds_what_it_kept(place: Place, owner: KeyOwner) -> None:
    key = await made(place, owner)
    again = replace(owner, uid=str(uuid.uuid4()))
    for _ in range(2):
        await place.client().forget(owner, destroys=False)

    assert await place.client().kept(again) == (key,)
    assert await place.client().kept(again) == (key,)


async def test_a_living_tenant_of_the_same_name_elsewhere_keeps_its_keys(
    place: Place, owner: KeyOwner
) -> None:
    key = await made(place, owner)
    namesake, client = replace(owner, uid=str(uuid.uuid4())), place.client()

    for attempt in (client.kept(namesake), client.destroy(namesake, key.reference)):
        with pytest.raises(RootKeyRefused, match="--remove-labels=seatwarden-tenant-uid"):
            await attempt
    with pytest.raises(RootKeyRefused, match=owner.uid):
        await client.make(namesake, ES256)
    await client.forget(namesake, destroys=True)

    assert await place.client().kept(owner) == (key,)


async def test_a_tenant_that_destroys_its_keys_leaves_none_that_signs(place: Place, owner: KeyOwner) -> None:
    client = place.client()
    keys = [await client.make(owner, ES256) for _ in range(2)]
    again = replace(owner, uid=str(uuid.uuid4()))
    for _ in range(2):
        await place.client().forget(owner, destroys=True)

    kept = await client.kept(again)
    assert [key.public for key in kept] == [key.public for key in keys]
    assert all(key.trouble for key in kept)
    assert await references(place, again) == [], "who begins anew is not told the public half"
    assert (await made(place, again)).reference.endswith("/3")


async def test_forgetting_a_tenant_that_had_no_key_makes_none(place: Place, owner: KeyOwner) -> None:
    for destroys in (True, False):
        await place.client().forget(owner, destroys=destroys)

    assert set(place.calls) == {KmsMethod.GET_CRYPTO_KEY}


async def test_an_existing_key_is_adopted_and_used_as_it_is(place: Place, owner: KeyOwner) -> None:
    key = await made(place, owner)
    await place.client().forget(owner, destroys=False)
    name, adopter = place.client().key_name_of(owner), replace(owner, uid=str(uuid.uuid4()))
    client = place.client(adopts=name)

    assert await client.kept(adopter) == (key,)
    assert (await client.make(adopter, ES256)).reference == f"{name}/cryptoKeyVersions/2"
    assert_verifies(key.public, await client.sign(adopter, key, SIGNED), SIGNED)


async def test_an_adopted_key_has_to_exist(place: Place, owner: KeyOwner) -> None:
    name = f"{place.key_ring}/cryptoKeys/no-such-key"
    client = place.client(adopts=name)

    for attempt in (client.kept(owner), client.make(owner, ES256)):
        with pytest.raises(RootKeyRefused, match=r"no-such-key\. Make it, or name one that exists"):
            await attempt
    assert place.calls[KmsMethod.CREATE_CRYPTO_KEY] == 0


async def test_a_key_ring_has_to_exist(place: Place, owner: KeyOwner) -> None:
    client = place.client(key_ring=f"{place.key_ring}-missing")

    with pytest.raises(RootKeyRefused, match=r"CreateCryptoKey.*-missing"):
        await client.make(owner, ES256)
