"""Helm, pinned and built once like the other tools: ``python -m tests.chart.helm_build`` shows its progress."""

import sys
from pathlib import Path

from rich.console import Console

from seatwarden.local.build_progress import BuildProgress, LiveLines, Silence, progress_for
from seatwarden.local.go_toolchain import ToolBuildError
from seatwarden.local.tool_builds import ensure_built
from seatwarden.local.toolchain import ToolModule

HELM = ToolModule(
    name="helm",
    programs=(("helm", "helm.sh/helm/v4/cmd/helm"),),
    version_of="helm.sh/helm/v4",
)


def helm_program(progress: BuildProgress | None = None) -> Path:
    """The program, built first where it is not there (3 minutes)."""
    return ensure_built((HELM,), progress or Silence())[HELM] / "helm"


def main() -> None:
    """Build it, and say where it is."""
    progress = progress_for(Console(stderr=True))
    try:
        sys.stdout.write(f"{helm_program(progress)}\n")
    except ToolBuildError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.stderr.write("Stopped. Run `make helm` again: it continues where it stopped.\n")
        sys.exit(130)
    finally:
        if isinstance(progress, LiveLines):
            progress.close()


if __name__ == "__main__":
    main()
