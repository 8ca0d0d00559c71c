"""The control interface that every emulated bus has."""

import pytest

from gateway.emulators.alibaba import AlibabaEmulator
from gateway.emulators.aws import AwsEmulator
from gateway.emulators.faults import Faults, Pass, Throttle, Unavailable
from tests.emulators.alibaba_client import put_body
from tests.emulators.aws_client import Reply, entry, put, put_each, send
from tests.emulators.wire import exchange


async def control(bus: AwsEmulator, name: str, method: str = "GET", body: bytes = b"") -> Reply:
    return await send(bus, body, {}, method=method, path=f"/_emulator/{name}")


async def test_events_show_their_detail_as_the_very_json(bus: AwsEmulator) -> None:
    """Embedded as JSON, numbers and escapes untouched."""
    await put(bus, entry(Detail='{"n":1.50,"e":"\\u00e9"}', Resources=["r"], Time=1.5))
    reply = await control(bus, "events")
    assert b'"detail":{"n":1.50,"e":"\\u00e9"}' in reply.body
    (event,) = reply.document
    assert event == {
        "event_id": bus.received[0].event_id,
        "request": 1,
        "bus": "default",
        "source": "com.example.orders",
        "detail_type": "order.created",
        "detail": {"n": 1.5, "e": "é"},
        "time": 1.5,
        "resources": ["r"],
        "trace_header": None,
    }


async def test_cloudevents_show_the_very_text_that_was_sent(alibaba: AlibabaEmulator) -> None:
    """On the buses that take them as they are."""
    body = b'[{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"2026-03-04T05:06:00Z",'
    body += b'"data":{ "n":1.50 },"aliyuneventbusname":"default"}]'
    await put_body(alibaba, body)
    reply = await exchange("GET", f"{alibaba.url}/_emulator/events", b"", {})
    (shown,) = reply.document
    assert body[1:-1] in reply.body
    assert (shown["event_id"], shown["request"], shown["bus"]) == (alibaba.received[0].event_id, 1, "default")
    assert shown["event"]["id"] == "1"


async def test_events_are_limited_to_the_newest(bus: AwsEmulator) -> None:
    """Newest last."""
    await put(bus, *(entry(Detail=f'{{"n":{n}}}') for n in range(5)))
    shown = (await control(bus, "events?limit=2")).document
    assert [event["detail"]["n"] for event in shown] == [3, 4]


@pytest.mark.parametrize("limit", ["", "-1", "many", "1" * 5000])
async def test_a_limit_that_is_no_number_is_a_400(bus: AwsEmulator, limit: str) -> None:
    """An empty one counts as not given."""
    reply = await control(bus, f"events?limit={limit}")
    assert reply.status == (200 if limit == "" else 400)


async def test_dropped_events_are_shown_with_the_reason(bus: AwsEmulator) -> None:
    """What a producer never learns."""
    await put(bus, entry(EventBusName="nowhere"))
    (dropped,) = (await control(bus, "dropped")).document
    assert (dropped["reason"], dropped["bus"]) == ("no_such_bus", "nowhere")


async def test_requests_are_shown_as_they_were_answered(bus: AwsEmulator) -> None:
    """With status, code, entries, size and the fate of each entry; the control's own are not."""
    await put(bus, entry(), entry(Source="aws.x"))
    await put(bus)
    served, refused = (await control(bus, "requests")).document
    assert {
        name: served[name] for name in ("number", "operation", "status", "code", "entries", "results")
    } == {
        "number": 1,
        "operation": "PutEvents",
        "status": 200,
        "code": None,
        "entries": 2,
        "results": [None, "NotAuthorizedForSourceException"],
    }
    assert served["size"] == len("com.example.orders") + len("aws.x") + 2 * len('order.created{"n":1}')
    assert (refused["number"], refused["status"], refused["code"]) == (2, 400, "ValidationException")


async def test_statistics_count_everything(bus: AwsEmulator) -> None:
    """The same as the object's own."""
    bus.faults = Faults(script=(Pass(), Throttle()))
    await put_each(bus, 2)
    shown = (await control(bus, "statistics")).document
    assert shown["requests"] == 2
    assert shown["operations"] == {"PutEvents": 2}
    assert shown["answers"] == {"200": 1, "400": 1}
    assert shown["refusals"] == {"ThrottlingException": 1}
    assert shown["faults"] == {"throttle": 1}
    assert (shown["entries"], shown["events_received"]) == (1, 1)
    assert shown["bytes_received"] == bus.requests[0].size


async def test_statistics_are_a_snapshot(bus: AwsEmulator) -> None:
    """What was read once does not change later."""
    before = bus.statistics()
    await put_each(bus, 1)
    assert (before.requests, before.answers) == (0, {})
    assert bus.statistics().answers == {200: 1}


async def test_clearing_forgets_events_and_keeps_counts(bus: AwsEmulator) -> None:
    """Events, dropped events and requests."""
    await put(bus, entry(), entry(EventBusName="nowhere"))
    assert (await control(bus, "events", "DELETE")).status == 200
    assert (bus.received, bus.dropped, bus.requests) == ([], [], [])
    assert bus.statistics().events_received == 1


async def test_faults_are_put_shown_and_taken_away(bus: AwsEmulator) -> None:
    """A GET shows what is left of the script."""
    document = (
        b'{"script":[{"kind":"throttle","retry_after_seconds":3},{"kind":"pass"}],"latency_seconds":0.001}'
    )
    put_reply = await control(bus, "faults", "PUT", document)
    (throttled,) = await put_each(bus, 1)
    shown = (await control(bus, "faults")).document
    await control(bus, "faults", "DELETE")
    assert put_reply.status == 200
    assert throttled.headers["Retry-After"] == "3"
    assert (shown["script"], shown["latency_seconds"]) == ([{"kind": "pass"}], 0.001)
    assert bus.faults == Faults()


async def test_what_is_shown_of_the_faults_can_be_put_back(bus: AwsEmulator) -> None:
    """The document is the same both ways."""
    faults = Faults(standing=(Throttle(probability=0.5), Unavailable(status=504)), poison=("x",))
    bus.faults = faults
    await control(bus, "faults", "PUT", (await control(bus, "faults")).body)
    assert bus.faults == faults


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (b'{"lateness":1}', "lateness"),
        (b'{"latency_seconds":-1}', "$.latency_seconds"),
        (b'{"standing":[{"kind":"throttle","probability":2}]}', "probability"),
        (b'{"standing":[{"kind":"explode"}]}', "explode"),
        (b'{"standing":[{"kind":"stall","minutes":1}]}', "minutes"),
        (b'{"standing":[{"probability":1}]}', "kind"),
        (b'{"script":[{"kind":"unavailable","status":200}]}', "status"),
        (b'{"max_requests_per_second":0}', "max_requests_per_second"),
        (b'{"poison":[""]}', "poison"),
        (b"{", "truncated"),
        (b'{"poison":["\xff"]}', "utf-8"),
    ],
)
async def test_faults_that_are_not_understood_are_a_400_naming_the_key(
    bus: AwsEmulator, document: bytes, named: str
) -> None:
    """And change nothing."""
    bus.faults = Faults(standing=(Throttle(),))
    reply = await control(bus, "faults", "PUT", document)
    assert reply.status == 400
    assert named in reply.document["error"]
    assert bus.faults == Faults(standing=(Throttle(),))


async def test_an_unknown_path_or_method_is_refused(bus: AwsEmulator) -> None:
    """404 says what there is, 405 what is allowed."""
    nothing = await control(bus, "nothing")
    wrong = await control(bus, "events", "POST")
    assert nothing.status == 404
    assert "/_emulator/statistics" in nothing.document["error"]
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET, DELETE")


async def test_control_answers_while_the_bus_is_down(bus: AwsEmulator) -> None:
    """Otherwise nobody could bring it up again."""
    bus.faults = Faults(down=True)
    assert (await control(bus, "faults", "DELETE")).status == 200
    assert (await put(bus, entry())).status == 200
