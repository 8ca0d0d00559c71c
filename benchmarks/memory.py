"""What the gateway keeps in memory, idle and full: `python -m benchmarks.memory`.

Prints resident bytes (VmRSS) of a gateway with one aws destination: just started; after a delivery with
the credentials of the AWS default chain, which loads botocore; and with a 64 MiB buffer full of 440-byte
events while the bus is down. Of that, what one event takes beside its JSON: the pipeline's
`EVENT_OVERHEAD_BYTES` must not be less.
"""

import argparse
import http.client
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from msgspec import Struct

from benchmarks.load import producer
from benchmarks.load.environment import Environment
from benchmarks.load.processors import Processors
from benchmarks.load.producer import Mode
from benchmarks.load.server import ROOT, BenchmarkError, Server
from benchmarks.load.subjects import Place, aws, aws_by_default_chain, gateway, python, read_accounts
from gateway.pipeline.buffer import EVENT_OVERHEAD_BYTES

EVENT_BYTES = 440
BUFFER_BYTES = 64 << 20
MIB = 1 << 20
IDLE_AIM_MIB = 60.0
FULL_AIM_MIB = 160.0
EXAMPLE_KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "AWS_EC2_METADATA_DISABLED": "true",
}
_WAIT_SECONDS = 20.0
_POLL_SECONDS = 0.1
_FILL_RUNS = 20


class FullBuffer(Struct, frozen=True):
    """A gateway that can take no more."""

    events: int
    resident_bytes: int
    peak_bytes: int
    grown_bytes: int
    """Against the same process before its first event."""

    @property
    def overhead_bytes(self) -> float:
        """Of one event, beside its JSON."""
        return self.grown_bytes / self.events - EVENT_BYTES


class Memory(Struct, frozen=True):
    """Resident bytes in each situation."""

    idle_bytes: int
    default_chain_bytes: int
    """With what ships and nothing else."""
    with_awscrt_bytes: int
    """The same with the extra for SigV4A, which botocore loads wherever it is installed."""
    full: FullBuffer | None
    """None: there was no wrk to fill it."""

    def lines(self) -> Iterator[str]:
        """For a person, beside the aims."""
        yield f"{'resident memory':44}{'MiB':>8}{'aim':>8}"
        yield _line("idle, one aws destination", self.idle_bytes, IDLE_AIM_MIB)
        yield _line("the same, credentials of the default chain", self.default_chain_bytes, IDLE_AIM_MIB)
        yield f"{'and with the extra sigv4a installed':44}{self.with_awscrt_bytes / MIB:8.1f}"
        if self.full is None:
            return
        yield _line("64 MiB buffer full, bus down", self.full.resident_bytes, FULL_AIM_MIB)
        yield _line("the most while it filled", self.full.peak_bytes, FULL_AIM_MIB)
        yield (
            f"{self.full.events} events of {EVENT_BYTES} bytes are held; beside its JSON each takes "
            f"{self.full.overhead_bytes:.0f} bytes, and counts as {EVENT_OVERHEAD_BYTES}"
        )


def _line(situation: str, resident_bytes: int, aim_mib: float) -> str:
    mib = resident_bytes / MIB
    return f"{situation:44}{mib:8.1f}{aim_mib:8.0f}  {'good' if mib <= aim_mib else 'missed'}"


def measure(processors: Processors) -> Memory:
    """Start four gateways one after the other. Raises BenchmarkError if one does not do as it should."""
    with TemporaryDirectory(prefix="gateway-memory-") as name:
        directory = Path(name)
        bus = Server(python("benchmarks.load.bus"), processor=processors.load, log=directory / "bus.log")
        with bus:
            idle = _idle_bytes(_place(directory, "idle", bus.url), processors)
            chain = _default_chain_bytes(
                _place(directory, "chain", bus.url), processors, {"PYTHONPATH": _without_awscrt(directory)}
            )
            with_awscrt = _default_chain_bytes(_place(directory, "crt", bus.url), processors, {})
        full = None
        if producer.is_available():
            with unused_address() as nowhere:
                full = fill(_place(directory, "full", nowhere), processors)
    return Memory(idle, chain, with_awscrt, full)


def _place(directory: Path, name: str, bus_url: str) -> Place:
    (directory / name).mkdir()
    return Place(directory / name, bus_url)


def _start(
    place: Place,
    processors: Processors,
    destination: Mapping[str, object],
    *,
    sections: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Server:
    return Server(
        gateway(place, destination, sections),
        processor=processors.server,
        log=place.directory / "log",
        environment=environment,
    )


def _idle_bytes(place: Place, processors: Processors) -> int:
    with _start(place, processors, aws(place.bus_url)) as server:
        read_accounts(server)  # as it would be scraped
        return server.resident_bytes()


def _without_awscrt(directory: Path) -> str:
    """A path for modules on which awscrt cannot be imported, as where the extra is not installed."""
    hidden = directory / "modules"
    hidden.mkdir()
    (hidden / "awscrt.py").write_text("raise ImportError\n")
    return os.pathsep.join([str(hidden), str(ROOT)])


def _default_chain_bytes(place: Place, processors: Processors, environment: Mapping[str, str]) -> int:
    """With keys in the environment, where the chain looks first."""
    destination = aws_by_default_chain(place.bus_url)
    with _start(place, processors, destination, environment={**EXAMPLE_KEYS, **environment}) as server:
        _post(server)
        _wait_for_delivery(server)
        return server.resident_bytes()


def _post(server: Server) -> None:
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10.0)
    headers = {"Content-Type": "application/cloudevents+json"}
    try:
        connection.request("POST", "/events", producer.event(EVENT_BYTES)[0], headers)
        status = connection.getresponse().status
    finally:
        connection.close()
    if status != http.HTTPStatus.ACCEPTED:
        raise BenchmarkError(f"the gateway answered {status}")


def _wait_for_delivery(server: Server) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        if read_accounts(server).delivered:
            return
        time.sleep(_POLL_SECONDS)
    raise BenchmarkError("the event was not delivered")


@contextmanager
def unused_address() -> Iterator[str]:
    """A URL at which every connection is refused: the port is bound, and nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def fill(place: Place, processors: Processors, *, max_bytes: int = BUFFER_BYTES) -> FullBuffer:
    """Post to a gateway whose bus is down until it has no room."""
    room = {"buffer.max_bytes": f"{max_bytes}B"}
    with _start(place, processors, aws(place.bus_url), sections=room) as server:
        read_accounts(server)
        before = server.resident_bytes()
        for _ in range(_FILL_RUNS):
            load = producer.produce(
                server.url,
                producer.request(Mode.STRUCTURED, EVENT_BYTES),
                seconds=1,
                connections=32,
                processor=processors.load,
                directory=place.directory,
            )
            if load.refused:
                break
        else:
            raise BenchmarkError(f"the buffer is not full after {_FILL_RUNS} s of load")
        held = read_accounts(server).held
        resident = server.resident_bytes()
        return FullBuffer(held, resident, server.peak_resident_bytes(), resident - before)


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    processors = Processors.available()
    with ExitStack() as stack:
        stack.callback(os.sched_setaffinity, 0, os.sched_getaffinity(0))
        os.sched_setaffinity(0, {processors.load})
        print(*Environment.here(processors).lines(), sep="\n")
        print(*measure(processors).lines(), sep="\n")


if __name__ == "__main__":
    main()
