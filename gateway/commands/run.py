"""`gateway run`: the gateway, until a signal asks it to drain."""

import asyncio
import logging
import os
import resource
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import uvloop

from gateway import logs, senders
from gateway.app import App
from gateway.config import Config, LogLevel
from gateway.config.source import ConfigSource
from gateway.errors import ConfigError
from gateway.exit_code import ExitCode
from gateway.sender import SenderPlugin

log = logging.getLogger(__name__)

SPARE_DESCRIPTORS = 64
"""For listeners, the administration interface, logs, dead letters and spill."""


def run(path: Path, *, log_level: LogLevel | None, workers: int) -> ExitCode:
    """Load the configuration and serve; the exit code."""
    if workers > 1:
        sys.stderr.write("--workers: more than one is not available yet\n")
        return ExitCode.BAD_USAGE
    plugins = senders.plugins()
    source = ConfigSource(path, environment=os.environ, plugins=plugins, log_level=log_level)
    try:
        config = source.load()
    except ConfigError as error:
        return refuse(error)
    logs.configure(config.log.level, config.log.format)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
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
        logging.shutdown()
        os._exit(code)  # the interpreter would wait for the thread
    return code


def heed_signals(app: App) -> None:
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


def raise_descriptor_limit(config: Config) -> None:
    """Let the process open as many files as it may: producers' connections must not take the bus's."""
    wanted = 2 * config.receiver.max_connections + SPARE_DESCRIPTORS
    wanted += sum(destination.delivery.max_in_flight for destination in config.destinations.values())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
        if most < wanted:
            log.warning("the limit of open files is low for receiver.max_connections", extra={
                "limit": most, "wanted": wanted})  # fmt: skip


def refuse(error: ConfigError) -> ExitCode:
    """Say every fault on standard error, one a line."""
    sys.stderr.writelines(f"{fault}\n" for fault in error.faults)
    return ExitCode.BAD_USAGE
