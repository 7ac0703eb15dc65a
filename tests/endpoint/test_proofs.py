"""Signed leases over HTTP: given with the seat, renewed when old, and enough to come back after Redis lost everything."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.domain.seats import BeatVerdict, Code, Millis, Refusal
from seatwarden.domain.signed_lease import read_token
from seatwarden.endpoint.settings import EndpointSettings
from seatwarden.local.valkey import Valkey, ValkeyOptions, valkey_server
from tests.endpoint.conftest import StartEndpoint
from tests.endpoint.endpoint_client import BULK, HOLDER, SESSIONS, EndpointClient
from tests.endpoint.pools import Pool, make_pool
from tests.endpoint.scripted_authority import FENCE, GRANT, LEASE_ID, ScriptedAuthority

KEYS = InstallationKeys([bytes(32)])
OTHER = "cd" * 32
DAY = 86_400_000


@pytest.fixture
async def scripted(start_endpoint: StartEndpoint, authority: ScriptedAuthority) -> EndpointClient:
    """A client of an endpoint that signs, over an authority that says what it is told to."""
    return (await start_endpoint(authority, keys=KEYS)).client


async def acquired(client: EndpointClient, **fields: str) -> str:
    """The signed lease of a new seat."""
    answer = await client.acquire(**fields)
    assert answer.status == 201
    lease = answer.body["lease"]
    assert isinstance(lease, str)
    return lease


async def beat(
    client: EndpointClient, lease: str | None, fence: int = FENCE
) -> "tuple[int, str, str | None]":
    """Status, code and new lease of a heartbeat that shows ``lease``."""
    body = {"fence": fence, "lease": lease}
    answer = await client.ask("PATCH", f"{SESSIONS}/{LEASE_ID}/heartbeat", body)
    return answer.status, answer.code, answer.body.get("lease")


async def test_a_seat_comes_with_a_lease_that_says_whose_it_is(
    scripted: EndpointClient, authority: ScriptedAuthority
) -> None:
    lease = KEYS.verify(await acquired(scripted, nonce="run"), authority.pools[0])
    assert lease is not None
    assert (lease.holder, lease.lease_id, lease.fence) == (HOLDER, LEASE_ID, FENCE)
    assert lease.valid_until - lease.issued_at == DAY


async def test_without_keys_nothing_is_signed_and_nothing_believed(
    client: EndpointClient, scripted: EndpointClient, authority: ScriptedAuthority
) -> None:
    assert (await client.acquire()).body["lease"] is None
    lease = await acquired(scripted)
    authority.beat = BeatVerdict(code=Code.UNKNOWN_SESSION)
    assert (await beat(client, lease))[:2] == (404, "unknown_session")
    assert authority.readmitted == []


@pytest.mark.parametrize(("hours", "renewed"), [(0, False), (11, False), (13, True), (30, True)])
async def test_a_heartbeat_renews_the_signed_lease_only_past_half_of_its_time(
    scripted: EndpointClient, authority: ScriptedAuthority, hours: int, renewed: bool
) -> None:
    lease = await acquired(scripted)
    at = Millis(GRANT.at + hours * 3_600_000)
    authority.at = at
    status, _, new = await beat(scripted, lease)
    assert status == 200
    assert (new is not None) is renewed
    if new is not None:
        token = read_token(new)
        assert token is not None
        assert (token.lease.issued_at, token.lease.valid_until) == (at, at + DAY)
        assert token.lease.holder == HOLDER


async def test_a_forged_lease_is_neither_renewed_nor_believed(
    scripted: EndpointClient, authority: ScriptedAuthority
) -> None:
    genuine = read_token(await acquired(scripted))
    assert genuine is not None
    forged = InstallationKeys([b"x" * 32]).sign(replace(genuine.lease, holder=OTHER))
    authority.at = Millis(GRANT.at + DAY)
    assert await beat(scripted, forged) == (200, "ok", None)
    authority.beat = BeatVerdict(code=Code.UNKNOWN_SESSION)
    assert (await beat(scripted, forged))[:2] == (404, "unknown_session")
    assert authority.readmitted == []


@pytest.mark.behaviour(10)
@pytest.mark.parametrize("forgotten", [Code.UNKNOWN_SESSION, Code.STALE_FENCE])
async def test_a_heartbeat_on_a_forgotten_lease_brings_it_back_by_its_signature(
    scripted: EndpointClient, authority: ScriptedAuthority, forgotten: Code
) -> None:
    lease = await acquired(scripted)
    authority.beat = BeatVerdict(code=forgotten)
    assert (await beat(scripted, lease))[:2] == (200, "ok")
    assert [each.lease_id for each in authority.readmitted] == [LEASE_ID]
    assert (await beat(scripted, lease, fence=FENCE + 1))[0] != 200, "it proves its own fence only"
    assert len(authority.readmitted) == 1


async def test_in_bulk_each_lease_is_judged_and_renewed_by_itself(
    scripted: EndpointClient, authority: ScriptedAuthority
) -> None:
    lease = await acquired(scripted)
    authority.at = Millis(GRANT.at + DAY)
    sessions = [{"id": LEASE_ID, "fence": FENCE, "lease": lease}, {"id": LEASE_ID, "fence": FENCE}]
    first, second = (await scripted.ask("POST", BULK, {"sessions": sessions})).body["sessions"]
    assert KEYS.verify(first["lease"], authority.pools[0]) is not None
    assert "lease" not in second
    authority.beat = BeatVerdict(code=Code.UNKNOWN_SESSION)
    codes = [
        each["code"] for each in (await scripted.ask("POST", BULK, {"sessions": sessions})).body["sessions"]
    ]
    assert codes == ["ok", "unknown_session"]


async def test_recovery_is_503_with_the_time_to_wait(
    scripted: EndpointClient, authority: ScriptedAuthority
) -> None:
    authority.grant = Refusal(code=Code.RECOVERING, retry_after=Millis(90_000))
    answer = await scripted.acquire()
    assert (answer.status, answer.code) == (503, "recovering")
    assert 90 <= int(answer.headers["Retry-After"]) <= 93
    authority.beat = BeatVerdict(code=Code.RECOVERING, expires_in=Millis(90_000))
    assert (await beat(scripted, None))[:2] == (503, "recovering")


@pytest.fixture
async def server() -> AsyncIterator[Valkey]:
    """A Valkey that a test may flush."""
    async with valkey_server(ValkeyOptions()) as valkey:
        yield valkey


@pytest.fixture
async def seats(server: Valkey) -> AsyncIterator[RedisSeatAuthority]:
    """The real authority of an installation with keys."""
    authority = RedisSeatAuthority.connect(server.url, time_limit_seconds=20, keys=KEYS)
    await authority.note_provisioned()
    yield authority
    await authority.close()


@pytest.fixture
async def pool(seats: RedisSeatAuthority) -> Pool:
    """A pool of two seats."""
    return await make_pool(seats)


@pytest.fixture
async def holder(start_endpoint: StartEndpoint, seats: RedisSeatAuthority, pool: Pool) -> EndpointClient:
    """A client with the key of `pool`."""
    settings = EndpointSettings()
    return (await start_endpoint(seats, settings, keys=KEYS)).client.with_key(pool.key.text)


@pytest.mark.behaviour(10, 11)
async def test_after_a_flush_holders_come_back_and_a_newcomer_waits(
    holder: EndpointClient, seats: RedisSeatAuthority, pool: Pool, server: Valkey
) -> None:
    """P6"""
    first, second = await holder.acquire(HOLDER), await holder.acquire(OTHER, nonce="run 1")
    async with Redis.from_url(server.url) as redis:
        await redis.flushall()
    gone = await holder.ask("PATCH", f"{SESSIONS}/{first.body['session_id']}/heartbeat", {"fence": 1})
    assert (gone.status, gone.code) == (503, "recovering")

    await seats.configure(pool.uid, replace(pool.config, epoch=2), term=2)
    await seats.note_provisioned()
    newcomer = await holder.acquire("ef" * 32)
    assert (newcomer.status, newcomer.code) == (503, "recovering")
    shown = {"fence": first.body["fence"], "lease": first.body["lease"]}
    back = await holder.ask("PATCH", f"{SESSIONS}/{first.body['session_id']}/heartbeat", shown)
    assert (back.status, back.code) == (200, "ok")
    restarted = await holder.acquire(OTHER, nonce="run 2", lease=second.body["lease"])
    assert restarted.status == 201
    assert restarted.body["taken_over"]
    assert restarted.body["fence"] > second.body["fence"]
    assert restarted.body["session_id"] == second.body["session_id"]
    assert restarted.body["seats"] == {"capacity": 2, "used": 2, "free": 0}


@pytest.mark.behaviour(11)
async def test_an_acquire_that_shows_a_newer_fence_than_it_would_get_starts_a_recovery(
    holder: EndpointClient, seats: RedisSeatAuthority, pool: Pool
) -> None:
    """An old copy was restored unnoticed, and fences would go back."""
    old = await holder.acquire(HOLDER)
    lease = KEYS.verify(old.body["lease"], pool.uid)
    assert lease is not None
    newer = KEYS.sign(replace(lease, fence=type(lease.fence)(lease.fence + 10)))
    await seats.remove(pool.uid)
    await seats.configure(pool.uid, pool.config, term=2)
    again = await holder.acquire(HOLDER, nonce="run 2", lease=newer)
    assert again.status == 201
    assert again.body["fence"] > lease.fence + 10
    assert (await holder.acquire(OTHER)).code == "recovering"
