"""Search, which is behind the truth: https://docs.stripe.com/search.

It finds by what an object was when it was last indexed, and shows it as it is.
"""

import re
from collections.abc import Callable

from tests.stripe.account import Account, Thing
from tests.stripe.refusals import StripeRefusal
from tests.stripe.routes import Given, serves

_CLAUSE = re.compile(
    r"""(?P<negated>-?)(?P<field>\w+)(\[(?P<q>['"])(?P<key>.+?)(?P=q)\])?(?P<operator>:|~|>=|<=|>|<)"""
    r"""(?P<value>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\d+|null)"""
)
_KINDS = {
    "customer": {"created", "email", "metadata", "name", "phone"},
    "subscription": {"created", "metadata", "status", "canceled_at"},
}
_SHORTEST = 3
_USUAL, _MOST = 10, 100


def visible(account: Account, kind: str) -> list[Thing]:
    """Of a kind, as they were when they were last indexed; the newest first."""
    horizon = account.clock.now - account.switches.search_delay_seconds
    found = []
    for thing in account.all(kind):
        known = [then for when, then in account.changed[thing["id"]] if when <= horizon]
        if known and not thing.get("deleted"):
            found.append(known[-1])
    return found


def _clauses(query: str, kind: str) -> list[Callable[[Thing], bool]]:
    if re.search(r"\sOR\s", query):
        raise StripeRefusal("The stand-in's search knows AND only.", param="query")
    clauses = []
    for part in re.split(r"\s+AND\s+", query.strip()):
        match = _CLAUSE.fullmatch(part)
        if match is None or match["field"] not in _KINDS[kind]:
            raise StripeRefusal(f"We were unable to parse your search query: {part}", param="query")
        clauses.append(_clause(match))
    return clauses


def _clause(match: re.Match[str]) -> Callable[[Thing], bool]:
    name, key, operator = match["field"], match["key"], match["operator"]
    wanted = re.sub(r"\\(.)", r"\1", match["value"].strip("'\""))
    if operator == "~" and len(wanted) < _SHORTEST:
        raise StripeRefusal("Substring search needs at least 3 characters.", param="query")

    def fits(thing: Thing) -> bool:
        value = thing[name].get(key) if key is not None else thing[name]
        if match["value"] == "null":
            found = value is None
        elif value is None:
            found = False
        elif operator in {":", "~"}:
            text = str(value).lower()
            found = wanted.lower() in text if operator == "~" else wanted.lower() == text
        else:
            tests = {">": value.__gt__, "<": value.__lt__, ">=": value.__ge__, "<=": value.__le__}
            found = bool(tests[operator](int(wanted)))
        return found != bool(match["negated"])

    return fits


def _searched(account: Account, given: Given, kind: str, url: str) -> Thing:
    clauses = _clauses(given["query"], kind)
    limit, start = given.get("limit", _USUAL), int(given.get("page", "0"))
    if not 1 <= limit <= _MOST:
        raise StripeRefusal(f"Invalid limit: {limit} is not within 1 and {_MOST}", param="limit")
    fitting = [one["id"] for one in visible(account, kind) if all(fits(one) for fits in clauses)]
    more = len(fitting) > start + limit
    return {
        "object": "search_result",
        "data": [account.find(kind, one) for one in fitting[start : start + limit]],
        "has_more": more,
        "next_page": str(start + limit) if more else None,
        "url": url,
    }


@serves("GET /v1/customers/search", "query limit page")
def search_customers(account: Account, given: Given) -> Thing:
    """Customers that fit, as far as search knows."""
    return _searched(account, given, "customer", "/v1/customers/search")


@serves("GET /v1/subscriptions/search", "query limit page")
def search_subscriptions(account: Account, given: Given) -> Thing:
    """Subscriptions that fit, as far as search knows."""
    return _searched(account, given, "subscription", "/v1/subscriptions/search")
