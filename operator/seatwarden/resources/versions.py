"""How a version of a client program is written, in a spec and by the program itself."""

from typing import Annotated

from pydantic import Field

from seatwarden.resources.rules import Matches

VERSION_LENGTH = 64
_PART = "[0-9]+"
_WORDS = "[0-9A-Za-z-]+([.][0-9A-Za-z-]+)*"
VERSION_PATTERN = f"^{_PART}([.]{_PART}([.]{_PART}(-{_WORDS})?([+]{_WORDS})?)?)?$"
"""One to three numbers; behind three of them a pre-release and build metadata, as semver has them."""
VERSION_FORM = 'must be a version such as "4", "4.2", "4.2.1" or "4.2.1-rc.1"'

Version = Annotated[str, Field(max_length=VERSION_LENGTH), Matches(VERSION_PATTERN, VERSION_FORM)]
