"""The API server in memory, at one of whose writes the operator can die."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar
from urllib.parse import parse_qs

from seatwarden.backends.kubernetes_api import Body
from tests.reconcilers.kubernetes_in_memory import KubernetesInMemory

T = TypeVar("T")


class Died(BaseException):
    """The operator's process is gone: nothing in it catches that."""


class MortalKubernetes(KubernetesInMemory):
    """Whoever makes the write with the number ``dies_before`` or ``dies_after`` dies, and it is not done, or done."""

    def __init__(self) -> None:
        super().__init__()
        self.dies_before = self.dies_after = 0
        self.written = 0

    async def _deadly(self, call: Callable[[], Awaitable[T]]) -> T:
        self.written += 1
        number = self.written
        if number == self.dies_before:
            raise Died
        answer = await call()
        if number == self.dies_after:
            raise Died
        return answer

    async def create(self, path: str, body: Body) -> Body:
        return await self._deadly(lambda: super(MortalKubernetes, self).create(path, body))

    async def replace(self, path: str, body: Body) -> Body:
        return await self._deadly(lambda: super(MortalKubernetes, self).replace(path, body))

    async def patch(self, path: str, operations: list[Body]) -> Body:
        return await self._deadly(lambda: super(MortalKubernetes, self).patch(path, operations))

    async def apply(self, path: str, body: Body) -> Body:
        return await self._deadly(lambda: super(MortalKubernetes, self).apply(path, body))

    async def delete(self, path: str, *, uid: str | None = None) -> None:
        await self._deadly(lambda: super(MortalKubernetes, self).delete(path, uid=uid))

    async def list(self, path: str, query: str = "") -> AsyncIterator[Body]:
        wanted = parse_qs(query).get("fieldSelector", [""])[0].removeprefix("metadata.name=")
        async for body in super().list(path, query):
            if wanted in {"", body["metadata"]["name"]}:
                yield body
