"""Licence documents and public keys with a real API server, a real Redis and a real endpoint between them."""

import asyncio
import base64
import json
import time
from typing import Any

import aiohttp
import pytest

from seatwarden.endpoint.application import create_app
from seatwarden.endpoint.server import start_server
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.paths import config_map_path, secret_path
from seatwarden.verify import NotValid, read_keys, verify_lease, verify_licence
from tests.operator.world import INSTALLATION, World, condition, holder

ROTATE = "seatwarden.dev/rotate-signing-key-requested-at"


async def _customer(world: World) -> tuple[ObjectKey, ObjectKey, ObjectKey]:
    tenant = await world.tenant(signing={"algorithm": "EdDSA"})
    subscription, pool = await world.subscription(), await world.pool()
    await world.until_ready(pool)
    await world.until(subscription, lambda it: condition(it, "LicenceReady").get("status") == "True")
    return tenant, subscription, pool


async def _document(world: World, subscription: ObjectKey) -> str:
    secret = await world.secret(f"{subscription.name}-licence-document")
    return base64.b64decode(secret["data"]["licence.jws"]).decode()


def _claims(text: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text.split(".")[1] + "=="))
    return claims


def _verify_offline(published: str, document: str, lease: str, pool: str) -> None:
    """As a program does that has no network: only what it was given counts."""
    now = int(time.time())
    keys = read_keys(published)
    licence = verify_licence(document, keys, now=now)
    assert licence.seats == 5
    held = verify_lease(lease, licence, holder=holder(1), pool=pool, now=now)
    assert held.expires_at > now
    with pytest.raises(NotValid):
        verify_lease(lease, licence, holder=holder(2), pool=pool, now=now)


async def test_a_program_reads_over_http_what_the_operator_signed(world: World) -> None:
    tenant, subscription, pool = await _customer(world)
    uid = (await world.get(pool))["metadata"]["uid"]
    text = await _document(world, subscription)
    while [key["pool"] for key in _claims(text)["lease_keys"]] != [uid]:
        await asyncio.sleep(0.1)
        text = await _document(world, subscription)
    app = create_app(world.seats, keys=INSTALLATION, documents=world.seats.documents())
    server = await start_server(app, host="127.0.0.1", port=0)
    key = await world.licence_key()
    base, headers = f"http://127.0.0.1:{server.port}/api/v1", {"Authorization": f"Bearer {key.text}"}
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{base}/licenses/license", headers=headers) as answer:
            assert (answer.status, await answer.text()) == (200, text)
        async with http.get(f"{base}/tenants/{_claims(text)['iss']}/jwks.json") as answer:
            published = await answer.text()
        wish = {"hardware_id": holder(1)}
        async with http.post(f"{base}/licenses/acquire", json=wish, headers=headers) as answer:
            assert answer.status == 201
            lease = (await answer.json())["lease"]
    await server.close()
    _verify_offline(published, text, lease, uid)
    config_map = await world.api.get(config_map_path(world.namespace, f"{tenant.name}-jwks"))
    assert config_map["data"]["jwks.json"] == published
    signing = (await world.get(tenant))["status"]["signingKeys"]
    assert [one["kid"] for one in json.loads(published)["keys"]] == [one["kid"] for one in signing]


async def test_a_key_that_is_asked_for_is_public_and_waits(world: World) -> None:
    tenant, subscription, _ = await _customer(world)
    await world.annotate(tenant, ROTATE, "today")
    told = await world.until(tenant, lambda it: len(it["status"]["signingKeys"]) == 2)
    assert [key["state"] for key in told["status"]["signingKeys"]] == ["Signing", "Published"]
    assert told["status"]["lastHandledRotateSigningKeyAt"] == "today"
    licence = (await world.get(subscription))["status"]["licence"]
    assert licence["kid"] == told["status"]["signingKeys"][0]["kid"]


async def test_a_compromised_key_is_out_and_documents_are_signed_anew(world: World) -> None:
    tenant, subscription, _ = await _customer(world)
    leaked = (await world.get(tenant))["status"]["signingKeys"][0]["kid"]
    await world.patch_spec(tenant, signing={"algorithm": "EdDSA", "compromised": [leaked]})
    await world.until(subscription, lambda it: it["status"]["licence"]["kid"] != leaked)
    config_map = await world.api.get(config_map_path(world.namespace, f"{tenant.name}-jwks"))
    assert leaked not in config_map["data"]["jwks.json"]


@pytest.mark.parametrize("name", ["acme-root-key", "team-licence-document"])
async def test_a_namespace_without_its_secrets_gets_new_ones(world: World, name: str) -> None:
    tenant, subscription, _ = await _customer(world)
    await world.api.delete(secret_path(world.namespace, name.replace("team", subscription.name)))
    for key in (tenant, subscription):
        await world.annotate(key, "seatwarden.dev/reconcile-requested-at", "now")
        await world.until(key, lambda it: it["status"].get("lastHandledReconcileAt") == "now")
    assert await _document(world, subscription)
