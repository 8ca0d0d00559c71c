"""What publishing to a channel takes and refuses: EG's API reference, event guide and error codes."""

import json
from typing import Any

import pytest

from gateway.emulators.faults import FailEntries, Faults
from gateway.emulators.huawei import EventIds, HuaweiBusOptions, HuaweiEmulator
from gateway.emulators.huawei_error import RefusalShape
from tests.emulators.huawei_client import CHANNEL, PATH, PROJECT, event, put, put_body

TWO_FAIL = Faults(standing=(FailEntries(code="00533012", message="too large", indexes=(0, 2)),))


async def test_accepted_events_are_answered_one_by_one(huawei: HuaweiEmulator) -> None:
    """200, nothing failed, and a result of nulls with each event's id."""
    reply = await put(huawei, event(id="a"), event(id="b"))
    assert reply.status == 200
    assert reply.document == {
        "failed_count": 0,
        "events": [
            {"error_code": None, "error_msg": None, "event_id": "a"},
            {"error_code": None, "error_msg": None, "event_id": "b"},
        ],
    }
    assert reply.headers["X-Request-Id"]


async def test_a_received_event_is_the_very_text_that_was_sent(huawei: HuaweiEmulator) -> None:
    """Numbers, escapes, white space and extension attributes untouched."""
    text = json.dumps(event(data="?", traceparent="00-a")).replace('"?"', '{ "n": 1.50, "e": "\\u00e9é" }')
    await put_body(huawei, f'{{"events":[ {text} ]}}'.encode())
    (received,) = huawei.received
    assert received.text == text
    assert (received.id, received.source, received.type) == ("1", "orders", "order.created")
    assert (received.bus, received.request) == (CHANNEL, 1)


async def test_the_same_event_twice_is_delivered_twice(huawei: HuaweiEmulator) -> None:
    """Nothing is de-duplicated."""
    await put(huawei, event(), event())
    assert [received.id for received in huawei.received] == ["1", "1"]


@pytest.mark.parametrize("body", [b"{}", b'{"events":null}', b'{"events":[]}', b'{"other":1}'])
async def test_a_request_may_have_no_events(huawei: HuaweiEmulator, body: bytes) -> None:
    """The model does not ask for any."""
    reply = await put_body(huawei, body)
    assert (reply.status, reply.document) == (200, {"failed_count": 0, "events": []})


async def test_a_request_has_20_events_at_most(huawei: HuaweiEmulator) -> None:
    """One more is refused with the code for it, and nothing is received."""
    taken = await put(huawei, *[event()] * 20)
    huawei.clear()
    refused = await put(huawei, *[event()] * 21)
    assert taken.status == 200
    assert (refused.status, refused.code) == (400, "EG.00533013")
    assert huawei.received == []


def sized(size: int) -> dict[str, Any]:
    """An event of so many bytes of JSON, not all of them ASCII."""
    rest = size - len(json.dumps(event(data={"d": "é"}), separators=(",", ":"), ensure_ascii=False).encode())
    return event(data={"d": "é" + "x" * rest})


async def test_an_event_has_65536_bytes_at_most(huawei: HuaweiEmulator) -> None:
    """Of its JSON in UTF-8; one more is refused with the code for it."""
    taken, refused = await put(huawei, sized(65_536)), await put(huawei, event(), sized(65_537))
    assert (taken.status, huawei.requests[0].size) == (200, 65_536)
    assert (refused.status, refused.code) == (400, "EG.00533012")
    assert "65537" in refused.message


async def test_a_request_has_262144_bytes_at_most(huawei: HuaweiEmulator) -> None:
    """All events together; one more is refused with the code for it."""
    taken = await put(huawei, *[sized(65_536)] * 4)
    refused = await put(huawei, *[sized(65_536)] * 3, sized(65_337), sized(200))
    assert (taken.status, huawei.requests[0].size) == (200, 262_144)
    assert (refused.status, refused.code) == (400, "EG.00533007")


async def test_limits_can_be_changed() -> None:
    """For those who want to meet them with small events."""
    async with HuaweiEmulator(HuaweiBusOptions(max_event_bytes=300, max_request_bytes=400)) as bus:
        replies = [
            await put(bus, sized(301)),
            await put(bus, sized(200), sized(201)),
            await put(bus, sized(300)),
        ]
    assert [reply.status for reply in replies] == [400, 400, 200]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        *((name, value) for name in ("id", "source", "specversion", "type") for value in (None, "", 1)),
        ("specversion", "0.3"),
        ("datacontenttype", "text/plain"),
        ("datacontenttype", "application/cloudevents+json"),
        ("dataschema", ""),
        ("subject", 1),
        ("time", "yesterday"),
        ("time", "2026-03-04 05:06:07Z"),
        ("time", "2026-03-04T05:06:07"),
        ("time", 1_772_600_760),
        ("data", "text"),
        ("data", []),
        ("data", 1),
        ("data_base64", "AA=="),
        ("data_schema", "urn:x"),
    ],
)
async def test_an_event_that_is_wrong_fails_its_request(
    huawei: HuaweiEmulator, member: str, value: object
) -> None:
    """400 as invalid parameters, naming the member; its good neighbour is not taken either."""
    reply = await put(huawei, event(), event(**{member: value}))
    assert (reply.status, reply.code) == (400, "EG.00513000")
    assert member in reply.message
    assert huawei.received == []


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"time": None, "data": None}, id="no time, no data"),
        pytest.param({"time": "2018-04-05T17:31:00Z", "subject": "s", "dataschema": "urn:x"}, id="all"),
        pytest.param({"time": "2018-04-05t17:31:60.5+05:30"}, id="an offset and a leap second"),
        pytest.param({"datacontenttype": "application/json"}, id="JSON"),
        pytest.param({"datacontenttype": "application/json; charset=utf-8"}, id="JSON with a parameter"),
        pytest.param({"data": {}}, id="empty data"),
    ],
)
async def test_what_the_model_allows_is_taken(huawei: HuaweiEmulator, members: dict[str, Any]) -> None:
    """Everything that is not required may be left out."""
    reply = await put(huawei, event(**members))
    assert reply.status == 200, reply.body


async def test_nulls_are_members_left_out(huawei: HuaweiEmulator) -> None:
    """As the SDK sends them."""
    body = json.dumps({"events": [{**event(), "subject": None, "data": None}]}).encode()
    assert (await put_body(huawei, body)).status == 200


async def test_extension_attributes_can_be_refused() -> None:
    """No document says what becomes of them, so both can be had."""
    async with HuaweiEmulator(HuaweiBusOptions(are_extensions_refused=True)) as bus:
        refused, taken = await put(bus, event(traceparent="00-a")), await put(bus, event())
    assert (refused.code, taken.status) == ("EG.00513000", 200)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"events":{}}', id="events are no list"),
        pytest.param(b'{"events":[1]}', id="an event is no object"),
        pytest.param(b'{"events":[{"id":"\xff"}]}', id="no UTF-8"),
        pytest.param(b'{"x":' * 5000 + b"1" + b"}" * 5000, id="deep"),
    ],
)
async def test_a_body_that_is_no_request_is_a_bad_one(huawei: HuaweiEmulator, body: bytes) -> None:
    """400 with the code for it."""
    reply = await put_body(huawei, body)
    assert (reply.status, reply.code) == (400, "EG.00014000")


async def test_another_content_type_is_a_bad_request(huawei: HuaweiEmulator) -> None:
    """Only JSON is read."""
    reply = await put(huawei, event(), content_type="text/plain")
    assert (reply.status, reply.code) == (400, "EG.00014000")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/v1/{PROJECT}/channels/another/events", 404, "EG.00014040"),
        (f"/v1/another/channels/{CHANNEL}/events", 403, "EG.00512000"),
        (f"/v1/{PROJECT}/channels/{CHANNEL}", 404, "APIGW.0101"),
        (f"/v2/{PROJECT}/channels/{CHANNEL}/events", 404, "APIGW.0101"),
        (f"{PATH}/", 404, "APIGW.0101"),
    ],
)
async def test_another_place_is_not_found(huawei: HuaweiEmulator, path: str, status: int, code: str) -> None:
    """A channel, a project, an API: each has its code."""
    reply = await put(huawei, event(), path=path)
    assert (reply.status, reply.code) == (status, code)
    assert reply.document["request_id"] == reply.headers["X-Request-Id"]


async def test_every_channel_can_be_made_to_exist() -> None:
    """`channels=None` is for those who care about other things."""
    async with HuaweiEmulator(HuaweiBusOptions(channels=None)) as bus:
        reply = await put(bus, event(), path=f"/v1/{PROJECT}/channels/any/events")
    assert reply.status == 200
    assert bus.received[0].bus == "any"


async def test_a_body_beyond_the_bound_is_a_413() -> None:
    """The API gateway answers, not EG."""
    async with HuaweiEmulator(HuaweiBusOptions(max_body_bytes=1000)) as bus:
        taken, refused = await put_body(bus, b" " * 1000), await put_body(bus, b" " * 1001)
    assert taken.code == "EG.00014000"
    assert (refused.status, refused.code) == (413, "APIGW.0201")


async def test_a_refusal_has_the_reference_s_shape(huawei: HuaweiEmulator) -> None:
    """S4: code, message, details and the request's id."""
    reply = await put(huawei, event(type=None))
    assert set(reply.document) == {"error_code", "error_msg", "error_details", "request_id"}


async def test_a_refusal_can_have_the_event_guide_s_object() -> None:
    """S3: `error_detail`, and no request id."""
    async with HuaweiEmulator(HuaweiBusOptions(refusal_shape=RefusalShape.DETAIL)) as bus:
        reply = await put(bus, event(type=None))
    assert reply.status == 400
    assert set(reply.document) == {"error_code", "error_msg", "error_detail"}


async def test_a_refusal_can_be_a_list_that_marks_one_event() -> None:
    """S2 under 400: the code without its prefix, the others null, and nothing was taken."""
    async with HuaweiEmulator(HuaweiBusOptions(refusal_shape=RefusalShape.LIST)) as bus:
        reply = await put(bus, event(id="a"), event(id="b", type=None), event(id="c"))
        assert bus.received == []
    assert (reply.status, reply.document["failed_count"]) == (400, 1)
    assert (reply.ids, reply.codes) == (["a", "b", "c"], [None, "00513000", None])


async def test_a_refusal_can_be_no_json() -> None:
    """S5: code and message stand there without quotes."""
    async with HuaweiEmulator(HuaweiBusOptions(refusal_shape=RefusalShape.TEXT)) as bus:
        reply = await put(bus, *[event()] * 21)
    text = '{"error_code":00533013,"error_msg":The number of events 21 exceeds the limit 20.}'
    assert (reply.status, reply.body.decode()) == (400, text)


async def test_a_refusal_can_be_several_objects() -> None:
    """S6: one for each event, one after another."""
    async with HuaweiEmulator(HuaweiBusOptions(refusal_shape=RefusalShape.OBJECTS)) as bus:
        reply = await put(bus, event(id="a", type=None), event(id="b"))
    lines = [json.loads(line) for line in reply.body.splitlines()]
    assert reply.status == 400
    assert [(line["error_code"], line["event_id"]) for line in lines] == [("00513000", "a"), (None, "b")]


@pytest.mark.parametrize("shape", RefusalShape)
async def test_where_there_are_no_events_and_at_the_gateway_a_refusal_is_one_object(
    shape: RefusalShape,
) -> None:
    """Whatever the shape is: S4 and S7."""
    async with HuaweiEmulator(HuaweiBusOptions(refusal_shape=shape)) as bus:
        gateway = await put(bus, event(), path="/")
        missing = await put(bus, event(), path=f"/v1/{PROJECT}/channels/another/events")
        bad = await put_body(bus, b"[]")
    assert set(gateway.document) == {"error_msg", "error_code", "request_id"}
    assert missing.code == "EG.00014040"
    assert bad.status == 400
    assert b"00014000" in bad.body


@pytest.mark.parametrize("status", [200, 400])
async def test_a_list_with_failures_has_the_model_s_status_or_the_event_guide_s(status: Any) -> None:
    """S2: some events failed, the others are there."""
    async with HuaweiEmulator(HuaweiBusOptions(failed_events_status=status)) as bus:
        bus.faults = TWO_FAIL
        reply = await put(bus, event(id="a"), event(id="b"), event(id="c"))
    assert (reply.status, reply.document["failed_count"]) == (status, 2)
    assert reply.codes == ["00533012", None, "00533012"]
    assert [received.id for received in bus.received] == ["b"]


@pytest.mark.parametrize(
    ("event_ids", "shown"),
    [(EventIds.MUDDLED, ["003", "003", "002"]), (EventIds.ABSENT, [None, None, None])],
)
async def test_ids_of_results_can_be_of_no_use(event_ids: EventIds, shown: list[str | None]) -> None:
    """Contradicting the request as in the event guide's own sample, or missing."""
    async with HuaweiEmulator(HuaweiBusOptions(event_ids=event_ids)) as bus:
        reply = await put(bus, event(id="001"), event(id="002"), event(id="003"))
    assert (reply.status, reply.ids) == (200, shown)
