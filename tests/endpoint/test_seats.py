"""Client programs over HTTP, the real authority, and a real Valkey below it."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.domain.licence_key import new_licence_key
from seatwarden.domain.seats import Millis, PoolState, SeatGroup
from tests.endpoint.conftest import StartEndpoint
from tests.endpoint.endpoint_client import BULK, HOLDER, POOL, SESSIONS, VALIDATE, Answer, EndpointClient
from tests.endpoint.pools import Pool, make_pool
from tests.endpoint.scripted_authority import LEASE_ID

SHORT = Millis(50)
# Here time limits are beside the point, and a busy machine must not turn a verdict into a 503.
PATIENT = 20.0
DEVICES = "/api/v1/licenses/devices"


@pytest.fixture
async def seats(redis_url: str) -> AsyncIterator[RedisSeatAuthority]:
    """The real authority."""
    authority = RedisSeatAuthority.connect(redis_url, time_limit_seconds=PATIENT)
    await authority.note_provisioned()
    yield authority
    await authority.close()


@pytest.fixture
async def pool(seats: RedisSeatAuthority) -> Pool:
    """A pool of two seats."""
    return await make_pool(seats)


@pytest.fixture
async def anyone(start_endpoint: StartEndpoint, seats: RedisSeatAuthority) -> EndpointClient:
    """A client whose key no pool knows."""
    return (await start_endpoint(seats)).client


@pytest.fixture
def holder(anyone: EndpointClient, pool: Pool) -> EndpointClient:
    """A client with the key of `pool`."""
    return anyone.with_key(pool.key.text)


def _holder_id() -> str:
    return secrets.token_hex(32)


def _lease(answer: Answer) -> tuple[str, int]:
    assert answer.status in {200, 201}
    return answer.body["session_id"], answer.body["fence"]


async def test_the_life_of_a_seat(holder: EndpointClient) -> None:
    granted = await holder.acquire(nonce="run-1", client_version="3.1", metadata={"user": "ada"})
    assert (granted.status, granted.code) == (201, "granted")
    assert granted.body["seats"] == {"capacity": 2, "used": 1, "free": 1}
    assert 59 < granted.body["expires_in"] <= 60
    assert granted.body["next_heartbeat_in"] == 19.0
    lease = _lease(granted)

    beat = await holder.heartbeat(*lease)
    assert (beat.status, beat.code, beat.body["expires_in"]) == (200, "ok", 59.999)

    released = await holder.release(*lease)
    assert (released.status, released.code) == (200, "released")
    again = await holder.release(*lease)
    assert (again.status, again.code) == (200, "already_released")
    late = await holder.heartbeat(*lease)
    assert (late.status, late.code) == (410, "released")


async def test_a_client_that_lost_the_answer_gets_the_same_lease(holder: EndpointClient) -> None:
    first, second = [await holder.acquire(nonce="run-1") for _ in range(2)]
    assert (second.status, second.code) == (200, "existing")
    assert _lease(first) == _lease(second)
    assert second.body["seats"]["used"] == 1


async def test_a_new_run_takes_its_holders_seat_over_and_the_old_fence_is_dead(
    holder: EndpointClient,
) -> None:
    old = _lease(await holder.acquire(nonce="run-1"))
    taken = await holder.acquire(nonce="run-2")
    assert (taken.status, taken.body["taken_over"], taken.body["seats"]["used"]) == (201, True, 1)
    new = _lease(taken)
    assert new[1] > old[1]
    for answer in (await holder.heartbeat(*old), await holder.release(*old)):
        assert (answer.status, answer.code) in {(409, "stale_fence"), (404, "unknown_session")}
    assert (await holder.heartbeat(*new)).code == "ok"


async def test_a_stale_fence_is_409_to_heartbeat_and_release(holder: EndpointClient) -> None:
    lease_id, fence = _lease(await holder.acquire())
    for answer in (await holder.heartbeat(lease_id, fence - 1), await holder.release(lease_id, fence - 1)):
        assert (answer.status, answer.code) == (409, "stale_fence")
    assert (await holder.heartbeat(lease_id, fence)).code == "ok"


async def test_a_full_pool_refuses_with_numbers_and_a_wait(holder: EndpointClient) -> None:
    for _ in range(2):
        await holder.acquire(_holder_id())
    refused = await holder.acquire(_holder_id())
    assert (refused.status, refused.code) == (409, "pool_exhausted")
    assert (refused.body["capacity"], refused.body["used"]) == (2, 2)
    assert 0 < refused.body["retry_after"] <= 60
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


async def test_a_lease_that_ran_out_is_410_and_its_seat_is_free(
    anyone: EndpointClient, seats: RedisSeatAuthority
) -> None:
    client = anyone.with_key((await make_pool(seats, seats=1, lease=SHORT)).key.text)
    lease = _lease(await client.acquire(_holder_id()))
    # Until the seat is given again, a machine that stands still for an outage's length may prolong the lease.
    while (next_one := await client.acquire(_holder_id())).status != 201:  # seen from outside only
        assert next_one.code == "pool_exhausted"
        await asyncio.sleep(0.005)
    late = await client.heartbeat(*lease)
    assert (late.status, late.code) == (410, "lease_expired")


async def test_a_suspended_pool_gives_no_seat_and_tells_holders_how_long_they_have(
    holder: EndpointClient, pool: Pool
) -> None:
    lease = _lease(await holder.acquire())
    await pool.configure(state=PoolState.SUSPENDED)
    refused = await holder.acquire(_holder_id())
    assert (refused.status, refused.code) == (403, "suspended")
    beat = await holder.heartbeat(*lease)
    assert (beat.status, beat.code) == (200, "suspended")
    assert 0 < beat.body["expires_in"] <= 60
    verdict = await holder.ask("POST", VALIDATE, {})
    assert (verdict.status, verdict.body["valid"], verdict.code) == (200, False, "suspended")
    await pool.configure(state=PoolState.ACTIVE)
    assert (await holder.heartbeat(*lease)).code == "ok"


async def test_an_expired_licence_gives_no_seat(anyone: EndpointClient, seats: RedisSeatAuthority) -> None:
    client = anyone.with_key((await make_pool(seats, valid_until=Millis(1))).key.text)
    refused = await client.acquire()
    assert (refused.status, refused.code) == (403, "expired")
    verdict = await client.ask("GET", POOL)
    assert (verdict.code, verdict.body["valid_for_seconds"]) == ("expired", 0.0)


async def test_bulk_heartbeats_say_for_each_session_what_a_single_one_would(holder: EndpointClient) -> None:
    mine = _lease(await holder.acquire(_holder_id()))
    gone = _lease(await holder.acquire(_holder_id()))
    await holder.release(*gone)
    sessions = [(mine[0], mine[1] - 1), mine, (LEASE_ID, 1), gone]
    answer = await holder.ask("POST", BULK, {"sessions": [{"id": i, "fence": f} for i, f in sessions]})
    assert [item["session_id"] for item in answer.body["sessions"]] == [i for i, _ in sessions]
    said = [item["code"] for item in answer.body["sessions"]]
    assert said == ["stale_fence", "ok", "unknown_session", "released"]
    assert said == [(await holder.heartbeat(*session)).code for session in sessions]
    assert answer.body["next_heartbeat_in"] == 19.0


async def test_a_thousand_heartbeats_fit_in_one_call(holder: EndpointClient, pool: Pool) -> None:
    await pool.configure(capacity=1000)
    leases = await asyncio.gather(*(_acquired(holder) for _ in range(1000)))
    answer = await holder.ask("POST", BULK, {"sessions": [{"id": i, "fence": f} for i, f in leases]})
    assert Counter(item["code"] for item in answer.body["sessions"]) == {"ok": 1000}


async def _acquired(client: EndpointClient) -> tuple[str, int]:
    return _lease(await client.acquire(_holder_id()))


async def test_release_takes_its_fence_from_the_query_too(holder: EndpointClient) -> None:
    lease_id, fence = _lease(await holder.acquire())
    answer = await holder.ask("DELETE", f"{SESSIONS}/{lease_id}?fence={fence}")
    assert (answer.status, answer.code) == (200, "released")


async def test_validate_by_holder_and_by_session_agree(holder: EndpointClient) -> None:
    lease_id, _ = _lease(await holder.acquire())
    by_holder = await holder.ask("POST", VALIDATE, {"hardware_id": HOLDER})
    by_session = await holder.ask("POST", VALIDATE, {"session_id": lease_id})
    for answer in (by_holder, by_session):
        assert (answer.body["valid"], answer.code, answer.body["session"]["session_id"]) == (
            True,
            "ok",
            lease_id,
        )
        assert (answer.body["plan"], answer.body["entitlements"]) == ("Team", {"export": True, "projects": 3})


async def test_validate_says_in_one_call_whether_a_feature_may_be_used_with_the_seat(
    holder: EndpointClient,
) -> None:
    lease_id, _ = _lease(await holder.acquire())
    asked = [
        await holder.ask("POST", VALIDATE, {"session_id": lease_id, "feature": feature})
        for feature in ("export", "render")
    ]
    assert [(answer.status, answer.code, answer.body["valid"]) for answer in asked] == [
        (200, "ok", True),
        (200, "not_entitled", False),
    ]
    assert all(answer.body["session"]["session_id"] == lease_id for answer in asked)


async def test_validate_says_in_one_call_what_would_be_refused_and_what_the_group_has(
    holder: EndpointClient, pool: Pool
) -> None:
    members = frozenset({HOLDER})
    await pool.configure(version_max="4", groups={"render": SeatGroup(reserved=1, limit=2, members=members)})
    mine = {"name": "render", "entitled": True, "reserved": 1, "limit": 2, "used": 0}
    for asked, code, group in (
        ({"client_version": "5"}, "version_blocked", None),
        ({"client_version": "4.9", "group": "render"}, "ok", mine),
        (
            {"group": "film"},
            "not_entitled",
            mine | {"name": "film", "entitled": False, "reserved": 0, "limit": None},
        ),
        ({"hardware_id": HOLDER, "group": "film"}, "unknown_session", mine),
        ({"group": "render", "feature": "fly"}, "not_entitled", mine),
    ):
        answer = await holder.ask("POST", VALIDATE, asked)
        assert (answer.status, answer.code, answer.body["valid"]) == (200, code, code == "ok")
        assert answer.body["group"] == group
    assert (await holder.ask("POST", VALIDATE, {"client_version": "5"})).body["version"] == {
        "admitted": False,
        "window": "up to 4",
    }


async def test_the_key_of_a_group_takes_seats_of_that_group_and_shows_nothing_of_the_others(
    holder: EndpointClient, pool: Pool
) -> None:
    own = new_licence_key(pool.uid, secrets.token_bytes(20))
    keys = {pool.key.sha256: pool.key.key_id, own.sha256: own.key_id}
    await pool.configure(key_ids=keys, key_groups={own.sha256: "render"}, groups={"render": SeatGroup()})
    render = holder.with_key(own.text)
    assert (await render.acquire(group="film")).body["group"] == "render"
    assert (await holder.ask("GET", SESSIONS)).body["sessions"][0]["group"] == "render"
    for method, path in (("GET", SESSIONS), ("GET", DEVICES), ("DELETE", f"{DEVICES}/{HOLDER}")):
        answer = await render.ask(method, path)
        assert (answer.status, answer.code) == (403, "not_entitled")


@pytest.mark.parametrize("named", [{"hardware_id": HOLDER}, {"session_id": LEASE_ID}])
async def test_validate_of_a_lease_that_is_not_is_a_verdict_not_an_error(
    holder: EndpointClient, named: dict[str, str]
) -> None:
    answer = await holder.ask("POST", VALIDATE, named)
    assert (answer.status, answer.body["valid"], answer.code) == (200, False, "unknown_session")


async def test_the_pool_tells_how_full_it_is(holder: EndpointClient) -> None:
    await holder.acquire()
    answer = await holder.ask("GET", POOL)
    assert (answer.status, answer.code, answer.body["plan"]) == (200, "ok", "Team")
    assert answer.body["seats"] == {"capacity": 2, "used": 1, "free": 1}


async def test_a_pool_made_smaller_reports_no_negative_seats(holder: EndpointClient, pool: Pool) -> None:
    for _ in range(2):
        await holder.acquire(_holder_id())
    await pool.configure(capacity=1)
    answer = await holder.ask("GET", POOL)
    assert answer.body["seats"] == {"capacity": 1, "used": 2, "free": 0}


async def test_sessions_are_listed_page_by_page(holder: EndpointClient, pool: Pool) -> None:
    await pool.configure(capacity=25)
    for number in range(25):
        await holder.acquire(_holder_id(), client_version=f"1.{number}", metadata={"n": number})
    seen, cursor = [], ""
    while True:
        page = await holder.ask("GET", f"{SESSIONS}?limit=10{cursor}")
        seen += page.body["sessions"]
        if page.body["next_cursor"] is None:
            break
        cursor = f"&cursor={page.body['next_cursor']}"
    assert sorted(row["metadata"]["n"] for row in seen) == list(range(25))
    assert len({row["session_id"] for row in seen}) == 25
    assert all("fence" not in row for row in seen)


async def test_a_cursor_that_the_server_did_not_give_is_400(holder: EndpointClient) -> None:
    answer = await holder.ask("GET", f"{SESSIONS}?cursor=forged")
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "cursor")


async def test_the_keys_of_two_tenants_see_nothing_of_each_other(
    anyone: EndpointClient, seats: RedisSeatAuthority, pool: Pool
) -> None:
    other = await make_pool(seats)
    mine, theirs = anyone.with_key(pool.key.text), anyone.with_key(other.key.text)
    lease_id, fence = _lease(await theirs.acquire())

    foreign = await mine.heartbeat(lease_id, fence)
    unknown = await mine.heartbeat(LEASE_ID, fence)
    assert foreign.status == unknown.status == 404
    assert foreign.body == unknown.body

    assert (await mine.release(lease_id, fence)).body == (await mine.release(LEASE_ID, fence)).body
    for named in ({"session_id": lease_id}, {"hardware_id": HOLDER}):
        assert (await mine.ask("POST", VALIDATE, named)).code == "unknown_session"
    bulk = await mine.ask("POST", BULK, {"sessions": [{"id": lease_id, "fence": fence}]})
    assert bulk.body["sessions"][0]["code"] == "unknown_session"
    assert (await mine.ask("GET", SESSIONS)).body["sessions"] == []
    assert (await theirs.heartbeat(lease_id, fence)).code == "ok"


async def test_a_wrong_key_is_401_for_each_call_and_tells_nothing_of_the_pool(
    anyone: EndpointClient, pool: Pool
) -> None:
    """A forged key of a pool that is, one of a pool that is not, and one that is malformed: all the same."""
    forged = anyone.with_key(new_licence_key(pool.uid, bytes(20)).text)
    calls: list[Callable[[EndpointClient], Awaitable[Answer]]] = [
        lambda client: client.acquire(),
        lambda client: client.heartbeat(LEASE_ID, 1),
        lambda client: client.release(LEASE_ID, 1),
        lambda client: client.ask("POST", BULK, {"sessions": [{"id": LEASE_ID, "fence": 1}]}),
        lambda client: client.ask("POST", VALIDATE, {}),
        lambda client: client.ask("GET", POOL),
        lambda client: client.ask("GET", SESSIONS),
    ]
    for call in calls:
        answers = [await call(client) for client in (forged, anyone, anyone.with_key("LIC-bad"))]
        assert [answer.status for answer in answers] == [401, 401, 401]
        assert answers[0].body == answers[1].body == answers[2].body


async def test_a_rotated_key_stops_working_and_the_new_one_keeps_the_leases(
    holder: EndpointClient, anyone: EndpointClient, pool: Pool
) -> None:
    lease = _lease(await holder.acquire())
    new_key = new_licence_key(pool.uid, secrets.token_bytes(20))
    await pool.configure(key_ids={new_key.sha256: new_key.key_id})
    assert (await holder.heartbeat(*lease)).status == 401
    assert (await anyone.with_key(new_key.text).heartbeat(*lease)).code == "ok"


async def test_a_hundred_clients_at_once_get_just_the_seats_that_there_are(
    holder: EndpointClient, pool: Pool
) -> None:
    await pool.configure(capacity=40)
    answers = await asyncio.gather(*(holder.acquire(_holder_id()) for _ in range(100)))
    assert Counter(answer.code for answer in answers) == {"granted": 40, "pool_exhausted": 60}
    assert len({_lease(answer)[0] for answer in answers if answer.status == 201}) == 40
    assert (await holder.ask("GET", POOL)).body["seats"] == {"capacity": 40, "used": 40, "free": 0}


async def test_readiness_means_that_redis_answers(anyone: EndpointClient) -> None:
    assert (await anyone.ask("GET", "/readyz")).status == 200


async def test_a_program_of_another_version_is_told_which_ones_get_a_seat(
    holder: EndpointClient, pool: Pool
) -> None:
    await pool.configure(version_min="4.2", version_max="4")
    for version in ({"client_version": "5.0.0"}, {"client_version": "nightly"}, {}):
        refused = await holder.acquire(**version)
        assert (refused.status, refused.code) == (403, "version_blocked")
        assert "from 4.2 to 4" in refused.body["detail"]
    assert (await holder.acquire(client_version="4.2.7+linux")).status == 201


async def test_a_program_that_asks_too_often_is_told_to_wait_and_by_which_limit(
    holder: EndpointClient, pool: Pool
) -> None:
    await pool.configure(rate_holder=1)
    lease = _lease(await holder.acquire(nonce="run-1"))
    refused = await holder.acquire(nonce="run-1")
    assert (refused.status, refused.code) == (429, "rate_limited")
    wait = refused.headers["Retry-After"]
    assert 1 <= int(wait) <= 60
    assert refused.headers["RateLimit-Policy"] == '"perHolder";q=1;w=60'
    assert refused.headers["RateLimit"] == f'"perHolder";r=0;t={wait}'
    assert (await holder.heartbeat(*lease)).code == "ok"


async def test_the_devices_of_a_licence_are_listed_and_removed(holder: EndpointClient, pool: Pool) -> None:
    await pool.configure(device_limit=1, device_cooldown=Millis(3_600_000))
    mine, other = _holder_id(), _holder_id()
    lease = _lease(await holder.acquire(mine))
    refused = await holder.acquire(other)
    assert (refused.status, refused.code) == (403, "device_limit")
    listed = (await holder.ask("GET", DEVICES)).body
    assert [(one["hardware_id"], one["holds_seat"]) for one in listed["devices"]] == [(mine, True)]
    assert (listed["limit"], listed["removal_in"]) == (1, 0)

    in_use = await holder.ask("DELETE", f"{DEVICES}/{mine}")
    assert (in_use.status, in_use.code) == (409, "device_in_use")
    assert 1 <= int(in_use.headers["Retry-After"]) <= 60
    await holder.release(*lease)
    removed = await holder.ask("DELETE", f"{DEVICES}/{mine}")
    assert (removed.status, removed.code) == (200, "device_removed")
    again = await holder.ask("DELETE", f"{DEVICES}/{mine}")
    assert (again.status, again.code) == (404, "unknown_device")

    await holder.release(*_lease(await holder.acquire(other)))
    cooling = await holder.ask("DELETE", f"{DEVICES}/{other}")
    assert (cooling.status, cooling.code) == (429, "device_cooldown")
    assert 3500 < int(cooling.headers["Retry-After"]) <= 3600
    assert 3500 < (await holder.ask("GET", DEVICES)).body["removal_in"] <= 3600


async def test_devices_of_another_pool_are_nobodys_business(
    anyone: EndpointClient, holder: EndpointClient, pool: Pool
) -> None:
    await pool.configure(device_limit=1)
    mine = _holder_id()
    await holder.acquire(mine)
    for method, path in (("GET", DEVICES), ("DELETE", f"{DEVICES}/{mine}")):
        answer = await anyone.ask(method, path)
        assert (answer.status, answer.code) == (401, "invalid_license")
    for wrong in ("ab", "AB" * 32, "zz" * 32):
        answer = await holder.ask("DELETE", f"{DEVICES}/{wrong}")
        assert (answer.status, answer.code) == (400, "invalid_request")
