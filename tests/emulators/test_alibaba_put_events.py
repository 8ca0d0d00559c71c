"""What putEvents takes and refuses: its reference, the limits page, the page on the size of events."""

import base64
import json
from typing import Any

import pytest

from gateway.emulators.alibaba import AlibabaBusOptions, AlibabaEmulator, EventIds, SuccessCode
from gateway.emulators.faults import FailEntries, Faults
from tests.emulators.alibaba_client import event, put, put_body


async def test_accepted_events_are_answered_one_by_one(alibaba: AlibabaEmulator) -> None:
    """200, no failures, a result for each with its id and a trace id, and the headers of the API."""
    reply = await put(alibaba, event(id="a"), event(id="b"))
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert reply.headers["x-eventbridge-request-id"] == reply.document["RequestId"]
    assert reply.document["FailedEntryCount"] == 0
    assert (reply.ids, reply.codes) == (["a", "b"], [None, None])
    assert all(result["TraceId"] for result in reply.document["EntryList"])


async def test_a_received_event_is_the_very_text_that_was_sent(alibaba: AlibabaEmulator) -> None:
    """Numbers, escapes and inner white space untouched."""
    body = json.dumps([event(data="?", traceparent="00-a")]).replace('"?"', '{ "n": 1.50, "e": "\\u00e9é" }')
    await put_body(alibaba, body.encode())
    (received,) = alibaba.received
    assert received.text == body[1:-1]
    assert (received.id, received.source, received.type) == ("1", "/orders", "order.created")
    assert (received.bus, received.request) == ("default", 1)
    assert received.members["data"] == {"n": 1.5, "e": "éé"}


async def test_the_same_event_twice_is_delivered_twice(alibaba: AlibabaEmulator) -> None:
    """Nothing is de-duplicated, and each has an id of the bus's own."""
    await put(alibaba, event(), event())
    first, second = alibaba.received
    assert (first.id, first.text) == (second.id, second.text)
    assert first.event_id != second.event_id


@pytest.mark.parametrize(("count", "status"), [(0, 400), (1, 200), (16, 200), (17, 400)])
async def test_a_request_has_1_to_16_events(alibaba: AlibabaEmulator, count: int, status: int) -> None:
    """The refusal says how many; nothing of it is received."""
    reply = await put(alibaba, *[event()] * count)
    assert reply.status == status
    assert len(alibaba.received) == (count if status == 200 else 0)
    assert status == 200 or (reply.code, f"{count} events" in reply.message) == (
        "RequestParameterInvalid",
        True,
    )


def sized(size: int, **members: Any) -> dict[str, Any]:
    """An event that counts `size` bytes, with every attribute of the formula and two that it leaves out."""
    attributes = {
        "specversion": "1.0",
        "id": "é",
        "type": "té",
        "source": "s",
        "subject": "ü",
        "dataschema": "urn:x",
        "datacontenttype": "text/plain",
    }
    counted = 36 + sum(len(value.encode()) for value in attributes.values())
    counted += len("traceparent") + len("00-é".encode())
    return event(**{**attributes, "data": "x" * (size - counted), "traceparent": "00-é", **members})


@pytest.mark.parametrize("limit", [65_536, 262_144])
async def test_the_size_formula_is_met_to_the_byte(limit: int) -> None:
    """One event may be just the limit; one byte more is EventSizeExceed."""
    options = AlibabaBusOptions(max_event_bytes=limit, max_request_bytes=1_048_576)
    async with AlibabaEmulator(options) as bus:
        taken, refused = await put(bus, sized(limit)), await put(bus, event(), sized(limit + 1))
    assert taken.status == 200, taken.body
    assert bus.requests[0].size == limit
    assert (refused.status, refused.code) == (409, "EventSizeExceed")
    assert refused.message == f"The single event entry size[{limit + 1}] exceed the limit [{limit}]!"


async def test_a_request_has_262144_bytes_at_most(alibaba: AlibabaEmulator) -> None:
    """All events together, by the same formula; one byte more is a 413."""
    taken = await put(alibaba, *[sized(65_536)] * 4)
    refused = await put(alibaba, *[sized(65_536)] * 3, sized(65_535), sized(1_000))
    assert (taken.status, alibaba.requests[0].size) == (200, 262_144)
    assert (refused.status, refused.code) == (413, "RequestParameterInvalid")
    assert "263143 bytes together" in refused.message


@pytest.mark.parametrize(
    ("members", "size"),
    [
        pytest.param({"data": None}, 0, id="no data"),
        pytest.param({"data": "text"}, 6, id="a JSON string is JSON"),
        pytest.param({"data": {"a": [1, 2]}}, 11, id="JSON as on the wire"),
        pytest.param({"data": "é", "datacontenttype": "text/plain"}, 2 + 10, id="text"),
        pytest.param({"data": 1, "datacontenttype": "application/x+json"}, 1 + 18, id="a kind of JSON"),
        pytest.param({"data": None, "data_base64": "AAH+/w=="}, 4, id="bytes"),
        pytest.param({"data": None, "data_base64": ""}, 0, id="no bytes"),
        pytest.param({"data": None, "num": -12, "flag": True}, 3 + 3 + 4 + 4, id="extensions"),
        pytest.param({"data": None, "subject": "é"}, 2, id="attributes"),
    ],
)
async def test_data_counts_as_what_it_stands_for(
    alibaba: AlibabaEmulator, members: dict[str, Any], size: int
) -> None:
    """Base64 decoded, text without its quotes, JSON as it was sent; extensions with their names."""
    without = len("1.0") + len("1") + len("/orders") + len("order.created") + 36
    await put(alibaba, event(**members))
    assert alibaba.requests[0].size == without + size


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("id", None, "EventIdEmpty"),
        ("id", "", "EventIdEmpty"),
        ("id", 7, "EventIdEmpty"),
        ("id", "i" * 129, "EventIdEmpty"),
        ("source", None, "EventSourceInvalid"),
        ("source", "s" * 129, "EventSourceInvalid"),
        ("specversion", None, "EventSpecversionInvalid"),
        ("specversion", "0.2", "EventSpecversionInvalid"),
        ("type", None, "EventTypeInvalid"),
        ("type", "t" * 65, "EventTypeInvalid"),
        ("time", None, "EventInvalid"),
        ("time", "2" * 65, "EventInvalid"),
        ("subject", "s" * 513, "EventSubjectInvalid"),
        ("subject", ["s"], "EventSubjectInvalid"),
        ("datacontenttype", 1, "EventContentTypeInvalid"),
        ("dataschema", "", "EventSchemaInvalid"),
        ("aliyuneventbusname", None, "EventBusEmpty"),
        ("aliyuneventbusname", "", "EventBusEmpty"),
        ("aliyuneventbusname", "two words", "EventBusNameInvalid"),
        ("aliyuneventbusname", "b" * 128, "EventBusNameInvalid"),
        ("aliyuneventbusname", "eventbridge-reserved-x", "EventBusNameInvalid"),
        ("aliyuneventbusname", "nowhere", "EventBusNotExist"),
        ("aliyunpublishtime", "now", "EventExtensionsAttributeInvalid"),
        ("Upper", "x", "EventExtensionsAttributeInvalid"),
        ("with_line", "x", "EventExtensionsAttributeInvalid"),
        ("list", [], "EventExtensionsAttributeInvalid"),
        ("float", 1.5, "EventExtensionsAttributeInvalid"),
        ("data_base64", "AA==", "EventInvalid"),
    ],
)
async def test_an_event_that_is_wrong_fails_its_request(
    alibaba: AlibabaEmulator, member: str, value: object, code: str
) -> None:
    """409 with the code of what is wrong; its good neighbour is not taken either."""
    good = event(aliyuneventbusname=value if code == "EventBusNotExist" else "default")
    reply = await put(alibaba, good, event(**{member: value}))
    assert (reply.status, reply.code) == (409, code)
    assert reply.document["requestId"] == reply.headers["x-eventbridge-request-id"]
    assert alibaba.received == []


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"data": None, "data_base64": "AA"}, id="padding"),
        pytest.param({"data": None, "data_base64": "A_-="}, id="alphabet"),
        pytest.param({"data": None, "data_base64": 5}, id="a number"),
        pytest.param({"data": {}, "datacontenttype": "text/plain"}, id="an object that is no JSON"),
    ],
)
async def test_data_must_be_what_it_says(alibaba: AlibabaEmulator, members: dict[str, Any]) -> None:
    """Base64 is Base64, and data that is not JSON is a string."""
    reply = await put(alibaba, event(**members))
    assert (reply.status, reply.code) == (409, "EventInvalid")


async def test_attributes_at_their_limits_are_taken() -> None:
    """Characters count, not bytes; null is an attribute left out."""
    bus_name = "b" * 127
    async with AlibabaEmulator(AlibabaBusOptions(buses=frozenset({bus_name}))) as bus:
        reply = await put(
            bus,
            event(
                id="é" * 128,
                source="é" * 128,
                type="é" * 64,
                subject="é" * 512,
                time="2" * 64,
                aliyuneventbusname=bus_name,
            ),
        )
        body = json.dumps([{**event(aliyuneventbusname=bus_name), "subject": None, "data": None}]).encode()
        nulls = await put_body(bus, body)
    assert (reply.status, nulls.status) == (200, 200)


async def test_the_time_may_be_left_to_the_service() -> None:
    """The SDK sends events without; the reference asks for one."""
    async with AlibabaEmulator(AlibabaBusOptions(is_time_required=False)) as bus:
        assert (await put(bus, event(time=None))).status == 200


@pytest.mark.parametrize(("name", "status"), [("a-1", 200), ("-a", 409), ("a_1", 409), ("a/1", 409)])
async def test_ids_can_be_restricted_as_the_limits_page_asks(name: str, status: int) -> None:
    """Letters, digits and hyphens, beginning with one of the first two."""
    async with AlibabaEmulator(AlibabaBusOptions(are_ids_restricted=True)) as bus:
        assert (await put(bus, event(id=name))).status == status


async def test_one_request_is_for_one_bus() -> None:
    """Two buses that exist are one too many."""
    async with AlibabaEmulator(AlibabaBusOptions(buses=frozenset({"orders"}))) as bus:
        both = await put(bus, event(), event(aliyuneventbusname="orders"))
        one = await put(bus, event(aliyuneventbusname="orders"), event(aliyuneventbusname="orders"))
    assert (both.status, both.code) == (409, "PutEventsRequestMoreThanOneEventBus")
    assert one.status == 200
    assert [received.bus for received in bus.received] == ["orders", "orders"]


async def test_every_bus_can_be_made_to_exist() -> None:
    """`buses=None` is for those who care about other things."""
    async with AlibabaEmulator(AlibabaBusOptions(buses=None)) as bus:
        assert (await put(bus, event(aliyuneventbusname="whatever"))).status == 200


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[", id="cut off"),
        pytest.param(b"{}", id="no list"),
        pytest.param(b"[1]", id="no object"),
        pytest.param(b"[null]", id="null"),
        pytest.param(b'[{"id":"\xff"}]', id="no UTF-8"),
        pytest.param(b"[" * 5000 + b"]" * 5000, id="deep"),
    ],
)
async def test_a_body_that_is_no_list_of_objects_is_refused(alibaba: AlibabaEmulator, body: bytes) -> None:
    """409, as JSON that is wrong."""
    reply = await put_body(alibaba, body)
    assert (reply.status, reply.code) == (409, "JsonAttributeInvalid")


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/cloudevents+json", "text/plain", ""]
)
async def test_another_content_type_is_no_batch(alibaba: AlibabaEmulator, content_type: str) -> None:
    """409, naming the header."""
    reply = await put(alibaba, event(), content_type=content_type)
    assert (reply.status, reply.code) == (409, "EventHTTPProtocolBindingInvalid")


@pytest.mark.parametrize("version", [None, "2020-01-01"])
async def test_an_api_version_is_needed(alibaba: AlibabaEmulator, version: str | None) -> None:
    """One that the SDKs or the documents know."""
    reply = await put(alibaba, event(), x_eventbridge_version=version)
    assert (reply.status, reply.code) == (400, "RequestParameterInvalid")


async def test_a_body_beyond_the_bound_is_a_413() -> None:
    """Before anything else is looked at."""
    async with AlibabaEmulator(AlibabaBusOptions(max_body_bytes=1000)) as bus:
        taken, refused = await put_body(bus, b" " * 1000), await put_body(bus, b" " * 1001)
    assert taken.code == "JsonAttributeInvalid"
    assert (refused.status, refused.code) == (413, "RequestParameterInvalid")
    assert bus.statistics().answers == {409: 1, 413: 1}


async def test_results_can_have_the_bus_s_own_ids() -> None:
    """As the open-source core has it: a failed one has no id at all."""
    async with AlibabaEmulator(AlibabaBusOptions(event_ids=EventIds.BUS)) as bus:
        bus.faults = Faults(script=(FailEntries(indexes=(1,)),))
        reply = await put(bus, event(id="a"), event(id="b"))
    assert reply.ids == [bus.received[0].event_id, None]
    assert reply.ids[0] != "a"
    assert reply.document["FailedEntryCount"] == 1


async def test_results_can_come_in_another_order() -> None:
    """As none is promised; every event still has one."""
    async with AlibabaEmulator(AlibabaBusOptions(is_shuffled=True)) as bus:
        reply = await put(bus, *(event(id=str(number)) for number in range(16)))
    ids = [str(number) for number in range(16)]
    assert reply.ids != ids
    assert sorted(map(str, reply.ids)) == sorted(ids)
    assert [received.id for received in bus.received] == ids


@pytest.mark.parametrize("code", [SuccessCode.EMPTY, SuccessCode.SUCCESS])
async def test_success_can_have_a_code(code: SuccessCode) -> None:
    """Empty, or `Success` as a newer SDK documents it; it is no failure."""
    async with AlibabaEmulator(AlibabaBusOptions(success_code=code)) as bus:
        reply = await put(bus, event())
    assert reply.codes == [code.value]
    assert reply.document["FailedEntryCount"] == 0


async def test_events_before_a_wrong_one_can_be_stored_all_the_same() -> None:
    """As the open-source core does: sending the rest again makes duplicates."""
    async with AlibabaEmulator(AlibabaBusOptions(stores_what_came_before=True)) as bus:
        reply = await put(bus, event(id="a"), event(id="b", type=None), event(id="c"))
    assert reply.code == "EventTypeInvalid"
    assert [received.id for received in bus.received] == ["a"]


async def test_binary_data_arrives(alibaba: AlibabaEmulator) -> None:
    """As it was sent, in Base64."""
    text = base64.b64encode(bytes(range(256))).decode()
    await put(alibaba, event(data=None, data_base64=text, datacontenttype="application/octet-stream"))
    assert alibaba.received[0].members["data_base64"] == text
