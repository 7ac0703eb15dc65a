"""One build at a time on this machine: a lock that the kernel drops when its holder ends, however it ends."""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

_ASK_AGAIN_SECONDS = 0.2


@contextlib.contextmanager
def exclusive(path: Path, *, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock file ``path``. While another process holds it, ``waiting`` is called with that process's
    id.

    It is called a few times a second for as long as the wait lasts, so that the caller can show that it still
    waits. The file stays: removing it would let two holders lock two different files of the same name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        while not _try_lock(file):
            waiting(_holder(file))
            time.sleep(_ASK_AGAIN_SECONDS)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(file: IO[str]) -> str:
    file.seek(0)
    return file.read() or "unknown"
