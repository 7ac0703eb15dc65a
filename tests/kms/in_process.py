"""The stand-in of Google Cloud KMS without a wire, for tests in virtual time, in which nothing comes in over a socket."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.api_core import exceptions as refusals
from google.cloud.kms_v1 import KeyManagementServiceAsyncClient, types

from seatwarden.backends.google_kms_connection import KmsConnection
from seatwarden.backends.google_kms_model import KmsMethod
from tests.kms.fake_kms import FakeKms, Refusal


@dataclass(slots=True)
class DirectClient:
    """What Google's client is to those who call it. ``heard`` has every call."""

    kms: FakeKms
    heard: list[KmsMethod]

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        """The call of that name."""
        method = KmsMethod[name.upper()]

        async def call(*, request: dict[str, Any], **_how_long_and_often: object) -> Any:
            self.heard.append(method)
            try:
                return getattr(self.kms, name)(getattr(types, f"{method}Request")(request))
            except Refusal as refusal:
                said: refusals.GoogleAPICallError = _REFUSALS[refusal.code](str(refusal))  # type: ignore[no-untyped-call]  # not annotated
                raise said from None

        return call


_REFUSALS = {
    grpc.StatusCode.NOT_FOUND: refusals.NotFound,
    grpc.StatusCode.ALREADY_EXISTS: refusals.AlreadyExists,
    grpc.StatusCode.FAILED_PRECONDITION: refusals.FailedPrecondition,
    grpc.StatusCode.INVALID_ARGUMENT: refusals.InvalidArgument,
}


@dataclass(slots=True, kw_only=True)
class DirectConnection(KmsConnection):
    """A connection to ``kms`` in this process."""

    kms: FakeKms = field(default_factory=FakeKms)
    heard: list[KmsMethod] = field(default_factory=list)

    async def _client(self) -> KeyManagementServiceAsyncClient:
        client: Any = DirectClient(self.kms, self.heard)
        taken: KeyManagementServiceAsyncClient = client
        return taken
