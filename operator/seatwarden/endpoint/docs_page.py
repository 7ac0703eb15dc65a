"""The page at `/docs`: the OpenAPI document as HTML, complete in itself (no script, no outside part)."""

from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from seatwarden.endpoint.codes import CODES

Json = dict[str, Any]


def docs_page(document: Json) -> bytes:
    """The page for the OpenAPI ``document``."""
    template = Template((files("seatwarden.endpoint") / "docs.html").read_text(encoding="utf-8"))
    info = document["info"]
    calls = list(_calls(document))
    schemas = document["components"]["schemas"]
    page = template.substitute(
        title=escape(info["title"]),
        version=escape(info["version"]),
        about="".join(f"<p>{escape(part)}</p>" for part in info["description"].split("\n\n")),
        contents="".join(_contents(calls)),
        operations="".join(_operation(method, path, call) for method, path, call in calls),
        codes="".join(_code_rows()),
        schemas="".join(_schema(name, schema) for name, schema in schemas.items()),
    )
    return page.encode()


def _calls(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            yield method.upper(), path, call


def _contents(calls: list[tuple[str, str, Json]]) -> Iterator[str]:
    for _, _, call in calls:
        yield f'<li><a href="#{call["operationId"]}">{escape(call["summary"])}</a></li>'
    yield '<li><a href="#codes">Codes</a></li><li><a href="#schemas">Bodies</a></li>'


def _operation(method: str, path: str, call: Json) -> str:
    parts = [
        f'<section id="{call["operationId"]}"><h3>{escape(call["summary"])}</h3>',
        f'<p><code><span class="method">{method}</span> {escape(path)}</code></p>',
    ]
    if "description" in call:
        parts.append(f"<p>{escape(call['description'])}</p>")
    rows = [_parameter_row(parameter) for parameter in call["parameters"] if "name" in parameter]
    if rows:
        parts.append(_table(("Parameter", "In", "Meaning"), rows))
    if "requestBody" in call:
        body = call["requestBody"]
        schema = body["content"]["application/json"]["schema"]
        parts.append(f"<p>Body: {_type(schema)}. {escape(body['description'])}</p>")
    parts.append(
        _table(("Status", "Body", "Meaning"), [_response_row(*item) for item in call["responses"].items()])
    )
    parts.append("</section>")
    return "".join(parts)


def _parameter_row(parameter: Json) -> tuple[str, ...]:
    name = f"<code>{escape(parameter['name'])}</code>"
    return name, parameter["in"], f"{escape(parameter['description'])} {_type(parameter['schema'])}"


def _response_row(status: str, response: Json) -> tuple[str, ...]:
    if "content" not in response:
        return status, "none", escape(response["description"])
    ((media_type, content),) = response["content"].items()
    schema = content["schema"]
    if "allOf" not in schema:
        body = _type(schema) if "$ref" in schema else f"<code>{media_type}</code>"
        return status, body, escape(response["description"])
    codes = schema["allOf"][1]["properties"]["code"]["enum"]
    links = ", ".join(f'<a href="#code-{code}"><code>{code}</code></a>' for code in codes)
    return status, _type(schema["allOf"][0]), links


def _code_rows() -> Iterator[str]:
    for code, entry in CODES.items():
        statuses = ", ".join(map(str, entry.statuses))
        yield (
            f'<tr id="code-{code}"><td><code>{code}</code></td><td>{statuses}</td>'
            f"<td><strong>{escape(entry.title)}.</strong>"
            f" {escape(entry.meaning)}</td><td>{escape(entry.advice)}</td></tr>"
        )


def _schema(name: str, schema: Json) -> str:
    parts = [f'<section id="schema-{name}"><h3>{escape(name)}</h3>']
    if "description" in schema:
        parts.append(f"<p>{escape(schema['description'])}</p>")
    required = schema.get("required", [])
    rows = [
        (
            f"<code>{escape(member)}</code>",
            _type(details),
            ("" if member in required else "Optional. ") + escape(details.get("description", "")),
        )
        for member, details in schema.get("properties", {}).items()
    ]
    parts.append(_table(("Field", "Type", "Meaning"), rows))
    parts.append("</section>")
    return "".join(parts)


def _type(schema: Json) -> str:
    """A schema in a few words of HTML."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#schema-{name}">{escape(name)}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(option) for option in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    words = [escape(str(schema.get("type", "any")))]
    words += [f"{word} {schema[key]}" for key, word in _LIMITS.items() if key in schema]
    if "pattern" in schema:
        words.append(f"<code>{escape(schema['pattern'])}</code>")
    return " ".join(words)


_LIMITS = {
    "minimum": "from",
    "maximum": "up to",
    "exclusiveMinimum": "above",
    "exclusiveMaximum": "below",
    "maxLength": "of at most",
}


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    heads = "".join(f"<th>{name}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
