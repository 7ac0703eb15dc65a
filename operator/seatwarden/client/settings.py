"""Where the URL of the endpoint comes from, and the licence key or the token that is shown there.

An argument wins over a variable of the environment. A file is read again for each request: so a program that runs for weeks
goes on with the new key after a rotation, and with a token that lives for an hour.
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
TOKEN_FILE_VARIABLE = "SEATWARDEN_TOKEN_FILE"  # noqa: S105  the name of a variable
POOL_VARIABLE = "SEATWARDEN_POOL"
# An HTTP library may repeat a malformed header in its error. So nothing that is no header value gets that far.
_KEY = re.compile(r"[!-~]{10,100}")
_TOKEN = re.compile(r"(?=.{5,8000}\Z)[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+[.][A-Za-z0-9_-]+")
_POOL = re.compile(r"[a-z0-9][-a-z0-9]{0,62}/[a-z0-9][-a-z0-9.]{0,252}")


@dataclass(slots=True)
class KeySource:
    """Gives the licence key or the token, and never shows it. ``file`` is None where a key is fixed.

    A token goes with the name of a ``pool``; a licence key names its pool itself.
    """

    file: Path | None = None
    pool: str | None = None
    _last: str = field(default="", repr=False)

    def headers(self) -> dict[str, str]:
        """What goes with each request. Raises `SetupError` as `key` does."""
        shown = {"Authorization": f"Bearer {self.key()}"}
        return shown if self.pool is None else shown | {"Seatwarden-Pool": self.pool}

    def names_pool(self) -> dict[str, str]:
        """How a wish for several pools names this one. Raises `SetupError` as `key` does."""
        return {"license_key": self.key()} if self.pool is None else {"pool": self.pool}

    def key(self) -> str:
        """The key or token as it is now. Where the file cannot be read for a moment, as it was before.

        Raises:
            SetupError: there is none that is well formed, and there was none before.
        """
        if self.file is None:
            return self._last
        try:
            text = self.file.read_text(encoding="utf-8")
            well_formed = _well_formed if self.pool is None else _well_formed_token
            self._last = well_formed(text, f"The file {self.file}")
        except (OSError, UnicodeDecodeError) as error:
            if not self._last:
                what = "licence key" if self.pool is None else "token"
                raise SetupError(f"The {what} cannot be read from {self.file}: {_reason(error)}.") from None
        except SetupError:
            if not self._last:
                raise
        return self._last


def key_source(
    license_key: str | None,
    license_key_file: str | os.PathLike[str] | None,
    token_file: str | os.PathLike[str] | None = None,
    pool: str | None = None,
) -> KeySource:
    """What these arguments give, else the environment: a key, or the file of a key or of a token with its pool.

    Raises:
        SetupError: there is none, there are two, or it is malformed.
    """
    where = "The argument"
    if license_key is None and license_key_file is None and token_file is None:
        license_key, license_key_file = os.environ.get(KEY_VARIABLE), os.environ.get(KEY_FILE_VARIABLE)
        token_file = os.environ.get(TOKEN_FILE_VARIABLE)
        where = KEY_VARIABLE
    if license_key and license_key_file:
        raise SetupError("There are two licence keys, one in a file and one beside it. Give one of them.")
    if token_file:
        if license_key or license_key_file:
            raise SetupError("There are a licence key and a token. Give one of them.")
        return _token_source(Path(token_file), pool or os.environ.get(POOL_VARIABLE))
    if license_key:
        return KeySource(_last=_well_formed(license_key, where))
    if license_key_file:
        return _readable(KeySource(Path(license_key_file)))
    raise SetupError(
        f"There is no licence key. Put it into the environment as {KEY_VARIABLE}, or its file as {KEY_FILE_VARIABLE};"
        f" or the file of a token as {TOKEN_FILE_VARIABLE}."
    )


def key_beside(
    own: KeySource, license_key: str | None, license_key_file: str | os.PathLike[str] | None, pool: str | None
) -> KeySource:
    """What opens another pool, for a program that shows ``own``; ``own`` itself where nothing is given.

    Raises:
        SetupError: it is malformed, or keys and a token are mixed.
    """
    has_key = license_key is not None or license_key_file is not None
    if not has_key and pool is None:
        return own
    if has_key and pool is not None:
        raise SetupError("A licence key names its pool itself. Give a key, or with a token the pool.")
    if own.pool is None:
        if pool is not None:
            raise SetupError("Pools are named with a token only. Give the licence key of each pool.")
        return key_source(license_key, license_key_file)
    if has_key:
        raise SetupError(
            "There are a licence key and a token. With a token name each pool as NAMESPACE/NAME."
        )
    assert own.file is not None, "a token is always in a file"
    return _token_source(own.file, pool)


def _token_source(file: Path, pool: str | None) -> KeySource:
    if not pool:
        raise SetupError(
            f"A token needs the name of a pool. Put it into the environment as {POOL_VARIABLE}=NAMESPACE/NAME."
        )
    if not _POOL.fullmatch(pool):
        raise SetupError("The name of a pool is NAMESPACE/NAME, as in team-a/dev.")
    return _readable(KeySource(file, pool))


def _readable(source: KeySource) -> KeySource:
    source.key()
    return source


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


def _well_formed_token(text: str, where: str) -> str:
    token = text.strip()
    if not _TOKEN.fullmatch(token):
        raise SetupError(f"{where} holds no token. A token has three parts with dots between them.")
    return token


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or "it cannot be opened") if isinstance(error, OSError) else "it is no text"
