"""Writing a file as a whole or not at all, so that a program that reads it meanwhile never sees half of it."""

import contextlib
import os
import tempfile
from pathlib import Path

Name = str | os.PathLike[str]


def write_whole(file: Name, text: str) -> None:
    """Have ``text`` in ``file``, which nobody but its owner can read.

    Raises:
        OSError: it cannot be written; what was there is as it was.
    """
    path = Path(file)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(beside).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(beside).unlink()
        raise
