"""What `gateway dead-letters` understands; imports nothing that only a running command needs."""

import argparse
import time
from pathlib import Path

from gateway.commands.dead_letters.action import Action
from gateway.commands.dead_letters.moment import moment

EXAMPLES = {
    Action.LIST: "gateway dead-letters list dead-letters --reason rejected --since 2h",
    Action.REPLAY: "gateway dead-letters replay dead-letters/orders --url http://127.0.0.1:8080",
    Action.PURGE: "gateway dead-letters purge dead-letters --destination orders --until 30d --yes",
}

FILTERS = {
    "--destination": "of that destination",
    "--reason": "given up for that reason: rejected, attempts, undeliverable, expired",
    "--code": "with that code of the bus",
    "--id": "of the event with that id",
    "--source": "of an event with that source",
}

MAX_CONNECTIONS = 64
MAX_DIGITS = 15


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The three actions, each with its options; the namespace's `action` says which."""
    actions = command.add_subparsers(required=True, metavar="ACTION")
    listing = _add(actions, Action.LIST, "show what was given up, and why")
    form = listing.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="the letters themselves, one a line")
    form.add_argument("--summary", action="store_true", help="only how many there are of each kind")
    _add_replay(actions)
    purge = _add(actions, Action.PURGE, "remove letters for good")
    purge.add_argument("--yes", action="store_true", help="do not ask")


def _add_replay(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    replay = _add(actions, Action.REPLAY, "send letters again, and remove the files that are done")
    route = replay.add_mutually_exclusive_group(required=True)
    route.add_argument("--url", metavar="URL", help="through the gateway that runs there")
    route.add_argument("--config", type=Path, metavar="FILE", help="straight to the bus, as configured there")
    replay.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="with --url: the bearer token to show, on its first line",
    )
    replay.add_argument(
        "--connections",
        type=_connections,
        default=4,
        metavar="N",
        help="requests at once (default: 4); those in flight may be sent twice if the replay is killed",
    )
    replay.add_argument("--keep-going", action="store_true", help="do not stop at a letter that is not taken")
    replay.add_argument("--dry-run", action="store_true", help="send nothing, and say what would be sent")


def _add(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", action: Action, text: str
) -> argparse.ArgumentParser:
    command = actions.add_parser(
        action.value,
        help=text,
        description=f"{text[:1].upper()}{text[1:]}.",
        epilog=f"example:\n  {EXAMPLES[action]}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(action=action)
    command.add_argument(
        "path",
        type=Path,
        metavar="PATH",
        help="dead_letters.path, one destination's directory in it, or a file",
    )
    filters = command.add_argument_group(
        "letters", "without any of these: all. May be repeated: any of them."
    )
    for flag, meaning in FILTERS.items():
        filters.add_argument(flag, action="append", default=[], metavar="TEXT", help=meaning)
    bounds = command.add_argument_group("bounds")
    bounds.add_argument(
        "--since",
        type=_moment,
        metavar="TIME",
        help="given up then or later: 2026-01-31T08:00:00Z, or 2h for two hours ago",
    )
    bounds.add_argument("--until", type=_moment, metavar="TIME", help="given up before that")
    bounds.add_argument("--limit", type=_count, metavar="N", help="the first so many")
    return command


def _moment(text: str) -> float:
    try:
        return moment(text, now=time.time())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > MAX_DIGITS or not int(text):
        raise argparse.ArgumentTypeError("expected a whole number from 1")
    return int(text)


def _connections(text: str) -> int:
    if (count := _count(text)) > MAX_CONNECTIONS:
        raise argparse.ArgumentTypeError(f"expected at most {MAX_CONNECTIONS}")
    return count
