"""The operator says what it waits for when it cannot start, and ends when it is told to, whatever it waits for."""

import asyncio
import time
from collections.abc import Iterator, MutableMapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from seatwarden.backends.authority import StaleTerm
from seatwarden.local.identities import VIEWER
from seatwarden.reconcilers.engine import NotLeading
from seatwarden.runtime.election import ElectionSettings, Elector
from seatwarden.runtime.operator_process import TermOfOffice, run_operator
from tests.operator.world import World

PATIENCE_SECONDS = 20.0
STOP_SECONDS = 5.0
Said = list[MutableMapping[str, Any]]


@pytest.fixture
def said() -> Iterator[Said]:
    with capture_logs() as said:
        yield said


async def until_said(said: Said, event: str) -> MutableMapping[str, Any]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := [line for line in said if event in line["event"]]):
        assert time.monotonic() < deadline, said
        await asyncio.sleep(0.02)
    return found[0]


async def exit_code(operator: "asyncio.Task[int]") -> int:
    """What it ends with, if it ends by itself in time."""
    ended, _ = await asyncio.wait([operator], timeout=STOP_SECONDS)
    operator.cancel()
    assert ended, "it goes on"
    return operator.result()


async def test_without_permission_it_says_so_waits_and_still_stops(idle_world: World, said: Said) -> None:
    stop = asyncio.Event()
    settings = idle_world.settings(kubeconfig=idle_world.cluster.kubeconfig(VIEWER))
    operator = asyncio.create_task(run_operator(settings, stop))
    line = await until_said(said, "cannot list the custom resources; are the CRDs installed, and may I read")
    assert 'User "viewer" cannot list resource "tenants"' in line["error"]

    stop.set()
    assert await exit_code(operator) == 0


async def test_standby_stops_while_it_waits_to_lead(idle_world: World, said: Said) -> None:
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{idle_world.namespace}/leases"
    held = {"holderIdentity": "another", "leaseDurationSeconds": 300}
    await idle_world.api.create(leases, {"metadata": {"name": "seatwarden-operator"}, "spec": held})
    stop = asyncio.Event()
    admin = {"kubeconfig": idle_world.cluster.kubeconfig(), "election_namespace": idle_world.namespace}
    operator = asyncio.create_task(run_operator(idle_world.settings(**admin), stop))
    assert (await until_said(said, "waiting to lead"))["holder"] == "another"

    stop.set()
    assert await exit_code(operator) == 0
    assert (await idle_world.api.get(f"{leases}/seatwarden-operator"))["spec"] == held


async def test_leader_whose_lease_another_has_ends_with_exit_code_1(idle_world: World, said: Said) -> None:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{idle_world.namespace}/leases/seatwarden-operator"
    admin = {"kubeconfig": idle_world.cluster.kubeconfig(), "election_namespace": idle_world.namespace}
    operator = asyncio.create_task(run_operator(idle_world.settings(**admin, election_lease=3)))
    await until_said(said, "listed")
    usurped = [{"op": "add", "path": "/spec/holderIdentity", "value": "usurper"}]
    await idle_world.api.patch(path, usurped)

    assert await exit_code(operator) == 1
    assert (await idle_world.api.get(path))["spec"]["holderIdentity"] == "usurper"


async def test_running_operator_answers_probes_and_scrapes(idle_world: World, said: Said) -> None:
    await idle_world.start_operator()
    pool = await idle_world.customer()
    port = (await until_said(said, "operator started"))["health_port"]
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        for path in ("/livez", "/readyz"):
            async with http.get(path) as answer:
                assert (answer.status, await answer.text()) == (200, "ok\n")
        async with http.get("/metrics") as answer:
            metrics = await answer.text()
    assert "seatwarden_leading 1.0" in metrics
    assert f'seatwarden_objects{{kind="{pool.kind}"}} 1.0' in metrics
    assert 'seatwarden_seats{what="capacity"}' in metrics


async def test_without_election_a_later_start_is_a_later_term_and_a_still_later_one_is_outdone() -> None:
    term = TermOfOffice(elector=None, own=100)
    assert term.number() == 100
    await term.confirm(StaleTerm("pool p was configured in term 250", held=250))
    assert term.number() == 251


async def test_with_election_a_stale_term_is_outdone_only_while_the_lease_is_held(idle_world: World) -> None:
    settings = ElectionSettings(namespace=idle_world.namespace, identity="a")
    elector = Elector(idle_world.api, settings, clock=time.monotonic, now=lambda: datetime.now(UTC))
    await elector.acquire()
    term = TermOfOffice(elector=elector, own=0)
    assert term.number() == elector.term

    await term.confirm(stale := StaleTerm("etcd was restored", held=elector.term + 500))
    assert term.number() == elector.term + 501
    path = f"/apis/coordination.k8s.io/v1/namespaces/{idle_world.namespace}/leases/seatwarden-operator"
    await idle_world.api.patch(path, [{"op": "add", "path": "/spec/holderIdentity", "value": "b"}])
    with pytest.raises(NotLeading, match="etcd was restored"):
        await term.confirm(stale)
