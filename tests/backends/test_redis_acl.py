"""The user of Redis in `examples/redis-seatwarden.acl` may do what is needed, and nothing else."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from importlib.resources import files

import pytest
from redis.asyncio import Redis

from seatwarden.backends.authority import AuthorityUnavailable
from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.backends.redis_scripts import ALL_SCRIPTS, STRIPE_SCRIPTS
from seatwarden.backends.stripe_stream import FIRST, StripeStream
from seatwarden.domain.seats import AcquireRequest, Beat, Code, Grant, Millis, PoolState, PoolUid
from seatwarden.local.valkey import Valkey, valkey_server
from tests.domain.objects import pool_config
from tests.identity_tokens import TestIssuer
from tests.workers.stripe_objects import event_about

SHIPPED = (files("seatwarden_examples") / "redis-seatwarden.acl").read_text()
PERMISSIONS = re.findall(r"\+(\S+)", SHIPPED)
_CALL = re.compile(r"(?:redis\.call|back|of_group)\('([A-Z]+)'(?:, '(CREATE|DELCONSUMER|CONSUMERS)')?")
IN_SCRIPTS = {
    "|".join(filter(None, found)).lower()
    for script in (*ALL_SCRIPTS, *STRIPE_SCRIPTS)
    for found in _CALL.findall(script.text)
}
OF_EVERY_MODE = {"evalsha", "script|exists", "script|load", "info", "client|setname"}
OF_SENTINEL, OF_CLUSTER, OF_REPLICAS = {"role"}, {"cluster|slots", "asking"}, {"wait"}
KEY = "ab" * 32


@pytest.fixture(scope="module")
def password() -> str:
    """The password that an administrator would choose."""
    return secrets.token_hex(16)


@pytest.fixture
async def server() -> AsyncIterator[Valkey]:
    """A server whose users this test may change."""
    async with valkey_server() as server:
        yield server


async def let_in(server: Valkey, password: str, *, without: str | None = None) -> str:
    """The URL of the shipped user, less one permission."""
    rules = [word for word in SHIPPED.split()[2:] if word != f"+{without}"]
    async with Redis.from_url(server.url) as client:
        await client.execute_command(  # type: ignore[no-untyped-call]  # theirs has no types
            "ACL", "SETUSER", "seatwarden", "reset", *(rule.replace("CHANGE-ME", password) for rule in rules)
        )
        await client.script_flush()
    return server.url.replace("redis://", f"redis://seatwarden:{password}@")


async def exercise(url: str) -> None:
    """Everything that is ever asked of an authority, on one pool: leases that end, expire, are taken over and purged."""
    authority = RedisSeatAuthority.connect(url, time_limit_seconds=5)
    pool = PoolUid(secrets.token_hex(8))

    async def configure(generation: int, state: PoolState, lease: int = 60_000) -> None:
        config = pool_config(
            generation=generation,
            state=state,
            capacity=3,
            lease=Millis(lease),
            heartbeat=Millis(20),
            key_ids={KEY: "key"},
        )
        await authority.configure(pool, config, term=1)

    async def seat(number: int, nonce: str = "") -> Grant:
        wish = AcquireRequest(key_hash=KEY, holder=f"{number:064x}", nonce=nonce)
        grant = await authority.acquire(pool, wish)
        assert isinstance(grant, Grant)
        return grant

    try:
        # First by its hash alone, while Redis does not know the script.
        await configure(1, PoolState.ACTIVE, lease=50)
        await authority.ready()
        for number in range(3):
            await seat(number)
        async with asyncio.timeout(10):
            while (counts := (await authority.sweep([pool]))[0]) is None or counts.live:  # noqa: ASYNC110  # seen from outside only
                await asyncio.sleep(0.02)
        await configure(2, PoolState.ACTIVE)
        await seat(1)
        grant = await seat(1, "again")
        beat = Beat(lease_id=grant.lease_id, fence=grant.fence)
        assert [one.code for one in await authority.heartbeat(pool, KEY, [beat])] == [Code.OK]
        await authority.validate(pool, KEY, holder=f"{1:064x}")
        await authority.sessions(pool, KEY, limit=10, cursor=None)
        await seat(2)
        await seat(3)
        await authority.beat_pulse()
        await authority.note_provisioned()
        await authority.acquire(pool, AcquireRequest(key_hash=KEY, holder=f"{9:064x}", idempotency_key="k"))
        await authority.acquire(pool, AcquireRequest(key_hash=KEY, holder=f"{2:064x}", idempotency_key="k"))
        await configure(3, PoolState.SUSPENDED)
        assert (await authority.release(pool, KEY, beat)).code is Code.RELEASED
        await authority.observe([pool])
        trusted = TestIssuer().trusted("job-*")
        await authority.identities().say_trust("tenant", (trusted,), term=1)
        assert await authority.identities().trust("tenant") == (trusted,)
        await authority.identities().say_trust("tenant", (), term=1)
        await authority.remove(pool)
    finally:
        await authority.close()


async def test_the_shipped_user_can_do_everything(server: Valkey, password: str) -> None:
    await exercise(await let_in(server, password))


async def test_the_shipped_user_can_follow_stripe(server: Valkey, password: str) -> None:
    stream = StripeStream.connect(await let_in(server, password))
    try:
        for number in range(3):
            await stream.append(event_about(number))
        first, second, third = await stream.take("a", last=FIRST, count=3)
        await stream.adopt("b", stale_ms=0, start=FIRST, count=9, forgotten_ms=0)
        await stream.keep("b", [first.id], tries=True)
        await stream.keep("b", [first.id])
        await stream.bury([first, second], "why")
        await stream.done([third.id])
        assert await stream.replay([letter.id for letter in await stream.dead()]) == 2
        assert (await stream.backlog()).waiting == 2
    finally:
        await stream.close()


@pytest.mark.parametrize("permission", sorted(OF_EVERY_MODE - {"client|setname"}))
async def test_without_a_permission_something_is_refused(
    server: Valkey, password: str, permission: str
) -> None:
    url = await let_in(server, password, without=permission)
    with pytest.raises(AuthorityUnavailable, match="NOPERM") as caught:
        await exercise(url)
    assert password not in str(caught.value)


def test_the_other_permissions_are_those_that_the_scripts_need() -> None:
    assert len(PERMISSIONS) == len(set(PERMISSIONS))
    assert set(PERMISSIONS) == IN_SCRIPTS | OF_EVERY_MODE | OF_SENTINEL | OF_CLUSTER | OF_REPLICAS


async def test_it_can_do_nothing_else(server: Valkey, password: str) -> None:
    url = await let_in(server, password)
    async with Redis.from_url(url) as client:
        for command in (
            ("GET", "other"),
            ("FLUSHALL",),
            ("CONFIG", "GET", "*"),
            ("KEYS", "*"),
            ("SCRIPT", "FLUSH"),
            ("CLIENT", "KILL", "TYPE", "normal"),
            ("HSET", "other", "a", "b"),
            ("EVAL", "return 1", "0"),
            ("APPEND", "sw:x", "b"),
            ("ACL", "LIST"),
        ):
            with pytest.raises(Exception, match=r"(?i)permission|can't access|acl|no perm"):
                await client.execute_command(*command)  # type: ignore[no-untyped-call]


def test_whoever_copies_it_has_to_choose_a_password() -> None:
    assert ">CHANGE-ME" in SHIPPED
    assert "nopass" not in SHIPPED
