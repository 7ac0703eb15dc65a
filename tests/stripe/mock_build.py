"""Stripe's own stripe-mock, pinned and built once like the other tools: ``python -m tests.stripe.mock_build`` shows its progress.

With it comes Stripe's OpenAPI, which the stand-in holds its requests and answers against.
"""

import sys
from pathlib import Path

from rich.console import Console

from seatwarden.local.build_progress import BuildProgress, LiveLines, Silence, progress_for
from seatwarden.local.go_toolchain import ToolBuildError
from seatwarden.local.tool_builds import ensure_built
from seatwarden.local.toolchain import ToolModule

STRIPE_MOCK = ToolModule(
    name="stripe-mock",
    programs=(("stripe-mock", "github.com/stripe/stripe-mock"),),
    version_of="github.com/stripe/stripe-mock",
    kept=("embedded/openapi/spec3.json", "embedded/openapi/fixtures3.json"),
)


def stripe_mock_folder(progress: BuildProgress | None = None) -> Path:
    """The folder with stripe-mock, spec3.json and fixtures3.json, built first where it is not there (20 s)."""
    return ensure_built((STRIPE_MOCK,), progress or Silence())[STRIPE_MOCK]


def main() -> None:
    """Build it, and say where it is."""
    progress = progress_for(Console(stderr=True))
    try:
        sys.stdout.write(f"stripe-mock is in {stripe_mock_folder(progress)}\n")
    except ToolBuildError as error:
        sys.exit(f"{error}\nHere it is `make stripe` that has to be run again.")
    finally:
        if isinstance(progress, LiveLines):
            progress.close()


if __name__ == "__main__":
    main()
