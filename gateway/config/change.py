"""What a configuration that is read again changes at once, and what only the next start can change."""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from gateway.config.key import dotted
from gateway.config.model import Config, DestinationConfig


class Change(Struct, frozen=True):
    """From the configuration in use to the one in the file."""

    config: Config
    """What is in use from now on: the new values where they can be, else the former ones."""
    changed: tuple[str, ...]
    """What is different now, dotted: sections, as "destinations.NAME.flush", and a sender's own keys."""
    needs_restart: tuple[str, ...]
    """The keys that are different in the file, and stay as they were."""


def change(former: Config, new: Config) -> Change:
    """From `former`, which is in use, to `new`, as far as that goes without a new start."""
    config = Config(
        receiver=replace(
            new.receiver,
            listen=former.receiver.listen,
            unix_socket_mode=former.receiver.unix_socket_mode,
        ),
        admin=replace(new.admin, listen=former.admin.listen),
        shutdown=replace(new.shutdown, spill=former.shutdown.spill),
        log=replace(new.log, format=former.log.format),
        destinations={
            name: _destination(each, new.destinations.get(name, each))
            for name, each in former.destinations.items()
        },
    )
    return Change(config, tuple(_changed(former, config)), tuple(_needs_restart(config, new)))


def _destination(former: DestinationConfig, new: DestinationConfig) -> DestinationConfig:
    return replace(new, buffer=replace(new.buffer, journal=former.buffer.journal))


def _changed(former: Config, config: Config) -> Iterator[str]:
    for section in ("receiver", "admin", "shutdown", "log"):
        if getattr(former, section) != getattr(config, section):
            yield section
    for name, destination in config.destinations.items():
        before, owner = former.destinations[name], dotted("destinations", name)
        for key in _changed_keys(before, destination):
            yield f"{owner}.{key}"
        for section in ("buffer", "flush", "delivery", "dead_letters"):
            if getattr(before, section) != getattr(destination, section):
                yield f"{owner}.{section}"


def _changed_keys(former: DestinationConfig, new: DestinationConfig) -> Iterator[str]:
    """The keys beside the sections; those of another type are others, and not named one by one."""
    if former.type != new.type:
        yield "type"
        return
    for key in new.sender.__struct_fields__:
        if getattr(former.sender, key) != getattr(new.sender, key):
            yield key


def _needs_restart(config: Config, new: Config) -> Iterator[str]:
    """The keys of `new` that `config`, which is in use, does not have as they are written."""
    for section in ("receiver", "admin", "shutdown", "log"):
        in_use, written = getattr(config, section), getattr(new, section)
        for key in in_use.__struct_fields__:
            if getattr(in_use, key) != getattr(written, key):
                yield f"{section}.{key}"
    for name in sorted(config.destinations.keys() ^ new.destinations.keys()):
        yield dotted("destinations", name)
    for name in sorted(config.destinations.keys() & new.destinations.keys()):
        if config.destinations[name].buffer != new.destinations[name].buffer:
            yield f"{dotted('destinations', name)}.buffer.journal"
