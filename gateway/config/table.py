"""Tables of the file, key by key into the values of a Struct; every fault is gathered, none raised.

Knows no key by name: types, defaults and ranges are the Structs' own.
"""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from enum import EnumMeta
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from msgspec import UNSET, Struct, UnsetType, ValidationError, convert, structs

from gateway.config.environment import expand
from gateway.config.key import dotted
from gateway.config.listen import ListenAddress, SocketMode
from gateway.config.text_file import read_secret, read_secrets
from gateway.errors import ConfigFault
from gateway.secret import Secret
from gateway.units import MAY_BE_ZERO, Duration, Size

NO_TABLE = "expected a table"

_FILE_TWIN = "_file"
_PLACE = re.compile(r" - at `\$(?P<place>.*)`$")
_TYPE_NAMES = re.compile(r"`([a-z |]+)`")
_TOML_NAMES = {
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "array": "an array",
    "object": "a table",
    "datetime": "a date and time",
    "date": "a date",
    "time": "a time",
}


class TableReader:
    """Reads one file's tables; `faults` holds what was wrong so far, in the order of reading."""

    def __init__(self, environment: Mapping[str, str], note_file: Callable[[Path], object]) -> None:
        self._environment = environment
        self._note_file = note_file
        """Told of every secret's file right before it is read."""
        self.faults: list[ConfigFault] = []

    def refuse(self, key: str, message: str) -> None:
        """Note a fault, once."""
        if (fault := ConfigFault(key, message)) not in self.faults:
            self.faults.append(fault)

    def is_faulty(self, key: str) -> bool:
        """Whether the value of `key`, or a part of it, was refused."""
        inside = (f"{key}.", f"{key}[")
        return any(
            fault.key in (key, key + _FILE_TWIN) or fault.key.startswith(inside) for fault in self.faults
        )

    def table(self, value: object, key: str) -> dict[str, Any]:
        """`value` if it is a table; else a fault, and an empty one."""
        if isinstance(value, dict):
            return value
        self.refuse(key, NO_TABLE)
        return {}

    def refuse_unknown(self, names: Iterable[str], known: Collection[str], key: str) -> None:
        """A fault for each of `names` in the table `key` that is not among `known`."""
        for name in names:
            if name not in known:
                meant = _meant(name, known)
                self.refuse(
                    dotted(key, name), f"unknown key; did you mean {meant}?" if meant else "unknown key"
                )

    def values(
        self, value: object, config_type: type[Struct], key: str, *, beside: Collection[str] = ()
    ) -> dict[str, Any]:
        """What the table sets of `config_type`, by attribute; a value that was refused is left out.

        `beside` are names that others read from the same table.
        """
        table = self.table(value, key)
        fields = {field.encode_name: field for field in structs.fields(config_type)}
        twins = {name + _FILE_TWIN: name for name, field in fields.items() if _is_secret(field.type)}
        self.refuse_unknown(table, (*fields, *twins, *beside), key)
        values = {}
        for name, raw in table.items():
            if name in fields:
                values[fields[name].name] = self._value(raw, fields[name].type, dotted(key, name))
            elif name in twins and twins[name] in table:
                self.refuse(dotted(key, name), f"{twins[name]} is set too: keep one of them")
            elif name in twins:
                field = fields[twins[name]]
                values[field.name] = self._secret_from_file(raw, field.type, dotted(key, name))
        return {name: value for name, value in values.items() if value is not UNSET}

    def members(
        self, value: object, config_type: type[Struct], key: str, *, beside: Collection[str] = ()
    ) -> dict[str, Any]:
        """Like `values`, with a fault for each member that is required and not there."""
        values = self.values(value, config_type, key, beside=beside)
        for field in structs.fields(config_type):
            name = dotted(key, field.encode_name)
            if field.required and field.name not in values and not self.is_faulty(name):
                self.refuse(name, "missing")
        return values

    def struct(self, value: object, config_type: type[Struct], key: str) -> Struct | UnsetType:
        """The table as a `config_type`, or UNSET if anything in it was refused."""
        before = len(self.faults)
        values = self.members(value, config_type, key)
        return config_type(**values) if len(self.faults) == before else UNSET

    def text(self, value: object, key: str) -> str | UnsetType:
        """A string of the file with the environment's values in it, or UNSET if it was refused."""
        text: str | UnsetType = self._value(value, str, key)
        return text

    def _value(self, raw: object, kind: Any, key: str) -> Any:
        """`raw` as a `kind`, or UNSET if it was refused."""
        if isinstance(kind, type) and issubclass(kind, Struct):
            return self.struct(raw, kind, key)
        before = len(self.faults)
        expanded = self._expand(raw, key)
        if len(self.faults) > before:
            return UNSET
        try:
            value = convert(expanded, kind, dec_hook=_decode)
        except ValidationError as error:
            place, message = _explain(error, kind)
            self.refuse(key + place, message)
            return UNSET
        if (fault := _nonsense(value, kind)) is not None:
            self.refuse(key, fault)
            return UNSET
        return value

    def _expand(self, raw: Any, key: str) -> Any:
        """`raw` with references replaced in every string of it, however deep."""
        if isinstance(raw, list):
            return [self._expand(item, f"{key}[{index}]") for index, item in enumerate(raw)]
        if isinstance(raw, dict):
            return {name: self._expand(item, dotted(key, name)) for name, item in raw.items()}
        if not isinstance(raw, str):
            return raw
        try:
            return expand(raw, self._environment)
        except ValueError as error:
            self.refuse(key, str(error))
            return raw

    def _secret_from_file(self, raw: object, kind: Any, key: str) -> Any:
        if (path := self.text(raw, key)) is UNSET:
            return UNSET
        self._note_file(Path(path))
        try:
            if _is_array(kind):
                return convert([Secret(text) for text in read_secrets(Path(path))], kind)
            return Secret(read_secret(Path(path)))
        except ValueError as error:
            self.refuse(key, str(error))  # not the path: a secret may stand there by mistake
            return UNSET


def _meant(name: str, known: Collection[str]) -> str | None:
    """The key with the same words in another order, else the one spelled most alike, if any is."""
    words = sorted(name.split("_"))
    same_words = [each for each in known if sorted(each.split("_")) == words]
    return next(iter(same_words or get_close_matches(name, known, n=1)), None)


def _is_secret(kind: Any) -> bool:
    return kind is Secret or any(map(_is_secret, get_args(kind)))


def _is_array(kind: Any) -> bool:
    return get_origin(kind) in (list, tuple) or any(map(_is_array, get_args(kind)))


def _decode(kind: Any, value: object) -> object:
    if issubclass(kind, Secret):
        if not isinstance(value, str):
            raise TypeError("expected a string")
        return kind(value)
    if issubclass(kind, (Duration, Size, ListenAddress, SocketMode)):
        return kind.parse(value if isinstance(value, str) else "")  # refused, with the right form
    raise NotImplementedError(kind)


def _nonsense(value: object, kind: Any) -> str | None:
    if isinstance(value, Duration | Size) and not value and MAY_BE_ZERO not in get_args(kind):
        return "must be more than zero"
    if isinstance(value, float) and not math.isfinite(value):
        return "expected a finite number"
    if isinstance(value, list | tuple) and any(isinstance(item, Secret) and not item for item in value):
        return "an empty secret would let everybody in"
    return None


def _explain(error: ValidationError, kind: Any) -> tuple[str, str]:
    """Where inside the value, and what is wrong with it, without the value itself: it may be a secret."""
    message = str(error)
    place = match["place"] if (match := _PLACE.search(message)) else ""
    if message.startswith("Invalid enum value"):
        *others, last = (f'"{choice}"' for choice in _choices(kind))
        return place, f"expected {', '.join(others)} or {last}" if others else f"expected {last}"
    message = _TYPE_NAMES.sub(_toml_names, _PLACE.sub("", message))
    return place, message[0].lower() + message[1:]


def _toml_names(match: re.Match[str]) -> str:
    names = [_TOML_NAMES.get(name, name) for name in match[1].split(" | ") if name != "null"]
    return " or ".join(names)


def _choices(kind: Any) -> list[str]:
    if isinstance(kind, EnumMeta):
        return [str(member.value) for member in kind]  # type: ignore[var-annotated]
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    return [choice for inner in get_args(kind) for choice in _choices(inner)]
