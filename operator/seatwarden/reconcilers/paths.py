"""Where objects are in the API."""

from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.resources.names import API_VERSION, Kind


def object_path(key: ObjectKey) -> str:
    """The path of one custom resource."""
    return f"/apis/{API_VERSION}/namespaces/{key.namespace}/{key.kind.plural}/{key.name}"


def collection_path(kind: Kind, namespace: str | None) -> str:
    """The path of all custom resources of a kind, in one namespace or (None) in all."""
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{API_VERSION}{scope}/{kind.plural}"


def config_map_path(namespace: str, name: str) -> str:
    """The path of a ConfigMap."""
    return f"/api/v1/namespaces/{namespace}/configmaps/{name}"


def config_maps_path(namespace: str | None) -> str:
    """The path of the ConfigMaps of one namespace or (None) of all."""
    return f"/api/v1/namespaces/{namespace}/configmaps" if namespace else "/api/v1/configmaps"


def secret_path(namespace: str, name: str = "") -> str:
    """The path of a Secret, or without a name of a namespace's Secrets."""
    return f"/api/v1/namespaces/{namespace}/secrets" + (f"/{name}" if name else "")
