"""Looking at a licence with either client, in front of a real endpoint; and what is no verdict."""

import asyncio
import secrets
from typing import Any

import pytest

from seatwarden.client import (
    Client,
    EndpointUnavailable,
    Licence,
    LicenceGroup,
    LicenceRefused,
    RequestRefused,
    SetupError,
)
from seatwarden.client.answers import read_answer
from seatwarden.client.licence import licence_of
from seatwarden.domain.licence_key import SECRET_BYTES, new_licence_key
from seatwarden.domain.seats import SeatGroup
from tests.client.stand import HOLDER, Stand


async def test_both_clients_learn_in_one_call_what_is_in_the_way(stand: Stand) -> None:
    groups = {"render": SeatGroup(reserved=1, limit=1)}
    await stand.pool.configure(version_max="4", groups=groups)
    sync, concurrent = stand.client(), stand.async_client()
    asked: dict[str, Any] = {"client_version": "4.9", "group": "render", "feature": "export"}
    async with concurrent.hold(holder=HOLDER, client_version="4.1", group="render") as seat:
        both = [
            await asyncio.to_thread(lambda: sync.validate(session=seat.session, **asked)),
            await concurrent.validate(holder=HOLDER, **asked),
        ]
    assert both[0] == both[1]
    assert (both[0].valid, both[0].code, both[0].plan, both[0].entitled) == (True, "ok", "Team", True)
    assert (both[0].capacity, both[0].used, both[0].valid_for, both[0].days_left) == (1, 1, None, None)
    assert (both[0].version_admitted, both[0].versions) == (True, "up to 4")
    assert both[0].group == LicenceGroup(name="render", entitled=True, reserved=1, limit=1, used=1)
    gone = await concurrent.validate(holder=HOLDER)
    assert (gone.valid, gone.code, gone.version_admitted, gone.group) == (False, "released", None, None)
    assert (await concurrent.validate(client_version="5")).code == "version_blocked"
    assert (await concurrent.validate(group="film")).code == "not_entitled"
    assert (await concurrent.validate()).valid


async def test_what_is_no_verdict_is_raised_by_its_kind(stand: Stand) -> None:
    other = Client(
        stand.url, license_key=new_licence_key(stand.pool.uid, secrets.token_bytes(SECRET_BYTES)).text
    )
    stand.closing.callback(other.close)
    with pytest.raises(LicenceRefused, match="No pool accepts"):
        await asyncio.to_thread(other.validate)
    with pytest.raises(RequestRefused):
        await stand.async_client().validate(feature="two words")
    with pytest.raises(SetupError):
        await stand.async_client().validate(holder="short")
    await stand.stop()
    with pytest.raises(EndpointUnavailable):
        await stand.async_client().validate()


@pytest.mark.parametrize("content", [b"{}", b'{"code": "ok"}', b'{"code": "ok", "valid": 1}', b"<html>"])
def test_a_good_status_alone_makes_no_licence(content: bytes) -> None:
    with pytest.raises(EndpointUnavailable):
        licence_of(read_answer(200, {}, content))


def test_what_an_older_or_newer_endpoint_leaves_out_is_not_known() -> None:
    found = licence_of(
        read_answer(200, {}, b'{"code": "ok", "valid": true, "group": 3, "seats": [], "new": 1}')
    )
    assert found == Licence(valid=True, code="ok")
