"""Dead-letter files as a gateway leaves them."""

import json
from pathlib import Path
from typing import Any

STAMP = "20260101T000000.000000Z"


def letter(id: str = "1", **changes: Any) -> dict[str, Any]:  # noqa: A002 - the attribute's name
    """A letter; `changes` are its members, or `source` and `type` of its event."""
    event = {"specversion": "1.0", "id": id, "source": "/tests", "type": "com.example.tested"}
    event |= {name: changes.pop(name) for name in ("source", "type", "data") if name in changes}
    return {
        "time": "2026-01-01T00:00:00.000000Z",
        "destination": "orders",
        "reason": "rejected",
        "code": "InvalidArgument",
        "message": "Source is wrong.",
        "request_id": None,
        "attempts": 3,
        "accepted_at": "2026-01-01T00:00:00.000000Z",
        "event": event,
        **changes,
    }


def line(content: dict[str, Any]) -> bytes:
    """As it stands in the file."""
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def write(directory: Path, *letters: dict[str, Any] | bytes, name: str = STAMP) -> Path:
    """A file of these letters, or of these bytes."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.jsonl"
    path.write_bytes(b"".join([each if isinstance(each, bytes) else line(each) for each in letters]))
    return path


def ids(path: Path) -> list[str]:
    """Of the events that a file still has, without a look at the notes."""
    return [json.loads(text)["event"]["id"] for text in path.read_bytes().splitlines() if text]
