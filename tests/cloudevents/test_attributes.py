"""CloudEvents "Context Attributes": names, types and values, in both JSON and headers."""

from calendar import monthrange

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cloudevents.attributes import (
    DataKind,
    data_kind,
    is_absolute_uri,
    is_name,
    is_string,
    is_timestamp,
    value_fault,
)
from gateway.errors import Reason

NONCHARACTERS = [*range(0xFDD0, 0xFDF0), *(p << 16 | x for p in range(17) for x in (0xFFFE, 0xFFFF))]
FORBIDDEN = {*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000), *NONCHARACTERS}


@pytest.mark.parametrize("name", ["a", "1st", "42", "a" * 21, "a" * 64, "comexampleext1"])
def test_letters_and_digits_in_any_order_and_number_are_a_name(name: str) -> None:
    """Starting with a letter and 20 characters are advice to producers, not a rule for receivers."""
    assert is_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "ID", "myExt", "my_ext", "my-ext", "naïve", "a ", "a\n", "\u0661", "\uff41", "\u212a", "data"],
)
def test_anything_but_lower_case_ascii_letters_and_digits_is_no_name(name: str) -> None:
    """Other alphabets' letters and digits, a final line feed and the reserved word are refused."""
    assert not is_name(name)


def test_noncharacters_are_sixty_six() -> None:
    """Unicode has 32 in a block and two at the end of each of 17 planes."""
    assert len(NONCHARACTERS) == 66


@pytest.mark.parametrize("code_point", sorted(FORBIDDEN - set(range(0xD800, 0xE000))))
def test_control_characters_and_noncharacters_make_no_string(code_point: int) -> None:
    """One of them anywhere is enough."""
    assert not is_string(f"a{chr(code_point)}b")


@pytest.mark.parametrize("code_point", [0xD800, 0xDBFF, 0xDC00, 0xDFFF])
def test_unpaired_surrogates_make_no_string(code_point: int) -> None:
    """They are no characters and cannot be written in UTF-8."""
    assert not is_string(chr(code_point))


def test_every_other_code_point_makes_a_string() -> None:
    """Private use, U+FEFF, U+2028, bidirectional controls and unassigned code points are legal."""
    assert is_string("".join(chr(point) for point in range(0x110000) if point not in FORBIDDEN))


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-29T12:30:45Z",
        "2024-02-29t12:30:45z",
        "2000-02-29T00:00:00Z",
        "0000-02-29T00:00:00Z",
        "1985-04-12T23:20:50.52Z",
        "2024-01-01T00:00:00.123456789012345678901234567890Z",
        "2024-01-01T00:00:00-00:00",
        "2024-01-01T00:00:00+23:59",
        "2024-01-01T00:00:00-23:59",
        "2016-12-31T23:59:60Z",
        "2024-06-15T10:00:60Z",
        "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00+14:00",
        "2024-04-30T00:00:00Z",
        "2024-12-31T00:00:00Z",
    ],
)
def test_every_date_time_of_rfc_3339_is_a_timestamp(text: str) -> None:
    """Leap seconds, year 0 and any number of digits are in its grammar; `datetime` has none of them."""
    assert is_timestamp(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-01-01T00:00Z",
        "2024-01-01T00:00:00+05",
        "2024-01-01T00:00:00+0100",
        "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+01:60",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:61Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "2024-04-31T00:00:00Z",
        "2024-01-32T00:00:00Z",
        "2024-01-00T00:00:00Z",
        "2024-00-01T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-01-01T00:00:00,5Z",
        "2024-01-01T00:00:00.Z",
        "20240101T000000Z",
        "2024-W01-1T00:00:00Z",
        "2024-001T00:00:00Z",
        "1704067200",
        "\u0662\u0660\u0662\u0664-01-01T00:00:00Z",
        "2024-01-01T00:00:00Z\n",
        " 2024-01-01T00:00:00Z",
        "2024-01-01 00:00:00Z",
        "+2024-01-01T00:00:00Z",
        "12024-01-01T00:00:00Z",
    ],
)
def test_whatever_rfc_3339_does_not_have_is_no_timestamp(text: str) -> None:
    """ISO 8601 has many more forms, and parsers of it accept them."""
    assert not is_timestamp(text)


@pytest.mark.parametrize("month", range(1, 13))
def test_a_month_has_its_days(month: int) -> None:
    """The last day of each is a day, the one behind it is none; in a leap year too."""
    for year in (2023, 2024):
        days = monthrange(year, month)[1]
        assert is_timestamp(f"{year}-{month:02}-{days}T00:00:00Z")
        assert not is_timestamp(f"{year}-{month:02}-{days + 1}T00:00:00Z")


@pytest.mark.parametrize(
    "uri", ["http://a/b", "urn:x:y", "mailto:a@b", "a+b.c-1:x", "https://e/s.json#/definitions/x"]
)
def test_a_scheme_and_a_colon_make_an_absolute_uri(uri: str) -> None:
    """Fragments are accepted: schemas are named so everywhere."""
    assert is_absolute_uri(uri)


@pytest.mark.parametrize("uri", ["/a", "#x", "a", "1a:b", ":b", "http://a b", "http://a\n", "é:a", ""])
def test_relative_references_and_white_space_make_no_absolute_uri(uri: str) -> None:
    """`dataschema` is a URI, not a URI-reference."""
    assert not is_absolute_uri(uri)


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("application/json", DataKind.JSON),
        ("Application/JSON", DataKind.JSON),
        ("text/json", DataKind.JSON),
        ("model/gltf+json", DataKind.JSON),
        ("application/vnd.a.v1+JSON; charset=utf-8", DataKind.JSON),
        ("application/json ; a=b", DataKind.JSON),
        ("application/json-seq", DataKind.OTHER),
        ("application/jsonx", DataKind.OTHER),
        ("application/xml", DataKind.OTHER),
        ("text/plain", DataKind.TEXT),
        ("TEXT/html; charset=UTF-8", DataKind.TEXT),
        ('text/plain;charset="utf-8"', DataKind.TEXT),
        ("text/plain; charset=us-ascii", DataKind.ASCII_TEXT),
        ('text/plain; charset=utf-8; Charset="US-ASCII"', DataKind.ASCII_TEXT),
        ("application/xml; charset=us-ascii", DataKind.OTHER),
        ("text/plain; x=1; Charset=iso-8859-1", DataKind.OTHER),
        ('text/plain; x="a;charset=latin1"; y=2', DataKind.TEXT),
        ("text/plain; charset=utf-16; charset=utf-8", DataKind.OTHER),
        ("text/plain; " + "x" * 200, DataKind.TEXT),
        ("text/plain;;charset=latin1", DataKind.OTHER),
        ("text/plain ; charset = utf-16 ; a=b", DataKind.OTHER),
        ("text/plain;a=b" + " " * 100_000 + ";charset=utf-16", DataKind.OTHER),
        ("text/plain;" + " " * 100_000 + "x", DataKind.TEXT),
    ],
)
def test_a_media_type_says_how_data_reads(media_type: str, kind: DataKind) -> None:
    """By type, subtype, structured suffix and charset, none of them case-sensitive."""
    assert data_kind(media_type) is kind


@pytest.mark.parametrize(
    "text", ["xyz", "text/", "/json", "", "a/b/c", "a b/c", " a/b", "a/b c", "a/é", "a/b\n"]
)
def test_text_without_two_tokens_and_a_slash_is_no_media_type(text: str) -> None:
    """Parameters may say anything, the type may not."""
    assert data_kind(text) is None


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("specversion", "", Reason.EMPTY_ATTRIBUTE),
        ("id", "", Reason.EMPTY_ATTRIBUTE),
        ("source", "", Reason.EMPTY_ATTRIBUTE),
        ("type", "", Reason.EMPTY_ATTRIBUTE),
        ("subject", "", Reason.EMPTY_ATTRIBUTE),
        ("dataschema", "", Reason.EMPTY_ATTRIBUTE),
        ("datacontenttype", "", Reason.EMPTY_ATTRIBUTE),
        ("time", "", Reason.EMPTY_ATTRIBUTE),
        ("time", "2024-01-01T00:00:00Z\n", Reason.INVALID_TIME),
        ("dataschema", "/relative", Reason.INVALID_URI),
        ("dataschema", "a:\x7f", Reason.INVALID_CHARACTER),
        ("datacontenttype", "xyz", Reason.INVALID_MEDIA_TYPE),
        ("datacontenttype", "a/b;\x01", Reason.INVALID_CHARACTER),
        ("id", "a\x00", Reason.INVALID_CHARACTER),
        ("myext", "a\uffff", Reason.INVALID_CHARACTER),
    ],
)
def test_a_value_that_breaks_its_rule_has_a_reason(name: str, text: str, reason: Reason) -> None:
    """The attribute's own rule comes before that of all strings."""
    assert value_fault(name, text) is reason


@pytest.mark.parametrize(
    "version", ["0.3", "0.9", "1.1", "1", "1.0.2", "2.0", "1.0-rc1", " 1.0", "1.0\n", "\uff11.0"]
)
def test_only_version_1_0_is_supported(version: str) -> None:
    """No other version's rules are known here, nor any upgrade."""
    assert value_fault("specversion", version) is Reason.UNSUPPORTED_SPECVERSION


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("id", " "),
        ("source", "#x"),
        ("source", "urn:a:b"),
        ("source", "mailto:a@b"),
        ("source", "/a b/%zz/{x}\\é"),
        ("partitionkey", ""),
        ("sequence", "x"),
        ("schemaurl", "not a uri"),
        ("datacontentencoding", "base64"),
        ("expirytime", "yesterday"),
    ],
)
def test_nothing_is_asked_beyond_the_rules(name: str, text: str) -> None:
    """Sources are not parsed, ids not trimmed, extension attributes mean nothing here."""
    assert value_fault(name, text) is None


@given(st.text())
def test_a_string_is_judged_by_its_code_points_alone(text: str) -> None:
    """The quick look and the exact rule agree on any text."""
    assert is_string(text) == FORBIDDEN.isdisjoint(map(ord, text))
