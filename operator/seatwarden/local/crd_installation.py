"""Puts the custom resource definitions into a cluster, and waits until the API server serves them."""

import asyncio
import time
from http import HTTPStatus
from importlib.resources import files
from typing import Any

import aiohttp
import yaml

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_FIELD_MANAGER = "seatwarden-installer"
_SERVED_SECONDS = 30.0
_LOOK_SECONDS = 0.05


class CrdInstallationError(Exception):
    """A definition was refused, or was not served in time. The text names it and says why."""


async def install_crds(session: aiohttp.ClientSession) -> list[str]:
    """Server-side apply every definition, wait until each is served, and return their names.

    ``session`` speaks to the API server with the right to write definitions. Raises `CrdInstallationError`.
    """
    definitions = packaged_definitions()
    for definition in definitions:
        await _apply(session, definition)
    for definition in definitions:
        await _until_served(session, definition)
    return [definition["metadata"]["name"] for definition in definitions]


def packaged_definitions() -> list[dict[str, Any]]:
    """The definitions that this version of Seatwarden ships, in the order of their file names."""
    paths = sorted(
        (path for path in files("seatwarden_crds").iterdir() if path.name.endswith(".yaml")), key=str
    )
    return [yaml.safe_load(path.read_text()) for path in paths]


async def _apply(session: aiohttp.ClientSession, definition: dict[str, Any]) -> None:
    name = definition["metadata"]["name"]
    async with session.patch(
        f"{_DEFINITIONS}/{name}",
        params={"fieldManager": _FIELD_MANAGER, "force": "true"},
        data=yaml.safe_dump(definition),
        headers={"Content-Type": "application/apply-patch+yaml"},
    ) as answer:
        if answer.status >= HTTPStatus.BAD_REQUEST:
            message = (await answer.json()).get("message", answer.reason)
            raise CrdInstallationError(f"The API server refused the definition {name}: {message}")


async def _until_served(session: aiohttp.ClientSession, definition: dict[str, Any]) -> None:
    spec, name = definition["spec"], definition["metadata"]["name"]
    lists = [
        f"/apis/{spec['group']}/{version['name']}/{spec['names']['plural']}" for version in spec["versions"]
    ]
    deadline = time.monotonic() + _SERVED_SECONDS
    while not await _is_established(session, name) or not await _are_served(session, lists):
        if time.monotonic() > deadline:
            raise CrdInstallationError(
                f"The definition {name} is not served {_SERVED_SECONDS:.0f} seconds after it was applied."
                f" `kubectl describe crd {name}` says why."
            )
        await asyncio.sleep(_LOOK_SECONDS)


async def _is_established(session: aiohttp.ClientSession, name: str) -> bool:
    async with session.get(f"{_DEFINITIONS}/{name}") as answer:
        status = (await answer.json()).get("status", {})
    # A definition that is seconds old has `conditions: null`.
    conditions = status.get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


async def _are_served(session: aiohttp.ClientSession, lists: list[str]) -> bool:
    for path in lists:
        async with session.get(path, params={"limit": "1"}) as answer:
            if answer.status != HTTPStatus.OK:
                return False
    return True
