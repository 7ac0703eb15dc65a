"""Requirements on specs, each said twice in one place: in CEL for the API server and in Python for the
operator.

The API server refuses a bad manifest with the sentence written here, at the field that is wrong. The
operator holds what it reads to the same rules, since an object may have been stored under older ones.
Patterns are CEL rules too and not the schema's `pattern`, because a `pattern` can only answer with a
regular expression.

CEL runs only where lengths and types are right, but a failed rule on a field does not keep a rule on its
parent from running. So a rule on a parent lets pass what the rule of the field refuses, and each mistake is
told once.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from seatwarden.resources.durations import (
    DURATION_MAX_LENGTH,
    DURATION_PATTERN,
    format_duration,
    parse_duration,
)

REQUIREMENT = "requirement"
"""The pydantic error type of every rule of this module; its context has ``message`` and ``field``."""
VALIDATIONS = "x-kubernetes-validations"
JsonSchema = dict[str, Any]


def refuse(message: str, *, at: str | int = "") -> PydanticCustomError:
    """The error that says ``message`` about the value at hand, or about its child ``at`` (wire name or index)."""
    return PydanticCustomError(REQUIREMENT, "{message}", {"message": message, "field": at})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A requirement on a whole object.

    ``cel`` is for the API server. ``holds`` is for the operator, and None for a rule about a change, which
    only the API server sees. ``at`` is the wire name of the child that is to blame.
    """

    cel: str
    message: str
    at: str = ""
    holds: Callable[[Any], bool] | None = None

    def published(self) -> JsonSchema:
        """As the CRD has it."""
        where = {"fieldPath": f".{self.at}"} if self.at else {}
        return {"rule": self.cel, "message": self.message, **where}


def published_with(schema: JsonSchema, *rules: Rule) -> JsonSchema:
    """``schema`` with ``rules`` behind those that it has."""
    return {**schema, VALIDATIONS: [*schema.get(VALIDATIONS, ()), *(rule.published() for rule in rules)]}


@dataclass(frozen=True, slots=True)
class Immutable:
    """Annotation: the field never changes after creation. ``message`` says what to do instead."""

    message: str

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        """Tell the API server, the only one who sees both values."""
        return published_with(handler(schema), Rule(cel="self == oldSelf", message=self.message))


@dataclass(frozen=True, slots=True)
class Matches:
    """Annotation: a string matches ``pattern``, which must mean the same in Go and in Python. ``message``
    says how."""

    pattern: str
    message: str
    _compiled: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile once: thousands of objects are read at start-up."""
        object.__setattr__(self, "_compiled", re.compile(self.pattern))

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the string after its length."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        """Tell the API server."""
        return published_with(
            handler(schema), Rule(cel=f"self.matches(r'{self.pattern}')", message=self.message)
        )

    def _check(self, value: str) -> str:
        if self._compiled.fullmatch(value) is None:
            raise refuse(self.message)
        return value


@dataclass(frozen=True, slots=True)
class ListMap:
    """Annotation: a list of models is a map by the field ``key`` (one lower-case word): none twice, merged
    by it."""

    key: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Refuse a key that is there twice."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        """Tell the API server, which then also merges server-side apply by the key."""
        return {
            **handler(schema),
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": [self.key],
        }

    def _check(self, items: tuple[Any, ...]) -> tuple[Any, ...]:
        seen = set()
        for index, item in enumerate(items):
            value = getattr(item, self.key)
            if value in seen:
                raise refuse(f'must have another {self.key} than those before, not "{value}" again', at=index)
            seen.add(value)
        return items


@dataclass(frozen=True, slots=True)
class ListSet:
    """Annotation: no item of a list of texts is there twice."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Refuse an item that is there twice."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        """Tell the API server."""
        return {**handler(schema), "x-kubernetes-list-type": "set"}

    def _check(self, items: tuple[str, ...]) -> tuple[str, ...]:
        for index, item in enumerate(items):
            if item in items[:index]:
                raise refuse(f'must be another one than those before, not "{item}" again', at=index)
        return items


@dataclass(frozen=True, slots=True)
class OneOrMore:
    """Annotation: a list has at least one item. Not pydantic's `min_length`, which does not count wrong items."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Look at the list after its items."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        """Tell the API server."""
        return {**handler(schema), "minItems": 1}

    def _check(self, items: tuple[Any, ...]) -> tuple[Any, ...]:
        if not items:
            raise refuse("should have at least 1 items")
        return items


@dataclass(frozen=True, slots=True)
class DurationBetween:
    """Annotation: a `timedelta` that is written like ``6m`` and lies between two others, both included."""

    shortest: str
    longest: str

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read text, or take a `timedelta` as it is; write text."""
        return core_schema.no_info_plain_validator_function(
            self._read, serialization=core_schema.plain_serializer_function_ser_schema(format_duration)
        )

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchema:
        """Tell the API server."""
        bounds = (
            f"duration(self) >= duration('{self.shortest}') && duration(self) <= duration('{self.longest}')"
        )
        return published_with(
            {"type": "string", "maxLength": DURATION_MAX_LENGTH},
            Rule(cel=_is_duration("self"), message=DURATION_FORM),
            Rule(cel=f"!{_is_duration('self')} || ({bounds})", message=self._message),
        )

    @property
    def _message(self) -> str:
        return f"must be from {self.shortest} to {self.longest}"

    def _read(self, value: object) -> timedelta:
        try:
            length = value if isinstance(value, timedelta) else parse_duration(str(value))
        except ValueError as error:
            raise refuse(DURATION_FORM) from error
        if not parse_duration(self.shortest) <= length <= parse_duration(self.longest):
            raise refuse(self._message)
        return length


def both_are_durations(first: str, second: str) -> str:
    """CEL: the children of those wire names are there and well formed, so that a rule on both may compute
    with them.

    They can be absent although they have defaults: the API server checks the default of an object, ``{}``,
    as it is.
    """
    return " && ".join(f"has(self.{name}) && {_is_duration(f'self.{name}')}" for name in (first, second))


def _is_duration(what: str) -> str:
    return f"{what}.matches('{DURATION_PATTERN}')"


@dataclass(frozen=True, slots=True)
class InstantText:
    """Annotation: a `datetime` that is written in RFC 3339, in years 2000 to 2999.

    Not the schema's ``format: date-time``: the API server's check of it lets ``2027-01-01T00:00:00Zt and
    more`` pass, and makes its own error of it before any sentence can be said.
    """

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read text, or take a `datetime` with an offset as it is; write text in UTC."""
        return core_schema.no_info_plain_validator_function(
            _read_instant, serialization=core_schema.plain_serializer_function_ser_schema(format_instant)
        )

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchema:
        """Tell the API server."""
        form = f"self.matches('{_INSTANT_PATTERN}')"
        return published_with(
            {"type": "string", "maxLength": 35},
            # An impossible day passes the pattern; reading it fails, and a rule that fails is a rule broken.
            Rule(cel=f"{form} && timestamp(self) == timestamp(self)", message=_INSTANT_FORM),
        )


def format_instant(instant: datetime) -> str:
    """``instant`` in RFC 3339, UTC and whole seconds, as Kubernetes writes its own."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read_instant(value: object) -> datetime:
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    if re.fullmatch(_INSTANT_PATTERN, text) is None:
        raise refuse(_INSTANT_FORM)
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise refuse(_INSTANT_FORM) from error


DURATION_FORM = 'must be whole hours, minutes and seconds such as "90s", "6m" or "1h30m"'
_INSTANT_FORM = (
    'must be an instant with its offset from UTC, such as "2027-06-30T23:59:59Z", in the years 2000 to 2999'
)
_INSTANT_PATTERN = (
    "^2[0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    "([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
