"""EventGrid's answers as values: one shape for all that the bus and the gateway before it send. Pure.

The documents contradict one another on form, so reading is lenient: an object or several, text that is
no JSON, codes as "00533012", as a number and as "EG.00533012". What they mean stands in `outcomes`.
Forms after "Publishing Events" and "Error Codes" in the EventGrid API reference, the samples in its
user guide, and "Error Codes" of API Gateway.
"""

import json
import re
from collections.abc import Container, Iterator, Sequence
from itertools import islice

from msgspec import DecodeError, Struct, ValidationError, convert
from msgspec.json import Decoder

from gateway.senders.answer import Answer
from gateway.senders.wording import speakable

MAX_VALUES = 100
"""Of an answer that has one JSON value after another: a request has at most 20 events."""

_CODE_DIGITS = 8

Code = str | int | None


class Result(Struct, frozen=True, gc=False):
    """What the bus says of one event; `code` is empty where it says nothing against it."""

    code: str
    message: str
    event_id: str | None


class Reading(Struct, frozen=True):
    """An answer read: results of events, or an error of the whole request, or neither."""

    results: Sequence[Result] | None = None
    failed_count: int | None = None
    code: str = ""
    message: str = ""
    request_id: str | None = None


class _Result(Struct):
    error_code: Code = None
    error_msg: str | None = None
    event_id: str | None = None


class _Results(Struct):
    events: list[_Result]
    failed_count: int | None = None


_decode_results = Decoder(_Results).decode
_decode_value = json.JSONDecoder().raw_decode

_SPELLINGS = (("error_code", "error_msg"), ("errorCode", "errorMsg"), ("code", "message"))
"""All that the vendor's SDK reads."""

_NOT_SPACE = re.compile(r"\S")

# Eight digits alone may be a date; all of the bus's codes begin with two zeros.
_CODE_IN_TEXT = re.compile(r"\b(?:EG\.[0-9]{8}|00[0-9]{6}|APIGW?\.[0-9]{4})\b")


def read(answer: Answer, known_codes: Container[str]) -> Reading:
    """The answer, of whatever status and form; where its text names several codes, a known one counts."""
    request_id = answer.headers.get("X-Request-Id") or None
    try:
        results = _decode_results(answer.body)
    except (DecodeError, UnicodeDecodeError):
        return _read_leniently(answer.body.decode(errors="replace"), request_id, known_codes)
    return _reading_of(results, request_id)


def normalised(code: Code) -> str:
    """A code as it stands in the vendor's table: eight digits, or API Gateway's own; empty for none."""
    text = str(code or "").strip().removeprefix("EG.")
    return text.zfill(_CODE_DIGITS) if text.isascii() and text.isdigit() else text


def _reading_of(results: _Results, request_id: str | None) -> Reading:
    return Reading(
        [
            Result(
                normalised(one.error_code) if one.error_code else "",
                speakable(one.error_msg or ""),
                one.event_id,
            )
            for one in results.events
        ],
        results.failed_count,
        request_id=request_id,
    )


def _read_leniently(text: str, request_id: str | None, known_codes: Container[str]) -> Reading:
    """The first JSON value if it is an object; else what the text says."""
    first, *others = [*islice(_values(text), MAX_VALUES)] or [None]
    if not isinstance(first, dict):
        code = _code_in(text, known_codes)
        return Reading(code=code, message=speakable(text.strip()), request_id=request_id)
    request_id = request_id or _text(first.get("request_id")) or None
    if (results := _results_of(first, others)) is not None:
        return _reading_of(results, request_id)
    code, message = next(_problems(first), ("", ""))
    count = first.get("failed_count")
    return Reading(
        failed_count=count if isinstance(count, int) and first.get("events") is None else None,
        code=code,
        message=speakable(message),
        request_id=request_id,
    )


def _values(text: str) -> Iterator[object]:
    """The JSON values at the beginning of a text that has one after another."""
    position = 0
    while (start := _NOT_SPACE.search(text, position)) is not None:
        try:
            value, position = _decode_value(text, start.start())
        except (ValueError, RecursionError):
            return
        yield value


def _results_of(first: dict[str, object], others: Sequence[object]) -> _Results | None:
    """Results in a list, or each in an object of its own; None for none, or such as make no sense."""
    document = {"events": [first, *others]} if "event_id" in first else first
    try:
        return convert(document, _Results)
    except ValidationError:
        return None


def _problems(value: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Codes with their messages, of the object itself or of one inside it."""
    for candidate in (value, *value.values()):
        if not isinstance(candidate, dict):
            continue
        for code_name, message_name in _SPELLINGS:
            code = candidate.get(code_name)
            if isinstance(code, str | int) and code:
                detail = _text(candidate.get("error_details")) or _text(candidate.get("error_detail"))
                message = _text(candidate.get(message_name))
                yield normalised(code), ": ".join(dict.fromkeys(part for part in (message, detail) if part))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _code_in(text: str, known_codes: Container[str]) -> str:
    codes = [normalised(code) for code in _CODE_IN_TEXT.findall(text)]
    return next((code for code in codes if code in known_codes), codes[0] if codes else "")
