"""Fixtures of the tests of the resources: the API server with the CRDs of this checkout, and a namespace."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatwarden.local.plane_access import PlaneAccess
from seatwarden.resources.crd import custom_resource_definition
from seatwarden.resources.names import Kind
from tests.resources.api_server import ApiServer


@pytest.fixture(scope="session")
def cluster() -> PlaneAccess:
    return PlaneAccess.read(Path(os.environ["SEATWARDEN_TEST_PLANE"]))


@pytest.fixture(scope="session")
def api_server(cluster: PlaneAccess) -> Iterator[ApiServer]:
    """The API server, knowing our kinds."""
    server = ApiServer(cluster)
    for kind in Kind:
        server.apply(
            f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind.crd_name}",
            custom_resource_definition(kind),
        )
    yield server
    server.close()


@pytest.fixture(scope="session")
def namespace(api_server: ApiServer) -> Iterator[str]:
    """A namespace of this worker's own."""
    name = f"resources-{uuid.uuid4().hex[:8]}"
    api_server.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    api_server.request("DELETE", f"/api/v1/namespaces/{name}")
