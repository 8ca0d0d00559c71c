"""`gateway dev`: the gateway with an emulated bus inside; needs no account, no file and no network."""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

import uvloop

from gateway import logs, senders
from gateway.app import App
from gateway.commands.bus_name import BusName
from gateway.commands.emulated_bus import EmulatedBus, emulated_bus
from gateway.commands.run import heed_signals
from gateway.config import ListenAddress, LogFormat, LogLevel, parse
from gateway.errors import ConfigError
from gateway.exit_code import ExitCode
from gateway.process import refuse

EVENT = '{"specversion":"1.0","id":"1","source":"/hello","type":"com.example.hello","data":{"n":1}}'


def dev(*, bus: BusName, listen: ListenAddress, admin: ListenAddress) -> ExitCode:
    """Serve until SIGTERM or SIGINT; the exit code. Writes only to a temporary directory."""
    logs.configure(LogLevel.WARNING, LogFormat.TEXT)
    with (
        tempfile.TemporaryDirectory(prefix="gateway-dev-") as directory,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_serve(bus, listen, admin, Path(directory)))


async def _serve(name: BusName, listen: ListenAddress, admin: ListenAddress, directory: Path) -> ExitCode:
    plugins, bus = senders.plugins(), emulated_bus(name)
    async with bus.emulator:
        document = {
            # Whoever names an address beyond loopback here wants it; there is nothing to take from us.
            "receiver": {"listen": [listen], "allow_anonymous": True},
            "admin": {"listen": admin, "allow_anonymous": True},
            "dead_letters": {"path": str(directory / "dead-letters")},
            "shutdown": {"spill": "", "deadline": "5s"},  # the directory goes with the process
            "destinations": {"dev": _destination(name, bus)},
        }
        try:
            app = App(parse(document, environment={}, plugins=plugins), plugins)
            heed_signals(app)
            await app.start()
        except ConfigError as error:
            return refuse(error)
        except OSError as error:
            sys.stderr.write(f"{error.strerror}\nOther addresses: --listen 127.0.0.1:0 --admin 127.0.0.1:0\n")
            return ExitCode.FAILED
        sys.stdout.write(_introduction(app, bus))
        sys.stdout.flush()
        return await app.run_until_stopped()


def _destination(name: BusName, bus: EmulatedBus) -> dict[str, Any]:
    """The destination's table, as a file would say it."""
    return {"type": name.value, "endpoint": bus.emulator.url, **bus.address, **bus.credentials}


def _introduction(app: App, bus: EmulatedBus) -> str:
    receiver, admin, bus_url = app.receiver_addresses[0], app.admin_address, bus.emulator.url
    return f"""\
The gateway, with an emulated {bus.title} behind it.

  receiver         {receiver}
  administration   {admin}   (/ is a page; /metrics /status /healthz /readyz /openapi.json)
  emulated bus     {bus_url}

Post an event:
  curl -i {receiver}/ -H 'Content-Type: application/cloudevents+json' -d '{EVENT}'

See it at the bus, 0.2 s later:
  curl -s {bus_url}/_emulator/events

Let a tenth of the entries fail, then nothing again (what else can go wrong: gateway/emulators/faults.py):
  curl -s -X PUT {bus_url}/_emulator/faults -d '{{"standing":[{{"kind":"fail_entries","probability":0.1}}]}}'
  curl -s -X DELETE {bus_url}/_emulator/faults

Ctrl-C drains and stops.
"""
