"""`gateway run`: the gateway, until a signal asks it to drain."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import uvloop

from gateway import logs, senders
from gateway.app import App
from gateway.config import Config, LogLevel, load
from gateway.errors import ConfigError
from gateway.exit_code import ExitCode
from gateway.sender import SenderPlugin

log = logging.getLogger(__name__)


def run(path: Path, *, log_level: LogLevel | None, workers: int) -> ExitCode:
    """Load the configuration and serve; the exit code."""
    if workers > 1:
        sys.stderr.write("--workers: more than one is not available yet\n")
        return ExitCode.BAD_USAGE
    plugins = senders.plugins()
    try:
        config = load(path, environment=os.environ, plugins=plugins)
    except ConfigError as error:
        return refuse(error)
    logs.configure(log_level or config.log.level, config.log.format)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(config, plugins))


async def serve(config: Config, plugins: Mapping[str, SenderPlugin]) -> ExitCode:
    """Run one gateway in this loop until SIGTERM or SIGINT; a second signal spills at once."""
    app = App(config, plugins)
    try:
        await app.start()
    except ConfigError as error:
        return refuse(error)
    except OSError as error:
        log.critical("the gateway cannot start", extra={"error": str(error)})
        return ExitCode.FAILED
    drain_on_signals(app)
    return await app.run_until_stopped()


def drain_on_signals(app: App) -> None:
    """SIGTERM and SIGINT ask for a drain."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, app.request_drain)


def refuse(error: ConfigError) -> ExitCode:
    """Say every fault on standard error, one a line."""
    sys.stderr.writelines(f"{fault}\n" for fault in error.faults)
    return ExitCode.BAD_USAGE
