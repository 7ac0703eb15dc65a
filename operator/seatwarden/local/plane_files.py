"""What a control plane finds in its state folder before it starts: certificates, keys, tokens. Made once,
then kept.
"""

import csv
import datetime as dt
import json
import secrets
from pathlib import Path

from seatwarden.local.certificates import Authority, write_private_key, write_public_key
from seatwarden.local.identities import WELL_KNOWN
from seatwarden.local.loopback import LOOPBACK
from seatwarden.local.plane_commands import SOCKETS

_FOLDERS = ("etcd", "kubeconfigs", "logs", "pki")
# Under the names of its Service in the cluster too, as in any real cluster.
_API_SERVER_HOSTS = (LOOPBACK, "localhost", "10.0.0.1", "kubernetes", "kubernetes.default.svc")
FRONT_PROXY = "front-proxy-client"


def prepare_state_folder(folder: Path) -> None:
    """Fill ``folder`` with what is not in it yet, and take away what a killed run left behind."""
    for name in _FOLDERS:
        (folder / name).mkdir(exist_ok=True, mode=0o700)
    for socket in SOCKETS:
        (folder / socket).unlink(missing_ok=True)
    complete = folder / "pki" / "complete"
    if not complete.exists():
        _fill(folder / "pki")
        complete.touch()


def _fill(pki: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    serving = Authority.load_or_make(pki, "ca", now=now)
    serving.issue_server(pki, "apiserver", hosts=_API_SERVER_HOSTS, now=now)
    Authority.load_or_make(pki, "client-ca", now=now)
    front_proxy = Authority.load_or_make(pki, "front-proxy-ca", now=now)
    front_proxy.issue_client(pki, FRONT_PROXY, user=FRONT_PROXY, groups=(), now=now)
    write_public_key(pki / "service-accounts.pub", write_private_key(pki / "service-accounts.key"))
    _write_tokens(pki)


def _write_tokens(pki: Path) -> None:
    tokens = {identity.user: secrets.token_urlsafe(32) for identity in WELL_KNOWN}
    for name in ("tokens.csv", "tokens.json"):
        (pki / name).touch(mode=0o600)
    (pki / "tokens.json").write_text(json.dumps(tokens))
    with (pki / "tokens.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        for identity in WELL_KNOWN:
            rows.writerow([tokens[identity.user], identity.user, identity.user, ",".join(identity.groups)])
