"""What a request is answered, over one connection."""

import json
import logging
from collections.abc import Callable

import pytest

from gateway.admission import Draining, NoRoom
from gateway.errors import EventTooLargeError, Fault, Reason, UndeliverableEventError
from tests.support.http import BATCHED, EVENT, WALL_TIME, Answer, Wire, delivery, request
from tests.support.intake import FakeIntake
from tests.support.limits import limited

BINARY = (b"ce-specversion: 1.0", b"ce-id: 1", b"ce-source: /s", b"ce-type: t")
INVALID = b'{"specversion":"1.0","id":"","source":"/s"}'
TOO_LARGE = EventTooLargeError("larger than 5 bytes", Fault(Reason.TOO_LARGE))
UNDELIVERABLE = UndeliverableEventError(
    "the type is longer than 128", Fault(Reason.UNDELIVERABLE, "type", index=1)
)


def batch(*events: bytes) -> bytes:
    """Those events as one request."""
    return request(BATCHED, body=b"[" + b",".join(events) + b"]")


def only(wire: Wire, data: bytes) -> Answer:
    """The one answer to `data`."""
    answers = wire.send(data)
    assert len(answers) == 1
    return answers[0]


@pytest.mark.parametrize(
    ("target", "destination"),
    [
        (b"/", None),
        (b"/events", None),
        (b"/events?access_token=x", None),
        (b"/?", None),
        (b"/events/orders", "orders"),
        (b"/events/orders?x=/y", "orders"),
        (b"/events/%6Frders", "orders"),
        (b"http://gateway.example", None),
        (b"http://gateway.example:8080/events?x", None),
        (b"HTTPS://gateway.example/events/orders", "orders"),
    ],
)
def test_a_path_names_every_destination_or_one(target: bytes, destination: str | None) -> None:
    """A query changes nothing, and the absolute form is the same resource (RFC 9112 3.2.2)."""
    wire = Wire()
    assert only(wire, delivery(target=target)).status == 202
    assert [asked for _, asked in wire.intake.accepted] == [destination]
    assert wire.intake.asked == [(len(EVENT), destination)]


@pytest.mark.parametrize(
    "target",
    [
        b"/event", b"/events/", b"/events/grid", b"/events/orders/", b"/others/orders", b"/Events",
        b"//events", b"/events/%ff",
        b"*", b"ftp://gateway.example/events", b"http:///events", b"/events%2Forders",
    ],
)  # fmt: skip
def test_an_unknown_path_or_destination_is_not_found(target: bytes) -> None:
    """404, and the intake is not asked."""
    wire = Wire()
    answer = only(wire, delivery(target=target))
    assert (answer.status, answer.problem["title"]) == (404, "Not Found")
    assert wire.refused == {"undeliverable": 1}
    assert not wire.intake.asked


@pytest.mark.parametrize("method", [b"GET", b"PUT", b"PATCH", b"DELETE", b"TRACE", b"QUERY"])
def test_another_method_is_not_allowed(method: bytes) -> None:
    """405 says which are (RFC 9110 15.5.6); the connection lives on, and TRACE echoes nothing."""
    wire = Wire()
    answers = wire.send(delivery(b"X-Private: private", method=method) + delivery())
    assert [answer.status for answer in answers] == [405, 202]
    assert answers[0].headers["allow"] == "POST, OPTIONS"
    assert b"private" not in wire.transport.written


def test_the_answer_to_head_has_no_body() -> None:
    """RFC 9110 9.3.2: the header fields of the answer to GET, and nothing else."""
    to_get, to_head = Wire(), Wire()
    to_get.send(request(method=b"GET"))
    to_head.connection.data_received(request(method=b"HEAD"))
    head, _, body = to_get.transport.written.partition(b"\r\n\r\n")
    assert body
    assert to_head.transport.written == head + b"\r\n\r\n"


def test_the_answer_after_one_to_head_has_its_body() -> None:
    """Also if the next request has no method at all."""
    wire = Wire()
    wire.connection.data_received(request(method=b"HEAD") + b"\x00")
    assert wire.transport.written.endswith(b'{"reason":"malformed_http"}]}')


PREFLIGHT = (b"Origin: http://other.example", b"Access-Control-Request-Method: POST")


@pytest.mark.parametrize("lines", [(), PREFLIGHT], ids=["plain", "preflight"])
@pytest.mark.parametrize("target", [b"/", b"/events", b"/events/orders"])
def test_options_names_the_methods(target: bytes, lines: tuple[bytes, ...]) -> None:
    """Without WebHook-Request-Origin there is no handshake, so no consent; nor is there to a browser."""
    answer = only(Wire(), request(*lines, method=b"OPTIONS", target=target))
    assert (answer.status, answer.headers["allow"], answer.body) == (200, "POST, OPTIONS", b"")
    assert not [name for name in answer.headers if name.startswith(("webhook", "access-control"))]


def test_options_for_the_whole_server_names_the_methods() -> None:
    """The asterisk-form (RFC 9112 3.2.4)."""
    assert only(Wire(), request(method=b"OPTIONS", target=b"*")).headers["allow"] == "POST, OPTIONS"


def test_options_on_an_unknown_path_is_not_found() -> None:
    """The path comes before the method (§16)."""
    assert only(Wire(), request(method=b"OPTIONS", target=b"/nowhere")).status == 404


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (b"WebHook-Request-Rate: 120",),
        (b"WebHook-Request-Rate: many",),
        (b"WebHook-Request-Callback: http://emitter.example/consent",),
    ],
)
def test_the_web_hook_handshake_is_consented_to(lines: tuple[bytes, ...]) -> None:
    """WH 4.2: from anyone and at any rate, both always said, as the endpoint asks for no credentials."""
    answer = only(Wire(), request(b"WebHook-Request-Origin: emitter.example", *lines, method=b"OPTIONS"))
    assert (answer.status, answer.body, answer.headers["allow"]) == (200, b"", "POST, OPTIONS")
    assert answer.headers["webhook-allowed-origin"] == "*"
    assert answer.headers["webhook-allowed-rate"] == "*"


def test_an_event_inside_options_is_never_accepted() -> None:
    """Its body is read away (§11)."""
    wire = Wire()
    answers = wire.send(delivery(method=b"OPTIONS") + delivery())
    assert [answer.status for answer in answers] == [200, 202]
    assert len(wire.intake.events) == 1


@pytest.mark.parametrize(
    ("data", "mode", "events"),
    [
        (delivery(), "structured", 1),
        (request(*BINARY, b"Content-Type: text/plain", body=b"hello"), "binary", 1),
        (batch(EVENT, EVENT, EVENT), "batched", 3),
        (batch(), "batched", 0),
    ],
    ids=["structured", "binary", "batched", "empty batch"],
)
def test_events_are_accepted_in_every_content_mode(data: bytes, mode: str, events: int) -> None:
    """202, the events in one piece to the intake, counted under their mode."""
    wire = Wire()
    assert only(wire, data).status == 202
    assert [len(accepted) for accepted, _ in wire.intake.accepted] == [events]
    counts = dict.fromkeys(("binary", "structured", "batched"), 0)
    assert wire.statistics.events_received == counts | {mode: events}
    assert not wire.refused


@pytest.mark.parametrize("write", [bytes.lower, bytes.upper, bytes.title])
def test_header_names_have_no_case(write: Callable[[bytes], bytes]) -> None:
    """HTTP binding 3.1.3.1: attributes are named in lower case however their headers were written."""
    wire = Wire()
    lines = [write(name) + b": " + value for name, _, value in (line.partition(b": ") for line in BINARY)]
    assert only(wire, request(*lines, write(b"ce-myext") + b": x", body=b"")).status == 202
    assert json.loads(wire.intake.events[0].json)["myext"] == "x"


def test_an_attribute_in_two_spellings_is_there_twice() -> None:
    """Which of them is meant nobody can say."""
    answer = only(Wire(), request(*BINARY, b"ce-x: 1", b"CE-X: 1", body=b""))
    assert answer.problem["errors"] == [{"reason": "duplicate_attribute", "attribute": "x"}]


def test_only_blanks_around_a_header_value_go() -> None:
    """RFC 9110 5.5 means space and tab; a no-break space is data."""
    wire = Wire()
    assert only(wire, request(*BINARY, b"ce-x: \t \xc2\xa0a\xc2\xa0 \t", body=b"")).status == 202
    assert json.loads(wire.intake.events[0].json)["x"] == "\u00a0a\u00a0"


def test_attributes_in_a_trailer_are_none() -> None:
    """RFC 9112 7.1.2: what comes behind the data cannot change or add an attribute."""
    wire = Wire()
    head = request(*BINARY, b"Transfer-Encoding: chunked")
    assert only(wire, head + b"1\r\nx\r\n0\r\nce-id: 2\r\nce-y: 1\r\n\r\n").status == 202
    assert json.loads(wire.intake.events[0].json).keys() == {
        "specversion", "id", "source", "type", "data_base64",
    }  # fmt: skip
    assert wire.intake.events[0].id == "1"


def test_an_event_knows_when_it_was_received() -> None:
    """Wall-clock time, from the receiver's clock."""
    wire = Wire()
    wire.send(delivery())
    assert wire.intake.events[0].received_at == WALL_TIME


def test_an_invalid_event_is_refused_with_problem_details() -> None:
    """RFC 9457, every fault in `errors`, no index outside a batch; the connection lives on."""
    wire = Wire()
    answer = only(wire, delivery(body=INVALID))
    assert (answer.status, answer.closes) == (400, False)
    assert answer.problem.keys() == {"type", "title", "status", "detail", "errors"}
    assert (answer.problem["type"], answer.problem["title"]) == ("about:blank", "Bad Request")
    assert answer.problem["status"] == 400
    assert {"reason": "missing_attribute", "attribute": "type"} in answer.problem["errors"]
    assert {"reason": "empty_attribute", "attribute": "id"} in answer.problem["errors"]
    assert sum(wire.refused.values()) == 1
    assert not wire.intake.accepted


def test_a_batch_with_an_invalid_event_is_refused_whole() -> None:
    """Nothing is taken; each bad event stands with its index, and every event is counted as refused."""
    wire = Wire()
    no_time = EVENT.replace(b'"id"', b'"time":"noon","id"')
    no_type = EVENT.replace(b',"type":"t"', b"")
    answer = only(wire, batch(EVENT, no_time, EVENT, no_type))
    assert answer.status == 400
    assert answer.problem["errors"] == [
        {"reason": "invalid_time", "index": 1, "attribute": "time"},
        {"reason": "missing_attribute", "index": 3, "attribute": "type"},
    ]
    assert wire.refused == {"invalid_time": 3, "missing_attribute": 1}
    assert not wire.intake.accepted


def test_a_batch_that_cannot_be_read_counts_once() -> None:
    """Nobody knows how many events it was."""
    wire = Wire()
    assert only(wire, request(BATCHED, body=b"[" + EVENT + b",")).status == 400
    assert wire.refused == {"invalid_json": 1}


def test_the_list_of_errors_is_bounded() -> None:
    """A batch of faults answers with a hundred of them."""
    wire = Wire()
    assert len(only(wire, batch(*[b"{}"] * 500)).problem["errors"]) == 100
    assert wire.refused == {"missing_attribute": 500}


def test_faults_of_an_intake_are_bounded_too() -> None:
    """Whoever found them."""
    wire = Wire()
    faults = [Fault(Reason.UNDELIVERABLE, "type", index) for index in range(500)]
    wire.intake.admission = UndeliverableEventError("no", *faults)
    assert len(only(wire, batch(*[EVENT] * 500)).problem["errors"]) == 100


@pytest.mark.parametrize(
    "content_type", [b"application/json", b"application/cloudevents+avro", b"application/cloudevents"]
)
def test_what_is_no_event_we_read_is_an_unsupported_media_type(content_type: bytes) -> None:
    """415, from the head alone: the body's end need not be there."""
    wire = Wire()
    head = request(b"Content-Type: " + content_type, b"Content-Length: 1000")
    answer = only(wire, head)
    assert answer.status == 415
    assert wire.refused == {"unsupported_media_type": 1}
    # RFC 9110 15.5.16 and 12.5.3: which field is there says whether the type or the coding is to blame.
    assert answer.headers["accept"] == "application/cloudevents+json, application/cloudevents-batch+json"
    assert "accept-encoding" not in answer.headers


def test_two_content_types_are_refused() -> None:
    """400: confusion about the mode is a security problem (§2)."""
    assert only(Wire(), delivery(BATCHED)).status == 400


@pytest.mark.parametrize("lines", [(b"Content-Encoding: br",), (b"Content-Encoding: gzip, gzip",),
                                   (b"Content-Encoding: gzip", b"Content-Encoding: deflate")])  # fmt: skip
def test_an_unsupported_coding_is_told_the_supported_ones(lines: tuple[bytes, ...]) -> None:
    """RFC 9110 15.5.16: 415 with Accept-Encoding; taking the body undecoded is never right."""
    wire = Wire()
    answer = only(wire, delivery(*lines))
    assert (answer.status, answer.headers["accept-encoding"]) == (415, "gzip, deflate")
    assert "accept" not in answer.headers
    assert wire.refused == {"unsupported_media_type": 1}
    assert not wire.intake.accepted


def test_a_full_intake_refuses_before_the_body() -> None:
    """503 with Retry-After as soon as the head is there (§16); one refusal, whatever the body holds."""
    wire = Wire()
    wire.intake.foreseen = NoRoom(7)
    answer = only(wire, request(BATCHED, b"Content-Length: 1000"))
    assert (answer.status, answer.headers["retry-after"], answer.closes) == (503, "7", False)
    assert answer.problem["errors"] == [{"reason": "no_room"}]
    assert wire.refused == {"no_room": 1}


def test_a_body_that_no_buffer_could_hold_is_too_large_before_it_comes() -> None:
    """413 with the limit in its detail."""
    wire = Wire()
    wire.intake.foreseen = TOO_LARGE
    answer = only(wire, delivery())
    assert (answer.status, answer.problem["detail"]) == (413, "larger than 5 bytes")
    assert wire.refused == {"too_large": 1}


@pytest.mark.parametrize(
    ("admission", "status", "refused"),
    [
        (NoRoom(2), 503, {"no_room": 3}),
        (TOO_LARGE, 413, {"too_large": 3}),
        (UNDELIVERABLE, 422, {"undeliverable": 3}),
        (UndeliverableEventError("never"), 422, {"undeliverable": 3}),
    ],
)
def test_events_refused_by_the_intake_are_all_counted(
    admission: NoRoom | Exception, status: int, refused: dict[str, int]
) -> None:
    """They were read, so they are received; taken whole or not at all, so they are all refused."""
    wire = Wire()
    wire.intake.admission = admission
    assert only(wire, batch(EVENT, EVENT, EVENT)).status == status
    assert wire.statistics.events_received["batched"] == 3
    assert wire.refused == refused


def test_an_event_that_a_destination_can_never_take_is_named() -> None:
    """422 with the index of the one."""
    wire = Wire()
    wire.intake.admission = UNDELIVERABLE
    answer = only(wire, batch(EVENT, EVENT))
    assert answer.problem["detail"] == "the type is longer than 128"
    assert answer.problem["errors"] == [{"reason": "undeliverable", "index": 1, "attribute": "type"}]


@pytest.mark.parametrize("when", ["before the body", "after it"])
def test_draining_is_told_and_ends_the_connection(when: str) -> None:
    """503 with Retry-After and Connection: close."""
    wire = Wire()
    if when == "before the body":
        wire.intake.foreseen = Draining(30)
    else:
        wire.intake.admission = Draining(30)
    answer = only(wire, delivery() + delivery())
    assert (answer.status, answer.headers["retry-after"], answer.closes) == (503, "30", True)
    assert wire.refused == {"draining": 1}
    assert wire.transport.has_written_eof


def test_retry_after_is_at_least_a_second() -> None:
    """Zero would mean at once."""
    wire = Wire()
    wire.intake.foreseen = NoRoom(0)
    assert only(wire, delivery()).headers["retry-after"] == "1"


@pytest.mark.parametrize("expectation", [b"200-ok", b"100-continue, 200-ok", b""])
def test_an_unknown_expectation_fails(expectation: bytes) -> None:
    """RFC 9110 10.1.1: 417."""
    assert only(Wire(), delivery(b"Expect: " + expectation)).status == 417


def test_what_can_be_refused_earlier_is_refused_earlier() -> None:
    """The order of §16, each request wrong in all that comes later."""
    limits = limited(max_body_bytes=10)
    wrong = (b"Expect: 200-ok", b"Content-Encoding: br")
    full = FakeIntake()
    full.foreseen = NoRoom(1)
    assert only(Wire(limits, full), delivery(*wrong, target=b"/nowhere", host=None)).status == 400
    assert only(Wire(limits, full), delivery(*wrong, target=b"/nowhere", method=b"PUT")).status == 404
    assert only(Wire(limits, full), delivery(*wrong, method=b"PUT")).status == 405
    assert only(Wire(limits, full), request(*wrong, body=EVENT)).status == 503
    assert only(Wire(limits), delivery(*wrong)).status == 415
    assert only(Wire(limits), delivery(wrong[0])).status == 413


def test_a_bug_is_answered_with_500_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """With its traceback, without event data or a query; the connection ends."""
    wire = Wire()
    wire.intake.admission = RuntimeError("a bug")
    with caplog.at_level(logging.INFO):
        answer = only(wire, delivery(target=b"/?access_token=s3cret") + delivery())
    assert (answer.status, answer.closes, answer.problem["errors"]) == (500, True, [])
    assert b"a bug" not in answer.body
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "RuntimeError: a bug" in caplog.text
    assert '"specversion"' not in caplog.text
    assert "s3cret" not in caplog.text
    assert wire.statuses == {500: 1}


def test_preferences_and_origins_change_nothing() -> None:
    """Unknown preferences are ignored (RFC 7240 2), and CORS does not protect servers (§10)."""
    origins = (b"Origin: http://other.example", b"WebHook-Request-Origin: other.example")
    answer = only(Wire(), delivery(b"Prefer: reply", *origins))
    assert (answer.status, set(answer.headers)) == (202, {"date", "content-length"})


def test_the_trace_of_a_request_becomes_the_event_s() -> None:
    """Where the event has none, the request's trace context becomes its attributes."""
    wire = Wire()
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    wire.send(delivery(b"traceparent: " + parent.encode()))
    assert json.loads(wire.intake.events[0].json)["traceparent"] == parent


def test_every_series_is_there_from_the_start() -> None:
    """A counter that appears with its first event hides that event's increase."""
    statistics = Wire().statistics
    assert set(statistics.events_refused) == {reason.value for reason in Reason}
    assert set(statistics.events_received) == {"binary", "structured", "batched"}
    assert statistics.requests[202] == 0
