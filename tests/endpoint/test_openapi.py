"""The document itself. That real answers fit it, every other test checks by way of `EndpointClient`."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter

from seatwarden.domain.seats import Code
from seatwarden.endpoint import answers
from seatwarden.endpoint.application import create_app
from seatwarden.endpoint.codes import CODES
from seatwarden.endpoint.docs_page import docs_page
from seatwarden.endpoint.openapi import openapi_document
from seatwarden.endpoint.route_table import OPERATIONS
from tests.endpoint.endpoint_client import EndpointClient
from tests.endpoint.schema_walker import mismatches, resolve
from tests.endpoint.scripted_authority import ScriptedAuthority

DOCUMENT = openapi_document("1.2.3")


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from _nodes(child)
    elif isinstance(node, list):
        for child in node:
            yield from _nodes(child)


def _calls() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, call in methods.items():
            yield path, method, call


def test_the_head_of_the_document_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert DOCUMENT["info"]["version"] == "1.2.3"
    assert {"title", "version"} <= set(DOCUMENT["info"])


def test_each_reference_resolves() -> None:
    references = [node["$ref"] for node in _nodes(DOCUMENT) if "$ref" in node]
    assert references
    for reference in references:
        assert resolve(reference, DOCUMENT)


def test_each_link_leads_to_a_call_and_uses_what_the_answer_and_the_call_have() -> None:
    calls = {call["operationId"]: call for _, _, call in _calls()}
    links = [
        (link, response["content"]["application/json"]["schema"])
        for _, _, call in _calls()
        for response in call["responses"].values()
        for link in response.get("links", {}).values()
    ]
    assert {link["operationId"] for link, _ in links} == {"heartbeat", "release", "validate", "sessions"}
    for link, schema in links:
        there = calls[link["operationId"]]
        assert set(link.get("parameters", {})) <= {one.get("name") for one in there["parameters"]}
        for expression in [*link.get("parameters", {}).values(), *link.get("requestBody", {}).values()]:
            member = expression.removeprefix("$response.body#/")
            assert member in resolve(schema["$ref"], DOCUMENT)["properties"]


def test_each_schema_is_used() -> None:
    used = {node["$ref"] for node in _nodes(DOCUMENT) if "$ref" in node}
    assert {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]} <= used


def test_each_call_has_an_id_of_its_own_a_summary_and_described_responses() -> None:
    ids = [call["operationId"] for _, _, call in _calls()]
    assert len(ids) == len(set(ids)) == len(OPERATIONS)
    for _, _, call in _calls():
        assert call["summary"]
        assert any(status.startswith("2") for status in call["responses"])
        for status, response in call["responses"].items():
            assert re.fullmatch("[2-5][0-9][0-9]", status)
            assert response["description"]
            assert ("content" in response) is (status != "304")
            assert all("schema" in content for content in response.get("content", {}).values())


def test_each_path_parameter_is_declared_and_required() -> None:
    for path, _, call in _calls():
        declared = {p["name"]: p["required"] for p in call["parameters"] if p.get("in") == "path"}
        assert declared == dict.fromkeys(re.findall(r"\{(\w+)\}", path), True)


def test_each_call_with_a_key_documents_its_absence_and_each_with_a_body_its_abuse() -> None:
    for _, _, call in _calls():
        if "security" in call:
            assert {"400", "401", "503"} <= set(call["responses"])
        if "requestBody" in call:
            assert {"408", "413", "415"} <= set(call["responses"])


def test_the_routes_served_are_those_of_the_document() -> None:
    app = create_app(ScriptedAuthority())
    served = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method not in {"HEAD", "*"}
    }
    assert served == {(method.upper(), path) for path, method, _ in _calls()}


async def test_the_document_is_served(client: EndpointClient) -> None:
    answer = await client.ask("GET", "/openapi.json")
    assert answer.status == 200
    assert answer.body["paths"] == DOCUMENT["paths"]


@pytest.mark.parametrize(
    "kind",
    [
        answers.AcquireAnswer,
        answers.HeartbeatAnswer,
        answers.ReleaseAnswer,
        answers.ValidateAnswer,
        answers.PoolAnswer,
        answers.SessionsAnswer,
    ],
)
def test_answers_document_no_default_and_demand_each_field(kind: type) -> None:
    schema = TypeAdapter(kind).json_schema(mode="serialization")
    assert set(schema["required"]) == set(schema["properties"])


def test_the_walker_sees_what_does_not_fit() -> None:
    schema = DOCUMENT["components"]["schemas"]["HeartbeatAnswer"]
    good = {"code": "ok", "expires_in": 1.5, "next_heartbeat_in": None, "lease": None}
    assert list(mismatches(good, schema, DOCUMENT)) == []
    for wrong in (
        {**good, "code": "granted"},
        {**good, "expires_in": -1},
        {**good, "expires_in": "1"},
        {**good, "next_heartbeat_in": 0},
        {**good, "surprise": 1},
        {"code": "ok"},
    ):
        assert list(mismatches(wrong, schema, DOCUMENT)) != [], wrong


def test_the_page_explains_each_code_under_the_anchor_that_problems_point_to() -> None:
    page = docs_page(DOCUMENT).decode()
    for code in CODES:
        assert f'id="code-{code}"' in page
    for _, _, call in _calls():
        assert f'id="{call["operationId"]}"' in page


def test_the_page_is_complete_in_itself_and_its_links_lead_somewhere() -> None:
    page = docs_page(DOCUMENT).decode()
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="(?:https?:)?//', page) == []
    anchors = set(re.findall(r'id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= anchors
    assert page.count("<section") == page.count("</section>")


def test_the_page_escapes_what_it_shows() -> None:
    page = docs_page({**DOCUMENT, "info": {"title": "<b>", "version": "&", "description": "<i>"}}).decode()
    assert "<title>&lt;b&gt;</title>" in page
    assert "<i>" not in page


async def test_the_page_is_served_with_a_policy_that_allows_nothing_from_outside(
    client: EndpointClient,
) -> None:
    answer = await client.ask("GET", "/docs")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_verdict_of_validate_can_have_each_code_that_the_authority_gives() -> None:
    schema = DOCUMENT["components"]["schemas"]["ValidateAnswer"]["properties"]["code"]
    assert Code.EVICTED.value in str(schema)
