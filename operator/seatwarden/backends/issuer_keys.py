"""Fetching an issuer's public keys: by OpenID Connect Discovery, or from where an administrator says they are.

An administrator names the address, and the operator goes there from inside the cluster. So it goes to ``https`` only,
follows no redirection, reads little, waits briefly, and quotes nothing of what it was answered.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import orjson

from seatwarden.backends.kubernetes_api import KubernetesApi, KubernetesError, KubernetesUnavailable
from seatwarden.domain.trust import IssuerKey, read_key_set

FETCH_SECONDS = 5.0
LARGEST_ANSWER = 256 * 1024
FRESH_SECONDS = 240.0
"""Tenants that trust the same issuer share one fetch."""
FAILED_SECONDS = 10.0
"""They share a failure too, or each would wait for an issuer that is away."""
FETCHES_AT_ONCE = 8
REMEMBERED = 1024
_DISCOVERY = "/.well-known/openid-configuration"
_CLUSTER_KEYS = "/openid/v1/jwks"


class IssuerAway(Exception):
    """The keys could not be had; the message is a sentence for an administrator. Retryable."""


@dataclass(frozen=True, slots=True)
class IssuerSource:
    """An issuer, and where its keys are if not where discovery says."""

    issuer: str
    keys_url: str | None = None


@dataclass(slots=True)
class IssuerKeys:
    """Fetches keys. ``tls`` None trusts the authorities that the machine does."""

    api: KubernetesApi
    tls: ssl.SSLContext | None = None
    clock: Callable[[], float] = time.monotonic
    _known: dict[IssuerSource, tuple[float, tuple[IssuerKey, ...] | IssuerAway]] = field(default_factory=dict)
    _locks: dict[IssuerSource, asyncio.Lock] = field(default_factory=dict)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(FETCHES_AT_ONCE))

    async def of(self, source: IssuerSource) -> tuple[IssuerKey, ...]:
        """The keys of an issuer, not older than `FRESH_SECONDS`.

        Raises:
            IssuerAway: they cannot be had just now.
        """
        async with self._locks.setdefault(source, asyncio.Lock()):
            found = self._still_known(source)
            if found is None:
                found = await self._found(source)
                if len(self._known) >= REMEMBERED:
                    self._known.clear()
                    self._locks.clear()
                self._known[source] = (self.clock(), found)
        if isinstance(found, IssuerAway):
            raise IssuerAway(str(found))
        return found

    async def of_the_cluster(self) -> tuple[str, tuple[IssuerKey, ...]]:
        """The cluster's own issuer of ServiceAccount tokens, and its keys, as the API server tells them.

        Raises:
            IssuerAway: the API server does not answer, or may not be asked.
        """
        try:
            issuer = (await self.api.get(_DISCOVERY)).get("issuer")
            keys = read_key_set(orjson.dumps(await self.api.get(_CLUSTER_KEYS)))
        except (KubernetesError, KubernetesUnavailable) as error:
            raise IssuerAway(f"The API server does not tell the keys of its issuer: {error}") from error
        except ValueError as error:
            raise IssuerAway(f"The API server's key set cannot be used: {error}.") from error
        if not isinstance(issuer, str) or not issuer:
            raise IssuerAway("The API server does not name its issuer.")
        return issuer, keys

    def _still_known(self, source: IssuerSource) -> tuple[IssuerKey, ...] | IssuerAway | None:
        at, found = self._known.get(source, (0.0, None))
        lasts = FAILED_SECONDS if isinstance(found, IssuerAway) else FRESH_SECONDS
        return found if self.clock() - at < lasts else None

    async def _found(self, source: IssuerSource) -> tuple[IssuerKey, ...] | IssuerAway:
        async with self._room:
            try:
                return await self._fetch(source)
            except IssuerAway as away:
                return away

    async def _fetch(self, source: IssuerSource) -> tuple[IssuerKey, ...]:
        try:
            async with asyncio.timeout(FETCH_SECONDS), self._session() as session:
                keys_url = source.keys_url or await _discovered(session, source.issuer)
                return read_key_set(await _read(session, keys_url))
        except TimeoutError:
            reason = f"no answer within {FETCH_SECONDS:.0f} s"
        except aiohttp.ClientConnectorCertificateError:
            reason = "its certificate is not trusted"
        except aiohttp.ClientError as error:
            reason = f"it cannot be reached ({type(error).__name__})"
        except ValueError as error:
            reason = str(error)
        raise IssuerAway(f"The keys of issuer {source.issuer} cannot be read: {reason}.")

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[aiohttp.ClientSession]:
        # Made anew, so that authorities that are added on disk are known without a restart.
        tls = self.tls if self.tls is not None else ssl.create_default_context()
        connector = aiohttp.TCPConnector(ssl=tls)
        async with aiohttp.ClientSession(connector=connector, trust_env=True) as session:
            yield session


async def _discovered(session: aiohttp.ClientSession, issuer: str) -> str:
    try:
        told = orjson.loads(await _read(session, issuer.rstrip("/") + _DISCOVERY))
    except orjson.JSONDecodeError:
        raise ValueError("its discovery document is no JSON") from None
    match told:
        case {"issuer": said, "jwks_uri": str(keys_url)} if said == issuer:
            return keys_url
        case {"issuer": str(), "jwks_uri": str()}:
            raise ValueError("its discovery document is of another issuer")
        case _:
            raise ValueError("its discovery document names no issuer and jwks_uri")


async def _read(session: aiohttp.ClientSession, url: str) -> bytes:
    if not url.startswith("https://"):
        raise ValueError("its jwks_uri is no https address")
    async with session.get(url, allow_redirects=False, headers={"Accept": "application/json"}) as response:
        if response.status != 200:  # noqa: PLR2004  a redirection too is no answer
            raise ValueError(f"it answers with status {response.status}")
        read = bytearray()
        async for chunk in response.content.iter_any():
            read += chunk
            if len(read) > LARGEST_ANSWER:
                raise ValueError(f"its answer is longer than {LARGEST_ANSWER // 1024} KiB")
        return bytes(read)
