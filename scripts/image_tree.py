#!/usr/bin/env python3
"""The files of the image, put under a folder as they lie in it; the same each time, byte for byte.

``image_tree.py packages FOLDER`` puts the packages of requirements/runtime.txt there, each checked by its hash.
``image_tree.py application FOLDER`` puts our own wheel there, and the command `seatwarden`.

The packages are for a Python of the version that runs this. The Dockerfile and scripts/image.py are made of it.
"""

import argparse
import compileall
import os
import py_compile
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
HOME = Path("opt") / "seatwarden"
# 1980 is the earliest that a wheel, which is a zip, can tell.
EPOCH = "315532800"
SOURCES = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "operator",
    "webhooks",
    "lua",
    "crds",
    "tools",
    "examples",
)
_SELDOM_IMPORTED = re.compile(r"/kubernetes/(aio/)?client/(models|api)/")
_OF_SOME_PATCH = re.compile(r" ; python_full_version < '[\d.]+'")
_COMMAND = """\
#!{python}
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from seatwarden.runtime.commands import main

main()
"""


def main() -> None:
    """Put one of the two there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["packages", "application"])
    parser.add_argument("folder", type=Path)
    own = getattr(sys, "_base_executable", sys.executable)
    parser.add_argument(
        "--python", default=own, help="where Python is in the image; default: where the one of this is"
    )
    options = parser.parse_args()
    if options.what == "packages":
        put_packages(options.folder, HERE / "requirements" / "runtime.txt")
    else:
        put_application(options.folder, options.python)


def put_packages(folder: Path, requirements: Path) -> None:
    """Install the pinned packages, wheels only, into ``folder``.

    Raises:
        CalledProcessError: one cannot be had, or is not the one that was pinned.
    """
    with tempfile.TemporaryDirectory(prefix="seatwarden-pins-") as aside:
        pins = Path(aside) / "runtime.txt"
        # What older patches of Python need must be there too: this one may not be the patch that the image has.
        pins.write_text(_OF_SOME_PATCH.sub("", requirements.read_text()))
        _install(folder, "--require-hashes", "--only-binary=:all:", "--requirement", str(pins))
    _compile(folder)


def put_application(folder: Path, python: str) -> None:
    """Build our wheel with the setuptools that is installed, and put it and the command into ``folder``.

    The command is run by ``python``, a path in the image.

    Raises:
        CalledProcessError: it cannot be built.
    """
    with tempfile.TemporaryDirectory(prefix="seatwarden-wheel-") as made:
        # setuptools writes beside the sources, which are not ours to write to.
        copied = Path(made) / "source"
        copied.mkdir()
        for name in SOURCES:
            _copy(HERE / name, copied / name)
        _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", made, str(copied))
        (wheel,) = Path(made).glob("*.whl")
        _install(folder, str(wheel))
    command = folder / HOME / "bin" / "seatwarden"
    command.parent.mkdir(parents=True)
    command.write_text(_COMMAND.format(python=python))
    command.chmod(0o755)
    _compile(folder)


def _copy(one: Path, to: Path) -> None:
    if one.is_dir():
        shutil.copytree(one, to, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    else:
        shutil.copyfile(one, to)


def _install(folder: Path, *what: str) -> None:
    library = folder / HOME / "lib"
    _pip("install", "--no-deps", "--no-compile", "--target", str(library), *what)
    # Scripts name the Python of the build, and where a wheel came from is a path of the build.
    shutil.rmtree(library / "bin", ignore_errors=True)
    for record in library.glob("*.dist-info/RECORD"):
        kept = [
            line
            for line in record.read_text().splitlines(keepends=True)
            if not line.startswith("../../bin/") and "/direct_url.json," not in line
        ]
        record.write_text("".join(sorted(kept)))
    for origin in library.glob("*.dist-info/direct_url.json"):
        origin.unlink()


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input"]
    environment = {
        **os.environ,
        "SOURCE_DATE_EPOCH": EPOCH,
        "PYTHONHASHSEED": "0",
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    subprocess.run([*command, *arguments], check=True, env=environment)  # noqa: S603  our own words


def _compile(folder: Path) -> None:
    # The file system is read-only in a pod: what is not compiled now would be compiled at each start. Of the Kubernetes client's
    # thousand models a handful is ever imported, and compiled they are 50 MB.
    compileall.compile_dir(
        folder,
        rx=_SELDOM_IMPORTED,
        quiet=2,
        stripdir=str(folder),
        prependdir="/",
        workers=1,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


if __name__ == "__main__":
    main()
