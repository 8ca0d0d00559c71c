"""The JSON event format: what a structured body must be, and what becomes of it."""

import json

import pytest

from gateway.cloudevents.json import read_event
from gateway.cloudevents.trace import Trace
from tests.cloudevents.build import REQUIRED, body, findings, members, raw, refusal, structured

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE = Trace(PARENT, "a=1")


def test_an_event_shows_the_attributes_that_buses_are_asked_for() -> None:
    """Texts as they are in the JSON, and the time at which it was received."""
    event = structured(
        body(id="1", source="/s", type="t", time="2024-01-01T00:00:00.10+01:00", traceparent=PARENT)
    )
    assert (event.id, event.source, event.type) == ("1", "/s", "t")
    assert event.time == "2024-01-01T00:00:00.10+01:00"
    assert event.traceparent == PARENT
    assert event.received_at == 1.5


def test_a_compact_body_is_the_event_without_a_copy() -> None:
    """The hot path: nothing is written again, and the very object is kept."""
    text = body(subject="x", time="2024-01-01T00:00:00Z", myext="y", data={"a": [1, 2]})
    assert structured(text).json is text


@pytest.mark.parametrize("indent", [None, 0, 2])
def test_white_space_between_members_goes(indent: int | None) -> None:
    """Bodies written by common serialisers become what a compact one is."""
    text = body(subject="x", myext=5, datacontenttype="text/plain", data="y")
    assert structured(json.dumps(json.loads(text), indent=indent).encode()).json == text


def test_white_space_around_the_event_goes() -> None:
    """JSON allows space, tab, carriage return and line feed around a value."""
    assert structured(b" \t\r\n" + raw() + b" \t\r\n").json == raw()


def test_white_space_inside_data_stays() -> None:
    """The value of data is the producer's, byte for byte."""
    text = raw('"data": { "a" : [ 1,\n2 ] } ')
    assert structured(text).json == raw('"data":{ "a" : [ 1,\n2 ] }')


def test_the_order_of_members_is_free_and_stays() -> None:
    """`data` may come before what says how to read it, and `specversion` last."""
    text = (
        b'{"data":"x","datacontenttype":"text/plain","type":"t","source":"/s","id":"1","specversion":"1.0"}'
    )
    assert structured(text).json == text


def test_names_may_be_written_with_escapes() -> None:
    """They are compared after unescaping, and written plainly."""
    text = raw().replace(b'"id"', b'"\\u0069\\u0064"')
    assert structured(text).json == raw()


def test_values_written_with_escapes_are_read_and_forwarded_as_they_came() -> None:
    """The text of the JSON is the producer's, what it says is the attribute's."""
    text = raw('"subject":"\\u00e9\\/\\ud83d\\ude00"').replace(b'"1"', b'"\\u0041"')
    event = structured(text)
    assert event.id == "A"
    assert event.json == text


def test_nothing_is_unquoted_or_percent_decoded() -> None:
    """Those rules are the HTTP headers'."""
    event = structured(body(id="a%20b", source='"/s"'))
    assert (event.id, event.source) == ("a%20b", '"/s"')


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
@pytest.mark.parametrize("value", [..., None])
def test_a_required_attribute_is_never_filled_in(name: str, value: object) -> None:
    """Missing and null are the same: 400."""
    assert findings(lambda: structured(body(**{name: value}))) == [("missing_attribute", name)]


@pytest.mark.parametrize("name", ["id", "source", "type", "subject", "dataschema", "time", "datacontenttype"])
def test_a_core_attribute_is_not_empty(name: str) -> None:
    """An empty text says nothing."""
    assert findings(lambda: structured(body(**{name: ""}))) == [("empty_attribute", name)]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("specversion", "0.3", "unsupported_specversion"),
        ("specversion", "1.1", "unsupported_specversion"),
        ("time", "2024-02-30T00:00:00Z", "invalid_time"),
        ("time", "2024-01-01T00:00:00Z\n", "invalid_time"),
        ("dataschema", "/relative", "invalid_uri"),
        ("datacontenttype", "xyz", "invalid_media_type"),
        ("id", "a\x7fb", "invalid_character"),
        ("source", "a\x85b", "invalid_character"),
        ("type", "a\nb", "invalid_character"),
        ("subject", "a\ufdd0b", "invalid_character"),
        ("dataschema", "a:\x7f", "invalid_character"),
        ("datacontenttype", "a/b;\x7f", "invalid_character"),
        ("myext", "a\x00b", "invalid_character"),
        ("myext", "a\uffffb", "invalid_character"),
    ],
)
def test_a_value_that_breaks_its_rule_is_refused(name: str, value: str, reason: str) -> None:
    """Every attribute is checked, extension attributes too."""
    assert findings(lambda: structured(body(**{name: value}))) == [(reason, name)]


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type", "subject", "time", "dataschema"])
@pytest.mark.parametrize("value", [1, True, 1.0, [], {}])
def test_a_core_attribute_is_a_string(name: str, value: object) -> None:
    """No number, boolean, object or array stands for one."""
    assert findings(lambda: structured(body(**{name: value}))) == [("invalid_type", name)]


@pytest.mark.parametrize(
    "value", ["-2147483648", "2147483647", "0", "-0", "true", "false", '"007"', '"True"', '""']
)
def test_an_extension_may_be_string_boolean_or_integer_and_is_forwarded_as_written(value: str) -> None:
    """The types of the type system that JSON has."""
    text = raw(f'"myext":{value}')
    assert structured(text).json == text


@pytest.mark.parametrize(
    "value",
    ["-2147483649", "2147483648", "9" * 5000, "1.5", "1.0", "1e3", "1e400", "[]", "{}", '["a"]', "[null]"],
)
def test_an_extension_of_no_attribute_type_is_refused(value: str) -> None:
    """Objects, arrays, fractions, exponents and integers beyond 32 bits."""
    assert findings(lambda: structured(raw(f'"myext":{value}'))) == [("invalid_type", "myext")]


@pytest.mark.parametrize("name", ["ID", "myExt", "my_ext", "my-ext", "", "1 ", "data_base32"])
@pytest.mark.parametrize("value", ['"x"', "null", "5"])
def test_a_bad_name_is_refused_whatever_its_value(name: str, value: str) -> None:
    """In JSON names are case-sensitive; null does not excuse one."""
    assert findings(lambda: structured(raw(f'"{name}":{value}'))) == [("invalid_name", name)]


def test_a_bad_name_is_shown_in_ascii_and_cut() -> None:
    """Names are the producer's text too: nothing of it can break a log or a terminal."""
    ((_, shown),) = findings(lambda: structured(body(**{"naïve\x1b": "x"})))
    assert shown == "na\\xefve\\x1b"
    ((_, long),) = findings(lambda: structured(body(**{"X" * 5000: "x"})))
    assert long == "X" * 64


def test_a_null_attribute_is_not_set_and_not_forwarded() -> None:
    """Optional and extension attributes; other members stay as they were."""
    text = raw('"subject":null,"time":null,"myext":null,"data":{"a":null}')
    event = structured(text)
    assert event.json == raw('"data":{"a":null}')
    assert event.time is None


def test_a_null_traceparent_is_none() -> None:
    """Not set is not set."""
    assert structured(raw('"traceparent":null')).traceparent is None


def test_a_traceparent_that_is_no_string_shows_its_canonical_text() -> None:
    """A boolean's and an integer's canonical string is its JSON."""
    assert structured(raw('"traceparent":5')).traceparent == "5"


@pytest.mark.parametrize(
    "text",
    [
        raw('"id":"1"'),
        raw('"id":"2"'),
        raw('"i\\u0064":"2"'),
        b'{"id":"0",' + raw()[1:],
        b'{ "id" : "0" , ' + raw()[1:],
    ],
)
def test_an_attribute_that_is_there_twice_is_refused(text: bytes) -> None:
    """Also with equal values, escaped names or white space: else two readers see two events."""
    assert findings(lambda: structured(text)) == [("duplicate_attribute", "id")]


def test_a_duplicate_hidden_by_the_length_of_another_member_is_found() -> None:
    """Neither white space nor an escaped name can make up for a lost member."""
    assert findings(lambda: structured(raw('"a":1, "a":1'))) == [("duplicate_attribute", "a")]
    assert findings(lambda: structured(raw('"data":1,"data":2'))) == [("duplicate_attribute", "data")]


def test_duplicates_inside_data_are_forwarded() -> None:
    """The inside of data is not our business."""
    text = raw('"data":{"a":1,"a":2}')
    assert structured(text).json == text


def test_every_fault_of_an_event_is_listed() -> None:
    """A producer mends them all at once."""
    text = (
        b'{"id":"","source":5,"type":"t","time":"now","My":1,'
        b'"subject":"a","subject":"b","data":1,"data_base64":""}'
    )
    assert findings(lambda: structured(text)) == [
        ("duplicate_attribute", "subject"),
        ("missing_attribute", "specversion"),
        ("empty_attribute", "id"),
        ("invalid_type", "source"),
        ("invalid_time", "time"),
        ("invalid_name", "My"),
        ("data_conflict", "data_base64"),
    ]


def test_null_is_no_fault_beside_another() -> None:
    """What is not set breaks no rule."""
    text = raw('"subject":null,"datacontenttype":null,"myext":1,"myext":2')
    assert findings(lambda: structured(text)) == [("duplicate_attribute", "myext")]


def test_a_required_attribute_set_to_null_is_missing_beside_another_fault() -> None:
    """Whatever was found first."""
    text = b'{"specversion":"1.0","id":null,"source":"/s","type":"t","a":1,"a":1}'
    assert findings(lambda: structured(text)) == [("duplicate_attribute", "a"), ("missing_attribute", "id")]


def test_the_list_of_faults_is_bounded() -> None:
    """A body full of bad names must not become an answer as long."""
    error = refusal(lambda: structured(body(**{f"X{number}": 1 for number in range(200)})))
    assert len(error.faults) == 100
    assert "199 more" in error.detail


def test_the_detail_names_attribute_and_rule_but_no_value() -> None:
    """Values may be secret, and may be made to harm whoever reads the answer."""
    error = refusal(lambda: structured(body(time="s3cret")))
    assert error.detail == "the attribute time is not a timestamp as RFC 3339 has it"
    assert "1.0" in refusal(lambda: structured(body(specversion="0.3"))).detail


@pytest.mark.parametrize(
    "value",
    [
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"1e",
        b"-",
        b"-01",
        b"0x1",
        b"1_0",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"nul",
        b"True",
        b"[1,]",
        b'{"a":1,}',
        b"[1 2]",
        b"[,1]",
        b"[1}",
        b'{"a"}',
        b"{a:1}",
        b"'a'",
        b"1/**/",
        b"1//x\n",
        b'"\x01"',
        b'"\t"',
        b'["\n"]',
        b'{"\n":1}',
        b'"\\x"',
        b'"\\u12"',
        b'"\\u12g4"',
        b'"\\ud800"',
        b'"\\udc00"',
        b'"\\ud800\\ud800"',
        b'"\\ud800xxxxxxxxxxxx"',
        b"\x0c1",
        b"\xc2\xa01",
        b"1\x00",
        b'"a',
    ],
)
def test_extensions_of_json_are_refused_also_inside_data(value: bytes) -> None:
    """What no other parser takes must not be forwarded; lone surrogates are refused with it."""
    text = raw('"data":X').replace(b"X", value)
    assert findings(lambda: structured(text)) == [("invalid_json", None)]


@pytest.mark.parametrize(
    "text", [b"", b" ", raw() + b"x", raw() + raw(), raw()[:-1], b"\x00" + raw(), b"{'a':1}"]
)
def test_a_body_that_is_not_one_json_value_is_refused(text: bytes) -> None:
    """Nothing, half of one, and more than one."""
    assert findings(lambda: structured(text)) == [("invalid_json", None)]


def test_a_byte_order_mark_is_refused() -> None:
    """RFC 8259 lets a parser ignore it; forwarding it would not be JSON."""
    assert findings(lambda: structured(b"\xef\xbb\xbf" + raw())) == [("invalid_json", None)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le"])
def test_other_encodings_are_not_guessed(encoding: str) -> None:
    """JSON between systems is UTF-8."""
    assert refusal(lambda: structured(raw().decode().encode(encoding))).http_status == 400


@pytest.mark.parametrize("text", [b"[]", b"null", b'"x"', b"5", b"true", b"[" + raw() + b"]"])
def test_json_that_is_no_object_is_no_event(text: bytes) -> None:
    """A batch under the structured media type is refused too."""
    assert findings(lambda: structured(text)) == [("invalid_type", None)]


@pytest.mark.parametrize(
    "sequence", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"]
)
@pytest.mark.parametrize("where", ['"subject":"X"', '"data":"X"', '"data":{"X":[1]}', '"myXext":1'])
def test_invalid_utf8_is_refused_wherever_it_stands(where: str, sequence: bytes) -> None:
    """Overlong forms, surrogates, cut sequences and what lies above U+10FFFF, inside data too."""
    text = raw(where).replace(b"X", sequence)
    assert findings(lambda: structured(text)) == [("invalid_utf8", None)]


def test_extensions_known_elsewhere_mean_nothing_here() -> None:
    """Forwarded unchanged, never interpreted: a claim check is not fetched, an expiry not obeyed."""
    text = raw(
        '"partitionkey":"","sequence":"9","sampledrate":5,"dataref":"http://a/","expirytime":"x","schemaurl":"y"'
    )
    assert structured(text).json == text


def test_the_requests_trace_is_added_where_the_event_has_none() -> None:
    """As extension attributes, and everything else as it was."""
    event = read_event(raw('"data":{"a": 1}'), received_at=1.5, trace=TRACE)
    assert event.traceparent == PARENT
    assert event.json == raw('"data":{"a": 1},"traceparent":"' + PARENT + '","tracestate":"a=1"')


def test_a_trace_without_state_adds_none() -> None:
    """There is no null in its place."""
    event = read_event(raw(), received_at=1.5, trace=Trace(PARENT))
    assert event.json == raw(f'"traceparent":"{PARENT}"')


def test_the_events_own_trace_is_never_overwritten() -> None:
    """It is the start of the whole way; the headers are only this hop."""
    text = raw('"traceparent":"mine"')
    event = read_event(text, received_at=1.5, trace=TRACE)
    assert (event.traceparent, event.json) == ("mine", text)


def test_a_tracestate_without_parent_stays() -> None:
    """A parent is added beside it, but the state is the event's."""
    event = read_event(raw('"tracestate":"b=2"'), received_at=1.5, trace=TRACE)
    assert members(event)["tracestate"] == "b=2"
    assert event.traceparent == PARENT


def test_what_is_read_back_is_what_was_written() -> None:
    """Spilled events are read again: nothing grows or gets lost."""
    event = structured(b'{ "a" : null, "data" : [ 1 ], ' + REQUIRED.encode() + b" }")
    assert structured(event.json) == event
