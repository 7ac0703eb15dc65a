"""kubectl, run as a person would: the same words are shown that are executed."""

import asyncio
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path


class KubectlFailed(Exception):
    """kubectl ended with an error; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """One cluster as kubectl sees it. ``context`` None is the kubeconfig's current one."""

    program: Path
    kubeconfig: Path
    context: str | None = None

    def shown(self, *words: str) -> str:
        """The command as a person would type it after `environment`."""
        return shlex.join(["kubectl", *self._context(), *words])

    def environment(self) -> str:
        """The line of shell after which `kubectl` alone is this one, for this cluster."""
        path = "" if self._is_on_path() else f' PATH={shlex.quote(str(self.program.parent))}:"$PATH"'
        return f"export KUBECONFIG={shlex.quote(str(self.kubeconfig))}{path}"

    async def run(self, *words: str, stdin: str = "", limit_seconds: float = 60.0) -> str:
        """Run the command and return its output.

        Raises:
            KubectlFailed: it failed, or took longer than ``limit_seconds``.
        """
        process = await asyncio.create_subprocess_exec(
            self.program,
            *self._where(),
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
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

    def _where(self) -> tuple[str, ...]:
        return ("--kubeconfig", str(self.kubeconfig), *self._context())

    def _context(self) -> tuple[str, ...]:
        return ("--context", self.context) if self.context else ()

    def _is_on_path(self) -> bool:
        found = shutil.which("kubectl")
        return found is not None and Path(found) == self.program
