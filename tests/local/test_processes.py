"""No child outlives the program that started it."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from seatwarden.local.processes import LocalServerError, ProcessGroup, tail
from tests.local.waiting import is_alive, wait_until, wait_until_gone

# A child that has a child itself, as `go build` has.
FAMILY = ("/bin/sh", "-c", "sleep 600 & echo $! > grandchild; wait")

OWNER = """\
import os, signal, sys, time
from pathlib import Path
from seatwarden.local.processes import ProcessGroup

here = Path(sys.argv[1])
group = ProcessGroup()
child = group.start({family!r}, name="family", log=here / "log", cwd=here)
while not (here / "grandchild").exists() or not (here / "grandchild").read_text():
    time.sleep(0.01)
(here / "pids").write_text(f"{{group.guardian_pid}} {{child.pid}} {{(here / 'grandchild').read_text()}}")
{ending}
"""


def grandchild(folder: Path) -> int:
    file = folder / "grandchild"
    wait_until(lambda: file.exists() and file.read_text(), what="the child has a child")
    return int(file.read_text())


def test_the_whole_group_ends_with_the_block(tmp_path: Path) -> None:
    with ProcessGroup() as group:
        child = group.start(FAMILY, name="family", log=tmp_path / "log", cwd=tmp_path)
        pids = [group.guardian_pid, child.pid, grandchild(tmp_path)]
        assert all(is_alive(pid) for pid in pids)
    assert child.exit_status() == -signal.SIGKILL
    wait_until_gone(pids)
    group.kill()


@pytest.mark.parametrize(
    "ending",
    [
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.kill(os.getpid(), signal.SIGTERM)",
        "os._exit(3)",
        "raise ValueError('a bug')",
        "sys.exit(0)",
    ],
)
def test_however_the_owner_ends_its_children_end(ending: str, tmp_path: Path) -> None:
    script = OWNER.format(family=FAMILY, ending=ending)
    subprocess.run([sys.executable, "-c", script, tmp_path], timeout=30, check=False, capture_output=True)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 3
    wait_until_gone(pids)


def test_a_kill_of_the_owners_whole_process_group_ends_the_children_too(tmp_path: Path) -> None:
    script = OWNER.format(family=FAMILY, ending="time.sleep(600)")
    owner = subprocess.Popen([sys.executable, "-c", script, tmp_path], start_new_session=True)
    wait_until((tmp_path / "pids").exists, what="the owner has children")
    os.killpg(owner.pid, signal.SIGKILL)
    owner.wait()
    wait_until_gone([int(pid) for pid in (tmp_path / "pids").read_text().split()])


def test_the_end_of_the_thread_that_started_a_child_does_not_end_the_child(tmp_path: Path) -> None:
    with ProcessGroup() as group:
        thread = threading.Thread(
            target=lambda: group.start(
                ("/bin/sleep", "600"), name="sleep", log=tmp_path / "log", cwd=tmp_path
            )
        )
        thread.start()
        thread.join()
        time.sleep(0.1)  # nothing is to happen; there is no condition to wait for
        assert group.children[0].exit_status() is None


def test_a_forked_process_that_ends_does_not_take_the_children_along(tmp_path: Path) -> None:
    with ProcessGroup() as group:
        child = group.start(("/bin/sleep", "600"), name="sleep", log=tmp_path / "log", cwd=tmp_path)
        script = (
            "import os, sys, weakref; from seatwarden.local.processes import ProcessGroup; from pathlib import Path\n"
            "group = ProcessGroup(); here = Path(sys.argv[1])\n"
            "child = group.start(('/bin/sleep', '600'), name='sleep', log=here / 'forked', cwd=here)\n"
            "pid = os.fork()\n"
            "if pid == 0: sys.exit(0)\n"
            "os.waitpid(pid, 0); print(child.exit_status())\n"
        )
        said = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script, tmp_path],
            timeout=30,
            check=True,
            capture_output=True,
            text=True,
        )
        assert said.stdout == "None\n"
        assert child.exit_status() is None


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        ProcessGroup() as group,
        pytest.raises(LocalServerError, match=r"etcd cannot be started: /no/etcd: No such"),
    ):
        group.start(["/no/etcd"], name="etcd", log=tmp_path / "log", cwd=tmp_path)


def test_a_program_that_does_not_listen_to_sigterm_is_killed(tmp_path: Path) -> None:
    with ProcessGroup() as group:
        stubborn = ("/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done")
        child = group.start(stubborn, name="stubborn", log=tmp_path / "log", cwd=tmp_path)
        wait_until(lambda: "deaf" in tail(child.log), what="the trap is set")
        child.terminate(limit_seconds=0.2)
        assert child.exit_status() == -signal.SIGKILL


def test_a_failure_names_the_log_and_shows_its_end(tmp_path: Path) -> None:
    with ProcessGroup() as group:
        talker = ("/bin/sh", "-c", "seq 1 100; exit 4")
        child = group.start(talker, name="talker", log=tmp_path / "log", cwd=tmp_path)
        child.popen.wait(10)
        error = str(child.failure(f"ended with status {child.exit_status()}"))
    assert error.startswith(f"talker ended with status 4. Its log is {tmp_path / 'log'}; it ends with:\n86\n")
    assert error.endswith("\n100")


def test_the_end_of_a_log_that_says_nothing(tmp_path: Path) -> None:
    assert tail(tmp_path / "absent") == "(the log was not written)"
    (tmp_path / "empty").touch()
    assert tail(tmp_path / "empty") == "(the log is empty)"
