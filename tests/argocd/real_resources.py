"""Resources as they were in a cluster, checked in beside the scripts that look at them: without what differs from run to run.

``pytest tests/operator/test_argo_cd.py tests/operator/test_inspecting_page.py -n 0 --write-pages`` writes them anew.
"""

import asyncio
import re
import time
from pathlib import Path

import yaml

from docs.argo_cd import ROOT, folder_of
from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.resources.names import Kind
from tests.operator.world import PATIENCE_SECONDS, World

HEADER = "# From a cluster, by `pytest tests/operator --write-pages`.\n"
_KEY_IDS = ("5f0c2b7a91", "c4a90e17d3")
_MASKS = (
    (r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d", r"2026-11-24\g<1>09:00:00"),
    (r"\d\d:\d\d:\d\d UTC", "09:06:00 UTC"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "0d6c5b1e-7c0e-4f0c-9d54-6a0f3c9e2b11"),
    (r"(resourceVersion: )'\d+'", r"\g<1>'4711'"),
    (r"\b[0-9a-f]{16}\b", "7926481193f0c458"),
    (r"\b[0-9a-f]{32}\b", "0123456789abcdef0123456789abcdef"),
)


async def assert_kept(world: World, key: ObjectKey, name: str, *, write: bool) -> None:
    """The resource is as it is in the testdata of its kind under ``name``; with ``write`` it is so from now on."""
    path = testdata(key.kind) / f"{name}.yaml"
    kept = path.read_text(encoding="utf-8") if path.exists() else ""
    deadline = time.monotonic() + PATIENCE_SECONDS / 4
    came = await _masked(world, key)
    while came != kept and time.monotonic() < deadline:
        await asyncio.sleep(0.3)
        came = await _masked(world, key)
    if came != kept and write:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(came, encoding="utf-8")
    else:
        assert came == kept, path


def testdata(kind: Kind) -> Path:
    """The folder of what the health check of a kind is tried with."""
    return ROOT / folder_of(kind) / "testdata"


async def _masked(world: World, key: ObjectKey) -> str:
    found = await world.get(key)
    del found["metadata"]["managedFields"]
    for key_told in found["status"].get("signingKeys", ()):
        key_told["publicKey"] = "(a public key in PEM)"
    text = yaml.safe_dump(found, sort_keys=True, width=1000, allow_unicode=True)
    text = text.replace(world.namespace, "customers")
    for key_id, mask in zip(await world.licence_key_ids(), _KEY_IDS, strict=False):
        text = text.replace(key_id, mask)
    for pattern, mask in _MASKS:
        text = re.sub(pattern, mask, text)
    return HEADER + text
