"""What a request prefers: RFC 7240's syntax, in all the ways that clients write it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.receiver.prefer import MAX_WAIT_SECONDS, Preferences, read_preferences
from tests.support.mutations import mutated, quick

NONE = Preferences()
ASYNC = Preferences(responds_async=True)
WAIT_5 = Preferences(wait_seconds=5)
BOTH = Preferences(wait_seconds=10, responds_async=True)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"wait=5", WAIT_5),
        (b"wait=0", Preferences(wait_seconds=0)),
        (b"respond-async", ASYNC),
        (b"respond-async, wait=10", BOTH),
        (b"wait=10,respond-async", BOTH),
        (b"WAIT=5", WAIT_5),
        (b"Respond-Async", ASYNC),
        (b'wait="5"', WAIT_5),
        (b'wait="\\5"', WAIT_5),
        (b"wait = 5", WAIT_5),
        (b'  wait\t=\t"5"\t', WAIT_5),
        (b"wait=005", WAIT_5),
        (b"wait=5; foo=bar", WAIT_5),
        (b'wait=5 ;foo="a,wait=7";x', WAIT_5),
        (b"respond-async; wait=5", ASYNC),
        (b'respond-async=""', ASYNC),
        (b"respond-async=", ASYNC),
        (b",, wait=5 , ,", WAIT_5),
    ],
)
def test_a_preference_is_read_however_it_is_written(field: bytes, expected: Preferences) -> None:
    """Tokens in any case, quoted values, optional white space, parameters, empty list members."""
    assert read_preferences(field) == expected


@pytest.mark.parametrize(
    "field",
    [
        b"",
        b"reply",
        b"return=minimal, handling=lenient",
        b"wait",
        b"wait=",
        b"wait=-1",
        b"wait=+5",
        b"wait=1.5",
        b"wait=5s",
        b"wait=5 5",
        b'wait="5" 5',
        b'wa"it"=5',
        b"wait=\xb2",
        b"respond-async=no",
        b"x-wait=5",
        b'foo="respond-async, wait=5"',
        b'foo="\\", wait=5, \\""',
        b'foo="wait=5, respond-async',
        b"foo=bar; wait=5",
    ],
)
def test_what_is_unknown_or_unusable_is_ignored(field: bytes) -> None:
    """RFC 7240 2: a preference that cannot be followed is no error, and what is quoted is no preference."""
    assert read_preferences(field) == NONE


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"wait=5, wait=7", WAIT_5),
        (b"wait=5, WAIT=7, respond-async=no", WAIT_5),
        (b"wait=soon, wait=7", NONE),
        (b"respond-async=no, respond-async", NONE),
    ],
)
def test_of_a_preference_there_twice_the_first_counts(field: bytes, expected: Preferences) -> None:
    """RFC 7240 2, also where the first is of no use."""
    assert read_preferences(field) == expected


@pytest.mark.parametrize("seconds", [b"601", b"999999999", b"1000000000", b"9" * 10_000])
def test_a_wait_is_bounded(seconds: bytes) -> None:
    """Ten minutes, whatever is asked for."""
    assert read_preferences(b"wait=" + seconds) == Preferences(wait_seconds=MAX_WAIT_SECONDS)
    assert MAX_WAIT_SECONDS == 600


@pytest.mark.parametrize(
    ("preferences", "line"),
    [
        (NONE, b""),
        (WAIT_5, b"Preference-Applied: wait=5\r\n"),
        (ASYNC, b"Preference-Applied: respond-async\r\n"),
        (BOTH, b"Preference-Applied: respond-async, wait=10\r\n"),
        (Preferences(wait_seconds=0), b"Preference-Applied: wait=0\r\n"),
    ],
)
def test_what_is_honoured_is_said(preferences: Preferences, line: bytes) -> None:
    """RFC 7240 3."""
    assert preferences.applied == line


FIELDS = mutated(
    st.sampled_from([b"wait=5", b'wait="5"', b'respond-async;a="b,c", wait = 10', b'foo="\\"", wait=1']),
    [b'"', b"\\", b",", b";", b"=", b" ", b"wait=", b"\xff", b"9" * 5000, b"respond-async"],
)


@quick
@given(FIELDS | st.binary(max_size=60))
@example(b'"' + b"\\" * 7)
def test_any_bytes_are_preferences_or_none(field: bytes) -> None:
    """Nothing raises, and a wait is always within its bounds."""
    wait = read_preferences(field).wait_seconds
    assert wait is None or 0 <= wait <= MAX_WAIT_SECONDS


@quick
@given(st.text('a=,;\\" \t', max_size=20), st.integers(0, 600))
def test_the_first_member_is_read_whatever_follows(noise: str, seconds: int) -> None:
    """Also a quoted string without an end."""
    field = b"wait=%d," % seconds + noise.encode()
    assert read_preferences(field).wait_seconds == seconds


@pytest.mark.parametrize("filler", [b'"', b'"\\', b'\\"', b"=", b",", b";", b'a="b', b'"a",'])
def test_a_long_field_is_read_in_one_pass(filler: bytes) -> None:
    """Every byte of a header section at its limit is looked at a few times, not once for each other."""
    assert read_preferences(filler * (96 << 10)).wait_seconds is None
