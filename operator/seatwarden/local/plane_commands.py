"""The command lines of the local control plane. Paths are relative to its state folder, where each program
runs.
"""

from pathlib import Path

from seatwarden.local.loopback import LOOPBACK
from seatwarden.local.toolchain import Tools

# etcd wants a host and a port even for a Unix socket, and makes a file of that name where it runs.
ETCD_SOCKET = "etcd:2379"
_PEER_SOCKET = "etcd:2380"
SOCKETS = (ETCD_SOCKET, _PEER_SOCKET)

# What an operator's users rely on. The controllers of workloads would only cost memory: there are no nodes.
_CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "resourcequota-controller",
)


def etcd(tools: Tools) -> list[str | Path]:
    """etcd, on Unix sockets, without waiting for the disk."""
    return [
        tools.etcd,
        "--name=local",
        "--data-dir=etcd",
        f"--listen-client-urls=unix://{ETCD_SOCKET}",
        f"--advertise-client-urls=unix://{ETCD_SOCKET}",
        f"--listen-peer-urls=unix://{_PEER_SOCKET}",
        f"--initial-advertise-peer-urls=unix://{_PEER_SOCKET}",
        f"--initial-cluster=local=unix://{_PEER_SOCKET}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server(tools: Tools, port: int) -> list[str | Path]:
    """kube-apiserver, with RBAC, and with all that an aggregated API needs."""
    return [
        tools.kube_apiserver,
        f"--etcd-servers=unix://{ETCD_SOCKET}",
        f"--bind-address={LOOPBACK}",
        f"--advertise-address={LOOPBACK}",
        f"--secure-port={port}",
        "--tls-cert-file=pki/apiserver.crt",
        "--tls-private-key-file=pki/apiserver.key",
        "--client-ca-file=pki/client-ca.crt",
        "--token-auth-file=pki/tokens.csv",
        "--authorization-mode=Node,RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-account-key-file=pki/service-accounts.pub",
        "--service-account-signing-key-file=pki/service-accounts.key",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--endpoint-reconciler-type=none",
        "--allow-privileged",
        "--proxy-client-cert-file=pki/front-proxy-client.crt",
        "--proxy-client-key-file=pki/front-proxy-client.key",
        "--requestheader-client-ca-file=pki/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
    ]


def controller_manager(tools: Tools, kubeconfig: Path) -> list[str | Path]:
    """kube-controller-manager, with the controllers that need no node, and no port of its own."""
    return [
        tools.kube_controller_manager,
        f"--kubeconfig={kubeconfig}",
        "--service-account-private-key-file=pki/service-accounts.key",
        "--root-ca-file=pki/ca.crt",
        f"--controllers={','.join(_CONTROLLERS)}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]
