"""What the chart tells the processes, held against what they understand; and what alerts look at, against what is there."""

import re
from pathlib import Path
from typing import Any

import click
import pytest

from docs.generate_reference import REFERENCE
from seatwarden.backends.redis_url import read_redis_url
from seatwarden.runtime.commands import main
from tests.chart.rendering import RELEASE, Rendered, render

FILES = sorted((Path(__file__).parent / "values").glob("*.yaml"))
METRICS = (REFERENCE / "metrics.md").read_text()
TRIAL: dict[str, Any] = {"redis": {"valkey": {"enabled": True}}}


def workload(rendered: Rendered, component: str) -> str:
    """The name of the component's Deployment, whatever the release is called."""
    return next(name for name in rendered.of("Deployment") if name.endswith(f"-{component}"))


def container(rendered: Rendered, component: str) -> dict[str, Any]:
    """The one container of the component."""
    deployment = rendered.one("Deployment", workload(rendered, component))
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def command(name: str) -> click.Command:
    """Our command of that name."""
    found = main.get_command(click.Context(main), name)
    assert found is not None
    return found


@pytest.mark.parametrize("values", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("component", ["operator", "serve"])
def test_every_setting_is_one_of_the_command_and_has_a_value_that_it_takes(
    values: Path, component: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "installation.key"
    key.write_text("ab" * 32)
    told = container(render(values), component)
    assert told["args"] == [component]
    context = click.Context(command(component), **command(component).context_settings)
    known = set()
    for option in command(component).params:
        assert isinstance(option, click.Option)
        prefix = f"{context.auto_envvar_prefix}_{(option.name or '').upper()}"
        known |= {str(option.envvar)} if option.envvar else {prefix}
    for variable in told["env"]:
        name = variable["name"]
        if name.startswith("SEATWARDEN_"):
            assert name in known
        value = variable.get("value", "redis://:hunter2@redis:6379")
        monkeypatch.setenv(name, str(key) if name.endswith("_KEY_FILE") else value)

    made = command(component).make_context(component, [], **command(component).context_settings)

    assert made.params["redis_url"]
    read_redis_url(made.params["redis_url"])
    has_keys = any(variable["name"].endswith("_KEY_FILE") for variable in told["env"])
    assert (made.params["installation_keys"] is not None) == has_keys


def test_the_namespaces_reach_the_operator_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = render({**TRIAL, "namespaces": ["acme", "beta"]})
    told = rendered.environment("operator")["SEATWARDEN_NAMESPACES"]
    monkeypatch.setenv("SEATWARDEN_NAMESPACES", told)
    made = command("operator").make_context("operator", [], **command("operator").context_settings)
    assert made.params["namespaces"] == ("acme", "beta")


def test_services_do_not_set_variables_that_look_like_settings() -> None:
    # A Service called seatwarden would set SEATWARDEN_PORT and others.
    rendered = render(TRIAL)
    for component in ("operator", "serve", "valkey"):
        assert rendered.pod(component)["enableServiceLinks"] is False
    assert rendered.one("Pod")["spec"]["enableServiceLinks"] is False


def test_a_password_is_in_no_argument_and_in_no_object() -> None:
    rendered = render({"redis": {"existingSecret": {"name": "login", "key": "address"}}})
    for component in ("operator", "serve"):
        assert rendered.environment(component)["SEATWARDEN_REDIS_URL"] == {
            "secretKeyRef": {"name": "login", "key": "address"}
        }
        assert rendered.pod(component)["containers"][0]["args"] == [component]


def test_the_files_of_secrets_are_where_the_settings_say() -> None:
    values = {
        **TRIAL,
        "installationKey": {"secretName": "installation", "key": "my.key"},
        "kms": {"credentialsSecret": {"name": "google", "key": "my.json"}},
    }
    pod, environment = render(values).pod("operator"), render(values).environment("operator")
    mounts = {mount["name"]: mount for mount in pod["containers"][0]["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for name, setting in (
        ("installation-key", "SEATWARDEN_INSTALLATION_KEY_FILE"),
        ("google-credentials", "GOOGLE_APPLICATION_CREDENTIALS"),
    ):
        (item,) = volumes[name]["secret"]["items"]
        assert f"{mounts[name]['mountPath']}/{item['path']}" == environment[setting]
        assert mounts[name]["readOnly"] is True
    # The endpoint signs nothing with a root key.
    assert "google-credentials" not in {one["name"] for one in render(values).pod("serve")["volumes"]}


def test_only_the_operator_has_a_token_of_the_cluster() -> None:
    rendered = render(TRIAL)
    tokens = {
        component: rendered.pod(component)["automountServiceAccountToken"]
        for component in ("operator", "serve", "valkey")
    }
    assert tokens == {"operator": True, "serve": False, "valkey": False}
    assert rendered.one("Pod")["spec"]["automountServiceAccountToken"] is False


def test_the_commands_of_helm_test_parse() -> None:
    (tested,) = render(TRIAL).one("Pod")["spec"]["containers"]
    name, *arguments = tested["args"]
    made = command(name).make_context(name, arguments)
    assert made.params["urls"] == (f"http://{RELEASE}:80", f"http://{RELEASE}-operator:8081")


def test_alerts_look_at_metrics_and_labels_that_are_there() -> None:
    rule = render({**TRIAL, "prometheusRule": {"enabled": True}}).one("PrometheusRule")
    alerts = [alert for group in rule["spec"]["groups"] for alert in group["rules"]]
    assert len(alerts) == 6
    for alert in alerts:
        names = re.findall(r"seatwarden_\w+", alert["expr"])
        assert names
        for name in names:
            (row,) = [line for line in METRICS.splitlines() if line.startswith(f"| `{name}` |")]
            for label in re.findall(r"[{,](\w+)=", alert["expr"]):
                assert label == "namespace" or f"`{label}`" in row, alert["expr"]
        assert 'namespace="seatwarden-system"' in alert["expr"]
        assert {"summary", "description"} <= alert["annotations"].keys()
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}


def test_the_health_ports_are_those_that_the_commands_have_by_default() -> None:
    rendered = render(TRIAL)
    operator = command("operator").make_context("operator", [])
    assert container(rendered, "operator")["ports"][0]["containerPort"] == operator.params["health_port"]
    listen = rendered.environment("serve")["SEATWARDEN_LISTEN"]
    assert listen == f"0.0.0.0:{container(rendered, 'serve')['ports'][0]['containerPort']}"
