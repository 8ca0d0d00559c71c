"""The JSON event format: data, untouched, and how deep and large it may be."""

from functools import partial

import pytest

from tests.cloudevents.build import findings, raw, refusal, structured


@pytest.mark.parametrize(
    "value",
    [
        "9007199254740993",
        "18446744073709551616",
        "123456789012345678901234567890",
        "9" * 5000,
        "1e400",
        "-1e400",
        "0.1",
        "1.0",
        "1E+2",
        "-0",
        "12345678.90",
        "null",
        "false",
        "0",
        '""',
        "[]",
        "{}",
        '"{\\"a\\":1}"',
        '"\\u0000\\u2028\\uffff\\/"',
        '"\u2028\uffff\ue000"',
    ],
)
def test_data_comes_out_byte_for_byte(value: str) -> None:
    """Numbers keep every digit, empty values are values, strings stay JSON strings."""
    text = raw(f'"data":{value}')
    assert structured(text).json == text


@pytest.mark.parametrize("value", ["null", "1", "true", "[]", "{}"])
@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "application/json-seq"])
def test_data_of_another_type_than_json_is_a_string(media_type: str, value: str) -> None:
    """Nobody could say which bytes are meant."""
    text = raw(f'"datacontenttype":"{media_type}","data":{value}')
    assert findings(lambda: structured(text)) == [("invalid_type", "data")]


@pytest.mark.parametrize("media_type", ["application/json", "TEXT/JSON", "model/gltf+json; a=b"])
def test_data_of_a_json_type_is_any_value(media_type: str) -> None:
    """By subtype or suffix, in any case, with any parameters."""
    text = raw(f'"datacontenttype":"{media_type}","data":[1]')
    assert structured(text).json == text


def test_text_data_may_hold_what_json_can_escape() -> None:
    """NUL and line breaks are legal in text."""
    text = raw('"datacontenttype":"text/plain","data":"\\u0000\\r\\n"')
    assert structured(text).json == text


def test_a_content_type_needs_no_data() -> None:
    """An event may say its type and have none."""
    text = raw('"datacontenttype":"application/json"')
    assert structured(text).json == text


@pytest.mark.parametrize("value", ["", "TQ==", "TWE=", "TWFu", "+/+/", "TWFu\\/w=="])
def test_standard_base64_is_taken(value: str) -> None:
    """Of any length, also with a slash that JSON escapes; bytes have no type of their own."""
    text = raw(f'"data_base64":"{value}"')
    assert structured(text).json == text


@pytest.mark.parametrize(
    "value",
    [
        "_-_-",
        "TQ",
        "TQ=",
        "TQ===",
        "T",
        "=",
        "TQ==TQ==",
        "TQ\\n==",
        " TQ==",
        "TQ==\\n",
        "T=Q=",
        "TWFu=",
        "TWFu====",
        "é",
        "TW!u",
    ],
)
def test_base64_is_checked_strictly(value: str) -> None:
    """Lenient decoders skip foreign characters, and data is lost."""
    assert findings(lambda: structured(raw(f'"data_base64":"{value}"'))) == [
        ("invalid_base64", "data_base64")
    ]


@pytest.mark.parametrize("value", ["null", "1", "true", "[]", '{"a":1}'])
def test_base64_is_a_string(value: str) -> None:
    """Null is not base64 either."""
    assert findings(lambda: structured(raw(f'"data_base64":{value}'))) == [("invalid_type", "data_base64")]


@pytest.mark.parametrize(
    "pair", ['"data":1,"data_base64":""', '"data":null,"data_base64":""', '"data_base64":null,"data":1']
)
def test_data_and_data_base64_exclude_each_other(pair: str) -> None:
    """Null does not make one of them absent."""
    assert findings(lambda: structured(raw(pair))) == [("data_conflict", "data_base64")]


def _nested(levels: int) -> bytes:
    return raw('"data":' + "[" * levels + "]" * levels)


def test_512_levels_of_data_are_taken() -> None:
    """At least so much must pass anywhere."""
    assert structured(_nested(512)).json == _nested(512)


@pytest.mark.parametrize("levels", [513, 900, 1100, 100_000])
def test_more_than_512_levels_of_data_are_refused(levels: int) -> None:
    """With the same answer however much more, and never an error of ours."""
    ((reason, _),) = findings(lambda: structured(_nested(levels)))
    assert reason == "too_deep"


@pytest.mark.parametrize("separator", [",", ", "])
def test_data_at_the_very_edge_of_the_stack_is_refused_alike(separator: str) -> None:
    """Some depth is the last that one pass over the text can take, and the next pass cannot."""
    start = raw(f'"a":1{separator}"data":')[:-1]
    bodies = [start + b"[" * levels + b"]" * levels + b"}" for levels in range(700, 1000)]
    reasons = {refusal(partial(structured, text)).faults[0].reason.value for text in bodies}
    assert reasons == {"too_deep"}


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_sixty_kilobytes_of_open_brackets_are_refused(opening: bytes) -> None:
    """They need not even be closed."""
    ((reason, _),) = findings(lambda: structured(raw()[:-1] + b',"data":' + opening * 60_000))
    assert reason == "too_deep"


@pytest.mark.parametrize("levels", [3, 900, 5000])
def test_a_nested_attribute_is_refused_at_any_depth(levels: int) -> None:
    """An attribute has no inside."""
    assert refusal(lambda: structured(raw('"myext":' + "[" * levels + "]" * levels))).http_status == 400


def _of_size(size: int, text: str = "x") -> bytes:
    frame = len(raw('"data":""'))
    return raw('"data":"' + text * (size - frame) + '"')


def test_an_event_of_64_kib_is_taken() -> None:
    """Intermediaries must forward that much."""
    assert structured(_of_size(64 << 10)).json == _of_size(64 << 10)


def test_an_event_of_one_mebibyte_is_taken_and_one_byte_more_is_not() -> None:
    """413, and the limit stands in the detail."""
    assert len(structured(_of_size(1 << 20)).json) == 1 << 20
    error = refusal(lambda: structured(_of_size((1 << 20) + 1)))
    assert error.http_status == 413
    assert [found.reason.value for found in error.faults] == ["too_large"]
    assert "1048576" in error.detail


def test_an_invalid_event_over_the_limit_is_400() -> None:
    """Sending less would not make it valid."""
    text = _of_size((1 << 20) + 1).replace(b'"1.0"', b'"0.3"')
    assert findings(lambda: structured(text)) == [("unsupported_specversion", "specversion")]


def test_white_space_between_members_does_not_count_for_the_size() -> None:
    """The limit is on the event, not on how it was written."""
    text = b"{" + b" " * 1000 + _of_size(1 << 20)[1:]
    assert len(structured(text).json) == 1 << 20


def test_base64_counts_as_the_bytes_it_stands_for() -> None:
    """So that an event has one size in every mode."""
    taken = raw('"data_base64":"' + "A" * 1_300_000 + '"')
    assert structured(taken).json == taken
    assert refusal(lambda: structured(raw('"data_base64":"' + "A" * 1_400_000 + '"'))).http_status == 413
