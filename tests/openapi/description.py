"""Ways into the description: its operations by listener, and what it says of one answer."""

import copy
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from gateway.openapi import document

jsonschema = pytest.importorskip("jsonschema")

EVERYWHERE = {"date", "content-length", "content-type"}
METHODS = {"get", "head", "post", "put", "patch", "delete", "options", "trace"}


class Operation(NamedTuple):
    """One operation as it is described."""

    path: str
    method: str
    description: dict[str, Any]

    @property
    def listener(self) -> str:
        """The tag: `events` of the receiver, `administration` of the other."""
        (tag,) = self.description["tags"]
        return str(tag)

    @property
    def label(self) -> str:
        return f"{self.method.upper()} {self.path}"


def whole() -> dict[str, Any]:
    """The description, typed for those who read in it."""
    return dict(document())


def operations(listener: str | None = None) -> list[Operation]:
    """Every operation, or every one of a listener."""
    found = [
        Operation(path, method, item[method])
        for path, item in whole()["paths"].items()
        for method in item
        if method in METHODS
    ]
    return [each for each in found if listener in (None, each.listener)]


def of_listener(listener: str) -> dict[str, Any]:
    """The description of that listener alone: two of them have the path `/`."""
    narrowed = copy.deepcopy(whole())
    kept = {(each.path, each.method) for each in operations(listener)}
    narrowed["paths"] = {
        path: {key: part for key, part in item.items() if key not in METHODS or (path, key) in kept}
        for path, item in narrowed["paths"].items()
        if any((path, method) in kept for method in METHODS)
    }
    return narrowed


def closed(description: dict[str, Any]) -> dict[str, Any]:
    """The description with every shape closed: a member that it does not name is then a fault."""
    for schema in description["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return description


_RESOURCE = "urn:description"


def violations(
    answer: Mapping[str, Any], status: int, headers: Mapping[str, str], body: Any
) -> Iterator[str]:
    """What in one answer is not as the description of its operation says; `headers` in lower case."""
    described = answer["responses"].get(str(status))
    if described is None:
        yield f"status {status} is not described"
        return
    for name, field in described.get("headers", {}).items():
        if name.lower() in headers:
            value = headers[name.lower()]
            yield from faults(field["schema"], int(value) if value.isdigit() else value)
        elif field["required"]:
            yield f"{name} is missing"
    content = described.get("content", {})
    media_type = headers.get("content-type", "").partition(";")[0]
    if media_type or content:
        if media_type not in content:
            yield f"the media type {media_type!r} is not described"
        else:
            yield from faults(content[media_type]["schema"], body)


@cache
def _registry() -> Any:
    resource: Resource[Any] = DRAFT202012.create_resource(closed(whole()))
    empty: Registry[Any] = Registry()
    return empty.with_resource(_RESOURCE, resource)


def undescribed(answer: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> set[str]:
    """The header fields of an answer that are neither described nor those of every answer."""
    described = answer["responses"][str(status)].get("headers", {})
    return headers.keys() - {name.lower() for name in described} - EVERYWHERE


def faults(schema: Mapping[str, Any], instance: Any) -> Iterator[str]:
    """What in `instance` is not as a schema of the description says."""
    absolute = {"$ref": f"{_RESOURCE}{schema['$ref']}"} if "$ref" in schema else schema
    for error in jsonschema.Draft202012Validator(absolute, registry=_registry()).iter_errors(instance):
        yield error.message
