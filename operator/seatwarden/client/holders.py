"""Who holds the seat: an id made of the machine, the user and, if there is one, the project.

The same three give the same id, however often the program runs: one project on one machine is one seat. A second run takes the
seat over from the first. The machine's own id never leaves it: only a hash is sent.

A container has no machine of its own. Its image may have no machine id at all, or the same in each container; then the holder
has to be given, made of what does tell the containers apart, such as the uid of the pod.
"""

import getpass
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

from seatwarden.client.errors import SetupError

MACHINE_ID_FILES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
HOLDER = re.compile(r"[0-9a-f]{64}")
_UNINITIALIZED = "uninitialized"
_ASKING_SECONDS = 5.0


def holder_id(project: str = "", *, machine: str | None = None, user: str | None = None) -> str:
    """The SHA-256 of the machine's id, the user and ``project`` as 64 hex characters.

    ``machine`` and ``user`` are those of this process unless they are given.

    Raises:
        SetupError: this machine has no id.
    """
    parts = (machine_id() if machine is None else machine, _user() if user is None else user, project)
    # Each with its length in front: no two triples are the same text.
    text = "".join(f"{len(part.encode())}:{part}," for part in ("seatwarden holder 1", *parts))
    return hashlib.sha256(text.encode()).hexdigest()


def given_or_own(holder: str | None, project: str) -> str:
    """``holder`` if it is one, else `holder_id`.

    Raises:
        SetupError: ``holder`` is malformed, or this machine has no id.
    """
    if holder is None:
        return holder_id(project)
    if not HOLDER.fullmatch(holder):
        raise SetupError("A holder is 64 lower-case hex characters, such as a SHA-256.")
    return holder


def named(holder: str | None, project: str, container: str | None, *, token: bool) -> dict[str, str]:
    """How requests name the holder.

    A token says who the program is, so with one nothing has to be named. ``holder`` then tells machines of one identity apart,
    and ``container`` the containers of a Pod.

    Raises:
        SetupError: they do not go together, the holder is malformed, or this machine has no id.
    """
    if not token:
        if container is not None:
            raise SetupError("A container holds a seat by its name only with the token of a Pod.")
        return {"hardware_id": given_or_own(holder, project)}
    if holder is not None and container is not None:
        raise SetupError("Give a holder or a container, not both: a Pod's token names the holder.")
    if project and holder is None:
        raise SetupError("With a token a project does not name the holder. Give a holder, or a container.")
    if container is not None:
        return {"container": container}
    return {} if holder is None else {"hardware_id": given_or_own(holder, project)}


def looked_at(holder: str | None, container: str | None, *, token: bool) -> dict[str, str]:
    """How a request names the holder whose lease is to be looked at; empty where it is nobody's.

    Raises:
        SetupError: as `named`.
    """
    return {} if holder is None and container is None else named(holder, "", container, token=token)


def machine_id() -> str:
    """What the system calls this machine.

    Raises:
        SetupError: it has no name for it.
    """
    if sys.platform == "darwin":
        found = _mac_id()
    elif sys.platform == "win32":
        found = _windows_id()
    else:
        found = _file_id()
    if not found:
        raise SetupError(
            "This machine has no id (as in /etc/machine-id). In a container give the holder yourself:"
            " 64 hex characters, such as the SHA-256 of the pod's uid."
        )
    return found


def _file_id() -> str:
    for path in MACHINE_ID_FILES:
        try:
            text = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if text and text != _UNINITIALIZED:
            return text
    return ""


def _mac_id() -> str:
    try:
        listed = subprocess.run(
            ["/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice"],
            capture_output=True,
            text=True,
            timeout=_ASKING_SECONDS,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    found = re.search(r'"IOPlatformUUID" = "([^"]+)"', listed)
    return found[1] if found else ""


if sys.platform == "win32":
    import winreg

    def _windows_id() -> str:
        access = winreg.KEY_READ | winreg.KEY_WOW64_64KEY
        try:
            with winreg.OpenKey(
                winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography", 0, access
            ) as key:
                return str(winreg.QueryValueEx(key, "MachineGuid")[0])
        except OSError:
            return ""


def _user() -> str:
    # The number and not the name: the name comes from variables that cron, sudo and services set otherwise.
    return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()
