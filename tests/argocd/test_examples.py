"""What users copy for Argo CD: the ConfigMap is current and runs, and the manifests are sound and as the page says."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.argo_cd import CONFIG_MAP, ROOT, SHARED, config_map, folder_of, main, scripts_of, stale_files
from seatwarden.resources.names import GROUP, Kind
from seatwarden.resources.seatpool import SeatPool
from seatwarden.resources.subscription import Subscription
from seatwarden.resources.tenant import Tenant
from tests.argocd.customizations import action_names, folder, read
from tests.argocd.lua_engine import LuaEngine
from tests.docs.pages import Page

Body = dict[str, Any]
EXAMPLES = ROOT / "examples" / "argocd"
PAGE = Page(ROOT / "docs" / "gitops.md", (ROOT / "docs" / "gitops.md").read_text())
WAVE = "argocd.argoproj.io/sync-wave"
EVERY_KIND = pytest.mark.parametrize("kind", list(Kind))


def customizations(kind: Kind) -> tuple[str, Body]:
    """The health check and the actions of a kind, as Argo CD reads them from the ConfigMap."""
    data = read(ROOT / CONFIG_MAP)["data"]
    return (
        data[f"resource.customizations.health.{GROUP}_{kind}"],
        yaml.safe_load(data[f"resource.customizations.actions.{GROUP}_{kind}"]),
    )


def application(name: str) -> Body:
    """The spec of an Application, alone or as a template."""
    found = read(EXAMPLES / name)
    spec: Body = found["spec"]["template"]["spec"] if found["kind"] == "ApplicationSet" else found["spec"]
    return spec


def test_nothing_that_is_generated_is_stale() -> None:
    assert not stale_files(), "run `make generate`"


def test_check_fails_on_what_is_missing_or_changed_and_writing_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ["--output", str(tmp_path)]
    assert main(["--check", *at]) == 1
    assert "make generate" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert main(at) == 0
    assert main(["--check", *at]) == 0
    (tmp_path / CONFIG_MAP).write_text("changed by hand")
    assert main(["--check", *at]) == 1


def test_every_shared_script_is_at_each_kind_and_nothing_is_left_over() -> None:
    shared = {path.relative_to(ROOT / SHARED) for path in (ROOT / SHARED).rglob("*.lua")}
    for kind in Kind:
        marked = {
            path.relative_to(folder(kind))
            for path in folder(kind).rglob("*.lua")
            if path.read_text().startswith("-- Made by")
        }
        assert marked == shared
    assert {path.name for path in (ROOT / folder_of(Kind.TENANT)).parent.iterdir()} == {
        str(kind) for kind in Kind
    }


@EVERY_KIND
def test_the_config_map_has_the_scripts_as_they_are(kind: Kind) -> None:
    scripts = {str(path): text for path, text in scripts_of(kind).items()}
    health, actions = customizations(kind)
    assert health == scripts["health.lua"]
    assert actions["discovery.lua"] == scripts["actions/discovery.lua"]
    assert {one["name"]: one["action.lua"] for one in actions["definitions"]} == {
        name: scripts[f"actions/{name}/action.lua"] for name in action_names(kind)
    }


@EVERY_KIND
def test_what_the_config_map_says_runs(engine: LuaEngine, kind: Kind) -> None:
    health, actions = customizations(kind)
    ready = read(folder(kind) / "testdata" / "ready.yaml")
    assert engine.run(health, ready)["status"] == "Healthy"
    assert set(engine.run(actions["discovery.lua"], ready)) == action_names(kind)


def test_the_config_map_is_merged_into_the_one_of_argo_cd() -> None:
    found = yaml.safe_load(config_map())
    assert found["metadata"]["name"] == "argocd-cm"
    assert found["metadata"]["labels"] == {"app.kubernetes.io/part-of": "argocd"}
    assert len(found["data"]) == 2 * len(Kind)
    assert all(re.fullmatch(r"[-._a-zA-Z0-9]+", key) for key in found["data"])


def test_the_customer_is_one_whose_parts_come_in_the_order_in_which_they_refer() -> None:
    documents = list(yaml.safe_load_all((EXAMPLES / "customers" / "acme" / "customer.yaml").read_text()))
    tenant, subscription, pool = documents
    Tenant.parse(_placed(tenant))
    Subscription.parse(_placed(subscription))
    SeatPool.parse(_placed(pool))
    assert subscription["spec"]["tenantRef"]["name"] == tenant["metadata"]["name"]
    assert pool["spec"]["subscriptionRef"]["name"] == subscription["metadata"]["name"]
    assert pool["spec"]["seats"] <= subscription["spec"]["seats"]
    assert [one["metadata"]["annotations"][WAVE] for one in documents] == ["0", "1", "2"]
    assert not any("namespace" in one["metadata"] for one in documents)


def _placed(document: Body) -> Body:
    """As the API server hands it on."""
    born = {"namespace": "customers", "uid": "1", "resourceVersion": "1", "generation": 1}
    return document | {
        "metadata": document["metadata"] | born | {"creationTimestamp": "2026-11-24T09:00:00Z"}
    }


@pytest.mark.parametrize("name", ["application.yaml", "applicationset.yaml"])
def test_applications_heal_and_apply_on_the_server_what_has_changed_and_ignore_nothing(name: str) -> None:
    policy = application(name)["syncPolicy"]
    assert policy["automated"] == {"prune": True, "selfHeal": True}
    assert {"ServerSideApply=true", "ApplyOutOfSyncOnly=true"} <= set(policy["syncOptions"])
    assert "ServerSideDiff=true" in (EXAMPLES / name).read_text()
    assert "ignoreDifferences" not in application(name)


def test_only_the_seats_of_a_named_pool_are_ignored_and_the_page_shows_how() -> None:
    spec = read(EXAMPLES / "scaled-pool.yaml")["spec"]
    [ignored] = spec["ignoreDifferences"]
    assert ignored == {"group": GROUP, "kind": "SeatPool", "name": "dev", "jsonPointers": ["/spec/seats"]}
    assert spec["syncPolicy"]["syncOptions"] == ["RespectIgnoreDifferences=true"]
    assert {"spec": spec} in [yaml.safe_load(block) for block in PAGE.blocks("yaml")]


def test_the_page_tells_every_action_of_each_kind() -> None:
    rows = [
        line.split("|")[1:3]
        for line in PAGE.text.splitlines()
        if line.startswith("| `") and line.count("|") == 4
    ]
    told = {kind: set[str]() for kind in Kind}
    for names, on in rows:
        for kind in Kind:
            if on.strip() in ("all", str(kind)):
                told[kind] |= set(re.findall(r"`([a-z-]+)`", names))
    assert told == {kind: action_names(kind) for kind in Kind}


def test_the_page_runs_actions_and_allows_actions_that_exist() -> None:
    run = [re.search(r"actions run \S+ (\S+) --kind (\w+)", command) for command in PAGE.commands()]
    allowed = re.findall(rf"action/{re.escape(GROUP)}/(\w+)/([a-z-]+)", PAGE.text)
    named = [(found[2], found[1]) for found in run if found] + allowed
    assert len(named) >= 2
    assert all(action in action_names(Kind(kind)) for kind, action in named)
