"""As much of JSON Schema (2020-12) as `openapi.yaml` uses: what in a value does not fit a schema."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

Node = dict[str, Any]
TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
KNOWN = {
    *("$ref", "type", "enum", "const", "anyOf", "allOf", "required", "properties", "additionalProperties"),
    *("propertyNames", "items", "minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "pattern"),
    *("minimum", "maximum", "format", "contentMediaType", "description", "examples", "default", "title"),
}


def faults(document: Node, schema: Node, value: Any, at: str = "$") -> Iterator[str]:
    """Where in the value it is, and what of the schema it does not fit; nothing when it fits."""
    assert set(schema) <= KNOWN, f"this knows nothing of {set(schema) - KNOWN}"
    if "$ref" in schema:
        target: Any = document
        for name in schema["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        yield from faults(document, target, value, at)
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(TYPES[kind](value) for kind in kinds):
        yield f"{at} is no {' or '.join(kinds)}: {value!r}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at} is none of {schema['enum']}: {value!r}"
    if "const" in schema and value != schema["const"]:
        yield f"{at} is not {schema['const']!r}: {value!r}"
    if "anyOf" in schema and all(list(faults(document, one, value, at)) for one in schema["anyOf"]):
        yield f"{at} fits none of several schemas: {value!r}"
    for one in schema.get("allOf", ()):
        yield from faults(document, one, value, at)
    if isinstance(value, str):
        yield from _of_text(schema, value, at)
    elif isinstance(value, int | float) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{at} is out of bounds: {value}"
    elif isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield f"{at} has {len(value)} items"
        if schema.get("uniqueItems") and any(one in value[:index] for index, one in enumerate(value)):
            yield f"{at} has something twice"
        for index, one in enumerate(value):
            yield from faults(document, schema.get("items", {}), one, f"{at}[{index}]")
    elif isinstance(value, dict):
        yield from _of_members(document, schema, value, at)


def _of_text(schema: Node, value: str, at: str) -> Iterator[str]:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{at} has {len(value)} characters"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{at} is not like {schema['pattern']}: {value!r}"
    if schema.get("format") == "date-time":
        try:
            datetime.fromisoformat(value)
        except ValueError:
            yield f"{at} is no time: {value!r}"


def _of_members(document: Node, schema: Node, value: Node, at: str) -> Iterator[str]:
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{at} lacks {name}"
    for name, one in value.items():
        yield from faults(document, schema.get("propertyNames", {}), name, f"{at}.{name} (its name)")
        if name in known:
            yield from faults(document, known[name], one, f"{at}.{name}")
            continue
        more = schema.get("additionalProperties", True)
        if more is False:
            yield f"{at} has {name}, too"
        elif isinstance(more, dict):
            yield from faults(document, more, one, f"{at}.{name}")
