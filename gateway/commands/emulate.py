"""`gateway emulate BUS`: an emulated bus alone."""

import asyncio
import signal
import sys

import uvloop

from gateway.config import ListenAddress
from gateway.emulators.aws import AwsBusOptions, AwsEmulator
from gateway.exit_code import ExitCode


def emulate(*, listen: ListenAddress) -> ExitCode:
    """Emulate Amazon EventBridge until SIGTERM or SIGINT; the exit code."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(listen))


async def _serve(listen: ListenAddress) -> ExitCode:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    options = AwsBusOptions(buses=None)
    bus = AwsEmulator(options)
    try:
        url = await bus.start(listen.host, listen.port)
    except OSError as error:
        sys.stderr.write(f"the emulated bus cannot listen on {listen}: {error.strerror}\n")
        return ExitCode.FAILED
    sys.stdout.write(_introduction(url, options))
    sys.stdout.flush()
    await stop.wait()
    await bus.aclose()
    return ExitCode.OK


def _introduction(url: str, options: AwsBusOptions) -> str:
    key = options.access_keys[0]
    return f"""\
Emulated Amazon EventBridge: {url}
  access key id              {key.access_key_id}
  secret access key          {key.secret_access_key}
  what it received           curl -s {url}/_emulator/events
  faults (PUT to set them)   curl -s {url}/_emulator/faults
"""
