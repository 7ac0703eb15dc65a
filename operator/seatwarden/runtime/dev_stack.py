"""All of Seatwarden on one machine: a control plane (or the user's cluster), Valkey, the operator and the endpoint.

The operator and the endpoint run as the processes that they are in production, the operator with no more rights than there.
"""

import asyncio
import base64
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml

from seatwarden.local.control_plane import control_plane
from seatwarden.local.crd_installation import packaged_definitions
from seatwarden.local.identities import OPERATOR
from seatwarden.local.loopback import LOOPBACK, free_port
from seatwarden.local.processes import Child, ProcessGroup
from seatwarden.local.toolchain import Tools
from seatwarden.local.valkey import Valkey, ValkeyOptions, valkey_server
from seatwarden.resources.names import LICENCE_KEY_FIELD, licence_key_secret
from seatwarden.resources.permissions import operator_manifests
from seatwarden.runtime.kubectl import Kubectl

READY_SECONDS = 30.0
STOP_SECONDS = 10.0
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class DevSettings:
    """``cluster`` None means a control plane of our own. ``state`` None means that nothing is kept."""

    folder: Path
    state: Path | None = None
    cluster: Kubectl | None = None
    endpoint_port: int | None = None
    status_interval: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DevStack:
    """What runs, and how to speak to it."""

    kubectl: Kubectl
    endpoint: str
    folder: Path
    valkey: Valkey
    operator: Child
    serve: Child

    async def apply(self, manifests: str) -> None:
        """Server-side apply, as kubectl does it."""
        await self.kubectl.run("apply", "--server-side", "-f", "-", stdin=manifests)

    async def write_licence_key(self, namespace: str, pool: str) -> Path:
        """Put the licence key of a pool into a file that only this user can read, and return its path."""
        field = LICENCE_KEY_FIELD.replace(".", r"\.")
        words = (
            "get",
            "secret",
            licence_key_secret(pool),
            "-n",
            namespace,
            "-o",
            f"jsonpath={{.data.{field}}}",
        )
        key = base64.b64decode(await self.kubectl.run(*words)).decode()
        path = self.folder / f"{pool}.key"
        path.touch(mode=0o600)
        path.write_text(key + "\n")
        return path

    def check_alive(self) -> None:
        """Raise `LocalServerError` where the operator or the endpoint has ended by itself."""
        for child in (self.operator, self.serve):
            if (status := child.exit_status()) is not None:
                raise child.failure(f"ended by itself with status {status}")


@asynccontextmanager
async def dev_stack(settings: DevSettings, tools: Tools | None) -> AsyncIterator[DevStack]:
    """Start it all and wait until it works; leaving the block stops it all.

    Raises:
        LocalServerError: a server did not start; the text names its log.
        KubectlFailed: the cluster refused what is needed.
    """
    async with AsyncExitStack() as stack:
        folder = settings.folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        valkey_folder = settings.state / "valkey" if settings.state is not None else None
        options = ValkeyOptions(
            folder=valkey_folder, append_only=True, extra={"maxmemory-policy": "noeviction"}
        )
        valkey = await stack.enter_async_context(valkey_server(options))
        kubectl, operator_kubeconfig, context = await _cluster(settings, tools, stack)
        await _prepare(kubectl)
        group = stack.enter_context(ProcessGroup())
        environment = os.environ | {"SEATWARDEN_REDIS_URL": valkey.url}
        port = settings.endpoint_port or free_port()
        program = [sys.executable, "-m", "seatwarden"]
        serve = group.start(
            [*program, "serve", "--listen", f"{LOOPBACK}:{port}", "--drain-seconds", "0"],
            name="the endpoint",
            log=folder / "serve.log",
            cwd=folder,
            env=environment,
        )
        health = free_port()
        operator = group.start(
            [
                *(*program, "operator", "--kubeconfig", str(operator_kubeconfig), *context),
                *("--health-host", LOOPBACK, "--health-port", str(health)),
                *("--status-interval", str(settings.status_interval)),
            ],
            name="the operator",
            log=folder / "operator.log",
            cwd=folder,
            env=environment,
        )
        stack.callback(_stop, operator, serve)
        endpoint = f"http://{LOOPBACK}:{port}"
        await _until_ready(serve, f"{endpoint}/readyz")
        await _until_ready(operator, f"http://{LOOPBACK}:{health}/readyz")
        yield DevStack(
            kubectl=kubectl, endpoint=endpoint, folder=folder, valkey=valkey, operator=operator, serve=serve
        )


async def _cluster(
    settings: DevSettings, tools: Tools | None, stack: AsyncExitStack
) -> tuple[Kubectl, Path, tuple[str, ...]]:
    """The cluster, the operator's way to it, and the context that the operator is to use."""
    if settings.cluster is not None:
        given = settings.cluster
        return given, given.kubeconfig, ("--context", given.context) if given.context else ()
    assert tools is not None, "without a cluster of the user's the tools were made"
    state = settings.state / "cluster" if settings.state is not None else None
    access = await stack.enter_async_context(control_plane(tools, state))
    return Kubectl(access.kubectl_program, access.kubeconfig()), access.kubeconfig(OPERATOR), ()


async def _prepare(kubectl: Kubectl) -> None:
    definitions = packaged_definitions()
    await kubectl.run(
        "apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all([*definitions, *operator_manifests()])
    )
    names = [f"crd/{definition['metadata']['name']}" for definition in definitions]
    deadline = time.monotonic() + READY_SECONDS
    # `kubectl wait` fails at once where a definition has no conditions yet.
    while True:
        found = json.loads(await kubectl.run("get", *names, "-o", "json"))
        if all(_is_established(item) for item in found["items"]) or time.monotonic() > deadline:
            return
        await asyncio.sleep(_LOOK_SECONDS)


def _is_established(definition: dict[str, dict[str, list[dict[str, str]]]]) -> bool:
    conditions = definition.get("status", {}).get("conditions") or []
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)


async def _until_ready(child: Child, url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2.0)) as session:
        while True:
            try:
                async with session.get(url) as response:
                    if response.ok:
                        return
            except (aiohttp.ClientError, TimeoutError):
                pass
            if (status := child.exit_status()) is not None:
                raise child.failure(f"ended at once with status {status}")
            if time.monotonic() > deadline:
                raise child.failure(f"was not ready within {READY_SECONDS:.0f} s")
            await asyncio.sleep(_LOOK_SECONDS)


def _stop(*children: Child) -> None:
    for child in children:
        if child.exit_status() is None:
            child.popen.terminate()
    for child in children:
        child.terminate(limit_seconds=STOP_SECONDS)
