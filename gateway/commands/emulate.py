"""`gateway emulate BUS`: an emulated bus alone."""

import asyncio
import ipaddress
import signal
import sys
from collections.abc import Sequence

import uvloop

from gateway.commands.bus_name import BusName
from gateway.commands.emulated_bus import EmulatedBus, emulated_bus
from gateway.config import ListenAddress
from gateway.exit_code import ExitCode


def emulate(*, bus: BusName, listen: ListenAddress, event_buses: Sequence[str] = ()) -> ExitCode:
    """Emulate that bus, with those event buses or any, until SIGTERM or SIGINT; the exit code."""
    if listen.path is not None:
        sys.stderr.write("--listen: the emulated bus listens on TCP only\n")
        return ExitCode.BAD_USAGE
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(emulated_bus(bus, event_buses), listen))


async def _serve(bus: EmulatedBus, listen: ListenAddress) -> ExitCode:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        url = await bus.emulator.start(listen.host, listen.port)
    except OSError as error:
        sys.stderr.write(f"the emulated bus cannot listen on {listen}: {error.strerror}\n")
        return ExitCode.FAILED
    if not _is_loopback(listen.host):
        sys.stderr.write(
            f"warning: {listen} is open beyond this machine, and the control interface"
            f" {url}/_emulator/ asks for no credentials\n"
        )
    sys.stdout.write(_introduction(url, bus))
    sys.stdout.flush()
    await stop.wait()
    await bus.emulator.aclose()
    return ExitCode.OK


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _introduction(url: str, bus: EmulatedBus) -> str:
    keys = {**bus.address, **bus.credentials}
    lines = "".join(f"  {name:<26} {value}\n" for name, value in keys.items())
    return f"""\
Emulated {bus.title}: {url}
{lines}\
  exists                     {bus.exists}
  what it received           curl -s {url}/_emulator/events
  faults (PUT to set them)   curl -s {url}/_emulator/faults
"""
