"""A real Kubernetes control plane on loopback: etcd, kube-apiserver and kube-controller-manager. No nodes, no
pods.

What a cluster would be asked about is real: RBAC, CRDs with CEL, admission, aggregation, watches, garbage
collection, namespace deletion. etcd listens on a Unix socket only, so one TCP port is needed in all, for the
API server. etcd does not wait for the disk: a power cut may lose the state, a killed process does not.
"""

import asyncio
import contextlib
import fcntl
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import IO

import aiohttp

from seatwarden.local import plane_commands
from seatwarden.local.loopback import LOOPBACK, START_ATTEMPTS, free_port, is_free
from seatwarden.local.plane_access import PlaneAccess
from seatwarden.local.plane_files import prepare_state_folder
from seatwarden.local.processes import Child, LocalServerError, ProcessGroup, tail
from seatwarden.local.toolchain import Tools

_READY_SECONDS = 60.0
_LOOK_SECONDS = 0.05
_ETCD_STOP_SECONDS = 5.0


class ControlPlane:
    """The processes of one control plane. Made by `start`; gone after `stop`, and at the latest with our
    program.
    """

    def __init__(
        self, *, access: PlaneAccess, group: ProcessGroup, etcd: Child, lock: IO[str], keep: bool
    ) -> None:
        self.access = access
        self._group = group
        self._etcd = etcd
        self._lock = lock
        self._keep = keep

    @classmethod
    async def start(cls, tools: Tools, state: Path | None = None) -> "ControlPlane":
        """Start a control plane and wait until it is ready, about 4 seconds.

        With ``state``, a folder that keeps the cluster, its certificates and its kubeconfigs from one run to
        the next; otherwise everything is temporary. Raises `LocalServerError` when it does not become ready
        within a minute; nothing is left running then.
        """
        folder = _state_folder(state)
        lock = _own(folder)
        group = ProcessGroup()
        try:
            etcd, access = await _start_processes(tools, folder, group)
        except BaseException:
            group.kill()
            lock.close()
            if state is None:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        return cls(access=access, group=group, etcd=etcd, lock=lock, keep=state is not None)

    def stop(self) -> None:
        """End all processes. A temporary state folder goes with them; a named one stays."""
        if self._keep:
            # etcd last and gently: it would otherwise replay its log at the next start.
            for child in self._group.children:
                if child is not self._etcd:
                    child.kill()
            self._etcd.terminate(limit_seconds=_ETCD_STOP_SECONDS)
        self._group.kill()
        self._lock.close()
        if not self._keep:
            shutil.rmtree(self.access.state, ignore_errors=True)


@contextlib.asynccontextmanager
async def control_plane(tools: Tools, state: Path | None = None) -> AsyncIterator[PlaneAccess]:
    """A control plane for as long as the block lasts. Parameters and errors are those of
    `ControlPlane.start`.
    """
    plane = await ControlPlane.start(tools, state)
    try:
        yield plane.access
    finally:
        plane.stop()


def _state_folder(named: Path | None) -> Path:
    return Path(tempfile.mkdtemp(prefix="seatwarden-")) if named is None else named.absolute()


def _own(folder: Path) -> IO[str]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = (folder / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise LocalServerError(
            f"Another local control plane is using the state folder {folder}."
            " Stop that one, or name another folder."
        ) from None
    return lock


async def _start_processes(tools: Tools, folder: Path, group: ProcessGroup) -> tuple[Child, PlaneAccess]:
    # Not in a thread: that would go on writing into the folder while a cancelled start removes it.
    prepare_state_folder(folder)
    etcd = group.start(plane_commands.etcd(tools), name="etcd", log=folder / "logs" / "etcd.log", cwd=folder)
    await _until_listening(etcd, folder / plane_commands.ETCD_SOCKET)
    access = await _start_api_server(tools, folder, group, etcd)
    group.start(
        plane_commands.controller_manager(tools, access.kubeconfig()),
        name="kube-controller-manager",
        log=folder / "logs" / "kube-controller-manager.log",
        cwd=folder,
    )
    return etcd, access


async def _start_api_server(tools: Tools, folder: Path, group: ProcessGroup, etcd: Child) -> PlaneAccess:
    last = _last_port(folder)
    candidates = [last] if last is not None and is_free(last) else []
    for attempt in range(1, START_ATTEMPTS + 1):
        port = candidates.pop() if candidates else free_port()
        access = PlaneAccess(state=folder, server=f"https://{LOOPBACK}:{port}", kubectl_program=tools.kubectl)
        access.write()
        log = folder / "logs" / "kube-apiserver.log"
        log.unlink(missing_ok=True)
        server = group.start(
            plane_commands.api_server(tools, port), name="kube-apiserver", log=log, cwd=folder
        )
        try:
            await _until_ready(access, server, etcd)
        except LocalServerError:
            if attempt == START_ATTEMPTS or "address already in use" not in tail(log):
                raise
        else:
            return access
    raise AssertionError("the last attempt returns or raises")


def _last_port(folder: Path) -> int | None:
    try:
        return int(PlaneAccess.read(folder).server.rpartition(":")[2])
    except FileNotFoundError:
        return None


async def _until_listening(server: Child, socket: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not _has_socket(socket):
        _check(server, deadline)
        await asyncio.sleep(_LOOK_SECONDS)


def _has_socket(path: Path) -> bool:
    return path.is_socket()


async def _until_ready(access: PlaneAccess, server: Child, etcd: Child) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    async with access.session() as session:
        while not await _is_ready(session):
            _check(etcd, deadline)
            _check(server, deadline)
            await asyncio.sleep(_LOOK_SECONDS)
    _check(server, deadline)


async def _is_ready(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("/readyz") as answer:
            return answer.status == HTTPStatus.OK
    except (aiohttp.ClientError, TimeoutError):
        return False


def _check(server: Child, deadline: float) -> None:
    status = server.exit_status()
    if status is not None:
        raise server.failure(f"ended with status {status} while the control plane was starting")
    if time.monotonic() > deadline:
        raise server.failure(f"was not ready after {_READY_SECONDS:.0f} seconds")
