"""Taking claims out of a token: each one by its name and of its own type, none left over and none left out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from seatwarden.verify.faults import Code, NotValid
from seatwarden.verify.strict_json import LARGEST_NUMBER

LONGEST_TEXT = 256
"""In characters of Unicode."""
# Halves of characters can stand in JSON and in no text (RFC 8259 section 8.2).
_LINE = re.compile(rf"[^\x00-\x1f\x7f\ud800-\udfff]{{0,{LONGEST_TEXT}}}")


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a token, or the members of an object in it. ``noun`` is how people call that.

    Every method raises `NotValid` with `Code.MALFORMED` where a claim is not as it must be.
    """

    found: Mapping[str, object]
    noun: str

    def only(self, *required: str, optional: str | None = None) -> None:
        """Refuse any claim besides these, and that one of ``required`` is missing."""
        missing = set(required) - self.found.keys()
        # A claim that a later version gives a meaning to may not be overlooked by an older one.
        unknown = self.found.keys() - {*required, optional}
        if missing or unknown:
            words = f"lacks {', '.join(sorted(missing))}" if missing else "says something that is not known"
            raise NotValid(Code.MALFORMED, f"The {self.noun} {words}.")

    def text(self, name: str, *, empty: bool = False) -> str:
        """A claim that is one line of `LONGEST_TEXT` characters at most, and not empty unless ``empty`` is true."""
        value = self.found[name]
        if is_line(value) and (value or empty):
            return str(value)
        raise self.wrong(name)

    def number(self, name: str, *, least: int = 0, most: int = LARGEST_NUMBER) -> int:
        """A claim that is a whole number of that range. ``true`` is none, although it counts as 1 in Python."""
        value = self.found[name]
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        raise self.wrong(name)

    def instant(self, name: str) -> int:
        """A claim that is an instant: whole seconds of Unix time."""
        return self.number(name, least=1)

    def texts(self, name: str, *, most: int) -> frozenset[str]:
        """A claim that is a list of ``most`` texts at most, none of them twice."""
        values = self._list(name, most)
        found = frozenset(value for value in values if is_line(value) and value)
        if len(found) == len(values):
            return frozenset(map(str, found))
        raise self.wrong(name)

    def objects(self, name: str, noun: str, *, most: int) -> list["Claims"]:
        """A claim that is a list of ``most`` objects at most, each of which people call ``noun``."""
        found = [Claims(value, noun) for value in self._list(name, most) if isinstance(value, dict)]
        if len(found) == len(self._list(name, most)):
            return found
        raise self.wrong(name)

    def wrong(self, name: str) -> NotValid:
        """What to raise where the claim of that name is not as it must be."""
        return NotValid(Code.MALFORMED, f'The claim "{name}" of the {self.noun} is not as it must be.')

    def _list(self, name: str, most: int) -> list[object]:
        value = self.found[name]
        if isinstance(value, list) and len(value) <= most:
            return value
        raise self.wrong(name)


def is_line(value: object) -> bool:
    """Is ``value`` one line of text, as the resources have it? Such a line may still say something to a terminal."""
    return isinstance(value, str) and _LINE.fullmatch(value) is not None
