"""The official JavaScript SDK as the producer, with its own HTTP transport, which sends chunked bodies."""

import json

import pytest

from tests.producers.events import ATTRIBUTES, EVENTS, said
from tests.producers.javascript import Node
from tests.support.intake import FakeIntake


@pytest.mark.parametrize(
    ("mode", "requests"), [("binary", [1, 1, 1, 1]), ("structured", [1, 1, 1, 1]), ("batched", [4])]
)
async def test_what_the_sdk_sends_arrives_equal(
    node: Node, url: str, intake: FakeIntake, mode: str, requests: list[int]
) -> None:
    """Every attribute and every kind of data, in each content mode."""
    assert await node.post(url, mode, EVENTS) == [""] * len(requests)
    assert [len(events) for events, _ in intake.accepted] == requests
    assert said(intake.events) == EVENTS


@pytest.mark.parametrize("mode", ["binary", "structured"])
async def test_extension_attributes_keep_the_type_that_the_mode_has(
    node: Node, url: str, intake: FakeIntake, mode: str
) -> None:
    """JSON says what is a number or a boolean, headers do not."""
    typed = {"sampledrate": 5, "deprecated": True}
    await node.post(url, mode, [{**ATTRIBUTES, **typed, "data": {}}])
    expected = typed if mode == "structured" else {"sampledrate": "5", "deprecated": "true"}
    assert said(intake.events)[0].items() >= expected.items()


@pytest.mark.parametrize(("text", "arrives"), [("100%", "100%"), ('{"a": 5}', '{"a": 5}'), ("a%20b", "a b")])
async def test_headers_that_the_sdk_does_not_encode_are_read_as_they_are(
    node: Node, url: str, intake: FakeIntake, text: str, arrives: str
) -> None:
    """It percent-encodes nothing: what looks encoded is decoded, as the rule says, the rest stays."""
    assert await node.post(url, "binary", [{**ATTRIBUTES, "subject": text, "data": {}}]) == [""]
    assert said(intake.events)[0]["subject"] == arrives


async def test_headers_that_node_writes_as_latin_1_are_refused(
    node: Node, url: str, intake: FakeIntake
) -> None:
    """An é arrives as one byte, which is no UTF-8: to guess would make another text of some other name."""
    (answer,) = await node.post(url, "binary", [{**ATTRIBUTES, "subject": "é", "data": {}}])
    problem = json.loads(answer)
    assert (problem["status"], problem["errors"]) == (
        400,
        [{"reason": "invalid_utf8", "attribute": "subject"}],
    )
    assert not intake.accepted
