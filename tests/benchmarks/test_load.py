"""The pieces of the benchmarks: each starts, does its part once, and is gone. What it costs nobody judges."""

import http.client
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from benchmarks import memory
from benchmarks.load import producer
from benchmarks.load.processors import Processors, pinned_to
from benchmarks.load.producer import Mode
from benchmarks.load.report import ratio_lines, ratios
from benchmarks.load.scenarios import COMPARISONS, SCENARIOS, Comparison, Scenario
from benchmarks.load.server import BenchmarkError, Server
from benchmarks.load.subjects import (
    DELIVERED,
    DELIVERED_TO_AWS,
    FLOOR,
    JOURNALED,
    OBVIOUS,
    TO_AWS,
    TO_FILE,
    Place,
    Subject,
    fetch,
    python,
    read_accounts,
)
from benchmarks.load.workshop import Sample, Summary, Workshop
from gateway.cloudevents.http import ContentMode, read_events
from gateway.pipeline.buffer import EVENT_OVERHEAD_BYTES

PROCESSORS = Processors.available()

needs_wrk = pytest.mark.skipif(not producer.is_available(), reason=producer.MISSING)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Server]:
    with Server(python("benchmarks.load.bus"), processor=PROCESSORS.load, log=tmp_path / "bus.log") as server:
        yield server


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    with Workshop(PROCESSORS) as found:
        yield found


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def post(url: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10.0)
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    status, text = answer.status, answer.read()
    connection.close()
    return status, text


def summary(*microseconds: float) -> Summary:
    return Summary([Sample(1_000, each / 1_000, 1.0, 0) for each in microseconds])


# The parts.


def test_a_server_is_gone_after_its_block(tmp_path: Path) -> None:
    """Whatever happens within: here nothing."""
    with Server(python("benchmarks.load.floor"), processor=PROCESSORS.server, log=tmp_path / "log") as server:
        assert is_running(server.pid)
    assert not is_running(server.pid)


def test_a_server_runs_on_its_processor_and_is_accounted_for(tmp_path: Path) -> None:
    """Pinned from its first instruction, with the time and memory that its start took."""
    with Server(python("benchmarks.load.floor"), processor=PROCESSORS.server, log=tmp_path / "log") as server:
        assert os.sched_getaffinity(server.pid) == {PROCESSORS.server}
        assert server.cpu_seconds() > 0
        assert 0 < server.resident_bytes() <= server.peak_resident_bytes()


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    """The end of its log is in the error."""
    server = Server(python("benchmarks.load.nothing"), processor=PROCESSORS.server, log=tmp_path / "log")
    with pytest.raises(BenchmarkError, match=r"No module named benchmarks\.load\.nothing"), server:
        pass


def test_pinning_ends_with_its_block() -> None:
    """The benchmark itself goes where it was."""
    before = os.sched_getaffinity(0)
    with pinned_to(PROCESSORS.load):
        assert os.sched_getaffinity(0) == {PROCESSORS.load}
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize("mode", Mode)
def test_a_request_carries_a_valid_event_of_the_size_asked_for(mode: Mode) -> None:
    """The gateway's own reader makes 440 bytes of JSON of it in either mode."""
    head, _, body = producer.request(mode, 440).partition(b"\r\n\r\n")
    pairs = [line.split(b": ", 1) for line in head.split(b"\r\n")[1:]]
    headers = [(name.lower(), value) for name, value in pairs]
    [event] = read_events(ContentMode[mode.name], headers, body, received_at=0.0)
    assert len(event.json) == 440
    assert len(headers) == {Mode.STRUCTURED: 4, Mode.BINARY: 9}[mode]


def test_the_bus_takes_every_entry_and_counts(bus: Server) -> None:
    """One event id for each entry, as EventBridge answers."""
    body = json.dumps({"Entries": [{"Detail": "{}"}] * 3}).encode()
    status, answer = post(bus.url, "/", body, {"X-Amz-Target": "AWSEvents.PutEvents"})
    assert status == 200
    assert json.loads(answer)["FailedEntryCount"] == 0
    assert len({entry["EventId"] for entry in json.loads(answer)["Entries"]}) == 3
    assert json.loads(fetch(f"{bus.url}/received")) == {"events": 3, "requests": 1}


@pytest.mark.parametrize(
    ("subject", "status"),
    [
        (FLOOR, 202),
        (TO_FILE, 202),
        (JOURNALED, 202),
        (DELIVERED, 200),
        (TO_AWS, 202),
        (DELIVERED_TO_AWS, 200),
        (OBVIOUS, 202),
    ],
    ids=lambda value: value.name if isinstance(value, Subject) else "",
)
def test_a_subject_accepts_an_event(workshop: Workshop, subject: Subject, status: int) -> None:
    """Started as the benchmark starts it, and asked once in each mode."""
    server = workshop.server(subject)
    for mode in Mode:
        head, _, body = producer.request(mode, 440).partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
        headers = dict(lines)
        assert post(server.url, "/events", body, headers)[0] == status
    if subject.keeps_accounts:
        assert read_accounts(server).accepted == 2


def test_the_obvious_gateway_refuses_what_is_no_event(workshop: Workshop) -> None:
    """It is compared with, so it must do its part."""
    server = workshop.server(OBVIOUS)
    structured = {"Content-Type": "application/cloudevents+json"}
    assert post(server.url, "/events", b'{"specversion":"1.0"}', structured)[0] == 400
    assert post(server.url, "/events", b"{", structured)[0] == 400


# With load.


@needs_wrk
@pytest.mark.parametrize("subject", [TO_AWS, OBVIOUS], ids=lambda subject: subject.name)
def test_everything_accepted_under_load_is_at_the_bus(workshop: Workshop, subject: Subject) -> None:
    """`run` raises if not; two connections for a second."""
    sample = workshop.run(Scenario("small", subject, connections=2), seconds=1)
    assert sample.events > 0
    assert sample.cpu_seconds > 0
    assert sample.bus_requests >= sample.events / 10


@needs_wrk
def test_a_run_that_is_refused_is_no_measurement(workshop: Workshop) -> None:
    """An event larger than the bus takes: figures of refusals would look like speed."""
    with pytest.raises(BenchmarkError, match="not every request was accepted"):
        workshop.run(Scenario("too large", TO_AWS, event_bytes=300_000, connections=1), seconds=1)


@needs_wrk
def test_a_buffer_is_filled_to_its_last_event(tmp_path: Path) -> None:
    """1 MiB of it, with a bus that refuses every connection."""
    with memory.unused_address() as nowhere:
        full = memory.fill(Place(tmp_path, nowhere), PROCESSORS, max_bytes=1 << 20)
    assert full.events == (1 << 20) // (memory.EVENT_BYTES + EVENT_OVERHEAD_BYTES)


# The whole.


def test_every_comparison_names_two_scenarios() -> None:
    """A row renamed in one table is renamed in the other."""
    names = [scenario.name for scenario in SCENARIOS]
    assert len(set(names)) == len(names)
    assert {name for each in COMPARISONS for name in (each.scenario, each.against)} <= set(names)


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    """A slow round slows both, and does not count: 30/10, 90/30 and 44/11."""
    summaries = {"ours": summary(30, 90, 44), "floor": summary(10, 30, 11)}
    [ratio] = ratios(summaries, (Comparison("ours", "floor", first=3.5, good=2.8),))
    assert ratio.value == pytest.approx(3.0)
    assert ratio.verdict == "first aim met"
    assert list(ratio_lines([ratio]))[1].split() == [
        "ours",
        "floor",
        "3.00",
        "3.50",
        "2.80",
        "first",
        "aim",
        "met",
    ]


@needs_wrk
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_benchmark_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    """Once its first server runs: exit code 130, no process, no file."""
    with subprocess.Popen(  # noqa: S603 - our own module
        python("benchmarks", "--only", "load", "--rounds", "1"),
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
    ) as process:
        while not any('"ready"' in log.read_text() for log in tmp_path.glob("*/bus.log")):
            assert process.poll() is None
        started = children(process.pid)
        process.send_signal(number)
        assert process.wait(timeout=20) == 130
    assert started
    assert not any(map(is_running, started))
    assert not list(tmp_path.iterdir())
