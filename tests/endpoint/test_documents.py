"""Public keys and licence documents over HTTP, with a real Redis behind the endpoint."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.backends.redis_documents import DocumentReader, RedisDocuments
from seatwarden.domain.seats import PoolState, PoolUid
from tests.endpoint.conftest import StartEndpoint
from tests.endpoint.endpoint_client import Answer, EndpointClient
from tests.endpoint.pools import Pool, make_pool

LICENCE = "/api/v1/licenses/license"
SET, OTHER_SET = '{"keys":[{"kid":"one"}]}', '{"keys":[{"kid":"two"}]}'
DOCUMENT = "eyJ.eyJ.c2ln"


@dataclass
class FadingReader(DocumentReader):
    """What Redis has, until it is away."""

    documents: RedisDocuments
    away: bool = False

    async def jwks(self, tenant_uid: str) -> bytes | None:
        self._answer()
        return await self.documents.jwks(tenant_uid)

    async def revocations(self, tenant_uid: str) -> bytes | None:
        self._answer()
        return await self.documents.revocations(tenant_uid)

    async def licence(self, pool: PoolUid) -> bytes | None:
        self._answer()
        return await self.documents.licence(pool)

    def _answer(self) -> None:
        if self.away:
            raise AuthorityUnavailable("Redis is away")


@dataclass
class Archive:
    """A pool of a Subscription of a Tenant, each with a uid of its own."""

    pool: Pool
    client: EndpointClient
    reader: FadingReader
    tenant: str
    subscription: str

    async def say(self, *, jwks: str = SET, licence: str = DOCUMENT, term: int = 1) -> None:
        said = self.reader.documents
        await said.say_jwks(self.tenant, jwks, term=term)
        await said.say_revocations(self.tenant, licence, term=term)
        await said.say_licence(self.subscription, licence, term=term)
        await said.say_subscription(self.pool.uid, self.subscription, term=term)

    async def keys(self, **headers: str) -> Answer:
        return await self.client.ask("GET", f"/api/v1/tenants/{self.tenant}/jwks.json", headers=headers)

    async def licence(self) -> Answer:
        return await self.client.ask("GET", LICENCE)


@pytest.fixture
async def archive(start_endpoint: StartEndpoint, redis_url: str) -> AsyncIterator[Archive]:
    seats = RedisSeatAuthority.connect(redis_url, time_limit_seconds=20.0)
    await seats.note_provisioned()
    pool, reader = await make_pool(seats), FadingReader(seats.documents())
    running = await start_endpoint(seats, documents=reader)
    client = running.client.with_key(pool.key.text)
    yield Archive(pool, client, reader, str(uuid4()), str(uuid4()))
    await seats.close()


async def test_anybody_may_read_public_keys_and_keep_them_for_an_hour(archive: Archive) -> None:
    await archive.say()
    found = await archive.keys()
    assert (found.status, found.body) == (200, {"keys": [{"kid": "one"}]})
    assert found.headers["Content-Type"] == "application/jwk-set+json"
    assert found.headers["Cache-Control"] == "public, max-age=3600, stale-if-error=86400"


async def test_who_has_the_set_already_is_told_so_until_it_is_another(archive: Archive) -> None:
    await archive.say()
    tag = (await archive.keys()).headers["ETag"]
    for known in (tag, f"W/{tag}", f'"another", {tag}', "*"):
        same = await archive.keys(**{"If-None-Match": known})
        assert (same.status, same.body, same.headers["ETag"]) == (304, "", tag)
    await archive.say(jwks=OTHER_SET)
    assert (await archive.keys(**{"If-None-Match": tag})).status == 200


async def test_a_program_takes_the_document_of_its_own_licence(archive: Archive) -> None:
    await archive.say()
    found = await archive.licence()
    assert (found.status, found.body) == (200, DOCUMENT)
    assert found.headers["Content-Type"].startswith("application/jose")
    assert found.headers["Cache-Control"] == "private, max-age=300, stale-if-error=86400"


async def test_anybody_may_read_what_is_revoked(archive: Archive) -> None:
    await archive.say()
    path = f"/api/v1/tenants/{archive.tenant}/revocations"
    found = await archive.client.ask("GET", path, headers={})
    assert (found.status, found.body) == (200, DOCUMENT)
    assert found.headers["Cache-Control"] == "public, max-age=3600, stale-if-error=86400"
    archive.reader.away = True
    assert (await archive.client.ask("GET", path, headers={})).body == DOCUMENT
    archive.reader.away = False
    unknown = await archive.client.ask("GET", "/api/v1/tenants/nobody/revocations")
    assert (unknown.status, unknown.code) == (404, "unknown_tenant")


async def test_without_a_key_that_opens_the_pool_there_is_no_document(archive: Archive) -> None:
    await archive.say()
    stranger = archive.client.with_key("swk1.not-a-key")
    refused = await stranger.ask("GET", LICENCE)
    assert (refused.status, refused.code) == (401, "invalid_license")


async def test_who_is_suspended_may_read_what_was_signed_before(archive: Archive) -> None:
    await archive.say()
    await archive.pool.configure(state=PoolState.SUSPENDED)
    assert (await archive.licence()).status == 200


async def test_before_anything_was_said_it_is_told_what_to_look_at(archive: Archive) -> None:
    missing = await archive.licence()
    assert (missing.status, missing.code) == (404, "no_license_document")
    assert "LicenceReady" in missing.body["detail"]
    unknown = await archive.keys()
    assert (unknown.status, unknown.code) == (404, "unknown_tenant")


@pytest.mark.parametrize("uid", ["a b", "x" * 65, "a%2Fb", "%00"])
async def test_a_uid_that_is_none_is_unknown(archive: Archive, uid: str) -> None:
    found = await archive.client.ask("GET", f"/api/v1/tenants/{uid}/jwks.json")
    assert (found.status, found.code) == (404, "unknown_tenant")


async def test_while_redis_is_away_what_was_read_last_is_handed_out(archive: Archive) -> None:
    await archive.say()
    before = (await archive.keys()).body, (await archive.licence()).body
    archive.reader.away = True
    assert ((await archive.keys()).body, (await archive.licence()).body) == before
    never_read = await archive.client.ask("GET", f"/api/v1/tenants/{uuid4()}/jwks.json")
    assert (never_read.status, never_read.code) == (503, "authority_unavailable")


async def test_what_is_withdrawn_is_gone(archive: Archive) -> None:
    await archive.say()
    assert (await archive.keys()).status == 200
    await archive.say(jwks="", licence="")
    assert ((await archive.keys()).status, (await archive.licence()).status) == (404, 404)


async def test_an_endpoint_without_documents_says_that_there_are_none(
    start_endpoint: StartEndpoint, redis_url: str
) -> None:
    seats = RedisSeatAuthority.connect(redis_url, time_limit_seconds=20.0)
    await seats.note_provisioned()
    pool = await make_pool(seats)
    client = (await start_endpoint(seats)).client.with_key(pool.key.text)
    assert (await client.ask("GET", LICENCE)).code == "no_license_document"
    assert (await client.ask("GET", "/api/v1/tenants/acme/jwks.json")).code == "unknown_tenant"
    await seats.close()
