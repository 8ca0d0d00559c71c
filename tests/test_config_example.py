"""The files that we ship."""

import re
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct, structs

from gateway.config import (
    AdminConfig,
    BufferConfig,
    Config,
    DeadLettersConfig,
    DeliveryConfig,
    FlushConfig,
    LogConfig,
    ReceiverConfig,
    ShutdownConfig,
    load,
)
from gateway.sender import SenderPlugin

FILES = Path(__file__).parent.parent / "config"
EXAMPLE = FILES / "gateway.example.toml"
PLUGINS: dict[str, SenderPlugin] = {
    found.name: found.load() for found in entry_points(group="gateway.senders")
}
SECTIONS: dict[str, type[Struct]] = {
    "receiver": ReceiverConfig,
    "admin": AdminConfig,
    "buffer": BufferConfig,
    "flush": FlushConfig,
    "delivery": DeliveryConfig,
    "dead_letters": DeadLettersConfig,
    "shutdown": ShutdownConfig,
    "log": LogConfig,
}
CHOSEN = {
    "aws": {"region"},
    "alibaba": {"endpoint", "event_bus"},
    "huawei": {"endpoint", "project_id", "channel_id"},
    "file": set(),
}
"""What no default can know."""


def example() -> Config:
    return load(EXAMPLE, environment={}, plugins=PLUGINS)


def keys(struct: type[Struct] | Struct) -> dict[str, Any]:
    """The keys of a section, those of a table within it as a dictionary of their own."""
    return {
        field.encode_name: keys(field.type)
        if isinstance(field.type, type) and issubclass(field.type, Struct)
        else None
        for field in structs.fields(struct)
    }


def shape(table: dict[str, Any]) -> dict[str, Any]:
    return {name: shape(value) if isinstance(value, dict) else None for name, value in table.items()}


@pytest.mark.parametrize("path", sorted(FILES.glob("*.toml")), ids=lambda path: path.name)
def test_every_file_is_right(path: Path) -> None:
    """With the senders that are installed, and nothing in the environment."""
    assert load(path, environment={}, plugins=PLUGINS).destinations


@pytest.mark.parametrize("section", SECTIONS)
def test_the_example_lists_every_key_of_each_section(section: str) -> None:
    """And in the order in which the code has them."""
    found = shape(tomllib.loads(EXAMPLE.read_text())[section])
    assert (found, list(found)) == (keys(SECTIONS[section]), list(keys(SECTIONS[section])))


@pytest.mark.parametrize("section", SECTIONS)
def test_each_value_in_the_example_is_the_default(section: str) -> None:
    """Who deletes a line of it changes nothing."""
    found = example()
    holders = [found] if hasattr(found, section) else list(found.destinations.values())
    assert [getattr(holder, section) for holder in holders] == [SECTIONS[section]()] * len(holders)


def test_the_example_has_a_destination_of_every_type() -> None:
    """What can be configured is shown."""
    assert {destination.type for destination in example().destinations.values()} == set(PLUGINS)


@pytest.mark.parametrize("type_name", sorted(PLUGINS))
def test_the_example_lists_every_key_of_a_destination_with_its_default(type_name: str) -> None:
    """A key that has no default value stands in a comment."""
    (destination,) = [found for found in example().destinations.values() if found.type == type_name]
    text = EXAMPLE.read_text().partition(f"[destinations.{destination.name}]")[2].partition("\n[")[0]
    written = re.findall(r"^(?:# )?(\w+) = ", text, re.MULTILINE)
    assert written == ["type", *keys(destination.sender)]
    for field in structs.fields(destination.sender):
        if field.name not in CHOSEN[destination.type]:
            assert getattr(destination.sender, field.name) == field.default
