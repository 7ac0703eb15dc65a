"""Redis over TLS, with an authority of the test's own and client certificates."""

from pathlib import Path

import pytest

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.local.valkey import Valkey
from tests.backends.calls import ECHO, keys
from tests.backends.conftest import MakeRunner
from tests.backends.tls_front import TlsFront, tls_front


def url_of(front: TlsFront, *, client: bool = True, authority: bool = True) -> str:
    """The URL of ``front`` as a user would write it."""
    parameters = []
    if authority:
        parameters.append(f"ssl_ca_certs={front.authority}")
    if client:
        parameters += [f"ssl_certfile={front.client.certificate}", f"ssl_keyfile={front.client.key}"]
    return f"rediss://localhost:{front.port}/0?{'&'.join(parameters)}"


async def test_a_server_and_a_client_that_know_each_other_talk(
    make_runner: MakeRunner, valkey: Valkey, tmp_path: Path
) -> None:
    async with tls_front(valkey.port, tmp_path) as front:
        runner = make_runner(url_of(front))
        assert await runner.run(ECHO, keys(), "x" * 200_000) == b"x" * 200_000
        await runner.close()


@pytest.mark.parametrize(("client", "authority"), [(False, True), (True, False)])
async def test_a_side_that_is_not_known_is_refused(
    make_runner: MakeRunner, valkey: Valkey, tmp_path: Path, *, client: bool, authority: bool
) -> None:
    async with tls_front(valkey.port, tmp_path) as front:
        runner = make_runner(url_of(front, client=client, authority=authority), seconds=2)
        with pytest.raises(AuthorityUnavailable, match="could not be asked"):
            await runner.run(ECHO, keys(), "x")


async def test_a_certificate_for_another_host_is_refused(
    make_runner: MakeRunner, valkey: Valkey, tmp_path: Path
) -> None:
    async with tls_front(valkey.port, tmp_path, host="redis.example") as front:
        runner = make_runner(url_of(front), seconds=2)
        with pytest.raises(AuthorityUnavailable, match="SSLCertVerificationError"):
            await runner.run(ECHO, keys(), "x")


async def test_a_server_without_tls_is_a_sentence(make_runner: MakeRunner, valkey: Valkey) -> None:
    runner = make_runner(f"rediss://localhost:{valkey.port}", seconds=2)
    with pytest.raises(AuthorityUnavailable, match=r"could not be asked|no answer"):
        await runner.run(ECHO, keys(), "x")
