"""What the documentation names is there: files, links, reasons, codes, metrics, manifests."""

import inspect
import json
import re
from enum import StrEnum

import yaml

from docs.generate_reference import REFERENCE
from seatwarden import client, verify
from seatwarden.endpoint.codes import CODES
from seatwarden.endpoint.identities import TokenFault
from seatwarden.endpoint.openapi import openapi_document
from seatwarden.resources import conditions, health, names, seatpool, signing, subscription, tenant
from seatwarden.resources.base import Resource
from seatwarden.resources.names import Kind
from seatwarden.resources.reasons import Reason
from seatwarden.verify.licence import _CLAIMS as LICENCE_CLAIMS
from seatwarden_webhooks.stripe_receiver import Result
from tests.docs.pages import PAGES, ROOT, Page

_CAMEL = re.compile(r"[A-Z][a-z]+([A-Z][a-z]+)*")
_SNAKE = re.compile(r"[a-z]+(_[a-z]+)+")
_OUTSIDE_WORDS = {"Authorization"}
_LOG_WORDS = {"request_id"}
_RECEIVER_WORDS = set(map(str, Result))
_CLIENT_WORDS = {
    *client.__all__,
    *vars(client.Client),
    *vars(client.Seat),
    *inspect.signature(client.Client).parameters,
    *inspect.signature(client.Client.hold).parameters,
}
_VERIFIER_WORDS = {
    *verify.__all__,
    *map(str, verify.Code),
    *inspect.signature(verify.verify_licence).parameters,
    *LICENCE_CLAIMS,
    "valid_until",
    *verify.Revocations.__dataclass_fields__,
}
_MODELS: dict[Kind, type[Resource]] = {
    Kind.TENANT: tenant.Tenant,
    Kind.SUBSCRIPTION: subscription.Subscription,
    Kind.SEAT_POOL: seatpool.SeatPool,
}


def vocabulary() -> set[str]:
    """Every word with a capital that the API of the resources knows."""
    enums = [
        found
        for module in (conditions, health, names, seatpool, signing, subscription, tenant)
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, StrEnum)
    ]
    return {*(reason.value for reason in Reason), *(member.value for found in enums for member in found)}


def endpoint_vocabulary() -> set[str]:
    """Every code, and every name in the bodies of the endpoint."""
    document = json.dumps(openapi_document("test"))
    faults = map(str, TokenFault)
    return {*(str(code) for code in CODES), *faults, *re.findall(r'"([a-z_]+)": ?\{', document)}


VOCABULARY = vocabulary()
ENDPOINT_VOCABULARY = endpoint_vocabulary()
SETTINGS = (REFERENCE / "settings.md").read_text()
METRICS = (REFERENCE / "metrics.md").read_text()


def test_every_relative_link_leads_somewhere() -> None:
    for page in PAGES:
        for link in page.links():
            if link.startswith(("http://", "https://")):
                continue
            target, _, anchor = link.partition("#")
            path = (page.path.parent / target).resolve() if target else page.path
            assert path.exists(), f"{page.name}: {link}"
            if anchor:
                assert anchor in Page(path, path.read_text()).headings(), f"{page.name}: {link}"


def test_every_path_in_prose_exists() -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    for page in PAGES:
        for span in page.spans():
            if span.partition("/")[0] in folders and " " not in span and span != "operator":
                assert (ROOT / span).exists(), f"{page.name}: {span}"


def test_every_capitalised_word_set_as_code_is_a_word_of_the_resources() -> None:
    for page in PAGES:
        for span in page.spans():
            if _CAMEL.fullmatch(span) and span not in _OUTSIDE_WORDS | _CLIENT_WORDS | _VERIFIER_WORDS:
                assert span in VOCABULARY, f"{page.name}: {span}"


def test_every_word_with_underscores_set_as_code_is_a_word_of_the_endpoint_or_a_metric() -> None:
    for page in PAGES:
        for span in page.spans():
            if (
                not _SNAKE.fullmatch(span)
                or span in _LOG_WORDS | _CLIENT_WORDS | _VERIFIER_WORDS | _RECEIVER_WORDS
            ):
                continue
            if span.startswith("seatwarden_"):
                assert f"`{span}`" in METRICS, f"{page.name}: {span}"
            else:
                assert span in ENDPOINT_VOCABULARY, f"{page.name}: {span}"


def test_every_environment_variable_of_ours_exists() -> None:
    for page in PAGES:
        for name in re.findall(r"SEATWARDEN_[A-Z_]+", page.text):
            assert f"`{name}`" in SETTINGS, f"{page.name}: {name}"


def test_every_label_annotation_and_api_version_of_our_group_exists() -> None:
    known = {value for value in vars(names).values() if isinstance(value, str)}
    for page in PAGES:
        for name in re.findall(r"(?<![\w.])seatwarden\.dev/[a-z0-9-]+", page.text):
            assert name in known, f"{page.name}: {name}"


def test_every_manifest_is_one_that_the_operator_takes() -> None:
    for page in PAGES:
        for block in page.blocks("yaml"):
            for document in yaml.safe_load_all(block):
                if document.get("apiVersion") == names.API_VERSION:
                    _MODELS[Kind(document["kind"])].parse(document)


def test_every_json_block_is_json_and_its_code_exists() -> None:
    for page in PAGES:
        for block in page.blocks("json"):
            for line in block.splitlines():
                answer = json.loads(line)
                if "status" in answer:
                    entry = next(entry for word, entry in CODES.items() if word == answer["code"])
                    assert answer["title"] == entry.title
                    assert answer["status"] in entry.statuses


def test_every_answer_shown_after_a_call_has_a_code_that_exists() -> None:
    for page in PAGES:
        for block in page.blocks("console"):
            for line in block.splitlines():
                if line.startswith('{"'):
                    assert json.loads(line).get("code", "ok") in {str(code) for code in CODES}
            for line in block.splitlines():
                if line.startswith('{"valid"'):
                    assert json.loads(line)["valid"] is True


def test_the_table_of_refusals_for_client_programs_names_codes_only_and_all_that_a_seat_call_can_give() -> (
    None
):
    text = (ROOT / "docs" / "client-programs.md").read_text()
    table = text.partition("| You see | Do |")[2].partition("\n\n")[0]
    first_cells = " ".join(line.split("|")[1] for line in table.splitlines() if line.count("|") > 1)
    named = set(re.findall(r"`([a-z_]+)`", first_cells))
    assert named <= {str(code) for code in CODES}
    decided_by_the_authority = {
        str(code) for code, entry in CODES.items() if entry.status in (401, 403, 404, 409, 410)
    }
    assert decided_by_the_authority - named <= {"not_found"}


def test_every_condition_is_explained_to_users() -> None:
    text = (ROOT / "docs" / "resources.md").read_text()
    for kind in conditions.ConditionType:
        assert f"| `{kind.value}` |" in text


def test_every_page_can_be_found_from_the_readme() -> None:
    by_path = {page.path: page for page in PAGES}
    found, waiting = set(), [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in by_path and path not in found:
            found.add(path)
            links = [link.partition("#")[0] for link in by_path[path].links() if "://" not in link]
            waiting += [(path.parent / link).resolve() for link in links if link]
    assert {
        path for path in by_path if path.name != "README.md" and path.parent.name != "changelog.d"
    } <= found


def test_the_quickstart_in_the_pages_is_the_one_in_the_examples() -> None:
    shipped = yaml.safe_load_all((ROOT / "examples" / "quickstart.yaml").read_text())
    named = {document["metadata"]["name"] for document in shipped}
    text = (ROOT / "docs" / "first-steps.md").read_text()
    assert all(name in text for name in named)
