"""`gateway run`: the gateway, until a signal asks it to drain."""

import asyncio
import logging
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import uvloop

from gateway import logs, senders
from gateway.app import App
from gateway.config import Config, LogLevel
from gateway.config.source import ConfigSource
from gateway.errors import ConfigError
from gateway.exit_code import ExitCode
from gateway.process import end_at_once, raise_descriptor_limit, refuse
from gateway.sender import SenderPlugin
from gateway.workers.supervisor import Supervisor

log = logging.getLogger(__name__)


def run(path: Path, *, log_level: LogLevel | None, workers: int) -> ExitCode:
    """Load the configuration and serve; the exit code."""
    plugins = senders.plugins()
    source = ConfigSource(path, environment=os.environ, plugins=plugins, log_level=log_level)
    try:
        config = source.load()
        source.keep()
    except ConfigError as error:
        return refuse(error)
    logs.configure(config.log.level, config.log.format)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if workers > 1:
            return runner.run(supervise(config, source, workers))
        return runner.run(serve(config, plugins, source))


async def serve(config: Config, plugins: Mapping[str, SenderPlugin], source: ConfigSource) -> ExitCode:
    """Run one gateway in this loop until SIGTERM or SIGINT; a second signal spills at once."""
    try:
        app = App(config, plugins, source)
        heed_signals(app)
        raise_descriptor_limit(config)
        await app.start()
    except ConfigError as error:
        return refuse(error)
    except OSError as error:
        log.critical("the gateway cannot start", extra={"error": error.strerror or str(error)})
        return ExitCode.FAILED
    code = await app.run_until_stopped()
    if app.hangs:
        end_at_once(code)
    return code


async def supervise(config: Config, source: ConfigSource, workers: int) -> ExitCode:
    """Run several workers and look after them, until the same signals, which are for all of them."""
    try:
        supervisor = Supervisor(config, source, workers)
        heed_signals(supervisor)
        await supervisor.start()
    except ConfigError as error:
        return refuse(error)
    except OSError as error:
        log.critical("the gateway cannot start", extra={"error": error.strerror or str(error)})
        return ExitCode.FAILED
    return await supervisor.run_until_stopped()


def heed_signals(app: App | Supervisor) -> None:
    """SIGTERM and SIGINT ask for a drain, once more for haste; SIGHUP has the configuration read again."""
    loop = asyncio.get_running_loop()
    seen: set[int] = set()

    def stop(number: int) -> None:
        if seen:
            app.hurry()
        seen.add(number)
        app.request_drain()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    loop.add_signal_handler(signal.SIGHUP, app.ask_for_reload)
