"""Nesting: counted exactly, and without being led astray by strings."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cloudevents.jsontext import is_too_deep

STRINGS = ["", "[", "]]]", '"', '\\"', "\\", "\\\\", '[{"', "{" * 600, "\\" * 7 + '"[']


def _tower(levels: int, strings: list[str]) -> bytes:
    value = json.dumps(strings[0])
    for level in range(levels):
        text = json.dumps(strings[level % len(strings)])
        value = f"[{text},{value}]" if level % 2 else f"{{{text}:{value}}}"
    return value.encode()


@pytest.mark.parametrize(("levels", "answer"), [(511, False), (512, False), (513, True), (700, True)])
@pytest.mark.parametrize("string", STRINGS)
def test_brackets_in_strings_do_not_count(levels: int, string: str, *, answer: bool) -> None:
    """Escaped quotes and backslashes do not end or hide one."""
    assert is_too_deep(_tower(levels, [string, "x"])) is answer


@pytest.mark.parametrize(("levels", "answer"), [(512, False), (513, True)])
def test_siblings_do_not_add_up(levels: int, *, answer: bool) -> None:
    """Ten thousand objects beside one another are one level."""
    tower = _tower(levels - 1, ["x"])
    assert is_too_deep(b"[" + b'{"a":[1,{}]},' * 10_000 + tower + b"]") is answer


def test_wide_data_is_not_deep() -> None:
    """However many brackets there are."""
    assert not is_too_deep(b"[" + b",".join([b"[[[[[[[[[[[[]]]]]]]]]]]]"] * 5000) + b"]")


@given(st.lists(st.integers(0, 560), min_size=2, max_size=30))
def test_the_depth_is_that_of_the_highest_peak(heights: list[int]) -> None:
    """Any mountain range of brackets, none lower than one level in between."""
    path = [0, *(height + 1 for height in heights), 0]
    text = "".join(
        "[" * (after - before) if after > before else "]" * (before - after)
        for before, after in pairwise(path)
    )
    value = text.replace("][", "],[").encode()
    assert is_too_deep(value) is (max(path) > 512)
