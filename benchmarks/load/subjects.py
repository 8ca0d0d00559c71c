"""The programs that are measured, each as the command that starts it and the accounts it keeps."""

import http.client
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct, structs

from benchmarks.load.server import BenchmarkError, Server


class Place(Struct, frozen=True):
    """What a subject's command may refer to."""

    directory: Path
    """For files of its own."""
    bus_url: str


class Subject(Struct, frozen=True):
    """A program that takes events. Equal names are one process."""

    name: str
    command: Callable[[Place], Sequence[str]]
    keeps_accounts: bool = True
    """Whether `/metrics` tells what it accepted and delivered."""
    uses_bus: bool = True
    is_pinned: bool = True
    """To one processor; else it has all, as several workers need them."""
    deducted_microseconds: float = 0.0
    """Of each event's CPU time: spent on purpose."""


class Accounts(Struct, frozen=True):
    """What a subject says of its events at one moment, all destinations together."""

    accepted: int
    delivered: int
    held: int


def python(*arguments: str) -> tuple[str, ...]:
    """A command of this interpreter."""
    return (sys.executable, "-m", *arguments)


def configuration(
    place: Place, destination: Mapping[str, object], sections: Mapping[str, object] | None = None
) -> str:
    """A configuration file with one destination, free ports, and nothing written outside `place`.

    `sections` are further keys of the file, dotted: {"buffer.journal": "/var/lib/gateway"}.
    """
    keys = {
        "receiver.listen": ["127.0.0.1:0"],
        "admin.listen": "127.0.0.1:0",
        "log.level": "info",
        "dead_letters.path": f"{place.directory}/dead-letters",
        "shutdown.spill": f"{place.directory}/spill",
        **(sections or {}),
        **{f"destinations.measured.{key}": value for key, value in destination.items()},
    }
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())


def aws(endpoint: str) -> dict[str, object]:
    """A destination of type aws with AWS's documented example keys."""
    return {
        **aws_by_default_chain(endpoint),
        "access_key_id": "AKIDEXAMPLE",
        "secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    }


def aws_by_default_chain(endpoint: str) -> dict[str, object]:
    """A destination of type aws whose credentials the environment has to give."""
    return {"type": "aws", "region": "us-east-1", "event_bus": "default", "endpoint": endpoint}


def alibaba(endpoint: str) -> dict[str, object]:
    """A destination of type alibaba with the keys that the emulated bus knows."""
    return {
        "type": "alibaba",
        "endpoint": endpoint,
        "event_bus": "default",
        "access_key_id": "LTAIdummyaccesskeyid0001",
        "access_key_secret": "dummyAccessKeySecret0000000001",
    }


def huawei(endpoint: str) -> dict[str, object]:
    """A destination of type huawei with the keys that the emulated bus knows."""
    return {
        "type": "huawei",
        "endpoint": endpoint,
        "project_id": "measured-project",
        "channel_id": "measured-channel",
        "access_key": "DUMMYACCESSKEY000001",
        "secret_key": "DummySecretKey000000000000000000000000001",
    }


def gateway(
    place: Place,
    destination: Mapping[str, object],
    sections: Mapping[str, object] | None = None,
    *,
    workers: int = 1,
) -> Sequence[str]:
    """The command that runs the whole gateway."""
    path = place.directory / "gateway.toml"
    path.write_text(configuration(place, destination, sections))
    return python("gateway", "run", "--config", str(path), "--workers", str(workers))


BUSY_MICROSECONDS = 20.0
"""About what the gateway spends on an event outside the kernel."""

FLOOR = Subject("floor", lambda _: python("benchmarks.load.floor"), keeps_accounts=False, uses_bus=False)
BUSY_FLOOR = Subject(
    "busy floor",
    lambda _: python("benchmarks.load.floor", str(BUSY_MICROSECONDS)),
    keeps_accounts=False,
    uses_bus=False,
    deducted_microseconds=BUSY_MICROSECONDS,
)
NULL_FILE = {"type": "file", "path": "/dev/null"}
WAITING = {"receiver.acknowledge": "delivered"}
SHORT_FLUSH = {"flush.interval": "1ms"}
"""At some thousand events a second: a few in each request to the bus."""
ROOM = {"buffer.max_events": 10_000_000, "buffer.max_bytes": "8GiB"}
"""For batches, which come in faster than they go out."""
BUSES: Mapping[str, Callable[[str], dict[str, object]]] = {"aws": aws, "alibaba": alibaba, "huawei": huawei}


def to_file(note: str = "", sections: Mapping[str, object] | None = None, *, workers: int = 1) -> Subject:
    """The whole gateway with a destination that costs next to nothing."""
    return Subject(
        f"gateway to /dev/null{note}",
        lambda place: gateway(place, NULL_FILE, sections, workers=workers),
        uses_bus=False,
    )


def to_bus(
    bus: str, note: str = "", sections: Mapping[str, object] | None = None, *, workers: int = 1
) -> Subject:
    """The whole gateway with a destination of type `bus`."""
    return Subject(
        f"gateway to {bus}{note}",
        lambda place: gateway(place, BUSES[bus](place.bus_url), sections, workers=workers),
    )


def journaled_to_bus(bus: str) -> Subject:
    """The same, with each event on disk before its answer."""
    return Subject(
        f"journaling gateway to {bus}",
        lambda place: gateway(place, BUSES[bus](place.bus_url), journal(place)),
    )


def journal(place: Place) -> dict[str, object]:
    """A journal in the subject's own directory."""
    return {"buffer.journal": f"{place.directory}/journal"}


TO_FILE = to_file()
JOURNALED = Subject(
    "journaling gateway to /dev/null",
    lambda place: gateway(place, NULL_FILE, journal(place)),
    uses_bus=False,
)
DELIVERED = to_file(", answering when delivered", WAITING)
TO_AWS = to_bus("aws")
TO_FILE_BY_TWO = to_file(" by two workers", workers=2)
TO_AWS_BY_ONE = structs.replace(to_bus("aws", " by one worker", ROOM), is_pinned=False)
TO_AWS_BY_TWO = structs.replace(to_bus("aws", " by two workers", ROOM, workers=2), is_pinned=False)
OBVIOUS = Subject("obvious gateway", lambda place: python("benchmarks.load.obvious", place.bus_url))


def read_accounts(server: Server) -> Accounts:
    """Scrape once."""
    totals: dict[str, float] = {}
    for line in fetch(f"{server.admin_url}/metrics").splitlines():
        if not line.startswith("#"):
            sample, _, value = line.rpartition(" ")
            name = sample.partition("{")[0]
            totals[name] = totals.get(name, 0.0) + float(value)
    return Accounts(
        accepted=int(totals.get("gateway_events_accepted_total", 0)),
        delivered=int(totals.get("gateway_events_delivered_total", 0)),
        held=int(totals.get("gateway_events_held", 0)),
    )


def fetch(url: str) -> str:
    """The body of an answer with status 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10.0)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        body = answer.read().decode()
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise BenchmarkError(f"{url} answered {answer.status}: {body}")
    return body
