"""JSON and base64url of which there is one reading only.

Two readers of a signed text must not see two different things in it. So what the standards leave to the reader is refused: a
name that is there twice (RFC 8259 section 4 lets each reader choose), numbers that not every reader can hold (RFC 7493 section
2.2), NaN, which is no JSON at all, and base64url that is not spelled in the one canonical way (RFC 4648 section 3.5).
"""

import binascii
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NoReturn

LARGEST_NUMBER = (1 << 53) - 1
"""The largest whole number that every reader of JSON can hold exactly (RFC 7493 section 2.2)."""
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_NUMBER = 17


def read_object(raw: bytes) -> dict[str, object]:
    """The JSON object that ``raw`` is.

    Raises:
        ValueError: it is none, is no UTF-8, has a name twice, or has a number that is not whole or is too large.
    """
    try:
        value = json.loads(
            raw.decode("utf-8", "strict"),
            object_pairs_hook=_without_duplicates,
            parse_int=_whole_number,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004  what is wrong is the text, not our caller
    return value


def from_base64url(text: object) -> bytes:
    """The bytes that ``text`` spells as base64url without padding (RFC 7515 appendix C).

    Raises:
        ValueError: it is not that, or another text is the canonical one of the same bytes.
    """
    if not isinstance(text, str) or not _BASE64URL.fullmatch(text):
        raise ValueError("it is no base64url")
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise ValueError("it is no base64url") from None
    # The last character may have bits that no byte is made of. Were they ignored, a text had several spellings.
    if urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        raise ValueError("it is not the canonical base64url of its bytes")
    return raw


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _whole_number(digits: str) -> int:
    # Looked at before it is converted, since the time that takes grows with the square of the length.
    if len(digits) > _LONGEST_NUMBER or abs(number := int(digits)) > LARGEST_NUMBER:
        raise ValueError("a number is too large")
    return number


def _no_number(_text: str) -> NoReturn:
    raise ValueError("a number is not whole")
