"""The bodies of answers as Structs, and their schemas: documentation only, nothing is encoded by them.

They forbid no further members: a client is to ignore what it does not know (RFC 9457 3.2 says so of problem
details), and so outlives the next version.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, inspect

from gateway.cloudevents.http import ContentMode
from gateway.config import docstrings
from gateway.errors import Reason
from gateway.openapi.schema import REFERENCE, Json, reference
from gateway.pipeline.delivery import BusOutcome
from gateway.pipeline.flush import FlushReason
from gateway.pipeline.pressure import Health
from gateway.pipeline.retry import GiveUpReason
from gateway.receiver.responses import MAX_ERRORS
from gateway.sender import RetryReason

Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]
PerSecond = Annotated[float, Meta(ge=0)]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class _Shape(Struct):
    """A body, or a part of one."""


class ProblemError(_Shape):
    """One thing that is wrong with a request, or with one event of it."""

    reason: Reason
    index: Count | UnsetType = UNSET
    """The event's place in its batch, from 0; not there outside a batch."""
    attribute: str | UnsetType = UNSET
    """The attribute's name, where it is known; never its value."""


class Result(_Shape):
    """What became of one event at one destination: it is delivered, or it is given up for good."""

    id: str
    source: str
    destination: str
    bus_event_id: str | UnsetType | None = UNSET
    """Of one that is delivered: the bus's own name for it; null where the bus gives none."""
    code: str | UnsetType = UNSET
    """Of one that is given up: the bus's word for it, or the gateway's."""
    message: str | UnsetType = UNSET
    """Of one that is given up: the same for people."""


class Problem(_Shape):
    """Problem details (RFC 9457) of the receiver."""

    type: Literal["about:blank"]
    title: str
    """The reason phrase of the status."""
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    """One sentence for people; its words may change."""
    errors: Annotated[list[ProblemError], Meta(max_length=MAX_ERRORS)]
    """For programs. More faults than are listed here are counted in the detail."""
    code: str | UnsetType = UNSET
    """Of the first event that a bus refused for good."""
    results: list[Result] | UnsetType = UNSET
    """With status 502: of every event at every destination that has told."""


class DeliveredEvent(_Shape):
    """The bus has the event."""

    id: str
    source: str
    destination: str
    bus_event_id: str | None
    """The bus's own name for it; null where the bus gives none."""


class Results(_Shape):
    """Every event of the request at every destination it went to."""

    results: list[DeliveredEvent]


class AdministrationProblem(_Shape):
    """Problem details (RFC 9457) of the administration interface."""

    type: Literal["about:blank"]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str


class ConfigurationFault(_Shape):
    """One thing that is wrong with the configuration file."""

    key: str
    """Dotted, as in `destinations.orders.region`."""
    message: str


class ConfigurationProblem(AdministrationProblem):
    """Problem details of a configuration file that is not taken up: the former one stays."""

    errors: list[ConfigurationFault]


class Reloaded(_Shape):
    """What a configuration file has changed."""

    changed: list[str]
    """The sections, and the keys of a sender, that are different now."""
    needs_restart: list[str]
    """The keys that are different in the file, and stay as they were until the next start."""


class HeldByState(_Shape):
    """The events held, by what they wait for."""

    buffered: Count
    in_flight: Count
    retrying: Count


class Observations(_Shape):
    """A histogram: how many values were observed up to each bound."""

    bounds: list[float]
    """Ascending, in the unit that the name says."""
    counts: list[Count]
    """Of the values above the bound before and up to this one; the last has those beyond all bounds."""
    sum: float
    """Of all values."""


class Histograms(_Shape):
    """How the batches and deliveries of a destination were."""

    batch_events: Observations
    batch_fill_ratio: Observations
    bus_request_seconds: Observations
    delivery_seconds: Observations
    """From accepted to delivered."""
    linger_seconds: Observations
    """From accepted to the first attempt."""


class LastTrouble(_Shape):
    """The last trouble that a bus gave."""

    at: Moment
    code: str
    message: str


class DestinationStatus(_Shape):
    """One destination. Accepted is delivered, dead-lettered, expired and held together."""

    endpoint: str
    health: Health
    accepted: Count
    restored: Count
    """Of those accepted, how many were taken back from disk at the start."""
    delivered: Count
    dead_lettered: Count
    dead_lettered_by_reason: dict[GiveUpReason, Count]
    dead_letters_dropped: Count
    """Dead letters that no file keeps."""
    expired: Count
    retried_by_reason: dict[RetryReason, Count]
    held: Count
    held_by_state: HeldByState
    unaccounted: int
    """0, or something is lost or doubled."""
    buffer_bytes: Count
    buffer_max_bytes: Count
    buffer_max_events: Count
    oldest_event_age_seconds: Seconds
    seconds_to_full: Seconds | None
    """At the rates of now; null: never."""
    accepted_per_second: PerSecond
    delivered_per_second: PerSecond
    requests_in_flight: Count
    in_flight_limit: Count
    requests_per_second_limit: PerSecond | None
    """Configured, or learned under throttling; null: none."""
    bus_requests_by_outcome: dict[BusOutcome, Count]
    requests_saved: int
    """Against sending in order of arrival."""
    batches_by_reason: dict[FlushReason, Count]
    histograms: Histograms
    last_error: LastTrouble | None
    credentials_expire_at: Moment | None
    """null: they do not, or it is not known yet."""


class ReceiverStatus(_Shape):
    """The receiver."""

    listen: list[str]
    connections: Count
    receiving_bytes: Count
    """Of bodies that are being read now."""
    requests_by_status: dict[str, Count]
    events_received_by_mode: dict[ContentMode, Count]
    events_refused_by_reason: dict[Reason, Count]
    certificate_expires_at: Moment | None


class ProcessStatus(_Shape):
    """Which process speaks: counts begin anew with it."""

    pid: Count
    started_at: Moment


class StorageStatus(_Shape):
    """What the disk was asked for and gave, over every journal and the spill."""

    journal_bytes: Count
    journal_failures: Count
    records_set_aside: Count
    """Records that could not be read at the start."""
    journal_commit_seconds: Observations


class WorkerStatus(_Shape):
    """One of several processes that take events."""

    worker: Count
    pid: Count | None
    uptime_seconds: Seconds | None
    restarts: Count
    connections: Count | None
    accepted: Count
    unready_because: str | None


class LastReload(_Shape):
    """What came of the last reload of the configuration; the start counts as one."""

    at: Moment
    successful: bool
    faults: list[str]
    """Why the former configuration stays."""


class Status(_Shape):
    """The gateway at one moment: no secret, no event data."""

    version: str
    time: Moment
    """By the gateway's clock."""
    process: ProcessStatus
    state: Literal["starting", "running", "draining", "stopped"]
    unready_because: str | None
    """Why an event would not be accepted now; null: one would."""
    uptime_seconds: Seconds
    receiver: ReceiverStatus
    destinations: dict[str, DestinationStatus]
    storage: StorageStatus
    last_reload: LastReload | None
    configuration: dict[str, Any]
    """The configuration in use, its defaults filled in, every secret masked."""
    workers: list[WorkerStatus] | UnsetType = UNSET
    """Only with `--workers` above 1."""


SHAPES = (Problem, Results, AdministrationProblem, ConfigurationProblem, Reloaded, Status)
"""The bodies; what they are made of comes along."""


def shape_schemas() -> Json:
    """The schemas of the bodies by name, in the words of the code below each attribute."""
    _, schemas = msgspec.json.schema_components(SHAPES, ref_template=REFERENCE)
    for kind in _kinds(_Shape):
        if (schema := schemas.get(kind.__name__)) is not None:
            properties = schema["properties"]
            for name, words in docstrings.of_attributes(kind).items():
                properties[name] = {**properties[name], "description": words}
            for name, keys in _closed_keys(kind):
                properties[name] = {**properties[name], "propertyNames": reference(keys.__name__)}
    return dict(sorted(schemas.items()))


def _kinds(kind: type[Struct]) -> list[type[Struct]]:
    """Its subclasses, and theirs."""
    return [each for below in kind.__subclasses__() for each in (below, *_kinds(below))]


def _closed_keys(kind: type[Struct]) -> Iterator[tuple[str, type[Enum]]]:
    """The members that are objects whose names are of a closed set: msgspec leaves that out."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType), "a shape is a Struct"
    for field in info.fields:
        if isinstance(field.type, inspect.DictType) and isinstance(field.type.key_type, inspect.EnumType):
            yield field.encode_name, field.type.key_type.cls
