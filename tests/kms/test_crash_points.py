"""The process dies right behind each call of Google's, and another one begins anew and wants the same.

A call may also have been made without its answer arriving. However that goes, there is one CryptoKey with as many keys as were
wanted.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from seatwarden.backends.google_kms import GoogleCloudKms
from seatwarden.backends.google_kms_model import KmsLimits, KmsMethod
from seatwarden.backends.root_keys import KeptKey, KeyOwner, RootKeysAway
from seatwarden.domain.root_key import RootAlgorithm
from tests.kms.conftest import QUICK, Place
from tests.kms.fake_kms import State
from tests.kms.fake_server import FakeServer, Fault
from tests.kms.test_root_keys import SIGNED, assert_verifies

Wish = Callable[[GoogleCloudKms, KeyOwner], Awaitable[object]]
ES256, EDDSA = RootAlgorithm.ES256, RootAlgorithm.EDDSA


async def wants(client: GoogleCloudKms, owner: KeyOwner, many: int, algorithm: RootAlgorithm) -> KeptKey:
    """What a reconciler does: look, and make what is missing."""
    kept = await client.kept(owner)
    for _ in range(many - len(kept)):
        await client.make(owner, algorithm)
    newest = (await client.kept(owner))[-1]
    await client.sign(owner, newest, SIGNED)
    return newest


async def a_first_key(client: GoogleCloudKms, owner: KeyOwner) -> object:
    return await wants(client, owner, 1, ES256)


async def a_second_key(client: GoogleCloudKms, owner: KeyOwner) -> object:
    return await wants(client, owner, 2, EDDSA)


async def destroy_the_first(client: GoogleCloudKms, owner: KeyOwner) -> None:
    await client.destroy(owner, f"{client.key_name_of(owner)}/cryptoKeyVersions/1")


async def restore_the_first(client: GoogleCloudKms, owner: KeyOwner) -> object:
    return await client.restore(owner, f"{client.key_name_of(owner)}/cryptoKeyVersions/1")


async def destroy_all_keys(client: GoogleCloudKms, owner: KeyOwner) -> None:
    await client.forget(owner, destroys=True)


async def keep_all_keys(client: GoogleCloudKms, owner: KeyOwner) -> None:
    await client.forget(owner, destroys=False)


async def take_kept_keys(client: GoogleCloudKms, owner: KeyOwner) -> object:
    return await wants(client, replace(owner, uid="00000000-0000-4000-8000-000000000001"), 1, ES256)


EN, DIS, DE = State.ENABLED, State.DISABLED, State.DESTROY_SCHEDULED
STORIES: dict[str, tuple[list[Wish], Wish, list[int]]] = {
    "first": ([], a_first_key, [EN]),
    "second": ([a_first_key], a_second_key, [EN, EN]),
    "destroy": ([a_second_key], destroy_the_first, [DE, EN]),
    "restore": ([a_second_key, destroy_the_first], restore_the_first, [EN, EN]),
    "forget": ([a_second_key], destroy_all_keys, [DE, DE]),
    "retain": ([a_second_key], keep_all_keys, [EN, EN]),
    "adopt": ([a_first_key, keep_all_keys], take_kept_keys, [EN]),
}
"""What was before, what is wanted, and the states of the versions behind it."""


async def prepared(place: Place, owner: KeyOwner, story: str) -> None:
    for before in STORIES[story][0]:
        await before(place.client(), owner)


async def calls_of(story: str, place: Place, server: FakeServer) -> list[KmsMethod]:
    """The calls that a story makes where nothing goes wrong."""
    tenant = KeyOwner(namespace="rehearsal", name=story, uid=str(uuid.uuid4()))
    await prepared(place, tenant, story)
    server.heard.clear()
    await STORIES[story][1](place.client(), tenant)
    return list(server.heard)


def assert_as_wanted(place: Place, server: FakeServer, owner: KeyOwner, story: str) -> None:
    name = place.client().key_name_of(owner)
    assert [
        key for key in server.kms.keys if server.kms.keys[key].labels["seatwarden-tenant"] == owner.name
    ] == [name]
    assert [each.told.state for each in server.kms.versions_of(name)] == STORIES[story][2]


@pytest.mark.parametrize("story", STORIES)
async def test_who_dies_behind_any_call_and_begins_anew_gets_what_it_wanted(
    fake: Place, server: FakeServer, owner: KeyOwner, story: str
) -> None:
    fake.limits = KmsLimits(attempt_seconds=30, look_again_seconds=0.001)
    rehearsed = await calls_of(story, fake, server)
    assert rehearsed
    for point, method in enumerate(rehearsed):
        tenant = replace(owner, name=f"{story}-{point}")
        await prepared(fake, tenant, story)
        server.done.clear()
        server.stalls_at(point)

        process = asyncio.ensure_future(STORIES[story][1](fake.client(), tenant))
        await asyncio.wait_for(server.done.wait(), 10)
        assert server.heard[-1] is method
        process.cancel()
        with pytest.raises(asyncio.CancelledError):
            await process

        await STORIES[story][1](fake.client(), tenant)
        assert_as_wanted(fake, server, tenant, story)


@pytest.mark.parametrize("method", KmsMethod)
@pytest.mark.parametrize("story", STORIES)
async def test_a_lost_answer_changes_nothing_about_what_there_is_in_the_end(
    fake: Place, server: FakeServer, owner: KeyOwner, story: str, method: KmsMethod
) -> None:
    await prepared(fake, owner, story)
    server.fail(method, Fault.LOST_ANSWER)

    await STORIES[story][1](fake.client(), owner)

    assert_as_wanted(fake, server, owner, story)


@pytest.mark.parametrize("method", [KmsMethod.CREATE_CRYPTO_KEY, KmsMethod.CREATE_CRYPTO_KEY_VERSION])
async def test_a_key_whose_answers_are_all_lost_is_made_once(
    fake: Place, server: FakeServer, owner: KeyOwner, method: KmsMethod
) -> None:
    wish = a_first_key if method is KmsMethod.CREATE_CRYPTO_KEY else a_second_key
    if wish is a_second_key:
        await a_first_key(fake.client(), owner)
    server.fail(method, Fault.LOST_ANSWER)
    server.meanwhile[method] = lambda: server.fail(
        KmsMethod.GET_CRYPTO_KEY if wish is a_first_key else KmsMethod.LIST_CRYPTO_KEY_VERSIONS,
        Fault.UNAVAILABLE,
        QUICK.attempts,
    )
    with pytest.raises(RootKeysAway):
        await wish(fake.client(), owner)

    await wish(fake.client(), owner)

    many = 1 if wish is a_first_key else 2
    assert len(server.kms.versions_of(fake.client().key_name_of(owner))) == many


async def test_two_processes_that_make_the_first_key_at_once_make_one(
    fake: Place, server: FakeServer, owner: KeyOwner
) -> None:
    keys = await asyncio.gather(*(fake.client().make(owner, ES256) for _ in range(2)))

    assert keys[0] == keys[1]
    assert len(server.kms.versions) == 1
    assert_verifies(keys[0].public, await fake.client().sign(owner, keys[1], SIGNED), SIGNED)


async def test_two_tenants_that_take_a_kept_key_at_once_do_not_both_have_it(
    fake: Place, server: FakeServer, owner: KeyOwner
) -> None:
    await a_first_key(fake.client(), owner)
    await keep_all_keys(fake.client(), owner)
    rivals = [replace(owner, uid=str(uuid.uuid4())) for _ in range(2)]
    await asyncio.gather(*(fake.client().kept(rival) for rival in rivals), return_exceptions=True)

    found = await asyncio.gather(*(fake.client().kept(rival) for rival in rivals), return_exceptions=True)

    assert sorted(type(each).__name__ for each in found) == ["RootKeyRefused", "tuple"]
