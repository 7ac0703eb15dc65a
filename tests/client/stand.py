"""An endpoint that can be stopped and started again at its address, and what its pool looks like."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.client import AsyncClient, Client
from seatwarden.domain.identity_token import IDENTITY_KEY_ID, identity_key_hash
from seatwarden.domain.seats import Millis, SessionPage, SessionRow
from seatwarden.domain.trust import Door
from seatwarden.endpoint.application import create_app
from seatwarden.endpoint.server import SeatServer, start_server
from tests.endpoint.pools import LEASE, Pool, make_pool
from tests.identity_tokens import TestIssuer

KEYS = InstallationKeys([bytes(32)])
POOL_NAME = "team-a/dev"
HOLDER, OTHER = "ab" * 32, "cd" * 32
PATIENCE_SECONDS = 40.0


@dataclass
class Stand:
    """The endpoint at ``url`` and its pool; ``clients`` are closed with it."""

    seats: RedisSeatAuthority
    pool: Pool
    server: SeatServer | None = None
    port: int = 0
    closing: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    @property
    def url(self) -> str:
        """Where the endpoint is."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Serve, at the same port as before."""
        app = create_app(
            self.seats,
            keys=KEYS,
            identities=self.seats.identities(),
            documents=self.seats.documents(),
            spread=lambda: 0.5,
        )
        self.server = await start_server(app, host="127.0.0.1", port=self.port)
        self.port = self.server.port

    async def stop(self) -> None:
        """Serve no more: connections are refused."""
        if self.server is not None:
            await self.server.close()
            self.server = None

    def client(self, url: str | None = None) -> Client:
        """A sync client. Use it in another thread: the endpoint is served in this one."""
        made = Client(url or self.url, license_key=self.pool.key.text)
        self.closing.callback(made.close)
        return made

    def async_client(self, url: str | None = None) -> AsyncClient:
        """An async client."""
        made = AsyncClient(url or self.url, license_key=self.pool.key.text)
        self.closing.push_async_callback(made.aclose)
        return made

    async def admit(self, issuer: TestIssuer, *subjects: str) -> None:
        """Have the pool opened, under the name `POOL_NAME`, by tokens of ``issuer`` for these subjects."""
        said, tenant = self.seats.identities(), "tenant-of-the-stand"
        keys = {self.pool.key.sha256: self.pool.key.key_id}
        await self.pool.configure(key_ids=keys | {identity_key_hash(self.pool.uid): IDENTITY_KEY_ID})
        await said.say_trust(tenant, (issuer.trusted(*subjects),), term=1)
        namespace, _, name = POOL_NAME.partition("/")
        await said.open_door(namespace, name, Door(self.pool.uid, tenant), term=1)

    async def sessions(self) -> list[SessionRow]:
        """The live leases."""
        page = await self.seats.sessions(self.pool.uid, self.pool.key.sha256, limit=10, cursor=None)
        assert isinstance(page, SessionPage)
        return list(page.rows)

    def environment(self) -> dict[str, str]:
        """What a program needs to find the endpoint."""
        return {
            "SEATWARDEN_URL": self.url,
            "SEATWARDEN_LICENSE_KEY": self.pool.key.text,
            "SEATWARDEN_HOLDER": HOLDER,
        }


async def until(so: Callable[[], bool]) -> None:
    """Return when it is so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not so():  # noqa: ASYNC110  what is waited for may be in another thread
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def stand_on(redis_url: str, *, seats: int = 1, lease: Millis = LEASE) -> AsyncIterator[Stand]:
    """A stand on that Redis, for as long as the block lasts."""
    authority = RedisSeatAuthority.connect(
        redis_url, keys=KEYS, serves=True, time_limit_seconds=PATIENCE_SECONDS
    )
    try:
        pool = await make_pool(authority, seats=seats, lease=lease)
        await authority.note_provisioned()
        stand = Stand(authority, pool)
        await stand.start()
        async with stand.closing:
            yield stand
        await stand.stop()
    finally:
        await authority.close()
