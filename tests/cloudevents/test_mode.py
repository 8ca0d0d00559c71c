"""HTTP binding §3: which content mode a request is in, by its headers alone."""

import pytest

from gateway.cloudevents.binary import Headers
from gateway.cloudevents.http import ContentMode, content_mode
from gateway.errors import UnsupportedMediaTypeError
from tests.cloudevents.build import body, findings, headers, refusal, request


def _typed(*content_types: bytes) -> Headers:
    return [(b"content-type", content_type) for content_type in content_types]


@pytest.mark.parametrize(
    ("content_type", "mode"),
    [
        (b"application/cloudevents+json", ContentMode.STRUCTURED),
        (b"Application/CloudEvents+JSON", ContentMode.STRUCTURED),
        (b"application/cloudevents+json; charset=utf-8", ContentMode.STRUCTURED),
        (b'application/cloudevents+json;charset="UTF-8"', ContentMode.STRUCTURED),
        (b"application/cloudevents+json ; a=b ;charset=US-ASCII", ContentMode.STRUCTURED),
        (b"application/cloudevents+json;", ContentMode.STRUCTURED),
        (b"application/cloudevents-batch+json", ContentMode.BATCHED),
        (b"APPLICATION/cloudevents-batch+json; charset=utf-8", ContentMode.BATCHED),
    ],
)
def test_the_media_type_names_structured_and_batched_mode(content_type: bytes, mode: ContentMode) -> None:
    """In any case; parameters and spaces change nothing."""
    assert content_mode(_typed(content_type)) is mode


@pytest.mark.parametrize(
    "content_type",
    [
        b"application/cloudevents",
        b"application/cloudevents+avro",
        b"application/cloudevents+protobuf",
        b"application/cloudevents+xml",
        b"application/cloudevents+cbor",
        b"application/cloudevents-batch",
        b"application/cloudevents-batch+protobuf",
        b"application/cloudevents+json5",
        b"Application/CloudEvents+Unknown; a=b",
    ],
)
@pytest.mark.parametrize("added", [[], headers()])
def test_a_format_we_do_not_have_is_415_also_beside_attributes(content_type: bytes, added: Headers) -> None:
    """A sender that labels its body as an event must learn that nobody read it."""
    with pytest.raises(UnsupportedMediaTypeError, match=r"application/cloudevents\+json"):
        content_mode([*_typed(content_type), *added])


@pytest.mark.parametrize("kind", [b"cloudevents+json", b"cloudevents-batch+json"])
@pytest.mark.parametrize("charset", [b"utf-16", b'"ISO-8859-1"', b"latin1"])
def test_a_charset_other_than_utf8_is_415(kind: bytes, charset: bytes) -> None:
    """JSON between systems is UTF-8."""
    with pytest.raises(UnsupportedMediaTypeError, match="charset"):
        content_mode(_typed(b"application/" + kind + b"; a=b; Charset=" + charset))


def test_a_charset_inside_another_parameter_is_none() -> None:
    """A quoted string is one value."""
    assert content_mode(_typed(b'application/cloudevents+json; a=";charset=x"')) is ContentMode.STRUCTURED


@pytest.mark.parametrize("name", [b"ce-specversion", b"ce-id", b"ce-source", b"ce-type"])
@pytest.mark.parametrize("content_type", [[], _typed(b"application/json")])
def test_one_required_attribute_makes_binary_mode(name: bytes, content_type: Headers) -> None:
    """Whatever the content type; that the others are missing is found later."""
    lines = [*content_type, (name, b"x")]
    assert content_mode(lines) is ContentMode.BINARY
    assert {reason for reason, _ in findings(lambda: request(lines))} >= {"missing_attribute"}


@pytest.mark.parametrize("added", [[], [(b"ce-subject", b"x")], [(b"ce_id", b"1")]])
@pytest.mark.parametrize("content_type", [b"application/json", b"text/plain", b"application/gzip", b""])
def test_another_content_type_without_required_attributes_is_415(content_type: bytes, added: Headers) -> None:
    """Also for a whole JSON event under application/json; the detail names the right types."""
    error = refusal(lambda: content_mode([*_typed(content_type), *added]))
    assert error.http_status == 415
    assert [found.reason.value for found in error.faults] == ["unsupported_media_type"]
    assert "application/cloudevents+json, application/cloudevents-batch+json" in error.detail


def test_no_content_type_and_no_attributes_is_400() -> None:
    """Nothing says that this is an event; all four attributes are missing."""
    assert findings(lambda: content_mode([(b"host", b"x"), (b"ce_id", b"1")])) == [
        ("missing_attribute", name) for name in ("specversion", "id", "source", "type")
    ]


@pytest.mark.parametrize("second", [b"application/json", b"application/cloudevents+json"])
def test_two_content_types_are_400(second: bytes) -> None:
    """Equal or not: two readers could see two modes."""
    lines = [*_typed(b"application/cloudevents+json"), *headers(), *_typed(second)]
    assert findings(lambda: content_mode(lines)) == [("malformed_http", None)]


@pytest.mark.parametrize("kind", [b"cloudevents+json", b"cloudevents-batch+json"])
def test_attributes_in_headers_do_not_count_beside_a_format(kind: bytes) -> None:
    """The body counts; the headers are not even validated."""
    text = body(id="body") if kind == b"cloudevents+json" else b"[" + body(id="body") + b"]"
    lines = [*_typed(b"application/" + kind), (b"ce-id", b"%ff"), (b"ce-id", b"2"), (b"ce-my_ext", b"\x01")]
    (event,) = request(lines, text)
    assert event.id == "body"
    assert event.json == body(id="body")
