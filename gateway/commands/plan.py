"""`gateway plan`: what flush settings would do with a sample of events, before any of them is tried."""

from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from msgspec import Struct

from gateway.config import Config, DestinationConfig, load
from gateway.errors import ConfigError
from gateway.exit_code import ExitCode
from gateway.planning import page, text
from gateway.planning.arrival import are_whole_seconds, arrivals, has_all
from gateway.planning.grid import DestinationPlan, plan_destination
from gateway.planning.sample import PlanError, Sample, read_sample
from gateway.planning.simulation import Bus
from gateway.sender import Sender, SenderPlugin
from gateway.units import Duration


class Question(Struct, frozen=True, kw_only=True):
    """What is asked, as the command line says it."""

    config: Path
    sample: Path
    events_per_second: float | None = None
    """None: by the events' times."""
    latency: str = "50ms"
    html: Path | None = None


def plan(
    question: Question,
    environment: Mapping[str, str],
    plugins: Mapping[str, SenderPlugin],
    out: TextIO,
    err: TextIO,
) -> ExitCode:
    """Print a table for each destination, or every fault; the exit code. No bus is asked anything."""
    try:
        latency_seconds = _latency(question)
        config = load(question.config, environment=environment, plugins=plugins)
        plans, remarks = _plans(question, config, plugins, latency_seconds)
        if question.html is not None:
            _write(question.html, page.render(plans, remarks, sample=question.sample.name))
    except (ConfigError, PlanError) as error:
        err.writelines(f"{fault}\n" for fault in error.faults)
        return ExitCode.BAD_USAGE
    out.write(text.render(plans, remarks))
    return ExitCode.OK


def _latency(question: Question) -> float:
    try:
        return Duration.parse(question.latency)
    except ValueError as error:
        raise PlanError([f"--latency: {error}"]) from None


def _plans(
    question: Question, config: Config, plugins: Mapping[str, SenderPlugin], latency_seconds: float
) -> tuple[list[DestinationPlan], list[str]]:
    # Never closed: a sender opens nothing before it sends.
    senders = {each.name: plugins[each.type].create(each.sender) for each in config.destinations.values()}
    sample = read_sample(question.sample, senders)
    if question.events_per_second is None and not has_all(sample.times):
        line = sample.first_untimed_line
        raise PlanError([f"{question.sample}:{line}: the event has no time; say how many come with --rate"])
    arrived_at = arrivals(sample.times, events_per_second=question.events_per_second)
    plans = [
        plan_destination(each, _bus(each, senders[each.name], latency_seconds), sample, arrived_at)
        for each in config.destinations.values()
    ]
    return plans, _remarks(question, sample)


def _bus(config: DestinationConfig, sender: Sender, latency_seconds: float) -> Bus:
    return Bus(
        limits=sender.limits,
        latency_seconds=latency_seconds,
        max_in_flight=config.delivery.max_in_flight,
        max_requests_per_second=config.delivery.max_requests_per_second,
    )


def _remarks(question: Question, sample: Sample) -> list[str]:
    rate = question.events_per_second
    if rate is not None and not has_all(sample.times):
        return [f"Not all events have a time: they arrive at random, {rate:g} a second on average."]
    if are_whole_seconds(sample.times):
        return ["The events' times are whole seconds: each second's arrive at once, and pack too well."]
    return []


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise PlanError([f"{path}: cannot be written: {error.strerror}"]) from None
