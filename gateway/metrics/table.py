"""Every metric of the gateway: what it means, and where it comes from."""

from gateway.errors import Reason
from gateway.metrics.definition import (
    Kind,
    Merge,
    MetricDefinition,
    by_label,
    counter,
    each,
    each_by_label,
    gauge,
    histogram,
    reloaded,
    stored,
    unless_never,
)
from gateway.metrics.process import PROCESS_METRICS

CONTENT_MODES = ("binary", "structured", "batched")

_D = ("destination",)

METRICS: tuple[MetricDefinition, ...] = (
    counter(
        "requests",
        "HTTP requests answered, by status code.",
        ("code",),
        by_label(lambda receiver: {str(code): n for code, n in receiver.requests.items()}),
    ),
    counter(
        "events_received",
        "Valid CloudEvents read, by content mode.",
        ("mode",),
        by_label(lambda receiver: dict.fromkeys(CONTENT_MODES, 0) | receiver.events_received),
    ),
    counter(
        "events_refused",
        "Events refused, by reason; a request refused unread or unreadable counts once.",
        ("reason",),
        by_label(lambda receiver: dict.fromkeys(map(str, Reason), 0) | receiver.events_refused),
    ),
    counter(
        "events_accepted",
        "Events accepted and owed to the destination since.",
        _D,
        each(lambda destination: destination.counters.accepted),
    ),
    counter(
        "events_restored",
        "Events taken back from disk at the start; they count as accepted again.",
        _D,
        each(lambda destination: destination.counters.restored),
    ),
    counter(
        "events_delivered",
        "Events that the bus has taken.",
        _D,
        each(lambda destination: destination.counters.delivered),
    ),
    counter(
        "events_retried",
        "Times that an event was kept for another attempt, by reason.",
        (*_D, "reason"),
        each_by_label(lambda destination: destination.counters.retried),
    ),
    counter(
        "events_dead_lettered",
        "Events given up and written to the dead letters, by reason.",
        (*_D, "reason"),
        each_by_label(lambda destination: destination.counters.dead_lettered),
    ),
    counter(
        "events_expired",
        "Events that grew older than delivery.max_age and were written to the dead letters.",
        _D,
        each(lambda destination: destination.counters.expired),
    ),
    counter(
        "dead_letters_dropped",
        "Dead letters that no file keeps: the oldest went for room, or no directory is configured.",
        _D,
        each(lambda destination: destination.counters.dead_letters_dropped),
    ),
    gauge(
        "events_held",
        "Events accepted and not yet settled, by state.",
        (*_D, "state"),
        each_by_label(
            lambda destination: {
                "buffered": destination.buffered,
                "in_flight": destination.in_flight,
                "retrying": destination.retrying,
            }
        ),
    ),
    gauge(
        "events_unaccounted",
        "Events accepted and neither settled nor held: lost, as with the memory of a worker that was killed.",
        _D,
        each(lambda destination: destination.unaccounted),
    ),
    gauge(
        "buffer_bytes",
        "Room that the held events take: their JSON and a fixed overhead for each.",
        _D,
        each(lambda destination: destination.buffer_bytes),
    ),
    gauge(
        "buffer_max_bytes",
        "Room that there is: buffer.max_bytes.",
        _D,
        each(lambda destination: destination.buffer_max_bytes),
    ),
    gauge(
        "oldest_event_age_seconds",
        "Age of the oldest held event; 0 while none is held.",
        _D,
        each(lambda destination: destination.oldest_age_seconds),
        Merge.MAXIMUM,
    ),
    gauge(
        "seconds_to_full",
        "When the buffer will be full if it goes on filling as in the last seconds; +Inf: never.",
        _D,
        each(lambda destination: destination.seconds_to_full),
        Merge.MINIMUM,
    ),
    counter(
        "batches",
        "Batches that left the buffer, by what made them leave.",
        (*_D, "reason"),
        each_by_label(lambda destination: destination.counters.batches),
    ),
    histogram("batch_events", "Events in a batch.", lambda destination: destination.counters.batch_events),
    histogram(
        "batch_fill_ratio",
        "How full a batch is of the bus's limit on count or bytes, whichever is nearer.",
        lambda destination: destination.counters.batch_fill_ratio,
    ),
    counter(
        "bus_requests",
        "Attempts to send a batch to the bus, by what came of them.",
        (*_D, "outcome"),
        each_by_label(lambda destination: destination.counters.bus_requests),
    ),
    histogram(
        "bus_request_seconds",
        "From the beginning of an attempt to send a batch to its answer or time-out.",
        lambda destination: destination.counters.bus_request_seconds,
    ),
    histogram(
        "delivery_seconds",
        "From accepting an event to its delivery.",
        lambda destination: destination.counters.delivery_seconds,
    ),
    histogram(
        "linger_seconds",
        "How long the oldest event of a batch waited before the batch left for the first time.",
        lambda destination: destination.counters.linger_seconds,
    ),
    counter(
        "requests_saved",
        "Requests fewer than the same events would have needed in order of arrival.",
        _D,
        each(lambda destination: destination.requests_saved),
    ),
    gauge(
        "in_flight_limit",
        "Requests to the bus that may be in flight together now.",
        _D,
        each(lambda destination: destination.in_flight_limit),
    ),
    gauge(
        "requests_per_second_limit",
        "The rate that requests to the bus keep to, configured or learned under throttling; +Inf: none.",
        _D,
        each(lambda destination: destination.requests_per_second_limit),
    ),
    gauge(
        "credentials_expire_timestamp_seconds",
        "When the credentials of the bus expire; absent while they do not, or are not known.",
        _D,
        unless_never(each(lambda destination: destination.credentials_expire_at)),
        Merge.MINIMUM,
    ),
    gauge(
        "tls_certificate_expiry_timestamp_seconds",
        "When the receiver's certificate expires; absent without one.",
        (),
        unless_never(lambda snapshot: [((), snapshot.receiver.certificate_expires_at)]),
        Merge.MINIMUM,
    ),
    counter(
        "tls_handshake_failures",
        "TLS handshakes of producers that came to nothing: a wrong version or certificate, silence, no TLS.",
        (),
        lambda snapshot: [((), snapshot.receiver.tls_handshake_failures)],
    ),
    gauge(
        "connections",
        "Open connections of producers.",
        (),
        lambda snapshot: [((), snapshot.receiver.connections)],
    ),
    MetricDefinition(
        "gateway_journal_commit_seconds",
        Kind.HISTOGRAM,
        "From the begin of a group's write to the journal until it is on disk.",
        (),
        stored(lambda storage: storage.journal_commit_seconds),
    ),
    counter(
        "journal_failures",
        "Writes to a journal that failed: none of their events was accepted.",
        (),
        stored(lambda storage: storage.journal_failures),
    ),
    gauge(
        "journal_bytes",
        "What the journals' files take on disk.",
        (),
        stored(lambda storage: storage.journal_bytes),
    ),
    counter(
        "records_set_aside",
        "Records of journal and spill that could not be read at the start, and were set aside.",
        (),
        stored(lambda storage: storage.set_aside),
    ),
    # Named as Prometheus names those of its own configuration.
    gauge(
        "config_last_reload_successful",
        "Whether the last attempt to read the configuration again did well; the start counts as one.",
        (),
        reloaded(lambda reload: reload.was_successful),
    ),
    gauge(
        "config_last_reload_success_timestamp_seconds",
        "When a configuration was taken up last.",
        (),
        reloaded(lambda reload: reload.succeeded_at),
    ),
    gauge(
        "workers",
        "Processes that take events.",
        (),
        lambda snapshot: [((), snapshot.workers.alive)],
    ),
    counter(
        "worker_restarts",
        "Workers that ended unasked, and were replaced.",
        (),
        lambda snapshot: [((), snapshot.workers.restarts)],
    ),
    *PROCESS_METRICS,
)
