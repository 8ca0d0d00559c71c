"""What EventGrid's answers mean: codes in, outcomes out. Pure.

Codes after "Error Codes" in the EventGrid API reference and in that of API Gateway, which stands before
it. The bus does not promise the order of its results, and its own samples are out of order: an event
whose verdict cannot be told is sent again, for a duplicate can be repaired and a loss cannot.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from gateway.sender import Delivered, Outcome
from gateway.senders.answer import Answer, retry_after_seconds
from gateway.senders.huawei.answer import Reading, Result, read
from gateway.senders.verdict import (
    VERDICTS_BY_STATUS,
    Failure,
    Verdict,
    outcome_of,
    undecided,
    verdict_of_status,
)

VERDICTS: Mapping[str, Verdict] = {
    "00533007": Verdict.SPLIT,  # all events too large together
    "00533013": Verdict.SPLIT,  # too many events
    "00014000": Verdict.SPLIT,  # bad request
    "00513000": Verdict.SPLIT,  # invalid parameters
    "00533012": Verdict.REFUSED,  # an event too large
    "00014010": Verdict.EXPIRED,  # a bad token or signature, as the next two
    "APIGW.0301": Verdict.EXPIRED,
    "APIGW.0305": Verdict.EXPIRED,
    "APIGW.0307": Verdict.EXPIRED,  # the token must be updated
    "00513005": Verdict.BLOCKED,  # the channel is unusable
    "00014030": Verdict.BLOCKED,  # no permission, as the next nine; the project; the region
    "00512000": Verdict.BLOCKED,
    "APIGW.0302": Verdict.BLOCKED,
    "APIGW.0304": Verdict.BLOCKED,
    "APIGW.0306": Verdict.BLOCKED,
    "APIGW.0310": Verdict.BLOCKED,
    "APIGW.0401": Verdict.BLOCKED,
    "APIGW.0402": Verdict.BLOCKED,
    "APIGW.0801": Verdict.BLOCKED,
    "APIGW.0802": Verdict.BLOCKED,
    "00512001": Verdict.BLOCKED,  # the account is frozen
    "00514003": Verdict.BLOCKED,  # quota
    "00014040": Verdict.BLOCKED,  # no such channel, project or API, as the next two
    "APIGW.0101": Verdict.BLOCKED,
    "APIGW.0103": Verdict.BLOCKED,
    "APIGW.0308": Verdict.THROTTLED,
    "00015000": Verdict.UNAVAILABLE,  # the server's side, as all that follow
    "APIGW.0601": Verdict.UNAVAILABLE,
    "APIGW.0605": Verdict.UNAVAILABLE,
    "APIGW.0606": Verdict.UNAVAILABLE,
    "APIGW.0608": Verdict.UNAVAILABLE,
    "APIGW.0609": Verdict.UNAVAILABLE,
    "APIGW.0610": Verdict.UNAVAILABLE,
    "APIGW.0611": Verdict.UNAVAILABLE,
    "APIGW.0613": Verdict.UNAVAILABLE,
    "APIGW.0705": Verdict.UNAVAILABLE,
}
"""By code. Any other goes by the status, APIGW.0201 too: 413 for a body, 502 and 504 for a backend."""

_VERDICTS_BY_STATUS = {
    **VERDICTS_BY_STATUS,
    405: Verdict.BLOCKED,  # another service's answer: the wrong endpoint, as for a redirect
    407: Verdict.BLOCKED,
}

_OF_ONE_EVENT = (Verdict.REFUSED, Verdict.UNAVAILABLE)
"""In a refused request's list; every other stands there on behalf of all. Were the bus's failure with one
event that of all, they would be sent together again and again, with one or another failing each time."""


def read_outcomes(answer: Answer, ids: Sequence[str], now: float) -> Sequence[Outcome] | Failure:
    """One outcome for each event sent, given their ids in the order of the batch; or why there are none.

    `now` is wall-clock seconds, for a `Retry-After` that is a date.
    """
    reading = read(answer, VERDICTS)
    is_success = HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES
    if is_success:
        return _read_success(reading, answer, ids, now)
    return _read_refusal(reading, answer, ids, now)


def _read_success(
    reading: Reading, answer: Answer, ids: Sequence[str], now: float
) -> Sequence[Outcome] | Failure:
    results = reading.results
    if reading.code:
        return _failure(reading.code, reading.message, reading, answer, now)
    if results is None and reading.failed_count == 0:
        return [Delivered()] * len(ids)
    if results is None:
        return _unreadable("neither results nor an error", reading)
    failed_count = sum(1 for result in results if result.code)
    is_accepted = (reading.failed_count or 0) <= failed_count
    if failed_count == 0 and is_accepted:
        return _delivered(results, ids, reading)
    matched = _match(results, ids)
    if matched is None:
        return _undecided(reading, len(ids))
    unnamed = [Delivered(result.event_id) for result in matched]
    return _named(matched, unnamed if is_accepted else _undecided(reading, len(ids)), reading)


def _delivered(
    results: Sequence[Result], ids: Sequence[str], reading: Reading
) -> Sequence[Outcome] | Failure:
    """All are accepted, whatever the ids; one that names another event of the request is not passed on.

    A count of no failures says so even beside a list of another length.
    """
    if len(results) != len(ids):
        if reading.failed_count == 0:
            return [Delivered()] * len(ids)
        return _unreadable(f"{len(results)} results for {len(ids)} events", reading)
    return [
        Delivered(result.event_id if result.event_id == id_ or result.event_id not in ids else None)
        for result, id_ in zip(results, ids, strict=True)
    ]


def _read_refusal(
    reading: Reading, answer: Answer, ids: Sequence[str], now: float
) -> Sequence[Outcome] | Failure:
    """A refused request may name events that are to blame, or one on behalf of all."""
    if reading.results is None:
        return _failure(reading.code, reading.message, reading, answer, now)
    for result in reading.results:
        if result.code and _verdict(result.code, answer.status) not in _OF_ONE_EVENT:
            return _failure(result.code, result.message, reading, answer, now)
    if _verdict("", answer.status) is not Verdict.SPLIT:
        return _failure("", "", reading, answer, now)
    unnamed = _undecided(reading, len(ids))
    matched = _match(reading.results, ids)
    return unnamed if matched is None else _named(matched, unnamed, reading)


def _match(results: Sequence[Result], ids: Sequence[str]) -> Sequence[Result] | None:
    """The result of each event, in the order of `ids`; None where that cannot be told."""
    if len(results) == len(ids) == 1:
        return results
    times = Counter(result.event_id for result in results)
    if len(set(ids)) == len(ids) and all(times[id_] == 1 for id_ in ids):
        by_id = {result.event_id: result for result in results}
        return [by_id[id_] for id_ in ids]
    if len(results) != len(ids):
        return None
    if all(result.event_id in (None, id_) for result, id_ in zip(results, ids, strict=True)):
        return results
    return None


def _named(matched: Sequence[Result], unnamed: Sequence[Outcome], reading: Reading) -> Sequence[Outcome]:
    """The outcomes of the events that a code is named for; the others have theirs in `unnamed`."""
    return [
        _outcome_of(result, reading.request_id, is_alone=len(matched) == 1) if result.code else other
        for result, other in zip(matched, unnamed, strict=True)
    ]


def _outcome_of(result: Result, request_id: str | None, *, is_alone: bool) -> Outcome:
    verdict = _known_verdict(result.code)
    if verdict is Verdict.SPLIT and is_alone:
        verdict = Verdict.REFUSED
    return outcome_of(verdict, result.code, result.message, request_id)


def _undecided(reading: Reading, count: int) -> Sequence[Outcome]:
    return undecided("the bus did not say which events it took", reading.request_id, count)


def _unreadable(message: str, reading: Reading) -> Failure:
    return Failure(Verdict.UNAVAILABLE, "unreadable_answer", message, reading.request_id)


def _failure(code: str, message: str, reading: Reading, answer: Answer, now: float) -> Failure:
    verdict = _verdict(code, answer.status)
    seconds = retry_after_seconds(answer.headers, now)
    return Failure(verdict, code or f"http_{answer.status}", message, reading.request_id, seconds)


def _verdict(code: str, status: int) -> Verdict:
    return _known_verdict(code) or _verdict_of_status(status)


def _known_verdict(code: str) -> Verdict | None:
    # Older gateways spell their prefix without the last letter.
    return VERDICTS.get(code.replace("APIG.", "APIGW.", 1))


def _verdict_of_status(status: int) -> Verdict:
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict.UNAVAILABLE  # an unknown error under a success
    return verdict_of_status(status, _VERDICTS_BY_STATUS)
