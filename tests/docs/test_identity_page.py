"""The page about seats without a licence key: its Pod is one that a real API server takes, its tables are complete."""

import re
import subprocess
from pathlib import Path

import yaml

from seatwarden.backends.kubernetes_api import KubernetesApi
from seatwarden.client import holder_id
from seatwarden.domain.trust import TrustedIssuer
from seatwarden.endpoint.identities import FRESH_SECONDS, TokenFault
from seatwarden.local.plane_access import PlaneAccess
from seatwarden.reconcilers.identities import REFRESH_SECONDS
from seatwarden.resources.tenant import AUDIENCE, Tenant
from seatwarden.runtime.hold_command import hold
from tests.docs.pages import PAGES

PAGE = next(page for page in PAGES if page.path.name == "identity.md")
CLIENTS = next(page for page in PAGES if page.path.name == "client-programs.md")
MANIFESTS = [yaml.safe_load(block) for block in PAGE.blocks("yaml")]
TENANT, POD = (next(found for found in MANIFESTS if found["kind"] == kind) for kind in ("Tenant", "Pod"))


async def test_the_pod_is_one_that_kubernetes_takes(cluster: PlaneAccess, namespace: str) -> None:
    pod = POD | {"metadata": POD["metadata"] | {"namespace": namespace}}
    async with cluster.session() as session:
        api = KubernetesApi(session, "")
        path = f"/api/v1/namespaces/{namespace}"
        account = {"metadata": {"name": pod["spec"]["serviceAccountName"]}}
        await api.create(f"{path}/serviceaccounts", account)
        made = await api.create(f"{path}/pods", pod)
    assert made["spec"]["volumes"][0]["projected"]["sources"] == [
        {"serviceAccountToken": {"audience": AUDIENCE, "expirationSeconds": 3600, "path": "token"}}
    ]


def test_the_pod_tells_the_client_all_it_needs() -> None:
    [container] = POD["spec"]["containers"]
    known = {option.envvar for option in hold.params if getattr(option, "envvar", None)}
    said = {variable["name"]: variable["value"] for variable in container["env"]}
    assert set(said) <= known
    [mount], [volume] = container["volumeMounts"], POD["spec"]["volumes"]
    token = volume["projected"]["sources"][0]["serviceAccountToken"]
    assert said["SEATWARDEN_TOKEN_FILE"] == f"{mount['mountPath']}/{token['path']}"


def test_the_tenant_trusts_the_pod() -> None:
    cluster = Tenant.parse(TENANT).spec.identity.cluster
    assert cluster is not None
    subject = f"system:serviceaccount:{POD['metadata']['namespace']}:{POD['spec']['serviceAccountName']}"
    trusted = TrustedIssuer(issuer="", audience=cluster.audience, subjects=cluster.subjects, keys=())
    assert trusted.admits(subject)


def test_every_reason_for_which_a_token_is_refused_is_explained() -> None:
    table = PAGE.text.partition("| `reason` |")[2].partition("\n\n")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    told = {reason for cell in first_cells for reason in re.findall(r"`(\w+)`", cell)}
    assert told == set(map(str, TokenFault))


def test_the_times_on_the_page_are_those_of_the_code() -> None:
    assert (FRESH_SECONDS, REFRESH_SECONDS) == (10.0, 300.0)
    assert "up to ten seconds" in PAGE.text
    assert "every five minutes" in PAGE.text


def test_an_id_made_in_a_shell_is_that_of_the_python_client(tmp_path: Path) -> None:
    machine = tmp_path / "machine-id"
    machine.write_text("0123456789abcdef\n")
    command = "\n".join(one for one in CLIENTS.commands() if one.startswith(("part()", "{ part")))
    command = command.replace("/etc/machine-id", str(machine))
    made = subprocess.run(["sh", "-ec", command], capture_output=True, text=True, check=True).stdout
    assert made.strip() == holder_id("film", machine="0123456789abcdef")
