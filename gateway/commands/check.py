"""`gateway check`: whether a configuration is right, and what it says in full."""

from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from gateway.config import load
from gateway.config.toml import render
from gateway.errors import ConfigError
from gateway.exit_code import ExitCode
from gateway.sender import SenderPlugin


def check(
    path: Path,
    environment: Mapping[str, str],
    plugins: Mapping[str, SenderPlugin],
    out: TextIO,
    err: TextIO,
) -> ExitCode:
    """Print the configuration with defaults filled in and secrets masked, or every fault; the exit code."""
    try:
        config = load(path, environment=environment, plugins=plugins)
    except ConfigError as error:
        err.writelines(f"{fault}\n" for fault in error.faults)
        return ExitCode.BAD_USAGE
    out.write(render(config))
    return ExitCode.OK
