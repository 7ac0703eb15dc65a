"""Both clients fetch the licence document from a real endpoint, and keep it in a file for when there is none."""

import asyncio
import secrets
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from seatwarden.client import (
    Client,
    EndpointUnavailable,
    LicenceRefused,
    RequestRefused,
    SeatRefused,
)
from seatwarden.client.answers import Answer, silence
from seatwarden.client.document import LONGEST_DOCUMENT, document_of, kept_document, read_document
from seatwarden.domain.licence_key import SECRET_BYTES, new_licence_key
from tests.client.stand import Stand

FIRST, SECOND = "eyJh.Zmlyc3Q.c2ln", "eyJh.c2Vjb25k.c2ln"
JOSE = {"content-type": "application/jose"}
Fetch = Callable[[Path | None], Awaitable[str]]


@pytest.fixture(params=["sync", "async"])
def fetch(request: pytest.FixtureRequest, stand: Stand) -> Fetch:
    """`licence_document` of either client."""
    if request.param == "async":
        return stand.async_client().licence_document
    client = stand.client()
    return lambda file: asyncio.to_thread(client.licence_document, file)


async def say(stand: Stand, text: str) -> None:
    """The operator has signed this one."""
    said = stand.seats.documents()
    await said.say_licence("subscription", text, term=1)
    await said.say_subscription(stand.pool.uid, "subscription", term=1)


def names_in(folder: Path) -> list[str]:
    """What is in a folder: no half of a file stays behind."""
    return sorted(path.name for path in folder.iterdir())


async def test_it_is_what_was_signed_last(stand: Stand, fetch: Fetch) -> None:
    for text in (FIRST, SECOND):
        await say(stand, text)
        assert await fetch(None) == text


async def test_a_file_has_it_for_its_owner_only_and_is_written_where_it_changed(
    stand: Stand, fetch: Fetch, tmp_path: Path
) -> None:
    file = tmp_path / "licence.jws"
    await say(stand, FIRST)
    assert await fetch(file) == file.read_text() == FIRST
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    written = file.stat().st_ino
    assert await fetch(file) == FIRST
    assert file.stat().st_ino == written
    await say(stand, SECOND)
    assert await fetch(file) == file.read_text() == SECOND
    assert names_in(tmp_path) == [file.name]


async def test_without_a_network_it_is_taken_from_the_file(
    stand: Stand, fetch: Fetch, tmp_path: Path
) -> None:
    file = tmp_path / "licence.jws"
    await say(stand, FIRST)
    await fetch(file)
    await stand.stop()
    assert await fetch(file) == FIRST
    for none in (None, tmp_path / "another.jws"):
        with pytest.raises(EndpointUnavailable):
            await fetch(none)
    assert names_in(tmp_path) == [file.name]


async def test_where_there_is_none_yet_the_file_stays_and_the_code_says_so(
    stand: Stand, fetch: Fetch, tmp_path: Path
) -> None:
    file = tmp_path / "licence.jws"
    file.write_text(FIRST)
    with pytest.raises(RequestRefused) as refused:
        await fetch(file)
    assert refused.value.code == "no_license_document"
    assert file.read_text() == FIRST


async def test_who_has_no_key_gets_none(stand: Stand, tmp_path: Path) -> None:
    await say(stand, FIRST)
    stranger = new_licence_key(stand.pool.uid, secrets.token_bytes(SECRET_BYTES)).text
    with Client(stand.url, license_key=stranger) as client, pytest.raises(LicenceRefused):
        await asyncio.to_thread(client.licence_document, tmp_path / "licence.jws")
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    ("status", "headers", "content"),
    [
        pytest.param(200, {"content-type": "text/html"}, b"<html>Log in</html>", id="the page of a portal"),
        pytest.param(200, JOSE, b"<html>Log in</html>", id="a page that says it is one"),
        pytest.param(200, JOSE, b"", id="nothing"),
        pytest.param(200, JOSE, b"eyJh.Zmlyc3Q", id="two parts"),
        pytest.param(200, JOSE, "eyJh.Zmlyc3Q.ç".encode(), id="letters that it has not"),
        pytest.param(200, JOSE, b"a." * 2 + b"a" * LONGEST_DOCUMENT, id="too long"),
        pytest.param(200, {}, FIRST.encode(), id="of no type"),
        pytest.param(200, {"content-type": "application/json"}, b'{"code":"ok"}', id="another answer"),
        pytest.param(502, JOSE, FIRST.encode(), id="of a proxy's error"),
    ],
)
def test_what_is_no_document_is_no_answer_and_replaces_nothing(
    status: int, headers: dict[str, str], content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "licence.jws"
    file.write_text(f"{FIRST}\n")
    answer = read_document(status, headers, content)
    with pytest.raises(EndpointUnavailable):
        document_of(answer)
    assert kept_document(answer, file) == FIRST
    assert file.read_text() == f"{FIRST}\n"


@pytest.mark.parametrize("media_type", ["application/jose", "Application/JOSE; charset=utf-8"])
def test_a_line_end_behind_it_is_no_part_of_it(media_type: str) -> None:
    answer = read_document(200, {"content-type": media_type}, f"{FIRST}\r\n".encode())
    assert document_of(answer) == FIRST


@pytest.mark.parametrize("content", [b"", b"no document", b"\xff\xfe", b"a" * (LONGEST_DOCUMENT + 9)])
def test_a_file_that_holds_something_else_is_none(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "licence.jws"
    file.write_bytes(content)
    with pytest.raises(EndpointUnavailable):
        kept_document(silence("the cable is out"), file)
    assert kept_document(Answer(status=200, code="ok", body={"document": FIRST}), file) == FIRST
    assert file.read_text() == FIRST


def test_a_refusal_is_raised_whatever_the_file_has(tmp_path: Path) -> None:
    file = tmp_path / "licence.jws"
    file.write_text(FIRST)
    with pytest.raises(SeatRefused):
        kept_document(Answer(status=401, code="invalid_license"), file)


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        kept_document(
            Answer(status=200, code="ok", body={"document": FIRST}), tmp_path / "none" / "licence.jws"
        )
