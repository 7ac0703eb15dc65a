"""The servers that the seat benchmark measures, each a process of its own, and the pools in them."""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench.cpu import children, cpu_seconds
from bench.load import http_request
from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.domain.licence_key import SECRET_BYTES, LicenceKey, new_licence_key
from seatwarden.domain.seats import (
    AcquireRequest,
    Beat,
    Grant,
    Millis,
    PoolConfig,
    PoolState,
    PoolUid,
    Refusal,
)
from seatwarden.endpoint.proofs import Proofs
from seatwarden.local.valkey import ValkeyOptions, valkey_server
from seatwarden.runtime.given_cluster import write_private

SESSIONS = "/api/v1/licenses/sessions"
HOUR = Millis(3_600_000)
KEY = secrets.token_bytes(32)
KEYS = InstallationKeys([KEY])
PROOFS = Proofs(KEYS)
ACQUIRES_AT_A_TIME = 500


@dataclass(frozen=True, slots=True)
class Server:
    """A process and the port that it serves on."""

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """CPU time of the process and its children so far."""
        return sum(map(cpu_seconds, (self.pid, *children(self.pid))))


def _no_group(_holder: int) -> str:
    return ""


@dataclass(slots=True)
class SeatPool:
    """A pool and its key."""

    uid: PoolUid
    key: LicenceKey
    authority: RedisSeatAuthority

    async def seats(self, count: int, *, begin: int = 0) -> list[Grant]:
        """Take ``count`` seats for as many holders."""
        return granted(await self.ask(range(begin, begin + count)))

    async def ask(
        self, holders: Sequence[int], *, group: Callable[[int], str] = _no_group, would_wait: bool = False
    ) -> list[Grant | Refusal]:
        """Ask for a seat for each of ``holders``; ``group`` tells which one a holder names."""
        answers: list[Grant | Refusal] = []
        for start in range(0, len(holders), ACQUIRES_AT_A_TIME):
            wishes = [
                AcquireRequest(
                    key_hash=self.key.sha256,
                    holder=holder(number),
                    group=group(number),
                    would_wait=would_wait,
                    client_version="3.2.1",
                )
                for number in holders[start : start + ACQUIRES_AT_A_TIME]
            ]
            answers += await asyncio.gather(*(self.authority.acquire(self.uid, wish) for wish in wishes))
        return answers

    async def give_back(self, grants: Sequence[Grant]) -> None:
        """Release them."""
        ends = (Beat(lease_id=grant.lease_id, fence=grant.fence) for grant in grants)
        await asyncio.gather(*(self.authority.release(self.uid, self.key.sha256, end) for end in ends))

    def request(self, method: str, path: str, body: object) -> str:
        """A request with the pool's key."""
        return http_request(method, path, body, self.key.text)

    def wish(self, number: int, *, group: str = "") -> str:
        """A wish for a seat; where it names a group, also the version of its program."""
        body = {"hardware_id": holder(number)}
        if group:
            body |= {"group": group, "client_version": "3.2.1"}
        return self.request("POST", "/api/v1/licenses/acquire", body)

    def heartbeat(self, grant: Grant) -> str:
        """A heartbeat of one lease."""
        return self.request("PATCH", f"{SESSIONS}/{grant.lease_id}/heartbeat", {"fence": grant.fence})

    def heartbeat_with_proof(self, grant: Grant, number: int) -> str:
        """One that shows the signed lease of holder ``number``, as clients do that want to survive a loss of Redis."""
        return self.request("PATCH", f"{SESSIONS}/{grant.lease_id}/heartbeat", self.proof(grant, number))

    def proof(self, grant: Grant, number: int) -> dict[str, object]:
        """The body of such a heartbeat."""
        return {"fence": grant.fence, "lease": PROOFS.of_grant(self.uid, holder(number), "", grant)}


def holder(number: int) -> str:
    """The hardware id of holder ``number``."""
    return f"{number:064x}"


def granted(answers: Sequence[Grant | Refusal]) -> list[Grant]:
    """The answers, each of which has to be a seat."""
    for answer in answers:
        assert isinstance(answer, Grant), answer
    return [answer for answer in answers if isinstance(answer, Grant)]


async def new_pool(authority: RedisSeatAuthority, *, seats: int, **policies: Any) -> SeatPool:
    """A pool of that many seats with leases of an hour, and with the ``policies``, which are fields of `PoolConfig`."""
    uid = PoolUid(str(uuid4()))
    key = new_licence_key(uid, secrets.token_bytes(SECRET_BYTES))
    config = PoolConfig(
        tenant_uid=str(uuid4()),
        generation=1,
        epoch=1,
        state=PoolState.ACTIVE,
        capacity=seats,
        lease=HOUR,
        heartbeat=Millis(120_000),
        signed_for=Millis(86_400_000),
        valid_until=None,
        key_ids={key.sha256: key.key_id},
        document='{"entitlements":{"export":true},"plan":"Team"}',
        **policies,
    )
    await authority.configure(uid, config, term=1)
    return SeatPool(uid, key, authority)


@dataclass(slots=True)
class World:
    """Redis, the bare server, and an endpoint."""

    redis: Server
    redis_url: str
    bare: Server
    naive_port: int
    endpoint: Server
    authority: RedisSeatAuthority
    key_file: Path


@contextlib.asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Everything started, for as long as the block lasts. Redis is Debian's where it is on the PATH."""
    found = shutil.which("redis-server")
    async with valkey_server(ValkeyOptions(program=None if found is None else Path(found))) as redis:
        authority = RedisSeatAuthority.connect(redis.url, keys=KEYS, time_limit_seconds=10)
        with (
            key_in_a_file() as key_file,
            bare_server(redis.url) as (bare, naive_port),
            endpoint(redis.url, key_file) as served,
        ):
            try:
                yield World(
                    Server(redis.pid, redis.port), redis.url, bare, naive_port, served, authority, key_file
                )
            finally:
                await authority.close()


@contextlib.contextmanager
def key_in_a_file() -> Iterator[Path]:
    """The installation's key as the endpoint reads it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "installation.key"
        write_private(path, KEY.hex())
        yield path


@contextlib.contextmanager
def bare_server(redis_url: str) -> Iterator[tuple[Server, int]]:
    """The reference server, and the port of the naive endpoint."""
    environment = os.environ | {"SEATWARDEN_REDIS_URL": redis_url}
    with _process([sys.executable, "-m", "bench.bare_server"], environment) as process:
        assert process.stdout is not None
        port, naive = map(int, process.stdout.readline().split())
        yield Server(process.pid, port), naive


@contextlib.contextmanager
def endpoint(redis_url: str, key_file: Path | None, *, workers: int = 1) -> Iterator[Server]:
    """`seatwarden serve` with that many workers, and all that it can do switched on; without a key it signs nothing."""
    command = [sys.executable, "-m", "seatwarden", "serve", "--listen", "127.0.0.1:0", "--drain-seconds", "0"]
    command += [] if key_file is None else ["--installation-key-file", str(key_file)]
    environment = os.environ | {"SEATWARDEN_REDIS_URL": redis_url}
    with _process([*command, "--workers", str(workers)], environment, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        port = serving = 0
        while serving < workers:
            line = json.loads(process.stderr.readline())
            if line["event"] == "serving seats":
                port, serving = line["port"], serving + 1
        yield Server(process.pid, port)


@contextlib.contextmanager
def _process(
    command: list[str], environment: dict[str, str], *, stderr: int | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
