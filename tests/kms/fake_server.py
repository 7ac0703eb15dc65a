"""The stand-in of Google Cloud KMS as a gRPC server, which Google's own client talks to, with faults that tests ask for."""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import google_crc32c
import grpc
from google.cloud.kms_v1 import types

from seatwarden.backends.google_kms_model import KmsMethod
from tests.kms.fake_kms import FakeKms, Refusal

_SERVICE = "google.cloud.kms.v1.KeyManagementService"


class Fault(Enum):
    """What goes wrong with one call."""

    UNAVAILABLE = auto()
    QUOTA = auto()
    BLACK_HOLE = auto()
    """It arrives nowhere, and nothing comes back."""
    LOST_ANSWER = auto()
    """It is done, and the connection breaks."""
    STALLED_ANSWER = auto()
    """It is done, and nothing comes back."""
    WRONG_CHECKSUM = auto()
    DAMAGED = auto()
    """What matters in the answer is not what it was, with a checksum that fits."""
    CUT_SHORT = auto()
    """As damaged, and it cannot even be read."""
    UNVERIFIED = auto()
    ANOTHER_NAME = auto()
    DENIED = auto()
    INTERNAL = auto()


_INSTEAD = {
    Fault.UNAVAILABLE: (grpc.StatusCode.UNAVAILABLE, "The service is currently unavailable."),
    Fault.QUOTA: (grpc.StatusCode.RESOURCE_EXHAUSTED, "Quota exceeded."),
    Fault.DENIED: (grpc.StatusCode.PERMISSION_DENIED, "Permission denied on resource (or it may not exist)."),
    Fault.INTERNAL: (grpc.StatusCode.INTERNAL, "Internal error."),
}


@dataclass(slots=True)
class FakeServer:
    """``faults`` are used up one by one, for each call in order. ``meanwhile`` is what somebody does just before a call
    arrives. ``done`` is set when an answer stalls."""

    kms: FakeKms = field(default_factory=FakeKms)
    endpoint: str = ""
    faults: dict[KmsMethod, list[Fault]] = field(default_factory=dict)
    meanwhile: dict[KmsMethod, Callable[[], None]] = field(default_factory=dict)
    heard: list[KmsMethod] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    _stalls_in: int | None = None

    def fail(self, method: KmsMethod, fault: Fault, times: int = 1) -> None:
        """Have the next calls go wrong."""
        self.faults.setdefault(method, []).extend([fault] * times)

    def stalls_at(self, point: int) -> None:
        """Have the answer to the call after ``point`` others stall."""
        self._stalls_in = point

    def counts(self) -> Counter[KmsMethod]:
        """How often each was called."""
        return Counter(self.heard)

    async def answer(
        self, method: KmsMethod, request: Any, context: "grpc.aio.ServicerContext[Any, Any]"
    ) -> Any:
        """What goes back for a call."""
        self.heard.append(method)
        self.meanwhile.pop(method, lambda: None)()
        waiting = self.faults.get(method, [])
        fault = Fault.STALLED_ANSWER if self._stalls() else waiting.pop(0) if waiting else None
        if fault in _INSTEAD:
            await context.abort(*_INSTEAD[fault])
        if fault is Fault.BLACK_HOLE:
            await asyncio.Event().wait()
        try:
            answer = getattr(self.kms, method.name.lower())(request)
        except Refusal as refusal:
            answer = refusal
        if fault is Fault.STALLED_ANSWER:
            self.done.set()
            await asyncio.Event().wait()
        if isinstance(answer, Refusal):
            await context.abort(answer.code, str(answer))
        if fault is Fault.LOST_ANSWER:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset by peer")
        return answer if fault is None else _spoilt(answer, fault)

    def _stalls(self) -> bool:
        if self._stalls_in is not None:
            self._stalls_in = self._stalls_in - 1 if self._stalls_in else None
            return self._stalls_in is None
        return False


def _spoilt(answer: Any, fault: Fault) -> Any:
    content, checksum = ("pem", "pem_crc32c") if isinstance(answer, types.PublicKey) else _SIGNATURE
    if fault is Fault.ANOTHER_NAME:
        answer.name = re.sub(r"\d+$", "77", answer.name)
    elif fault is Fault.UNVERIFIED:
        answer.verified_data_crc32c = answer.verified_digest_crc32c = False
    elif fault is Fault.WRONG_CHECKSUM:
        setattr(answer, checksum, getattr(answer, checksum) ^ 1)
    elif isinstance(answer, types.PublicKey):
        answer.pem = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
        answer.pem_crc32c = google_crc32c.value(answer.pem.encode())
    else:
        flipped = b"" if fault is Fault.CUT_SHORT else bytes([answer.signature[-1] ^ 1])
        answer.signature = answer.signature[:-1] + flipped
        setattr(answer, checksum, google_crc32c.value(getattr(answer, content)))
    return answer


_SIGNATURE = ("signature", "signature_crc32c")
_ANSWERS: dict[KmsMethod, Any] = {
    KmsMethod.GET_CRYPTO_KEY: types.CryptoKey,
    KmsMethod.CREATE_CRYPTO_KEY: types.CryptoKey,
    KmsMethod.UPDATE_CRYPTO_KEY: types.CryptoKey,
    KmsMethod.LIST_CRYPTO_KEY_VERSIONS: types.ListCryptoKeyVersionsResponse,
    KmsMethod.GET_PUBLIC_KEY: types.PublicKey,
    KmsMethod.ASYMMETRIC_SIGN: types.AsymmetricSignResponse,
}


def _handler(server: FakeServer, method: KmsMethod) -> grpc.RpcMethodHandler:
    async def answer(request: Any, context: "grpc.aio.ServicerContext[Any, Any]") -> Any:
        return await server.answer(method, request, context)

    handler: grpc.RpcMethodHandler = grpc.unary_unary_rpc_method_handler(  # type: ignore[no-untyped-call]  # not annotated
        answer,
        request_deserializer=getattr(types, f"{method}Request").deserialize,
        response_serializer=_ANSWERS.get(method, types.CryptoKeyVersion).serialize,
    )
    return handler


@contextlib.asynccontextmanager
async def fake_kms_server() -> AsyncIterator[FakeServer]:
    """A running server with nothing in it."""
    server = FakeServer()
    running = grpc.aio.server()
    handlers = {method.value: _handler(server, method) for method in KmsMethod}
    service = grpc.method_handlers_generic_handler(_SERVICE, handlers)  # type: ignore[no-untyped-call]  # not annotated
    running.add_generic_rpc_handlers((service,))
    port = running.add_insecure_port("127.0.0.1:0")
    server.endpoint = f"http://127.0.0.1:{port}"
    await running.start()
    try:
        yield server
    finally:
        await running.stop(grace=None)
