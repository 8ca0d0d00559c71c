"""How EventBridge counts an event, what it never takes, and an entry's exact bytes."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import EventTooLargeError, InvalidEventError, Reason, UndeliverableEventError
from gateway.event import Event
from gateway.senders.aws.entry import Detail, EntryFormat, epoch_seconds, trace_header
from tests.senders.builders import entry, event, event_of_json_size

LIMIT = 262_144


def entry_format(
    *, detail: Detail = Detail.EVENT, resources: tuple[str, ...] = (), max_event_bytes: int = LIMIT
) -> EntryFormat:
    return EntryFormat(
        event_bus="orders", detail=detail, resources=resources, max_event_bytes=max_event_bytes
    )


def refusal_of(refused: Event, **options: Any) -> tuple[type[InvalidEventError], Reason, str | None]:
    with pytest.raises(InvalidEventError) as caught:
        entry_format(**options).size(refused)
    (fault,) = caught.value.faults
    return type(caught.value), fault.reason, fault.attribute


def first_entry(of: Event, **options: Any) -> dict[str, Any]:
    entries: list[dict[str, Any]] = json.loads(entry_format(**options).frame([entry(of)]))["Entries"]
    return entries[0]


def test_an_entry_is_written_in_these_bytes() -> None:
    """Every member, in order, with no white space of ours."""
    written = entry_format(resources=("arn:aws:s3:::one", "arn:aws:s3:::two")).frame(
        [
            entry(
                event(
                    id="1",
                    source="/shop",
                    type="order",
                    time="2026-03-04T05:06:00.123Z",
                    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                    data=b'{"say": "\\"hi\\"",\n"\xc3\xa9":1}',
                )
            )
        ]
    )
    assert written == (
        b'{"Entries":[{"Source":"/shop","DetailType":"order","Detail":"'
        b'{\\"specversion\\":\\"1.0\\",\\"id\\":\\"1\\",\\"source\\":\\"/shop\\",\\"type\\":\\"order\\",'
        b'\\"time\\":\\"2026-03-04T05:06:00.123Z\\",'
        b'\\"traceparent\\":\\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\\",'
        b'\\"data\\":{\\"say\\": \\"\\\\\\"hi\\\\\\"\\",\\n\\"\xc3\xa9\\":1}}"'
        b',"EventBusName":"orders","Resources":["arn:aws:s3:::one","arn:aws:s3:::two"]'
        b',"Time":1772600760.123'
        b',"TraceHeader":"Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1"}]}'
    )


def test_a_global_endpoint_is_named_in_these_bytes() -> None:
    """Once in each request, and not in an entry."""
    named = EntryFormat(
        event_bus="orders",
        detail=Detail.EVENT,
        resources=(),
        max_event_bytes=LIMIT,
        endpoint_id="abcde.veo",
    )
    entries = [entry(), entry()]
    assert named.frame(entries) == b'{"EndpointId":"abcde.veo",' + entry_format().frame(entries)[1:]
    assert named.size(entries[0].event) == entry_format().size(entries[0].event)


def test_what_an_event_lacks_its_entry_lacks() -> None:
    """No null, no empty text."""
    assert list(first_entry(event())) == ["Source", "DetailType", "Detail", "EventBusName"]


def test_entries_stand_in_the_order_of_the_batch() -> None:
    """For results come back by position."""
    events = [event() for _ in range(3)]
    written = json.loads(entry_format().frame([entry(one) for one in events]))
    assert [json.loads(one["Detail"])["id"] for one in written["Entries"]] == [one.id for one in events]


@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ),
    is_ascii=st.booleans(),
)
def test_the_detail_is_the_events_own_json(data: Any, is_ascii: bool) -> None:  # noqa: FBT001 - drawn
    """Escaped for the wire, it reads back byte for byte."""
    text = json.dumps(data, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    original = event(data=text)
    assert first_entry(original)["Detail"].encode() == original.json


@given(
    source=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40),
    type_=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40),
    time=st.sampled_from([None, "2026-03-04T05:06:00Z", "2026-03-04T05:06:60Z"]),
    text=st.text(st.characters(codec="utf-8"), max_size=40),
    resources=st.lists(st.just("arn:aws:s3:::büro") | st.just("arn:aws:s3:::b"), max_size=3),
    detail=st.sampled_from(Detail),
)
def test_the_size_is_that_of_the_published_formula(
    *, source: str, type_: str, time: str | None, text: str, resources: list[str], detail: Detail
) -> None:
    """Counted here from the entry as it is sent: 14 for a time, and the UTF-8 bytes of four members."""
    data = json.dumps({"text": text}).encode()
    one = event(source=f"x{source}", type=type_, time=time, data=data)
    sent = first_entry(one, resources=tuple(resources), detail=detail)
    texts = [sent["Source"], sent["DetailType"], sent["Detail"], *sent.get("Resources", [])]
    formula = sum(len(each.encode()) for each in texts) + (14 if "Time" in sent else 0)
    assert entry_format(resources=tuple(resources), detail=detail).size(one) == formula


def test_the_limit_is_met_exactly_and_not_exceeded_by_one() -> None:
    """The largest event passes; one more byte is 413."""
    fixed = len("com.example.orders") + len("com.example.order.created")
    assert entry_format().size(event_of_json_size(LIMIT - fixed)) == LIMIT
    assert refusal_of(event_of_json_size(LIMIT - fixed + 1)) == (EventTooLargeError, Reason.TOO_LARGE, None)


def undeliverable(attribute: str, reason: Reason = Reason.UNDELIVERABLE) -> tuple[object, Reason, str]:
    return UndeliverableEventError, reason, attribute


def test_a_type_over_128_characters_is_refused() -> None:
    """The bus would take and never deliver it; characters count, not bytes."""
    assert refusal_of(event(type="é" * 129)) == undeliverable("type")
    assert entry_format().size(event(type="é" * 128))


def test_a_source_over_256_characters_is_refused() -> None:
    """Characters count, not bytes."""
    assert refusal_of(event(source="é" * 257)) == undeliverable("source")
    assert entry_format().size(event(source="é" * 256))


def test_a_source_reserved_for_aws_is_refused() -> None:
    """The prefix with its dot, and in lower case only."""
    assert refusal_of(event(source="aws.orders")) == undeliverable("source")
    assert entry_format().size(event(source="awsome"))


@pytest.mark.parametrize(
    "data",
    [
        "9223372036854775808",
        "-9223372036854775809",
        "[1, 100000000000000000000]",
        '{"a":"1.5","b":-' + "9" * 5000 + "}",
        '{"a":"\\\\",\n"b":12345678901234567890}',
    ],
)
def test_an_integer_outside_64_bits_is_refused(data: str) -> None:
    """The bus reads integers as signed 64-bit ones."""
    assert refusal_of(event(data=data.encode())) == undeliverable("data")


@pytest.mark.parametrize(
    "data",
    [
        "9223372036854775807",
        "-9223372036854775808",
        "1772600760123456789",
        "12345678901234567890.5",
        "12345678901234567890e1",
        "0.12345678901234567890",
        "1e-12345678901234567890",
        "-1.12345678901234567890E+5",
        '"12345678901234567890"',
        '"a\\":12345678901234567890,\\""',
        '{"12345678901234567890":["\\\\\\"",":99999999999999999999"]}',
    ],
)
def test_other_long_digits_are_no_large_integers(data: str) -> None:
    """In range, with a fraction or an exponent, or inside a string."""
    assert entry_format().size(event(data=data.encode()))


@given(
    st.recursive(
        st.integers(-(2**65), 2**65)
        | st.decimals(-(10**25), 10**25, places=2)
        | st.text('0123456789\\",:- e.'),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text('0123456789\\"'), inner, max_size=3)
        ),
        max_leaves=6,
    )
)
def test_large_integers_are_found_as_a_parser_finds_them(data: Any) -> None:
    """Against the standard library's parser, which keeps every digit."""
    text = json.dumps(data, default=float)
    integers: list[int] = []
    json.loads(text, parse_int=lambda digits: integers.append(int(digits)), parse_float=Decimal)
    outside = any(not -(2**63) <= integer < 2**63 for integer in integers)
    try:
        entry_format().size(event(data=text.encode()))
    except UndeliverableEventError:
        assert outside
    else:
        assert not outside


def test_nesting_over_1000_is_refused() -> None:
    """Counted over the whole detail, of which the event's own object is the first level."""
    assert entry_format().size(event(data=b"[" * 999 + b"]" * 999))
    assert refusal_of(event(data=b"[" * 1000 + b"]" * 1000)) == undeliverable("data", Reason.TOO_DEEP)


def test_many_brackets_are_not_deep() -> None:
    """Neither side by side nor in a string."""
    assert entry_format().size(event(data=b"[" + b",".join([b"[{}]"] * 2000) + b"]"))
    assert entry_format().size(event(data=b'"' + b'\\"[{' * 1500 + b'"'))


def test_data_alone_can_be_the_detail() -> None:
    """Its text as the producer wrote it, and nothing of the envelope."""
    data = b'{"n" : 1.0, "m":[1,2]}'
    assert first_entry(event(data=data), detail=Detail.DATA)["Detail"].encode() == data


@pytest.mark.parametrize("data", [b"[1]", b'"text"', b"1", b"null", None])
def test_data_alone_must_be_an_object(data: bytes | None) -> None:
    """The bus takes nothing else as a detail; an event without data has none to offer."""
    assert refusal_of(event(data=data), detail=Detail.DATA) == undeliverable("data")


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("2026-03-04T05:06:00.123Z", "1772600760.123"),
        ("2026-03-04T05:06:00.123999999Z", "1772600760.123"),
        ("2026-03-04T05:06:00Z", "1772600760"),
        ("2026-03-04T05:06:00.5+05:30", "1772580960.5"),
        ("2026-03-04t05:06:00.100z", "1772600760.1"),
        ("1969-12-31T23:59:59.500Z", "-0.5"),
        ("1969-12-31T23:59:59.999Z", "-0.001"),
        ("9999-12-31T23:59:59.999Z", "253402300799.999"),
        ("0001-01-01T00:00:00Z", "-62135596800"),
        ("2016-12-31T23:59:60Z", None),
        ("0000-01-01T00:00:00Z", None),
    ],
)
def test_a_time_becomes_epoch_seconds_with_at_most_milliseconds(time: str, seconds: str | None) -> None:
    """As JSON has them. Leap seconds and year 0 have no such number: then the entry has no Time."""
    assert orjson.dumps(epoch_seconds(time)).decode() == (seconds or "null")


@given(st.datetimes(timezones=st.just(UTC)))
def test_milliseconds_survive(moment: datetime) -> None:
    """For every millisecond of every year, the number reads back as that millisecond."""
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    written = epoch_seconds(moment.isoformat(timespec="milliseconds"))
    assert written is not None
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert (
        Decimal(orjson.dumps(written).decode())
        == Decimal(round((moment - epoch).total_seconds() * 1000)) / 1000
    )


def test_a_time_that_is_not_sent_is_not_counted() -> None:
    """14 bytes between a usual second and a leap second."""
    usual, leap = (event(id="1", time=f"2016-12-31T23:59:{second}Z") for second in (59, 60))
    assert entry_format().size(usual) - entry_format().size(leap) == 14


@pytest.mark.parametrize(
    ("traceparent", "header"),
    [
        (
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=0",
        ),
        (
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-later",
            "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1",
        ),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", None),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", None),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", None),
        ("", None),
    ],
)
def test_a_traceparent_becomes_an_x_ray_header(traceparent: str, header: str | None) -> None:
    """Only a valid one by W3C Trace Context; any other is left out."""
    assert trace_header(traceparent) == header
