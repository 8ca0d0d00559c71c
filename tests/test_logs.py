"""Log lines: for machines one JSON object, for people one line of text; never a secret."""

import json
import logging
import sys

from gateway.logs import JsonFormatter, TextFormatter
from gateway.secret import Secret


def record(message: str, **fields: object) -> logging.LogRecord:
    """A warning of the module `gateway.tested`."""
    made = logging.makeLogRecord({"name": "gateway.tested", "levelname": "WARNING", "msg": message})
    vars(made).update(fields)
    return made


def test_a_json_line_has_time_level_logger_message_and_the_record_s_own_fields() -> None:
    """One object on one line, its names stable."""
    line = JsonFormatter().format(record("events were spilled", destination="orders", events=3))
    assert "\n" not in line
    fields = json.loads(line)
    assert fields.pop("time").endswith("+00:00")
    assert fields == {
        "level": "warning",
        "logger": "gateway.tested",
        "message": "events were spilled",
        "destination": "orders",
        "events": 3,
    }


def test_a_field_without_a_value_is_left_out() -> None:
    """None says nothing."""
    assert "request_id" not in json.loads(JsonFormatter().format(record("x", request_id=None)))


def test_a_text_line_quotes_what_would_run_together() -> None:
    """Values with spaces, quotes or nothing in them are JSON strings."""
    line = TextFormatter().format(record("trouble", code="down", detail='a "b" c', empty=""))
    assert line.endswith('trouble code=down detail="a \\"b\\" c" empty=""')


def test_a_traceback_is_kept_in_both_forms() -> None:
    """A bug's place is worth more than a short line."""
    try:
        int("the cause")
    except ValueError:
        failed = record("failed", exc_info=sys.exc_info())
    assert "the cause" in json.loads(JsonFormatter().format(failed))["traceback"]
    assert "the cause" in TextFormatter().format(failed)


def test_a_secret_prints_as_dots() -> None:
    """Whoever logs one by mistake leaks nothing."""
    leaked = record("x", token=Secret("wJalrXUtnFEMI"))
    assert "wJalr" not in JsonFormatter().format(leaked) + TextFormatter().format(leaked)


def test_a_line_break_in_a_value_does_not_forge_a_line() -> None:
    """A value from outside stays inside its quotes."""
    assert "\n" not in TextFormatter().format(record("x", detail="a\nb"))
