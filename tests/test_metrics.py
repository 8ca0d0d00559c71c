"""The scrape: every documented metric, with its name, type and labels, in both formats."""

from collections.abc import Iterable
from math import inf

import pytest
from msgspec.structs import replace
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from gateway import __version__
from gateway.errors import Reason
from gateway.metrics import METRICS, registry, render
from gateway.process import process_statistics
from gateway.sender import Delivered, Rejected, Retry
from gateway.snapshots import ReceiverStatistics, ReloadStatistics, Snapshot, StorageStatistics
from tests.pipeline.desk import running
from tests.support.build import settings
from tests.support.clock import on_virtual_clock, until
from tests.support.sender import FakeSender

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
D = "destination"

DOCUMENTED = {
    "gateway_requests": ("counter", {"code"}),
    "gateway_events_received": ("counter", {"mode"}),
    "gateway_events_refused": ("counter", {"reason"}),
    "gateway_events_accepted": ("counter", {D}),
    "gateway_events_restored": ("counter", {D}),
    "gateway_events_delivered": ("counter", {D}),
    "gateway_events_retried": ("counter", {D, "reason"}),
    "gateway_events_dead_lettered": ("counter", {D, "reason"}),
    "gateway_events_expired": ("counter", {D}),
    "gateway_events_held": ("gauge", {D, "state"}),
    "gateway_buffer_bytes": ("gauge", {D}),
    "gateway_buffer_max_bytes": ("gauge", {D}),
    "gateway_oldest_event_age_seconds": ("gauge", {D}),
    "gateway_seconds_to_full": ("gauge", {D}),
    "gateway_batches": ("counter", {D, "reason"}),
    "gateway_batch_events": ("histogram", {D}),
    "gateway_batch_fill_ratio": ("histogram", {D}),
    "gateway_bus_requests": ("counter", {D, "outcome"}),
    "gateway_bus_request_seconds": ("histogram", {D}),
    "gateway_delivery_seconds": ("histogram", {D}),
    "gateway_linger_seconds": ("histogram", {D}),
    "gateway_requests_saved": ("counter", {D}),
    "gateway_in_flight_limit": ("gauge", {D}),
}
"""As the documentation has them; a counter's samples end in `_total`."""

BEYOND = {
    "gateway_dead_letters_dropped": ("counter", {D}),
    "gateway_events_unaccounted": ("gauge", {D}),
    "gateway_config_last_reload_successful": ("gauge", set[str]()),
    "gateway_config_last_reload_success_timestamp_seconds": ("gauge", set[str]()),
    "gateway_workers": ("gauge", set[str]()),
    "gateway_worker_restarts": ("counter", set[str]()),
    "gateway_connections": ("gauge", set[str]()),
    "gateway_tls_handshake_failures": ("counter", set[str]()),
    "gateway_credentials_expire_timestamp_seconds": ("gauge", {D}),
    "gateway_tls_certificate_expiry_timestamp_seconds": ("gauge", set[str]()),
    "gateway_requests_per_second_limit": ("gauge", {D}),
    "gateway_journal_commit_seconds": ("histogram", set[str]()),
    "gateway_journal_failures": ("counter", set[str]()),
    "gateway_journal_bytes": ("gauge", set[str]()),
    "gateway_records_set_aside": ("counter", set[str]()),
}
"""What users of such programs look for as well."""

CLOSED_SETS = {
    ("gateway_events_received", "mode"): {"binary", "structured", "batched"},
    ("gateway_events_refused", "reason"): set(map(str, Reason)),
    ("gateway_events_held", "state"): {"buffered", "in_flight", "retrying"},
    ("gateway_batches", "reason"): {"full", "interval", "idle", "drain"},
    ("gateway_bus_requests", "outcome"): {"delivered", "partial", "throttled", "refused", "unavailable"},
    ("gateway_events_dead_lettered", "reason"): {"rejected", "attempts", "undeliverable"},
    ("gateway_events_retried", "reason"): {
        "throttled", "unavailable", "timeout", "failed", "unclear", "split", "blocked", "dead_letter_failed",
    },
}  # fmt: skip

STARTED_AT = 1_600_000_000.0
RELOADED_AT = 1_700_000_000.0
CREDENTIALS_END, CERTIFICATE_ENDS = 1_800_000_000.0, 1_900_000_000.0


async def snapshot(*, busy: bool) -> Snapshot:
    """Of a gateway with one destination: just started, or with some of everything behind it."""
    sender = FakeSender([Delivered(), Retry("broken"), Rejected("bad")])
    async with running(sender, settings(flush_interval_seconds=3.0)) as desk:
        if busy:
            desk.accept("1", "2", "3")
            await until(3.05)
            desk.accept("4", "5")
        receiver = ReceiverStatistics(
            requests={202: 2},
            events_received={"binary": 5},
            connections=1,
            certificate_expires_at=CERTIFICATE_ENDS,
        )
        bus = replace(desk.destination.statistics(), credentials_expire_at=CREDENTIALS_END)
        reload = ReloadStatistics(at=RELOADED_AT, succeeded_at=RELOADED_AT)
        return Snapshot(receiver, {"bus": bus}, StorageStatistics(), reload=reload)


def scrape(taken: Snapshot, accept: str) -> dict[str, Metric]:
    """The gateway's families as a Prometheus would read them."""
    text, content_type = render(registry(lambda: taken), accept)
    assert content_type.startswith(accept.partition(";")[0] or "text/plain")
    parse = parse_openmetrics if accept else parse_text
    families: Iterable[Metric] = parse(text.decode())
    return {family.name: family for family in families if family.name.startswith("gateway_")}


def values(family: Metric, suffix: str = "") -> dict[tuple[str, ...], float]:
    """The family's samples by the values of their labels."""
    wanted = family.name + suffix
    return {tuple(sample.labels.values()): sample.value for sample in family.samples if sample.name == wanted}


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text;version=abc",
        "application/openmetrics-text;version=1.0.x",
        "application/openmetrics-text;version=2.0.0\udcff",
        "text/plain;version=x",
        'text/plain;version="1.0.0"',
        "\udcff",
    ],
)
def test_a_version_that_is_none_is_answered_in_the_default_format(accept: str) -> None:
    """A scraper that asks for nonsense still gets what `curl` gets."""
    taken = registry(lambda: Snapshot(ReceiverStatistics(), {}, StorageStatistics()))
    text, content_type = render(taken, accept)
    assert content_type == render(taken, "")[1]
    assert "gateway_events_received" in {family.name for family in parse_text(text.decode())}


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
@on_virtual_clock
async def test_every_documented_metric_is_there_with_its_type_and_labels(accept: str) -> None:
    """These and the few beyond, in both formats."""
    found = {}
    for family in scrape(await snapshot(busy=True), accept).values():
        labels = set().union(*[sample.labels for sample in family.samples]) - {"le"}
        found[family.name] = (family.type, labels)
    build = "gateway_build" if accept else "gateway_build_info"
    assert found.pop(build)[1] == {"version"}
    assert found == DOCUMENTED | BEYOND


@pytest.mark.parametrize("busy", [False, True])
@on_virtual_clock
async def test_every_label_value_is_there_from_the_start_and_no_other(busy: bool) -> None:  # noqa: FBT001 - a column of a table
    """A series that appears with its first event hides that event from `rate`."""
    families = scrape(await snapshot(busy=busy), "")
    for (name, label), closed in CLOSED_SETS.items():
        assert {sample.labels[label] for sample in families[name].samples} == closed, name


@on_virtual_clock
async def test_the_sum_holds_in_a_scrape() -> None:
    """Accepted is delivered, dead-lettered, expired and held, per destination."""
    families = scrape(await snapshot(busy=True), "")
    accepted = values(families["gateway_events_accepted"], "_total")
    settled = [
        sum(values(families[f"gateway_events_{name}"], "_total").values())
        for name in ("delivered", "dead_lettered", "expired")
    ]
    held = values(families["gateway_events_held"])
    assert accepted == {("bus",): 5}
    assert settled == [1, 1, 0]
    assert held == {("bus", "buffered"): 2, ("bus", "in_flight"): 0, ("bus", "retrying"): 1}


@on_virtual_clock
async def test_histograms_add_up_as_prometheus_does() -> None:
    """Buckets up to each bound, the last of all values; sum and count beside them."""
    family = scrape(await snapshot(busy=True), "")["gateway_batch_events"]
    buckets = values(family, "_bucket")
    assert buckets["bus", "2.0"] == 0
    assert buckets["bus", "3.0"] == buckets["bus", "+Inf"] == 1
    assert list(buckets.values()) == sorted(buckets.values())
    assert values(family, "_sum") == {("bus",): 3}
    assert values(family, "_count") == {("bus",): 1}


@on_virtual_clock
async def test_the_receivers_figures_are_shown() -> None:
    """By status code and by content mode."""
    families = scrape(await snapshot(busy=True), "")
    assert values(families["gateway_requests"], "_total") == {("202",): 2}
    assert values(families["gateway_events_received"], "_total")["binary",] == 5
    assert values(families["gateway_connections"]) == {(): 1}


@on_virtual_clock
async def test_what_expires_is_shown_as_a_moment() -> None:
    """Seconds since the epoch, so that `metric - time()` is what is left."""
    families = scrape(await snapshot(busy=False), "")
    assert values(families["gateway_credentials_expire_timestamp_seconds"]) == {("bus",): CREDENTIALS_END}
    assert values(families["gateway_tls_certificate_expiry_timestamp_seconds"]) == {(): CERTIFICATE_ENDS}


@on_virtual_clock
async def test_what_never_expires_has_no_sample() -> None:
    """Neither infinity nor 0, which an alert would take for a moment."""
    taken = await snapshot(busy=False)
    lasting = replace(taken.destinations["bus"], credentials_expire_at=inf)
    families = scrape(Snapshot(ReceiverStatistics(), {"bus": lasting}, StorageStatistics()), "")
    assert values(families["gateway_credentials_expire_timestamp_seconds"]) == {}
    assert values(families["gateway_tls_certificate_expiry_timestamp_seconds"]) == {}


@on_virtual_clock
async def test_a_refused_reload_is_shown_with_the_moment_of_the_last_that_was_taken_up() -> None:
    """So that an alert finds it, and says since when the configuration in use is an old one."""
    good = await snapshot(busy=False)
    assert good.reload is not None
    refused = replace(good, reload=replace(good.reload, at=RELOADED_AT + 60, faults=("key: bad",)))
    for taken, successful in ((good, 1), (refused, 0)):
        families = scrape(taken, "")
        assert values(families["gateway_config_last_reload_successful"]) == {(): successful}
        assert values(families["gateway_config_last_reload_success_timestamp_seconds"]) == {(): RELOADED_AT}


@on_virtual_clock
async def test_without_a_file_to_read_again_no_reload_is_shown() -> None:
    """Neither as one that did well nor as one of 1970."""
    families = scrape(replace(await snapshot(busy=False), reload=None), "")
    assert values(families["gateway_config_last_reload_successful"]) == {}
    assert values(families["gateway_config_last_reload_success_timestamp_seconds"]) == {}


@on_virtual_clock
async def test_the_version_and_the_process_are_shown() -> None:
    """Under the names that dashboards know; what the system does not tell has no sample."""
    process = process_statistics(started_at=STARTED_AT)
    taken = replace(await snapshot(busy=False), process=replace(process, open_descriptors=0))
    text, _ = render(registry(lambda: taken), "")
    found = {family.name: [sample.value for sample in family.samples] for family in parse_text(text.decode())}
    assert f'gateway_build_info{{version="{__version__}"}} 1.0' in text.decode()
    assert "python_info" in found
    assert found["process_start_time_seconds"] == [STARTED_AT]
    assert found["process_cpu_seconds"] == [process.cpu_seconds]
    assert found["process_resident_memory_bytes"] == [process.resident_bytes]
    assert found["process_open_fds"] == []
    assert 0 < process.open_descriptors < process.max_descriptors
    assert 1 << 20 < process.resident_bytes < process.virtual_bytes


def test_names_and_labels_follow_the_conventions() -> None:
    """A prefix, snake case, base units; counters end in `_total`; every help is a sentence."""
    for definition in METRICS:
        assert definition.name.startswith(("gateway_", "process_"))
        assert (definition.kind == "counter") is definition.name.endswith("_total")
        assert definition.help.endswith(".")
        assert set(definition.labels) <= {"destination", "reason", "outcome", "mode", "state", "code"}
