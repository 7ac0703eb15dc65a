"""Fetching the keys of issuers over real TLS, and all that an address may answer instead."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web

from seatwarden.backends import issuer_keys
from seatwarden.backends.issuer_keys import (
    FAILED_SECONDS,
    FRESH_SECONDS,
    LARGEST_ANSWER,
    IssuerAway,
    IssuerKeys,
    IssuerSource,
)
from seatwarden.backends.kubernetes_api import KubernetesApi
from seatwarden.domain.identity_token import read_identity_token
from seatwarden.local.plane_access import PlaneAccess
from tests.issuer_server import DISCOVERY, KEYS, IssuerServer, issuer_server
from tests.reconcilers.kubernetes_in_memory import KubernetesInMemory

Answers = Callable[[str], dict[str, web.Response]]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[IssuerServer]:
    async with issuer_server(tmp_path) as server:
        yield server


def keys_over(server: IssuerServer, clock: Callable[[], float] = lambda: 0.0) -> IssuerKeys:
    return IssuerKeys(KubernetesInMemory(), tls=server.trusting, clock=clock)


def source(server: IssuerServer, path: str | None = None) -> IssuerSource:
    url = server.issues.issuer
    return IssuerSource(url, None if path is None else f"{url}{path}")


async def test_keys_are_found_by_discovery(server: IssuerServer) -> None:
    keys = await keys_over(server).of(source(server))

    assert keys == server.issues.trusted("a").keys
    assert server.heard == [DISCOVERY, KEYS]


async def test_keys_are_read_where_an_administrator_says_they_are(server: IssuerServer) -> None:
    assert await keys_over(server).of(source(server, KEYS)) == server.issues.trusted("a").keys
    assert server.heard == [KEYS]


async def test_all_who_trust_an_issuer_share_one_fetch_until_it_is_old(server: IssuerServer) -> None:
    now = 100.0
    keys = keys_over(server, clock=lambda: now)
    await asyncio.gather(*(keys.of(source(server, KEYS)) for _ in range(20)))
    now += FRESH_SECONDS - 1
    await keys.of(source(server, KEYS))
    assert server.heard == [KEYS]

    now += 1
    await keys.of(source(server, KEYS))
    assert server.heard == [KEYS] * 2


async def test_a_failure_is_shared_for_a_moment_and_then_tried_again(server: IssuerServer) -> None:
    now = 100.0
    keys = keys_over(server, clock=lambda: now)
    server.answers[KEYS] = web.Response(status=503)
    for _ in range(2):
        with pytest.raises(IssuerAway, match="status 503"):
            await keys.of(source(server, KEYS))
    assert server.heard == [KEYS]

    del server.answers[KEYS]
    now += FAILED_SECONDS
    assert await keys.of(source(server, KEYS))


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        (lambda _: {KEYS: web.Response(status=500, text="hunter2")}, "answers with status 500"),
        (lambda url: {KEYS: web.Response(status=302, headers={"Location": f"{url}/other"})}, "status 302"),
        (lambda _: {KEYS: web.Response(text="<html>hunter2")}, "no JSON Web Key Set"),
        (lambda _: {KEYS: web.Response(body=b" " * (LARGEST_ANSWER + 1))}, "longer than 256 KiB"),
        (lambda _: {KEYS: web.json_response({"keys": []})}, "no key with an id"),
        (lambda _: {DISCOVERY: web.Response(text="hunter2")}, "discovery document is no JSON"),
        (lambda _: {DISCOVERY: web.json_response(["hunter2"])}, "names no issuer and jwks_uri"),
        (lambda url: {DISCOVERY: web.json_response({"issuer": url})}, "names no issuer and jwks_uri"),
        (
            lambda url: {DISCOVERY: web.json_response({"issuer": f"{url}/x", "jwks_uri": f"{url}{KEYS}"})},
            "of another issuer",
        ),
        (
            lambda url: {
                DISCOVERY: web.json_response({"issuer": url, "jwks_uri": "http://169.254.169.254/hunter2"})
            },
            "no https address",
        ),
        (
            lambda url: {DISCOVERY: web.json_response({"issuer": url, "jwks_uri": "file:///etc/hunter2"})},
            "no https address",
        ),
        (
            lambda url: {DISCOVERY: web.json_response({"issuer": url, "jwks_uri": "https://["})},
            "cannot be reached",
        ),
    ],
)
async def test_what_is_no_key_set_is_told_and_never_quoted(
    server: IssuerServer, answers: Answers, says: str
) -> None:
    server.answers |= answers(server.issues.issuer)
    with pytest.raises(IssuerAway, match=says) as caught:
        await keys_over(server).of(source(server))
    assert "hunter2" not in str(caught.value)
    assert server.issues.issuer in str(caught.value)
    assert "/other" not in server.heard


async def test_an_issuer_that_says_nothing_is_not_waited_for(
    server: IssuerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "FETCH_SECONDS", 0.2)
    server.held = True
    with pytest.raises(IssuerAway, match="no answer within"):
        await keys_over(server).of(source(server))


async def test_a_certificate_of_a_stranger_is_not_trusted(server: IssuerServer) -> None:
    keys = IssuerKeys(KubernetesInMemory(), tls=ssl.create_default_context())
    with pytest.raises(IssuerAway, match="certificate is not trusted"):
        await keys.of(source(server))
    assert server.heard == []


async def test_an_address_where_nobody_listens_is_told(server: IssuerServer) -> None:
    with pytest.raises(IssuerAway, match="cannot be reached"):
        await keys_over(server).of(IssuerSource("https://localhost:1"))


async def test_the_cluster_tells_the_keys_of_its_tokens(cluster: PlaneAccess, namespace: str) -> None:
    async with cluster.session() as session:
        api = KubernetesApi(session, "")
        issuer, keys = await IssuerKeys(api).of_the_cluster()
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        await api.create(path, {"metadata": {"name": "builder"}})
        request = {"spec": {"audiences": ["seatwarden"], "expirationSeconds": 600}}
        given = await api.create(f"{path}/builder/token", request)

    token = read_identity_token(given["status"]["token"])
    assert token is not None
    assert token.issuer == issuer
    assert token.kid in {key.kid for key in keys}


async def test_a_cluster_that_tells_nothing_is_away() -> None:
    with pytest.raises(IssuerAway, match="does not tell the keys"):
        await IssuerKeys(KubernetesInMemory()).of_the_cluster()
