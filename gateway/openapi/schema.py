"""The words of the description: JSON as Python has it, references, header fields, security."""

from typing import Any

Json = dict[str, Any]

REFERENCE = "#/components/schemas/{name}"

ANYBODY: list[Json] = [{}]
"""Nothing is asked for, whatever is configured."""


def reference(name: str) -> Json:
    """The schema of that name."""
    return {"$ref": REFERENCE.format(name=name)}


def header(description: str, schema: Json, *, required: bool = False) -> Json:
    """A header field of an answer."""
    return {"description": description, "required": required, "schema": schema}


def text(description: str = "") -> Json:
    """A string."""
    return {"type": "string", **({"description": description} if description else {})}
