"""The main job from end to end: `seatwarden dev --check`, as `make run ARGS=--check` runs it."""

from pathlib import Path

import pytest

from tests.local.waiting import wait_until_gone
from tests.runtime.dev_process import dev_process

# The story, in its order. Lines in between may change.
STORY = (
    "✓ all three are Ready, five seats are allocated",
    "✓ machine-5 has a seat",
    "pool_exhausted",
    "✓ the cap holds",
    "✓ machine-3 is dead; its lease is not",
    "✓ machine-6 has its seat, after",
    "✓ not before the lease had ended",
    "$ kubectl -n quickstart scale seatpool/dev --replicas=6",
    "AwaitingCapacity",
    "✓ five were bought, so five it is",
    "$ kubectl -n quickstart patch subscription/acme-team",
    "✓ machine-3, which went on asking, has a seat",
    "✓ all seats are free",
    "✓ kubectl explain seatpool.spec.lease",
    "All is as it should be",
)


@pytest.mark.exclusive
@pytest.mark.timeout(180)
def test_the_tour_shows_the_main_job_and_every_step_comes_out(tmp_path: Path) -> None:
    with dev_process("--check", "--endpoint-port=0", temporary=tmp_path / "t") as run:
        assert run.ended(within=150) == 0, run.said()
        wait_until_gone(run.family())
        said = run.said()
        place = 0
        for line in STORY:
            place = said.find(line, place)
            assert place >= 0, f"{line!r} is not in its place in:\n{said}"
        assert "✗" not in said
        assert "LIC-" not in said
        assert run.left_behind() == []
