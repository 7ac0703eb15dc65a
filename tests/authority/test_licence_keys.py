"""Licence keys at the authority, beside the scenes in `tests.authority.mutants.keys`."""

import hashlib
from typing import Any

import pytest

from seatwarden.domain.seats import Beat, Code, Grant, Millis, SessionPage
from tests.authority.desk import KEY, Desk, holder
from tests.authority.mutants.keys import BOTH, OLD


async def test_a_dead_key_opens_nothing_at_all_and_is_answered_like_one_that_never_was(desk: Desk) -> None:
    grant = await desk.seat(1)
    await desk.configure(key_ids=BOTH, keys_die={OLD: Millis(await desk.now())})
    answers = []
    for key in (OLD, "0" * 64):
        beat = Beat(lease_id=grant.lease_id, fence=grant.fence)
        answers.append(
            [
                await desk.ask(2, key_hash=key),
                await desk.authority.heartbeat(desk.pool, key, [beat]),
                await desk.authority.release(desk.pool, key, beat),
                await desk.authority.validate(desk.pool, key, holder=holder(1)),
                await desk.authority.sessions(desk.pool, key, limit=5, cursor=None),
            ]
        )

    assert answers[0] == answers[1]
    assert (await desk.beat(grant)).code is Code.OK


async def test_many_rotations_leave_nothing_behind(desk: Desk) -> None:
    keys = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(20)]
    for key in keys:
        await desk.configure(key_ids={key: key[:10]})
        assert isinstance(await desk.ask(1, key_hash=key), Grant)
    fields: Any = await desk.redis.hkeys(desk.keys.state)
    assert [name for name in fields if name.startswith(b"use:")] == [f"use:{keys[-1][:10]}".encode()]


@pytest.mark.parametrize("notes", [{}, {"client_version": "2.1", "metadata": '{"seat":"4b"}'}])
async def test_a_session_shows_the_key_by_which_it_was_last_acquired(
    desk: Desk, notes: dict[str, str]
) -> None:
    await desk.configure(key_ids=BOTH)
    shown = []
    for key in (OLD, KEY):
        await desk.seat(1, key_hash=key, **notes)
        page = await desk.authority.sessions(desk.pool, KEY, limit=5, cursor=None)
        assert isinstance(page, SessionPage)
        shown += [row.key_id for row in page.rows]
    assert shown == [OLD[:10], KEY[:10]]
