"""Where the URL of the endpoint and the licence key come from.

An argument wins over a variable of the environment. The key can be in a file, which is read again for each request: so a
program that runs for weeks goes on with the new key after a rotation.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from seatwarden.client.errors import SetupError

URL_VARIABLE = "SEATWARDEN_URL"
KEY_VARIABLE = "SEATWARDEN_LICENSE_KEY"
KEY_FILE_VARIABLE = "SEATWARDEN_LICENSE_KEY_FILE"
# An HTTP library may repeat a malformed header in its error. So nothing that is no header value gets that far.
_KEY = re.compile(r"[!-~]{10,100}")


@dataclass(slots=True)
class KeySource:
    """Gives the licence key, and never shows it. ``file`` is None where the key is fixed."""

    file: Path | None = None
    _last: str = field(default="", repr=False)

    def key(self) -> str:
        """The key as it is now. Where the file cannot be read for a moment, as it was before.

        Raises:
            SetupError: there is none that is well formed, and there was none before.
        """
        if self.file is None:
            return self._last
        try:
            self._last = _well_formed(self.file.read_text(encoding="utf-8"), f"The file {self.file}")
        except (OSError, UnicodeDecodeError) as error:
            if not self._last:
                raise SetupError(
                    f"The licence key cannot be read from {self.file}: {_reason(error)}."
                ) from None
        except SetupError:
            if not self._last:
                raise
        return self._last


def key_source(license_key: str | None, license_key_file: str | os.PathLike[str] | None) -> KeySource:
    """The key of these arguments, else of the environment: the key itself, or the file that holds it.

    Raises:
        SetupError: there is none, there are two, or it is malformed.
    """
    where = "The argument"
    if license_key is None and license_key_file is None:
        license_key, license_key_file = os.environ.get(KEY_VARIABLE), os.environ.get(KEY_FILE_VARIABLE)
        where = KEY_VARIABLE
    if license_key and license_key_file:
        raise SetupError("There are two licence keys, one in a file and one beside it. Give one of them.")
    if license_key:
        return KeySource(None, _well_formed(license_key, where))
    if license_key_file:
        source = KeySource(Path(license_key_file))
        source.key()
        return source
    raise SetupError(
        f"There is no licence key. Put it into the environment as {KEY_VARIABLE}, or its file as {KEY_FILE_VARIABLE}."
    )


def base_url(url: str | None) -> str:
    """The URL of the endpoint, without a slash at its end.

    Raises:
        SetupError: there is none, or it is no http or https URL of a host alone.
    """
    text = url or os.environ.get(URL_VARIABLE)
    if not text:
        raise SetupError(
            f"There is no URL of the seat endpoint. Put it into the environment as {URL_VARIABLE}."
        )
    try:
        parsed = httpx.URL(text)
    except httpx.InvalidURL:
        raise SetupError("The URL of the seat endpoint is malformed.") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise SetupError(
            "The URL of the seat endpoint has to begin with http:// or https:// and name a host."
        )
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise SetupError("The URL of the seat endpoint has to be without user, password, query and fragment.")
    return str(parsed).rstrip("/")


def _well_formed(text: str, where: str) -> str:
    key = text.strip()
    if not _KEY.fullmatch(key):
        raise SetupError(f"{where} holds no licence key. A key looks like LIC-<pool>-<secret>.")
    return key


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or "it cannot be opened") if isinstance(error, OSError) else "it is no text"
