"""The pieces of the benchmarks: each starts, does its part once, and is gone. What it costs nobody judges."""

import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from benchmarks import memory
from benchmarks.load import producer
from benchmarks.load.bus import Received
from benchmarks.load.processors import Processors, pinned_to
from benchmarks.load.producer import Mode
from benchmarks.load.report import ratio_lines, ratios
from benchmarks.load.scenarios import TABLES, Comparison, Scenario, Table
from benchmarks.load.server import BenchmarkError, Server
from benchmarks.load.subjects import (
    DELIVERED,
    FLOOR,
    JOURNALED,
    OBVIOUS,
    TO_AWS,
    TO_FILE,
    WAITING,
    Place,
    Subject,
    fetch,
    journaled_to_bus,
    python,
    read_accounts,
    to_bus,
    to_file,
)
from benchmarks.load.workshop import Sample, Summary, Workshop
from gateway.cloudevents.json import read_event
from gateway.pipeline.buffer import EVENT_OVERHEAD_BYTES

PROCESSORS = Processors.available()

needs_wrk = pytest.mark.skipif(not producer.is_available(), reason=producer.MISSING)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Server]:
    with Server(python("benchmarks.load.bus"), processor=PROCESSORS.load, log=tmp_path / "bus.log") as server:
        yield server


@pytest.fixture(scope="module")
def reception() -> Iterator[Workshop]:
    """Another, for events one by one: what they leave to be delivered would be in a load's account."""
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


@pytest.mark.parametrize("size", [200, 440, 1_000, 60_000])
def test_a_request_carries_valid_events_of_the_size_asked_for(size: int) -> None:
    """To the byte, alone and in a batch; as binary under nine header lines what is structured under four."""
    heads, bodies = {}, {}
    for mode in Mode:
        head, _, bodies[mode] = producer.request(mode, size).partition(b"\r\n\r\n")
        heads[mode] = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        assert int(heads[mode][b"Content-Length"]) == len(bodies[mode])
    structured, binary = bodies[Mode.STRUCTURED], heads[Mode.BINARY]
    assert len(read_event(structured, received_at=0.0).json) == size
    assert bodies[Mode.BATCHED] == b"[%b]" % b",".join([structured] * Mode.BATCHED.events_a_request(size))
    assert (len(heads[Mode.STRUCTURED]), len(binary)) == (4, 9)
    members = json.loads(structured)
    assert members.pop("data") == json.loads(bodies[Mode.BINARY])
    assert members.pop("datacontenttype").encode() == binary[b"Content-Type"]
    assert {
        f"ce-{name}".encode(): value.encode() for name, value in members.items()
    }.items() <= binary.items()


def test_the_bus_takes_every_entry_and_counts(bus: Server) -> None:
    """One event id for each entry, as EventBridge answers."""
    body = json.dumps({"Entries": [{"Detail": "{}"}] * 3}).encode()
    status, answer = post(bus.url, "/", body, {"X-Amz-Target": "AWSEvents.PutEvents"})
    assert status == 200
    assert json.loads(answer)["FailedEntryCount"] == 0
    assert len({entry["EventId"] for entry in json.loads(answer)["Entries"]}) == 3
    received = msgspec.json.decode(fetch(f"{bus.url}/received"), type=Received)
    assert (received.events, received.requests) == (3, 1)


def test_a_late_bus_tells_when_a_request_came_and_was_answered(tmp_path: Path) -> None:
    """By the clock of this process too: after the request, and as long apart as the bus was told."""
    command = python("benchmarks.load.bus", "0.02")
    body, headers = b'{"events":[{"id":"1"}]}', {"Content-Type": "application/json"}
    with Server(command, processor=PROCESSORS.load, log=tmp_path / "log") as server:
        before = time.monotonic()
        answer = json.loads(post(server.url, "/v1/project/channels/channel/events", body, headers)[1])
        received = msgspec.json.decode(fetch(f"{server.url}/received"), type=Received)
    assert [result["event_id"] for result in answer["events"]] == ["1"]
    assert before < received.arrived_at
    assert received.answered_at - received.arrived_at > 0.01  # its timers count whole milliseconds


@pytest.mark.parametrize(
    ("subject", "status"),
    [
        (FLOOR, 202),
        (TO_FILE, 202),
        (JOURNALED, 202),
        (DELIVERED, 200),
        (TO_AWS, 202),
        (to_bus("alibaba", ", answering when delivered", WAITING), 200),
        (to_bus("huawei", ", answering when delivered", WAITING), 200),
        (journaled_to_bus("aws"), 202),
        (OBVIOUS, 202),
    ],
    ids=lambda value: value.name if isinstance(value, Subject) else "",
)
def test_a_subject_accepts_an_event(reception: Workshop, subject: Subject, status: int) -> None:
    """Started as the benchmark starts it, and asked once in each mode."""
    server = reception.server(subject)
    for mode in (Mode.STRUCTURED, Mode.BINARY):
        head, _, body = producer.request(mode, 440).partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
        headers = dict(lines)
        assert post(server.url, "/events", body, headers)[0] == status
    if subject.keeps_accounts:
        assert read_accounts(server).accepted == 2


def test_the_obvious_gateway_refuses_what_is_no_event(reception: Workshop) -> None:
    """It is compared with, so it must do its part."""
    server = reception.server(OBVIOUS)
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


def test_a_paced_run_sends_what_was_planned(workshop: Workshop) -> None:
    """Two batches of 100 half a second apart, all events counted; one process has no least worker."""
    slow = Scenario("slow", TO_FILE, Mode.BATCHED, connections=2, rate=2.0)
    sample = workshop.run(slow, seconds=1)
    assert sample.events == 200
    assert sample.least_worker_share is None


def test_the_work_of_two_workers_is_told_apart(workshop: Workshop) -> None:
    """The lesser share is at most a half."""
    by_two = workshop.run(Scenario("two", to_file(" by two workers", workers=2), rate=1.0), seconds=1)
    assert by_two.least_worker_share is not None
    assert 0 <= by_two.least_worker_share <= 0.5


def test_a_run_that_is_refused_is_no_measurement(workshop: Workshop) -> None:
    """An event larger than the bus takes: figures of refusals would look like speed."""
    with pytest.raises(BenchmarkError, match="not every request was accepted"):
        workshop.run(Scenario("too large", TO_AWS, event_bytes=300_000, connections=1, rate=1.0), seconds=1)


@needs_wrk
def test_a_buffer_is_filled_to_its_last_event(tmp_path: Path) -> None:
    """1 MiB of it, with a bus that refuses every connection."""
    with memory.unused_address() as nowhere:
        full = memory.fill(Place(tmp_path, nowhere), PROCESSORS, max_bytes=1 << 20)
    assert full.events == (1 << 20) // (memory.EVENT_BYTES + EVENT_OVERHEAD_BYTES)


# The whole.


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_comparison_names_two_scenarios_of_its_table(table: Table) -> None:
    """A row renamed in one place is renamed in the other; the first is the floor of all."""
    names = [scenario.name for scenario in table.scenarios]
    assert len(set(names)) == len(names)
    assert {name for each in table.comparisons for name in (each.scenario, each.against)} <= set(names)
    assert names[0] == "floor"


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
