"""The table of good and bad manifests in ``manifests/``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from seatwarden.resources.names import API_VERSION, Kind
from seatwarden.resources.seatpool import SeatPool
from seatwarden.resources.subscription import Subscription
from seatwarden.resources.tenant import Tenant

MODELS: dict[Kind, type[Tenant | Subscription | SeatPool]] = {
    Kind.TENANT: Tenant,
    Kind.SUBSCRIPTION: Subscription,
    Kind.SEAT_POOL: SeatPool,
}


@dataclass(frozen=True)
class ManifestCase:
    """One manifest, and the fields for which it must be refused; none if it is good."""

    kind: Kind
    title: str
    manifest: dict[str, Any]
    refused: frozenset[str]
    says: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.title}"


class _Loader(yaml.SafeLoader):
    """YAML with the tags that the table explains."""


def _repeat(loader: yaml.SafeLoader, node: yaml.Node) -> str:
    assert isinstance(node, yaml.SequenceNode)
    text, times = loader.construct_sequence(node)
    return str(text) * int(times)


def _features(loader: yaml.SafeLoader, node: yaml.Node) -> list[dict[str, str]]:
    assert isinstance(node, yaml.ScalarNode)
    return [{"name": f"feature-{number}"} for number in range(int(node.value))]


def _keyed(loader: yaml.SafeLoader, node: yaml.Node) -> list[dict[str, Any]]:
    assert isinstance(node, yaml.ScalarNode)
    return [{"name": f"group-{number}", "licenceKey": True} for number in range(int(node.value))]


_Loader.add_constructor("!repeat", _repeat)
_Loader.add_constructor("!features", _features)
_Loader.add_constructor("!keyed", _keyed)


def manifest_cases() -> list[ManifestCase]:
    """All cases of all kinds."""
    return [case for kind in Kind for case in _cases_of(kind)]


def _cases_of(kind: Kind) -> list[ManifestCase]:
    path = Path(__file__).parent / "manifests" / f"{kind.singular}.yaml"
    rows = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506  # it is a SafeLoader
    return [_case(kind, row) for row in rows]


def _case(kind: Kind, row: dict[str, Any]) -> ManifestCase:
    refused = row.get("refused", [])
    # No `spec` in the row is no `spec` in the manifest, which is one of the cases.
    spec = {"spec": row["spec"]} if "spec" in row else {}
    return ManifestCase(
        kind=kind,
        title=row["case"],
        manifest={"apiVersion": API_VERSION, "kind": kind.value, "metadata": {"name": "case"}, **spec},
        refused=frozenset([refused] if isinstance(refused, str) else refused),
        says=row.get("says", ""),
    )
