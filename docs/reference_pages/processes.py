"""The pages about the processes: their settings, their metrics, and what they may do in a cluster."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import click
from prometheus_client.metrics import MetricWrapperBase

from docs.reference_pages.markdown import code, codes, document, table
from seatwarden.endpoint.metrics import METRICS
from seatwarden.reconcilers import metrics as operator_metrics
from seatwarden.resources.permissions import (
    EDIT_RULES,
    ELECTION_RULES,
    OPERATOR_ACCOUNT,
    OPERATOR_NAMESPACE,
    OPERATOR_RULES,
    VIEW_RULES,
)
from seatwarden.runtime.commands import main
from seatwarden.workers import metrics as worker_metrics
from seatwarden_webhooks import metrics as receiver_metrics

_WHY = {
    (
        "seatwarden.dev",
        "tenants",
    ): "Read and watch the custom resources. `patch` is for our own finalizer only.",
    ("seatwarden.dev", "tenants/status"): "Write what was observed.",
    (
        "seatwarden.dev",
        "tenants/finalizers",
    ): "Set owner references that block deletion, where the API server checks who may.",
    (
        "",
        "secrets",
    ): "Make and read the Secrets of licence keys, root keys and licence documents, each by its name. Without `list` "
    "and `watch` the operator cannot look through the Secrets of a namespace.",
    (
        "",
        "configmaps",
    ): "Publish the public root keys of each Tenant, in a ConfigMap that is found by its name.",
    ("", "configmaps", "list"): "Read the plans of each namespace. The permission is for this name only.",
    (
        "",
        "namespaces",
    ): "Learn the uid of kube-system, by which this cluster's objects at Stripe are told from those of "
    "others. The permission is for this name only.",
    ("", "/.well-known/openid-configuration"): "Learn the public keys with which tokens of the cluster's "
    "ServiceAccounts are verified.",
    ("events.k8s.io", "events"): "Tell about transitions.",
    ("coordination.k8s.io", "leases"): "Elect the one operator that acts.",
}


def settings_page() -> str:
    """Every command and option, with the environment variable that does the same."""
    return document(
        "Commands and settings",
        "`seatwarden COMMAND --help` tells the same. An option wins over its environment variable.",
        *(_command(name) for name in main.list_commands(click.Context(main))),
    )


def metrics_page() -> str:
    """Every metric of our own."""
    head = ["Metric", "Kind", "Labels", "What it tells"]
    endpoint = ([code(one.name), one.kind, codes(one.labels), one.help] for one in METRICS)
    return document(
        "Metrics",
        "Each process serves `/metrics` for Prometheus. No label has a value that a tenant chooses. A histogram "
        "has the usual `_bucket`, `_sum` and `_count` series.",
        "## Of the operator",
        table(head, (row for module in (operator_metrics, worker_metrics) for row in _metrics_of(module))),
        "## Of the seat endpoint",
        table(head, endpoint),
        "## Of the receiver of webhooks",
        table(head, _metrics_of(receiver_metrics)),
    )


def permissions_page() -> str:
    """Every permission of the operator, with its reason."""
    return document(
        "Permissions of the operator",
        f"The ServiceAccount is {code(OPERATOR_ACCOUNT)} in the namespace {code(OPERATOR_NAMESPACE)}. "
        "The seat endpoint has no permission and needs no ServiceAccount of its own.",
        "## In all namespaces",
        _rules(OPERATOR_RULES),
        "## In the operator's own namespace",
        _rules(ELECTION_RULES),
        "## Of people",
        "The chart adds these to the roles `view`, `edit` and `admin` of Kubernetes, and `admin` has what `edit` has. "
        "Its own roles `<release>-view` and `<release>-edit` have nothing else: bind those to people who must not see "
        "Secrets, as Kubernetes lets `edit` read and write the Secrets of a namespace.",
        "### View",
        _users_rules(VIEW_RULES),
        "### Edit, besides view",
        _users_rules(EDIT_RULES),
    )


def _command(name: str) -> str:
    context = click.Context(main)
    command = main.get_command(context, name)
    if command is None:
        raise LookupError(f"there is no command {name!r}")
    own = click.Context(command, info_name=name, **command.context_settings)
    rows = [
        [
            code(", ".join([*one.opts, *one.secondary_opts])),
            code(_default(one)),
            code(_variable(one, own)),
            _help(one),
        ]
        for one in command.params
        if isinstance(one, click.Option)
    ]
    said = " ".join((command.help or "").split())
    return "\n\n".join(
        [
            f"## seatwarden {name}",
            said,
            table(["Option", "Default", "Environment variable", "What it does"], rows),
        ]
    )


def _variable(option: click.Option, context: click.Context) -> str:
    if isinstance(option.envvar, str):
        return option.envvar
    prefix = context.auto_envvar_prefix
    return f"{prefix}_{(option.name or '').upper()}" if prefix and option.allow_from_autoenv else ""


def _default(option: click.Option) -> str:
    default = option.default
    if option.is_flag and option.secondary_opts:
        return (option.opts if default else option.secondary_opts)[0]
    if option.is_flag or option.multiple or callable(default) or not isinstance(default, str | int | float):
        return ""
    return str(default)


def _help(option: click.Option) -> str:
    return " ".join((option.help or "").split()).replace("[default:", "Default: ").replace("]", ".")


def _metrics_of(module: ModuleType) -> Iterator[list[str]]:
    for one in vars(module).values():
        if isinstance(one, MetricWrapperBase):
            family = next(iter(one.describe()))
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = one._labelnames  # noqa: SLF001  # the library shows them nowhere else before a sample exists
            yield [code(name), family.type, codes(labels), family.documentation]


def _users_rules(rules: list[dict[str, Any]]) -> str:
    rows = ([codes(rule["resources"]), codes(rule["verbs"])] for rule in rules)
    return table(["Resources of `seatwarden.dev`", "Verbs"], rows)


def _rules(rules: list[dict[str, Any]]) -> str:
    rows = []
    for rule in rules:
        groups = rule.get("apiGroups", ())
        what = rule.get("resources") or rule["nonResourceURLs"]
        named = rule.get("resourceNames", [])
        place = (groups[0] if groups else "", what[0])
        why = _WHY.get((*place, rule["verbs"][0]), "") if named else ""
        why = why or _WHY[place]
        what = [f"{each}/{name}" for each in what for name in named] or what
        rows.append([codes(group or "core" for group in groups), codes(what), codes(rule["verbs"]), why])
    return table(["API group", "Resources or paths", "Verbs", "Why"], rows)
