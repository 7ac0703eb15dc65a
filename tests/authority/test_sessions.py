"""The list of live leases, page by page."""

import asyncio

import pytest

from seatwarden.domain.seats import SessionPage, SessionRow
from tests.authority.desk import HOUR, KEY, Desk, holder


async def _pages(desk: Desk, limit: int) -> list[list[SessionRow]]:
    pages, cursor = [], None
    while True:
        page = await desk.authority.sessions(desk.pool, KEY, limit=limit, cursor=cursor)
        assert isinstance(page, SessionPage)
        pages.append(list(page.rows))
        cursor = page.cursor
        if cursor is None:
            return pages


async def test_a_session_shows_what_its_client_said(desk: Desk) -> None:
    grant = await desk.seat(1, client_version="2.4.1-ß", metadata='{"host":"änne"}')
    [[row]] = await _pages(desk, 10)
    assert (row.lease_id, row.holder, row.fence) == (grant.lease_id, holder(1), grant.fence)
    assert (row.client_version, row.metadata) == ("2.4.1-ß", '{"host":"änne"}')
    assert 0 < row.expires_in <= HOUR
    assert row.acquired_at <= await desk.now()


async def test_a_client_that_said_nothing_shows_the_defaults(desk: Desk) -> None:
    await desk.seat(1)
    [[row]] = await _pages(desk, 10)
    assert (row.client_version, row.metadata) == ("", "{}")


async def test_a_take_over_keeps_since_when_the_seat_is_held_and_shows_the_new_run(desk: Desk) -> None:
    await desk.seat(1, nonce="a", client_version="1")
    [[before]] = await _pages(desk, 10)
    await desk.until(await desk.now() + 3)
    await desk.seat(1, nonce="b", client_version="2")
    [[after]] = await _pages(desk, 10)
    assert (after.acquired_at, after.client_version) == (before.acquired_at, "2")


@pytest.mark.parametrize("limit", [1, 3, 7, 10, 23, 24])
async def test_pages_show_each_live_lease_once_in_order_of_expiry(desk: Desk, limit: int) -> None:
    await desk.configure(capacity=30)
    grants = await asyncio.gather(*(desk.seat(number) for number in range(26)))
    # Three groups of equal expiry, since that is where a cursor can lose or repeat one; and three expired.
    now = await desk.now()
    for at, grant in enumerate(grants):
        instant = now - 1 if at >= 23 else now + 60_000 + at // 9
        await desk.redis.zadd(desk.keys.expiry, {bytes.fromhex(grant.lease_id): instant})
    pages = await _pages(desk, limit)
    rows = [row for page in pages for row in page]
    assert sorted(row.lease_id for row in rows) == sorted(grant.lease_id for grant in grants[:23])
    assert all(len(page) == limit for page in pages[:-1])
    order = {grant.lease_id: at // 9 for at, grant in enumerate(grants)}
    assert [order[row.lease_id] for row in rows] == sorted(order[row.lease_id] for row in rows)


async def test_an_empty_pool_has_one_empty_page(desk: Desk) -> None:
    assert await _pages(desk, 10) == [[]]


async def test_a_cursor_whose_leases_have_expired_goes_on_with_the_living(desk: Desk) -> None:
    await desk.configure(capacity=4)
    grants = [await desk.seat(number) for number in range(4)]
    now = await desk.now()
    for at, grant in enumerate(grants):
        await desk.redis.zadd(desk.keys.expiry, {bytes.fromhex(grant.lease_id): now + 60_000 + at // 2})
    page = await desk.authority.sessions(desk.pool, KEY, limit=1, cursor=None)
    assert isinstance(page, SessionPage)
    await desk.run_out(*grants[:2])
    rest = await desk.authority.sessions(desk.pool, KEY, limit=10, cursor=page.cursor)
    assert isinstance(rest, SessionPage)
    assert {row.lease_id for row in rest.rows} == {grant.lease_id for grant in grants[2:]}


@pytest.mark.parametrize("cursor", ["", "x", "not a cursor", "MTIz", "ü", "LTEuMA", "MS4tMQ"])
async def test_a_cursor_that_was_never_given_is_refused(desk: Desk, cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor was not given"):
        await desk.authority.sessions(desk.pool, KEY, limit=10, cursor=cursor)


@pytest.mark.parametrize("limit", [0, -1, 501])
async def test_a_page_has_one_to_five_hundred_sessions(desk: Desk, limit: int) -> None:
    with pytest.raises(ValueError, match="1 to 500"):
        await desk.authority.sessions(desk.pool, KEY, limit=limit, cursor=None)


async def test_a_lease_that_stays_is_not_skipped_when_its_equals_are_renewed(desk: Desk) -> None:
    await desk.configure(capacity=10)
    grants = {grant.lease_id: grant for grant in [await desk.seat(number) for number in range(10)]}
    instant = await desk.now() + 60_000
    for lease_id in grants:
        await desk.redis.zadd(desk.keys.expiry, {bytes.fromhex(lease_id): instant})
    page = await desk.authority.sessions(desk.pool, KEY, limit=4, cursor=None)
    assert isinstance(page, SessionPage)
    for row in page.rows:
        await desk.beat(grants[row.lease_id])
    rest = await desk.authority.sessions(desk.pool, KEY, limit=10, cursor=page.cursor)
    assert isinstance(rest, SessionPage)
    assert [row.lease_id for row in rest.rows[:6]] == sorted(
        set(grants) - {row.lease_id for row in page.rows}
    )
