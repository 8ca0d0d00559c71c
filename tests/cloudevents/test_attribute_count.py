"""How many attributes an event may have."""

from collections.abc import Callable

import pytest

from tests.cloudevents.build import batched, binary, headers, raw, refusal, request, structured

TOO_MANY = (413, ["too_large"])


def answer_to(call: Callable[[], object]) -> tuple[int, list[str]]:
    """The status that `call` is refused with, and the reason of each fault."""
    error = refusal(call)
    return error.http_status, [fault.reason for fault in error.faults]


def extensions(number: int) -> str:
    """So many attributes."""
    return ",".join(f'"a{index}":"x"' for index in range(number))


def lines(number: int) -> dict[str, bytes]:
    """So many attributes as headers."""
    return {f"a{index}": b"x" for index in range(number)}


def test_an_event_may_have_256_attributes_beside_its_data() -> None:
    """Four of them are required."""
    event = raw(extensions(252) + ',"data":{"a":1}')
    assert structured(event).json == event
    assert structured(raw(extensions(252))).json == raw(extensions(252))
    assert binary(headers(**lines(252))).json == raw(extensions(252))


def test_one_attribute_more_is_too_many() -> None:
    """413, whatever they say."""
    assert answer_to(lambda: structured(raw(extensions(253)))) == TOO_MANY
    assert answer_to(lambda: request(headers(**lines(253)), b"")) == TOO_MANY


@pytest.mark.parametrize("member", ['"a%d":1', '"a":%d'], ids=["different", "equal"])
def test_very_many_attributes_are_counted_before_they_are_kept(member: str) -> None:
    """The same answer for any number, and equal names are no way around it."""
    assert answer_to(lambda: structured(raw(",".join(member % index for index in range(50_000))))) == TOO_MANY


def test_data_may_have_very_many_members() -> None:
    """They are no attributes."""
    event = raw('"x":"y","data":{"a":[' + ",".join(['{"b":1}'] * 50_000) + "]}")
    assert structured(event).json == event


def test_the_event_of_a_batch_with_too_many_attributes_is_named() -> None:
    """By its index."""
    event = raw(extensions(253)).decode()
    assert answer_to(lambda: batched(f"[{raw().decode()},{event}]".encode())) == TOO_MANY
