"""The pages about the chart: each command installs what it says, and each value on them is one of the chart."""

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.values_file import CHART
from tests.chart.rendering import NAMESPACE, RELEASE, Rendered, render, render_with
from tests.docs.pages import ROOT, Page

TRIAL: dict[str, Any] = {"redis": {"valkey": {"enabled": True}}}
PATHS = (ROOT / "docs" / "install.md", ROOT / "docs" / "security.md", CHART / "README.md")
PAGES = [Page(path, path.read_text()) for path in PATHS]
COMMANDS = [
    command
    for page in PAGES
    for command in page.commands()
    if command.startswith("helm ") and "charts/seatwarden" in command
]
VALUES = [
    block
    for page in PAGES
    for block in page.blocks("yaml")
    if not {"apiVersion", "rules"} & yaml.safe_load(block).keys()
]


def settings_of(command: str) -> list[str]:
    """What a command sets, in Helm's words."""
    words = shlex.split(command)
    return [word for first, second in pairwise(words) if first == "--set" for word in (first, second)]


def test_the_pages_have_commands_and_values() -> None:
    assert len(COMMANDS) >= 5
    assert len(VALUES) >= 2


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_installs_the_release_of_the_pages_where_they_say(command: str) -> None:
    words = shlex.split(command)
    assert [word for word in words if word.endswith("seatwarden")][:2] == [RELEASE, "charts/seatwarden"]
    assert words[words.index("--namespace") + 1] == NAMESPACE
    assert render_with(TRIAL, *settings_of(command)).of("Deployment")


@pytest.mark.parametrize("values", VALUES)
def test_every_block_of_values_is_taken(values: str) -> None:
    given = yaml.safe_load(values)
    assert render(given if "redis" in given else {**given, **TRIAL}).of("Deployment")


def test_every_value_set_as_code_is_one_of_the_chart() -> None:
    known = set(re.findall(r"^\| `([\w.]+)` \|", (CHART / "README.md").read_text(), re.MULTILINE))
    branches = {
        ".".join(name.split(".")[:depth]) for name in known for depth in range(1, name.count(".") + 2)
    }
    roots = {name.partition(".")[0] for name in known}
    for page in PAGES[:2]:
        for span in page.spans():
            name = re.split(r"[=:]", span)[0]
            if re.fullmatch(r"[a-zA-Z]+(\.[a-zA-Z]+)+", name) and name.partition(".")[0] in roots - {
                "crds",
                "tools",
            }:
                assert name in branches, f"{page.name}: {span}"


def test_the_roles_and_accounts_that_people_bind_are_there() -> None:
    rendered = Rendered(render_with(TRIAL, "--set", "rbac.secrets=ByNamespace").text)
    for page in PAGES:
        for command in (one for one in page.commands() if "create rolebinding" in one):
            words = shlex.split(command)
            assert words[words.index("--clusterrole") + 1] in rendered.of("ClusterRole")
            if "--serviceaccount" in words:
                namespace, _, account = words[words.index("--serviceaccount") + 1].partition(":")
                assert rendered.one("ServiceAccount", account)["metadata"]["namespace"] == namespace


def test_the_secrets_of_the_pages_have_the_keys_that_the_chart_reads_by_default() -> None:
    install = PAGES[0].text
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert f"--from-literal={values['redis']['existingSecret']['key']}=" in install
    assert f"--from-file={values['installationKey']['key']}=/dev/stdin" in install


def test_the_files_that_are_named_are_there() -> None:
    for page in PAGES:
        for command in page.commands():
            for word in shlex.split(command):
                if word.startswith(("examples/", "scripts/", "charts/")):
                    assert (ROOT / word).exists(), f"{page.name}: {word}"


def test_the_metric_that_the_adapter_serves_is_the_one_that_the_chart_asks_for() -> None:
    (rules,) = [block for block in PAGES[0].blocks("yaml") if block.startswith("rules:")]
    served = yaml.safe_load(rules)["rules"][0]["name"]["as"]
    chart = yaml.safe_load((CHART / "values.yaml").read_text())
    assert served == chart["serve"]["autoscaling"]["requestsPerSecond"]["metric"]


def test_the_notes_tell_where_seats_are_and_what_is_missing() -> None:
    text = (Path(CHART) / "templates" / "NOTES.txt").read_text()
    assert "installationKey.secretName" in text
    assert "--from-file=installation.key=/dev/stdin" in text
