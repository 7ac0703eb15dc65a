"""A new licence key is in Redis before anybody can read it, and a rotation that cannot be finished changes nothing."""

import base64
from datetime import datetime

import pytest

from seatwarden.domain.licence_key import LicenceKey, parse_licence_key
from seatwarden.reconcilers.paths import secret_path
from seatwarden.resources.names import Kind
from tests.domain.objects import NAMESPACE, pool_body, uid_of
from tests.reconcilers.control_room import ControlRoom
from tests.reconcilers.virtual_time import until

POOL = uid_of("dev")
PLACE = secret_path(NAMESPACE, "dev-licence")
ROTATE = {"seatwarden.dev/rotate-licence-key-requested-at": "monday"}


@pytest.fixture
async def room() -> ControlRoom:
    return ControlRoom()


def key_in_secret(room: ControlRoom) -> LicenceKey:
    key = parse_licence_key(base64.b64decode(room.api.objects[PLACE]["data"]["licence-key"]).decode())
    assert key is not None
    return key


def ask(room: ControlRoom) -> None:
    """Somebody asks for a new key."""
    room.write(Kind.SEAT_POOL, pool_body(annotations=ROTATE))


async def test_the_new_key_is_in_redis_before_it_is_in_the_secret(room: ControlRoom) -> None:
    seen = []
    with room.at_work():
        room.customer()
        await until(30.0)
        old = key_in_secret(room)
        room.authority.written = lambda _: seen.append(
            (key_in_secret(room), room.authority.pools[POOL].config.key_ids)
        )
        ask(room)
        await until(60.0)

    new = key_in_secret(room)
    assert new != old
    assert seen == [(old, {new.sha256: new.key_id, old.sha256: old.key_id})]


async def test_the_old_key_dies_in_redis_in_the_instant_that_status_tells(room: ControlRoom) -> None:
    with room.at_work():
        room.customer()
        await until(30.0)
        old = key_in_secret(room)
        ask(room)
        await until(60.0)

    [active, overlapping] = room.status["licenceKeys"]
    assert (active["id"], overlapping["id"]) == (key_in_secret(room).key_id, old.key_id)
    dies_at = datetime.fromisoformat(overlapping["expiresAt"]).timestamp() * 1000
    assert room.authority.pools[POOL].config.keys_die == {old.sha256: dies_at}


async def test_while_redis_is_away_the_secret_keeps_the_key_that_works(room: ControlRoom) -> None:
    with room.at_work():
        room.customer()
        await until(30.0)
        old = key_in_secret(room)
        room.authority.calls_left = 0
        ask(room)
        await until(60.0)
        assert key_in_secret(room) == old
        assert "lastHandledRotateLicenceKeyAt" not in room.status

        room.authority.calls_left = None
        await until(600.0)
    assert key_in_secret(room) != old
    assert room.status["lastHandledRotateLicenceKeyAt"] == "monday"


async def test_a_secret_that_could_not_be_written_is_what_redis_goes_by_in_the_end(room: ControlRoom) -> None:
    with room.at_work():
        room.customer()
        await until(30.0)
        room.authority.written = lambda _: touch(room)
        ask(room)
        await until(32.0)
        room.authority.written = lambda _: None
        await until(600.0)

    new = key_in_secret(room)
    [overlapping] = [key["id"] for key in room.status["licenceKeys"] if key["state"] == "Overlapping"]
    assert set(room.authority.pools[POOL].config.key_ids.values()) == {new.key_id, overlapping}


def touch(room: ControlRoom) -> None:
    """Somebody writes the Secret, and changes nothing of ours."""
    room.api.put(PLACE, room.api.objects[PLACE])
