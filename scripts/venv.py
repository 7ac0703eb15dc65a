#!/usr/bin/env python3
"""Makes `.venv` and keeps it in step with the pins: run by `make venv`, and by every target that needs it.

It does nothing, quickly, as long as the Python, the pins and pyproject.toml are those it was made from.
"""

# No syntax newer than Python 3.6 here: an old Python must get as far as the sentence that refuses it.

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

MINIMUM = (3, 11)
HERE = Path(__file__).resolve().parent.parent
VENV = HERE / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "made-from"
PINS = Path("requirements") / "dev.txt"
CACHE = HERE / ".cache"
LOG = CACHE / "venv.log"
SIGN_OF_LIFE_SECONDS = 15.0
SHOWN_LINES = 25


def main() -> None:
    """Refuse an old Python; otherwise make or renew the environment if it is not what it should be."""
    if sys.version_info < MINIMUM:
        goal = os.environ.get("MAKE_GOAL") or "venv"
        version = ".".join(map(str, sys.version_info[:3]))
        sys.exit(
            f"Seatwarden needs Python 3.11 or newer, and {sys.executable} is {version}.\n"
            f"Name another one: make {goal} PYTHON=/path/to/python3.12"
        )
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = made_from()
        if stamp() != wanted:
            make(wanted)


def make(wanted: str) -> None:
    """Make the environment; anew if it belongs to another Python or was never finished."""
    began = time.monotonic()
    version = ".".join(map(str, sys.version_info[:3]))
    same_python = stamp().splitlines()[:1] == wanted.splitlines()[:1]
    if not same_python and sys.prefix != str(VENV):
        shutil.rmtree(str(VENV), ignore_errors=True)
    if not PYTHON.exists():
        step(f"Making .venv with Python {version}", [sys.executable, "-m", "venv", str(VENV)])
    pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    # Without --no-deps an older pip looks for `name[extra]` beside the pinned `name`, finds a newer one and refuses it.
    step(
        "Installing the pinned packages",
        [*pip, "--progress-bar=off", "--no-deps", "--require-hashes", "--requirement", str(PINS)],
    )
    step("Checking that they are complete", [str(PYTHON), "-m", "pip", "check"])
    step("Installing Seatwarden", [*pip, "--no-deps", "--no-build-isolation", "--editable", "."])
    STAMP.write_text(wanted)
    say(f"The environment is ready after {time.monotonic() - began:.0f} s.")


def made_from() -> str:
    """The Python in the first line, then a hash for each file that decides what is installed."""
    # Run with the environment's own Python, its base is still the one that the environment was made with.
    base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    python = f"{base} {'.'.join(map(str, sys.version_info[:3]))}"
    files = (PINS, Path("pyproject.toml"))
    hashes = [f"{hashlib.sha256((HERE / name).read_bytes()).hexdigest()} {name}" for name in files]
    return "\n".join([python, *hashes]) + "\n"


def stamp() -> str:
    """What the present environment was made from; empty if there is none, or if it was not finished."""
    return STAMP.read_text() if STAMP.exists() else ""


def step(title: str, command: "list[str]") -> None:
    """Run a command with a sign of life. Its output goes to a log, whose end is shown when it fails."""
    say(f"{title} …")
    with LOG.open("wb") as output:
        # The commands are the three above.
        child = subprocess.Popen(  # noqa: S603
            command, cwd=str(HERE), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            status = watch(child)
        except BaseException:
            child.kill()
            child.wait()
            raise
    if status != 0:
        end = "\n".join(LOG.read_text(errors="replace").splitlines()[-SHOWN_LINES:])
        sys.exit(f"{title} failed. The log is {LOG}; it ends with:\n{end}")


def watch(child: "subprocess.Popen[bytes]") -> int:
    """Wait for the child to end: one changing line on a terminal, a line every 15 seconds elsewhere."""
    watched = sys.stderr.isatty()
    began = spoke = time.monotonic()
    while True:
        try:
            status = child.wait(0.3)
        except subprocess.TimeoutExpired:
            now = time.monotonic()
            if watched:
                sys.stderr.write(f"\r\033[K  {now - began:4.0f} s  {last_package()}")
                sys.stderr.flush()
            elif now - spoke >= SIGN_OF_LIFE_SECONDS:
                spoke = now
                say(f"  still working after {now - began:.0f} s: {last_package()}")
        else:
            if watched:
                sys.stderr.write("\r\033[K")
            return status


def last_package() -> str:
    """What pip is busy with, from its log."""
    said = [line.strip() for line in LOG.read_text(errors="replace").splitlines()]
    telling = [line for line in said if line.startswith(("Collecting", "Installing", "Building"))]
    return telling[-1].split(" (from")[0][:70] if telling else "starting"


def say(line: str) -> None:
    """One line for the person who is waiting."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
