"""Durations as people write them in manifests: ``6m``, ``90s``, ``1h30m``.

A subset of GEP-2257 (https://gateway-api.sigs.k8s.io/geps/gep-2257/): whole hours, minutes and seconds. The
limits of the pattern keep the sum far below what Go, in which the API server parses it too, can hold.
"""

import re
from datetime import timedelta

DURATION_PATTERN = "^([0-9]{1,5}(h|m|s)){1,4}$"
DURATION_MAX_LENGTH = 24

_WHOLE = re.compile(DURATION_PATTERN)
_PART = re.compile(r"([0-9]{1,5})([hms])")
_SECONDS = {"h": 3600, "m": 60, "s": 1}


def parse_duration(text: str) -> timedelta:
    """The length that ``text`` spells; parts of the same unit add up.

    Raises:
        ValueError: ``text`` is none of the form.
    """
    if _WHOLE.fullmatch(text) is None:
        raise ValueError('must be whole hours, minutes and seconds such as "90s", "6m" or "1h30m"')
    return timedelta(seconds=sum(int(count) * _SECONDS[unit] for count, unit in _PART.findall(text)))


def format_duration(length: timedelta) -> str:
    """The shortest text that `parse_duration` reads as ``length``; ``0s`` for none at all.

    Raises:
        ValueError: ``length`` is negative, not whole seconds, or has more than 99,999 hours.
    """
    seconds, rest = divmod(length, timedelta(seconds=1))
    if seconds < 0 or rest:
        raise ValueError(f"{length} is not a whole number of seconds from 0 up")
    hours, below_an_hour = divmod(seconds, 3600)
    minutes, last_seconds = divmod(below_an_hour, 60)
    parts = ((hours, "h"), (minutes, "m"), (last_seconds, "s"))
    text = "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"
    if _WHOLE.fullmatch(text) is None:
        raise ValueError(f"{length} is too long to be written in a manifest")
    return text
