"""A parsed TOML document into a Config: sections, destinations and what they inherit."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from msgspec import UNSET, Struct, structs

from gateway.config.conflicts import Conflict, conflicts, destination_conflicts
from gateway.config.key import dotted
from gateway.config.model import (
    AdminConfig,
    BufferConfig,
    Config,
    DeadLettersConfig,
    DeliveryConfig,
    DestinationConfig,
    FlushConfig,
    LogConfig,
    ReceiverConfig,
    ShutdownConfig,
    TlsConfig,
)
from gateway.config.table import NO_TABLE, TableReader
from gateway.config.tls import server_context, tls_paths
from gateway.errors import ConfigError, ConfigFault
from gateway.sender import SenderPlugin

_ONCE = ("receiver", "admin", "shutdown", "log")
_INHERITED: dict[str, type[Struct]] = {
    "buffer": BufferConfig,
    "flush": FlushConfig,
    "delivery": DeliveryConfig,
    "dead_letters": DeadLettersConfig,
}
Section = TypeVar("Section", bound=Struct)

_DESTINATIONS = "destinations"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_NAME_RULE = (
    "a name is made of a-z, 0-9, _ and -, begins with a letter or digit, and has at most 64 characters"
)


class _NoSender(Struct, frozen=True):
    """Stands in where the sender's own keys were refused, so that the sections are checked nevertheless."""


def _nothing(_: Path) -> None:
    pass


def parse(
    document: Mapping[str, Any],
    *,
    environment: Mapping[str, str],
    plugins: Mapping[str, SenderPlugin],
    note_file: Callable[[Path], object] = _nothing,
) -> Config:
    """The configuration in `document`, with defaults filled in.

    `plugins` are the known senders by type; `note_file` is told of every file of a secret or of TLS right
    before it is read. Raises ConfigError with every fault of the document and of those files.
    """
    return _Document(document, environment, plugins, note_file).config()


class _Document:
    """One reading of one document: every method notes faults with the reader and goes on."""

    def __init__(
        self,
        document: Mapping[str, Any],
        environment: Mapping[str, str],
        plugins: Mapping[str, SenderPlugin],
        note_file: Callable[[Path], object],
    ) -> None:
        self._document = document
        self._plugins = plugins
        self._note_file = note_file
        self._reader = TableReader(environment, note_file)

    def config(self) -> Config:
        """All of it. Raises ConfigError."""
        self._reader.refuse_unknown(self._document, (*_ONCE, *_INHERITED, _DESTINATIONS), "")
        config = Config(
            receiver=self._section("receiver", ReceiverConfig),
            admin=self._section("admin", AdminConfig),
            shutdown=self._section("shutdown", ShutdownConfig),
            log=self._section("log", LogConfig),
            destinations=self._destinations(),
        )
        self._refuse_conflicts(config)
        self._refuse_tls(config.receiver.tls)
        if self._reader.faults:
            raise ConfigError(self._reader.faults)
        return config

    def _section(self, name: str, kind: type[Section]) -> Section:
        return kind(**self._values(self._document, name, kind, name))

    def _values(self, owner: Mapping[str, Any], section: str, kind: type[Struct], key: str) -> dict[str, Any]:
        """What `owner` sets in one of its sections; nothing where the section is not written."""
        return self._reader.values(owner.get(section, {}), kind, key)

    def _destinations(self) -> dict[str, DestinationConfig]:
        tables = self._reader.table(self._document.get(_DESTINATIONS, {}), _DESTINATIONS)
        if not tables and not self._reader.is_faulty(_DESTINATIONS):
            self._reader.refuse(_DESTINATIONS, "at least one [destinations.NAME] is needed")
        inherited = {
            name: self._values(self._document, name, kind, name) for name, kind in _INHERITED.items()
        }
        destinations = {}
        for name, value in tables.items():
            key = dotted(_DESTINATIONS, name)
            if not _NAME.fullmatch(name):
                self._reader.refuse(key, _NAME_RULE)
            if isinstance(value, dict):
                destinations[name] = self._destination(name, value, key, inherited)
            else:
                self._reader.refuse(key, NO_TABLE)
        return destinations

    def _destination(
        self, name: str, table: dict[str, Any], key: str, inherited: Mapping[str, Mapping[str, Any]]
    ) -> DestinationConfig:
        type_name = self._type(table, key)
        sections: dict[str, Any] = {}
        for section, kind in _INHERITED.items():
            own = self._values(table, section, kind, f"{key}.{section}")
            sections[section] = kind(**{**inherited[section], **own})
        return DestinationConfig(
            name=name, type=type_name, sender=self._sender(table, type_name, key), **sections
        )

    def _type(self, table: Mapping[str, Any], key: str) -> str:
        """The destination's type, or "" if no sender of that type can be had."""
        known = f"known types are {', '.join(sorted(self._plugins))}"
        if "type" not in table:
            self._reader.refuse(f"{key}.type", f"missing; {known}")
            return ""
        name = self._reader.text(table["type"], f"{key}.type")
        if name is UNSET or name in self._plugins:
            return name or ""
        self._reader.refuse(f"{key}.type", f"unknown; {known}")
        return ""

    def _sender(self, table: dict[str, Any], type_name: str, key: str) -> Struct:
        if (plugin := self._plugins.get(type_name)) is None:
            return _NoSender()
        fields = structs.fields(plugin.config_type)
        values = self._reader.members(table, plugin.config_type, key, beside=("type", *_INHERITED))
        if any(field.required and field.name not in values for field in fields):
            return _NoSender()
        sender = plugin.config_type(**values)
        refused = [f.encode_name for f in fields if self._reader.is_faulty(dotted(key, f.encode_name))]
        for fault in plugin.check(sender):
            # A fault that speaks of a refused key comes from the default in its place, and is none.
            if not any(name in f"{fault.key} {fault.message}" for name in refused):
                self._reader.refuse(f"{key}.{fault.key}", fault.message)
        return sender

    def _refuse_tls(self, tls: TlsConfig) -> None:
        """Refuse files that TLS cannot be spoken with; if their own keys are right so far."""
        if self._reader.is_faulty("receiver.tls"):
            return
        for path in tls_paths(tls):
            self._note_file(path)
        try:
            server_context(tls)
        except ConfigError as error:
            for fault in error.faults:
                self._reader.refuse(fault.key, fault.message)

    def _refuse_conflicts(self, config: Config) -> None:
        # All are found before the first is refused: a value in a conflict is known, and may be in another.
        for fault in list(self._conflicts(config)):
            self._reader.refuse(fault.key, fault.message)

    def _conflicts(self, config: Config) -> Iterator[ConfigFault]:
        for conflict in conflicts(config):
            yield from self._blame(conflict, {}, "")
        for name, destination in config.destinations.items():
            table = self._document[_DESTINATIONS][name]
            for conflict in destination_conflicts(config, destination):
                yield from self._blame(conflict, table, dotted(_DESTINATIONS, name))

    def _blame(self, conflict: Conflict, table: Mapping[str, Any], table_key: str) -> Iterator[ConfigFault]:
        """Blame the value that stands closest: the destination's own, else the file's, else the first.

        A conflict with a value that was refused, and so is not known, is none.
        """
        own = {key: f"{table_key}.{key}" for key in conflict.keys if _is_written(table, key)}
        if any(self._reader.is_faulty(own.get(key, key)) for key in conflict.keys):
            return
        written = [key for key in conflict.keys if key not in own and _is_written(self._document, key)]
        yield ConfigFault([*own.values(), *written, *conflict.keys][0], conflict.message)


def _is_written(table: Mapping[str, Any], key: str) -> bool:
    section, _, name = key.rpartition(".")
    return name in (table.get(section, {}) if section else table)
