"""Who reaches whom by the chart's network policies, judged as a network plug-in does."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from tests.chart.rendering import Body, Rendered, render

TRIAL: dict[str, Any] = {"redis": {"valkey": {"enabled": True}}}
EXTERNAL: dict[str, Any] = {"redis": {"url": "redis://redis.shared:6379"}}
STRANGER = {"app": "stranger"}


class Network:
    """The pods of a release, and strangers in its namespace and elsewhere."""

    def __init__(self, rendered: Rendered) -> None:
        self.policies = list(rendered.of("NetworkPolicy").values())
        workloads = [*rendered.of("Deployment").values(), *rendered.of("StatefulSet").values()]
        self.labels: dict[str, dict[str, str]] = {"test": rendered.one("Pod")["metadata"]["labels"]}
        for one in workloads:
            labels = one["spec"]["template"]["metadata"]["labels"]
            self.labels[labels["app.kubernetes.io/component"]] = labels
        self.labels["stranger"] = STRANGER

    def lets_in(self, component: str, port: int, *, of: str, namespace: dict[str, str] | None = None) -> bool:
        """May a pod ``of`` the release, or of a namespace with these labels, connect to ``port`` of the component?"""
        return self._allowed("Ingress", component, port, {"labels": self.labels[of], "namespace": namespace})

    def lets_out(self, component: str, port: int, *, to: str = "", address: str = "") -> bool:
        """May the component connect to that port of a pod ``to`` of the release, or of an address?"""
        peer = {"address": address} if address else {"labels": self.labels[to], "namespace": None}
        return self._allowed("Egress", component, port, peer)

    def _allowed(self, direction: str, component: str, port: int, peer: Body) -> bool:
        chosen = [
            policy["spec"]
            for policy in self.policies
            if policy["spec"]["podSelector"]["matchLabels"].items() <= self.labels[component].items()
            and direction in policy["spec"]["policyTypes"]
        ]
        rules = [rule for spec in chosen for rule in spec[direction.lower()]]
        side = "from" if direction == "Ingress" else "to"
        fits = (
            any(one["port"] == port for one in rule["ports"])
            and (side not in rule or any(_is(selector, peer) for selector in rule[side]))
            for rule in rules
        )
        return not chosen or any(fits)


def _is(selector: Body, peer: Body) -> bool:
    if "ipBlock" in selector:
        return "address" in peer and ip_address(peer["address"]) in ip_network(selector["ipBlock"]["cidr"])
    if "labels" not in peer:
        return False
    if "namespaceSelector" in selector:
        wanted = selector["namespaceSelector"].get("matchLabels", {})
        return peer["namespace"] is not None and wanted.items() <= peer["namespace"].items()
    return (
        peer["namespace"] is None and selector["podSelector"]["matchLabels"].items() <= peer["labels"].items()
    )


def ports_of(rendered: Rendered, component: str) -> list[int]:
    """The ports that the component listens on."""
    container = rendered.pod(component)["containers"][0]
    return [port["containerPort"] for port in container["ports"]]


@pytest.mark.parametrize("component", ["operator", "serve", "valkey"])
def test_a_pod_is_reached_on_the_port_that_it_listens_on_and_on_no_other(component: str) -> None:
    rendered = render(TRIAL)
    network = Network(rendered)
    (port,) = ports_of(rendered, component)
    by = "serve" if component == "valkey" else "test"
    assert network.lets_in(component, port, of=by)
    for other in (22, 80, 6380, 8082, 9090):
        assert not network.lets_in(component, other, of=by)


def test_seats_are_reached_by_operator_and_endpoint_only() -> None:
    network = Network(render(TRIAL))
    for component in ("operator", "serve"):
        assert network.lets_in("valkey", 6379, of=component)
        assert network.lets_out(component, 6379, to="valkey")
    assert not network.lets_in("valkey", 6379, of="stranger")
    assert not network.lets_in("valkey", 6379, of="test")
    assert not network.lets_in("valkey", 6379, of="serve", namespace={"team": "other"})
    for port in (53, 443, 6379):
        assert not network.lets_out("valkey", port, address="10.0.0.1")


def test_the_endpoint_reaches_redis_and_names_and_nothing_else() -> None:
    network = Network(render(EXTERNAL))
    assert network.lets_out("serve", 6379, address="10.0.0.1")
    assert network.lets_out("serve", 53, address="10.0.0.1")
    for port in (80, 443, 6443, 8081):
        assert not network.lets_out("serve", port, address="10.0.0.1")


def test_the_operator_reaches_the_api_server_and_redis_and_nothing_else() -> None:
    network = Network(render(EXTERNAL))
    for port in (53, 443, 6443, 6379):
        assert network.lets_out("operator", port, address="10.0.0.1")
    for port in (22, 80, 8080):
        assert not network.lets_out("operator", port, address="10.0.0.1")


def test_with_the_chart_s_valkey_no_other_redis_is_reached() -> None:
    network = Network(render(TRIAL))
    for component in ("operator", "serve"):
        assert not network.lets_out(component, 6379, address="10.0.0.1")
        assert not network.lets_out(component, 6379, to="stranger")


def test_redis_and_the_api_server_can_be_said_to_be_somewhere() -> None:
    policy = {
        "redis": {"ports": [6380, 26379], "to": [{"ipBlock": {"cidr": "10.20.0.0/16"}}]},
        "apiServer": {"ports": [6443], "to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}]},
    }
    network = Network(render({**EXTERNAL, "networkPolicy": policy}))
    for component in ("operator", "serve"):
        for port in (6380, 26379):
            assert network.lets_out(component, port, address="10.20.3.4")
            assert not network.lets_out(component, port, address="10.21.3.4")
        assert not network.lets_out(component, 6379, address="10.20.3.4")
    assert network.lets_out("operator", 6443, address="10.0.0.1")
    assert not network.lets_out("operator", 6443, address="10.0.0.2")


def test_clients_and_scrapers_can_be_named_and_helm_test_goes_on_working() -> None:
    ingress, monitoring = {"name": "ingress"}, {"name": "monitoring"}
    policy = {
        "clients": [{"namespaceSelector": {"matchLabels": ingress}}],
        "scrapers": [{"namespaceSelector": {"matchLabels": monitoring}}],
    }
    network = Network(render({**EXTERNAL, "networkPolicy": policy}))
    assert network.lets_in("serve", 8080, of="stranger", namespace=ingress)
    assert not network.lets_in("serve", 8080, of="stranger", namespace=monitoring)
    assert network.lets_in("operator", 8081, of="stranger", namespace=monitoring)
    assert not network.lets_in("operator", 8081, of="stranger", namespace=ingress)
    for component, port in (("serve", 8080), ("operator", 8081)):
        assert network.lets_in(component, port, of="test")
        assert not network.lets_in(component, port, of="stranger")
        assert network.lets_out("test", port, to=component)


def test_everybody_may_take_seats_where_nobody_is_named() -> None:
    network = Network(render(EXTERNAL))
    assert network.lets_in("serve", 8080, of="stranger", namespace={"any": "where"})


def test_without_policies_nothing_is_forbidden() -> None:
    assert not render({**TRIAL, "networkPolicy": {"enabled": False}}).of("NetworkPolicy")
