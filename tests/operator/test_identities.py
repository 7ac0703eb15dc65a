"""From a Tenant's spec to a seat without a licence key: a real API server and its own tokens, a real issuer, a real Redis."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from redis.asyncio import Redis

from seatwarden.backends.issuer_keys import IssuerAway, IssuerKeys
from seatwarden.backends.kubernetes_api import KubernetesApi
from seatwarden.backends.redis_keys import door_keys, trust_keys
from seatwarden.domain.trust import Door
from seatwarden.endpoint import identities
from seatwarden.endpoint.application import create_app
from seatwarden.endpoint.server import start_server
from seatwarden.reconcilers import identities as reconciled
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.resources.permissions import OPERATOR_ACCOUNT
from tests.issuer_server import IssuerServer, issuer_server
from tests.operator.world import PATIENCE_SECONDS, Body, World, condition, is_ready, keys_of_pools

IMAGE = "registry.invalid/worker:1"
Answer = tuple[int, Body]


class Programs:
    """Pods and other programs in front of an endpoint of this process."""

    def __init__(self, world: World, http: aiohttp.ClientSession, base: str) -> None:
        self.world = world
        self.http = http
        self.base = base

    async def account(self, name: str) -> None:
        """Create a ServiceAccount."""
        body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
        await self.world.api.create(self._path("serviceaccounts"), body)

    async def pod(self, name: str, account: str) -> None:
        """Create a Pod. Nothing runs it here, but it has a uid, and tokens can be bound to it."""
        container = {"name": "worker", "image": IMAGE}
        spec = {
            "serviceAccountName": account,
            "containers": [container],
            "automountServiceAccountToken": False,
        }
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        await self.world.api.create(self._path("pods"), body)

    async def token(self, account: str, pod: str | None = None, audience: str = "seatwarden") -> str:
        """What the kubelet asks for and writes into a projected volume."""
        bound = {} if pod is None else {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": pod}}
        request = {"spec": {"audiences": [audience], "expirationSeconds": 600, **bound}}
        given = await self.world.api.create(f"{self._path('serviceaccounts')}/{account}/token", request)
        token: str = given["status"]["token"]
        return token

    async def ask(self, token: str, method: str, path: str, body: Body, pool: str = "dev") -> Answer:
        """One request."""
        headers = {"Authorization": f"Bearer {token}", "Seatwarden-Pool": f"{self.world.namespace}/{pool}"}
        url = f"{self.base}/api/v1/licenses/{path}"
        async with self.http.request(method, url, json=body, headers=headers) as response:
            return response.status, await response.json(content_type=None)

    async def acquire(self, token: str, pool: str = "dev", **fields: Any) -> Answer:
        """Ask for a seat."""
        return await self.ask(token, "POST", "acquire", fields, pool)

    def _path(self, kind: str) -> str:
        return f"/api/v1/namespaces/{self.world.namespace}/{kind}"


@pytest.fixture
async def programs(idle_world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Programs]:
    """An endpoint that believes what it read only for the moment, so that no test waits."""
    monkeypatch.setattr(identities, "FRESH_SECONDS", 0.0)
    seats = idle_world.seats
    server = await start_server(create_app(seats, identities=seats.identities()), host="127.0.0.1", port=0)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(server.close)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        yield Programs(idle_world, http, f"http://127.0.0.1:{server.port}")


@pytest.fixture
async def issuer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[IssuerServer]:
    """An issuer whose certificate the operator's machine trusts."""
    monkeypatch.setattr(reconciled, "REFRESH_SECONDS", 0.2)
    monkeypatch.setattr(reconciled, "RETRY_SECONDS", 0.2)
    async with issuer_server(tmp_path) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
        monkeypatch.setattr("seatwarden.backends.issuer_keys.FRESH_SECONDS", 0.1)
        monkeypatch.setattr("seatwarden.backends.issuer_keys.FAILED_SECONDS", 0.1)
        yield server


async def customer(world: World, identity: Body) -> tuple[ObjectKey, ObjectKey]:
    """A Tenant with this identity, and its Ready pool."""
    tenant = await world.tenant(identity=identity)
    await world.subscription()
    pool = await world.pool()
    await world.until_ready(pool)
    return tenant, pool


def cluster_subjects(world: World, account: str = "*") -> Body:
    return {"cluster": {"subjects": [f"system:serviceaccount:{world.namespace}:{account}"]}}


def _away() -> web.Response:
    return web.Response(status=503)


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await holds():  # noqa: ASYNC110  # seen from outside only
            await asyncio.sleep(0.05)


async def _events_are(world: World, reasons: list[str]) -> bool:
    path = f"/apis/events.k8s.io/v1/namespaces/{world.namespace}/events"
    events = [event async for event in world.api.list(path)]
    told = [event["reason"] for event in events if event["regarding"]["kind"] == "Tenant"]
    assert len(told) <= len(reasons), told
    return sorted(told) == reasons


async def until_told(world: World, tenant: ObjectKey, reason: str) -> Body:
    """The Tenant as soon as IdentityReady has that reason."""
    return await world.until(tenant, lambda found: condition(found, "IdentityReady").get("reason") == reason)


async def test_a_pod_takes_a_seat_with_the_token_that_kubernetes_gives_it(programs: Programs) -> None:
    world = programs.world
    await world.start_operator()
    tenant, pool = await customer(world, cluster_subjects(world))
    told = condition(await world.until_ready(tenant), "IdentityReady")
    assert (told["status"], told["message"]) == ("True", "Tokens of 1 issuer can be verified.")
    assert (await world.until_ready(pool))["status"]["tokens"] == {"granted": 0, "denied": 0}

    await programs.account("builder")
    await programs.pod("worker-0", "builder")
    status, seat = await programs.acquire(await programs.token("builder", "worker-0"), nonce="run-1")
    assert (status, seat["code"]) == (201, "granted")

    # The kubelet renews the token, and the container starts again.
    renewed = await programs.token("builder", "worker-0")
    beat = f"sessions/{seat['session_id']}/heartbeat"
    assert (await programs.ask(renewed, "PATCH", beat, {"fence": seat["fence"]}))[0] == 200
    status, again = await programs.acquire(renewed, nonce="run-2")
    assert (again["session_id"], again["taken_over"]) == (seat["session_id"], True)

    await programs.pod("worker-1", "builder")
    _, other = await programs.acquire(await programs.token("builder", "worker-1"))
    assert other["session_id"] != seat["session_id"]
    assert other["seats"]["used"] == 2
    shown = await world.until(pool, lambda found: found["status"]["tokens"]["granted"] == 3)
    assert "lastUsedAt" in shown["status"]["tokens"]


async def test_who_is_not_listed_gets_no_seat(programs: Programs) -> None:
    world = programs.world
    await world.start_operator()
    tenant, _ = await customer(world, cluster_subjects(world, "builder"))
    await world.until_ready(tenant)
    for name in ("builder", "stranger"):
        await programs.account(name)

    assert (await programs.acquire(await programs.token("builder")))[0] == 201
    assert (await programs.acquire(await programs.token("stranger")))[0] == 401
    assert (await programs.acquire(await programs.token("builder", audience="else")))[0] == 401
    assert (await programs.acquire(await programs.token("builder"), pool="other"))[0] == 401


async def test_without_a_list_no_token_opens_anything(programs: Programs, redis: Redis) -> None:
    world = programs.world
    await world.start_operator()
    tenant, pool = await customer(world, {})
    await programs.account("builder")

    assert (await programs.acquire(await programs.token("builder")))[0] == 401
    assert condition(await world.get(tenant), "IdentityReady") == {}
    assert [await redis.keys(f"sw:*:{kind}") for kind in ("door", "trust")] == [[], []]
    assert is_ready(await world.get(pool))


async def test_a_change_of_the_list_reaches_the_endpoint(programs: Programs, redis: Redis) -> None:
    world = programs.world
    await world.start_operator()
    tenant, _ = await customer(world, cluster_subjects(world, "builder"))
    await world.until_ready(tenant)
    await programs.account("builder")
    token = await programs.token("builder")
    assert (await programs.acquire(token))[0] == 201

    await world.patch_spec(tenant, identity=cluster_subjects(world, "other"))
    await world.until_ready(tenant)
    assert (await programs.acquire(token))[0] == 401

    await world.patch_spec(tenant, identity={})
    await world.until(tenant, lambda found: is_ready(found) and not condition(found, "IdentityReady"))
    uid = (await world.get(tenant))["metadata"]["uid"]
    assert await redis.exists(trust_keys(uid).identity) == 0


async def test_a_program_elsewhere_takes_a_seat_with_a_token_of_its_issuer(
    programs: Programs, issuer: IssuerServer
) -> None:
    world = programs.world
    await world.start_operator()
    listed = {"issuers": [{"issuer": issuer.issues.issuer, "subjects": ["repo:acme/*"]}]}
    tenant, _ = await customer(world, listed)
    await world.until_ready(tenant)

    assert (await programs.acquire(issuer.issues.token("repo:acme/app")))[0] == 201
    assert (await programs.acquire(issuer.issues.token("repo:evil/app")))[0] == 401


async def test_an_issuer_that_goes_away_is_told_and_changes_nothing(
    programs: Programs, issuer: IssuerServer
) -> None:
    world = programs.world
    await world.start_operator()
    listed = {"issuers": [{"issuer": issuer.issues.issuer, "subjects": ["job-*"]}]}
    tenant, _ = await customer(world, listed)
    await world.until_ready(tenant)
    good = dict(issuer.answers)
    issuer.answers["/keys"] = issuer.answers["/.well-known/openid-configuration"] = _away()

    told = await until_told(world, tenant, "IssuerUnavailable")
    assert is_ready(told)
    assert "Those that were read last are used." in condition(told, "IdentityReady")["message"]
    assert (await programs.acquire(issuer.issues.token()))[0] == 201

    issuer.answers = good
    assert is_ready(await until_told(world, tenant, "Succeeded"))
    # An Event follows the status that it tells of.
    await _until(lambda: _events_are(world, ["IssuerUnavailable", "Succeeded"]))


async def test_an_issuer_that_never_answered_is_why_the_tenant_is_not_ready(
    programs: Programs, issuer: IssuerServer
) -> None:
    world = programs.world
    issuer.answers["/keys"] = _away()
    await world.start_operator()
    listed = {"issuers": [{"issuer": issuer.issues.issuer, "subjects": ["job-*"]}]}
    tenant, pool = await customer(world, listed)

    found = await world.until_reason(tenant, "IssuerUnavailable")
    assert "answers with status 503" in condition(found)["message"]
    assert is_ready(await world.get(pool))
    del issuer.answers["/keys"]
    await world.until_ready(tenant)


async def test_what_redis_lost_is_said_again(programs: Programs, redis: Redis) -> None:
    world = programs.world
    await world.start_operator()
    tenant, pool = await customer(world, cluster_subjects(world))
    await world.until_ready(tenant)
    await programs.account("builder")
    token = await programs.token("builder")
    await redis.flushall()

    async def opened() -> bool:
        trust = await world.seats.identities().trust((await world.get(tenant))["metadata"]["uid"])
        door = await world.seats.identities().door(world.namespace, "dev")
        uid = (await world.get(pool))["metadata"]["uid"]
        return bool(trust) and door is not None and door.pool == uid

    await _until(opened)
    status, _ = await programs.acquire(token)
    assert status != 401


async def test_a_deleted_customer_leaves_nothing(programs: Programs, redis: Redis) -> None:
    world = programs.world
    await world.start_operator()
    tenant, pool = await customer(world, cluster_subjects(world))
    uid = (await world.until_ready(tenant))["metadata"]["uid"]
    door = door_keys(world.namespace, "dev").identity
    assert await redis.exists(door, trust_keys(uid).identity) == 2
    assert await world.seats.identities().door(world.namespace, "dev") == Door(
        (await world.get(pool))["metadata"]["uid"], uid
    )

    for key in (pool, tenant):
        await world.delete(key)
        await world.until_gone(key)
    assert await redis.keys(f"sw:{{{uid}}}:*") == []
    assert await keys_of_pools(redis) == []


async def test_the_operators_own_rights_are_enough(programs: Programs) -> None:
    """Those in its role. ServiceAccounts may read the keys by default, which an administrator may have taken away."""
    world = programs.world
    user = f"probe-{world.namespace}"
    group = "rbac.authorization.k8s.io"
    binding = {
        "metadata": {"name": user},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": OPERATOR_ACCOUNT},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    }
    path = f"/apis/{group}/v1/clusterrolebindings"
    async with world.cluster.session() as session:
        session.headers["Impersonate-User"] = user
        keys = IssuerKeys(KubernetesApi(session, ""))
        with pytest.raises(IssuerAway, match="403"):
            await keys.of_the_cluster()
        await world.api.create(path, binding)
        try:
            await _until(lambda: _answers(keys))
        finally:
            await world.api.delete(f"{path}/{user}")


async def _answers(keys: IssuerKeys) -> bool:
    # The API server takes a moment to see a new binding.
    try:
        await keys.of_the_cluster()
    except IssuerAway:
        return False
    return True
