"""Fixtures of the tests of the resources."""

from collections.abc import Iterator

import pytest

from seatwarden.local.plane_access import PlaneAccess
from tests.resources.api_server import ApiServer


@pytest.fixture(scope="session")
def api_server(cluster: PlaneAccess) -> Iterator[ApiServer]:
    """The API server with the custom resource definitions of this checkout."""
    server = ApiServer(cluster)
    yield server
    server.close()
