"""The engine is as narrow as that of Argo CD, so that what runs in it runs there."""

import pytest

from tests.argocd.lua_engine import LuaEngine, LuaError


@pytest.mark.parametrize("library", ["string", "math", "io", "os", "debug", "coroutine"])
def test_libraries_that_argo_cd_does_not_open_are_not_there(engine: LuaEngine, library: str) -> None:
    assert engine.run(f"return {{ missing = {library} == nil }}", {}) == {"missing": True}


def test_text_has_no_methods(engine: LuaEngine) -> None:
    with pytest.raises(LuaError, match="attempt to index"):
        engine.run("return { shouted = ('x'):upper() }", {})


def test_the_clock_has_to_be_required_and_has_no_other_function_of_the_system(engine: LuaEngine) -> None:
    script = (
        "local os = require('os') return { now = os.date('!%Y-%m-%dT%H:%M:%SZ'), exits = os.exit ~= nil }"
    )
    returned = engine.run(script, {})
    assert returned["exits"] is False
    assert len(returned["now"]) == len("2026-11-24T09:00:00Z")


def test_a_script_has_one_second(engine: LuaEngine) -> None:
    with pytest.raises(LuaError, match="deadline exceeded"):
        engine.run("while true do end", {})
    assert engine.run("return { next = 'goes on' }", {}) == {"next": "goes on"}


def test_what_is_no_table_is_an_error_and_so_is_what_does_not_compile(engine: LuaEngine) -> None:
    with pytest.raises(LuaError, match="expect table output"):
        engine.run("return 'Healthy'", {})
    with pytest.raises(LuaError, match="syntax error"):
        engine.run("return {", {})


def test_an_empty_object_stays_an_object_and_an_empty_list_a_list(engine: LuaEngine) -> None:
    resource = {"spec": {"limits": {}, "members": [], "groups": [{"name": "a", "labels": {}}]}, "number": 3}
    assert engine.run("return obj", resource) == resource
