"""A client of the API server for the tests of this folder: one connection, no caching, no retries."""

import http.client
import json
import re
import ssl
from typing import Any
from urllib.parse import urlencode, urlsplit

from seatwarden.local.plane_access import PlaneAccess
from seatwarden.resources.names import API_VERSION, GROUP, VERSION, Kind

TIMEOUT_SECONDS = 30

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


class Refused(Exception):
    """The API server said no. ``status`` is its Status object."""

    def __init__(self, status: dict[str, Any]) -> None:
        self.status = status
        super().__init__(status["message"])

    @property
    def fields(self) -> set[str]:
        """The fields that it blames."""
        causes = self.status.get("details", {}).get("causes", [])
        # "<nil>" says that rules of CEL were not reached, which is nobody's mistake. The scale subresource
        # writes its path with a dot in front.
        blamed = {cause["field"].removeprefix(".") for cause in causes if cause["field"] != "<nil>"}
        return blamed | set(re.findall('unknown field "([^"]+)"', self.status["message"]))


class ApiServer:
    """What a cluster administrator can do."""

    def __init__(self, access: PlaneAccess) -> None:
        where = urlsplit(access.server)
        self._connection = http.client.HTTPSConnection(
            str(where.hostname),
            where.port,
            timeout=TIMEOUT_SECONDS,
            context=ssl.create_default_context(cafile=access.certificate_authority),
        )
        self._headers = {"Authorization": f"Bearer {access.token()}"}

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        **query: str,
    ) -> dict[str, Any]:
        """The answer to one request; raises `Refused` for any that is no success."""
        target = f"{path}?{urlencode(query)}" if query else path
        headers = {**self._headers, "Content-Type": content_type, "Accept": accept}
        self._connection.request(method, target, None if body is None else json.dumps(body), headers)
        answer = self._connection.getresponse()
        document: dict[str, Any] = json.loads(answer.read())
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise Refused(document)
        return document

    def create(self, kind: Kind, namespace: str, manifest: dict[str, Any], **query: str) -> dict[str, Any]:
        """Create as kubectl would, refusing unknown fields."""
        return self.request(
            "POST", resource_path(kind, namespace), manifest, fieldValidation="Strict", **query
        )

    def patch(self, kind: Kind, namespace: str, name: str, change: dict[str, Any]) -> dict[str, Any]:
        """Merge ``change`` into an object."""
        path = resource_path(kind, namespace, name)
        return self.request("PATCH", path, change, content_type=MERGE_PATCH, fieldValidation="Strict")

    def apply(self, path: str, manifest: dict[str, Any], *, manager: str = "tests") -> dict[str, Any]:
        """Apply ``manifest`` at ``path`` on the server's side."""
        return self.request(
            "PATCH", path, manifest, content_type=APPLY_PATCH, fieldManager=manager, fieldValidation="Strict"
        )


def resource_path(kind: Kind, namespace: str, name: str = "", *, subresource: str = "") -> str:
    """The path of one object, or of the collection."""
    parts = [f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{kind.plural}", name, subresource]
    return "/".join(part for part in parts if part)


def manifest(kind: Kind, name: str, spec: object) -> dict[str, Any]:
    """A manifest of ``kind``."""
    return {"apiVersion": API_VERSION, "kind": kind.value, "metadata": {"name": name}, "spec": spec}
