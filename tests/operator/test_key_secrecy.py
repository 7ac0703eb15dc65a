"""What nobody learns who can read everything but the two Secrets: a copy of Redis signs nothing, and no private key is shown."""

import base64
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from prometheus_client import generate_latest
from redis.asyncio import Redis

from seatwarden.backends.installation_keys import InstallationKeys
from seatwarden.domain.seats import Grant, PoolUid
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.paths import collection_path, config_map_path
from seatwarden.resources.names import Kind
from tests.operator.world import INSTALLATION, World

EVENTS = "/apis/events.k8s.io/v1/namespaces/{}/events"


async def _customer(world: World) -> ObjectKey:
    await world.until_ready(await world.tenant(signing={"algorithm": "EdDSA"}))
    await world.subscription()
    pool = await world.pool()
    await world.until_ready(pool)
    assert isinstance(await world.acquire(1), Grant)
    return pool


async def _root_key(world: World) -> Ed25519PrivateKey:
    [(field, text)] = (await world.secret("acme-root-key"))["data"].items()
    sealed = base64.b64decode(text).decode()
    pem, _ = INSTALLATION.unseal(sealed, f"root key {world.namespace}/acme {field}")
    key = load_pem_private_key(pem, password=None)
    assert isinstance(key, Ed25519PrivateKey)
    return key


def _spellings(raw: bytes) -> Iterator[str]:
    yield raw.hex()
    for text in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        yield text.decode().rstrip("=")


async def test_no_private_key_is_in_status_events_logs_metrics_or_config_maps(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    await _customer(world)
    key = await _root_key(world)
    shown: list[Any] = [
        await world.api.get(collection_path(kind, world.namespace))
        for kind in (Kind.TENANT, Kind.SUBSCRIPTION, Kind.SEAT_POOL)
    ]
    shown.append(await world.api.get(EVENTS.format(world.namespace)))
    shown.append(await world.api.get(config_map_path(world.namespace, "acme-jwks")))
    shown.append(generate_latest().decode())
    text = json.dumps(shown) + "".join(capfd.readouterr())
    assert key.public_key().public_bytes_raw() in base64.b64decode(
        re.sub(r"-----.*?-----|\\n", "", shown[0]["items"][0]["status"]["signingKeys"][0]["publicKey"])
    )
    for secret in (key.private_bytes_raw(), bytes(range(32))):
        for spelling in _spellings(secret):
            assert spelling not in text
    assert "PRIVATE KEY" not in text


async def test_a_stolen_copy_of_redis_signs_nothing(world: World, redis: Redis) -> None:
    pool = PoolUid((await world.get(await _customer(world)))["metadata"]["uid"])
    root = (await _root_key(world)).public_key().public_bytes_raw()
    trusted = {root, *(raw for _, raw in INSTALLATION.lease_keys(pool))}
    tried = 0
    for text in [text async for text in _texts(redis)]:
        for seed in _seeds(text):
            tried += 1
            assert Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw() not in trusted
            derived = InstallationKeys([seed]).lease_keys(pool)
            assert trusted.isdisjoint(raw for _, raw in derived)
    assert tried > 5, "there is much in Redis that looks like a key"


_READ: dict[str, tuple[str, ...]] = {
    "hash": ("HGETALL",),
    "zset": ("ZRANGE", "0", "-1"),
    "stream": ("XRANGE", "-", "+"),
    "string": ("GET",),
}


async def _texts(redis: Redis) -> AsyncIterator[bytes]:
    async for name in redis.scan_iter(match="sw:*"):
        kind = await redis.type(name)
        assert isinstance(kind, bytes)
        command, *words = _READ[kind.decode()]
        for text in _flat(await redis.execute_command(command, name, *words)):  # type: ignore[no-untyped-call]
            yield text


def _flat(found: Any) -> Iterator[bytes]:
    """All texts in an answer, however deep."""
    match found:
        case bytes():
            yield found
        case dict():
            for pair in found.items():
                yield from _flat(pair)
        case list() | tuple():
            for each in found:
                yield from _flat(each)


def _seeds(text: bytes) -> Iterator[bytes]:
    """Every 32 bytes that ``text`` could hide: as they are, in hex and in base64."""
    if len(text) == 32:
        yield text
    for found in re.findall(rb"[0-9a-f]{64}", text):
        yield bytes.fromhex(found.decode())
    for found in re.findall(rb"[A-Za-z0-9+/_-]{43}", text):
        yield base64.urlsafe_b64decode(found.replace(b"+", b"-").replace(b"/", b"_") + b"=")
