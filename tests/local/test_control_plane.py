"""The local control plane is a real one, and goes when its owner goes."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from seatwarden.local.control_plane import ControlPlane, control_plane
from seatwarden.local.identities import OPERATOR, VIEWER, Identity, service_account
from seatwarden.local.plane_access import KubectlError, PlaneAccess
from seatwarden.local.processes import LocalServerError
from seatwarden.local.tool_builds import find_tools
from seatwarden.local.toolchain import Tools
from tests.local.waiting import wait_until, wait_until_gone

OWNER = """\
import asyncio, sys
from pathlib import Path
from seatwarden.local.control_plane import ControlPlane
from seatwarden.local.tool_builds import find_tools
plane = asyncio.run(ControlPlane.start(find_tools(), Path(sys.argv[1])))
print(*(child.pid for child in plane._group.children), plane._group.guardian_pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def tools() -> Tools:
    found = find_tools()
    assert found is not None, "run `make tools` first"
    return found


def is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


async def whoami(cluster: PlaneAccess, identity: Identity) -> str:
    return await cluster.kubectl("auth", "whoami", "--output=jsonpath={.status.userInfo}", identity=identity)


async def test_admin_may_do_anything(cluster: PlaneAccess) -> None:
    assert (await cluster.kubectl("auth", "can-i", "*", "*", "--all-namespaces")).strip() == "yes"


async def test_the_operator_is_a_service_account_and_has_only_what_rbac_gives(
    cluster: PlaneAccess, namespace: str
) -> None:
    assert "system:serviceaccounts:seatwarden-system" in await whoami(cluster, OPERATOR)
    config_maps = ("get", "configmaps", f"--namespace={namespace}", "--output=name")
    with pytest.raises(
        KubectlError, match=r'serviceaccount:seatwarden-system:seatwarden-operator" cannot list'
    ):
        await cluster.kubectl(*config_maps, identity=OPERATOR)
    await cluster.kubectl(
        *("create", "rolebinding", "reader", f"--namespace={namespace}", "--clusterrole=view"),
        "--serviceaccount=seatwarden-system:seatwarden-operator",
    )
    assert "configmap/kube-root-ca" not in await cluster.kubectl(*config_maps, identity=OPERATOR)


async def test_anybody_else_gets_a_kubeconfig_too(cluster: PlaneAccess, namespace: str) -> None:
    someone = service_account(namespace, "somebody")
    said = await whoami(cluster, someone)
    assert f"system:serviceaccount:{namespace}:somebody" in said
    assert f"system:serviceaccounts:{namespace}" in said
    path = cluster.kubeconfig(someone)
    assert cluster.kubeconfig(someone) == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_session_speaks_as_its_identity(cluster: PlaneAccess) -> None:
    async with cluster.session() as admin, cluster.session(VIEWER) as viewer:
        async with admin.get("/api/v1/namespaces") as answer:
            assert answer.status == 200
        async with viewer.get("/api/v1/namespaces") as answer:
            assert answer.status == 403
            assert 'User "viewer" cannot list' in (await answer.json())["message"]


async def test_aggregated_apis_find_what_they_need(cluster: PlaneAccess) -> None:
    trust = await cluster.kubectl(
        *("get", "configmap", "extension-apiserver-authentication", "--namespace=kube-system"),
        "--output=jsonpath={.data}",
    )
    assert "requestheader-client-ca-file" in trust
    assert "front-proxy-client" in trust


async def test_garbage_is_collected(cluster: PlaneAccess, namespace: str) -> None:
    owner = ("configmap", "owner", f"--namespace={namespace}")
    await cluster.kubectl("create", *owner)
    uid = await cluster.kubectl("get", *owner, "--output=jsonpath={.metadata.uid}")
    owned = f"""
apiVersion: v1
kind: ConfigMap
metadata:
  name: owned
  namespace: {namespace}
  ownerReferences: [{{apiVersion: v1, kind: ConfigMap, name: owner, uid: {uid}}}]
"""
    await cluster.kubectl("create", "--filename=-", stdin=owned)
    await cluster.kubectl("delete", *owner)
    await cluster.kubectl(
        "wait", "--for=delete", "configmap/owned", f"--namespace={namespace}", "--timeout=50s"
    )


async def test_the_definitions_are_served(cluster: PlaneAccess) -> None:
    served = await cluster.kubectl("api-resources", "--api-group=seatwarden.dev", "--output=name")
    names = {f"{kind}.seatwarden.dev" for kind in ("tenants", "subscriptions", "seatpools")}
    assert names <= set(served.split())


@pytest.mark.exclusive
async def test_a_named_state_folder_keeps_the_cluster_its_address_and_its_kubeconfigs(
    tools: Tools, tmp_path: Path
) -> None:
    state, robot = tmp_path / "state", service_account("default", "robot")
    async with control_plane(tools, state) as first:
        await first.kubectl("create", "configmap", "kept")
        first.kubeconfig(robot)
        before = {path.name: path.read_bytes() for path in (state / "kubeconfigs").iterdir()}
        with pytest.raises(LocalServerError, match="is using the state folder"):
            await ControlPlane.start(tools, state)
    async with control_plane(tools, state) as second:
        assert second == first
        assert "kept" in await second.kubectl("get", "configmaps", "--output=name")
        assert {path.name: path.read_bytes() for path in (state / "kubeconfigs").iterdir()} == before
    assert stat.S_IMODE((state / "pki" / "tokens.csv").stat().st_mode) == 0o600


@pytest.mark.exclusive
async def test_two_start_at_once_and_a_snatched_port_is_replaced(
    tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another server listens on the port that both find "free" first.
    taken = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    real = iter([port, port])
    from seatwarden.local import control_plane as module
    from seatwarden.local.loopback import free_port

    monkeypatch.setattr(module, "free_port", lambda: next(real, None) or free_port())
    async with taken:
        planes = await asyncio.gather(*(ControlPlane.start(tools) for _ in range(2)))
        try:
            assert len({plane.access.server for plane in planes} | {f"https://127.0.0.1:{port}"}) == 3
        finally:
            for plane in planes:
                plane.stop()
    assert not any(plane.access.state.exists() for plane in planes)


@pytest.mark.exclusive
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_dies_with_its_owner(how: signal.Signals, tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, tmp_path / "state"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    pids = [int(pid) for pid in owner.stdout.readline().split()]
    assert len(pids) == 4
    owner.send_signal(how)
    with owner:
        pass
    wait_until_gone(pids)


@pytest.mark.exclusive
async def test_a_failing_api_server_is_shown_with_its_log_and_takes_etcd_along(
    tools: Tools, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    broken = Tools(
        etcd=tmp_path / "etcd-that-leaves-its-pid",
        kube_apiserver=tmp_path / "kube-apiserver-that-fails",
        kube_controller_manager=tools.kube_controller_manager,
        kubectl=tools.kubectl,
    )
    broken.etcd.write_text(f'#!/bin/sh\necho $$ > "{tmp_path}/etcd.pid"\nexec "{tools.etcd}" "$@"\n')
    broken.kube_apiserver.write_text("#!/bin/sh\necho E1124 no such flag\nexit 7\n")
    for program in (broken.etcd, broken.kube_apiserver):
        program.chmod(0o755)
    with pytest.raises(LocalServerError) as refused:
        await ControlPlane.start(broken, state)
    assert "kube-apiserver ended with status 7" in str(refused.value)
    assert str(state / "logs" / "kube-apiserver.log") in str(refused.value)
    assert "no such flag" in str(refused.value)
    wait_until_gone([int((tmp_path / "etcd.pid").read_text())])


async def test_a_missing_program_leaves_no_temporary_folder(
    tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    missing = Tools.under(etcd=tmp_path / "no", kubernetes=tmp_path / "no")
    with pytest.raises(LocalServerError, match="etcd cannot be started"):
        await ControlPlane.start(missing)
    assert is_empty(tmp_path)


@pytest.mark.exclusive
def test_a_whole_test_run_that_is_killed_leaves_no_cluster_behind(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    (tmp_path / "conftest.py").write_text((root / "tests" / "conftest.py").read_text())
    (tmp_path / "test_hold.py").write_text(
        "import time\n"
        "from pathlib import Path\n"
        "def test_hold(cluster):\n"
        "    Path(__file__).with_name('state').write_text(str(cluster.state))\n"
        "    time.sleep(600)\n"
    )
    run = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "pytest",
            "--override-ini=pythonpath=" + str(root),
            "--numprocesses=1",
            "-q",
            ".",
        ],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV"))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until((tmp_path / "state").exists, what="the run has its cluster")
        state = (tmp_path / "state").read_text()
        mine = subprocess.run(
            ["pgrep", "-f", state], capture_output=True, text=True, check=False
        ).stdout.split()
        assert mine, "the controller manager is told its kubeconfig in the state folder"
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    wait_until_gone([int(pid) for pid in mine])
    shutil.rmtree(state)
