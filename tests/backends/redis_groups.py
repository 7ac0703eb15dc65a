"""Redis in groups for the tests: a master with a replica and Sentinels, and a Cluster. Made of real servers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from seatwarden.local.loopback import LOOPBACK, free_port
from seatwarden.local.processes import Child, ProcessGroup
from seatwarden.local.valkey import Valkey, ValkeyOptions, bundled_server

SLOTS = 16384
MASTERS = 3
NODE_TIMEOUT_MILLISECONDS = 1000


async def until(true: Callable[[], Any], seconds: float = 30) -> None:
    """Wait until the coroutine function ``true`` gives something true."""
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110  # seen from outside only
            await asyncio.sleep(0.05)


@dataclass
class Sentinels:
    """A master, a replica, and three Sentinels that fail over after a second; both servers change places then."""

    master: Valkey
    replica: Valkey
    ports: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The URL through the Sentinels."""
        hosts = ",".join(f"{LOOPBACK}:{port}" for port in self.ports)
        return f"redis+sentinel://{hosts}/seats/0"

    async def in_step(self) -> bool:
        """Has the one that is master now a replica that has all of it?"""
        for server in (self.master, self.replica):
            with contextlib.suppress(OSError, RedisError):
                if await ask(server.port, "WAIT", 1, 100):
                    return True
        return False


def _client(port: int) -> "Redis":
    return Redis(host=LOOPBACK, port=port, socket_timeout=5)


async def ask(port: int, *words: Any) -> Any:
    """One command to one server."""
    async with _client(port) as client:
        command: Any = client.execute_command
        return await command(*words)


@contextlib.asynccontextmanager
async def sentinels(folder: Path, program: Path | None) -> AsyncIterator[Sentinels]:
    """Sentinels that agree, for as long as the block lasts."""
    extra = {"repl-diskless-sync-delay": "0", "repl-ping-replica-period": "1"}
    master = Valkey(ValkeyOptions(program=program, extra=extra))
    replica = Valkey(ValkeyOptions(program=program, extra=extra))
    group = ProcessGroup()
    try:
        await master.start()
        await replica.start()
        await ask(replica.port, "REPLICAOF", LOOPBACK, master.port)
        world = Sentinels(master, replica)
        for number in range(3):
            world.ports.append(_start_sentinel(group, folder / f"sentinel-{number}", master.port, program)[1])

        async def agree() -> bool:
            try:
                states = [await ask(port, "SENTINEL", "MASTER", "seats") for port in world.ports]
            except (OSError, Exception):  # noqa: BLE001  # a server that is starting can say many things
                return False
            seen = [_fields(state) for state in states]
            return all(one["num-other-sentinels"] == "2" and one["num-slaves"] == "1" for one in seen)

        await until(agree)
        await until(world.in_step)
        yield world
    finally:
        group.kill()
        master.close()
        replica.close()


def _fields(state: Any) -> dict[str, str]:
    if isinstance(state, dict):
        return {_text(name): _text(value) for name, value in state.items()}
    return {_text(name): _text(value) for name, value in zip(state[::2], state[1::2], strict=True)}


def _text(word: Any) -> str:
    return word.decode() if isinstance(word, bytes) else str(word)


def _start_sentinel(
    group: ProcessGroup, folder: Path, master: int, program: Path | None
) -> tuple[Child, int]:
    folder.mkdir()
    port = free_port()
    configuration = folder / "sentinel.conf"
    configuration.write_text(
        f"bind {LOOPBACK}\nport {port}\n"
        f"sentinel monitor seats {LOOPBACK} {master} 2\n"
        "sentinel down-after-milliseconds seats 1000\nsentinel failover-timeout seats 3000\n"
    )
    command: list[str | Path] = [program or bundled_server(), configuration, "--sentinel"]
    return group.start(command, name="Sentinel", log=folder / "log", cwd=folder), port


@dataclass
class Cluster:
    """Three masters and as many replicas."""

    nodes: list[Valkey]

    @property
    def url(self) -> str:
        """The URL by two of the nodes."""
        return f"redis+cluster://{LOOPBACK}:{self.nodes[0].port},{LOOPBACK}:{self.nodes[1].port}"

    def at(self, port: int) -> Valkey:
        """The node at ``port``."""
        return next(node for node in self.nodes if node.port == port)

    async def ranges(self) -> list[tuple[int, int, int]]:
        """First slot, last slot and master's port of each range, as the first node that runs has them."""
        for node in self.nodes:
            with contextlib.suppress(Exception):
                slots = await ask(node.port, "CLUSTER", "SLOTS")
                return _ranges(slots)
        raise AssertionError("no node answers")

    async def master_of(self, slot: int) -> int:
        """The port of the master that serves ``slot``."""
        return next(port for first, last, port in await self.ranges() if first <= slot <= last)

    async def move(self, slot: int, source: int, target: int) -> None:
        """Move ``slot`` between masters, as `redis-cli --cluster reshard` does."""
        source_id, target_id = (
            _text(await ask(source, "CLUSTER", "MYID")),
            _text(await ask(target, "CLUSTER", "MYID")),
        )
        await ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
        await ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
        while keys := await ask(source, "CLUSTER", "GETKEYSINSLOT", slot, 2):
            await ask(source, "MIGRATE", LOOPBACK, target, "", 0, 5000, "KEYS", *keys)
        for port in (target, source):
            await ask(port, "CLUSTER", "SETSLOT", slot, "NODE", target_id)


def _ranges(slots: Any) -> list[tuple[int, int, int]]:
    if isinstance(slots, dict):
        return [(first, last, row["primary"][1]) for (first, last), row in slots.items()]
    return [(first, last, master[1]) for first, last, master, *_ in slots]


@contextlib.asynccontextmanager
async def cluster(program: Path | None) -> AsyncIterator[Cluster]:
    """A Cluster that is up, for as long as the block lasts."""
    nodes: list[Valkey] = []
    buses: list[int] = []
    try:
        for _ in range(2 * MASTERS):
            buses.append(free_port())
            extra = {
                "cluster-enabled": "yes",
                "cluster-port": str(buses[-1]),
                "cluster-node-timeout": str(NODE_TIMEOUT_MILLISECONDS),
                "cluster-replica-validity-factor": "0",
                "repl-diskless-sync-delay": "0",
            }
            nodes.append(Valkey(ValkeyOptions(program=program, extra=extra)))
        await asyncio.gather(*(node.start() for node in nodes))
        await _join(nodes, buses)
        yield Cluster(nodes)
    finally:
        for node in nodes:
            node.close()


async def _join(nodes: list[Valkey], buses: list[int]) -> None:
    share = -(-SLOTS // MASTERS)
    for number, node in enumerate(nodes[:MASTERS]):
        await ask(node.port, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        last = min((number + 1) * share, SLOTS) - 1
        await ask(node.port, "CLUSTER", "ADDSLOTSRANGE", number * share, last)
    for node, bus in zip(nodes[1:], buses[1:], strict=True):
        await ask(nodes[0].port, "CLUSTER", "MEET", LOOPBACK, node.port, bus)

    async def all_met() -> bool:
        known = [_info(await ask(node.port, "CLUSTER", "INFO"))["cluster_known_nodes"] for node in nodes]
        return set(known) == {str(len(nodes))}

    await until(all_met)
    for number, node in enumerate(nodes[MASTERS:]):
        master = _text(await ask(nodes[number].port, "CLUSTER", "MYID"))
        await ask(node.port, "CLUSTER", "REPLICATE", master)

    async def all_up() -> bool:
        infos = [_info(await ask(node.port, "CLUSTER", "INFO")) for node in nodes]
        links = [await ask(node.port, "INFO", "replication") for node in nodes[MASTERS:]]
        return all(info["cluster_state"] == "ok" for info in infos) and all(
            link["master_link_status"] == "up" for link in links
        )

    await until(all_up)


def _info(said: Any) -> dict[str, str]:
    if isinstance(said, dict):
        return {_text(name): _text(value) for name, value in said.items()}
    return dict(line.split(":", 1) for line in _text(said).split())
