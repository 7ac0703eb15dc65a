"""kubectl, run as a person would: the same words are shown that are executed."""

import asyncio
import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

SHORTLY = 60.0
"""Seconds that a command may take where nothing else is said."""


class KubectlFailed(Exception):
    """kubectl ended with an error; the text is what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubectl:
    """One cluster as kubectl sees it.

    ``kubeconfig`` is what the environment variable KUBECONFIG takes: one file, or several with a colon in
    between. ``context`` None is its current one. ``cache`` is where kubectl remembers what the API server
    serves; None is its own place in the home folder.
    """

    program: Path
    kubeconfig: str
    context: str | None = None
    cache: Path | None = None

    def shown(self, *words: str) -> str:
        """The command as a person would type it after `exports`."""
        return shlex.join(["kubectl", *self._context(), *words])

    def exports(self) -> str:
        """The line of shell after which `kubectl` alone is this one, for this cluster."""
        path = "" if self._is_on_path() else f' PATH={shlex.quote(str(self.program.parent))}:"$PATH"'
        return f"export KUBECONFIG={shlex.quote(self.kubeconfig)}{path}"

    async def run(self, *words: str, stdin: str = "", limit_seconds: float = SHORTLY) -> str:
        """Run the command and return its output.

        Raises:
            KubectlFailed: it failed, or took longer than ``limit_seconds``.
        """
        process = await asyncio.create_subprocess_exec(
            self.program,
            *self._context(),
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environment(),
        )
        try:
            async with asyncio.timeout(limit_seconds):
                output, errors = await process.communicate(stdin.encode())
        except TimeoutError as error:
            raise KubectlFailed(f"{self.shown(*words)}: no answer within {limit_seconds:.0f} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise KubectlFailed(f"{self.shown(*words)}: {errors.decode(errors='replace').strip()}")
        return output.decode()

    def environment(self) -> dict[str, str]:
        """The environment variables that kubectl is run with."""
        cache = {} if self.cache is None else {"KUBECACHEDIR": str(self.cache)}
        return os.environ | {"KUBECONFIG": self.kubeconfig} | cache

    def _context(self) -> tuple[str, ...]:
        return ("--context", self.context) if self.context else ()

    def _is_on_path(self) -> bool:
        found = shutil.which("kubectl")
        return found is not None and Path(found) == self.program
