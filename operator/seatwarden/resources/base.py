"""What every custom resource shares: how models map to the wire, the metadata that the operator reads, and
`parse`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema

from seatwarden.resources.invalid import InvalidResource, problems_of
from seatwarden.resources.names import (
    PORTAL_LINK_REQUESTED_AT,
    RECONCILE_REQUESTED_AT,
    REMOVE_DEVICE_REQUESTED,
    ROTATE_LICENCE_KEY_REQUESTED_AT,
    ROTATE_SIGNING_KEY_REQUESTED_AT,
    Kind,
)
from seatwarden.resources.rules import JsonSchema, Matches, Rule, format_instant, published_with, refuse

Int32 = Annotated[int, Field(strict=True, json_schema_extra={"format": "int32"})]
Int64 = Annotated[int, Field(strict=True, json_schema_extra={"format": "int64"})]
Bool = Annotated[bool, Field(strict=True)]
Instant = Annotated[AwareDatetime, PlainSerializer(format_instant, return_type=str)]

MAX_SEATS = 1_000_000
Seats = Annotated[Int32, Field(ge=0, le=MAX_SEATS)]
Count = Annotated[Int64, Field(ge=0)]

ECHO_LENGTH = 256
Echo = Annotated[str, Field(max_length=ECHO_LENGTH)]
SecretName = Annotated[str, Field(max_length=253)]

OneLine = Matches(
    r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$",
    "must be one line of text that neither begins nor ends with a space, and is not empty",
)
Label = Matches(
    "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    'must be lower-case letters, digits and "-" with a letter or digit at both ends, such as "acme-team"',
)
Subdomain = Matches(
    "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    'must be a name of Kubernetes: lower-case letters, digits, "-" and ".", such as "acme"',
)


class Model(BaseModel):
    """Values that are ``camelCase`` on the wire. Immutable; what it does not know it leaves out."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        serialize_by_alias=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )

    def wire(self) -> dict[str, Any]:
        """As JSON values under the names of the API, without what is not set."""
        return self.model_dump(mode="json", exclude_none=True)


class SpecModel(Model):
    """A part of a spec: strict, since a field that is accepted and ignored is a trap."""

    model_config = ConfigDict(extra="forbid")

    RULES: ClassVar[tuple[Rule, ...]] = ()
    """Requirements on the whole object, told to the API server and held here."""

    @model_validator(mode="before")
    @classmethod
    def _take_null_for_left_out(cls, data: Any) -> Any:
        """As the API server does, which prunes nulls before it looks at defaults and at what is required."""
        if not isinstance(data, dict) or None not in data.values():
            return data
        fields = {field.alias for field in cls.model_fields.values()}
        return {key: value for key, value in data.items() if value is not None or key not in fields}

    @model_validator(mode="after")
    def _hold_to_the_rules(self) -> Self:
        for rule in self.RULES:
            if rule.holds is not None and not rule.holds(self):
                raise refuse(rule.message, at=rule.at)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        """Tell the API server the rules."""
        published = handler(schema)
        if cls.RULES:
            handler.resolve_ref_schema(published).update(published_with({}, *cls.RULES))
        return published


class ObjectMeta(Model):
    """The part of Kubernetes' object metadata that the operator reads."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    finalizers: tuple[str, ...] = ()
    annotations: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}

    @property
    def reconcile_requested_at(self) -> str | None:
        """The value by which a person asks for a run now, cut to what status can echo."""
        return self._requested(RECONCILE_REQUESTED_AT)

    @property
    def rotate_licence_key_requested_at(self) -> str | None:
        """The value by which a person asks for a new licence key, cut to what status can echo."""
        return self._requested(ROTATE_LICENCE_KEY_REQUESTED_AT)

    @property
    def rotate_signing_key_requested_at(self) -> str | None:
        """The value by which a person asks for a new root key, cut to what status can echo."""
        return self._requested(ROTATE_SIGNING_KEY_REQUESTED_AT)

    @property
    def portal_link_requested_at(self) -> str | None:
        """The value by which a person asks for a link to the customer's pages, cut to what status can echo."""
        return self._requested(PORTAL_LINK_REQUESTED_AT)

    @property
    def remove_device_requested(self) -> str | None:
        """The value by which a person asks that a device is removed, cut to what status can echo."""
        return self._requested(REMOVE_DEVICE_REQUESTED)

    def _requested(self, annotation: str) -> str | None:
        value = self.annotations.get(annotation)
        return None if value is None else value[:ECHO_LENGTH]


class Resource(Model):
    """A custom resource as read from the API. Subclasses have ``spec`` and, with a default, ``status``."""

    KIND: ClassVar[Kind]

    metadata: ObjectMeta

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read an object as the API gives it.

        The spec is taken strictly. Unknown fields of metadata and status are passed over, and a status that
        makes no sense (of another version, or written by hand) counts as none: the next run says anew what
        it should be.

        Raises:
            InvalidResource: the spec or the metadata break rules of the schema.
        """
        try:
            return cls._validate(body)
        except ValidationError as error:
            if all(details["loc"][:1] == ("status",) for details in error.errors(include_url=False)):
                return cls._validate({key: value for key, value in body.items() if key != "status"})
            raise InvalidResource(cls._subject(body), problems_of(error, cls)) from None

    @classmethod
    def _validate(cls, body: Mapping[str, Any]) -> Self:
        return cls.model_validate(dict(body), by_alias=True, by_name=False)

    @classmethod
    def _subject(cls, body: Mapping[str, Any]) -> str:
        metadata = body.get("metadata")
        known = metadata if isinstance(metadata, Mapping) else {}
        named = "/".join(str(known[part]) for part in ("namespace", "name") if known.get(part))
        return f"{cls.KIND} {named}".rstrip()
