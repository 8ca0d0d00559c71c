"""`gateway plan`."""

import io
import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.commands.plan import Question, plan
from gateway.sender import SenderPlugin
from gateway.senders import file
from tests.support.configuration import create_nothing

PLUGINS: Mapping[str, SenderPlugin] = {"file": file.plugin}
CONFIG = """
[destinations.local]
type = "file"
path = "never-written.jsonl"
max_request_events = 10
max_request_bytes = "1KiB"
"""


def line(number: int = 0, **members: Any) -> str:
    """One event of the sample, 50 ms after the one before it."""
    time = f"2026-01-01T00:00:{number * 0.05:06.3f}Z"
    event = {"specversion": "1.0", "id": str(number), "source": "/a", "type": "t", "time": time, **members}
    return json.dumps({name: value for name, value in event.items() if value is not None})


def lines(count: int, **members: Any) -> list[str]:
    return [line(number, **members) for number in range(count)]


class Run:
    """One run of the command in a directory of its own."""

    def __init__(self, directory: Path, sample: list[str], config: str = CONFIG, **question: Any) -> None:
        self.config, self.sample = directory / "gateway.toml", directory / "sample.jsonl"
        self.config.write_text(config)
        self.sample.write_text("".join(f"{each}\n" for each in sample))
        out, err = io.StringIO(), io.StringIO()
        asked = Question(config=self.config, sample=self.sample, **question)
        self.code = plan(asked, {}, PLUGINS, out, err)
        self.out, self.err = out.getvalue(), err.getvalue()

    def rows(self) -> dict[tuple[str, str], list[str]]:
        """The cells after interval and `when_idle`, by those two."""
        found = re.findall(r"^[* ] +(\S+) +(wait|send) +(.*)$", self.out, re.MULTILINE)
        return {(interval, idle): cells.split() for interval, idle, cells in found}


def test_every_setting_of_the_grid_has_a_row_and_the_configured_one_is_marked(tmp_path: Path) -> None:
    """One that is not among the usual ones is added."""
    run = Run(tmp_path, lines(20), CONFIG + 'flush = { interval = "300ms", when_idle = "send" }')
    assert (run.code, run.err) == (0, "")
    intervals = ["10ms", "50ms", "100ms", "200ms", "300ms", "500ms", "1s"]
    assert list(run.rows()) == [(each, idle) for idle in ("wait", "send") for each in intervals]
    (marked,) = [each for each in run.out.splitlines() if each.startswith("*")]
    assert marked.split()[1:3] == ["300ms", "send"]


def test_a_longer_interval_gives_fewer_requests_and_more_delay(tmp_path: Path) -> None:
    """Twenty events, 50 ms apart: five leave together after 200 ms, and ten are full before 1 s is over."""
    rows = Run(tmp_path, lines(20)).rows()
    assert rows["10ms", "wait"][:4] == ["20", "20", "1.00", "10%"]
    assert rows["1s", "wait"][:4] == ["2", "2", "10.00", "100%"]
    assert rows["10ms", "wait"][-1] == "10.0ms"
    assert rows["1s", "wait"][-1] == "450ms"


def test_the_slower_the_bus_the_more_gathers_while_it_is_asked(tmp_path: Path) -> None:
    """With `when_idle` "send" the answer's time sets the pace."""
    quick = Run(tmp_path, lines(20), latency="1ms").rows()["1s", "send"]
    slow = Run(tmp_path, lines(20), latency="210ms").rows()["1s", "send"]
    assert (quick[0], slow[0]) == ("20", "6")


def test_order_of_arrival_would_cost_more_where_bytes_bind(tmp_path: Path) -> None:
    """Large ones first, small ones behind them: side by side they would have fitted."""
    sample = [
        line(number, time="2026-01-01T00:00:00.5Z", data="x" * (530 if number < 20 else 200))
        for number in range(40)
    ]
    requests, in_order, *_ = Run(tmp_path, sample).rows()["1s", "wait"]
    assert int(requests) < int(in_order)


def test_what_the_destination_refuses_is_counted_by_reason(tmp_path: Path) -> None:
    """It is no part of the load, and not passed over in silence."""
    run = Run(tmp_path, [*lines(10), line(10, data="x" * 2000), line(11, data="x" * 2_000_000)])
    assert run.code == 0
    assert "2 events would be refused: too_large 2" in run.out
    assert "  10 events in 450ms" in run.out


def test_a_sample_of_which_nothing_is_taken_has_no_table(tmp_path: Path) -> None:
    """It says so."""
    run = Run(tmp_path, lines(2, data="x" * 2000), html=tmp_path / "plan.html")
    assert (run.code, run.rows()) == (0, {})
    page = (tmp_path / "plan.html").read_text()
    assert "<table>" not in page
    for shown in (run.out, page):
        assert "2 events would be refused: too_large 2" in shown
        assert "no event is left to plan with" in shown


def test_a_rate_stretches_the_times(tmp_path: Path) -> None:
    """The rhythm stays, the events come ten times as fast."""
    run = Run(tmp_path, lines(20), events_per_second=200.0)
    assert "20 events in 100ms, 200.0 a second" in run.out
    assert run.rows()["100ms", "wait"][0] == "2"


def test_events_without_a_time_come_at_random_by_the_rate(tmp_path: Path) -> None:
    """The same each time, and the reader is told."""
    sample = lines(200, time=None)
    first, second = (Run(tmp_path, sample, events_per_second=100.0).out for _ in range(2))
    assert first == second
    assert "they arrive at random, 100 a second on average" in first
    assert len(set(Run(tmp_path, sample, events_per_second=100.0).rows()["10ms", "wait"][-4:])) > 1


def test_events_without_a_time_and_no_rate_are_an_error_with_the_line(tmp_path: Path) -> None:
    """Nobody can guess how often they come."""
    run = Run(tmp_path, [line(0), "", line(1, time=None)])
    assert (run.code, run.out) == (2, "")
    assert run.err == f"{run.sample}:3: the event has no time; say how many come with --rate\n"


def test_times_of_whole_seconds_are_remarked_on(tmp_path: Path) -> None:
    """What arrives at once packs better than what does not."""
    sample = [line(0, time="2026-01-01T00:00:00Z"), line(1, time="2026-01-01T00:00:01Z")]
    assert "times are whole seconds" in Run(tmp_path, sample).out
    assert "times are whole seconds" not in Run(tmp_path, [*sample, line(3)]).out


def test_times_may_be_in_any_order_and_zone(tmp_path: Path) -> None:
    """They are moments: an offset counts, and so does the order they stand for."""
    sample = [
        line(0, time="2026-01-01T01:00:00.9+01:00"),
        line(1, time="2025-12-31T23:59:60.5Z"),
        line(2, time="2025-12-31t19:00:01-05:00"),
    ]
    assert "  3 events in 500ms, 6.0 a second" in Run(tmp_path, sample).out


def test_events_of_one_moment_have_no_rate(tmp_path: Path) -> None:
    """A dash stands for what cannot be known."""
    run = Run(tmp_path, lines(3, time="2026-01-01T00:00:00.5Z"), html=tmp_path / "plan.html")
    assert "3 events, all at one moment" in run.out
    assert run.rows()["1s", "wait"] == ["1", "1", "3.00", "30%", "-", "1.00s", "1.00s", "1.00s", "1.00s"]
    assert "<svg" not in (tmp_path / "plan.html").read_text()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("{", "the body is not JSON"),
        ("[]", "the body must be a JSON object"),
        ("{}", "the required attribute specversion is missing (and 3 more)"),
        (line(1, time="yesterday"), "the attribute time is not a timestamp as RFC 3339 has it"),
        (line(1, time="0000-01-01T00:00:00Z"), "the attribute time is before the year 1"),
    ],
)
def test_a_line_that_is_no_event_is_named(tmp_path: Path, bad: str, message: str) -> None:
    """By file and line, as editors and terminals know it."""
    run = Run(tmp_path, [line(0), "", bad])
    assert (run.code, run.out) == (2, "")
    assert run.err == f"{run.sample}:3: {message}\n"


def test_bad_lines_are_listed_together_but_not_without_end(tmp_path: Path) -> None:
    """A file of another format says so twenty times, not a million."""
    run = Run(tmp_path, ["{"] * 50)
    assert run.code == 2
    assert len(run.err.splitlines()) == 21
    assert run.err.endswith("not read on after 20 bad lines\n")


@pytest.mark.parametrize("character", ["x", " "])
def test_a_line_without_end_is_not_read(tmp_path: Path, character: str) -> None:
    """Eight MiB is more than any event has."""
    run = Run(tmp_path, [line(0), character * (9 << 20), "{"])
    assert (run.code, len(run.err.splitlines())) == (2, 1)
    assert run.err.startswith(f"{run.sample}:2: longer than 8388608 bytes")


def test_an_empty_sample_is_an_error(tmp_path: Path) -> None:
    """There is nothing to plan with."""
    run = Run(tmp_path, ["", ""])
    assert (run.code, run.err) == (2, f"{run.sample}: holds no event\n")


def test_faults_of_the_configuration_the_latency_and_the_paths_are_named(tmp_path: Path) -> None:
    """Each with the code for wrong usage, and nothing on standard output."""
    wrong = [
        (Run(tmp_path, lines(1), CONFIG + "x = 1"), "destinations.local.x: unknown key"),
        (Run(tmp_path, lines(1), latency="50"), "--latency: expected a duration"),
        (Run(tmp_path, lines(1), html=tmp_path), f"{tmp_path}: cannot be written: Is a directory"),
    ]
    assert [(run.code, run.out) for run, _ in wrong] == [(2, "")] * 3
    assert [run.err.startswith(message) for run, message in wrong] == [True] * 3
    out, err = io.StringIO(), io.StringIO()
    missing = Question(config=wrong[1][0].config, sample=tmp_path / "none.jsonl")
    assert plan(missing, {}, PLUGINS, out, err) == 2
    assert err.getvalue() == f"{tmp_path / 'none.jsonl'}: cannot be read: No such file or directory\n"


def test_a_buffer_that_is_too_small_is_warned_of(tmp_path: Path) -> None:
    """The simulation has all the room it needs; the gateway would not."""
    config = CONFIG + 'buffer = { max_events = 5, max_bytes = "1MiB" }'
    assert (
        "20 events (about 0 MiB) would be held at once"
        in Run(tmp_path, lines(20, time="2026-01-01T00:00:00.5Z"), config).out
    )
    assert "would be held at once" not in Run(tmp_path, lines(20)).out


def test_nothing_is_written_or_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The destination's own file is not even made."""
    monkeypatch.chdir(tmp_path)
    Run(tmp_path, lines(20))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gateway.toml", "sample.jsonl"]


class Page(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "td" and data.strip():
            self.cells.append(data)


def test_the_page_shows_the_same_rows_with_a_plot(tmp_path: Path) -> None:
    """A point for each setting, and a ring around the configured one."""
    path = tmp_path / "plan.html"
    run = Run(tmp_path, lines(20), html=path)
    page = Page(path.read_text(encoding="utf-8"))
    rows = [page.cells[at : at + 11] for at in range(0, len(page.cells), 11)]
    for (interval, idle), cells in run.rows().items():
        assert [interval, idle, *cells] in rows
    assert page.tags.count("circle") == len(run.rows()) + 1
    assert page.tags.count("tr") == len(run.rows()) + 1


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    """No script, no link, no image; light and dark by the reader's own setting."""
    path = tmp_path / "plan.html"
    Run(tmp_path, lines(20), html=path)
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.links == []
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not re.search(r"https?:|url\(|@import", text)
    assert "prefers-color-scheme: dark" in text


def test_a_destination_that_cannot_be_made_is_no_part_of_reading_the_sample(tmp_path: Path) -> None:
    """Senders are made once the configuration is right, and not before."""
    out, err = io.StringIO(), io.StringIO()
    config = tmp_path / "gateway.toml"
    config.write_text('[destinations.a]\ntype = "file"\nx = 1\n')
    plugins = {"file": SenderPlugin(file.FileConfig, file.check, create_nothing)}
    assert plan(Question(config=config, sample=tmp_path / "none"), {}, plugins, out, err) == 2
    assert err.getvalue() == "destinations.a.x: unknown key\n"


def command_line(*arguments: str) -> int | str | None:
    """The code with which the program ends."""
    with pytest.raises(SystemExit) as ended:
        main(["plan", *arguments])
    return ended.value.code


def test_the_command_line_asks_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every option reaches the plan."""
    run = Run(tmp_path, lines(20))
    page = tmp_path / "plan.html"
    options = ["--config", str(run.config), "--rate", "200", "--latency", "20ms", "--html", str(page)]
    assert command_line(*options, str(run.sample)) == 0
    printed = capsys.readouterr().out
    assert "200.0 a second" in printed
    assert "its answer 20ms" in printed
    assert page.exists()


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf", "often"])
def test_a_rate_that_is_none_is_wrong_usage(rate: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is read."""
    assert command_line("--config", "none", "--rate", rate, "none") == 2
    assert "expected a number above 0" in capsys.readouterr().err


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    """One that can be copied."""
    assert command_line("--help") == 0
    assert "\n  gateway plan --config gateway.toml" in capsys.readouterr().out
