"""A client of the endpoint for tests. Each answer is held against the OpenAPI document, whatever the test is about."""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from tests.endpoint.schema_walker import mismatches, resolve

SESSIONS = "/api/v1/licenses/sessions"
ACQUIRE = "/api/v1/licenses/acquire"
BULK = "/api/v1/licenses/heartbeats"
VALIDATE = "/api/v1/licenses/validate"
POOL = "/api/v1/licenses/pool"
HOLDER = "ab" * 32


@dataclass(frozen=True)
class Answer:
    """What came back. ``body`` is the parsed JSON, or the text where it is none."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> str:
        """The stable code."""
        return str(self.body["code"])


class EndpointClient:
    """Asks one endpoint, with one licence key unless told otherwise."""

    def __init__(self, http: aiohttp.ClientSession, base: str, key: str, document: dict[str, Any]) -> None:
        self.http = http
        self.base = base
        self.key = key
        self.document = document
        self.pool: str | None = None

    def with_token(self, token: str, pool: str) -> "EndpointClient":
        """The same endpoint with a token for the pool of that name."""
        client = self.with_key(token)
        client.pool = pool
        return client

    def with_key(self, key: str) -> "EndpointClient":
        """The same endpoint with another key."""
        return EndpointClient(self.http, self.base, key, self.document)

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        data: bytes | io.BytesIO | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send ``body`` as JSON, or ``data`` as it is with ``headers`` alone."""
        sent = {"Authorization": f"Bearer {self.key}"} if headers is None else dict(headers)
        if self.pool is not None:
            sent["Seatwarden-Pool"] = self.pool
        if body is not None:
            data = orjson.dumps(body)
            sent["Content-Type"] = "application/json"
        async with self.http.request(method, self.base + path, data=data, headers=sent) as response:
            raw = await response.read()
            is_json = "json" in response.content_type
            answer = Answer(
                response.status,
                response.headers.copy(),
                orjson.loads(raw) if is_json and raw else raw.decode(),
            )
        if method != "HEAD":
            self._must_be_documented(method, path.partition("?")[0], answer)
        return answer

    async def acquire(self, holder: str = HOLDER, **fields: Any) -> Answer:
        """Ask for a seat."""
        return await self.ask("POST", ACQUIRE, {"hardware_id": holder, **fields})

    async def heartbeat(self, lease_id: str, fence: int) -> Answer:
        """Renew a lease."""
        return await self.ask("PATCH", f"{SESSIONS}/{lease_id}/heartbeat", {"fence": fence})

    async def release(self, lease_id: str, fence: int) -> Answer:
        """Give a seat back."""
        return await self.ask("DELETE", f"{SESSIONS}/{lease_id}", {"fence": fence})

    def _must_be_documented(self, method: str, path: str, answer: Answer) -> None:
        assert answer.headers["X-Request-ID"]
        for template, methods in self.document["paths"].items():
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method.lower() in methods:
                responses = methods[method.lower()]["responses"]
                break
        else:
            responses = {}
        media_type = answer.headers["Content-Type"].partition(";")[0]
        if answer.status >= 400:
            assert media_type == "application/problem+json"
            problem = resolve("#/components/schemas/ProblemDocument", self.document)
            assert list(mismatches(answer.body, problem, self.document)) == []
            assert answer.body["status"] == answer.status
        if responses and answer.status not in {500, 431}:
            assert str(answer.status) in responses, f"{method} {path} does not document {answer.status}"
            documented = responses[str(answer.status)]
            if "content" not in documented:
                assert answer.body in ({}, ""), f"{method} {path} should have no body"
                return
            content = documented["content"][media_type]
            assert list(mismatches(answer.body, content["schema"], self.document)) == []
