"""Lists, page by page, the newest first and never behind the truth; and `expand`, which puts objects where ids are."""

from typing import Any

from tests.stripe.account import Account, Thing, copied, listed
from tests.stripe.refusals import NotServed, StripeRefusal, missing
from tests.stripe.routes import Given

PAGE = "limit starting_after ending_before"
"""The parameters that every list has."""
_MOST = 100
_USUAL = 10
_EXPANDS = {
    "customer": "customer",
    "product": "product",
    "latest_invoice": "invoice",
    "default_payment_method": "payment_method",
    "discounts": "discount",
    "subscription": "subscription",
    "coupon": "coupon",
    "promotion_code": "promotion_code",
}
_DEEPEST = 4


def page(things: list[Thing], given: Given, url: str) -> Thing:
    """The page of ``things`` that was asked for."""
    limit = given.get("limit", _USUAL)
    if not 1 <= limit <= _MOST:
        raise StripeRefusal(f"Invalid limit: {limit} is not within 1 and {_MOST}", param="limit")
    if "ending_before" in given:
        before = things[: _place(things, given["ending_before"], "ending_before")]
        return listed(before[-limit:], url, has_more=len(before) > limit)
    if "starting_after" in given:
        things = things[_place(things, given["starting_after"], "starting_after") + 1 :]
    return listed(things[:limit], url, has_more=len(things) > limit)


def _place(things: list[Thing], identity: str, param: str) -> int:
    for place, thing in enumerate(things):
        if thing["id"] == identity:
            return place
    raise missing("object", identity, param, status=400)


def within(value: int, wanted: Any) -> bool:
    """Whether an instant is the wanted one, or between the wanted ones (gt, gte, lt, lte)."""
    if not isinstance(wanted, dict):
        return wanted is None or value == wanted
    tests: dict[str, Any] = {
        "gt": value.__gt__,
        "gte": value.__ge__,
        "lt": value.__lt__,
        "lte": value.__le__,
    }
    return all(tests[name](bound) for name, bound in wanted.items())


def expanded(account: Account, answer: Thing, paths: list[str]) -> Thing:
    """A copy of ``answer`` with objects where the dotted ``paths`` name ids. What is only ever shown on request (`line_items`)
    is there only then."""
    answer = copied(answer)
    shown = {path.rpartition(".")[2] for path in paths}
    for path in paths:
        parts = path.split(".")
        if len(parts) > _DEEPEST:
            raise StripeRefusal(f"You cannot expand more than {_DEEPEST} levels: {path}", param="expand")
        _expand(account, answer, parts, path)
    _hide(answer, shown)
    return answer


def _expand(account: Account, value: Any, parts: list[str], path: str) -> None:
    for thing in value if isinstance(value, list) else [value]:
        if thing is None:
            continue
        if not isinstance(thing, dict) or parts[0] not in thing:
            raise StripeRefusal(f"This property cannot be expanded ({path}).", param="expand")
        found = thing[parts[0]]
        if isinstance(found, list):
            thing[parts[0]] = [_object(account, parts[0], one) for one in found]
        elif isinstance(found, str):
            thing[parts[0]] = _object(account, parts[0], found)
        if len(parts) > 1:
            _expand(account, thing[parts[0]], parts[1:], path)


def _object(account: Account, name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name not in _EXPANDS:
        raise NotServed(f"The stand-in does not expand {name}")
    return copied(account.find(_EXPANDS[name], value))


def _hide(value: Any, shown: set[str]) -> None:
    if isinstance(value, list):
        for one in value:
            _hide(one, shown)
    elif isinstance(value, dict):
        if value.get("object") == "checkout.session" and "line_items" not in shown:
            value.pop("line_items", None)
        for one in value.values():
            _hide(one, shown)
