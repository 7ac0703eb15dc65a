"""Programs that show a token instead of a licence key: both clients and `seatwarden hold`, in front of a real endpoint."""

import asyncio
import sys
import time
from pathlib import Path

import pytest

from seatwarden.client import AsyncClient, Client, LicenceRefused, RequestRefused, SetupError
from seatwarden.domain.identity_token import holder_of, read_identity_token
from seatwarden.domain.seats import Millis
from tests.client.programs import HOLD, running
from tests.client.stand import HOLDER, OTHER, PATIENCE_SECONDS, POOL_NAME, Stand, stand_on, until
from tests.identity_tokens import TestIssuer, pod_claims

URL = "http://127.0.0.1:1"
ISSUES = TestIssuer(algorithm="ES256")
ACCOUNT = "system:serviceaccount:team-a:builder"
LONG_ENOUGH = Millis(12_000)
"""A third of it passes until the first heartbeat; all of it may pass on a busy machine."""


def pod_token(uid: str = "pod-1", *, audience: str = "seatwarden", lives: int = 600) -> str:
    return ISSUES.token(ACCOUNT, aud=audience, exp=int(time.time()) + lives, **pod_claims(uid))


def pod_holder(container: str = "") -> str:
    token = read_identity_token(pod_token())
    assert token is not None
    return holder_of(token, container)


def write(file: Path, text: str) -> None:
    """As the kubelet does when a token is to be renewed."""
    file.write_text(text, encoding="utf-8")


def read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


async def ends_of(stand: Stand) -> list[float]:
    """When the leases end, in milliseconds of the test's own clock."""
    return [time.monotonic() * 1000 + row.expires_in for row in await stand.sessions()]


async def renewed(stand: Stand) -> None:
    """Return when every lease that there is has been renewed by a heartbeat."""
    before = await ends_of(stand)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while min(await ends_of(stand), default=0.0) < max(before) + 1000:  # noqa: ASYNC110  seen from outside only
            await asyncio.sleep(0.05)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """What the kubelet writes."""
    file = tmp_path / "token"
    file.write_text(pod_token())
    return file


@pytest.fixture
async def admitting(stand: Stand) -> Stand:
    """A stand whose pool the tokens of Pods open."""
    await stand.admit(ISSUES, "system:serviceaccount:team-a:*", "person-*")
    return stand


async def test_a_pod_holds_a_seat_without_a_licence_key(admitting: Stand, token_file: Path) -> None:
    def work() -> None:
        with Client(admitting.url, token_file=token_file, pool=POOL_NAME) as client, client.hold() as seat:
            assert seat.held
            held.append(seat.session)

    held: list[str] = []
    await asyncio.to_thread(work)
    assert len(held) == 1
    assert await admitting.sessions() == []


async def test_with_asyncio_it_is_the_same(admitting: Stand, token_file: Path) -> None:
    async with (
        AsyncClient(admitting.url, token_file=token_file, pool=POOL_NAME) as client,
        client.hold() as seat,
    ):
        [session] = await admitting.sessions()
        assert (session.lease_id, session.holder) == (seat.session, pod_holder())
    assert await admitting.sessions() == []


async def test_a_token_is_read_again_for_each_request(redis_url: str, token_file: Path) -> None:
    async with stand_on(redis_url, lease=LONG_ENOUGH) as stand:
        await stand.admit(ISSUES, "system:serviceaccount:team-a:*")
        async with (
            AsyncClient(stand.url, token_file=token_file, pool=POOL_NAME) as client,
            client.hold() as seat,
        ):
            write(token_file, pod_token(lives=1200) + "\n")
            await renewed(stand)
            write(token_file, pod_token(audience="else"))
            await until(lambda: seat.told == "invalid_license")
            write(token_file, pod_token())
        assert await stand.sessions() == []


async def test_containers_of_a_pod_hold_seats_of_their_own_and_keep_them(
    redis_url: str, token_file: Path
) -> None:
    async with stand_on(redis_url, seats=2, lease=LONG_ENOUGH) as stand:
        await stand.admit(ISSUES, "system:serviceaccount:team-a:*")
        async with (
            AsyncClient(stand.url, token_file=token_file, pool=POOL_NAME) as client,
            client.hold(container="worker") as worker,
            client.hold(container="sidecar") as sidecar,
        ):
            rows = {row.holder for row in await stand.sessions()}
            assert rows == {pod_holder("worker"), pod_holder("sidecar")}
            await renewed(stand)
            assert worker.loss is sidecar.loss is None
        assert await stand.sessions() == []


async def test_machines_of_one_person_are_told_apart_by_their_holder(
    redis_url: str, token_file: Path
) -> None:
    write(token_file, ISSUES.token("person-1"))
    async with stand_on(redis_url, seats=2) as stand:
        await stand.admit(ISSUES, "person-*")
        async with (
            AsyncClient(stand.url, token_file=token_file, pool=POOL_NAME) as client,
            client.hold(holder=HOLDER),
            client.hold(holder=OTHER),
        ):
            assert len(await stand.sessions()) == 2
        assert await stand.sessions() == []


async def test_a_token_that_is_not_accepted_is_told_as_such_and_never_shown(
    admitting: Stand, token_file: Path
) -> None:
    write(token_file, pod_token(audience="else"))
    async with AsyncClient(admitting.url, token_file=token_file, pool=POOL_NAME) as client:
        with pytest.raises(LicenceRefused) as refused:
            async with client.hold():
                pass
    assert refused.value.code == "invalid_license"
    assert read(token_file) not in f"{refused.value!r}{refused.value}{client!r}"


async def test_a_pod_that_names_a_holder_is_told_what_is_wrong(admitting: Stand, token_file: Path) -> None:
    async with AsyncClient(admitting.url, token_file=token_file, pool=POOL_NAME) as client:
        with pytest.raises(RequestRefused, match="hardware_id"):
            async with client.hold(holder=HOLDER):
                pass


async def test_any_program_runs_with_a_token(admitting: Stand, token_file: Path) -> None:
    environment = {"SEATWARDEN_URL": admitting.url, "SEATWARDEN_POOL": POOL_NAME}
    options = ("--token-file", str(token_file), "--container", "worker")
    source = "print('begun', flush=True); input()"
    program = (*options, "--", sys.executable, "-c", source)
    async with running(HOLD, *program, environment=environment) as held:
        assert await held.line() == "begun"
        [session] = await admitting.sessions()
        assert session.holder == pod_holder("worker")
        arguments = read(Path(f"/proc/{held.process.pid}/cmdline"))
        assert read(token_file) not in arguments


async def test_the_environment_is_enough(admitting: Stand, token_file: Path) -> None:
    environment = {
        "SEATWARDEN_URL": admitting.url,
        "SEATWARDEN_POOL": POOL_NAME,
        "SEATWARDEN_TOKEN_FILE": str(token_file),
    }
    async with running(HOLD, "--", sys.executable, "-c", "pass", environment=environment) as held:
        assert await held.end() == (0, "")


async def test_hold_says_why_a_token_gives_no_seat(admitting: Stand, token_file: Path) -> None:
    environment = {"SEATWARDEN_URL": admitting.url, "SEATWARDEN_TOKEN_FILE": str(token_file)}
    program = ("--", sys.executable, "-c", "pass")
    async with running(HOLD, "--pool", "team-z/dev", *program, environment=environment) as held:
        status, said = await held.end()
    assert (status, "opens no pool of that name" in said) == (77, True)
    assert read(token_file) not in said
    async with running(HOLD, *program, environment=environment) as held:
        status, said = await held.end()
    assert (status, "SEATWARDEN_POOL=NAMESPACE/NAME" in said) == (78, True)


@pytest.mark.parametrize(
    "text", ["", "short", "a.b", "a.b.c.d", "a.b.c\nd.e.f", "a b.c.d", "ä.b.c", f"a.{'b' * 8000}.c"]
)
def test_what_is_no_token_is_refused_before_anything_could_repeat_it(text: str, token_file: Path) -> None:
    token_file.write_text(text, encoding="utf-8")
    with pytest.raises(SetupError, match="holds no token") as refused:
        Client(URL, token_file=token_file, pool=POOL_NAME)
    assert len(text) < 8 or text not in str(refused.value)


@pytest.mark.parametrize("pool", ["dev", "/dev", "team-a/", "Team/dev", "a/b/c", "team-a/dev\r\nX: y"])
def test_a_pool_has_a_name_of_two_parts(pool: str, token_file: Path) -> None:
    with pytest.raises(SetupError, match="NAMESPACE/NAME"):
        Client(URL, token_file=token_file, pool=pool)


def test_a_file_that_is_away_for_a_moment_leaves_the_token_as_it_was(token_file: Path) -> None:
    with Client(URL, token_file=token_file, pool=POOL_NAME) as client:
        before = client.address.keys.headers()
        token_file.write_text("half a tok")
        assert client.address.keys.headers() == before
        token_file.unlink()
        assert client.address.keys.headers() == before
        assert before["Seatwarden-Pool"] == POOL_NAME
        assert before["Authorization"] not in repr(client.address.keys)


def test_one_of_key_and_token_is_given(token_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match="a licence key and a token"):
        Client(URL, license_key="LIC-0123456789", token_file=token_file, pool=POOL_NAME)
    with pytest.raises(SetupError, match="token cannot be read"):
        Client(URL, token_file=token_file.with_name("none"), pool=POOL_NAME)

    monkeypatch.setenv("SEATWARDEN_LICENSE_KEY", "LIC-0123456789")
    Client(URL, token_file=token_file, pool=POOL_NAME).close()
    monkeypatch.setenv("SEATWARDEN_TOKEN_FILE", str(token_file))
    with pytest.raises(SetupError, match="a licence key and a token"):
        Client(URL)


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ({"holder": HOLDER, "container": "worker"}, "not both"),
        ({"project": "film"}, "does not name the holder"),
        ({"holder": "short"}, "64 lower-case hex"),
    ],
)
def test_holders_that_make_no_sense_with_a_token_are_refused(
    named: dict[str, str], says: str, token_file: Path
) -> None:
    with (
        Client(URL, token_file=token_file, pool=POOL_NAME) as client,
        pytest.raises(SetupError, match=says),
        client.hold(
            holder=named.get("holder"), container=named.get("container"), project=named.get("project", "")
        ),
    ):
        pass


def test_a_container_makes_no_sense_with_a_licence_key() -> None:
    with (
        Client(URL, license_key="LIC-0123456789") as client,
        pytest.raises(SetupError, match="token of a Pod"),
        client.hold(container="worker"),
    ):
        pass
