"""An operator as far as money goes, those who write manifests, and what they see."""

import asyncio
import base64
from dataclasses import dataclass, field
from typing import Any

from seatwarden.domain.stripe_events import StripeEvent, read_event
from seatwarden.reconcilers.engine import Cause, ObjectKey
from seatwarden.reconcilers.object_store import Change
from seatwarden.reconcilers.paths import object_path, secret_path
from seatwarden.resources.names import API_VERSION, Kind
from seatwarden.resources.rules import format_instant
from tests.billing.mortal_kubernetes import Died
from tests.billing.process import Process
from tests.domain.objects import NAMESPACE, Body, subscription_body, tenant_body

ACME = ObjectKey(Kind.TENANT, NAMESPACE, "acme")
TEAM = ObjectKey(Kind.SUBSCRIPTION, NAMESPACE, "team")
PAID: Body = {"signing": {"algorithm": "EdDSA"}, "billing": {"provider": "Stripe"}}


@dataclass(slots=True)
class Office(Process):
    """Somebody writes objects and lets time pass. ``events`` has what Stripe has told of and
    nobody has handed over."""

    events: list[StripeEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        Process.__post_init__(self)
        self.shop.server.account.told.append(self._hear)

    def _hear(self, event: Any) -> None:
        read = read_event(event)
        if isinstance(read, StripeEvent):
            self.events.append(read)

    def tenant(self, name: str = "acme", **spec: Any) -> ObjectKey:
        """Somebody writes a Tenant who pays at Stripe."""
        return self.declare(Kind.TENANT, tenant_body(name, spec=PAID | spec))

    def team(self, name: str = "team", **spec: Any) -> ObjectKey:
        """Somebody writes a Subscription of five seats, whose price is paid by the month; None takes a field away."""
        wanted = {"plan": {"name": "team", "priceID": self.shop.prices["month"]}}
        body = subscription_body(name, spec=wanted | spec)
        said = {field: value for field, value in body["spec"].items() if value is not None}
        return self.declare(Kind.SUBSCRIPTION, body | {"spec": said})

    def declare(self, kind: Kind, body: Body) -> ObjectKey:
        """Somebody writes an object; its status stays, and another spec is another generation."""
        key = ObjectKey(kind, NAMESPACE, body["metadata"]["name"])
        before = self.api.objects.get(object_path(key))
        if before is None:
            created = {"creationTimestamp": format_instant(self.now())}
            body = body | {"metadata": body["metadata"] | created}
        else:
            generation = before["metadata"]["generation"] + (before["spec"] != body["spec"])
            body = before | body | {"metadata": before["metadata"] | {"generation": generation}}
        self._put(key, body | {"apiVersion": API_VERSION})
        return key

    def annotate(self, key: ObjectKey, **annotations: str) -> None:
        """Somebody annotates an object; names are without the group, with underscores."""
        body = self.api.objects[object_path(key)]
        told = {f"seatwarden.dev/{name.replace('_', '-')}": value for name, value in annotations.items()}
        meta = body["metadata"]
        self._put(key, body | {"metadata": meta | {"annotations": (meta.get("annotations") or {}) | told}})

    def delete(self, key: ObjectKey) -> None:
        """Somebody deletes an object, which goes when its finalizers have."""
        body = self.api.objects[object_path(key)]
        if not body["metadata"].get("finalizers"):
            self._gone(key)
            return
        deleted = body["metadata"] | {"deletionTimestamp": format_instant(self.now())}
        self._put(key, body | {"metadata": deleted})

    def _put(self, key: ObjectKey, body: Body) -> None:
        path = object_path(key)
        self.api.put(path, body)
        if self.store.put(key.kind, self.api.objects[path]) is Change.INTENT:
            self.add(key, Cause.CHANGED)
            self._below(key)

    async def pass_time(self, *, days: float = 0, seconds: int = 0) -> None:
        """Let time pass in one leap, and then do what has come due."""
        self.shop.pass_time(days=days, seconds=seconds)
        for key in [key for key, when in self.due.items() if when <= self.now()]:
            del self.due[key]
            self.add(key, Cause.RESYNC)
        await self.settle()

    async def hear_news(self) -> None:
        """Hand over what Stripe has told of, and have all of it looked at."""
        changes = {event.change: None for event in self.events}
        self.events.clear()
        while True:
            deaths = self.deaths
            waiting = [asyncio.ensure_future(self.news.handle(change)) for change in changes]
            await asyncio.sleep(0)
            await self.settle()
            if deaths == self.deaths:
                await asyncio.wait_for(asyncio.gather(*waiting), 5.0)
                return
            # What was not handed over in the end is told of again.
            for each in waiting:
                each.cancel()

    async def resync(self) -> None:
        """Look through everything at Stripe."""
        try:
            await self.mortally(self.news.resync())
        except Died:
            self.deaths += 1
            self.restart()
            await self.mortally(self.news.resync())
        await self.settle()

    def status(self, key: ObjectKey = TEAM) -> Body:
        """What people see."""
        status: Body = self.api.objects[object_path(key)]["status"]
        return status

    def phase(self, key: ObjectKey = TEAM) -> str:
        """The phase of a Subscription."""
        return str(self.status(key)["phase"])

    def condition(self, kind: str, key: ObjectKey = TEAM) -> tuple[str, str] | None:
        """The status and reason of a condition, None where there is none."""
        found = (it for it in self.status(key)["conditions"] if it["type"] == kind)
        return next(((it["status"], it["reason"]) for it in found), None)

    def secret(self, name: str) -> dict[str, str]:
        """What a Secret holds."""
        data = self.api.objects[secret_path(NAMESPACE, name)].get("data", {})
        return {field: base64.b64decode(text).decode() for field, text in data.items()}

    def status_of_all(self) -> list[Body]:
        """Of all Tenants and Subscriptions that there are."""
        return [body["status"] for body in self.api.objects.values() if body.get("kind") in {*Kind}]

    def reasons_told(self) -> list[str]:
        """The reasons of all Events."""
        return [body["reason"] for body in self.api.bodies if body.get("kind") == "Event"]
