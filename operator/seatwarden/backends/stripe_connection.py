"""The way to Stripe: the API key as its file has it now, a bounded HTTP session, and the API version that we were written for."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import stripe

from seatwarden.backends.billing import AUTHENTICATION, BillingRefused
from seatwarden.backends.stripe_billing import StripeBilling
from seatwarden.backends.stripe_calls import CALL_SECONDS, StripeCalls
from seatwarden.backends.stripe_pace import LIVE, SANDBOX, Pacer

API_VERSION = "2026-10-28.endive"
"""Fields are read as this version has them: https://docs.stripe.com/changelog."""
CONNECTIONS = 16
RETRIES = 2
_LIVE_KEYS = ("sk_live_", "rk_live_")
_API = "https://api.stripe.com"


@dataclass(slots=True, kw_only=True)
class StripeConnection:
    """Opens on first use. A Secret that is mounted as ``key_file`` may be replaced at any time: the next call takes the new
    key."""

    key_file: Path
    return_url: str
    endpoint: str = _API
    retries: int = RETRIES
    seconds: float = CALL_SECONDS
    """The time limit of a call with its retries."""
    counted: Callable[[str, str], None]
    _session: aiohttp.ClientSession | None = None
    _key: str = field(default="", repr=False)
    _client: stripe.StripeClient | None = None

    def billing(self) -> StripeBilling:
        """The calls. Raises `BillingRefused` where the key cannot be read."""
        clock = asyncio.get_running_loop().time
        pace = LIVE if self._read_key().startswith(_LIVE_KEYS) else SANDBOX
        calls = StripeCalls(pacer=Pacer(pace, clock), counted=self.counted, seconds=self.seconds)
        return StripeBilling(client=self._current, calls=calls, clock=clock, return_url=self.return_url)

    async def close(self) -> None:
        """End the session."""
        if self._session is not None:
            await self._session.close()

    def _current(self) -> stripe.StripeClient:
        key = self._read_key()
        if self._client is None or key != self._key:
            self._key, self._client = key, self._connect(key)
        return self._client

    def _connect(self, key: str) -> stripe.StripeClient:
        # The SDK would log each address at INFO, and bodies at DEBUG.
        logging.getLogger("stripe").setLevel(logging.WARNING)
        stripe.enable_telemetry = False
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
            connector = aiohttp.TCPConnector(limit=CONNECTIONS)
            self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=True)
        return stripe.StripeClient(
            key,
            stripe_version=API_VERSION,
            base_addresses={"api": self.endpoint},
            http_client=stripe.AIOHTTPClient(timeout=None, session=self._session),
            max_network_retries=self.retries,
        )

    def _read_key(self) -> str:
        try:
            key = self.key_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BillingRefused(
                f"the file of Stripe's API key cannot be read: {error.__class__.__name__}",
                code=AUTHENTICATION,
            ) from None
        if not key:
            raise BillingRefused("the file of Stripe's API key is empty", code=AUTHENTICATION)
        return key
