"""Actions change one field or one annotation, are offered where they make sense, and are taken as they come from a cluster."""

import re
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatwarden.resources import names
from seatwarden.resources.names import Kind
from tests.argocd.customizations import (
    ActionCase,
    action_cases,
    action_names,
    action_script,
    discovery_cases,
    discovery_script,
    folder,
    read,
)
from tests.argocd.lua_engine import LuaEngine
from tests.argocd.resources import resources

Body = dict[str, Any]
EVERY_KIND = pytest.mark.parametrize("kind", list(Kind))
NOW = "2026-11-24T09:00:00Z"
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
ASKING = {
    "reconcile": names.RECONCILE_REQUESTED_AT,
    "rotate-licence-key": names.ROTATE_LICENCE_KEY_REQUESTED_AT,
    "rotate-signing-key": names.ROTATE_SIGNING_KEY_REQUESTED_AT,
}
SETTING = {
    "suspend": ("suspend", True),
    "resume": ("suspend", False),
    "drain": ("drain", True),
    "undrain": ("drain", False),
    "suspend-access": ("access", "Suspended"),
    "restore-access": ("access", "Active"),
}


def offered(engine: LuaEngine, resource: Body) -> dict[str, bool]:
    """The actions of a resource, and whether each can be run."""
    returned = engine.run(discovery_script(Kind(resource["kind"])), resource)
    return {name: not action["disabled"] for name, action in returned.items()}


def patch_of(engine: LuaEngine, name: str, resource: Body) -> Any:
    """The merge patch that Argo CD makes of what the action returns, with one instant for all."""
    returned = engine.run(action_script(Kind(resource["kind"]), name), deepcopy(resource))
    return merge_patch(resource, returned)


def merge_patch(before: Any, after: Any) -> Any:
    """RFC 7396: what is to be merged into ``before`` to get ``after``. Instants of now are one and the same."""
    if not isinstance(after, dict):
        return NOW if isinstance(after, str) and _INSTANT.fullmatch(after) else after
    before = before if isinstance(before, dict) else {}
    changed = {
        name: merge_patch(before.get(name), value)
        for name, value in after.items()
        if before.get(name) != value
    }
    return changed | {name: None for name in before if name not in after}


def wanted_patch(name: str) -> Body:
    """What an action is for."""
    if name in ASKING:
        return {"metadata": {"annotations": {ASKING[name]: NOW}}}
    field, value = SETTING[name]
    return {"spec": {field: value}}


@pytest.mark.parametrize("case", discovery_cases(), ids=str)
def test_what_is_offered_for_what_was_in_a_cluster(engine: LuaEngine, case: ActionCase) -> None:
    returned = engine.run(discovery_script(case.kind), read(case.path))
    assert sorted(case.offered, key=lambda one: one["name"]) == [
        {"name": name, **action} for name, action in sorted(returned.items())
    ]


@pytest.mark.parametrize("case", action_cases(), ids=str)
def test_what_an_action_makes_of_what_was_in_a_cluster(engine: LuaEngine, case: ActionCase) -> None:
    before = read(case.path)
    returned = engine.run(action_script(case.kind, case.action), deepcopy(before))
    for name, value in returned["metadata"].get("annotations", {}).items():
        if _INSTANT.fullmatch(value):
            returned["metadata"]["annotations"][name] = NOW
    assert returned == case.expected
    assert merge_patch(before, returned) == wanted_patch(case.action)


@EVERY_KIND
def test_every_action_is_offered_and_tried_and_every_offer_has_an_action(
    engine: LuaEngine, kind: Kind
) -> None:
    found = offered(engine, read(folder(kind) / "testdata" / "ready.yaml"))
    assert set(found) == action_names(kind)
    assert {case.action for case in action_cases() if case.kind is kind} == action_names(kind)


@EVERY_KIND
def test_an_action_that_is_done_is_not_offered_again_but_its_contrary_is(
    engine: LuaEngine, kind: Kind
) -> None:
    ready = read(folder(kind) / "testdata" / "ready.yaml")
    pairs = {"suspend": "resume", "drain": "undrain", "suspend-access": "restore-access"}
    for name, contrary in pairs.items():
        if name not in action_names(kind):
            continue
        done = engine.run(action_script(kind, name), deepcopy(ready))
        assert (offered(engine, ready)[name], offered(engine, ready)[contrary]) == (True, False)
        assert (offered(engine, done)[name], offered(engine, done)[contrary]) == (False, True)
        undone = engine.run(action_script(kind, contrary), deepcopy(done))
        assert undone["spec"] == ready["spec"]


@pytest.mark.parametrize(
    ("kind", "name", "echo"),
    [
        (Kind.TENANT, "rotate-signing-key", "lastHandledRotateSigningKeyAt"),
        (Kind.SEAT_POOL, "rotate-licence-key", "lastHandledRotateLicenceKeyAt"),
    ],
)
def test_a_key_is_not_rotated_again_before_the_first_request_is_met(
    engine: LuaEngine, kind: Kind, name: str, echo: str
) -> None:
    ready = read(folder(kind) / "testdata" / "ready.yaml")
    asked = engine.run(action_script(kind, name), deepcopy(ready))
    assert offered(engine, ready)[name]
    assert not offered(engine, asked)[name]
    asked["status"][echo] = asked["metadata"]["annotations"][ASKING[name]]
    assert offered(engine, asked)[name]


@EVERY_KIND
def test_nothing_is_offered_for_what_is_being_deleted_and_only_resume_for_what_is_suspended(
    engine: LuaEngine, kind: Kind
) -> None:
    ready = read(folder(kind) / "testdata" / "ready.yaml")
    going = deepcopy(ready)
    going["metadata"]["deletionTimestamp"] = NOW
    assert not any(offered(engine, going).values())
    ready["spec"]["suspend"] = True
    assert [name for name, possible in offered(engine, ready).items() if possible] == ["resume"]


@EVERY_KIND
def test_a_spec_that_does_not_mention_suspend_can_be_suspended(engine: LuaEngine, kind: Kind) -> None:
    bare = {"kind": str(kind), "metadata": {"name": "one"}}
    found = offered(engine, bare)
    assert (found["suspend"], found["resume"], found["reconcile"]) == (True, False, True)


def test_a_pool_in_shadow_mode_is_not_drained_as_it_would_not_run_empty(engine: LuaEngine) -> None:
    shadow = read(folder(Kind.SEAT_POOL) / "testdata" / "shadow.yaml")
    assert not offered(engine, shadow)["drain"]


@EVERY_KIND
def test_an_empty_object_of_the_resource_stays_one(engine: LuaEngine, kind: Kind) -> None:
    ready = read(folder(kind) / "testdata" / "ready.yaml")
    ready["spec"]["ours"] = {"empty": {}, "list": [], "items": [{"name": "a", "nothing": {}}]}
    ready["metadata"]["annotations"] = {}
    for name in action_names(kind):
        assert patch_of(engine, name, ready) in (wanted_patch(name), {}), name


@EVERY_KIND
@settings(max_examples=60)
@given(data=st.data())
def test_no_action_fails_or_touches_anything_but_what_it_is_for(
    engine: LuaEngine, kind: Kind, data: st.DataObject
) -> None:
    asked = data.draw(resources(kind))
    for name in offered(engine, asked):
        patch = patch_of(engine, name, asked)
        assert patch in (wanted_patch(name), {}), name
