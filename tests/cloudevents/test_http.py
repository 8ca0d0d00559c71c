"""HTTP binding §3.1: binary mode, header by header."""

import base64
import json

import pytest

from gateway.errors import InvalidEventError
from tests.cloudevents.build import (
    batched,
    binary,
    body,
    findings,
    headers,
    members,
    raw,
    refusal,
    request,
    structured,
)

PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_headers_become_attributes_in_their_order() -> None:
    """As JSON strings, core and extension attributes alike."""
    event = binary(headers(subject=b"x", myext=b"5"))
    assert event.json == raw('"subject":"x","myext":"5"')


def test_an_event_shows_the_attributes_that_buses_are_asked_for() -> None:
    """The same fields as in structured mode."""
    event = binary(headers(time=b"2024-01-01T00:00:00Z", traceparent=b"p"))
    assert (event.id, event.source, event.type) == ("1", "/s", "t")
    assert (event.time, event.traceparent, event.received_at) == ("2024-01-01T00:00:00Z", "p", 1.5)


def test_other_headers_are_no_attributes() -> None:
    """Nor is Kafka's spelling."""
    lines = headers(
        ("host", b"h"), ("x-ce-a", b"1"), ("ce_subject", b"x"), ("cea", b"1"), ("authorization", b"y")
    )
    assert binary(lines).json == raw()


def test_content_type_is_datacontenttype_as_it_came() -> None:
    """Neither decoded nor changed in case."""
    event = binary(headers(content_type=b'Text/X; a="%41"'))
    assert event.json == body(datacontenttype='Text/X; a="%41"')


def test_without_content_type_none_is_made_up() -> None:
    """Whatever the bytes look like."""
    assert binary(headers(), b"{}").json == raw('"data_base64":"e30="')


@pytest.mark.parametrize("content_type", [b"xyz", b"text/", b"/json"])
def test_a_content_type_that_is_no_media_type_is_refused(content_type: bytes) -> None:
    """As in the JSON format."""
    lines = headers(content_type=content_type)
    assert findings(lambda: request(lines)) == [("invalid_media_type", "datacontenttype")]


def test_an_empty_content_type_is_refused() -> None:
    """An attribute that is there says something."""
    assert findings(lambda: request(headers(content_type=b""))) == [("empty_attribute", "datacontenttype")]


def test_a_content_type_that_is_not_utf8_is_refused() -> None:
    """Never read as Latin-1."""
    lines = headers(content_type=b"text/plain; a=\xe9")
    assert findings(lambda: request(lines)) == [("invalid_utf8", "datacontenttype")]


def test_ce_datacontenttype_is_refused() -> None:
    """Content-Type is its header; two of them could disagree."""
    lines = headers(datacontenttype=b"text/plain", content_type=b"text/plain")
    assert findings(lambda: request(lines)) == [("invalid_name", "datacontenttype")]


@pytest.mark.parametrize("content_type", [None, b"application/json", b"text/plain", b"a/b"])
def test_an_empty_body_is_no_data(content_type: bytes | None) -> None:
    """The content type may be there all the same."""
    assert not {"data", "data_base64"} & members(binary(headers(content_type=content_type))).keys()


@pytest.mark.parametrize("content_type", ["application/json", "text/json", "a/b+json; charset=utf-8"])
@pytest.mark.parametrize(
    "value", ['{"a": 1,\n"b":1.0}', "null", '"x"', "0", "[ ]", "1e400", '"é"', "9" * 5000]
)
def test_a_json_body_is_data_byte_for_byte(content_type: str, value: str) -> None:
    """White space inside and every digit as they came."""
    event = binary(headers(content_type=content_type.encode()), value.encode())
    assert event.json == raw(f'"datacontenttype":"{content_type}","data":{value}')


def test_white_space_around_a_json_body_goes() -> None:
    """It is no part of the value, and would stand between members."""
    event = binary(headers(content_type=b"application/json"), b" \r\n[1]\n")
    assert event.json == raw('"datacontenttype":"application/json","data":[1]')


@pytest.mark.parametrize(
    "text", [b"{", b"{}{}", b" ", b"NaN", b"\xef\xbb\xbf{}", b'"\xff"', b'"\\ud800"', b"[" * 600]
)
def test_a_body_that_is_no_json_under_a_json_type_is_forwarded_as_bytes(text: bytes) -> None:
    """The body is opaque; its type is the producer's word."""
    event = binary(headers(content_type=b"application/json"), text)
    assert base64.b64decode(str(members(event)["data_base64"])) == text


@pytest.mark.parametrize("content_type", ["text/plain", "text/csv; charset=UTF-8"])
def test_text_in_utf8_is_a_json_string(content_type: str) -> None:
    """With everything that text may hold."""
    text = 'a"\\\x00\r\n\t\u2028\ufeff\uffff😀'
    event = binary(headers(content_type=content_type.encode()), text.encode())
    assert members(event)["data"] == text


def test_text_in_us_ascii_is_a_json_string() -> None:
    """Its bytes are the same in UTF-8."""
    event = binary(headers(content_type=b"text/x;charset=us-ascii"), b'a"\r\n')
    assert members(event)["data"] == 'a"\r\n'


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        (b"text/plain", b"\xe9"),
        (b"text/plain; charset=us-ascii", "é".encode()),
        (b"text/plain; charset=iso-8859-1", b"abc"),
        (b"application/xml", b"<a/>"),
        (b"application/gzip", b"\x1f\x8b"),
        (b"application/json-seq", b"{}"),
    ],
)
def test_any_other_body_is_base64(content_type: bytes, text: bytes) -> None:
    """Bytes as they are, with nothing assumed of them."""
    event = binary(headers(content_type=content_type), text)
    assert base64.b64decode(str(members(event)["data_base64"]), validate=True) == text


def test_a_json_body_of_512_levels_is_taken() -> None:
    """The same rule as in structured mode."""
    deep = b"[" * 512 + b"]" * 512
    assert binary(headers(content_type=b"application/json"), deep).json.endswith(deep + b"}")


@pytest.mark.parametrize("levels", [513, 900, 100_000])
def test_a_deeper_json_body_is_refused(levels: int) -> None:
    """With the same answer however much deeper."""
    lines = headers(content_type=b"application/json")
    assert findings(lambda: request(lines, b"[" * levels + b"]" * levels)) == [("too_deep", "data")]


@pytest.mark.parametrize("missing", ["specversion", "id", "source", "type"])
def test_a_required_attribute_is_never_filled_in(missing: str) -> None:
    """All four must be there."""
    assert findings(lambda: request(headers(**{missing: None}))) == [("missing_attribute", missing)]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("specversion", b"0.3", "unsupported_specversion"),
        ("id", b"", "empty_attribute"),
        ("subject", b'""', "empty_attribute"),
        ("time", b"2024-01-01", "invalid_time"),
        ("time", b"2024-01-01T00:00:00Z%0A", "invalid_time"),
        ("dataschema", b"relative", "invalid_uri"),
        ("myext", b"a\tb", "invalid_character"),
        ("myext", b"a\x7fb", "invalid_character"),
        ("myext", b"%00", "invalid_character"),
        ("source", b"a%0D%0Ax-evil:%201", "invalid_character"),
        ("id", b"%C2%85", "invalid_character"),
        ("type", b"%EF%BF%BE", "invalid_character"),
    ],
)
def test_an_attributes_rules_hold_after_decoding(name: str, value: bytes, reason: str) -> None:
    """What is encoded cannot smuggle anything into headers downstream."""
    assert findings(lambda: request(headers(**{name: value}))) == [(reason, name)]


@pytest.mark.parametrize(
    "name", ["ce-my-ext", "ce-my_ext", "ce-", "ce-data", "ce-data_base64", "ce-a.b", "ce-\xe9"]
)
def test_a_header_that_is_no_attribute_name_is_refused(name: str) -> None:
    """Nothing gets lost silently."""
    ((reason, _),) = findings(lambda: request(headers((name, b"x"))))
    assert reason == "invalid_name"


@pytest.mark.parametrize("value", [b"1", b"2"])
def test_an_attribute_that_is_there_twice_is_refused(value: bytes) -> None:
    """Equal or not: some would take the first, some the last, some join them."""
    assert findings(lambda: request(headers(("ce-id", value)))) == [("duplicate_attribute", "id")]
    lines = headers(("ce-x", value), ("ce-x", b"1"))
    assert findings(lambda: request(lines)) == [("duplicate_attribute", "x")]


def test_every_fault_is_listed() -> None:
    """A producer mends them all at once."""
    lines = headers(("ce-My", b"1"), id=None, time=b"x", source=b"\xff")
    assert findings(lambda: request(lines)) == [
        ("missing_attribute", "id"),
        ("invalid_utf8", "source"),
        ("invalid_time", "time"),
        ("invalid_name", "My"),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        (b"%e2%82%ac", "€"),
        (b"%41", "A"),
        (b"%2525", "%25"),
        (b"a+b", "a+b"),
        (b"%22a%22", '"a"'),
        (b"/a%20b", "/a b"),
        (b"%20a%20", " a "),
        (b"%C2%A0a\xc2\xa0", "\u00a0a\u00a0"),
        (b'"a b"', "a b"),
        (b'"a\\"b\\\\c"', 'a"b\\c'),
        (b'"%22"', '"'),
        (b'"\\%41"', "A"),
        (b"\xe2\x82\xac", "€"),
        (b"100%", "100%"),
        (b"%zz", "%zz"),
        (b"abc%4", "abc%4"),
        (b"%%41", "%A"),
        (b'{"a": 5}', '{"a": 5}'),
        (b'"a b"c', '"a b"c'),
        (b'"a" "b"', '"a" "b"'),
        (b'"open', '"open'),
        (b'"open\\"', '"open\\"'),
        (b'"', '"'),
        (b"a, (b) \\c", "a, (b) \\c"),
        (b"=?utf-8?Q?a?=", "=?utf-8?Q?a?="),
        (b"&#x20AC;", "&#x20AC;"),
        (b"%EF%BB%BFa", "\ufeffa"),
        ("e\u0301".encode(), "e\u0301"),
        (b"99999999999", "99999999999"),
        (b"True", "True"),
        (b"", ""),
    ],
)
def test_a_header_value_is_unquoted_then_percent_decoded_once_then_utf8(value: bytes, text: str) -> None:
    """And nothing else: no plus, no trimming, no normalisation, no types; what is not encoded stays."""
    assert members(binary(headers(myext=value)))["myext"] == text


@pytest.mark.parametrize("value", [b"1%2E0", b'"1.0"', b'"1%2e0"'])
def test_the_version_may_be_encoded_too(value: bytes) -> None:
    """It is an attribute like any other."""
    assert members(binary(headers(specversion=value)))["specversion"] == "1.0"


@pytest.mark.parametrize(
    "value", [b"\xe9", b"%E9", b"%C0%AF", b"%ED%A0%80", b"%E2%82", b"%F4%90%80%80", b"\xff", b"%80", b'"%ff"']
)
def test_a_value_that_is_not_utf8_is_refused(value: bytes) -> None:
    """Raw or encoded; replacement characters and Latin-1 would be another text."""
    assert findings(lambda: request(headers(subject=value))) == [("invalid_utf8", "subject")]


def test_the_requests_trace_is_added_where_the_event_has_none() -> None:
    """In each mode as extension attributes."""
    trace = (("traceparent", PARENT), ("tracestate", b"a=1"))
    said = members(binary(headers(*trace)))
    assert (said["traceparent"], said["tracestate"]) == (PARENT.decode(), "a=1")
    typed = [(name.encode(), value) for name, value in trace]
    (event,) = request([(b"content-type", b"application/cloudevents+json"), *typed], raw())
    assert event.traceparent == PARENT.decode()
    (event,) = request(
        [(b"content-type", b"application/cloudevents-batch+json"), *typed], b"[" + raw() + b"]"
    )
    assert event.traceparent == PARENT.decode()


def test_the_events_own_trace_is_never_overwritten() -> None:
    """Not by the hop's headers, and no state of theirs is mixed in."""
    event = binary(headers(("traceparent", PARENT), ("tracestate", b"a=1"), traceparent=b"mine"))
    assert event.json == raw('"traceparent":"mine"')


def test_a_trace_without_state_adds_none() -> None:
    """And a state of the event's own stays."""
    event = binary(headers(("traceparent", PARENT)))
    assert event.json == raw(f'"traceparent":"{PARENT.decode()}"')
    event = binary(headers(("traceparent", PARENT), ("tracestate", b"a=1"), tracestate=b"mine"))
    assert members(event)["tracestate"] == "mine"


def test_an_ill_formed_trace_is_ignored() -> None:
    """It is no fault of the event."""
    assert binary(headers(("traceparent", b"x"), ("tracestate", b"a=1"))).json == raw()


def test_an_event_over_one_mebibyte_is_413() -> None:
    """Measured as its JSON, bytes in base64 as themselves."""
    assert binary(headers(), b"\xff" * 1_000_000).id == "1"
    assert refusal(lambda: request(headers(), b"\xff" * (1 << 20))).http_status == 413
    lines = headers(content_type=b"application/json")
    assert refusal(lambda: request(lines, b'"' + b"x" * (1 << 20) + b'"')).http_status == 413


def test_a_binary_event_of_64_kib_with_long_attributes_is_taken() -> None:
    """Intermediaries must forward that much in any mode."""
    event = binary(headers(myext=b"%E2%82%AC" * 3000, content_type=b"text/plain"), b"x" * 30_000)
    assert members(event)["myext"] == "€" * 3000


@pytest.mark.parametrize(
    ("content_type", "text", "member"),
    [
        ("application/json", b'{"a": [1.0, null]}', '"data":{"a": [1.0, null]}'),
        ("text/plain", "é\n".encode(), '"data":"é\\n"'),
        ("image/png", b"\x89PNG", '"data_base64":"iVBORw=="'),
    ],
)
def test_an_event_is_the_same_in_every_mode(content_type: str, text: bytes, member: str) -> None:
    """One internal form, so a bus cannot tell how it came."""
    line = raw(f'"subject":"x","datacontenttype":"{content_type}",{member}')
    event = binary(headers(subject=b"x", content_type=content_type.encode()), text)
    assert event == structured(line)
    assert [event] == batched(b"[" + line + b"]")


def test_a_refusal_is_json_safe() -> None:
    """Names in faults can be written into an answer as they are."""
    error = refusal(lambda: request(headers(("ce-é\x1b", b"1"))))
    assert isinstance(error, InvalidEventError)
    assert json.dumps([found.attribute for found in error.faults]).isascii()
    assert all(str(found.attribute).isprintable() for found in error.faults)
