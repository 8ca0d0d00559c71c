"""A worker's process: a gateway without administration, told what to do by its supervisor.

`python -m gateway.workers.worker DESCRIPTOR`, which is the socket to the supervisor. A supervisor that has
gone is an order to drain.
"""

import asyncio
import logging
import signal
import socket
import sys

import uvloop

from gateway import logs, senders
from gateway.app import App
from gateway.errors import ConfigError
from gateway.exit_code import ExitCode
from gateway.process import end_at_once, raise_descriptor_limit, refuse
from gateway.workers.channel import Channel
from gateway.workers.messages import Adopt, Adopted, Ask, Begin, Order, Ready, Report

log = logging.getLogger(__name__)

LAST_WORD = 0
"""The number of the report that nobody asked for."""


def main(descriptor: int) -> ExitCode:
    """Take events until told to drain; the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C comes to the supervisor as well, which knows better
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work(socket.socket(fileno=descriptor)))


async def work(end: socket.socket) -> ExitCode:
    """One worker, from its supervisor's first word to its own last."""
    channel = await Channel.over(end)
    begin = await channel.receive()
    if not isinstance(begin, Begin):
        return ExitCode.FAILED
    logs.configure(begin.config.log.level, begin.config.log.format)
    _mark_records(begin.member.index)
    try:
        app = App(begin.config, senders.plugins(), member=begin.member)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, app.request_drain)
        raise_descriptor_limit(begin.config)
        await app.start()
    except ConfigError as error:
        return refuse(error)
    except OSError as error:
        log.critical("a worker cannot start", extra={"error": error.strerror or str(error)})
        return ExitCode.FAILED
    channel.send(Ready(tuple(app.receiver_addresses)))
    obeying = asyncio.create_task(_obey(channel, app))
    code = await app.run_until_stopped()
    obeying.cancel()
    channel.send(_report(app, LAST_WORD))
    await channel.aclose()
    if app.hangs:
        end_at_once(code)
    return code


async def _obey(channel: Channel, app: App) -> None:
    """Do as told, one after the other."""
    while (message := await channel.receive()) is not None:
        if isinstance(message, Ask):
            channel.send(_report(app, message.number))
        elif isinstance(message, Adopt):
            channel.send(await _adopt(app, message))
        elif message is Order.DRAIN:
            app.request_drain()
        elif message is Order.HURRY:
            app.hurry()
    log.warning("the supervisor has gone; draining")
    app.request_drain()


async def _adopt(app: App, adopt: Adopt) -> Adopted:
    try:
        await app.apply(adopt.config)
    except ConfigError as error:
        return Adopted(adopt.number, error.faults)
    return Adopted(adopt.number)


def _report(app: App, number: int) -> Report:
    return Report(number, app.snapshot(), app.unready_because(), app.senders())


def _mark_records(index: int) -> None:
    """Have every line of the log say which worker it is of."""
    make = logging.getLogRecordFactory()

    def marked(*args: object, **kwargs: object) -> logging.LogRecord:
        record = make(*args, **kwargs)
        record.worker = index
        return record

    logging.setLogRecordFactory(marked)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
