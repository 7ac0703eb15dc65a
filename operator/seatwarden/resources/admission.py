"""Our finalizer at birth: the API server itself puts it on each new object that needs one.

An operator that puts a finalizer on by a patch pays a write of its own for every object, which costs the API server about
as much as the status, and comes too late for who deletes an object before the operator saw it. The policy has neither
fault. Where it is not served, before Kubernetes 1.36, or was not yet in force, the operator patches as ever.
"""

from collections.abc import Sequence
from typing import Any

from seatwarden.resources.names import FINALIZER, GROUP, VERSION, Kind

POLICIES = "mutatingadmissionpolicies"
POLICY_BINDINGS = "mutatingadmissionpolicybindings"
FINALIZED = (Kind.TENANT, Kind.SEAT_POOL)
"""The kinds for which the operator makes something outside the object, which has to go before it."""

_NAME = f"finalizer.{GROUP}"
_API = "admissionregistration.k8s.io/v1"
_HAS_ANY = "has(object.metadata.finalizers)"


def admission_manifests(namespaces: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The policy and its binding, for these ``namespaces`` (all, where none is named) of a cluster that serves `POLICIES`."""
    names = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": list(namespaces)}
    where = {"matchResources": {"namespaceSelector": {"matchExpressions": [names]}}} if namespaces else {}
    return [
        {
            "apiVersion": _API,
            "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": _NAME},
            "spec": {
                # Whatever may go wrong with it, the operator makes up for it.
                "failurePolicy": "Ignore",
                "reinvocationPolicy": "Never",
                "matchConstraints": {
                    "resourceRules": [
                        {
                            "apiGroups": [GROUP],
                            "apiVersions": [VERSION],
                            "operations": ["CREATE"],
                            "resources": [kind.plural for kind in FINALIZED],
                        }
                    ]
                },
                "matchConditions": [
                    {
                        "name": "not-yet",
                        "expression": f"!{_HAS_ANY} || !('{FINALIZER}' in object.metadata.finalizers)",
                    }
                ],
                "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": _PATCH}}],
            },
        },
        {
            "apiVersion": _API,
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": _NAME},
            "spec": {"policyName": _NAME, **where},
        },
    ]


_PATCH = (
    f"{_HAS_ANY}"
    f" ? [JSONPatch{{op: 'add', path: '/metadata/finalizers/-', value: '{FINALIZER}'}}]"
    f" : [JSONPatch{{op: 'add', path: '/metadata/finalizers', value: ['{FINALIZER}']}}]"
)
