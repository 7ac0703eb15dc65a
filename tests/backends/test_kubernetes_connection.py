"""How the API server is found, and that credentials stay good when they are renewed."""

import datetime as dt
import json
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from aiohttp import web
from kubernetes.aio.config import incluster_config

from seatwarden.backends import kubernetes_connection
from seatwarden.backends.kubernetes_connection import KubernetesConnection, NoCluster, connect
from seatwarden.local.certificates import Authority
from seatwarden.local.identities import service_account
from seatwarden.local.plane_access import PlaneAccess

Write = Callable[..., Path]


@dataclass(slots=True)
class Listener:
    """A server that notes who says to be calling."""

    url: str = ""
    heard: list[tuple[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.heard.append((request.headers["User-Agent"], request.headers.get("Authorization", "")))
        return web.json_response({})


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listener = Listener()
    app = web.Application()
    app.router.add_get("/", listener.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    listener.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield listener
    finally:
        await runner.cleanup()


def document(server: str = "https://127.0.0.1:1", **user: Any) -> dict[str, Any]:
    """A kubeconfig with one context."""
    return {
        "clusters": [{"name": "somewhere", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": user}],
        "contexts": [{"name": "here", "context": {"cluster": "somewhere", "user": "me"}}],
        "current-context": "here",
    }


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: object, name: str = "kubeconfig") -> Path:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return path

    return write


async def call(connection: KubernetesConnection, times: int = 1) -> None:
    async with connection.open_session(connections=2) as session:
        for _ in range(times):
            async with session.get(connection.server) as answer:
                assert answer.status == 200


async def test_neither_pod_nor_kubeconfig_is_a_sentence_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(NoCluster, match=r"This is no pod with a ServiceAccount .* Pass --kubeconfig FILE\."):
        await connect()


UNUSABLE: dict[str, object] = {
    "empty": "",
    "a list": "[]",
    "words": "just words",
    "no YAML": "{unclosed",
    "a word for a list": "clusters: words",
    "nothing but a context's name": {"current-context": "here"},
    "no such cluster": document() | {"clusters": []},
    "a context without a name": document() | {"contexts": [{}]},
    "a certificate that is no base64": document(**{"client-certificate-data": "no base64!"}),
    "a certificate that is not there": document(**{"client-certificate": "/nowhere/client.crt"}),
}


@pytest.mark.parametrize("content", UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_kubeconfig_that_cannot_be_used_is_named(write: Write, content: object) -> None:
    path = write(content)
    with pytest.raises(NoCluster, match=f"^The kubeconfig {path} cannot be used: "):
        await connect(path)


async def test_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoCluster, match=f"^There is no kubeconfig {tmp_path / 'nowhere'}\\. Pass --kubecon"):
        await connect(tmp_path / "nowhere")


async def test_certificate_that_is_none_is_told_before_anything_is_started(write: Write) -> None:
    wrong = document()
    wrong["clusters"][0]["cluster"]["certificate-authority"] = str(write("not a certificate", "ca.crt"))
    path = write(wrong)
    with pytest.raises(NoCluster, match=f"^The kubeconfig {path} cannot be used: ") as refused:
        await connect(path)
    assert isinstance(refused.value.__cause__, ssl.SSLError)


async def test_a_context_can_be_named_and_the_current_one_is_known_by_name(write: Write) -> None:
    two = document()
    two["clusters"].append({"name": "elsewhere", "cluster": {"server": "https://127.0.0.2:1"}})
    two["contexts"].append({"name": "there", "context": {"cluster": "elsewhere", "user": "me"}})
    path = write(two)

    current, named = await connect(path), await connect(path, "there")
    assert (current.context, current.server) == ("here", "https://127.0.0.1:1")
    assert (named.context, named.server) == ("there", "https://127.0.0.2:1")
    with pytest.raises(NoCluster, match="nowhere"):
        await connect(path, "nowhere")


async def test_several_files_are_one_kubeconfig_as_kubectl_has_it(write: Write, tmp_path: Path) -> None:
    whole = document()
    first = write({"current-context": "here", "contexts": whole["contexts"]}, "first")
    second = write({key: whole[key] for key in ("clusters", "users")}, "second")
    connection = await connect(Path(f"{first}:{tmp_path / 'nowhere'}:{second}"))
    assert (connection.context, connection.server) == ("here", "https://127.0.0.1:1")


async def test_every_request_says_who_calls(write: Write, listener: Listener) -> None:
    await call(await connect(write(document(listener.url, token="t-1"))))
    assert listener.heard == [("seatwarden", "Bearer t-1")]


async def test_client_certificate_is_shown_to_the_server(cluster: PlaneAccess, namespace: str) -> None:
    connection = await connect(cluster.kubeconfig(service_account(namespace, "somebody")))
    async with connection.open_session(connections=1) as session:
        path = f"{connection.server}/apis/authentication.k8s.io/v1/selfsubjectreviews"
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        async with session.post(path, json=review) as answer:
            who = (await answer.json())["status"]["userInfo"]["username"]
    assert who == f"system:serviceaccount:{namespace}:somebody"


async def test_token_of_a_plugin_is_renewed_when_it_expires(
    write: Write, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes_connection, "RENEWAL_PAUSE_SECONDS", 0.0)
    version = "client.authentication.k8s.io/v1"

    def give(token: str, expires: str) -> Path:
        status = {"token": token, "expirationTimestamp": expires}
        given = {"apiVersion": version, "kind": "ExecCredential", "status": status}
        return write(json.dumps(given), "given")

    plugin = {
        "apiVersion": version,
        "command": "cat",
        "args": [str(give("t-1", "2020-01-01T00:00:00Z"))],
        "interactiveMode": "Never",
    }
    connection = await connect(write(document(listener.url, exec=plugin)))
    give("t-2", "2999-01-01T00:00:00Z")
    await call(connection)
    give("t-3", "2999-01-01T00:00:00Z")
    await call(connection, times=2)
    assert [token for _, token in listener.heard] == ["Bearer t-2"] * 3


async def test_token_of_a_pod_is_read_again_every_minute(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text("t-1")
    Authority.load_or_make(tmp_path, "ca", now=dt.datetime.now(dt.UTC))
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    now = dt.datetime(2027, 3, 1, 12)  # noqa: DTZ001  the library's own time has no zone
    clock = SimpleNamespace(now=lambda: now)
    monkeypatch.setattr(incluster_config, "datetime", SimpleNamespace(datetime=clock, timedelta=dt.timedelta))

    connection = await connect()
    assert (connection.context, connection.server) == ("in-cluster", "https://10.0.0.1:443")
    async with connection.open_session(connections=1) as session:
        for seconds in (0, 30, 31):
            token.write_text(f"t-{seconds}")
            now += dt.timedelta(seconds=seconds)
            async with session.get(listener.url):
                pass
    assert [said for _, said in listener.heard] == ["bearer t-1", "bearer t-1", "bearer t-31"]
