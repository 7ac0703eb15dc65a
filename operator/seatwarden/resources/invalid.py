"""What is wrong with a manifest, told to the person who wrote it: the field, what is there, what would be
right."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from seatwarden.resources.rules import REQUIREMENT

SHOWN_PROBLEMS = 5
SHOWN_CHARACTERS = 40

_SENTENCES = {
    REQUIREMENT: "{message}",
    "missing": "is required",
    "int_type": "must be a whole number, not {found}",
    "bool_type": "must be true or false, not {found}",
    "string_type": "must be a string, not {found}",
    "tuple_type": "must be a list, not {found}",
    "model_type": "must be an object, not {found}",
    "dict_type": "must be an object, not {found}",
    "enum": "must be {expected}, not {found}",
    "greater_than_equal": "must be at least {ge}, not {found}",
    "less_than_equal": "must be at most {le}, not {found}",
    "string_too_long": "must have at most {max_length} characters, not {length}",
    "too_long": "must have at most {max_length} items, not {actual_length}",
}
"""What each of pydantic's error types means to a person. ``found`` is what is there, the rest pydantic's
context."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong. ``path`` is written like the API server does: ``spec.entitlements[3].name``."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path} {self.message}"


class InvalidResource(ValueError):
    """A resource breaks rules of its own schema. Terminal: only a change of the resource can help.

    The text names the first few problems, each with its field, what is there and what would be right.
    """

    def __init__(self, subject: str, problems: tuple[Problem, ...]) -> None:
        """Say what is wrong with ``subject``, a kind and name for people."""
        self.subject = subject
        self.problems = problems
        told = "; ".join(str(problem) for problem in problems[:SHOWN_PROBLEMS])
        untold = len(problems) - SHOWN_PROBLEMS
        super().__init__(f"{subject}: {told}" + (f"; and {untold} more" if untold > 0 else ""))


def problems_of(error: ValidationError, model: type[BaseModel]) -> tuple[Problem, ...]:
    """Every problem in ``error``, which came from validating ``model``, in the order of the fields."""
    return tuple(_problem(details, model) for details in error.errors(include_url=False))


def _problem(details: ErrorDetails, model: type[BaseModel]) -> Problem:
    context = details.get("ctx", {})
    location: tuple[int | str, ...] = details["loc"]
    if details["type"] == REQUIREMENT and context["field"] != "":
        location = (*location, context["field"])
    return Problem(_path(location), _message(details, context, model))


def _path(location: Iterable[int | str]) -> str:
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return steps.removeprefix(".")


def _message(details: ErrorDetails, context: dict[str, Any], model: type[BaseModel]) -> str:
    if details["type"] == "extra_forbidden":
        return _unknown_field(details["loc"], model)
    found = details["input"]
    sentence = _SENTENCES.get(details["type"], "is wrong: {msg}, not {found}")
    length = len(found) if isinstance(found, str) else 0
    return sentence.format(**context, found=_shown(found), length=length, msg=details["msg"])


def _unknown_field(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    owner = _owner(location[:-1], model)
    known = [field.alias or name for name, field in owner.model_fields.items()]
    close = get_close_matches(str(location[-1]), known, n=1)
    hint = f'did you mean "{close[0]}"?' if close else f"the fields here are {', '.join(known)}"
    return f"is not a field; {hint}"


def _owner(location: tuple[int | str, ...], model: type[BaseModel]) -> type[BaseModel]:
    """The model at ``location`` below ``model``: unknown fields are refused by models only, so there is
    one."""
    for step in location:
        if isinstance(step, str):
            by_alias = {field.alias or name: field for name, field in model.model_fields.items()}
            model = _model_in(by_alias[step].annotation)
    return model


def _model_in(annotation: Any) -> type[BaseModel]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(_model_in(part) for part in get_args(annotation) if part is not Ellipsis)


def _shown(value: object) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"
