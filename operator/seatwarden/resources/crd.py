"""The CustomResourceDefinitions, whole: schema, columns, subresources and what the server may select by."""

from dataclasses import dataclass
from typing import Any

from seatwarden.resources.base import Resource
from seatwarden.resources.names import (
    BUNDLE_VERSION,
    BUNDLE_VERSION_ANNOTATION,
    CATEGORY,
    DERIVING_NAME_LENGTH,
    GROUP,
    VERSION,
    Kind,
)
from seatwarden.resources.rules import VALIDATIONS, JsonSchema, Rule
from seatwarden.resources.schema import structural_schema
from seatwarden.resources.seatpool import SeatPool
from seatwarden.resources.subscription import Subscription
from seatwarden.resources.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Column:
    """One column of ``kubectl get``. A wide one is shown with ``-o wide`` only."""

    name: str
    path: str
    type: str = "string"
    description: str = ""
    wide: bool = False

    def published(self) -> dict[str, Any]:
        """As the CRD has it."""
        return {
            "name": self.name,
            "type": self.type,
            **({"description": self.description} if self.description else {}),
            **({"priority": 1} if self.wide else {}),
            "jsonPath": self.path,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What a CRD says beyond the schema of ``model``."""

    model: type[Resource]
    columns: tuple[Column, ...]
    selectable: tuple[str, ...] = ()
    scale: dict[str, str] | None = None
    names_secrets: bool = False
    """Names of Secrets are derived from the name of the resource, which therefore must be shorter."""


def _condition_columns() -> tuple[Column, ...]:
    ready = '.status.conditions[?(@.type=="Ready")]'
    return (
        Column("Ready", f"{ready}.status", description="Whether all that the spec asks for is so"),
        Column("Reason", f"{ready}.reason", description="Why it is Ready, or why not"),
        Column("Message", f"{ready}.message", description="The same for people", wide=True),
        Column("Age", ".metadata.creationTimestamp", "date"),
    )


DEFINITIONS: dict[Kind, Definition] = {
    Kind.TENANT: Definition(
        model=Tenant,
        names_secrets=True,
        columns=(
            Column("Customer", ".spec.displayName", description="Name of the customer for people"),
            Column("Access", ".spec.access", description="Whether its programs may take and keep seats"),
            Column("Subscriptions", ".status.subscriptions", "integer"),
            Column("Seats", ".status.seats", "integer", "Seats of all Subscriptions together"),
            Column("In Use", ".status.seatsInUse", "integer", "Seats held now"),
            *_condition_columns(),
        ),
    ),
    Kind.SUBSCRIPTION: Definition(
        model=Subscription,
        selectable=(".spec.tenantRef.name",),
        columns=(
            Column("Tenant", ".spec.tenantRef.name", description="The customer"),
            Column("Plan", ".spec.plan.name"),
            Column("Seats", ".status.seats", "integer", "Seats that are paid for"),
            Column("Allocated", ".status.allocatedSeats", "integer", "Seats given to SeatPools"),
            Column("In Use", ".status.seatsInUse", "integer", "Seats held now"),
            Column("Phase", ".status.phase"),
            # As a date it would be shown as an age, which an instant to come has not.
            Column("Valid Until", ".status.validUntil"),
            Column("Trial Ends", ".status.trialEndsAt", wide=True),
            *_condition_columns(),
        ),
    ),
    Kind.SEAT_POOL: Definition(
        model=SeatPool,
        names_secrets=True,
        selectable=(".spec.subscriptionRef.name",),
        scale={
            "specReplicasPath": ".spec.seats",
            "statusReplicasPath": ".status.capacity",
            "labelSelectorPath": ".status.selector",
        },
        columns=(
            Column("Tenant", ".status.tenant", description="The customer"),
            Column("Subscription", ".spec.subscriptionRef.name", wide=True),
            Column("Seats", ".spec.seats", "integer", "Seats that were asked for"),
            Column("Capacity", ".status.capacity", "integer", "Seats that there are now", wide=True),
            Column("Used", ".status.used", "integer", "Seats held now"),
            Column("Free", ".status.free", "integer", "Seats that can be taken now"),
            Column("Queued", ".status.queued", "integer", "Programs that wait for a seat"),
            Column("Peak", ".status.peak", "integer", "The most seats held at one time", wide=True),
            *_condition_columns(),
        ),
    ),
}


def custom_resource_definition(kind: Kind) -> dict[str, Any]:
    """The CRD of ``kind``, as it is to be applied: nothing in it is for the server to fill."""
    definition = DEFINITIONS[kind]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.crd_name, "annotations": {BUNDLE_VERSION_ANNOTATION: BUNDLE_VERSION}},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind.value,
                "listKind": f"{kind}List",
                "plural": kind.plural,
                "singular": kind.singular,
                "shortNames": [kind.short_name],
                "categories": [CATEGORY],
            },
            "scope": "Namespaced",
            "versions": [_version(definition)],
        },
    }


def _version(definition: Definition) -> dict[str, Any]:
    selectable = [{"jsonPath": path} for path in definition.selectable]
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [column.published() for column in definition.columns],
        **({"selectableFields": selectable} if selectable else {}),
        "subresources": {"status": {}, **({"scale": definition.scale} if definition.scale else {})},
        "schema": {"openAPIV3Schema": _resource_schema(definition)},
    }


def _resource_schema(definition: Definition) -> JsonSchema:
    schema = structural_schema(definition.model)
    schema["required"] = ["spec"]
    schema["properties"] = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": schema["properties"]["spec"],
        "status": {key: value for key, value in schema["properties"]["status"].items() if key != "default"},
    }
    if definition.names_secrets:
        # `fieldPath` must lead to a field that the schema knows; without it the server blames "<nil>".
        schema["properties"]["metadata"]["properties"] = {"name": {"type": "string"}}
        schema[VALIDATIONS] = [_DERIVING_NAME.published()]
    return schema


_DERIVING_NAME = Rule(
    cel=f"size(self.metadata.name) <= {DERIVING_NAME_LENGTH}",
    message=f"must have at most {DERIVING_NAME_LENGTH} characters, since Secrets are named after it",
    at="metadata.name",
)
