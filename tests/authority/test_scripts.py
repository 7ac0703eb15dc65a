"""The scripts as texts: what they declare, and what Redis lets them do."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from seatwarden.backends.redis_keys import all_pool_keys
from seatwarden.backends.redis_scripts import ALL_SCRIPTS, Script
from seatwarden.domain.seats import Code, PoolState, PoolUid
from seatwarden.local.valkey import Valkey

LUA = Path(__file__).parents[2] / "lua" / "seats"
READ_ONLY = {"validate", "sessions", "observe", "devices", "borrows"}
RUNS_WHEN_FULL = {"heartbeat", "release", "sweep", "remove", "remove_device", "tick", "return"}

each_script = pytest.mark.parametrize("script", ALL_SCRIPTS, ids=lambda script: script.name)


def test_each_file_is_a_script_that_is_loaded() -> None:
    assert {path.stem for path in LUA.glob("*.lua")} == {script.name for script in ALL_SCRIPTS}


@each_script
def test_a_script_says_what_it_may_do(script: Script) -> None:
    shebang = script.text.split("\n", maxsplit=1)[0]
    flags = "no-writes" if script.name in READ_ONLY else "allow-oom" if script.name in RUNS_WHEN_FULL else ""
    assert shebang == (f"#!lua flags={flags}" if flags else "#!lua")


@each_script
def test_a_script_opens_by_telling_its_keys_and_its_cost(script: Script) -> None:
    essay = (LUA / f"{script.name}.lua").read_text().split("\n\n", maxsplit=1)[0]
    assert "KEYS" in essay
    assert "Cost:" in essay


@each_script
def test_a_script_names_keys_only_as_declared(script: Script) -> None:
    """A key made up inside would be a cross-slot error on a cluster."""
    code = re.sub(r"--[^\n]*", "", script.text)
    assert "sw:" not in code
    first_arguments = set(re.findall(r"redis\.call\('[A-Z]+', (\w+)", code))
    assert first_arguments <= {
        "CONFIG",
        "STATE",
        "EXPIRY",
        "LEASES",
        "ENDED",
        "LEDGER",
        "OVERAGE",
        "BORROWS",
    } | {
        "RATES",
        "QUEUE",
        "TICKETS",
        "WAITS",
        "OFFERS",
        "DEVICES",
        "ELDERS",
        "KEY",
        "key",  # what is taken back was written under one of these
        "REPLAY",
    }


@each_script
def test_a_script_sets_no_global(script: Script, tmp_path: Path) -> None:
    luacheck = shutil.which("luacheck")
    if luacheck is None:
        pytest.skip("no luacheck on PATH")
    text = tmp_path / "script.lua"
    text.write_text(script.text)
    known = ["--std", "lua51", "--read-globals", "redis", "KEYS", "ARGV", "struct", "cmsgpack"]
    # The parts define words that not every script uses.
    options = ["--no-color", "--max-line-length", "120", "--ignore", "211", "--"]
    done = subprocess.run([luacheck, *known, *options, text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


async def test_redis_itself_refuses_a_global_in_a_script(shared_server: Valkey) -> None:
    async with Redis.from_url(shared_server.url, protocol=2) as redis:
        leaky = redis.register_script("#!lua\nleaked = 1")
        with pytest.raises(ResponseError, match=r"attempt to|readonly"):
            await leaky()


def test_every_code_in_the_scripts_is_a_word_of_the_domain() -> None:
    said = set()
    for script in ALL_SCRIPTS:
        said |= set(re.findall(r"return '([a-z_]{2,})'", script.text))
    assert said <= {code.value for code in Code} | {"active"}
    assert {PoolState.SUSPENDED.value, PoolState.EXPIRED.value} <= {code.value for code in Code}


def test_all_keys_of_a_pool_are_in_one_hash_slot() -> None:
    keys = all_pool_keys(PoolUid("5a6d0f2e-0000-4000-8000-000000000001"))
    assert {key.partition("{")[2].partition("}")[0] for key in keys} == {
        "5a6d0f2e-0000-4000-8000-000000000001"
    }
    assert len(set(keys)) == 15
