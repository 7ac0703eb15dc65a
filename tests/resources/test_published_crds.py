"""The CRD files: current, structural, bounded, and explained."""

import os
import subprocess
import sys
from collections.abc import Iterator
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatwarden.resources import generate
from seatwarden.resources.base import Model
from seatwarden.resources.crd import custom_resource_definition
from seatwarden.resources.names import Kind
from seatwarden.resources.schema import UnpublishableSchemaError, structural_schema


class Size(StrEnum):
    SMALL = "Small"


class Shirt(Model):
    """A shirt."""

    size: Size = Size.SMALL
    """How large."""


class Wardrobe(Model):
    """All shirts."""

    best: Shirt = Shirt()
    """The one for Sundays."""
    note: str | None = None


class Misfit(Model):
    what: int | str


def version_of(kind: Kind) -> dict[str, Any]:
    version: dict[str, Any] = custom_resource_definition(kind)["spec"]["versions"][0]
    return version


def fields_below(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, child in schema.get("properties", {}).items():
        yield f"{path}.{name}", child
        yield from fields_below(child, f"{path}.{name}")
    if "items" in schema:
        yield f"{path}[]", schema["items"]
        yield from fields_below(schema["items"], f"{path}[]")


def our_fields(kind: Kind) -> dict[str, dict[str, Any]]:
    schema = version_of(kind)["schema"]["openAPIV3Schema"]
    return {path: field for path, field in fields_below(schema) if path.startswith((".spec", ".status"))}


@pytest.mark.parametrize("kind", Kind)
def test_file_in_the_checkout_is_what_the_models_say(kind: Kind) -> None:
    present = files("seatwarden_crds").joinpath(generate.crd_file_name(kind)).read_text(encoding="utf-8")

    assert present == generate.crd_file(kind), "run `python -m seatwarden.resources.generate`"
    assert yaml.safe_load(present) == custom_resource_definition(kind)


def test_generator_writes_what_differs_and_check_then_finds_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate.main(["--output", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("wrote ") == len(Kind)

    assert generate.main(["--output", str(tmp_path)]) == 0
    assert generate.main(["--check", "--output", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


def test_check_tells_what_is_stale_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate.main(["--output", str(tmp_path)])
    capsys.readouterr()
    stale = tmp_path / "seatpools.yaml"
    text = stale.read_text().replace("maximum: 1000000\n", "maximum: 7\n")
    stale.write_text(text)

    assert generate.main(["--check", "--output", str(tmp_path)]) == 1

    told = capsys.readouterr().out
    assert "run `python -m seatwarden.resources.generate`" in told
    assert "-                maximum: 7" in told
    assert "+                maximum: 1000000" in told
    assert stale.read_text() == text


def test_check_of_an_empty_folder_tells_the_beginning_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate.main(["--check", "--output", str(tmp_path)]) == 1

    told = capsys.readouterr().out
    assert told.count("lines more") == len(Kind)
    assert len(told.splitlines()) < 100


def test_generator_runs_as_a_program(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "seatwarden.resources.generate", "--check", "--output", str(tmp_path)],
        capture_output=True,
        timeout=60,
        check=False,
        env=os.environ,
    )

    assert (run.returncode, run.stderr) == (1, b"")


@pytest.mark.parametrize("kind", Kind)
def test_nothing_is_left_for_the_server_to_fill(kind: Kind) -> None:
    definition = custom_resource_definition(kind)

    assert "status" not in definition
    assert "creationTimestamp" not in generate.crd_file(kind).replace(".metadata.creationTimestamp", "")
    assert "conversion" not in definition["spec"]
    assert definition["metadata"]["annotations"]["seatwarden.dev/bundle-version"].startswith("v")


@pytest.mark.parametrize("kind", Kind)
def test_every_field_is_explained_in_a_sentence(kind: Kind) -> None:
    for path, field in our_fields(kind).items():
        if not path.endswith("[]"):
            description = field["description"]
            assert description[0].isupper(), path
            assert description.endswith("."), path
            assert "\n" not in description, path


@pytest.mark.parametrize("kind", Kind)
def test_every_text_list_and_number_has_a_limit(kind: Kind) -> None:
    for path, field in our_fields(kind).items():
        match field["type"]:
            case "string":
                assert {"maxLength", "enum", "format"} & set(field), path
            case "array":
                assert "maxItems" in field, path
                assert field["x-kubernetes-list-type"] == (
                    "map" if field["items"]["type"] == "object" else "set"
                ), path
            case "integer":
                assert {"minimum", "format"} <= set(field), path
            case "object":
                assert field["properties"], path
            case other:
                assert other == "boolean", path


@pytest.mark.parametrize("kind", Kind)
def test_default_of_a_field_is_told_in_its_description(kind: Kind) -> None:
    for path, field in our_fields(kind).items():
        if field.get("default", {}) != {}:
            told = str(field["default"]).lower() if field["type"] == "boolean" else field["default"]
            assert f"Default {told}." in field["description"], path


@pytest.mark.parametrize("kind", Kind)
def test_columns_scale_and_selectors_lead_to_fields_that_exist(kind: Kind) -> None:
    version, known = version_of(kind), our_fields(kind)
    scale = version["subresources"].get("scale", {}).values()
    selectors = [field["jsonPath"] for field in version.get("selectableFields", ())]
    columns = [
        column["jsonPath"].replace('[?(@.type=="Ready")]', "[]")
        for column in version["additionalPrinterColumns"]
        if not column["jsonPath"].startswith(".metadata")
    ]

    for path in [*scale, *selectors, *columns]:
        assert known[path]["type"] in {"string", "integer"}, path


@pytest.mark.parametrize("kind", Kind)
def test_conditions_have_the_form_of_metav1(kind: Kind) -> None:
    conditions = our_fields(kind)[".status.conditions"]

    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert set(conditions["items"]["required"]) == {
        "type",
        "status",
        "lastTransitionTime",
        "reason",
        "message",
    }
    assert conditions["items"]["properties"]["message"]["maxLength"] == 32768


def test_object_of_defaults_has_an_empty_default_and_optional_is_simply_not_required() -> None:
    schema = structural_schema(Wardrobe)

    assert schema["properties"]["best"]["default"] == {}
    assert schema["properties"]["best"]["properties"]["size"] == {
        "description": "How large.",
        "type": "string",
        "enum": ["Small"],
        "default": "Small",
    }
    assert schema["properties"]["note"] == {"type": "string"}
    assert "required" not in schema


def test_field_of_two_types_cannot_be_published() -> None:
    with pytest.raises(UnpublishableSchemaError, match="one type in a CRD, not 2"):
        structural_schema(Misfit)


def test_keyword_that_no_crd_may_hold_cannot_be_published() -> None:
    class Lottery(Model):
        numbers: frozenset[int]

    with pytest.raises(UnpublishableSchemaError, match="uniqueItems cannot be published"):
        structural_schema(Lottery)
