"""The configuration file as a JSON Schema (draft 2020-12), so that editors complete and check it.

It accepts whatever `parse` accepts; what needs more than one value to be seen as wrong, it lets
pass, but for half of a pair of credentials.
Everything stands where it is used, for taplo, which most editors ask about TOML, drops what is written
beside a `$ref`, knows no `if`, and completes nothing inside an object that has an `allOf`.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from msgspec import NODEFAULT, Struct, inspect, structs

from gateway.config import docstrings, pattern
from gateway.config.listen import ListenAddress, SocketMode
from gateway.config.model import Config, DestinationConfig
from gateway.secret import Secret, secrets_of
from gateway.sender import SenderPlugin
from gateway.units import MAY_BE_ZERO, Duration, Size

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_DESTINATION = (
    "One bus that events go to. Its `buffer`, `flush`, `delivery` and `dead_letters` override the file's."
)
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def json_schema(plugins: Mapping[str, SenderPlugin]) -> Schema:
    """The schema of a file as an operator writes it; `plugins` are the known senders by type."""
    once, inherited = _sections(Config), _sections(DestinationConfig)
    properties = {name: _table(kind) for name, kind in {**once, **inherited}.items()}
    return {
        "$schema": DIALECT,
        "title": "The gateway's configuration",
        **_object({**properties, "destinations": _destinations(plugins, inherited)}, ["destinations"]),
    }


def _sections(owner: type[Struct]) -> dict[str, type[Struct]]:
    """The tables of `owner` whose keys are known, by name."""
    return {
        field.encode_name: field.type
        for field in structs.fields(owner)
        if isinstance(field.type, type) and issubclass(field.type, Struct) and structs.fields(field.type)
    }


def _destinations(plugins: Mapping[str, SenderPlugin], sections: Mapping[str, type[Struct]]) -> Schema:
    return {
        "description": "Where events go: at least one `[destinations.NAME]`.",
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": pattern.NAME},
        "additionalProperties": {
            "description": _DESTINATION,
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"description": "The kind of bus.", **_choice(sorted(plugins))}},
            "anyOf": [_destination(name, plugins[name], sections) for name in sorted(plugins)],
        },
    }


def _destination(type_name: str, plugin: SenderPlugin, sections: Mapping[str, type[Struct]]) -> Schema:
    """The table of one type; a `type` that the environment names may be any of them."""
    beside = {
        "type": {"description": "The kind of bus.", **_choice([type_name])},
        **{name: _table(kind) for name, kind in sections.items()},
    }
    return _table(plugin.config_type, beside)


def _table(kind: type[Struct], beside: Mapping[str, Schema] | None = None) -> Schema:
    """The table that a Struct is read from; `beside` are keys that others read from it."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType), "what is read from a table is a Struct"
    words = docstrings.of_attributes(kind)
    properties: dict[str, Schema] = dict(beside or {})
    refused: list[Schema] = []
    for field in info.fields:
        name = field.encode_name
        value = {**_value(field.type), **_described(words.get(field.name))}
        properties[name] = value if _is_needed(field) else {**value, **_default(field)}
        if _is_secret(field.type):
            properties[f"{name}_file"] = _twin(name, field.type)
            refused += _refused_twins(name, required=field.required)
        refused += _refused_alone(name, _secrets_beside(field.type))
    required = [f.encode_name for f in info.fields if _is_needed(f) and not _is_secret(f.type)]
    required = [*(name for name in ("type",) if name in (beside or {})), *required]
    table = {**_described(docstrings.of_class(kind)), **_object(properties, required)}
    return {**table, "not": {"anyOf": refused}} if refused else table


def _object(properties: Mapping[str, Schema], required: Iterable[str]) -> Schema:
    needed = {"required": list(required)} if required else {}
    return {"type": "object", "properties": dict(properties), **needed, "additionalProperties": False}


def _is_needed(field: inspect.Field) -> bool:
    """Whether a file has to say it: there is no default, or one that is itself too short a text."""
    if field.required:
        return True
    return field.default == "" and bool(_value(field.type).get("minLength"))


def _described(words: str | None) -> Schema:
    return {"description": words} if words else {}


def _default(field: inspect.Field) -> Schema:
    """The value of a key that is not written; none for a secret, a table, and what has no form in TOML."""
    if field.required or _is_secret(field.type) or isinstance(field.type, inspect.StructType):
        return {}
    value = field.default_factory() if field.default is NODEFAULT else field.default
    return {} if value is None else {"default": _written(value)}


def _written(value: Any) -> Any:
    """A value as an operator writes it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Duration | Size | str):
        return str(value).replace("$", "$$")  # else it would refer to the environment
    if isinstance(value, list | tuple | set | frozenset):
        return [_written(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _written(item) for name, item in value.items()}
    return value


def _value(kind: inspect.Type, *, may_be_zero: bool = False) -> Schema:
    """What may stand behind a key; anything where a plugin's type says nothing that we can read."""
    match kind:
        case inspect.Metadata():
            may_be_zero = may_be_zero or (kind.extra or {}) == MAY_BE_ZERO.extra
            return {**_value(kind.type, may_be_zero=may_be_zero), **(kind.extra_json_schema or {})}
        case inspect.UnionType():
            return _any_of([_value(each) for each in kind.types if not isinstance(each, inspect.NoneType)])
        case inspect.StructType():
            return _table(kind.cls)
        case inspect.CustomType():
            return _custom(kind.cls, may_be_zero=may_be_zero)
        case inspect.EnumType():
            return {**_described(docstrings.of_class(kind.cls)), **_choice([m.value for m in kind.cls])}
        case inspect.LiteralType():
            return _choice(list(kind.values))
        case inspect.DictType():
            return {"type": "object", "additionalProperties": _value(kind.value_type)}
        case _:
            return _plain(kind)


def _plain(kind: inspect.Type) -> Schema:
    match kind:
        case inspect.ListType() | inspect.VarTupleType() | inspect.SetType() | inspect.FrozenSetType():
            return _array(kind)
        case inspect.StrType():
            return {"type": "string", "pattern": pattern.TEXT}
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.IntType() | inspect.FloatType():
            bounds = {word: getattr(kind, bound) for bound, word in _BOUNDS.items()}
            known = {word: bound for word, bound in bounds.items() if bound is not None}
            return {"type": "integer" if isinstance(kind, inspect.IntType) else "number", **known}
        case _:
            return {}


def _array(
    kind: inspect.ListType | inspect.VarTupleType | inspect.SetType | inspect.FrozenSetType,
) -> Schema:
    items = _value(kind.item_type)
    if _is_secret(kind.item_type):
        items["minLength"] = 1  # an empty one would let everybody in
    bounds = {"minItems": kind.min_length, "maxItems": kind.max_length}
    return {"type": "array", "items": items, **{word: n for word, n in bounds.items() if n is not None}}


def _custom(kind: type, *, may_be_zero: bool) -> Schema:
    if issubclass(kind, Secret):
        return {"type": "string", "pattern": pattern.TEXT}
    if issubclass(kind, Duration):
        form = pattern.DURATION if may_be_zero else pattern.DURATION_ABOVE_ZERO
        return {"type": "string", "pattern": form, "examples": ["200ms", "5s", "1h"]}
    if issubclass(kind, Size):
        form = pattern.SIZE if may_be_zero else pattern.SIZE_ABOVE_ZERO
        return {"type": "string", "pattern": form, "examples": ["256KiB", "64MiB"]}
    if issubclass(kind, ListenAddress):
        examples = ["127.0.0.1:8080", "[::1]:8080", "unix:/run/gateway/events.sock"]
        return {"type": "string", "pattern": pattern.LISTEN_ADDRESS, "examples": examples}
    if issubclass(kind, SocketMode):
        return {"type": "string", "pattern": pattern.SOCKET_MODE, "examples": ["0600", "0660"]}
    return {}


def _choice(values: Iterable[Any]) -> Schema:
    return _any_of([{"enum": list(values)}, {"type": "string", "pattern": pattern.REFERENCE}])


def _any_of(schemas: list[Schema]) -> Schema:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _twin(name: str, kind: inspect.Type) -> Schema:
    held = f"one of `{name}` on each line" if _is_array(kind) else f"`{name}`"
    words = f"A file with {held}, instead of writing it here; it is read again at each reload."
    return {"description": words, "type": "string", "pattern": pattern.TEXT}


def _refused_twins(name: str, *, required: bool) -> list[Schema]:
    """A secret beside its own file, and neither of them where one is needed."""
    twin = f"{name}_file"
    neither: Schema = {"not": {"anyOf": [{"required": [name]}, {"required": [twin]}]}}
    return [{"required": [name, twin]}, *([neither] if required else [])]


def _secrets_beside(kind: inspect.Type) -> tuple[str, ...]:
    return secrets_of(kind.extra) if isinstance(kind, inspect.Metadata) else ()


def _refused_alone(name: str, secrets: tuple[str, ...]) -> list[Schema]:
    """A key without the first of its secrets, and any of them without it; an empty one is as good as none."""
    if not secrets:
        return []
    needed = [_present(secrets[0]), _present(f"{secrets[0]}_file")]
    alone: list[Schema] = [{**_written_out(name), "not": {"anyOf": needed}}]
    for secret in secrets:
        shown = [_written_out(secret), _present(f"{secret}_file")]
        alone.append({"anyOf": shown, "not": _present(name)})
    return alone


def _present(name: str) -> Schema:
    return {"required": [name]}


def _written_out(name: str) -> Schema:
    """There, and not empty: what the environment says may be."""
    return {**_present(name), "properties": {name: {"pattern": pattern.WRITTEN_OUT}}}


def _is_secret(kind: inspect.Type) -> bool:
    return any(isinstance(each, inspect.CustomType) and each.cls is Secret for each in _within(kind))


def _is_array(kind: inspect.Type) -> bool:
    return any(isinstance(each, inspect.ListType | inspect.VarTupleType) for each in _within(kind))


def _within(kind: inspect.Type) -> Iterable[inspect.Type]:
    """A type and those it is made of; the keys of a table within have twins of their own."""
    yield kind
    match kind:
        case inspect.Metadata():
            yield from _within(kind.type)
        case inspect.UnionType():
            for each in kind.types:
                yield from _within(each)
        case inspect.ListType() | inspect.VarTupleType():
            yield from _within(kind.item_type)
