"""values.yaml: its schema and its page are made of it, and bad values are refused with their place."""

import json
from typing import Any

import pytest

from charts.chart_readme import readme_file
from charts.generate import main, stale_files
from charts.values_file import CHART, UnreadableValues, read_values
from charts.values_schema import schema_file
from tests.chart.rendering import Refused, render

TEXT = """\
# How many.
# Two lines of it.
# @schema {minimum: 1}
replicas: 2

nested:
  # One | or the other.
  # @schema {enum: [a, b]}
  mode: a
  # Anything that a pod takes.
  # @schema {additionalProperties: true}
  resources:
    limits: {cpu: 1}
  on: true
  # Words.
  # @schema {items: {type: string}}
  list: []
"""
TRIAL: dict[str, Any] = {"redis": {"valkey": {"enabled": True}}}


def test_the_chart_s_files_are_current() -> None:
    assert stale_files(CHART) == {}


def test_a_stale_file_is_named_and_then_written(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "values.yaml").write_text(TEXT)
    chart = ["--chart", str(tmp_path)]
    assert main([*chart, "--check"]) == 1
    assert "README.md is stale: run `make generate`" in capsys.readouterr().out
    assert main(chart) == 0
    assert main([*chart, "--check"]) == 0
    (tmp_path / "templates" / "_rules.tpl").write_text("changed by hand")
    assert main([*chart, "--check"]) == 1


def test_types_come_from_the_defaults_and_the_rest_from_the_comments() -> None:
    schema = json.loads(schema_file(read_values(TEXT)))
    assert schema["properties"]["replicas"] == {
        "description": "How many. Two lines of it.",
        "type": "integer",
        "default": 2,
        "minimum": 1,
    }
    nested = schema["properties"]["nested"]
    assert nested["additionalProperties"] is False
    assert nested["properties"]["mode"]["enum"] == ["a", "b"]
    assert nested["properties"]["resources"]["default"] == {"limits": {"cpu": 1}}
    assert nested["properties"]["resources"]["additionalProperties"] is True


def test_the_page_has_a_row_for_each_value() -> None:
    rows = [line for line in readme_file(read_values(TEXT)).splitlines() if line.startswith("| `")]
    assert rows == [
        "| `replicas` | `2` | How many. Two lines of it. |",
        '| `nested.mode` | `"a"` | One \\| or the other. One of `a`, `b`. |',
        '| `nested.resources` | `{"limits": {"cpu": 1}}` | Anything that a pod takes. |',
        "| `nested.on` | `true` |  |",
        "| `nested.list` | `[]` | Words. |",
    ]


def test_a_schema_that_cannot_be_read_is_told_with_its_line() -> None:
    with pytest.raises(UnreadableValues, match=r"above line 2 begins with @ .*@schema minimum: 1"):
        read_values("# @schema minimum: 1\nreplicas: 2\n")


def test_every_free_value_of_the_chart_is_described_or_speaks_for_itself() -> None:
    values = read_values((CHART / "values.yaml").read_text())
    leaves = [leaf for value in values for leaf in value.leaves()]
    assert len(leaves) > 80
    for leaf in leaves:
        if leaf.default in ({}, []):
            assert leaf.schema, f"{leaf.name} needs a @schema: its default tells nothing"


@pytest.mark.parametrize(
    ("bad", "place"),
    [
        ({"opreator": {"replicas": 3}}, "opreator"),
        ({"operator": {"replicas": 0}}, "/operator/replicas"),
        ({"operator": {"replicas": "two"}}, "/operator/replicas"),
        ({"operator": {"electionLeaseSeconds": 1}}, "/operator/electionLeaseSeconds"),
        (
            {"operator": {"serviceAccount": {"annotations": {"a": 1}}}},
            "/operator/serviceAccount/annotations/a",
        ),
        ({"image": {"digest": "sha256:short"}}, "/image/digest"),
        ({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy"),
        ({"namespaces": ["Not_A_Name"]}, "/namespaces/0"),
        ({"namespaces": ["twice", "twice"]}, "/namespaces"),
        ({"rbac": {"secrets": "Nowhere"}}, "/rbac/secrets"),
        ({"redis": {"url": "http://redis"}}, "/redis/url"),
        ({"redis": {"url": "redis://user:hunter2@redis:6379"}}, "/redis/url"),
        ({"redis": {"durability": "replicas=0"}}, "/redis/durability"),
        ({"redis": {"password": "hunter2"}}, "password"),
        ({"serve": {"autoscaling": {"targetCPU": 101}}}, "/serve/autoscaling/targetCPU"),
        ({"serve": {"service": {"type": "ExternalName"}}}, "/serve/service/type"),
        ({"ingress": {"paths": ["api"]}}, "/ingress/paths/0"),
        ({"ingress": {"paths": []}}, "/ingress/paths"),
        ({"networkPolicy": {"redis": {"ports": [0]}}}, "/networkPolicy/redis/ports/0"),
        ({"serviceMonitor": {"interval": "often"}}, "/serviceMonitor/interval"),
        ({"logLevel": "loud"}, "/logLevel"),
        ({"finalizerPolicy": True}, "/finalizerPolicy"),
        ({"extraObjects": [1]}, "/extraObjects/0"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_bad_value_is_refused_with_its_place(bad: dict[str, Any], place: str) -> None:
    with pytest.raises(Refused) as refused:
        render(bad)
    assert "don't meet the specifications of the schema" in str(refused.value)
    assert place in str(refused.value)


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({}, "Set exactly one of these values"),
        (
            {"redis": {"url": "redis://a:6379", "valkey": {"enabled": True}}},
            "Set exactly one of these values",
        ),
        ({**TRIAL, "ingress": {"enabled": True}}, "ingress.hosts must name the hosts"),
        ({**TRIAL, "httpRoute": {"enabled": True}}, "httpRoute.parentRefs must name the Gateways"),
        (
            {**TRIAL, "serve": {"autoscaling": {"enabled": True, "targetCPU": 0}}},
            "serve.autoscaling needs something to look at",
        ),
        (
            {**TRIAL, "serve": {"autoscaling": {"enabled": True, "minReplicas": 20}}},
            "minReplicas is more than",
        ),
    ],
)
def test_values_that_do_not_go_together_are_refused_with_a_sentence(
    bad: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Refused, match=sentence):
        render(bad)
