"""How much of a sample is read."""

from pathlib import Path

import pytest

from gateway.planning.sample import PlanError, read_sample
from tests.support.sender import FakeSender

EVENT = b'{"specversion":"1.0","id":"1","source":"/a","type":"t"}\n'


def sample(directory: Path, content: bytes) -> Path:
    path = directory / "sample.jsonl"
    path.write_bytes(content)
    return path


def test_as_many_events_as_are_allowed_are_read_and_not_one_more(tmp_path: Path) -> None:
    """Memory is bounded, and half a sample would be another sample."""
    senders = {"bus": FakeSender()}
    assert len(read_sample(sample(tmp_path, EVENT * 3), senders, max_events=3)) == 3
    with pytest.raises(PlanError, match=r"sample\.jsonl: more than 3 events or 1GiB; take a part of it"):
        read_sample(sample(tmp_path, EVENT * 4), senders, max_events=3)


def test_as_many_bytes_as_are_allowed_are_read_and_not_one_more(tmp_path: Path) -> None:
    """Time is bounded too."""
    senders, path = {"bus": FakeSender()}, sample(tmp_path, EVENT * 2)
    assert len(read_sample(path, senders, max_bytes=2 * len(EVENT))) == 2
    with pytest.raises(PlanError, match="take a part of it"):
        read_sample(path, senders, max_bytes=2 * len(EVENT) - 1)


def test_each_destination_measures_for_itself(tmp_path: Path) -> None:
    """What one refuses, another may take; places stay those of the sample."""
    path = sample(tmp_path, EVENT + EVENT.replace(b'"t"', b'"undeliverable"').rstrip())
    found = read_sample(path, {"a": FakeSender(), "b": FakeSender()})
    assert list(found.measured) == ["a", "b"]
    assert [list(each.sizes) for each in found.measured.values()] == [[len(EVENT) - 1, -1]] * 2
    assert [dict(each.refused) for each in found.measured.values()] == [{"undeliverable": 1}] * 2
    assert (len(found), found.first_untimed_line) == (2, 1)
