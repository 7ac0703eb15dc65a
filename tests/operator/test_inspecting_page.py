"""The page that shows what `kubectl` tells of a pool: each command on it is typed, and its output is the one that comes.

Ages, instants, names of namespaces and ids of keys differ from run to run, so they are the same few words on the page.
``pytest tests/operator/test_inspecting_page.py -n 0 --write-pages`` writes the outputs anew.
"""

import asyncio
import os
import re
import time

import pytest
from redis.asyncio import Redis

from seatwarden.reconcilers.engine import ObjectKey
from seatwarden.reconcilers.paths import collection_path
from seatwarden.resources.names import Kind
from tests.argocd.real_resources import assert_kept
from tests.docs.pages import ROOT, Page
from tests.operator.inspected_pools import SCENES
from tests.operator.world import PATIENCE_SECONDS, World

PATH = ROOT / "docs" / "inspecting.md"
NAMESPACE, INSTANT, CLOCK, AGE = "customers", "2026-11-24T09:00:00Z", "09:06:00 UTC", "9s"
UID = "0d6c5b1e-7c0e-4f0c-9d54-6a0f3c9e2b11"
KEY_IDS = ("5f0c2b7a91", "c4a90e17d3")
_EVENT = re.compile(r"^  (Normal|Warning) +(\w+) +\S+(?: \(.*?\))? +(\S+) +(\S.*)$")


@pytest.mark.parametrize("heading", list(SCENES))
async def test_each_output_is_the_one_that_comes(
    heading: str, world: World, redis: Redis, request: pytest.FixtureRequest
) -> None:
    await SCENES[heading](world, redis)
    section = _section(heading)
    shown = Page(PATH, section).blocks("console")
    assert shown, heading
    for block in shown:
        [command] = Page(PATH, f"```console\n{block}```\n").commands()
        written = block.split("$ " + command + "\n", 1)[1]
        came = await _comes(world, command, written)
        if came != written and request.config.getoption("--write-pages"):
            renewed = _section(heading).replace(block, f"$ {command}\n{came}")
            PATH.write_text(PATH.read_text().replace(_section(heading), renewed))
        else:
            assert came == written, command
    await _is_kept_for_argo_cd(heading, world, write=request.config.getoption("--write-pages"))


async def _is_kept_for_argo_cd(heading: str, world: World, *, write: bool) -> None:
    """The health check is tried with the pool that is shown last; where there is none, with the Tenant."""
    names = [
        pool["metadata"]["name"]
        async for pool in world.api.list(collection_path(Kind.SEAT_POOL, world.namespace))
    ]
    kind, name = (Kind.SEAT_POOL, max(names)) if names else (Kind.TENANT, "acme")
    state = SCENES[heading].__name__.strip("_").replace("_", "-")
    await assert_kept(world, ObjectKey(kind, world.namespace, name), state, write=write)


def test_each_section_has_its_scene() -> None:
    headings = re.findall(r"^## (.+)$", PATH.read_text(), re.MULTILINE)
    assert headings == list(SCENES)


async def _comes(world: World, command: str, expected: str) -> str:
    """What the command prints, as soon as it is what is expected; numbers in status lag behind."""
    deadline = time.monotonic() + PATIENCE_SECONDS / 4
    while True:
        came = await _masked(world, await _typed(world, command))
        if came == expected or time.monotonic() > deadline:
            return came
        await asyncio.sleep(0.3)


async def _typed(world: World, command: str) -> str:
    program = world.cluster.kubectl_program
    process = await asyncio.create_subprocess_exec(
        *("sh", "-euc", command.replace(f"-n {NAMESPACE}", f"-n {world.namespace}")),
        env=os.environ
        | {
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "KUBECONFIG": str(world.cluster.kubeconfig()),
            "KUBECACHEDIR": str(world.cluster.state / "kubectl"),
        },
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, command
    return output.decode()


async def _masked(world: World, output: str) -> str:
    text = output.replace(world.namespace, NAMESPACE)
    for key, mask in zip(await world.licence_key_ids(), KEY_IDS, strict=False):
        text = text.replace(key, mask)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", INSTANT, text)
    text = re.sub(r"\d\d:\d\d:\d\d UTC", CLOCK, text)
    text = re.sub(r"(?m)^([^:\n]*[^:\s])  +(\d+[ms])+$", rf"\1   {AGE}", text)
    text = re.sub(r"Key [0-9a-f]{16} signs", "Key 7926481193f0c458 signs", text)
    text = re.sub(r"(Resource Version: +)\d+", r"\g<1>4711", text)
    text = re.sub(r"(UID: +)[-0-9a-f]{36}", rf"\g<1>{UID}", text)
    return "".join(line + "\n" for line in _with_even_events(text.splitlines()))


def _with_even_events(lines: list[str]) -> list[str]:
    """Columns of Events are as wide as the ages in them."""
    found = [_EVENT.match(line) for line in lines]
    rows = [match.groups() for match in found if match]
    widths = [max((len(row[at]) for row in rows), default=0) + 2 for at in range(3)]

    def even(kind: str, reason: str, age: str, source: str, message: str) -> str:
        cells = (
            kind.ljust(9),
            reason.ljust(max(8, widths[1])),
            age.ljust(5),
            source.ljust(max(6, widths[2])),
        )
        return "  " + "".join(cells) + message

    told = []
    for line, match in zip(lines, found, strict=True):
        if match:
            told.append(even(match[1], match[2], AGE, match[3], match[4]))
        elif re.match(r"^  Type +Reason +Age +From +Message", line):
            told.append(even("Type", "Reason", "Age", "From", "Message"))
        elif not re.match(r"^  -+ +-+ +-+", line):
            told.append(line.rstrip())
    return told


def _section(heading: str) -> str:
    section = PATH.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return f"## {heading}\n{section}"
