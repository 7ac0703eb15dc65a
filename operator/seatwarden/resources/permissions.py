"""What the operator may do in a cluster, each permission with its reason. Manifests are made of this list, tests run under it."""

from typing import Any

from seatwarden.resources.names import GROUP, PLANS_CONFIG_MAP, Kind

OPERATOR_NAMESPACE = "seatwarden-system"
OPERATOR_ACCOUNT = "seatwarden-operator"

_ALL = [kind.plural for kind in Kind]

OPERATOR_RULES: list[dict[str, Any]] = [
    # patch: our finalizer, and nothing else of the object itself.
    {"apiGroups": [GROUP], "resources": _ALL, "verbs": ["get", "list", "watch", "patch"]},
    {"apiGroups": [GROUP], "resources": [f"{plural}/status" for plural in _ALL], "verbs": ["patch"]},
    # Owner references that block deletion ask for this where the API server enforces it.
    {"apiGroups": [GROUP], "resources": [f"{plural}/finalizers" for plural in _ALL], "verbs": ["update"]},
    # By name only: the operator can neither list nor watch Secrets.
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create", "update"]},
    # The public root keys of Tenants, for who verifies licences.
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "patch"]},
    # The plans of a namespace, and no other ConfigMap.
    {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [PLANS_CONFIG_MAP], "verbs": ["list"]},
    # Its uid tells this cluster from others that share an account at the payment provider.
    {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]},
    {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]},
    # The cluster's public keys, with which tokens of its ServiceAccounts are verified.
    {"nonResourceURLs": ["/.well-known/openid-configuration", "/openid/v1/jwks"], "verbs": ["get"]},
]
ELECTION_RULES: list[dict[str, Any]] = [
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]},
]

# What users of a cluster may do by its roles view, edit and admin. Neither includes a Secret, a status or a finalizer.
VIEW_RULES: list[dict[str, Any]] = [
    {"apiGroups": [GROUP], "resources": _ALL, "verbs": ["get", "list", "watch"]},
    {"apiGroups": [GROUP], "resources": [f"{plural}/status" for plural in _ALL], "verbs": ["get"]},
    {"apiGroups": [GROUP], "resources": [f"{Kind.SEAT_POOL.plural}/scale"], "verbs": ["get"]},
]
EDIT_RULES: list[dict[str, Any]] = [
    {
        "apiGroups": [GROUP],
        "resources": _ALL,
        "verbs": ["create", "delete", "deletecollection", "patch", "update"],
    },
    {"apiGroups": [GROUP], "resources": [f"{Kind.SEAT_POOL.plural}/scale"], "verbs": ["patch", "update"]},
]

_RBAC = "rbac.authorization.k8s.io"


def operator_manifests() -> list[dict[str, Any]]:
    """The operator's namespace, ServiceAccount, roles and bindings, for all namespaces of a cluster."""
    local = {"name": OPERATOR_ACCOUNT, "namespace": OPERATOR_NAMESPACE}
    subjects = [{"kind": "ServiceAccount", **local}]
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OPERATOR_NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": local},
        _role("ClusterRole", {"name": OPERATOR_ACCOUNT}, OPERATOR_RULES),
        _binding("ClusterRoleBinding", {"name": OPERATOR_ACCOUNT}, "ClusterRole", subjects),
        _role("Role", local, ELECTION_RULES),
        _binding("RoleBinding", local, "Role", subjects),
    ]


def _role(kind: str, metadata: dict[str, str], rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": metadata, "rules": rules}


def _binding(
    kind: str, metadata: dict[str, str], role: str, subjects: list[dict[str, str]]
) -> dict[str, Any]:
    reference = {"apiGroup": _RBAC, "kind": role, "name": OPERATOR_ACCOUNT}
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": kind,
        "metadata": metadata,
        "roleRef": reference,
        "subjects": subjects,
    }
