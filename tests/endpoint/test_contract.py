"""What schemathesis makes of the OpenAPI document: calls of every kind that it allows and forbids, and calls that follow
from answers. Each answer must be one that the document tells of.

The endpoint, the pool and Valkey are real. The calls are the same in each run.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from seatwarden.backends.redis_authority import RedisSeatAuthority
from seatwarden.endpoint.application import create_app
from seatwarden.endpoint.openapi import openapi_document
from seatwarden.endpoint.server import start_server
from seatwarden.endpoint.settings import EndpointSettings
from seatwarden.local.valkey import Valkey
from tests.endpoint.pools import make_pool

SCHEMA = schemathesis.openapi.from_dict(openapi_document("test"))
# By design a request id that is no good is replaced and not refused, and not all that is refused (a cursor nobody gave, notes
# that are too long) can be said in a schema. `tests.endpoint.test_bad_input` has what must be refused.
LENIENT: list[Any] = [negative_data_rejection, positive_data_acceptance]
SAME_EACH_TIME = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=25,
    stateful_step_count=10,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Served:
    """An endpoint in a thread of its own, and a key of its one pool of five seats."""

    url: str
    key: str

    @property
    def call(self) -> dict[str, Any]:
        """How its calls are sent."""
        return {
            "base_url": self.url,
            "headers": {"Authorization": f"Bearer {self.key}"},
            "excluded_checks": LENIENT,
        }


@pytest.fixture
def served() -> Iterator[Served]:
    # All of its own: what may follow depends on which seats are taken.
    valkey = Valkey()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> tuple[Any, RedisSeatAuthority, Served]:
        await valkey.start()
        authority = RedisSeatAuthority.connect(valkey.url, time_limit_seconds=20)
        await authority.note_provisioned()
        pool = await make_pool(authority, seats=5)
        # Nearly every random wish names a group that there is not.
        await pool.configure(shadow=True)
        server = await start_server(create_app(authority, EndpointSettings()), host="127.0.0.1", port=0)
        return server, authority, Served(f"http://127.0.0.1:{server.port}", pool.key.text)

    def there(step: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(step, loop).result(30)

    server, authority, served = there(start())
    try:
        yield served
    finally:
        there(server.close())
        there(authority.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        valkey.close()


@SCHEMA.parametrize()
@SAME_EACH_TIME
def test_every_answer_is_one_that_the_document_tells_of(case: schemathesis.Case[Any], served: Served) -> None:
    case.call_and_validate(**served.call)


def test_what_follows_from_an_answer_is_told_of_too(served: Served) -> None:
    # Nothing follows from the calls on devices, and they would take the place of those that something follows from.
    linked = SCHEMA.exclude(path_regex="/devices")

    class Follower(linked.as_state_machine()):  # type: ignore[misc]  # made at run time
        def get_call_kwargs(self, _case: schemathesis.Case[Any]) -> dict[str, Any]:
            return {"headers": served.call["headers"], "base_url": served.url}

        def validate_response(self, response: Any, case: schemathesis.Case[Any], **_: Any) -> None:
            followed.add((case.operation.label, response.status_code))
            case.validate_response(response, excluded_checks=LENIENT)

    followed: set[tuple[str, int]] = set()

    session = "/api/v1/licenses/sessions/{id}"
    wanted = {(f"PATCH {session}/heartbeat", 200), (f"DELETE {session}", 200)}
    for walk in range(12):
        # Which seats are taken decides what can follow, and so does what ran out meanwhile: hypothesis calls that flaky.
        with suppress(FlakyStrategyDefinition):
            run_state_machine_as_test(Follower, settings=settings(SAME_EACH_TIME, derandomize=walk == 0))
        if wanted <= followed:
            break
    assert wanted <= followed
