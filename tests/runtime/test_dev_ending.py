"""However `seatwarden dev` ends, nothing of it goes on running, and nothing is lost that was to be kept."""

import os
import re
import signal
from pathlib import Path

import pytest

from tests.local.waiting import wait_until, wait_until_gone
from tests.runtime.dev_process import UP, dev_process

pytestmark = [pytest.mark.exclusive, pytest.mark.timeout(180)]

SERVERS = 5  # etcd, API server, controller-manager, Valkey, and our own two make six with their guardians


def test_killed_it_leaves_nothing_running_and_a_kept_state_goes_on_where_it_was(tmp_path: Path) -> None:
    options = ("--no-tour", "--endpoint-port=0", f"--state={tmp_path / 'state'}")
    with dev_process(*options, temporary=tmp_path / "t") as killed:
        killed.wait_for(UP)
        killed.typed(killed.printed("kubectl apply -f"))
        uid = killed.typed("kubectl -n quickstart get seatpool dev -o 'jsonpath={.metadata.uid}'")
        family = killed.family()
        assert len(family) > SERVERS
        killed.process.kill()
        killed.process.wait()
        wait_until_gone(family)
        assert killed.family() == []
    with dev_process(*options, temporary=tmp_path / "t") as again:
        again.wait_for(UP)
        assert uid == again.typed("kubectl -n quickstart get seatpool dev -o 'jsonpath={.metadata.uid}'")
        wait = "kubectl -n quickstart wait --for=condition=Ready seatpool/dev --timeout=30s"
        assert "condition met" in again.typed(wait)
        again.process.send_signal(signal.SIGTERM)
        assert again.ended(within=30) == 0, again.said()
        wait_until_gone(again.family())
        assert "Stopping" in again.said()
        assert (tmp_path / "state" / "valkey" / "appendonlydir").is_dir()


def test_a_second_signal_ends_it_at_once_though_a_server_does_not_stop(tmp_path: Path) -> None:
    with dev_process("--no-tour", "--endpoint-port=0", temporary=tmp_path / "t") as run:
        run.wait_for(UP)
        # It will not hear the SIGTERM, so the orderly way would take ten seconds.
        os.kill(run.child("serve"), signal.SIGSTOP)
        run.process.send_signal(signal.SIGINT)
        run.wait_for("Stopping")
        run.process.send_signal(signal.SIGINT)
        assert run.ended(within=5) == 130
        wait_until_gone(run.family())
        assert run.left_behind() == []


def test_it_ends_when_the_operator_dies_and_keeps_the_log_that_it_names(tmp_path: Path) -> None:
    with dev_process("--no-tour", "--endpoint-port=0", temporary=tmp_path / "t") as run:
        run.wait_for(UP)
        os.kill(run.child("operator"), signal.SIGKILL)
        assert run.ended(within=30) == 1
        named = re.search(r"The operator ended by itself with status -9\. Its log is (\S+\.log);", run.said())
        assert named is not None, run.said()
        assert "operator started" in Path(named[1]).read_text()
        wait_until_gone(run.family())
        kept = [path for path in run.temporary.rglob("*") if path.is_file()]
        assert {path.suffix for path in kept} == {".log"}


def test_interrupted_while_it_starts_it_leaves_nothing(tmp_path: Path) -> None:
    with dev_process("--check", "--endpoint-port=0", temporary=tmp_path / "t") as run:
        run.wait_for("Kubernetes control plane")
        wait_until(lambda: len(run.family()) > 2, what="its servers are starting")
        run.process.send_signal(signal.SIGTERM)
        assert run.ended(within=30) == 130
        wait_until_gone(run.family())
        assert run.left_behind() == []
