"""The stand-in of Stripe as an HTTP server on loopback, which Stripe's own SDK talks to:
``stripe.StripeClient("sk_test_…", base_addresses={"api": fake.url})``.

A request goes through the same doors as at Stripe: who asks, how often, under which idempotency key, with which parameters; then
it is done; then the answer is looked at. What it cannot do it says with a 501, and an answer that is none of Stripe's is a 500:
both are kept in `StripeServer.ashamed`, which has to be empty at the end of a test.
"""

import contextlib
import socket
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from tests.stripe.account import Account, Request, Switches
from tests.stripe.clock import Clock
from tests.stripe.faults import Fault, Faults, Heard, call
from tests.stripe.forms import parsed
from tests.stripe.idempotency import Answer, Idempotency
from tests.stripe.limits import Limits, TooMany, locked, rate_limited
from tests.stripe.openapi import OpenApi, Operation, stripe_openapi, typed
from tests.stripe.pages import expanded
from tests.stripe.refusals import BeforeItBegan, NotServed, StripeRefusal
from tests.stripe.routes import Route, route_of
from tests.stripe.serving import ALL_ROUTES
from tests.stripe.shapes import complaints
from tests.stripe.webhooks import Webhooks

API_KEY = "sk_test_seatwarden"
"""The secret key of the account."""
_OURS = {"type": "api_error", "message": "An unexpected error occurred."}
_REFUSED_AT_THE_DOOR: dict[Fault, Callable[[], StripeRefusal]] = {
    Fault.ERROR_BEFORE: lambda: BeforeItBegan(_OURS["message"], status=500, kind="api_error"),
    Fault.RATE_LIMITED: lambda: rate_limited("global-rate"),
    Fault.LOCKED: locked,
    Fault.UNAUTHORISED: lambda: BeforeItBegan("Invalid API Key provided.", status=401),
    Fault.FORBIDDEN: lambda: BeforeItBegan(
        "The provided key does not have the required permissions for this endpoint.", status=403
    ),
}


@dataclass(slots=True)
class StripeServer:
    """A running stand-in. ``heard`` has every request, in order."""

    account: Account
    api: OpenApi
    webhooks: Webhooks
    url: str = ""
    faults: Faults = field(default_factory=Faults)
    limits: Limits | None = None
    heard: list[Heard] = field(default_factory=list)
    ashamed: list[str] = field(default_factory=list)
    keys: Idempotency = field(default_factory=Idempotency)
    api_key: str = API_KEY
    _operations: dict[Route, Operation] = field(default_factory=dict)

    @property
    def clock(self) -> Clock:
        """The account's."""
        return self.account.clock

    def counts(self) -> Counter[str]:
        """How often each request was heard: ``POST /v1/customers/{customer}``, by the stand-in's routes."""
        return Counter(f"{one.method} {_template(one)}" for one in self.heard)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What goes back for a request."""
        number = len(self.heard) + 1
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        heard = Heard(number=number, method=request.method, path=request.path, given={}, key=key)
        self.heard.append(heard)
        try:
            given = parsed(request.query_string if request.method == "GET" else await request.text())
        except BeforeItBegan as refusal:
            return self._answered(heard, Answer(refusal.status, refusal.body), {})
        heard = self.heard[number - 1] = replace(heard, given=given)
        await call(self.faults.before.pop(number, None), heard)
        fault = self.faults.of(heard)
        match fault:
            case Fault.HANG_BEFORE:
                await self.faults.hold()
            case Fault.RESET_BEFORE:
                return _reset(request)
        headers: dict[str, str] = {}
        try:
            self._pass_the_doors(request, heard, fault)
            answer = await self._done_once(heard, fault, headers)
        except StripeRefusal as refusal:
            answer = Answer(refusal.status, refusal.body)
            headers |= refusal.headers if isinstance(refusal, TooMany) else {}
        await call(self.faults.after.pop(number, None), heard)
        match fault:
            case Fault.HANG_AFTER:
                await self.faults.hold()
            case Fault.RESET_AFTER:
                return _reset(request)
        return self._answered(heard, answer, headers)

    def _answered(self, heard: Heard, answer: Answer, headers: dict[str, str]) -> web.Response:
        replayed = "Idempotent-Replayed" in headers
        self.heard[heard.number - 1] = replace(heard, status=answer.status, replayed=replayed)
        headers |= {"Request-Id": f"req_{heard.number:014d}"}
        if heard.key:
            headers["Idempotency-Key"] = heard.key
        return web.json_response(answer.body, status=answer.status, headers=headers)

    def _pass_the_doors(self, request: web.Request, heard: Heard, fault: Fault | None) -> None:
        if fault in _REFUSED_AT_THE_DOOR:
            refused = _REFUSED_AT_THE_DOOR[fault]
            raise refused()
        if request.headers.get("Authorization") != f"Bearer {self.api_key}":
            raise BeforeItBegan("Invalid API Key provided.", status=401)
        if self.limits is not None:
            self.limits.take(heard.method, heard.path)

    async def _done_once(self, heard: Heard, fault: Fault | None, headers: dict[str, str]) -> Answer:
        if heard.key is None:
            return _spoilt(self._done(heard), fault, headers)
        earlier = self.keys.begin(heard.key, heard.method, heard.path, heard.given, self.clock.now)
        if earlier is not None:
            headers["Idempotent-Replayed"] = "true"
            return earlier
        if fault is Fault.BUSY:
            await self.faults.hold()
        try:
            answer = _spoilt(self._done(heard), fault, headers)
        except BeforeItBegan:
            self.keys.forget(heard.key)
            raise
        self.keys.end(heard.key, answer)
        return answer

    def _done(self, heard: Heard) -> Answer:
        self.account.request = Request(f"req_{heard.number:014d}", heard.key)
        try:
            operation, route = self._served(heard)
            given = typed(operation.parameters, heard.given)
            paths = given.pop("expand", [])
            answer = expanded(self.account, route.answer(self.account, heard.path, given), paths)
        except NotServed as shame:
            self.ashamed.append(str(shame))
            raise BeforeItBegan(str(shame), status=501, kind="api_error") from None
        except BeforeItBegan:
            raise
        except StripeRefusal as refusal:
            return Answer(refusal.status, refusal.body)
        finally:
            self.account.request = Request()
        return self._looked_at(heard, operation, answer)

    def _served(self, heard: Heard) -> tuple[Operation, Route]:
        route = route_of(heard.method, heard.path)
        if route is not None and route in self._operations:
            return self._operations[route], route
        operation = self.api.operation(heard.method, heard.path)
        if operation is None:
            raise BeforeItBegan(f"Unrecognized request URL ({heard.method}: {heard.path}).", status=404)
        if route is None:
            raise NotServed(f"The stand-in does not serve {heard.method} {operation.path}")
        self._operations[route] = operation
        return operation, route

    def _looked_at(self, heard: Heard, operation: Operation, answer: dict[str, Any]) -> Answer:
        wrong = complaints(self.api, operation.answer, answer)
        if wrong:
            self.ashamed.append(f"{heard.method} {heard.path}: {'; '.join(wrong)}")
            return Answer(500, {"error": _OURS | {"message": self.ashamed[-1]}})
        return Answer(200, answer)


def _spoilt(answer: Answer, fault: Fault | None, headers: dict[str, str]) -> Answer:
    if fault is not Fault.ERROR_AFTER:
        return answer
    headers["Stripe-Should-Retry"] = "false"
    return Answer(500, {"error": _OURS})


def _template(heard: Heard) -> str:
    route = route_of(heard.method, heard.path)
    return route.template if route is not None else heard.path


def _reset(request: web.Request) -> web.Response:
    transport = request.transport
    assert transport is not None
    # With no time to linger the client is sent a reset and not an end.
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
    return web.Response()


@contextlib.asynccontextmanager
async def fake_stripe(
    *, now: int | None = None, switches: Switches | None = None
) -> AsyncIterator[StripeServer]:
    """A running stand-in with nothing in it, at a free port of loopback, in the loop of the caller. Its time is the true one when
    it begins, unless ``now`` says otherwise, and then goes on only by its clock's `advance`."""
    assert ALL_ROUTES
    clock = Clock(int(time.time()) if now is None else now)
    account = Account(clock, switches or Switches())
    server = StripeServer(account, stripe_openapi(), Webhooks(account))
    account.told.append(server.webhooks.hear)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()
