"""Seats that are taken away, over HTTP and with a real authority."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.domain.seats import Millis, PoolState
from tests.endpoint.conftest import StartEndpoint
from tests.endpoint.endpoint_client import SESSIONS, Answer, EndpointClient
from tests.endpoint.pools import LEASE, Pool, make_pool

KEYS = InstallationKeys([bytes(32)])
OTHER = "cd" * 32
DAY = 86_400_000


class Counter:
    """A pool of two seats that lends both for a day."""

    def __init__(self, pool: Pool, client: EndpointClient) -> None:
        self.pool = pool
        self.client = client

    async def seat(self, **fields: Any) -> tuple[str, int]:
        answer = await self.client.acquire(**fields)
        assert answer.status == 201, answer
        return answer.body["session_id"], answer.body["fence"]

    async def borrow(self, seat: tuple[str, int], **fields: float) -> Answer:
        return await self.client.ask("POST", f"{SESSIONS}/{seat[0]}/borrow", {"fence": seat[1], **fields})

    async def give_back(self, seat: tuple[str, int]) -> Answer:
        return await self.client.ask("POST", f"{SESSIONS}/{seat[0]}/return", {"fence": seat[1]})


@pytest.fixture
async def counter(start_endpoint: StartEndpoint, redis_url: str) -> AsyncIterator[Counter]:
    seats = RedisSeatAuthority.connect(redis_url, time_limit_seconds=20.0)
    await seats.note_provisioned()
    pool = await make_pool(seats)
    await pool.configure(borrow_seats=2, borrow_longest=Millis(DAY))
    running = await start_endpoint(seats, keys=KEYS)
    yield Counter(pool, running.client.with_key(pool.key.text))
    await seats.close()


async def test_a_seat_goes_away_with_a_lease_that_is_signed_until_it_is_back(counter: Counter) -> None:
    seat = await counter.seat(quantity=2, nonce="run")
    answer = await counter.borrow(seat, seconds=36_000)
    assert (answer.status, answer.code) == (200, "borrowed")
    told = answer.body
    assert (told["session_id"], told["fence"], told["borrowed_for"]) == (*seat, 36_000.0)
    assert (told["quantity"], told["seats"]) == (2, {"capacity": 2, "used": 2, "free": 0})
    lease = KEYS.verify(told["lease"], counter.pool.uid)
    assert lease is not None
    assert lease.valid_until - lease.issued_at == 36_000_000
    assert (lease.lease_id, lease.fence, lease.quantity) == (*seat, 2)
    assert told["borrowed_until"].endswith("Z")
    # Asking again with less leaves it as long as it is.
    again = await counter.borrow(seat, seconds=1)
    assert 35_900 < again.body["borrowed_for"] <= 36_000


async def test_what_is_borrowed_is_not_free_for_others(counter: Counter) -> None:
    await counter.borrow(await counter.seat(quantity=2))
    refused = await counter.client.acquire(hardware_id=OTHER)
    assert (refused.status, refused.code) == (409, "pool_exhausted")
    assert refused.body["retry_after"] > 86_000


async def test_a_seat_that_is_brought_back_floats_again(counter: Counter) -> None:
    seat = await counter.seat()
    away = (await counter.borrow(seat)).body["lease"]
    await counter.give_back(seat)
    for back in (await counter.give_back(seat), await counter.give_back(seat)):
        assert (back.status, back.code) == (200, "returned")
        assert 0 < back.body["expires_in"] <= LEASE / 1000
        assert 0 < back.body["next_heartbeat_in"] <= LEASE / 3000
    returned = (await counter.give_back(seat)).body["lease"]
    new, old = (KEYS.verify(text, counter.pool.uid) for text in (returned, away))
    assert new is not None
    assert old is not None
    assert new.valid_until < old.valid_until
    assert (await counter.client.heartbeat(*seat)).code == "ok"
    assert (await counter.client.release(*seat)).code == "released"
    assert ((await counter.give_back(seat)).status, (await counter.borrow(seat)).status) == (410, 410)


async def test_a_heartbeat_does_not_shorten_what_is_signed_for_the_time_away(counter: Counter) -> None:
    await counter.pool.configure(signed_for=Millis(1))
    seat = await counter.seat()
    away = (await counter.borrow(seat)).body["lease"]
    lease = KEYS.verify(away, counter.pool.uid)
    assert lease is not None
    # It was signed long ago, so the heartbeat makes a new one.
    old = KEYS.sign(replace(lease, issued_at=Millis(lease.issued_at - 2 * DAY)))
    answer = await counter.client.ask(
        "PATCH", f"{SESSIONS}/{seat[0]}/heartbeat", {"fence": seat[1], "lease": old}
    )
    renewed = KEYS.verify(answer.body["lease"], counter.pool.uid)
    assert renewed is not None
    assert renewed.valid_until == lease.valid_until


async def test_a_refusal_says_what_could_be_borrowed(counter: Counter) -> None:
    seat = await counter.seat()
    longer = await counter.borrow(seat, seconds=86_401)
    assert (longer.status, longer.code) == (409, "borrow_limit")
    assert "24.0 hours at most" in longer.body["detail"]
    await counter.pool.configure(borrow_seats=1)
    await counter.borrow(seat)
    more = await counter.borrow(await counter.seat(hardware_id=OTHER))
    assert (more.status, more.code) == (409, "borrow_limit")
    assert more.body["detail"].startswith("0 seats of this pool can still be borrowed.")
    await counter.pool.configure(borrow_seats=0)
    none = await counter.borrow(seat)
    assert (none.status, none.code) == (409, "borrow_limit")
    assert "spec.borrow" in none.body["detail"]


async def test_a_borrowed_lease_keeps_its_number_of_seats(counter: Counter) -> None:
    seat = await counter.seat()
    await counter.borrow(seat)
    refused = await counter.client.acquire(quantity=2)
    assert (refused.status, refused.code) == (409, "borrowed")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"state": PoolState.SUSPENDED}, 403, "suspended"),
        ({"valid_until": Millis(1)}, 403, "expired"),
        ({"drain": True}, 409, "draining"),
        ({"epoch": 2}, 503, "recovering"),
    ],
)
async def test_a_pool_that_is_closed_lends_nothing(
    counter: Counter, changes: dict[str, Any], status: int, code: str
) -> None:
    seat = await counter.seat()
    await counter.pool.configure(**changes)
    answer = await counter.borrow(seat)
    assert (answer.status, answer.code) == (status, code)
    assert answer.body["detail"][-1] == "."


async def test_a_lease_that_is_not_held_is_neither_lent_nor_taken_back(counter: Counter) -> None:
    lease_id, fence = await counter.seat()
    for seat, status, code in (
        (("ab" * 16, fence), 404, "unknown_session"),
        ((lease_id, fence + 1), 409, "stale_fence"),
    ):
        for call in (counter.borrow, counter.give_back):
            answer = await call(seat)
            assert (answer.status, answer.code) == (status, code)
    strange = counter.client.with_key("LIC-" + "A" * 40)
    for word in ("borrow", "return"):
        answer = await strange.ask("POST", f"{SESSIONS}/{lease_id}/{word}", {"fence": fence})
        assert (answer.status, answer.code) == (401, "invalid_license")


@pytest.mark.parametrize("seconds", [0, -1, "10", 1e12])
async def test_a_time_that_is_none_is_refused(counter: Counter, seconds: Any) -> None:
    answer = await counter.borrow(await counter.seat(), seconds=seconds)
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert answer.body["errors"][0]["field"] == "seconds"
