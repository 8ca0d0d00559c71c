"""The instruments that time and compare: each measures what it says. How fast nobody judges."""

import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from benchmarks import __main__ as bench
from benchmarks import compare, depth, flame, latency, lone, programs
from benchmarks.differences import LEAST_ROUNDS, difference
from benchmarks.load import producer
from benchmarks.load.processors import Processors
from benchmarks.load.producer import Mode
from benchmarks.load.quantiles import quantile
from benchmarks.load.server import ROOT, BenchmarkError, Server
from benchmarks.load.subjects import python
from benchmarks.load.workshop import Workshop

PROCESSORS = Processors.available()
STALL_SECONDS = 0.1
"""Waited for real: the pacer is a process, and measures by a clock of its own."""

needs_wrk = pytest.mark.skipif(not producer.is_available(), reason=producer.MISSING)


class Stalling(socketserver.BaseRequestHandler):
    """Answers 202, and once keeps everybody on its connection waiting; the last request is refused."""

    def handle(self) -> None:
        for number in range(40):
            if not self.request.recv(65_536):
                return
            if number == 20:
                time.sleep(STALL_SECONDS)
            status = b"202 Accepted" if number < 39 else b"503 Service Unavailable"
            self.request.sendall(b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % status)


@pytest.fixture
def stalling_url() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Stalling) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


# Quantiles and differences.


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100)])
def test_a_quantile_is_a_value_that_was_seen(share: float, value: int) -> None:
    """Of 1 to 100 in any order, the least that so large a share does not exceed."""
    assert quantile(range(100, 0, -1), share) == value


def test_a_steady_change_is_beyond_noise() -> None:
    """Each round 10 % cheaper, though the rounds differ by more than that."""
    before = [10.0, 12.0, 9.0, 14.0, 10.5, 11.0, 13.0, 9.5, 10.0]
    found = difference(before, [each * 0.9 for each in before])
    assert found.change == pytest.approx(-0.1)
    assert found.is_beyond_noise
    assert found.most < 0


def test_ups_and_downs_are_noise() -> None:
    """As many rounds cheaper as dearer."""
    found = difference([10.0] * 9, [9.0, 11.0, 9.5, 10.5, 10.0, 9.2, 10.8, 9.9, 10.1])
    assert not found.is_beyond_noise
    assert found.least < 0 < found.most


@pytest.mark.parametrize(("rounds", "left_out"), [(6, 0), (8, 0), (9, 1), (12, 2), (20, 5)])
def test_the_interval_is_that_of_the_sign_test(rounds: int, left_out: int) -> None:
    """By the usual tables: of so many changes, so many at either end lie outside of 95 %."""
    changes = [index / 100 for index in range(1, rounds + 1)]
    found = difference([1.0] * rounds, [1 + change for change in changes])
    assert found.least == pytest.approx(changes[left_out])
    assert found.most == pytest.approx(changes[-1 - left_out])


# The pacer.


def test_a_stall_counts_for_every_request_that_was_due_meanwhile(stalling_url: str, tmp_path: Path) -> None:
    """40 requests, one each 5 ms: one waits for 100 ms, those behind it for what is left of that.

    A closed loop would see one slow answer of 40: its median would be quick.
    """
    found = producer.pace(
        stalling_url,
        producer.request(Mode.STRUCTURED, 200),
        rate=200.0,
        requests=40,
        connections=1,
        processor=PROCESSORS.load,
        directory=tmp_path,
    )
    assert (found.accepted, found.refused) == (39, 1)
    assert found.p999_seconds >= found.p99_seconds >= STALL_SECONDS
    assert found.lag_p99_seconds >= STALL_SECONDS / 2


def test_a_pacer_without_a_server_says_so(tmp_path: Path) -> None:
    """And measures nothing."""
    with pytest.raises(BenchmarkError, match="ConnectionRefusedError"):
        producer.pace(
            "http://127.0.0.1:1",
            b"",
            rate=1.0,
            requests=1,
            connections=1,
            processor=PROCESSORS.load,
            directory=tmp_path,
        )


# What is measured with them.


def test_one_event_alone_is_followed_to_the_bus_and_back() -> None:
    """Both times are there for each event, and the bus's own delay is in neither sum twice."""
    found = lone.measure(PROCESSORS, events=3, delay_seconds=0.01)
    assert len(found.passages) == 3
    assert all(0 < each.to_bus < 1_000 for each in found.passages)
    assert all(0 < each.added < 1_000 for each in found.passages)
    assert {line.split()[0] for line in found.lines()} == {"milliseconds,", "from", "to"}


def test_a_gateway_is_filled_to_each_depth() -> None:
    """And keeps all: `measure` raises if not."""
    found = depth.measure(PROCESSORS, depths=(1_000, 5_000), runs=1)
    assert [each.held for each in found] == [1_000, 5_000]
    assert all(each.accept_microseconds > 0 for each in found)
    assert next(reversed(list(depth.lines(found)))).startswith("5000 held to 1000:")


def test_latency_is_measured_of_the_floor_and_the_gateway(workshop: Workshop) -> None:
    """At one rate, and the quantiles in their order."""
    found = latency.measure_at(500.0, workshop, rounds=2, seconds=0.1)
    assert found.requests_a_second == 500.0
    for each in (found.floor, found.gateway):
        assert 0 < each.p50 <= each.p99 <= each.p999


# Comparing with a commit.


def test_a_commit_is_unpacked_and_gone_afterwards() -> None:
    """What lies there is the commit's own package, and a server started there runs it."""
    with compare.unpacked("HEAD") as base:
        git = ("git", "show", "HEAD:gateway/event.py")
        text = subprocess.run(git, capture_output=True, check=True, cwd=ROOT).stdout  # noqa: S603 - constant
        assert (base / "gateway/event.py").read_bytes() == text
    assert not base.exists()


def test_a_server_runs_the_modules_of_its_root(tmp_path: Path) -> None:
    """Not those that are installed: a package of another's name in its place would be measured for it."""
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway/__init__.py").write_text("")
    (tmp_path / "gateway/__main__.py").write_text("raise SystemExit('the one in the root')")
    server = Server(python("gateway"), processor=PROCESSORS.server, log=tmp_path / "log", root=tmp_path)
    with pytest.raises(BenchmarkError, match="the one in the root"), server:
        pass


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["no-such-commit"], 1, "git cannot unpack no-such-commit"),
        (["HEAD", "--rounds", str(LEAST_ROUNDS - 1)], 2, "must be at least"),
    ],
)
@needs_wrk
def test_a_comparison_that_cannot_be_made_says_why(
    arguments: Sequence[str], status: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is measured."""
    assert compare.main(arguments) == status
    assert reason in capsys.readouterr().err


# The whole.


def test_a_module_that_is_not_there_is_left_out() -> None:
    """A package counts only with a `__main__`."""
    assert programs.is_there("benchmarks.micro.sign")
    assert programs.is_there("benchmarks")
    assert not programs.is_there("benchmarks.load")
    assert not programs.is_there("benchmarks.micro.nothing")


def test_a_row_of_results_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With commit and machine, the figures by part; a second run adds a second line."""
    out = tmp_path / "new" / "bench.jsonl"
    bench.append(out, {})
    assert bench.main(["--only", "lone", "--quick", "--out", str(out)]) == 0
    row = msgspec.json.decode(out.read_bytes().splitlines()[1])
    assert row["environment"].keys() >= {"at", "commit", "machine", "kernel", "python"}
    assert row["lone"].keys() == {"to_bus_p50", "to_bus_p99", "added_p50", "added_p99"}
    assert str(out) in capsys.readouterr().out


@needs_wrk
def test_flames_are_drawn_or_the_reason_is_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where py-spy may not look at another process, that is what is said."""
    status = flame.main(["--seconds", "1", "--only", "accept", "--into", str(tmp_path)])
    if status == 0:
        assert b"<svg" in (tmp_path / "flame-accept.svg").read_bytes()
    else:
        assert "py-spy" in capsys.readouterr().err
