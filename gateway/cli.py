"""The command line: arguments in, exit code out. Each larger command is a module in `commands`."""

import argparse
import os
import sys
from collections.abc import Sequence
from math import inf
from pathlib import Path

from gateway import __version__
from gateway.commands.bus_name import BusName
from gateway.commands.dead_letters.arguments import add_arguments as add_dead_letters_arguments
from gateway.config import ListenAddress, LogLevel

FORMAT = argparse.RawDescriptionHelpFormatter


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code: 0 done, 1 failed at run time, 2 bad configuration or usage."""
    options = _parser().parse_args(arguments)
    sys.exit(options.command(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gateway",
        description="CloudEvents in over HTTP, packed, delivered to a cloud event bus.",
        epilog="example:\n  gateway dev",
        formatter_class=FORMAT,
    )
    parser.add_argument("--version", action="version", version=f"gateway {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    _add_check(commands)
    _add_dev(commands)
    _add_emulate(commands)
    _add_dead_letters(commands)
    _add_plan(commands)
    _add_schema(commands)
    return parser


def _add_run(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "run",
        help="run the gateway until SIGTERM or SIGINT, then drain",
        epilog="example:\n  gateway run --config /etc/gateway/gateway.toml",
        formatter_class=FORMAT,
    )
    _add_config(command)
    command.add_argument(
        "--log-level", choices=[level.value for level in LogLevel], help="instead of log.level"
    )
    command.add_argument(
        "--workers",
        type=_count,
        default=1,
        metavar="N",
        help="processes that listen on the same addresses and share every limit (default: 1)",
    )
    command.set_defaults(command=_run)


def _add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "check",
        help="validate the configuration and print it with defaults filled in and secrets masked",
        epilog="example:\n  gateway check --config /etc/gateway/gateway.toml",
        formatter_class=FORMAT,
    )
    _add_config(command)
    command.set_defaults(command=_check)


def _add_dev(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "dev",
        help="run the gateway with an emulated bus inside: no account, no file, no network",
        epilog="example:\n  gateway dev --bus aws --listen 127.0.0.1:8080",
        formatter_class=FORMAT,
    )
    command.add_argument(
        "--bus",
        choices=[name.value for name in BusName],
        default=BusName.AWS.value,
        help="the bus to emulate (default: aws)",
    )
    _add_address(command, "--listen", "127.0.0.1:8080", "where the receiver listens")
    _add_address(command, "--admin", "127.0.0.1:8081", "where the administration interface listens")
    command.set_defaults(command=_dev)


def _add_emulate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "emulate",
        help="run an emulated bus alone, strict about limits and signatures, with faults on demand",
        epilog="example:\n  gateway emulate aws --listen 127.0.0.1:4010",
        formatter_class=FORMAT,
    )
    command.add_argument("bus", choices=[name.value for name in BusName], help="the bus to emulate")
    _add_address(command, "--listen", "127.0.0.1:4010", "where it listens")
    command.add_argument(
        "--event-bus",
        action="append",
        default=[],
        metavar="NAME",
        help="an event bus, or the id of a channel, that exists; may be given more than once (default: any)",
    )
    command.set_defaults(command=_emulate)


def _add_plan(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "plan",
        help="what flush settings would do with a sample of events: requests, fill, added delay",
        description="Reads a sample of events, JSON lines in the CloudEvents JSON format, and simulates the"
        " gateway's own\nflush policy and packing on it, for the configured flush settings and those around"
        " them. Asks no bus.",
        epilog="example:\n  gateway plan --config gateway.toml --rate 200 --html plan.html sample.jsonl",
        formatter_class=FORMAT,
    )
    _add_config(command)
    command.add_argument("sample", type=Path, metavar="SAMPLE.jsonl", help="at most 1000000 events or 1 GiB")
    command.add_argument(
        "--rate",
        type=_rate,
        metavar="N",
        help="events a second: the events' times are stretched to it, or arrive at random where there are"
        " none (default: by the times)",
    )
    command.add_argument(
        "--latency",
        default="50ms",
        metavar="DURATION",
        help="how long the bus takes to answer (default: 50ms)",
    )
    command.add_argument("--html", type=Path, metavar="FILE", help="write the same as a page with plots")
    command.set_defaults(command=_plan)


def _add_schema(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "schema",
        help="print a JSON Schema of the configuration, with which editors complete and check it",
        epilog="example:\n  gateway schema > gateway.schema.json\n\n"
        "then, as the first line of the configuration, for editors that use taplo:\n"
        "  #:schema ./gateway.schema.json",
        formatter_class=FORMAT,
    )
    command.set_defaults(command=_schema)


def _add_dead_letters(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "dead-letters",
        help="show what was given up and why, send it again, remove it",
        epilog="example:\n  gateway dead-letters list dead-letters",
        formatter_class=FORMAT,
    )
    add_dead_letters_arguments(command)
    command.set_defaults(command=_dead_letters)


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", type=Path, required=True, metavar="FILE", help="the TOML file")


def _add_address(command: argparse.ArgumentParser, flag: str, default: str, text: str) -> None:
    command.add_argument(
        flag,
        type=_address,
        default=ListenAddress(default),
        metavar="HOST:PORT",
        help=f"{text} (default: {default}; port 0: any free one)",
    )


def _address(text: str) -> ListenAddress:
    try:
        return ListenAddress.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or text == "0":
        raise argparse.ArgumentTypeError("expected a whole number from 1")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < inf:
        raise argparse.ArgumentTypeError("expected a number above 0")
    return rate


# A command's module is imported only when it runs: `gateway check` needs no event loop.


def _run(options: argparse.Namespace) -> int:
    from gateway.commands.run import run  # noqa: PLC0415 - see above

    level = LogLevel(options.log_level) if options.log_level else None
    return run(options.config, log_level=level, workers=options.workers)


def _check(options: argparse.Namespace) -> int:
    from gateway import senders  # noqa: PLC0415 - see above
    from gateway.commands.check import check  # noqa: PLC0415 - see above

    return check(options.config, os.environ, senders.plugins(), sys.stdout, sys.stderr)


def _dev(options: argparse.Namespace) -> int:
    from gateway.commands.dev import dev  # noqa: PLC0415 - see above

    return dev(bus=BusName(options.bus), listen=options.listen, admin=options.admin)


def _emulate(options: argparse.Namespace) -> int:
    from gateway.commands.emulate import emulate  # noqa: PLC0415 - see above

    return emulate(bus=BusName(options.bus), listen=options.listen, event_buses=options.event_bus)


def _plan(options: argparse.Namespace) -> int:
    from gateway import senders  # noqa: PLC0415 - see above
    from gateway.commands.plan import Question, plan  # noqa: PLC0415 - see above

    question = Question(
        config=options.config,
        sample=options.sample,
        events_per_second=options.rate,
        latency=options.latency,
        html=options.html,
    )
    return plan(question, os.environ, senders.plugins(), sys.stdout, sys.stderr)


def _schema(_: argparse.Namespace) -> int:
    from gateway import senders  # noqa: PLC0415 - see above
    from gateway.commands.schema import schema  # noqa: PLC0415 - see above

    return schema(senders.plugins(), sys.stdout)


def _dead_letters(options: argparse.Namespace) -> int:
    from gateway.commands.dead_letters.command import dead_letters  # noqa: PLC0415 - see above

    return dead_letters(options)
