"""What holds for any event and any body."""

import base64
import json
import string
from contextlib import suppress
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cloudevents.http import ContentMode, content_mode, read_events
from gateway.errors import InvalidEventError
from tests.cloudevents.build import batched, binary, body, members, request, structured

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


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A body with a few pieces cut out, doubled, or replaced by something nasty."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 12)))
        middle = draw(st.one_of(st.sampled_from(TOKENS), st.binary(max_size=3), st.just(text[start:end] * 2)))
        text = text[:start] + middle + text[end:]
    return text


@settings(max_examples=500)
@given(mutated())
def test_a_mutated_body_is_taken_or_refused_but_breaks_nothing(text: bytes) -> None:
    """What is taken is valid JSON that is taken again; what is not is the producer's fault."""
    with suppress(InvalidEventError):
        event = structured(text)
        assert members(event).keys() >= {"specversion", "id", "source", "type"}
        assert structured(event.json) == event
    with suppress(InvalidEventError):
        assert all(structured(event.json) == event for event in batched(text))


headers_drawn = st.lists(
    st.tuples(
        st.sampled_from([b"ce-id", b"ce-source", b"ce-type", b"ce-specversion", b"ce-time", b"ce-my_ext"])
        | st.sampled_from([b"ce-x", b"content-type", b"traceparent", b"tracestate", b"ce-\xff"]),
        st.sampled_from(
            [b"1.0", b"application/cloudevents+json", b"application/json", b'"', b"%", b"%ff", b"x"]
        )
        | st.binary(max_size=8),
    ),
    max_size=10,
)


@given(headers_drawn, mutated())
def test_any_headers_are_taken_or_refused_but_break_nothing(
    lines: list[tuple[bytes, bytes]], text: bytes
) -> None:
    """In whatever mode they say, and in every other."""
    for mode in ContentMode:
        with suppress(InvalidEventError):
            read_events(mode, lines, text, received_at=0.0)
    with suppress(InvalidEventError):
        assert isinstance(content_mode(lines), ContentMode)
        assert all(structured(event.json).id == event.id for event in request(lines, text))
