"""The client needs httpx and nothing else, finds its settings, and tells nobody the key."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from seatwarden.client import Client, SetupError, holder_id
from seatwarden.client import holders as holders_module
from seatwarden.client.answers import Answer, is_grant, read_answer
from seatwarden.client.calls import Wish, acquire

KEY = "LIC-" + "a" * 26 + "-" + "b" * 32
URL = "http://127.0.0.1:1"
PROGRAM = """
import sys
ALLOWED = {"seatwarden", "httpx", "httpcore", "h11", "anyio", "certifi", "idna", "sniffio", "typing_extensions"}

class Only:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        ours = top == "seatwarden" and name != "seatwarden" and not name.startswith("seatwarden.client")
        if ours or (top not in ALLOWED and top not in sys.stdlib_module_names):
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Only())
import seatwarden.client
try:
    import click
except ModuleNotFoundError:
    print("alone")
"""


def test_it_can_be_imported_where_only_httpx_is_installed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.returncode) == ("alone\n", 0), done.stderr


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "LICENSE_KEY", "LICENSE_KEY_FILE"):
        monkeypatch.delenv(f"SEATWARDEN_{name}", raising=False)


def test_an_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATWARDEN_URL", "http://other:1/")
    monkeypatch.setenv("SEATWARDEN_LICENSE_KEY", KEY)
    with Client() as client, Client(URL) as given:
        assert (client.address.url, given.address.url) == ("http://other:1", URL)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://host",
        "http://",
        "host:80",
        "http://user:secret@host",
        "http://host?x=secret",
        "http://host:secret",
    ],
)
def test_a_url_that_is_none_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(SetupError) as refused:
        Client(url, license_key=KEY)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("key", [KEY + "\nx", KEY + " x", "LIC-\x00" + KEY, "ä" * 20, "short", KEY * 2])
def test_a_malformed_key_is_refused_before_anything_could_repeat_it(key: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(key)
    for given in ({"license_key": key}, {"license_key_file": file}):
        with pytest.raises(SetupError) as refused:
            Client(URL, **given)
        assert key not in str(refused.value)


def test_no_key_and_two_keys_are_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="SEATWARDEN_LICENSE_KEY"):
        Client(URL)
    with pytest.raises(SetupError, match="two"):
        Client(URL, license_key=KEY, license_key_file=tmp_path / "key")
    with pytest.raises(SetupError, match="cannot be read"):
        Client(URL, license_key_file=tmp_path / "none")


def test_a_file_that_is_away_for_a_moment_leaves_the_key_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    with Client(URL, license_key_file=file) as client:
        file.write_text("")
        assert client.address.keys.key() == KEY
        file.unlink()
        assert client.address.keys.key() == KEY


def test_nothing_shows_the_key() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.LocalProtocolError(f"Illegal header value {request.headers['authorization']!r}")

    with httpx.Client(transport=httpx.MockTransport(fail)) as http:
        client = Client(URL, license_key=KEY, http=http)
        answer = client.send(acquire(Wish(named={"hardware_id": "ab" * 32}), "name"))
    shown = f"{client!r} {client.address.keys!r} {answer!r}"
    assert answer.silent
    assert KEY not in shown


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'{"status":404}', b'{"code":7}', b"[" * 100_000, b"\xff", b'{"session_id":"x"}'],
)
@pytest.mark.parametrize("status", [200, 302, 401, 404, 410, 503])
def test_what_is_not_from_the_endpoint_is_silence_whatever_its_status(status: int, body: bytes) -> None:
    answer = read_answer(status, {"retry-after": "7"}, body)
    assert answer.silent
    assert answer.retry_after == 7.0


def test_a_seat_needs_an_id_and_a_fence() -> None:
    whole: dict[str, object] = {"status": 201, "code": "granted", "session": "ab" * 16, "fence": 1}
    assert is_grant(Answer(**whole))  # type: ignore[arg-type]  # as named above
    for lacking in ({"session": ""}, {"fence": 0}, {"status": 409}):
        assert not is_grant(Answer(**{**whole, **lacking}))  # type: ignore[arg-type]  # as above


def test_lengths_of_time_that_are_none_are_not_believed() -> None:
    for text in ("NaN", "Infinity", "-1", "true", '"5"', "1e999", "9" * 400):
        answer = read_answer(200, {}, f'{{"code":"ok","expires_in":{text},"retry_after":{text}}}'.encode())
        assert (answer.expires_in, answer.retry_after) == (0.0, None)


def test_a_holder_is_the_machine_the_user_and_the_project() -> None:
    one = holder_id("film", machine="m", user="u")
    assert len(one) == 64
    assert one == holder_id("film", machine="m", user="u")
    others = {
        holder_id("", machine="m", user="u"),
        holder_id("film", machine="mu", user=""),
        holder_id("film", machine="n", user="u"),
        holder_id("film", machine="m", user="v"),
    }
    assert len({one, *others}) == 5


def test_a_machine_without_an_id_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for text in ("", "uninitialized\n"):
        (tmp_path / "machine-id").write_text(text)
        monkeypatch.setattr(holders_module, "MACHINE_ID_FILES", (tmp_path / "none", tmp_path / "machine-id"))
        with pytest.raises(SetupError, match="container"):
            holder_id()
    (tmp_path / "machine-id").write_text("0123\n")
    assert holder_id(user="u") == holder_id(machine="0123", user="u")


def test_a_holder_that_is_none_is_refused() -> None:
    client = Client(URL, license_key=KEY)
    with client, pytest.raises(SetupError, match="64"), client.hold(holder="AB" * 32):
        pass
