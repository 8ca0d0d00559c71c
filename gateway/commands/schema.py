"""`gateway schema`: what an editor must know to complete and check a configuration file."""

from collections.abc import Mapping
from typing import TextIO

from msgspec import json

from gateway.config.schema import json_schema
from gateway.exit_code import ExitCode
from gateway.sender import SenderPlugin


def schema(plugins: Mapping[str, SenderPlugin], out: TextIO) -> ExitCode:
    """Print the JSON Schema of the configuration, with the senders that are installed; the exit code."""
    out.write(json.format(json.encode(json_schema(plugins))).decode() + "\n")
    return ExitCode.OK
