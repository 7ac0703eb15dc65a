"""All of Seatwarden on one machine: a control plane (or the user's cluster), Valkey, the operator and the endpoint.

The operator and the endpoint run as the processes that they are in production, the operator with no more
rights than there.
"""

import asyncio
import base64
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from seatwarden.backends.installation_keys import KEY_BYTES
from seatwarden.local.control_plane import control_plane
from seatwarden.local.identities import OPERATOR
from seatwarden.local.loopback import LOOPBACK, free_port, is_free
from seatwarden.local.processes import Child, LocalServerError, ProcessGroup
from seatwarden.local.toolchain import Tools
from seatwarden.local.valkey import Valkey, ValkeyOptions, valkey_server
from seatwarden.resources.names import LICENCE_KEY_FIELD, licence_key_secret
from seatwarden.runtime.given_cluster import GivenCluster, operator_kubeconfig, write_private
from seatwarden.runtime.installation import install_system
from seatwarden.runtime.kubectl import Kubectl
from seatwarden.runtime.step_progress import StepProgress

READY_SECONDS = 30.0
STOP_SECONDS = 10.0
STATUS_INTERVAL = 1.0
"""Seconds that numbers in the tables may be old; production has ten times that."""
USUAL_PORT = 8080
_LOOK_SECONDS = 0.05
_OURS = "SEATWARDEN_"


@dataclass(frozen=True, slots=True, kw_only=True)
class DevSettings:
    """``given`` None means a control plane of our own. ``folder`` is kept from run to run where ``keep`` is
    set. ``endpoint_port`` None is the usual one if it is free, and 0 any free one. ``kms_endpoint`` None is Google's.
    """

    folder: Path
    keep: bool = False
    given: GivenCluster | None = None
    endpoint_port: int | None = None
    kms_endpoint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceKeyFiles:
    """The licence key of a pool, in files that only this user can read: alone, and as an HTTP header."""

    key: Path
    header: Path

    @property
    def text(self) -> str:
        """The key itself."""
        return self.key.read_text().strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class DevStack:
    """What runs, and how to speak to it."""

    kubectl: Kubectl
    endpoint: str
    folder: Path
    valkey: Valkey
    operator: Child
    serve: Child

    @property
    def logs(self) -> Path:
        """The folder of the logs that are not the control plane's."""
        return self.operator.log.parent

    async def write_licence_key(self, namespace: str, pool: str) -> LicenceKeyFiles:
        """Put the licence key of a pool where programs and curl can read it.

        Raises:
            KubectlFailed: there is no such Secret, or it may not be read.
        """
        field = f"jsonpath={{.data.{LICENCE_KEY_FIELD}}}"
        secret = licence_key_secret(pool)
        found = await self.kubectl.run("get", "secret", secret, "--namespace", namespace, "-o", field)
        key = base64.b64decode(found).decode()
        paths = LicenceKeyFiles(key=self.folder / f"{pool}.key", header=self.folder / f"{pool}.header")
        write_private(paths.key, f"{key}\n")
        write_private(paths.header, f"Authorization: Bearer {key}\n")
        return paths

    def check_alive(self) -> None:
        """Raise `LocalServerError` where the operator or the endpoint has ended by itself."""
        for child in (self.operator, self.serve):
            if (status := child.exit_status()) is not None:
                raise child.failure(f"ended by itself with status {status}")


@asynccontextmanager
async def dev_stack(
    settings: DevSettings, tools: Tools | None, progress: StepProgress
) -> AsyncIterator[DevStack]:
    """Start it all and wait until it works; leaving the block stops it all.

    Raises:
        LocalServerError: a server did not start; the text names its log.
        KubectlFailed: the cluster refused what is needed.
    """
    folder = settings.folder
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    port = _endpoint_port(settings.endpoint_port)
    async with AsyncExitStack() as exits:
        with progress.step("Valkey"):
            valkey = await exits.enter_async_context(valkey_server(_valkey_options(settings)))
        programs = _Programs(exits.enter_context(ProcessGroup()), logs, valkey, durable=settings.keep)
        exits.callback(programs.stop)
        # It needs no cluster, so it starts while the control plane does.
        programs.share_installation_key(folder / "installation.key")
        serve = programs.start("endpoint", "serve", "--listen", f"{LOOPBACK}:{port}", "--drain-seconds", "0")
        kubectl, identity = await _cluster(settings, tools, exits, progress)
        endpoint = f"http://{LOOPBACK}:{port}"
        with progress.step("operator and endpoint"):
            health = free_port()
            operator = programs.start(
                *("operator", "operator", *identity, "--status-interval", str(STATUS_INTERVAL)),
                *("--health-host", LOOPBACK, "--health-port", str(health)),
                *(() if settings.kms_endpoint is None else ("--kms-endpoint", settings.kms_endpoint)),
            )
            await _until_ready(serve, f"{endpoint}/readyz")
            await _until_ready(operator, f"http://{LOOPBACK}:{health}/readyz")
        yield DevStack(
            kubectl=kubectl, endpoint=endpoint, folder=folder, valkey=valkey, operator=operator, serve=serve
        )


def _endpoint_port(wanted: int | None) -> int:
    if wanted is None:
        return USUAL_PORT if is_free(USUAL_PORT) else free_port()
    if wanted and not is_free(wanted):
        raise LocalServerError(
            f"Port {wanted} is in use by another program. Name another one with --endpoint-port, or none."
        )
    return wanted or free_port()


def _valkey_options(settings: DevSettings) -> ValkeyOptions:
    return ValkeyOptions(
        folder=settings.folder / "valkey",
        append_only=settings.keep,
        password=secrets.token_urlsafe(),
        extra={"maxmemory-policy": "noeviction"},
    )


async def _cluster(
    settings: DevSettings, tools: Tools | None, exits: AsyncExitStack, progress: StepProgress
) -> tuple[Kubectl, tuple[str, ...]]:
    """The cluster with all that the operator needs in it, and the options with which the operator gets there."""
    given = settings.given
    if given is not None:
        with progress.step("definitions and rights"):
            await install_system(given.kubectl)
            kubeconfig = await operator_kubeconfig(given, settings.folder)
        return given.kubectl, ("--kubeconfig", str(kubeconfig))
    assert tools is not None, "without a cluster of the user's the tools were made"
    with progress.step("Kubernetes control plane"):
        access = await exits.enter_async_context(control_plane(tools, settings.folder / "cluster"))
    kubectl = Kubectl(
        program=access.kubectl_program,
        kubeconfig=str(access.kubeconfig()),
        cache=settings.folder / "cluster" / "kubectl",
    )
    with progress.step("definitions and rights"):
        await install_system(kubectl)
    # Nobody else can be the operator here, so a Lease that a killed run left behind is ours again at once.
    return kubectl, ("--kubeconfig", str(access.kubeconfig(OPERATOR)), "--identity", "seatwarden-dev")


class _Programs:
    """Our own commands as child processes."""

    def __init__(self, group: ProcessGroup, logs: Path, valkey: Valkey, *, durable: bool) -> None:
        self._group = group
        self._logs = logs
        # What the user has set for another installation is not meant for this one.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        self._environment = inherited | {"SEATWARDEN_REDIS_URL": valkey.url}
        if durable:
            self._environment["SEATWARDEN_DURABILITY"] = "fsync"

    def share_installation_key(self, path: Path) -> None:
        """Give all programs that are started from now on the installation's key in ``path``, made if there is none."""
        if not path.exists():
            write_private(path, f"{secrets.token_hex(KEY_BYTES)}\n")
        self._environment["SEATWARDEN_INSTALLATION_KEY_FILE"] = str(path)

    def start(self, name: str, *words: str) -> Child:
        """Start ``seatwarden`` with ``words``; ``name`` is for people."""
        log = self._logs / f"{name}.log"
        log.unlink(missing_ok=True)
        command = [sys.executable, "-m", "seatwarden", *words]
        return self._group.start(command, name=f"The {name}", log=log, cwd=self._logs, env=self._environment)

    def stop(self) -> None:
        """SIGTERM to all of them, and wait until they have ended."""
        for child in self._group.children:
            if child.exit_status() is None:
                child.popen.terminate()
        for child in self._group.children:
            child.terminate(limit_seconds=STOP_SECONDS)


async def _until_ready(child: Child, url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2.0)) as session:
        while not await _answers(session, url):
            if (status := child.exit_status()) is not None:
                raise child.failure(f"ended at once with status {status}")
            if time.monotonic() > deadline:
                raise child.failure(f"was not ready within {READY_SECONDS:.0f} s")
            await asyncio.sleep(_LOOK_SECONDS)


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.ok
    except (aiohttp.ClientError, TimeoutError):
        return False
