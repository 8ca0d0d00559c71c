"""What PutEvents takes and refuses: its API reference, the user guide and botocore's model."""

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway.emulators.aws import AwsBusOptions, AwsEmulator, DropReason, Operation
from tests.emulators.aws_client import bus_names, call, entry, put

REGIONAL_ARN = "arn:aws:events:eu-west-1:123456789012:event-bus/default"
V2_ARN = "arn:aws:events:eu-west-1:123456789012:event-busv2/orders/abcdefghijklmnopqrstuvwxy"


async def test_an_accepted_entry_is_answered_with_an_event_id(bus: AwsEmulator) -> None:
    """200, no failures, one id for each entry in order, and the headers of the AWS JSON protocol."""
    reply = await put(bus, entry(), entry())
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert reply.headers["x-amzn-RequestId"]
    assert reply.document["FailedEntryCount"] == 0
    assert [result["EventId"] for result in reply.document["Entries"]] == [e.event_id for e in bus.received]


async def test_a_received_event_has_every_member_as_it_was_sent(bus: AwsEmulator) -> None:
    """All members of the entry arrive, and the detail as the very text."""
    detail = '{ "b": 1.50, "a": "\\u00e9é" }'
    await put(
        bus,
        entry(
            Detail=detail,
            Time=1772600760.123,
            Resources=["arn:aws:s3:::x"],
            TraceHeader="Root=1-5759e988-bd862e3fe1be46a994272793",
            EventBusName=REGIONAL_ARN,
        ),
    )
    (event,) = bus.received
    assert (event.bus, event.source, event.detail_type) == ("default", "com.example.orders", "order.created")
    assert (event.detail, event.time, event.resources) == (detail, 1772600760.123, ("arn:aws:s3:::x",))
    assert event.trace_header == "Root=1-5759e988-bd862e3fe1be46a994272793"
    assert event.request == 1


async def test_the_same_event_twice_is_delivered_twice_under_new_ids(bus: AwsEmulator) -> None:
    """Nothing is de-duplicated."""
    await put(bus, entry(), entry())
    first, second = bus.received
    assert first.event_id != second.event_id


@pytest.mark.parametrize("count", [0, 11])
async def test_none_or_more_than_ten_entries_are_refused(bus: AwsEmulator, count: int) -> None:
    """The refusal names `entries`, and nothing is received."""
    reply = await put(bus, *[entry()] * count)
    assert (reply.status, reply.code) == (400, "ValidationException")
    assert "at 'entries' failed to satisfy constraint" in reply.message
    assert bus.received == []


async def test_ten_entries_are_taken(bus: AwsEmulator) -> None:
    """Ten is the most."""
    assert (await put(bus, *[entry()] * 10)).codes == [None] * 10


async def test_a_request_without_entries_is_refused(bus: AwsEmulator) -> None:
    """`Entries` is required."""
    assert (await call(bus, {})).code == "ValidationException"


def filled(size: int) -> list[dict[str, object]]:
    """Two entries that count `size` bytes together, with every member that counts and some that do not."""
    fixed = {
        "Source": "sé",
        "DetailType": "té",
        "Time": 0,
        "Resources": ["é", "r"],
        "EventBusName": "default",
    }
    detail = '{"a":"\\n"}'
    counted = 3 + 3 + 14 + 3  # source, detail type, time, resources; é is two bytes
    rest = size - 2 * counted - len(detail) - len('{"d":""}')
    return [
        {**fixed, "Detail": detail},
        {**fixed, "Detail": json.dumps({"d": "x" * rest}, separators=(",", ":"))},
    ]


@pytest.mark.parametrize("limit", [262_144, 1_048_576])
async def test_the_size_formula_is_met_to_the_byte(limit: int) -> None:
    """The sum over the entries may be just the limit; one byte more is refused with the known message."""
    async with AwsEmulator(AwsBusOptions(max_request_bytes=limit)) as bus:
        taken, refused = await put(bus, *filled(limit)), await put(bus, *filled(limit + 1))
    assert taken.codes == [None, None]
    assert bus.requests[0].size == limit
    assert (refused.status, refused.code) == (400, "ValidationException")
    assert refused.message == "Total size of the entries in the request is over the limit."


@pytest.mark.parametrize("name", ["Source", "DetailType", "Detail"])
@pytest.mark.parametrize("value", [None, ""])
async def test_an_entry_that_lacks_a_required_member_fails_alone(
    bus: AwsEmulator, name: str, value: str | None
) -> None:
    """InvalidArgument with the known message, at its own index; its neighbour is taken."""
    reply = await put(bus, entry(), entry(**{name: value}))
    assert reply.status == 200
    assert reply.codes == [None, "InvalidArgument"]
    assert reply.document["FailedEntryCount"] == 1
    known = f"Parameter {name} is not valid. Reason: {name} is a required argument."
    assert reply.document["Entries"][1]["ErrorMessage"] == known
    assert len(bus.received) == 1


async def test_a_request_in_which_every_entry_lacks_a_member_fails_as_a_whole(bus: AwsEmulator) -> None:
    """Be it the same member or not."""
    reply = await put(bus, entry(Source=None), entry(Detail=None))
    assert (reply.status, reply.code) == (400, "ValidationException")


def nested(depth: int) -> str:
    """A JSON object that deep."""
    return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize(
    "detail",
    [
        pytest.param("[]", id="array"),
        pytest.param('"text"', id="string"),
        pytest.param("null", id="null"),
        pytest.param("{", id="cut off"),
        pytest.param("{} {}", id="two values"),
        pytest.param('{"a":NaN}', id="not a number"),
        pytest.param(nested(1001), id="too deep"),
        pytest.param(nested(5000), id="much too deep"),
        pytest.param('{"a":9223372036854775808}', id="2**63"),
        pytest.param('{"a":[-9223372036854775809]}', id="less than -2**63"),
        pytest.param('{"a":' + "1" * 5000 + "}", id="5000 digits"),
    ],
)
async def test_a_malformed_detail_fails_its_entry(bus: AwsEmulator, detail: str) -> None:
    """Only JSON objects, at most 1000 deep, with integers of 64 bits."""
    reply = await put(bus, entry(Detail=detail), entry())
    assert reply.codes == ["MalformedDetail", None]
    assert reply.document["Entries"][0]["ErrorMessage"] == "Detail is malformed."


@pytest.mark.parametrize(
    "detail",
    [
        pytest.param(nested(1000), id="as deep as may be"),
        pytest.param(json.dumps({"a": "{[" * 2000}), id="brackets in a string"),
        pytest.param('{"a":[' + "[],{}," * 1000 + "1]}", id="wide, not deep"),
        pytest.param('{"a":[9223372036854775807,-9223372036854775808]}', id="64-bit integers"),
        pytest.param('{"a":"9223372036854775808","b\\"9223372036854775808":1}', id="digits in strings"),
        pytest.param('{"a":9223372036854775808.5,"b":92233720368547758080e1}', id="long floats"),
    ],
)
async def test_a_detail_at_its_limits_is_taken(bus: AwsEmulator, detail: str) -> None:
    """What only looks too deep or too large is not."""
    assert (await put(bus, entry(Detail=detail))).codes == [None]


async def test_a_source_reserved_for_the_vendor_fails_its_entry(bus: AwsEmulator) -> None:
    """`aws.` at the start is theirs; elsewhere it is not."""
    reply = await put(bus, entry(Source="aws.events"), entry(Source="com.aws.events"), entry(Source="aws"))
    assert reply.codes == ["NotAuthorizedForSourceException", None, None]
    assert reply.document["Entries"][0]["ErrorMessage"] == "Not authorized for the source."


async def test_a_detail_type_over_128_characters_is_taken_and_never_delivered(bus: AwsEmulator) -> None:
    """As reported of the service: an id in the answer, and silence. Characters count, not bytes."""
    reply = await put(bus, entry(DetailType="é" * 128), entry(DetailType="x" * 129))
    assert reply.codes == [None, None]
    assert [event.detail_type for event in bus.received] == ["é" * 128]
    assert [(drop.reason, len(drop.event.detail_type)) for drop in bus.dropped] == [
        (DropReason.DETAIL_TYPE_TOO_LONG, 129)
    ]


async def test_a_missing_bus_is_answered_with_ids_and_silence(bus: AwsEmulator) -> None:
    """200, an event id, and the event is gone: only the emulator's own counts tell."""
    reply = await put(bus, entry(EventBusName="nowhere"), entry())
    assert (reply.status, reply.codes) == (200, [None, None])
    assert len(bus.received) == 1
    assert [(drop.reason, drop.event.bus) for drop in bus.dropped] == [(DropReason.NO_SUCH_BUS, "nowhere")]
    assert bus.statistics().events_dropped == {"no_such_bus": 1}


async def test_entries_of_one_request_may_name_different_buses() -> None:
    """By name or by ARN; without a name it is the default bus."""
    async with AwsEmulator(AwsBusOptions(buses=frozenset({"orders"}))) as bus:
        by_arn = "arn:aws-cn:events:cn-north-1:123456789012:event-bus/orders"
        await put(bus, entry(EventBusName="orders"), entry(EventBusName=by_arn), entry())
    assert bus_names(bus.received) == ["orders", "orders", "default"]


async def test_every_bus_can_be_made_to_exist() -> None:
    """`buses=None` is for those who care about other things."""
    async with AwsEmulator(AwsBusOptions(buses=None)) as bus:
        await put(bus, entry(EventBusName="whatever"))
    assert bus_names(bus.received) == ["whatever"]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        pytest.param("EventBusName", "no spaces", id="bus name pattern"),
        pytest.param("EventBusName", "a/b", id="partner bus"),
        pytest.param("EventBusName", "", id="empty bus name"),
        pytest.param("EventBusName", "b" * 1601, id="long bus name"),
        pytest.param("EventBusName", V2_ARN, id="a bus of the newer API"),
        pytest.param("TraceHeader", "", id="empty trace header"),
        pytest.param("TraceHeader", "t" * 501, id="long trace header"),
        pytest.param("Resources", ["r" * 2049], id="long resource"),
        pytest.param("Resources", [None], id="null resource"),
    ],
)
async def test_a_broken_constraint_refuses_the_request(bus: AwsEmulator, member: str, value: object) -> None:
    """What the API's model constrains is refused for all entries, naming the one."""
    reply = await put(bus, entry(), entry(**{member: value}))
    assert (reply.status, reply.code) == (400, "ValidationException")
    assert f"entries.2.member.{member[0].lower()}{member[1:]}" in reply.message
    assert bus.received == []


async def test_members_at_their_limits_are_taken(bus: AwsEmulator) -> None:
    """The longest bus name, trace header and resource."""
    reply = await put(bus, entry(EventBusName="b" * 1600, TraceHeader="t" * 500, Resources=["r" * 2048]))
    assert reply.codes == [None]


@pytest.mark.parametrize(
    ("endpoint_id", "status"),
    [("abcde.veo", 200), ("abcde", 400), ("a." + "b" * 48, 200), ("a." + "b" * 49, 400)],
)
async def test_an_endpoint_id_must_look_like_one(bus: AwsEmulator, endpoint_id: str, status: int) -> None:
    """1 to 50 characters, with one dot."""
    assert (await call(bus, {"Entries": [entry()], "EndpointId": endpoint_id})).status == status


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b"[]", id="array"),
        pytest.param(b'{"Entries":{}}', id="entries not a list"),
        pytest.param(b'{"Entries":[{"Source":"\xff"}]}', id="no UTF-8"),
        pytest.param(b'{"Entries":[{"Source":"\\ud800"}]}', id="half a surrogate pair"),
        pytest.param(b'{"Entries":[{"Time":"2026-03-04T05:06:07Z"}]}', id="time as text"),
        pytest.param(b'{"Entries":[{"Detail":{}}]}', id="detail not a string"),
        pytest.param(b'{"Entries":[{"Resources":"r"}]}', id="resources not a list"),
        pytest.param(b'{"x":' * 5000 + b"1" + b"}" * 5000, id="deep"),
    ],
)
async def test_a_body_of_wrong_types_is_a_serialization_error(bus: AwsEmulator, body: bytes) -> None:
    """400, whatever the entries look like otherwise."""
    reply = await call(bus, body)
    assert (reply.status, reply.code) == (400, "SerializationException")


async def test_nulls_are_members_left_out(bus: AwsEmulator) -> None:
    """As the service's deserialiser takes them."""
    body = {
        "Entries": [{**entry(), "Time": None, "Resources": None, "EventBusName": None, "TraceHeader": None}]
    }
    assert (await call(bus, body)).codes == [None]


async def test_a_body_beyond_the_bound_is_a_413_without_a_body() -> None:
    """The service's front answers, not its API."""
    async with AwsEmulator(AwsBusOptions(max_body_bytes=1000)) as bus:
        taken, refused = await call(bus, b" " * 1000), await call(bus, b" " * 1001)
    assert taken.code == "SerializationException"
    assert (refused.status, refused.body) == (413, b"")
    assert refused.headers["x-amzn-RequestId"]


async def test_a_chunked_body_is_bounded_too() -> None:
    """Though nobody says beforehand how long it will be."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b" " * 100

    async with (
        AwsEmulator(AwsBusOptions(max_body_bytes=1000)) as bus,
        aiohttp.ClientSession() as session,
        session.post(bus.url, data=chunks()) as response,
    ):
        assert response.status == 413


async def test_an_entry_may_not_be_null(bus: AwsEmulator) -> None:
    """Members may, entries may not."""
    reply = await put(bus, entry(), None)
    assert reply.code == "ValidationException"
    assert "null at 'entries.2.member'" in reply.message


async def test_a_missing_bus_cannot_be_described(bus: AwsEmulator) -> None:
    """The one way to find out before publishing."""
    reply = await call(bus, {"Name": "nowhere"}, target="AWSEvents.DescribeEventBus")
    assert (reply.status, reply.code) == (400, "ResourceNotFoundException")


@pytest.mark.parametrize("document", [{}, {"Name": "default"}, {"Name": REGIONAL_ARN}])
async def test_the_default_bus_can_be_described(bus: AwsEmulator, document: dict[str, str]) -> None:
    """By name, by ARN, or without saying which."""
    reply = await call(bus, document, target="AWSEvents.DescribeEventBus")
    assert (reply.document["Name"], reply.document["Arn"]) == ("default", REGIONAL_ARN)


async def test_a_created_bus_receives(bus: AwsEmulator) -> None:
    """And cannot be created twice."""
    created = await call(bus, {"Name": "orders"}, target="AWSEvents.CreateEventBus")
    again = await call(bus, {"Name": "orders"}, target="AWSEvents.CreateEventBus")
    await put(bus, entry(EventBusName="orders"))
    assert created.document["EventBusArn"].endswith(":event-bus/orders")
    assert again.code == "ResourceAlreadyExistsException"
    assert bus_names(bus.received) == ["orders"]


@pytest.mark.parametrize("name", [None, "", "n" * 257, "two words"])
async def test_a_bus_without_a_proper_name_is_not_created(bus: AwsEmulator, name: str | None) -> None:
    """1 to 256 of the characters that the API allows."""
    reply = await call(bus, {"Name": name}, target="AWSEvents.CreateEventBus")
    assert reply.code == "ValidationException"


async def test_buses_are_bounded(bus: AwsEmulator) -> None:
    """An account has at most 100."""
    replies = [await call(bus, {"Name": f"b{n}"}, target="AWSEvents.CreateEventBus") for n in range(100)]
    assert [reply.status for reply in replies] == [200] * 99 + [400]
    assert replies[-1].code == "LimitExceededException"


@pytest.mark.parametrize("target", ["AWSEvents.DescribeEventBus", "AWSEvents.CreateEventBus"])
@pytest.mark.parametrize("body", [b"", b"[]", b'{"Name":1}'])
async def test_other_operations_refuse_wrong_types_as_well(
    bus: AwsEmulator, target: str, body: bytes
) -> None:
    """SerializationException, not a breakdown."""
    reply = await call(bus, body, target=target)
    assert (reply.status, reply.code) == (400, "SerializationException")


async def test_an_operation_can_be_denied_by_itself() -> None:
    """Publishing may be allowed where describing is not."""
    denied = frozenset({Operation.DESCRIBE_EVENT_BUS})
    async with AwsEmulator(AwsBusOptions(denied=denied)) as bus:
        describe = await call(bus, {}, target="AWSEvents.DescribeEventBus")
        publish = await put(bus, entry())
    assert describe.code == "AccessDeniedException"
    assert "events:DescribeEventBus" in describe.message
    assert publish.status == 200
