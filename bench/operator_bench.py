"""SeatPools from apply to Ready, beside the rate at which the same API server takes bare status writes.

The operator runs as a process of its own under its own ServiceAccount, as in a cluster. Writes are counted by the API
server itself (`apiserver_request_total`). Two ways of arriving are timed: with the operator running while the pools are
applied, and all pools applied first (as after a long absence of the operator). The rate of bare status writes is taken
with the operator's own client, 16 callers, on pools of another namespace. A pool costs more than one write, so `ready_rate`
cannot come near it; `write_rate_until_ready` can.
"""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import click
import orjson

from bench.cpu import CpuUsed, cpu_seconds
from bench.rows import Row
from seatwarden.backends.kubernetes_api import KubernetesApi
from seatwarden.backends.kubernetes_connection import connect
from seatwarden.local.control_plane import control_plane
from seatwarden.local.identities import OPERATOR
from seatwarden.local.plane_access import PlaneAccess
from seatwarden.local.tool_builds import find_tools
from seatwarden.local.valkey import valkey_server
from seatwarden.resources.names import API_VERSION, GROUP
from seatwarden.runtime.installation import install_system
from seatwarden.runtime.kubectl import Kubectl

CALLERS = 16
SUMS_SECONDS = 12.0
POOLS_PER_SUBSCRIPTION = 10
WRITE = re.compile(r"^apiserver_request_total\{([^}]*)\} (\d+)", re.MULTILINE)
POOL_RESOURCES = {"seatpools", "secrets", "events"}


@dataclass(slots=True)
class Bench:
    """The servers of one run."""

    plane: PlaneAccess
    api: KubernetesApi
    session: aiohttp.ClientSession
    redis_url: str
    pools: int

    async def parallel(self, step: Callable[[int], Awaitable[object]], count: int) -> float:
        """Do ``step`` for 0 … count-1 with `CALLERS` at a time; return the seconds that it took."""
        numbers = iter(range(count))

        async def caller() -> None:
            for number in numbers:
                await step(number)

        started = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        return time.perf_counter() - started

    async def writes(self) -> dict[str, int]:
        """Writes that the API server has finished so far, by resource."""
        async with self.session.get("/metrics") as response:
            text = await response.text()
        totals: dict[str, int] = {}
        for labels, value in WRITE.findall(text):
            fields = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            if fields["verb"] in {"POST", "PUT", "PATCH", "APPLY", "DELETE"} and fields["code"].startswith(
                "2"
            ):
                totals[fields["resource"]] = totals.get(fields["resource"], 0) + int(value)
        return totals


async def measure(pools: int) -> list[Row]:
    """Run it all; about two minutes for 1,000 pools."""
    tools = find_tools()
    if tools is None:
        raise click.ClickException("The tools are not built yet. Run `make tools` first.")
    async with control_plane(tools) as plane, valkey_server() as valkey, plane.session() as session:
        await install_system(Kubectl(program=plane.kubectl_program, kubeconfig=str(plane.kubeconfig())))
        connection = await connect(plane.kubeconfig())
        async with connection.open_session(connections=32) as own:
            bench = Bench(
                plane, KubernetesApi(own, connection.server, writes=CALLERS), session, valkey.url, pools
            )
            rows = await _raw_status_writes(bench)
            raw = rows[0].value
            rows += await _applied_while_running(bench, raw)
            rows += await _applied_first(bench, raw)
            return rows


async def _raw_status_writes(bench: Bench) -> list[Row]:
    click.echo(f"bare status writes on {bench.pools} pools …")
    await _namespace(bench, "raw")
    await bench.parallel(lambda n: _create_pool(bench, "raw", n), bench.pools)
    used = CpuUsed()
    seconds = await bench.parallel(lambda n: _write_status(bench, n), bench.pools)
    raw = Row(name="raw_status_writes", value=bench.pools / seconds, unit="writes/s")
    return [raw, *used.rows(bench.pools, "a_status_write")]


async def _applied_while_running(bench: Bench, raw: float) -> list[Row]:
    click.echo(f"{bench.pools} pools applied while the operator runs …")
    await _customer(bench, "running")
    async with _operator(bench, "running"):
        async with _until_ready(bench, "running"):
            before, started = await bench.writes(), time.perf_counter()
            await bench.parallel(lambda n: _create_pool(bench, "running", n), bench.pools)
        seconds = time.perf_counter() - started
        written = _difference(await bench.writes(), before)
    per_pool = (sum(written[name] for name in POOL_RESOURCES & written.keys()) - bench.pools) / bench.pools
    return [
        Row(name="apply_to_ready_rate", value=bench.pools / seconds, unit="pools/s", reference=raw),
        Row(name="api_writes_per_pool", value=per_pool, unit="writes"),
    ]


async def _applied_first(bench: Bench, raw: float) -> list[Row]:
    click.echo(f"{bench.pools} pools applied first, then the operator started …")
    await _customer(bench, "first")
    await bench.parallel(lambda n: _create_pool(bench, "first", n), bench.pools)
    async with _operator(bench, "first", ready_first=False) as process:
        async with _until_ready(bench, "first"):
            before = await bench.writes()
            started, used = time.perf_counter(), CpuUsed()
        seconds = time.perf_counter() - started
        until_ready = sum(_difference(await bench.writes(), before).values())
        spent = used.rows(bench.pools, "a_ready_pool")
        await _settled(process, bench.pools)
        cpu, rss = cpu_seconds(process.pid), process.rss_megabytes()
        await _quiet(bench)
    click.echo("restart with all of them Ready …")
    before = await bench.writes()
    restarted = time.perf_counter()
    async with _operator(bench, "first", ready_first=False) as process:
        await _settled(process, bench.pools)
        restart_seconds = time.perf_counter() - restarted
        await asyncio.sleep(1)
        written = _difference(await bench.writes(), before)
    steady = sum(_without_leases(written).values())
    return [
        Row(name="ready_rate", value=bench.pools / seconds, unit="pools/s", reference=raw),
        Row(name="write_rate_until_ready", value=until_ready / seconds, unit="writes/s", reference=raw),
        *spent,
        Row(name="operator_cpu_per_pool", value=cpu * 1000 / bench.pools, unit="ms"),
        Row(name="operator_rss", value=rss, unit="MB"),
        Row(name="restart_seconds", value=restart_seconds, unit="s"),
        Row(name="restart_writes", value=steady, unit="writes"),
    ]


@dataclass(frozen=True, slots=True)
class OperatorProcess:
    """A running operator, and what it costs."""

    pid: int
    health_port: int

    def rss_megabytes(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


@asynccontextmanager
async def _operator(
    bench: Bench, namespace: str, *, ready_first: bool = True
) -> AsyncIterator[OperatorProcess]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "seatwarden", "operator", "--namespace", namespace, "--no-election"),
        *(
            "--health-host",
            "127.0.0.1",
            "--health-port",
            "0",
            "--kubeconfig",
            str(bench.plane.kubeconfig(OPERATOR)),
        ),
        env=os.environ | {"SEATWARDEN_REDIS_URL": bench.redis_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    port = 0
    async for line in process.stdout:
        if b"operator started" in line:
            port = orjson.loads(line)["health_port"]
        if port and (not ready_first or b'"listed"' in line):
            break
    drain = asyncio.create_task(_drain(process.stdout))
    try:
        yield OperatorProcess(process.pid, port)
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()
        await drain


async def _drain(stream: asyncio.StreamReader) -> None:
    async for _ in stream:
        pass


@asynccontextmanager
async def _until_ready(bench: Bench, namespace: str) -> AsyncIterator[None]:
    """Leave the block when every pool of the namespace is Ready, as a watch tells it."""
    path = f"/apis/{API_VERSION}/namespaces/{namespace}/seatpools?watch=1"
    ready: set[str] = set()
    timeout = aiohttp.ClientTimeout(total=None, sock_read=120)
    async with bench.session.get(path, timeout=timeout) as stream:
        yield
        while len(ready) < bench.pools:
            event = orjson.loads(await stream.content.readline())
            body = event["object"]
            conditions = body.get("status", {}).get("conditions", ())
            if any(item["type"] == "Ready" and item["status"] == "True" for item in conditions):
                ready.add(body["metadata"]["name"])


async def _settled(process: OperatorProcess, pools: int) -> None:
    """Wait until the operator has reconciled every pool at least once and nothing waits any more."""
    url = f"http://127.0.0.1:{process.health_port}/metrics"
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(url) as response:
                text = await response.text()
            done = re.findall(r'seatwarden_reconciles_total\{kind="SeatPool",result="ok"\} ([\d.]+)', text)
            waiting = re.findall(r"seatwarden_work_queue_length ([\d.]+)", text)
            if done and float(done[0]) >= pools and float(waiting[0]) == 0:
                return
            await asyncio.sleep(0.1)


async def _quiet(bench: Bench) -> None:
    """Wait until nothing is written any more: sums over many objects come some seconds later."""
    before: dict[str, int] = {}
    while (now := _without_leases(await bench.writes())) != before:
        before = now
        await asyncio.sleep(SUMS_SECONDS)


def _without_leases(written: dict[str, int]) -> dict[str, int]:
    """Servers renew theirs for ever."""
    return {name: count for name, count in written.items() if name != "leases"}


async def _customer(bench: Bench, namespace: str) -> None:
    await _namespace(bench, namespace)
    root = f"/apis/{API_VERSION}/namespaces/{namespace}"
    await bench.api.create(f"{root}/tenants", _object("Tenant", "customer", {}))
    for number in range(-(-bench.pools // POOLS_PER_SUBSCRIPTION)):
        spec = {
            "tenantRef": {"name": "customer"},
            "plan": {"name": "team"},
            "seats": 5 * POOLS_PER_SUBSCRIPTION,
        }
        await bench.api.create(f"{root}/subscriptions", _object("Subscription", f"s{number}", spec))


async def _namespace(bench: Bench, name: str) -> None:
    await bench.api.create("/api/v1/namespaces", {"metadata": {"name": name}})


async def _create_pool(bench: Bench, namespace: str, number: int) -> None:
    spec = {"subscriptionRef": {"name": f"s{number // POOLS_PER_SUBSCRIPTION}"}, "seats": 5}
    path = f"/apis/{API_VERSION}/namespaces/{namespace}/seatpools"
    await bench.api.create(path, _object("SeatPool", f"p{number}", spec))


async def _write_status(bench: Bench, number: int) -> None:
    """A status as the operator writes it."""
    told = {"lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1, "reason": "Succeeded"}
    status = {
        "observedGeneration": 1,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "message": "5 seats can be taken with the key in the Secret.",
                **told,
            },
            {"type": "RedisReady", "status": "True", "message": "The pool is in Redis, epoch 1.", **told},
        ],
        "capacity": 5,
        "used": 0,
        "free": 5,
        "peak": 0,
        "tenant": "customer",
        "epoch": 1,
        "selector": f"{GROUP}/pool=p{number}",
        "licenceKeySecret": f"p{number}-licence",
        "licenceKeyID": "0123456789",
    }
    body = {
        "apiVersion": API_VERSION,
        "kind": "SeatPool",
        "metadata": {"name": f"p{number}"},
        "status": status,
    }
    await bench.api.apply(f"/apis/{API_VERSION}/namespaces/raw/seatpools/p{number}/status", body)


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _difference(after: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    return {
        name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)
    }
