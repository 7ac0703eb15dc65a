"""The chart as Helm renders it: objects by kind and name."""

import json
import subprocess
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from charts.values_file import CHART
from seatwarden.local.toolchain import KUBERNETES
from tests.chart.helm_build import helm_program

RELEASE = "seatwarden"
NAMESPACE = "seatwarden-system"
KUBE_VERSION = KUBERNETES.version()
POLICIES_SERVED = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"
_SECONDS = 60
Body = dict[str, Any]


class Refused(Exception):
    """Helm did not take the values; the text is what it wrote."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What Helm would send, in its order."""

    text: str

    @property
    def objects(self) -> list[Body]:
        """All objects."""
        return deepcopy(_objects(self.text))

    def of(self, kind: str) -> dict[str, Body]:
        """The objects of that kind by their names."""
        return {found["metadata"]["name"]: found for found in self.objects if found["kind"] == kind}

    def one(self, kind: str, name: str = "") -> Body:
        """The object of that kind with that name, or the only one."""
        found = self.of(kind)
        if name:
            return found[name]
        assert len(found) == 1, f"there are {sorted(found)}"
        return next(iter(found.values()))

    def pod(self, component: str) -> Body:
        """The pod's spec in the workload of a component."""
        kind = "StatefulSet" if component == "valkey" else "Deployment"
        spec: Body = self.one(kind, f"{RELEASE}-{component}")["spec"]["template"]["spec"]
        return spec

    def environment(self, component: str) -> dict[str, Any]:
        """The environment of the component's container: a value, or where it comes from."""
        return {
            one["name"]: one.get("value", one.get("valueFrom"))
            for one in self.pod(component)["containers"][0]["env"]
        }


@lru_cache(maxsize=256)
def _objects(text: str) -> list[Body]:
    return [found for found in yaml.load_all(text, Loader=yaml.CSafeLoader) if found]


def helm(*arguments: str, stdin: str = "", **environment: str) -> str:
    """What Helm writes; it reads no settings of this machine.

    Raises:
        Refused: it ended with an error.
    """
    done = subprocess.run(
        [helm_program(), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
        env={"HOME": "/nonexistent", "HELM_CACHE_HOME": "/nonexistent", **environment},
    )
    if done.returncode != 0:
        raise Refused(done.stderr)
    return done.stdout


def render(
    values: Body | Path | None = None, *, namespace: str = NAMESPACE, policies: bool = True
) -> Rendered:
    """The chart with ``values`` besides its defaults. ``policies``: the cluster serves mutating admission policies.

    Raises:
        Refused: the values are no values of the chart.
    """
    text = values.read_text() if isinstance(values, Path) else json.dumps(values or {})
    return _rendered(text, namespace, policies)


# Helm takes half a second, and the same values are rendered by many tests.
@lru_cache(maxsize=256)
def _rendered(values: str, namespace: str, policies: bool) -> Rendered:
    return Rendered(render_anew(values, namespace=namespace, policies=policies))


def render_with(values: Body, *words: str) -> Rendered:
    """The chart with ``values`` and with more words of Helm's, such as `--set`."""
    return Rendered(render_anew(json.dumps(values), *words))


def render_anew(values: str, *words: str, namespace: str = NAMESPACE, policies: bool = True) -> str:
    """What Helm writes for the text of a file of values."""
    return helm(
        *("template", RELEASE, str(CHART), "--namespace", namespace, "--kube-version", KUBE_VERSION),
        *(["--api-versions", POLICIES_SERVED] if policies else []),
        *("--values", "-", *words),
        stdin=values,
    )
