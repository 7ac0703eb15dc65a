"""The connection to Google Cloud KMS that all Tenants share, made when the first of them needs it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from seatwarden.backends.google_kms_model import KmsLimits, KmsMethod
from seatwarden.backends.root_keys import RootKeyRefused, RootKeysAway
from seatwarden.domain.root_key import PublicRootKey

if TYPE_CHECKING:
    from google.cloud.kms_v1 import KeyManagementServiceAsyncClient

    from seatwarden.backends.google_kms_calls import KmsCalls

REMEMBERED = 4096
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_NOT_INSTALLED = "Root keys in Google Cloud KMS need packages that are not installed here: pip install 'seatwarden[google]'"


def _not_counted(method: KmsMethod) -> None:
    """Nobody counts."""


@dataclass(slots=True, kw_only=True)
class KmsConnection:
    """``counted`` hears of every attempt of every call.

    ``api_endpoint`` replaces ``cloudkms.googleapis.com``, for a regional or private one. ``http://`` before it is for a stand-in
    on this machine: nothing is encrypted then and no credentials are sent.
    """

    api_endpoint: str | None = None
    limits: KmsLimits = field(default_factory=KmsLimits)
    counted: Callable[[KmsMethod], None] = _not_counted
    jitter: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _calls: "KmsCalls | None" = None
    _public: dict[str, PublicRootKey] = field(default_factory=dict)
    _connecting: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        """Refuse to talk to another machine unencrypted."""
        if self._is_plain and urlsplit(str(self.api_endpoint)).hostname not in _LOOPBACK:
            raise ValueError("http:// is only for an endpoint on this machine")

    async def calls(self) -> "KmsCalls":
        """The calls that can be made.

        Raises:
            RootKeysAway: credentials cannot be had just now.
            RootKeyRefused: there are no credentials, or Google's packages are not installed.
        """
        async with self._connecting:
            if self._calls is None:
                try:
                    from seatwarden.backends.google_kms_calls import KmsCalls
                except ModuleNotFoundError:
                    raise RootKeyRefused(_NOT_INSTALLED) from None
                self._calls = KmsCalls(
                    client=await self._client(),
                    limits=self.limits,
                    counted=self.counted,
                    jitter=self.jitter,
                    sleep=self.sleep,
                )
            return self._calls

    def public_key(self, version: str) -> PublicRootKey | None:
        """The public half of a version, where it is known."""
        return self._public.get(version)

    def remember(self, version: str, public: PublicRootKey) -> None:
        """Note the public half of a version. It never changes, and Google does not tell it while the version is disabled."""
        if len(self._public) >= REMEMBERED:
            self._public.pop(next(iter(self._public)))
        self._public[version] = public

    async def close(self) -> None:
        """End it; the next call makes another."""
        if self._calls is not None:
            calls, self._calls = self._calls, None
            await calls.close()

    @property
    def _is_plain(self) -> bool:
        return self.api_endpoint is not None and self.api_endpoint.startswith("http://")

    async def _client(self) -> "KeyManagementServiceAsyncClient":
        from google.cloud.kms_v1 import KeyManagementServiceAsyncClient

        if self._is_plain:
            return _plain_client(urlsplit(str(self.api_endpoint)).netloc)
        import google.auth
        from google.api_core.client_options import ClientOptions
        from google.auth import exceptions

        try:
            # It may ask the metadata server, and blocks while it does.
            credentials, _ = await asyncio.to_thread(
                google.auth.default, scopes=["https://www.googleapis.com/auth/cloudkms"]
            )
        except exceptions.DefaultCredentialsError:
            raise RootKeyRefused(
                "There are no Google credentials here. Bind the operator's Kubernetes service account to a Google one "
                "by workload identity, or set GOOGLE_APPLICATION_CREDENTIALS"
            ) from None
        except exceptions.GoogleAuthError as error:
            raise RootKeysAway(f"No Google credentials just now ({type(error).__name__}).") from None
        options = ClientOptions(api_endpoint=self.api_endpoint)
        return KeyManagementServiceAsyncClient(credentials=credentials, client_options=options)


def _plain_client(address: str) -> "KeyManagementServiceAsyncClient":
    import grpc
    from google.cloud.kms_v1 import KeyManagementServiceAsyncClient
    from google.cloud.kms_v1.services.key_management_service.transports import (
        KeyManagementServiceGrpcAsyncIOTransport,
    )

    channel = grpc.aio.insecure_channel(address)
    return KeyManagementServiceAsyncClient(
        transport=KeyManagementServiceGrpcAsyncIOTransport(channel=channel)
    )
