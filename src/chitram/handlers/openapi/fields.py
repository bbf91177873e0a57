"""Words for JSON schemas: what a field holds."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]


def ref(name: str) -> Schema:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(description: str, **fields: Schema) -> Schema:
    """An object with these fields, all of them always there."""
    return {"type": "object", "description": description, "required": list(fields), "properties": fields}


def sometimes(whole: Schema, *names: str) -> Schema:
    """The same, but these fields may be missing."""
    return {**whole, "required": [name for name in whole["required"] if name not in names]}


def text(description: str = "", **rules: Any) -> Schema:
    """A string."""
    return _plain("string", description, rules)


def number(description: str = "", **rules: Any) -> Schema:
    """Any number."""
    return _plain("number", description, rules)


def integer(description: str = "", **rules: Any) -> Schema:
    """A whole number."""
    return _plain("integer", description, rules)


def flag(description: str = "") -> Schema:
    """True or false."""
    return _plain("boolean", description, {})


def listed(items: Schema, description: str = "") -> Schema:
    """A list."""
    return _plain("array", description, {"items": items})


def ratio(description: str = "") -> Schema:
    """A part of a whole, from 0 to 1."""
    return number(description, minimum=0, maximum=1)


def ratios(description: str) -> Schema:
    """Parts of a whole by name."""
    return _plain("object", description, {"additionalProperties": ratio()})


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    return {**schema, "type": [schema["type"], "null"]}


def moment(description: str = "") -> Schema:
    """A time."""
    words = f"{description} ISO 8601 in UTC.".strip()
    return text(words, format="date-time", pattern="Z$", examples=["2026-11-21T02:09:20.508636Z"])


def path(description: str, example: str) -> Schema:
    """An address on the same host."""
    return text(description, pattern="^/", examples=[example])


def sent(model: type[BaseModel], **rules: Schema) -> Schema:
    """A pydantic model's schema, with what else is asked of its fields."""
    schema: Schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    schema.pop("title", None)
    for name, field in schema["properties"].items():
        field.pop("title", None)
        field.update(rules.get(name, {}))
    return schema


def _plain(kind: str, description: str, rules: Mapping[str, Any]) -> Schema:
    return {"type": kind, **({"description": description} if description else {}), **rules}
