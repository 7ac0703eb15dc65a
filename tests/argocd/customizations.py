"""The scripts and their tests in the layout of Argo CD, read as Argo CD's own test suite reads them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from docs.argo_cd import ROOT, folder_of
from seatwarden.resources.names import Kind

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HealthCase:
    """A line of a `health_test.yaml`."""

    kind: Kind
    path: Path
    expected: Body

    def __str__(self) -> str:
        return f"{self.kind} {self.path.stem}"


@dataclass(frozen=True, slots=True)
class ActionCase:
    """A line of an `action_test.yaml`: what is offered for a resource, or what an action makes of it."""

    kind: Kind
    path: Path
    action: str = ""
    expected: Body = field(default_factory=dict)
    offered: tuple[Body, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.action or 'discovery'} {self.path.stem}"


def folder(kind: Kind) -> Path:
    """Where the scripts of a kind are."""
    return ROOT / folder_of(kind)


def health_script(kind: Kind) -> str:
    """The health check of a kind."""
    return (folder(kind) / "health.lua").read_text()


def discovery_script(kind: Kind) -> str:
    """What tells the actions of a kind."""
    return (folder(kind) / "actions" / "discovery.lua").read_text()


def action_script(kind: Kind, name: str) -> str:
    """One action of a kind."""
    return (folder(kind) / "actions" / name / "action.lua").read_text()


def action_names(kind: Kind) -> set[str]:
    """All actions of a kind that have a script."""
    return {path.parent.name for path in (folder(kind) / "actions").glob("*/action.lua")}


def read(path: Path) -> Body:
    """A resource of the testdata."""
    found: Body = yaml.safe_load(path.read_text())
    return found


def health_cases() -> list[HealthCase]:
    """Those of all kinds."""
    return [
        HealthCase(kind, folder(kind) / test["inputPath"], test["healthStatus"])
        for kind in Kind
        for test in read(folder(kind) / "health_test.yaml")["tests"]
    ]


def discovery_cases() -> list[ActionCase]:
    """What is offered, for all kinds."""
    return [
        ActionCase(kind, folder(kind) / "actions" / test["inputPath"], offered=tuple(test["result"]))
        for kind in Kind
        for test in read(folder(kind) / "actions" / "action_test.yaml")["discoveryTests"]
    ]


def action_cases() -> list[ActionCase]:
    """What actions make of resources, for all kinds."""
    return [
        ActionCase(
            kind,
            folder(kind) / "actions" / test["inputPath"],
            test["action"],
            read(folder(kind) / "actions" / test["expectedOutputPath"]),
        )
        for kind in Kind
        for test in read(folder(kind) / "actions" / "action_test.yaml")["actionTests"]
    ]
