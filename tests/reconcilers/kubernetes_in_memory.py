"""The API server as a dictionary: what reconcilers send is taken as a real one would take it, and noted."""

import base64
import copy
from collections.abc import AsyncIterator, Callable
from typing import Any

from seatwarden.backends.kubernetes_api import Body, Conflict, KubernetesApi, NotFound


class KubernetesInMemory(KubernetesApi):
    """``writes`` has the verb and path of every write and ``bodies`` what was sent; while ``refusal`` is set, each call
    raises it. Others act in ``before_read``."""

    def __init__(self) -> None:
        self.objects: dict[str, Body] = {}
        self.writes: list[str] = []
        self.bodies: list[Body] = []
        self.refusal: Exception | None = None
        self.before_read: Callable[[str], None] = lambda _: None
        self._version = 1000

    def put(self, path: str, body: Body) -> None:
        """Have ``body`` at ``path``, as if somebody else had sent it."""
        self.objects[path] = self._stamped(body)

    async def get(self, path: str) -> Body:
        self._refuse()
        self.before_read(path)
        return self._copy(path)

    async def create(self, path: str, body: Body) -> Body:
        self._note("create", path, body)
        meta = body["metadata"]
        name = meta.get("name") or f"{meta['generateName']}{len(self.objects)}"
        if f"{path}/{name}" in self.objects:
            raise Conflict(f"{name} exists")
        encoded = {
            key: base64.b64encode(text.encode()).decode() for key, text in body.get("stringData", {}).items()
        }
        made = {key: value for key, value in body.items() if key != "stringData"}
        self.put(f"{path}/{name}", made | ({"data": encoded} if encoded else {}))
        return self._copy(f"{path}/{name}")

    async def replace(self, path: str, body: Body) -> Body:
        self._note("replace", path, body)
        known = self._found(path)["metadata"]["resourceVersion"]
        if body["metadata"].get("resourceVersion", known) != known:
            raise Conflict("it was changed")
        self.put(path, body)
        return self._copy(path)

    async def patch(self, path: str, operations: list[Body]) -> Body:
        self._note("patch", path, {"operations": operations})
        patched = copy.deepcopy(self._found(path))
        for operation in operations:
            _operate(patched, **operation)
        self.put(path, patched)
        return self._copy(path)

    async def apply(self, path: str, body: Body) -> Body:
        self._note("apply", path, body)
        if not path.endswith("/status"):
            self.put(path, self.objects.get(path, {}) | body)
            return self._copy(path)
        place = path.removesuffix("/status")
        known = self._found(place)
        if body["metadata"].get("uid", known["metadata"]["uid"]) != known["metadata"]["uid"]:
            raise Conflict("it was made again")
        self.put(place, known | {"status": body["status"]})
        return self._copy(place)

    async def delete(self, path: str, *, uid: str | None = None) -> None:
        self._note("delete", path, {"uid": uid})
        self.objects.pop(path, None)

    async def list(self, path: str, query: str = "") -> AsyncIterator[Body]:  # noqa: ARG002  nothing is selected here
        self._refuse()
        self.before_read(path)
        everywhere = "/namespaces/" not in path
        for place, body in list(self.objects.items()):
            collection = place.rpartition("/")[0]
            if collection == path or (everywhere and collection.endswith(path[path.rindex("/") :])):
                yield copy.deepcopy(body)

    def _copy(self, path: str) -> Body:
        return copy.deepcopy(self._found(path))

    def _found(self, path: str) -> Body:
        if path not in self.objects:
            raise NotFound(path)
        return self.objects[path]

    def _stamped(self, body: Body) -> Body:
        self._version += 1
        return body | {"metadata": body["metadata"] | {"resourceVersion": str(self._version)}}

    def _note(self, verb: str, path: str, body: Body) -> None:
        self._refuse()
        self.writes.append(f"{verb} {path}")
        self.bodies.append(copy.deepcopy(body))

    def _refuse(self) -> None:
        if self.refusal is not None:
            raise self.refusal


def _operate(body: Body, *, op: str, path: str, value: object = None) -> None:
    """One operation of RFC 6902."""
    *way, last = path.strip("/").split("/")
    place: Any = body
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    match op, place:
        case "add", list():
            place.append(value)
        case "add", dict():
            place[last] = value
        case "remove", list():
            place.pop(int(last))
        case "test", list():
            if place[int(last) :][:1] != [value]:
                raise Conflict(path)
        case "test", dict():
            if place.get(last) != value:
                raise Conflict(path)
        case _:
            raise NotImplementedError(op)
