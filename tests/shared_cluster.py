"""One control plane for a whole test run, however many workers it has; started when the first test asks for
it.

The process that the run was started with owns it (workers come and go in no fixed order) and listens on a
Unix socket. Whoever connects gets one line of JSON: the state folder of the running control plane, or why
there is none.
"""

import asyncio
import contextlib
import json
import shutil
import socket
import tempfile
import threading
from pathlib import Path

from seatwarden.local.control_plane import ControlPlane
from seatwarden.local.crd_installation import install_crds
from seatwarden.local.plane_access import PlaneAccess
from seatwarden.local.tool_builds import find_tools

# Others may still be waiting for the control plane to start, and the machine may be busy.
ASK_SECONDS = 100.0


class ClusterHost:
    """Owns the control plane of this test run and hands out the way to it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="seatwarden-tests-"))
        self.address = str(self._folder / "cluster.sock")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.address)
        self._listener.listen(64)
        self._plane: ControlPlane | None = None
        self._thread = threading.Thread(target=self._serve, name="cluster-host", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                asker, _ = self._listener.accept()
            except OSError:
                return
            # An asker that has gone away meanwhile misses nothing.
            with asker, contextlib.suppress(OSError):
                asker.sendall(json.dumps(self._answer()).encode() + b"\n")

    def _answer(self) -> dict[str, str]:
        try:
            if self._plane is None:
                self._plane = asyncio.run(start_cluster())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told to the test that asked
            return {"error": f"{type(error).__name__}: {error}"}
        return {"state": str(self._plane.access.state)}

    def close(self) -> None:
        """Stop handing out, and stop the control plane."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        if self._plane is not None:
            self._plane.stop()
        shutil.rmtree(self._folder)


async def start_cluster() -> ControlPlane:
    """A control plane with the custom resource definitions installed. The caller stops it."""
    tools = find_tools()
    if tools is None:
        raise FileNotFoundError("The control plane's programs are not built yet. Run `make tools` first.")
    plane = await ControlPlane.start(tools)
    try:
        async with plane.access.session() as session:
            await install_crds(session)
    except BaseException:
        plane.stop()
        raise
    return plane


def ask_for_cluster(address: str) -> PlaneAccess:
    """The way to this run's control plane, which is started if it is not running yet."""
    with socket.socket(socket.AF_UNIX) as asker:
        asker.settimeout(ASK_SECONDS)
        asker.connect(address)
        with asker.makefile() as answer:
            said = json.loads(answer.readline())
    if "error" in said:
        raise RuntimeError(said["error"])
    return PlaneAccess.read(Path(said["state"]))
