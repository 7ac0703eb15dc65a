"""What goes wrong between here and Google Cloud KMS."""

import pytest

from seatwarden.backends.google_kms_model import PERMISSIONS, KmsLimits, KmsMethod
from seatwarden.backends.root_keys import KeptKey, KeyOwner, RootKeyRefused, RootKeysAway
from seatwarden.domain.root_key import RootAlgorithm
from tests.kms.conftest import QUICK, Place
from tests.kms.fake_server import FakeServer, Fault
from tests.kms.test_root_keys import SIGNED, assert_verifies

ES256 = RootAlgorithm.ES256
SIGN, PUBLIC = KmsMethod.ASYMMETRIC_SIGN, KmsMethod.GET_PUBLIC_KEY
PASSING = (Fault.UNAVAILABLE, Fault.QUOTA, Fault.BLACK_HOLE, Fault.INTERNAL, Fault.LOST_ANSWER)
SPOILING = (Fault.WRONG_CHECKSUM, Fault.DAMAGED, Fault.CUT_SHORT, Fault.UNVERIFIED, Fault.ANOTHER_NAME)


@pytest.mark.parametrize("fault", [*PASSING, *SPOILING])
@pytest.mark.parametrize("algorithm", [ES256, RootAlgorithm.EDDSA])
async def test_a_signature_is_had_in_spite_of_a_fault_that_passes(
    fake: Place, server: FakeServer, owner: KeyOwner, fault: Fault, algorithm: RootAlgorithm
) -> None:
    client = fake.client()
    key = await client.make(owner, algorithm)
    server.fail(SIGN, fault, QUICK.attempts - 1)

    assert_verifies(key.public, await client.sign(owner, key, SIGNED), SIGNED)
    assert server.counts()[SIGN] == fake.calls[SIGN] == QUICK.attempts


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault.UNAVAILABLE, "it answered UNAVAILABLE"),
        (Fault.QUOTA, "the quota is used up"),
        (Fault.BLACK_HOLE, "no answer in time"),
        (Fault.INTERNAL, "it answered INTERNAL"),
        (Fault.WRONG_CHECKSUM, "the checksum of the signature is wrong"),
        (Fault.DAMAGED, "the signature does not verify under the key's public half"),
        (Fault.CUT_SHORT, "it is no ECDSA signature"),
        (Fault.UNVERIFIED, "the checksum of what was sent was not verified"),
        (Fault.ANOTHER_NAME, "another key signed"),
    ],
)
async def test_no_signature_leaves_while_a_fault_lasts_and_attempts_are_counted_out(
    fake: Place, server: FakeServer, owner: KeyOwner, key: KeptKey, fault: Fault, says: str
) -> None:
    server.fail(SIGN, fault, QUICK.attempts)
    client = fake.client()

    with pytest.raises(RootKeysAway, match=says):
        await client.sign(owner, key, SIGNED)
    assert server.counts()[SIGN] == QUICK.attempts
    assert_verifies(key.public, await client.sign(owner, key, SIGNED), SIGNED)


@pytest.mark.parametrize("fault", [*PASSING, Fault.WRONG_CHECKSUM, Fault.ANOTHER_NAME])
async def test_a_public_half_is_had_in_spite_of_a_fault_that_passes(
    fake: Place, server: FakeServer, owner: KeyOwner, key: KeptKey, fault: Fault
) -> None:
    server.fail(PUBLIC, fault, QUICK.attempts - 1)

    assert await fake.client().kept(owner) == (key,)


@pytest.mark.parametrize("fault", [Fault.WRONG_CHECKSUM, Fault.ANOTHER_NAME])
async def test_a_public_half_that_arrives_damaged_is_never_published(
    fake: Place, server: FakeServer, owner: KeyOwner, key: KeptKey, fault: Fault
) -> None:
    server.fail(PUBLIC, fault, QUICK.attempts)
    client = fake.client()

    with pytest.raises(RootKeysAway, match="arrived damaged"):
        await client.kept(owner)
    assert await client.kept(owner) == (key,)


async def test_a_public_half_that_is_none_is_refused(
    fake: Place, server: FakeServer, owner: KeyOwner, key: KeptKey
) -> None:
    server.fail(PUBLIC, Fault.DAMAGED)

    with pytest.raises(RootKeyRefused, match="it is no public key in PEM"):
        await fake.client().kept(owner)


async def every_method(fake: Place, owner: KeyOwner) -> None:
    """A story in which each call of Google's is made once at least."""
    client = fake.client()
    await client.make(owner, ES256)
    key = await client.make(owner, RootAlgorithm.EDDSA)
    await client.sign(owner, key, SIGNED)
    await client.destroy(owner, key.reference)
    await client.restore(owner, key.reference)
    await client.forget(owner, destroys=True)


async def test_the_story_has_every_call(fake: Place, server: FakeServer, owner: KeyOwner) -> None:
    await every_method(fake, owner)

    assert set(server.heard) == set(KmsMethod)


@pytest.mark.parametrize("method", KmsMethod)
async def test_a_right_that_is_missing_is_named_with_a_role_that_has_it(
    fake: Place, server: FakeServer, owner: KeyOwner, method: KmsMethod
) -> None:
    server.fail(method, Fault.DENIED)

    with pytest.raises(RootKeyRefused) as refused:
        await every_method(fake, owner)
    permission, role = PERMISSIONS[method]
    assert f"refused {method}: " in str(refused.value)
    assert f"permission {permission} on projects/vendor/" in str(refused.value)
    assert role in str(refused.value)
    assert server.heard[-1] is method, "it is not asked again"


@pytest.mark.parametrize("method", KmsMethod)
@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.QUOTA, Fault.LOST_ANSWER])
async def test_every_call_survives_a_fault_that_passes_or_says_that_it_is_away(
    fake: Place, server: FakeServer, owner: KeyOwner, method: KmsMethod, fault: Fault
) -> None:
    server.fail(method, fault)
    once = method is KmsMethod.CREATE_CRYPTO_KEY_VERSION and fault is Fault.UNAVAILABLE

    if once:
        with pytest.raises(RootKeysAway):
            await every_method(fake, owner)
    else:
        await every_method(fake, owner)
        (name,) = server.kms.keys
        assert len(server.kms.versions_of(name)) == 2


async def test_a_call_ends_in_time_though_every_attempt_hangs(
    server: FakeServer, fake: Place, owner: KeyOwner, key: KeptKey
) -> None:
    fake.limits = KmsLimits(attempt_seconds=60, whole_seconds=0.2)
    server.fail(SIGN, Fault.BLACK_HOLE)

    with pytest.raises(RootKeysAway, match="did not finish within"):
        await fake.client().sign(owner, key, SIGNED)


async def test_a_server_that_is_not_there_is_away(fake: Place, owner: KeyOwner) -> None:
    fake.endpoint = "http://127.0.0.1:9"

    with pytest.raises(RootKeysAway, match="it answered UNAVAILABLE"):
        await fake.client().kept(owner)
