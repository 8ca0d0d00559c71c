"""The options of `gateway dead-letters` in, its exit code out."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvloop
from yarl import URL

from gateway import logs, senders
from gateway.bearer import is_token
from gateway.commands.dead_letters.action import Action
from gateway.commands.dead_letters.letter_file import LetterFile, find
from gateway.commands.dead_letters.listing import show_lines, show_summary, show_table
from gateway.commands.dead_letters.purge import purge
from gateway.commands.dead_letters.replay import Replay
from gateway.commands.dead_letters.route import Patience, Route
from gateway.commands.dead_letters.selection import Picker, Selection
from gateway.commands.dead_letters.through_gateway import ThroughGateway
from gateway.commands.dead_letters.to_bus import ToBus
from gateway.config import Config, LogFormat, LogLevel, load
from gateway.config.text_file import read_secrets
from gateway.errors import ConfigError, ConfigFault
from gateway.exit_code import ExitCode
from gateway.pipeline.disk import DirectoryLock
from gateway.secret import Secret

NO_TOKEN = Secret("")


def dead_letters(options: argparse.Namespace) -> ExitCode:
    """Run the action that the options name, as `arguments` has read them."""
    try:
        find(options.path)
    except OSError as error:
        sys.stderr.write(f"{options.path}: {error.strerror}\n")
        return ExitCode.BAD_USAGE
    try:
        match options.action:
            case Action.LIST:
                return _list(options)
            case Action.REPLAY:
                return _replay(options)
            case _:
                return _purge(options)
    except BrokenPipeError:  # whoever read has seen enough; nothing must be flushed any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except OSError as error:
        sys.stderr.write(f"{error.filename or options.path}: {error.strerror or error}\n")
        return ExitCode.FAILED


def _list(options: argparse.Namespace) -> ExitCode:
    files, selection = find(options.path), _selection(options)
    if options.json:
        show_lines(files, selection, sys.stdout.buffer, sys.stderr)
    elif options.summary:
        show_summary(files, selection, sys.stdout, sys.stderr)
    else:
        show_table(files, selection, sys.stdout, sys.stderr)
    sys.stdout.flush()
    return ExitCode.OK


def _purge(options: argparse.Namespace) -> ExitCode:
    if not options.yes and not sys.stdin.isatty():
        sys.stderr.write("nobody can be asked here: --yes removes without asking\n")
        return ExitCode.BAD_USAGE
    with _reserved(options.path) as files:
        if files is None:
            return ExitCode.FAILED
        confirm = _agreed if options.yes else _ask
        return purge(files, _selection(options), confirm=confirm, out=sys.stdout, err=sys.stderr)


def _agreed(question: str) -> bool:  # noqa: ARG001 - asked by the same signature
    return True


def _ask(question: str) -> bool:
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _replay(options: argparse.Namespace) -> ExitCode:
    if options.url is not None and not _is_http(options.url):
        sys.stderr.write('--url: expected one like "http://127.0.0.1:8080"\n')
        return ExitCode.BAD_USAGE
    config, token = None, NO_TOKEN
    try:
        if options.token_file is not None:
            token = _token(options)
        if options.config is not None:
            config = load(options.config, environment=os.environ, plugins=senders.plugins())
    except ConfigError as error:
        sys.stderr.writelines(f"{fault}\n" for fault in error.faults)
        return ExitCode.BAD_USAGE
    if options.dry_run:
        sys.stdout.write("would be sent:\n")
        show_summary(find(options.path), _selection(options), sys.stdout, sys.stderr)
        return ExitCode.OK
    logs.configure(LogLevel.WARNING, LogFormat.TEXT)
    with (
        _reserved(options.path) as files,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return ExitCode.FAILED if files is None else runner.run(_send(options, config, token, files))


def _token(options: argparse.Namespace) -> Secret:
    """What to show to the gateway. Raises ConfigError, which does not repeat it."""
    if options.url is None:
        raise ConfigError([ConfigFault("--token-file", "is for a gateway, so it needs --url")])
    try:
        token = Secret(read_secrets(options.token_file)[0])
    except ValueError as error:
        raise ConfigError([ConfigFault("--token-file", str(error))]) from None
    if not is_token(token):
        raise ConfigError([ConfigFault("--token-file", "the first line is no bearer token")])
    return token


async def _send(
    options: argparse.Namespace, config: Config | None, token: Secret, files: Sequence[LetterFile]
) -> ExitCode:
    patience = Patience()
    _stop_on_signals(patience)
    route: Route
    if config is None:
        route = ThroughGateway(URL(options.url), token, connections=options.connections, patience=patience)
    else:
        route = ToBus(
            config.destinations, senders.plugins(), connections=options.connections, patience=patience
        )
    picker = Picker(_selection(options))
    try:
        replay = Replay(route, picker, patience, sys.stderr, keep_going=options.keep_going)
        return await replay.run(files, sys.stdout)
    finally:
        await route.aclose()


def _stop_on_signals(patience: Patience) -> None:
    """The first signal lets the group in flight end and be noted; the second ends the process at once."""
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
        patience.end()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)


@contextmanager
def _reserved(path: Path) -> Iterator[Sequence[LetterFile] | None]:
    """The files, with every directory of them locked against another replay or purge; None: there is one."""
    locks = {folder: DirectoryLock(folder) for folder in {file.path.parent for file in find(path)}}
    try:
        for folder, lock in locks.items():
            if not lock.acquire():
                sys.stderr.write(f"{folder}: another replay or purge is at work here\n")
                yield None
                return
        yield [file for file in find(path) if file.path.parent in locks]
    finally:
        for lock in locks.values():
            lock.release()


def _is_http(text: str) -> bool:
    try:
        url = URL(text)
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.host) and not url.query_string


def _selection(options: argparse.Namespace) -> Selection:
    return Selection(
        destinations=frozenset(options.destination),
        reasons=frozenset(options.reason),
        codes=frozenset(options.code),
        ids=frozenset(options.id),
        sources=frozenset(options.source),
        since=options.since,
        until=options.until,
        limit=options.limit,
    )
