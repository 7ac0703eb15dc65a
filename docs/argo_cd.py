"""``python -m docs.argo_cd [--check]``: write what Argo CD needs to know of our kinds, or tell whether it is current.

Argo CD wants a script of each kind on its own, in the layout of its `resource_customizations`. What all our kinds have in
common is written once, in ``lua/argocd/shared``, and copied to each; the colours of the reasons come from the code. All of it
together is the ConfigMap ``examples/argocd/argocd-cm.yaml``, for those who add it to an Argo CD that does not have it built in.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from seatwarden.resources.health import health_of
from seatwarden.resources.names import GROUP, Kind
from seatwarden.resources.reasons import Reason

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = Path("lua") / "argocd"
SHARED = SCRIPTS / "shared"
CONFIG_MAP = Path("examples") / "argocd" / "argocd-cm.yaml"
COPIED = "-- Made by `make generate` from {source}: change that.\n"
HEADER = (
    "# Made by `make generate` from lua/argocd: health checks and actions for the kinds of Seatwarden.\n"
    "# kubectl apply --server-side -f adds them to the ConfigMap of Argo CD and leaves the rest of it as it is.\n"
)
_NO_COLOURS = "local colours = {}\n"


class _Block(str):
    """Text that YAML shows as it is, line by line."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Knows how to write a `_Block`."""


def _block(dumper: yaml.SafeDumper, text: _Block) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")


_Dumper.add_representer(_Block, _block)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write each file that differs, or with ``--check`` write none and return 1 if there is any."""
    parser = argparse.ArgumentParser(prog="python -m docs.argo_cd", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a file is stale")
    parser.add_argument("--output", type=Path, default=ROOT, help="folder of the repository")
    options = parser.parse_args(arguments)
    stale = stale_files(options.output)
    for path, text in stale.items():
        if options.check:
            sys.stdout.write(f"{options.output / path} is stale: run `make generate`\n")
        else:
            (options.output / path).parent.mkdir(parents=True, exist_ok=True)
            (options.output / path).write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {options.output / path}\n")
    return 1 if stale and options.check else 0


def stale_files(root: Path = ROOT) -> dict[Path, str]:
    """The files in ``root`` that are missing or not as the sources have it, with the text that they should have."""
    wanted = {folder_of(kind) / path: text for kind in Kind for path, text in shared_scripts().items()}
    wanted[CONFIG_MAP] = config_map()
    return {path: text for path, text in wanted.items() if _present(root / path) != text}


def folder_of(kind: Kind) -> Path:
    """Where Argo CD looks for the scripts of a kind, below its `resource_customizations`."""
    return SCRIPTS / GROUP / kind.value


def shared_scripts() -> dict[Path, str]:
    """The scripts that every kind has, by their path in its folder."""
    found = {}
    for path in sorted((ROOT / SHARED).rglob("*.lua")):
        source = path.relative_to(ROOT)
        text = path.read_text(encoding="utf-8")
        if _NO_COLOURS in text:
            text = text.replace(_NO_COLOURS, colour_table())
        found[path.relative_to(ROOT / SHARED)] = COPIED.format(source=source) + text
    return found


def colour_table() -> str:
    """The colour of each reason, as a table of Lua."""
    rows = "".join(f"  {reason.value} = '{health_of(reason)}',\n" for reason in Reason)
    return f"local colours = {{\n{rows}}}\n"


def scripts_of(kind: Kind) -> dict[Path, str]:
    """All scripts of a kind, by their path in its folder: those that all have, and its own."""
    shared, folder = shared_scripts(), ROOT / folder_of(kind)
    own = {path.relative_to(folder): path.read_text(encoding="utf-8") for path in folder.rglob("*.lua")}
    return own | shared


def config_map() -> str:
    """The ConfigMap of Argo CD with our kinds and nothing else."""
    data: dict[str, str] = {}
    for kind in Kind:
        data |= _customizations(kind)
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        # Argo CD reads no ConfigMap without the label.
        "metadata": {
            "name": "argocd-cm",
            "namespace": "argocd",
            "labels": {"app.kubernetes.io/part-of": "argocd"},
        },
        "data": {name: _Block(text) for name, text in data.items()},
    }
    return HEADER + _yaml(document)


def _customizations(kind: Kind) -> dict[str, str]:
    scripts = scripts_of(kind)
    actions = {path.parent.name: text for path, text in sorted(scripts.items()) if path.name == "action.lua"}
    offered = {
        "discovery.lua": _Block(scripts[Path("actions") / "discovery.lua"]),
        "definitions": [{"name": name, "action.lua": _Block(text)} for name, text in actions.items()],
    }
    return {
        f"resource.customizations.health.{GROUP}_{kind}": scripts[Path("health.lua")],
        f"resource.customizations.actions.{GROUP}_{kind}": _yaml(offered),
    }


def _yaml(document: Any) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)


def _present(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
