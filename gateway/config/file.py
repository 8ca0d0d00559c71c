"""The file on disk: read, parsed as TOML, handed on."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.config.document import parse
from gateway.config.model import Config
from gateway.config.text_file import read_text
from gateway.errors import ConfigError, ConfigFault
from gateway.sender import SenderPlugin


def load(path: Path, *, environment: Mapping[str, str], plugins: Mapping[str, SenderPlugin]) -> Config:
    """The configuration in the file, with defaults filled in; secrets' own files are read again each time.

    Raises ConfigError with every fault; a file that cannot be read or is no TOML has one, under its path.
    """
    return parse(read_document(path), environment=environment, plugins=plugins)


def read_document(path: Path) -> dict[str, Any]:
    """The file as TOML. Raises ConfigError with one fault, under its path."""
    try:
        return tomllib.loads(read_text(path))
    except RecursionError:
        raise ConfigError([ConfigFault(str(path), "is nested too deeply")]) from None
    except ValueError as error:  # from tomllib with line and column; it quotes keys, never values
        raise ConfigError([ConfigFault(str(path), _sentence(str(error)))]) from None


def _sentence(text: str) -> str:
    return text[:1].lower() + text[1:]
