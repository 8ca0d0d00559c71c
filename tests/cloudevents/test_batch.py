"""The JSON batch format: every event or none, and what is said about the bad ones."""

import json
import tracemalloc

import pytest

from gateway.cloudevents.json import read_batch
from gateway.cloudevents.trace import Trace
from tests.cloudevents.build import batched, body, findings, raw, refusal


def _batch(*events: bytes) -> bytes:
    return b"[" + b",".join(events) + b"]"


def test_an_empty_batch_is_valid() -> None:
    """In a request it is; there is nothing to forward."""
    assert batched(b" [ ] ") == []


def test_each_element_is_an_event_in_order() -> None:
    """Each with its own JSON, just as it would have come alone."""
    texts = [body(id=str(number), data={"n": number}) for number in range(3)]
    assert [event.json for event in batched(_batch(*texts))] == texts


def test_white_space_between_and_inside_elements_goes() -> None:
    """As in structured mode."""
    pretty = json.dumps([json.loads(body()), json.loads(body(id="2", myext=1))], indent=1).encode()
    assert [event.json for event in batched(pretty)] == [body(), body(id="2", myext=1)]


def test_the_same_event_twice_stays_twice() -> None:
    """Duplicates are the consumer's to find; at-least-once producers count on that."""
    assert len(batched(_batch(body(), body()))) == 2


def test_an_event_keeps_only_its_own_bytes_alive() -> None:
    """One event that waits long must not hold a whole request in memory."""
    tracemalloc.start()
    try:
        text = _batch(*[body(data="x" * 10_000) for _ in range(100)])
        kept = batched(text)[0]
        del text
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept.json) < held_bytes < 100_000


@pytest.mark.parametrize("text", [b"{}", b"null", b'"x"', b"5", body()])
def test_json_that_is_no_array_is_no_batch(text: bytes) -> None:
    """A single event under the batch type is refused too."""
    assert findings(lambda: batched(text)) == [("invalid_type", None)]
    assert "array" in refusal(lambda: batched(text)).detail


@pytest.mark.parametrize(
    "text", [b"", b" ", b"[", _batch(body())[:-1], b"[" + body() + b",", b"[" + body() + b",]"]
)
def test_a_broken_batch_is_refused_whole(text: bytes) -> None:
    """Nothing is taken from a body that was cut."""
    assert findings(lambda: batched(text)) == [("invalid_json", None)]


def test_events_on_lines_are_no_batch() -> None:
    """Newline-delimited JSON is another format."""
    assert refusal(lambda: batched(body() + b"\n" + body())).http_status == 400


@pytest.mark.parametrize("element", [b"[]", b"null", b'"x"', b"5"])
def test_an_element_that_is_no_object_is_refused_with_its_index(element: bytes) -> None:
    """One bad element refuses the batch."""
    error = refusal(lambda: batched(_batch(body(), element)))
    assert [(found.reason.value, found.index) for found in error.faults] == [("invalid_type", 1)]


def test_every_bad_event_is_named_with_its_index_and_all_its_faults() -> None:
    """The producer learns everything at once."""
    error = refusal(lambda: batched(_batch(body(id=...), body(), body(time="x", source=""))))
    assert error.http_status == 400
    assert [(found.index, found.reason.value, found.attribute) for found in error.faults] == [
        (0, "missing_attribute", "id"),
        (2, "empty_attribute", "source"),
        (2, "invalid_time", "time"),
    ]
    assert error.detail == (
        "2 of 3 events are invalid, the first at index 0: the required attribute id is missing"
    )


def test_one_event_of_another_version_refuses_the_batch() -> None:
    """All events of a batch have one specversion, and it is 1.0."""
    error = refusal(lambda: batched(_batch(body(), body(specversion="0.3"))))
    assert [(found.index, found.reason.value) for found in error.faults] == [(1, "unsupported_specversion")]


def test_the_list_of_faults_is_bounded_and_the_total_is_stated() -> None:
    """The first fault of each of the first hundred bad events."""
    error = refusal(lambda: batched(_batch(*[body(id=..., source="")] * 150)))
    assert [found.index for found in error.faults] == list(range(100))
    assert "150 of 150 events" in error.detail


def test_ten_thousand_events_are_taken_and_one_more_is_not() -> None:
    """413 says so, and names the limit."""
    assert len(batched(_batch(*[body()] * 10_000))) == 10_000
    error = refusal(lambda: batched(_batch(*[body()] * 10_001)))
    assert error.http_status == 413
    assert [found.reason.value for found in error.faults] == ["too_large"]
    assert "10000" in error.detail


def test_a_batch_of_very_many_elements_is_refused_for_their_number() -> None:
    """Counted before they are kept; what is no object is none of them."""
    assert refusal(lambda: batched(b"[" + b"{}," * 200_000 + b"{}]")).http_status == 413
    assert findings(lambda: batched(b"[" + b"1," * 200_000 + b"1]")) == [("invalid_type", None)]


def test_an_event_of_a_batch_may_hold_very_many_values() -> None:
    """They are no elements of the batch."""
    large = raw('"data":[' + "1," * 200_000 + "1]")
    assert [event.json for event in batched(_batch(large, body()))] == [large, raw()]


def test_an_event_over_the_limit_is_413_with_its_index() -> None:
    """The limit is on each event."""
    error = refusal(lambda: batched(_batch(body(), body(data="x" * (1 << 20)))))
    assert error.http_status == 413
    assert [(found.index, found.reason.value) for found in error.faults] == [(1, "too_large")]


def test_an_invalid_event_beside_one_over_the_limit_is_400() -> None:
    """Sending less would not make it valid."""
    error = refusal(lambda: batched(_batch(body(id=...), body(data="x" * (1 << 20)))))
    assert error.http_status == 400


def test_invalid_utf8_anywhere_refuses_the_batch() -> None:
    """Checked before JSON is."""
    assert findings(lambda: batched(_batch(body(), raw('"data":"X"').replace(b"X", b"\xff")))) == [
        ("invalid_utf8", None)
    ]


def test_data_in_a_batch_may_be_as_deep_as_elsewhere() -> None:
    """The levels are those of data, whatever is around it."""
    deep = raw('"data":' + "[" * 512 + "]" * 512)
    assert batched(_batch(deep))[0].json == deep
    error = refusal(lambda: batched(_batch(body(), raw('"data":' + "[" * 513 + "]" * 513))))
    assert [(found.index, found.reason.value) for found in error.faults] == [(1, "too_deep")]


@pytest.mark.parametrize("text", [b"[" * 100_000, b"[" + b'{"a":' * 100_000])
def test_a_batch_of_brackets_is_refused_as_too_deep(text: bytes) -> None:
    """And never an error of ours."""
    assert findings(lambda: batched(text)) == [("too_deep", None)]


def test_the_requests_trace_goes_to_each_event_without_one() -> None:
    """Where an event brings its own, that stays."""
    events = read_batch(_batch(body(), body(traceparent="mine")), received_at=1.5, trace=Trace("theirs"))
    assert [event.traceparent for event in events] == ["theirs", "mine"]
