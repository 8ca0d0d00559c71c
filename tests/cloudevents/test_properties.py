"""What holds for any event and any body."""

import base64
import json
import string
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from gateway.cloudevents.attributes import is_timestamp
from gateway.cloudevents.http import ContentMode, Envelope, content_mode, read_events
from gateway.cloudevents.trace import read_trace
from gateway.errors import Fault, InvalidEventError, Reason
from gateway.event import Event
from tests.cloudevents.build import batched, binary, body, members, raw, request, structured
from tests.support.mutations import mutated, quick

NONCHARACTERS = "".join(
    map(chr, [*range(0xFDD0, 0xFDF0), *(p << 16 | x for p in range(17) for x in (0xFFFE, 0xFFFF))])
)
texts = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=NONCHARACTERS))
filled = texts.filter(bool)
names = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=30).filter(
    lambda name: name not in ("data", "time", "dataschema", "datacontenttype", "subject", "traceparent")
)
attributes = st.builds(
    lambda required, extensions: {**extensions, **required},
    st.fixed_dictionaries(
        {"specversion": st.just("1.0"), "id": filled, "source": filled, "type": filled},
        optional={"subject": filled},
    ),
    st.dictionaries(names, texts, max_size=4),
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=8,
)
styles = st.sampled_from([{"separators": (",", ":")}, {}, {"indent": 1}, {"ensure_ascii": False}])


@given(attributes, values, styles)
def test_attributes_come_out_code_point_for_code_point(
    said: dict[str, str], data: object, style: dict[str, object]
) -> None:
    """However the JSON was written, it says the same afterwards, without white space between members."""
    event = structured(json.dumps({**said, "data": data}, **style).encode())  # type: ignore[arg-type]
    assert members(event) == {**said, "data": data}
    assert (event.id, event.source, event.type) == (said["id"], said["source"], said["type"])
    assert structured(event.json) == event


@given(values, styles)
def test_data_comes_out_byte_for_byte(data: object, style: dict[str, object]) -> None:
    """With its white space and its way of escaping."""
    text = json.dumps(data, **style).encode()  # type: ignore[arg-type]
    event = structured(b'{ "data" : ' + text + b" , " + body()[1:])
    assert event.json == b'{"data":' + text + b"," + body()[1:]


@given(attributes)
def test_percent_encoded_headers_are_what_structured_mode_says(said: dict[str, str]) -> None:
    """The two modes are two ways to write one event."""
    lines = [(f"ce-{name}".encode(), quote(value, safe="").encode()) for name, value in said.items()]
    text = json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()
    event = binary(lines)
    assert members(event) == said
    assert (event.id, event.source, event.type) == (structured(text).id, said["source"], said["type"])
    assert [members(structured(text))] == [members(other) for other in batched(b"[" + text + b"]")] == [said]


@given(st.binary(max_size=200), st.sampled_from([None, "application/json", "text/plain", "a/b"]))
def test_a_binary_body_is_not_lost_whatever_it_is(content: bytes, content_type: str | None) -> None:
    """As JSON value, text or base64: the same bytes can be had again."""
    lines = [*((f"ce-{name}".encode(), str(value).encode()) for name, value in json.loads(body()).items())]
    lines += [] if content_type is None else [(b"content-type", content_type.encode())]
    said = members(binary(lines, content))
    if "data_base64" in said:
        assert base64.b64decode(str(said["data_base64"])) == content
    elif content_type == "text/plain" and content:
        assert str(said["data"]).encode() == content
    elif content:
        assert said["data"] == json.loads(content)
    else:
        assert "data" not in said


SEEDS = [
    body(subject="é", time="2024-01-01T00:00:00Z", myext=5, data={"a": ["\u2028", None, 1.5]}),
    body(data_base64="TWFu", datacontenttype="a/b", dataschema="a:b"),
    json.dumps(json.loads(body(data="x", datacontenttype="text/plain", nullext=None)), indent=1).encode(),
    b"[" + body() + b" , " + body(id="2") + b"]",
]
TOKENS = [
    b'"',
    b"\\",
    b"\\ud800",
    b"\xff",
    b"null",
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b"1e999",
    b"\x00",
    b" ",
    b"-0",
]


bodies = mutated(st.sampled_from(SEEDS), TOKENS)


@quick
@given(bodies)
def test_a_mutated_body_is_taken_or_refused_but_breaks_nothing(text: bytes) -> None:
    """What is taken is valid JSON that is taken again; what is not is the producer's fault."""
    with suppress(InvalidEventError):
        event = structured(text)
        assert members(event).keys() >= {"specversion", "id", "source", "type"}
        assert structured(event.json) == event
    with suppress(InvalidEventError):
        assert all(structured(event.json) == event for event in batched(text))


USUAL = mutated(
    st.sampled_from(
        [
            body(time="2024-01-01T00:00:00Z", datacontenttype="text/plain", data="x"),
            body(traceparent="00-1-2-01", tracestate="a=b", subject="s", dataschema="a:b", data={"a": [1]}),
            body(data=None),
            body(),
        ]
    ),
    [
        b'"id":"2",', b'"data":null,', b'"subject":null,', b'"traceparent":1,', b'"data_base64":"TWFu",',
        b'"x":"",', b"\\u0041", b"\\/", b"\\u0000", "\u0085".encode(), b"\x7f", b" ", b'"', b"1", b"null",
    ],
)  # fmt: skip


def _outcome(text: bytes) -> Event | tuple[str, object]:
    try:
        return structured(text)
    except InvalidEventError as error:
        return error.detail, error.faults


@quick
@given(USUAL)
def test_an_event_is_the_same_with_white_space_around_it(text: bytes) -> None:
    """A compact event of usual members is read at once, any other member by member: to the same end."""
    assert _outcome(text) == _outcome(text + b"\n")


added = st.lists(
    st.tuples(
        st.sampled_from([b"ce-id", b"ce-source", b"ce-type", b"ce-specversion", b"ce-time"])
        | st.sampled_from(
            [b"ce-x", b"content-type", b"traceparent", b"tracestate", b"ce-\xff", b"ce-subject"]
        ),
        st.sampled_from(
            [b"1.0", b"application/cloudevents+json", b"application/json", b'"', b"%", b"%ff", b"x"]
        )
        | st.sampled_from([b"2024-01-01T00:00:00Z", b'"x y"', b"x y", b"x\\y", b"\x7f", b""])
        | st.binary(max_size=8),
    ),
    max_size=10,
)
headers_drawn = st.permutations(
    [
        (b"ce-specversion", b"1.0"), (b"ce-id", b"1"), (b"ce-source", b"/s"), (b"ce-type", b"t"),
        (b"content-type", b"application/json"), (b"host", b"gateway.example"),
    ]
).flatmap(lambda good: added.map(lambda drawn: [*drawn, *good])) | added  # fmt: skip


@quick
@given(headers_drawn)
def test_headers_are_read_the_same_whatever_else_is_said(lines: list[tuple[bytes, bytes]]) -> None:
    """Values without need of decoding are read together, and one by one where an extension stands by them."""
    alone, accompanied = _binary_outcome(lines), _binary_outcome([*lines, (b"ce-zz", b"1")])
    if isinstance(alone, dict):
        assert accompanied == {**alone, "zz": "1"}
    else:
        assert accompanied == alone


def _binary_outcome(lines: list[tuple[bytes, bytes]]) -> dict[str, object] | Sequence[Fault]:
    try:
        (event,) = read_events(Envelope(ContentMode.BINARY, lines, read_trace(lines)), b"", received_at=0.0)
        return members(event)
    except InvalidEventError as error:
        return error.faults


def _is_json(text: bytes) -> bool:
    """What the standard library says, without its extensions of JSON."""

    def refuse(_: str) -> None:
        raise ValueError

    try:
        json.dumps(json.loads(text.decode(), parse_constant=refuse), ensure_ascii=False).encode()
    except ValueError:  # of JSON, of UTF-8, and of surrogates that cannot be encoded
        return False
    return True


@quick
@given(bodies)
def test_only_what_is_no_json_is_refused_as_such(text: bytes) -> None:
    """The standard library's parser is of one mind with ours about a mutated body."""
    try:
        structured(text)
    except InvalidEventError as error:
        if error.faults[0].reason in (Reason.INVALID_JSON, Reason.INVALID_UTF8):
            assert not _is_json(text)
    else:
        assert _is_json(text)


@quick
@given(mutated(st.binary(max_size=12).map(base64.b64encode), [b"=", b"_", b"-", b" ", b"A", "é".encode()]))
def test_base64_is_taken_where_encoding_again_gives_the_same(encoded: bytes) -> None:
    """But for the bits that padding leaves over, which nobody looks at."""
    text = encoded.decode("latin-1")
    with suppress(InvalidEventError):
        assert structured(body(data_base64=text)).json == body(data_base64=text)
        again = base64.b64encode(base64.b64decode(text)).decode()
        assert len(again) == len(text)
        assert again.rstrip("=")[:-1] == text.rstrip("=")[:-1]


offsets = st.builds(
    lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-23 * 60 - 59, 23 * 60 + 59)
)


@quick
@given(st.datetimes(timezones=offsets), st.sampled_from("Tt"))
def test_every_moment_that_datetime_knows_is_a_timestamp(moment: datetime, letter: str) -> None:
    """With any offset of whole minutes."""
    text = moment.isoformat().replace("T", letter)
    assert is_timestamp(text)
    assert structured(raw(f'"time":"{text}"')).time == text


@quick
@given(mutated(st.just(b"2024-02-29T12:30:45.5+01:00"), [b"Z", b"60", b"24", b"00", b"31", b"-"]))
def test_what_is_taken_as_a_timestamp_is_one_for_datetime(mutation: bytes) -> None:
    """But for leap seconds, the year 0 and the two ends of its range."""
    text = mutation.decode("latin-1")
    if is_timestamp(text) and text[17:19] != "60" and text[:4] != "0000":
        assert datetime.fromisoformat(text.upper()).tzinfo is not None


@quick
@given(headers_drawn, bodies)
def test_any_headers_are_taken_or_refused_but_break_nothing(
    lines: list[tuple[bytes, bytes]], text: bytes
) -> None:
    """In whatever mode they say, and in every other."""
    for mode in ContentMode:
        with suppress(InvalidEventError):
            read_events(Envelope(mode, lines, read_trace(lines)), text, received_at=0.0)
    with suppress(InvalidEventError):
        assert isinstance(content_mode(lines), ContentMode)
        assert all(structured(event.json).id == event.id for event in request(lines, text))
