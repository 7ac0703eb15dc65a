"""What the chart makes of values: six files of them, and rules that hold for each."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatwarden.resources.generate import crd_file
from seatwarden.resources.names import Kind
from tests.chart.rendering import NAMESPACE, POLICIES_SERVED, RELEASE, Rendered, render, render_anew

HERE = Path(__file__).parent
FILES = sorted((HERE / "values").glob("*.yaml"))
EACH = pytest.mark.parametrize("values", FILES, ids=lambda path: path.stem)
CLUSTER_SCOPED = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
}
TRIAL = {"redis": {"valkey": {"enabled": True}}}


def pods(rendered: Rendered) -> dict[str, Any]:
    """The specs of all pods by the names of what makes them."""
    found = {}
    for one in rendered.objects:
        if one["kind"] in ("Deployment", "StatefulSet"):
            found[one["metadata"]["name"]] = one["spec"]["template"]["spec"]
        elif one["kind"] == "Pod":
            found[one["metadata"]["name"]] = one["spec"]
    return found


def without_definitions(text: str) -> str:
    """The rendered text without the custom resource definitions, which are compared elsewhere."""
    parts = re.split(r"^---\n", text, flags=re.MULTILINE)
    return "---\n".join(part for part in parts if "kind: CustomResourceDefinition\n" not in part)


def test_there_are_six_files_of_values() -> None:
    assert len(FILES) == 6


@EACH
def test_it_renders_as_it_did(values: Path, request: pytest.FixtureRequest) -> None:
    golden = HERE / "golden" / values.name
    text = without_definitions(render(values).text)
    if request.config.getoption("--write-pages"):
        golden.write_text(text)
    assert text == golden.read_text(), "look at the difference, then run this with --write-pages"


@EACH
def test_every_object_is_labelled_and_where_the_release_is(values: Path) -> None:
    rendered = render(values)
    for one in rendered.objects:
        metadata = one["metadata"]
        if metadata["name"].endswith("note"):
            continue
        labels = metadata["labels"]
        assert labels["app.kubernetes.io/instance"] == RELEASE, metadata
        assert labels["app.kubernetes.io/part-of"] == "seatwarden", metadata
        assert ("namespace" in metadata) == (one["kind"] not in CLUSTER_SCOPED), metadata
    names = [
        (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in rendered.objects
    ]
    assert len(names) == len(set(names))


@EACH
def test_no_secret_is_made(values: Path) -> None:
    rendered = render(values)
    assert not rendered.of("Secret")
    # What is random, a password or a certificate, would be another one the second time.
    assert render_anew(values.read_text()) == rendered.text


@EACH
def test_every_selector_selects_the_pods_that_it_is_for(values: Path) -> None:
    rendered = render(values)
    workloads = [*rendered.of("Deployment").values(), *rendered.of("StatefulSet").values()]
    labels = {one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"] for one in workloads}
    selectors = [one["spec"]["selector"]["matchLabels"] for one in workloads]
    selectors += [one["spec"]["selector"] for one in rendered.of("Service").values()]
    selectors += [
        one["spec"]["selector"]["matchLabels"] for one in rendered.of("PodDisruptionBudget").values()
    ]
    for selector in selectors:
        chosen = [name for name, of in labels.items() if selector.items() <= of.items()]
        assert len(chosen) == 1, selector


@EACH
def test_every_probe_service_and_monitor_names_a_port_that_is_there(values: Path) -> None:
    rendered = render(values)
    ports = set()
    for pod in pods(rendered).values():
        for container in pod["containers"]:
            own = {port["name"] for port in container.get("ports", ())}
            ports |= own
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                asked = container.get(probe, {})
                action = asked.get("httpGet") or asked.get("tcpSocket")
                assert action is None or action["port"] in own
    services = rendered.of("Service").values()
    assert {port["targetPort"] for one in services for port in one["spec"]["ports"]} <= ports
    scraped = {
        end["port"] for one in rendered.of("ServiceMonitor").values() for end in one["spec"]["endpoints"]
    }
    assert scraped <= {port["name"] for one in services for port in one["spec"]["ports"]}


@EACH
def test_every_mounted_volume_is_there(values: Path) -> None:
    rendered = render(values)
    for name, pod in pods(rendered).items():
        claimed = {"data"} if rendered.of("StatefulSet") and name.endswith("-valkey") else set()
        there = {volume["name"] for volume in pod.get("volumes", ())} | claimed
        mounted = {mount["name"] for one in pod["containers"] for mount in one.get("volumeMounts", ())}
        assert mounted <= there, name
        assert {volume["name"] for volume in pod.get("volumes", ())} <= mounted, name


def test_an_endpoint_goes_on_until_it_is_forgotten_and_has_drained() -> None:
    serve = {"preStopSeconds": 7, "drainSeconds": 20}
    rendered = render({**TRIAL, "serve": serve})
    pod = rendered.pod("serve")
    assert pod["containers"][0]["lifecycle"]["preStop"] == {"sleep": {"seconds": 7}}
    assert rendered.environment("serve")["SEATWARDEN_DRAIN_SECONDS"] == "20"
    assert pod["terminationGracePeriodSeconds"] > 27


def test_the_definitions_are_those_of_the_code_and_are_kept() -> None:
    definitions = render(TRIAL).of("CustomResourceDefinition")
    for kind in Kind:
        rendered = definitions.pop(f"{kind.plural}.seatwarden.dev")
        assert rendered["metadata"]["annotations"].pop("helm.sh/resource-policy") == "keep"
        del rendered["metadata"]["labels"]
        assert rendered == yaml.safe_load(crd_file(kind))
    assert definitions == {}


def test_the_definitions_can_go_with_the_release_or_stay_out_of_it() -> None:
    given = render({**TRIAL, "crds": {"keep": False}}).of("CustomResourceDefinition")
    assert len(given) == 3
    assert not any("helm.sh/resource-policy" in one["metadata"]["annotations"] for one in given.values())
    assert not render({**TRIAL, "crds": {"enabled": False}}).of("CustomResourceDefinition")


def test_the_finalizer_policy_is_there_where_the_cluster_serves_its_kind() -> None:
    kind = POLICIES_SERVED.rpartition("/")[2]
    assert render(TRIAL).of(kind)
    assert not render(TRIAL, policies=False).of(kind)
    assert render({**TRIAL, "finalizerPolicy": "Always"}, policies=False).of(kind)
    assert not render({**TRIAL, "finalizerPolicy": "Never"}).of(kind)


def test_the_finalizer_policy_keeps_to_the_namespaces_of_the_release() -> None:
    spec = render({**TRIAL, "namespaces": ["acme"]}).one("MutatingAdmissionPolicyBinding")["spec"]
    expressions = spec["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert expressions[0]["values"] == ["acme"]
    assert "matchResources" not in render(TRIAL).one("MutatingAdmissionPolicyBinding")["spec"]


def test_a_budget_never_forbids_to_drain_the_only_pod() -> None:
    one_each = render({**TRIAL, "operator": {"replicas": 1}, "serve": {"replicas": 1}})
    assert not one_each.of("PodDisruptionBudget")
    scaled = {"replicas": 2, "autoscaling": {"enabled": True, "minReplicas": 1}}
    assert set(render({**TRIAL, "serve": scaled}).of("PodDisruptionBudget")) == {f"{RELEASE}-operator"}


def test_a_scaled_endpoint_has_no_number_of_replicas_that_an_upgrade_would_put_back() -> None:
    scaled = render({**TRIAL, "serve": {"autoscaling": {"enabled": True}}})
    assert "replicas" not in scaled.one("Deployment", f"{RELEASE}-serve")["spec"]
    assert scaled.one("HorizontalPodAutoscaler")["spec"]["minReplicas"] == 2
    assert render(TRIAL).one("Deployment", f"{RELEASE}-serve")["spec"]["replicas"] == 2


def test_metrics_and_probes_are_not_for_who_comes_from_outside() -> None:
    values = {
        **TRIAL,
        "ingress": {"enabled": True, "hosts": ["seats.example"]},
        "httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}]},
    }
    rendered = render(values)
    paths = [path["path"] for path in rendered.one("Ingress")["spec"]["rules"][0]["http"]["paths"]]
    matches = rendered.one("HTTPRoute")["spec"]["rules"][0]["matches"]
    assert paths == [match["path"]["value"] for match in matches] == ["/api"]


def test_helm_test_asks_the_services_that_are_there() -> None:
    values = {**TRIAL, "serve": {"service": {"port": 8443}}}
    rendered = render(values)
    asked = [word for word in rendered.one("Pod")["spec"]["containers"][0]["args"] if "://" in word]
    services = rendered.of("Service")
    for url in asked:
        name, _, port = url.removeprefix("http://").partition(":")
        assert [one["port"] for one in services[name]["spec"]["ports"]] == [int(port)]
    assert len(asked) == 2


def test_long_names_are_cut_so_that_every_name_fits() -> None:
    rendered = render({**TRIAL, "fullnameOverride": "x" * 60})
    assert max(len(one["metadata"]["name"]) for one in rendered.of("Deployment").values()) <= 63
    assert rendered.of("Deployment").keys() >= {f"{'x' * 40}-operator"}


@pytest.mark.parametrize("namespace", [NAMESPACE, "elsewhere"])
def test_the_lease_is_where_the_release_is(namespace: str) -> None:
    rendered = render(TRIAL, namespace=namespace)
    assert rendered.environment("operator")["SEATWARDEN_ELECTION_NAMESPACE"] == namespace
    role = rendered.one("Role", f"{RELEASE}-operator-election")
    assert role["metadata"]["namespace"] == namespace
