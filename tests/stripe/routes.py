"""Which requests the stand-in answers, and what it does with their parameters."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.stripe.account import Account, Thing
from tests.stripe.forms import leaves
from tests.stripe.refusals import NotServed

Given = dict[str, Any]
Serve = Callable[..., Thing]
_ROUTES: list["Route"] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A request with what answers it. ``honours`` are the parameters that it does something about, without places in lists."""

    method: str
    template: str
    pattern: re.Pattern[str]
    honours: frozenset[str]
    serve: Serve

    def answer(self, account: Account, path: str, given: Given) -> Thing:
        """What Stripe would answer. Raises `StripeRefusal`, or `NotServed` for what Stripe can do and this cannot."""
        for name in sorted(leaves(given)):
            if not self._honoured(name):
                raise NotServed(f"The stand-in does nothing about {name} of {self.method} {self.template}")
        match = self.pattern.fullmatch(path)
        assert match is not None
        return self.serve(account, given, *match.groups())

    def _honoured(self, name: str) -> bool:
        # Keys of metadata may have dots of their own.
        parts = name.split(".")
        inside = {f"{'.'.join(parts[:length])}.*" for length in range(1, len(parts))}
        return bool({name, *inside} & self.honours)


def serves(request: str, honours: str = "") -> Callable[[Serve], Serve]:
    """Register a function for a request such as ``POST /v1/customers/{customer}``: it is called with the account, the typed
    parameters and the names of the path."""
    method, template = request.split()

    def register(serve: Serve) -> Serve:
        pattern = re.compile(re.sub(r"\{\w+\}", "([^/]+)", template))
        names = frozenset((honours + " expand").split())
        route = Route(method=method, template=template, pattern=pattern, honours=names, serve=serve)
        # Paths without names come first: /v1/customers/search is not a customer called search.
        _ROUTES.append(route)
        _ROUTES.sort(key=lambda one: one.template.count("{"))
        return serve

    return register


def route_of(method: str, path: str) -> Route | None:
    """What answers a request."""
    fitting = (one for one in _ROUTES if one.method == method and one.pattern.fullmatch(path))
    return next(fitting, None)


def routes() -> tuple[Route, ...]:
    """All of them."""
    return tuple(_ROUTES)
