"""Clients of a real endpoint that write down each call: when it began, when it returned, and what it said."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.authority.desk import holder
from tests.authority.linearizability import FOREVER, Call
from tests.endpoint.endpoint_client import ACQUIRE, SESSIONS, VALIDATE


@dataclass
class Recorder:
    """The history of one pool, and how it is called."""

    http: aiohttp.ClientSession
    base: str
    key: str
    pool: str
    calls: list[Call] = field(default_factory=list)

    async def acquire(self, who: str, nonce: str) -> tuple[str, int] | None:
        """Session id and fence, or None where there is no seat or no answer."""
        body = await self._call("acquire", who, nonce, "POST", ACQUIRE, {"hardware_id": who, "nonce": nonce})
        return (body["session_id"], body["fence"]) if body and "fence" in body else None

    async def heartbeat(self, who: str, session: str, fence: int) -> bool:
        """Whether the seat may be used on."""
        path = f"{SESSIONS}/{session}/heartbeat"
        body = await self._call("heartbeat", who, fence, "PATCH", path, {"fence": fence})
        return body is None or body["code"] == "ok"

    async def release(self, who: str, session: str, fence: int) -> None:
        """Give it back; nobody waits to be told."""
        await self._call("release", who, fence, "DELETE", f"{SESSIONS}/{session}", {"fence": fence})

    async def look(self) -> None:
        """Count the live leases."""
        await self._call("look", "", None, "POST", VALIDATE, {})

    async def _call(self, kind: str, who: str, detail: Any, method: str, path: str, body: Any) -> Any:
        began = time.monotonic()
        headers = {"Authorization": f"Bearer {self.key}"}
        try:
            async with self.http.request(method, self.base + path, json=body, headers=headers) as response:
                answer = await response.json(content_type=None)
                lost = response.status == 503
                assert response.status < 500 or lost, answer
        except (aiohttp.ClientError, TimeoutError):
            answer, lost = None, True
        returned = FOREVER if lost else time.monotonic()
        said = None if lost else _said(kind, answer)
        self.calls.append(Call(self.pool, kind, who, detail, said, began, returned))
        return None if lost else answer


def _said(kind: str, answer: Any) -> Any:
    if kind == "look":
        return ("live", answer["seats"]["used"])
    code = answer["code"]
    return (code, answer["fence"]) if kind == "acquire" and "fence" in answer else code


async def restless_client(recorder: Recorder, number: int, seed: int, *, calls: int) -> None:
    """One program on one of a few machines, that does ``calls`` calls, sensible ones and others."""
    rng = random.Random(seed)
    who, nonce = holder(number // 2), f"{number}"
    seat: tuple[str, int] | None = None
    for _ in range(calls):
        dice = rng.random()
        if dice < 0.1:
            await recorder.look()
        elif seat is None or dice < 0.2:
            seat = await recorder.acquire(who, nonce) or seat
        elif dice < 0.6:
            if not await recorder.heartbeat(who, *seat):
                seat = None
        else:
            await recorder.release(who, *seat)
            if rng.random() < 0.7:
                seat = None
        await asyncio.sleep(rng.random() * 0.002)
