"""Versions of client programs as text that sorts as they do, so that a script compares them without reading them.

The order is that of semver: numbers part by part; a pre-release is below its release; build metadata does not count. A
missing part is 0, and any number where a version is the last one of a window: so 4 admits all of 4.9.1 from both ends.

The text has digits only. Redis compares text by the rules of its server's locale, and those agree on digits at least. A
number is its length in two digits and then its own, so that 10 is above 9.
"""

import re
from functools import lru_cache

from seatwarden.resources.versions import VERSION_LENGTH, VERSION_PATTERN

_VERSION = re.compile(VERSION_PATTERN)
_PARTS = 3
_ANY = "99"
_PRE_RELEASE, _RELEASE = "0", "1"
# An identifier that is a number is below one that is a word. A word ends below all of its characters.
_NUMBER, _WORD, _WORD_ENDS = "0", "1", "00"
_CHARACTERS = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANKS = {character: f"{rank:02}" for rank, character in enumerate(_CHARACTERS, start=1)}


# What programs send: a pool knows few versions, but who asks may make up others.
@lru_cache(maxsize=1024)
def version_key(version: str) -> str | None:
    """The text of ``version``, or None where it is not written as a version."""
    return _key(version, missing=_number("0"))


def last_version_key(version: str) -> str:
    """The text of the last one that ``version`` admits, where it is the maximum of a window.

    Raises:
        ValueError: it is not written as a version.
    """
    return _required(version, _key(version, missing=_ANY))


def first_version_key(version: str) -> str:
    """The text of the first one that ``version`` admits, where it is the minimum of a window.

    Raises:
        ValueError: it is not written as a version.
    """
    return _required(version, version_key(version))


def version_window(minimum: str, maximum: str) -> str:
    """Which versions are admitted, in words that follow "takes versions"; empty where all are."""
    if minimum and maximum:
        return f"from {minimum} to {maximum}"
    if minimum:
        return f"from {minimum} on"
    return f"up to {maximum}" if maximum else ""


def _key(version: str, *, missing: str) -> str | None:
    if len(version) > VERSION_LENGTH or _VERSION.fullmatch(version) is None:
        return None
    numbers, _, pre_release = version.partition("+")[0].partition("-")
    parts = [_number(part) for part in numbers.split(".")]
    parts += [missing] * (_PARTS - len(parts))
    tail = "".join(map(_identifier, pre_release.split("."))) if pre_release else ""
    return "".join(parts) + (_PRE_RELEASE + tail if tail else _RELEASE)


def _required(version: str, key: str | None) -> str:
    if key is None:
        raise ValueError(f"{version!r} is no version")
    return key


def _number(digits: str) -> str:
    digits = digits.lstrip("0") or "0"
    return f"{len(digits):02}{digits}"


def _identifier(identifier: str) -> str:
    if identifier.isdigit():
        return _NUMBER + _number(identifier)
    return _WORD + "".join(_RANKS[character] for character in identifier) + _WORD_ENDS
