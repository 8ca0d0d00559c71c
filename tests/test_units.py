"""Durations and sizes as an operator writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.units import Duration, Size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("200ms", 0.2),
        ("5s", 5.0),
        ("1.5s", 1.5),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("1d", 86_400.0),
        ("0s", 0.0),
    ],
)
def test_a_duration_is_a_number_of_seconds(text: str, seconds: float) -> None:
    """Each unit counts what it says."""
    assert Duration.parse(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "s",
        "-5s",
        "5 s",
        "5S",
        "1h30m",
        "1e3s",
        "५s",
        ".5s",
        "5.s",
        "5s\n",
        "9" * 400 + "s",
        "36501d",
    ],
)
def test_what_is_no_duration_is_refused_and_the_right_form_shown(text: str) -> None:
    """A number without its unit would be read as seconds by one person and milliseconds by the next."""
    with pytest.raises(ValueError, match=r'"200ms", "5s" or "1h"'):
        Duration.parse(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "200ms"),
        (5, "5s"),
        (75, "75s"),
        (90, "90s"),
        (120, "2m"),
        (3600, "1h"),
        (172_800, "2d"),
        (1.5, "1500ms"),
    ],
)
def test_a_duration_prints_in_the_largest_unit_that_counts_it_whole(seconds: float, text: str) -> None:
    """What `gateway check` prints is what a person would write."""
    assert str(Duration(seconds)) == text


def test_no_time_at_all_prints_with_a_unit() -> None:
    """Zero is a duration as well."""
    assert str(Duration(0)) == "0ms"


@given(
    whole=st.integers(0, 36_499),
    decimals=st.integers(0, 10**12 - 1),
    digits=st.integers(0, 12),
    unit=st.sampled_from(["ms", "s", "m", "h", "d"]),
)
def test_a_duration_that_is_printed_reads_as_the_same(
    whole: int, decimals: int, digits: int, unit: str
) -> None:
    """No accepted text loses a nanosecond on its way through `gateway check`."""
    fraction = f".{decimals:012d}"[: digits + 1] if digits else ""
    duration = Duration.parse(f"{whole}{fraction}{unit}")
    assert Duration.parse(str(duration)) == duration


@pytest.mark.parametrize(
    ("text", "count"),
    [("0B", 0), ("1B", 1), ("256KiB", 262_144), ("64MiB", 67_108_864), ("2GiB", 2_147_483_648)],
)
def test_a_size_is_a_number_of_bytes(text: str, count: int) -> None:
    """Units are powers of 1024, and say so."""
    assert Size.parse(text) == count


@pytest.mark.parametrize(
    "text", ["", "5", "KiB", "-1B", "1.5MiB", "1 MiB", "1MB", "1M", "1mib", "1B\n", "9" * 5000 + "B"]
)
def test_what_is_no_size_is_refused_and_the_right_form_shown(text: str) -> None:
    """MB is refused because it means 1000² to some and 1024² to others."""
    with pytest.raises(ValueError, match=r'"256KiB" or "64MiB"'):
        Size.parse(text)


@given(count=st.integers(0, 10**15 - 1), unit=st.sampled_from(["B", "KiB", "MiB", "GiB"]))
def test_a_size_that_is_printed_reads_as_the_same(count: int, unit: str) -> None:
    """No accepted text changes on its way through `gateway check`."""
    size = Size.parse(f"{count}{unit}")
    assert Size.parse(str(size)) == size


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0B"), (1000, "1000B"), (4 << 20, "4MiB"), (3 << 30, "3GiB")]
)
def test_a_size_prints_in_the_largest_unit_that_counts_it_whole(count: int, text: str) -> None:
    """What `gateway check` prints is what a person would write."""
    assert str(Size(count)) == text
