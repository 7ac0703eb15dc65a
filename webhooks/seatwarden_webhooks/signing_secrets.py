"""The secrets by which Stripe signs, from files that are read again when they have changed.

A file is what a mounted Secret shows. Kubernetes changes it by pointing a link elsewhere, so it is another file then. While a
secret is being replaced there are two: as two files, or as two lines of one.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_PREFIX = "whsec_"
_LONGEST_FILE = 4096
_MOST_SECRETS = 4

_Stamp = tuple[tuple[int, int, int] | None, ...]


class NoSecret(Exception):
    """There is no secret where one should be. The message says what to do and quotes nothing."""


class SigningSecrets:
    """The secrets in ``paths``.

    Raises:
        NoSecret: they cannot be read, or hold something else.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self._stamp = self._look()
        self._secrets = _read(self._paths)

    def __repr__(self) -> str:
        return f"SigningSecrets({len(self._secrets)} in {len(self._paths)} files)"

    def current(self) -> tuple[bytes, ...]:
        """The secrets now. Where the files have become unreadable, those of before."""
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._secrets = _read(self._paths)
            except NoSecret as error:
                log.warning("the signing secrets of before stay in use", reason=str(error))
            else:
                log.info("signing secrets were read again", secrets=len(self._secrets))
        return self._secrets

    def _look(self) -> _Stamp:
        return tuple(map(_stamp, self._paths))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = os.stat(path)  # noqa: PTH116  asked before each request: cheaper than a Path's
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_ino, seen.st_size


def _read(paths: Sequence[Path]) -> tuple[bytes, ...]:
    secrets: list[bytes] = []
    for path in paths:
        try:
            with path.open("rb") as file:
                text = file.read(_LONGEST_FILE + 1).decode("ascii")
        except OSError as error:
            raise NoSecret(f"{path} cannot be read: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise NoSecret(_what_to_do(path)) from None
        found = text.split()
        if not found or len(text) > _LONGEST_FILE or not all(map(_is_secret, found)):
            raise NoSecret(_what_to_do(path))
        secrets.extend(secret.encode() for secret in found)
    distinct = tuple(dict.fromkeys(secrets))
    if not 0 < len(distinct) <= _MOST_SECRETS:
        raise NoSecret(f"there have to be 1 to {_MOST_SECRETS} signing secrets, not {len(distinct)}")
    return distinct


def _is_secret(word: str) -> bool:
    return word.startswith(_PREFIX) and len(word) > len(_PREFIX)


def _what_to_do(path: Path) -> str:
    return (
        f"{path} does not hold the signing secret of a webhook endpoint: one on each line, beginning with {_PREFIX}."
        " Stripe's dashboard shows it on the page of the endpoint"
    )
