"""One call of each kind that asks the authority, for what holds for all of them."""

from collections.abc import Awaitable, Callable

from tests.endpoint.endpoint_client import HOLDER, POOL, SESSIONS, Answer, EndpointClient
from tests.endpoint.scripted_authority import FENCE, LEASE_ID

CALLS: dict[str, Callable[[EndpointClient], Awaitable[Answer]]] = {
    "acquire": lambda client: client.acquire(),
    "acquire_all": lambda client: client.ask(
        "POST",
        "/api/v1/licenses/acquire-all",
        {"hardware_id": HOLDER, "pools": [{"license_key": client.key}]},
    ),
    "heartbeat": lambda client: client.heartbeat(LEASE_ID, FENCE),
    "bulk": lambda client: client.ask(
        "POST", "/api/v1/licenses/heartbeats", {"sessions": [{"id": LEASE_ID, "fence": 1}]}
    ),
    "release": lambda client: client.release(LEASE_ID, FENCE),
    "borrow": lambda client: client.ask("POST", f"{SESSIONS}/{LEASE_ID}/borrow", {"fence": 1}),
    "return": lambda client: client.ask("POST", f"{SESSIONS}/{LEASE_ID}/return", {"fence": 1}),
    "validate": lambda client: client.ask("POST", "/api/v1/licenses/validate", {}),
    "pool": lambda client: client.ask("GET", POOL),
    "sessions": lambda client: client.ask("GET", SESSIONS),
    "devices": lambda client: client.ask("GET", "/api/v1/licenses/devices"),
    "remove_device": lambda client: client.ask("DELETE", f"/api/v1/licenses/devices/{'ab' * 32}"),
    "readyz": lambda client: client.ask("GET", "/readyz"),
}
