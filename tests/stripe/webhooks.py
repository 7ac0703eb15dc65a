"""How Stripe tells of events: https://docs.stripe.com/webhooks. Signed, at least once, in no order, for three days.

Nothing is sent by itself: `Webhooks.deliver` sends what waits, and `Webhooks.sending` does so again and again while it is
entered. What was not taken is sent again by the account's clock.
"""

import asyncio
import contextlib
import hashlib
import hmac
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import aiohttp

from tests.stripe.account import Account, Thing

RETRIES = (60, 300, 1800, 7200, 18_000, 36_000, *[43_200] * 4)
"""Seconds from one try to the next; together about three days."""
_LOOK_SECONDS = 0.01
_PATIENCE_SECONDS = 10.0


def signature(secret: str, payload: bytes, when: int) -> str:
    """What proves that a payload is Stripe's: hex, of the time and the raw body."""
    return hmac.new(secret.encode(), f"{when}.".encode() + payload, hashlib.sha256).hexdigest()


@dataclass(slots=True)
class Endpoint:
    """Where events are sent. While a secret is being rotated there are two, and each signs. ``wanted`` are types of events; none
    means all."""

    url: str
    secrets: list[str]
    wanted: frozenset[str] = frozenset()


@dataclass(slots=True)
class Delivery:
    """One event on its way to one endpoint."""

    endpoint: Endpoint
    event: Thing
    due: int
    tries: int = 0

    @property
    def payload(self) -> bytes:
        """The body, as Stripe lays it out."""
        return json.dumps(self.event, indent=2).encode()


@dataclass(slots=True)
class Webhooks:
    """``lost`` is how many of the next events are never sent, ``copies`` how often each is, ``shuffled`` puts what waits in
    another order. ``statuses`` are the answers, 0 where there was none."""

    account: Account
    endpoints: list[Endpoint] = field(default_factory=list)
    waiting: list[Delivery] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    lost: int = 0
    copies: int = 1
    shuffled: random.Random | None = None
    now: Callable[[], float] = time.time
    """The time that is signed: receivers hold it against their own."""

    def hear(self, event: Thing) -> None:
        """Something happened."""
        if self.lost:
            self.lost -= 1
            return
        fitting = [one for one in self.endpoints if not one.wanted or event["type"] in one.wanted]
        event["pending_webhooks"] = len(fitting)
        for endpoint in fitting:
            self.waiting += [Delivery(endpoint, event, self.account.clock.now) for _ in range(self.copies)]

    async def deliver(self, session: aiohttp.ClientSession | None = None) -> int:
        """Send what is due. How many were taken."""
        if session is None:
            async with aiohttp.ClientSession() as own:
                return await self.deliver(own)
        due = [one for one in self.waiting if one.due <= self.account.clock.now]
        self.waiting = [one for one in self.waiting if one.due > self.account.clock.now]
        if self.shuffled is not None:
            self.shuffled.shuffle(due)
        taken = 0
        while due:
            delivery = due.pop(0)
            try:
                status = await self._send(session, delivery)
            except asyncio.CancelledError:
                self.waiting += [delivery, *due]
                raise
            self.statuses.append(status)
            if 200 <= status < 300:
                taken += 1
            else:
                self._again(delivery)
        return taken

    @contextlib.asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Send whatever falls due, for as long as this is entered."""

        async def send() -> None:
            async with aiohttp.ClientSession() as session:
                while True:
                    await self.deliver(session)
                    await asyncio.sleep(_LOOK_SECONDS)

        task = asyncio.create_task(send())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def send_again(self, events: list[Thing]) -> None:
        """Somebody asks for events again, as the dashboard and `stripe events resend` do."""
        for event in events:
            self.hear(event)

    async def _send(self, session: aiohttp.ClientSession, delivery: Delivery) -> int:
        when, payload = int(self.now()), delivery.payload
        signed = [f"v1={signature(one, payload, when)}" for one in delivery.endpoint.secrets]
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": ",".join([f"t={when}", *signed, "v0=" + "0" * 64]),
        }
        patience = aiohttp.ClientTimeout(total=_PATIENCE_SECONDS)
        try:
            async with session.post(
                delivery.endpoint.url, data=payload, headers=headers, timeout=patience
            ) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    def _again(self, delivery: Delivery) -> None:
        if delivery.tries < len(RETRIES):
            delivery.due = self.account.clock.now + RETRIES[delivery.tries]
            delivery.tries += 1
            self.waiting.append(delivery)
