"""The EventGrid sender against the emulated bus and IAM, and against a server that says anything."""

import asyncio
import json
import os
from datetime import datetime
from typing import Any

import pytest

from gateway.emulators.faults import ExpireToken, FailEntries, Faults
from gateway.emulators.huawei import EventIds, HuaweiBusOptions, HuaweiEmulator
from gateway.emulators.huawei_error import RefusalShape
from gateway.emulators.sdk_signature import AccessKey
from gateway.errors import BlockedError, RefusedError, SendError
from gateway.event import Event
from gateway.secret import Secret
from gateway.sender import Delivered, Rejected, RetryAlone, SenderStatus
from gateway.senders.credentials.chain import RENEWAL_PAUSE_SECONDS
from gateway.senders.huawei.entry import Extensions
from gateway.senders.huawei.sender import HuaweiSender
from gateway.units import Size
from tests.senders.builders import batch, event
from tests.senders.huawei.build import ACCESS_KEY, PROJECT, SECRET_KEY, event_of_size, sender_to
from tests.senders.scripted_server import Received, ScriptedServer, http_answer

NOW = datetime.fromisoformat("2026-03-04T05:06:07Z").timestamp()
TAKEN = http_answer(b'{"failed_count":0,"events":[{"error_code":null,"error_msg":null,"event_id":"e"}]}')
LOGIN: dict[str, Any] = {
    "user": "exampleuser",
    "password": Secret("examplepassword"),
    "domain": "exampleaccount",
}


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own shell must not decide."""
    for name in [name for name in os.environ if name.startswith(("HUAWEICLOUD_", "HC_"))]:
        monkeypatch.delenv(name)


def failed(code: str, status: int, message: str = "why") -> bytes:
    return http_answer(json.dumps({"error_code": code, "error_msg": message}).encode(), status)


def token_answer(token: str) -> bytes:
    body = b'{"token":{"expires_at":"2099-03-05T05:06:07.000000Z"}}'
    return http_answer(body, 201, X_Subject_Token=token)


async def error_of(sender: HuaweiSender) -> SendError:
    """What sending one event raises."""
    with pytest.raises(SendError) as caught:
        await sender.send(batch())
    return caught.value


async def sent(*events: Event, options: HuaweiBusOptions | None = None, **keys: Any) -> HuaweiEmulator:
    """A bus that was sent these events in one request, all of which it took."""
    async with HuaweiEmulator(options or HuaweiBusOptions()) as bus:
        sender = sender_to(bus.url, **keys)
        outcomes = await sender.send(batch(*events))
        await sender.aclose()
    assert all(isinstance(outcome, Delivered) for outcome in outcomes)
    return bus


async def test_a_batch_arrives_as_it_was_meant() -> None:
    """The emulated bus verifies the signature, and keeps each event's text."""
    one = event(time="2026-03-04T05:06:00.123Z", source="orders", data='{"é": 1.0}'.encode())
    two = event(extensions={"region": "eu", "priority": 1}, data=None)
    bus = await sent(one, two)
    assert [received.text.encode() for received in bus.received] == [one.json, two.json]


async def test_the_bus_counts_what_was_admitted() -> None:
    """But for a comma beside each event."""
    events = [event(source="é" * count) for count in range(1, 21)]
    bus = await sent(*events)
    sender = sender_to(bus.url)
    assert bus.requests[-1].size == sum(map(sender.admit, events)) - len(events)


async def test_a_full_request_stays_below_the_configured_size_to_the_byte() -> None:
    """Framing included, with the slack that is documented."""
    async with ScriptedServer(http_answer(b'{"failed_count":0}')) as server:
        sender = sender_to(server.url, max_request_bytes=Size(10_240))
        sizes = [3000, 3000, sender.limits.max_bytes - 6000]
        await sender.send(batch(*map(event_of_size, sizes)))
        await sender.aclose()
    assert len(server.received[0].body) == 10_240 - 1024 + 12


async def test_the_request_is_the_documented_one() -> None:
    """Path, headers and body; the clock's time is the signature's."""
    one = event()
    async with ScriptedServer(TAKEN) as server:
        sender = sender_to(server.url, clock=lambda: NOW)
        await sender.send(batch(one))
        await sender.aclose()
    (request,) = server.received
    path = f"/v1/{PROJECT}/channels/11111111-2222-3333-4444-555555555555/events"
    assert request.request_line == f"POST {path} HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-project-id"] == PROJECT
    assert request.headers["x-sdk-date"] == "20260304T050607Z"
    assert request.headers["authorization"].startswith(
        f"SDK-HMAC-SHA256 Access={ACCESS_KEY}, SignedHeaders=content-type;host;x-project-id;x-sdk-date, "
    )
    assert request.body == b'{"events":[' + one.json + b"]}"


async def test_extensions_can_be_left_out() -> None:
    """For a bus that refuses them."""
    strict = HuaweiBusOptions(are_extensions_refused=True)
    bus = await sent(event(extensions={"region": "eu"}), options=strict, extensions=Extensions.DROP)
    assert "region" not in bus.received[0].members


async def test_a_temporary_key_goes_with_its_security_token() -> None:
    """Signed, as the vendor's SDK does it."""
    key = AccessKey(security_token="gQpjbi1ub3J0aC00DummySecurityToken/+==")
    bus = await sent(
        event(),
        options=HuaweiBusOptions(access_keys=(key,)),
        access_key=ACCESS_KEY,
        secret_key=Secret(SECRET_KEY),
        security_token=Secret(key.security_token or ""),
    )
    assert len(bus.received) == 1


async def test_a_fixed_token_is_sent_as_it_is() -> None:
    """Instead of a signature."""
    async with ScriptedServer(TAKEN) as server:
        sender = sender_to(server.url, token=Secret("MIIF-fixed"))
        assert await sender.send(batch()) == [Delivered("e")]
        await sender.aclose()
    headers = server.received[0].headers
    assert (headers["x-auth-token"], "authorization" in headers) == ("MIIF-fixed", False)
    await sent(event(), options=HuaweiBusOptions(tokens=frozenset({"MIIF"})), token=Secret("MIIF"))


@pytest.mark.parametrize("keys", [{"token": Secret("MIIF")}, {}])
async def test_configured_credentials_that_expired_block_at_once(keys: dict[str, Any]) -> None:
    """There are no others to try with."""
    async with HuaweiEmulator(HuaweiBusOptions(tokens=frozenset({"MIIF"}))) as bus:
        bus.faults = Faults(standing=(ExpireToken(),))
        sender = sender_to(bus.url, **keys)
        error = await error_of(sender)
        await sender.aclose()
    assert isinstance(error, BlockedError)
    assert (error.code, len(bus.requests)) == ("APIGW.0307", 1)


async def test_a_login_fetches_one_token_for_all_who_send() -> None:
    """At once, and later."""
    async with HuaweiEmulator() as bus:
        sender = sender_to(bus.url, iam_endpoint=bus.url, **LOGIN)
        await asyncio.gather(*(sender.send(batch()) for _ in range(5)))
        await sender.send(batch())
        await sender.aclose()
    assert (bus.token_fetches, len(bus.received)) == (1, 6)


async def test_a_token_that_died_early_is_replaced_once_for_all() -> None:
    """As after a change of the user's password: nobody hears of it."""
    async with HuaweiEmulator() as bus:
        sender = sender_to(bus.url, iam_endpoint=bus.url, **LOGIN)
        await sender.send(batch())
        bus.kill_tokens()
        sending = [sender.send(batch()) for _ in range(5)]
        outcomes = await asyncio.gather(*sending)
        await sender.aclose()
    assert all(isinstance(outcome, Delivered) for (outcome,) in outcomes)
    assert (bus.token_fetches, len(bus.received)) == (2, 6)


async def test_a_new_token_that_is_refused_too_blocks() -> None:
    """One more try, not more; and IAM is not asked for another one within ten seconds."""

    def answer(request: Received) -> bytes:
        if "/auth/tokens" in request.request_line:
            return token_answer(f"MIIF-{len(server.received)}")
        return failed("APIGW.0307", 401)

    now = 1000.0
    async with ScriptedServer(answer) as server:
        sender = sender_to(server.url, monotonic=lambda: now, iam_endpoint=server.url, **LOGIN)
        assert isinstance(await error_of(sender), BlockedError)
        now += 9.5
        assert isinstance(await error_of(sender), BlockedError)
        now += 0.5
        assert isinstance(await error_of(sender), BlockedError)
        await sender.aclose()
    tokens = [request.headers.get("x-auth-token") for request in server.received]
    assert tokens == [None, "MIIF-1", None, "MIIF-3", "MIIF-3", "MIIF-3", None, "MIIF-7"]


async def test_a_login_that_is_refused_blocks_until_it_is_mended() -> None:
    """With the words of IAM, and without the password."""
    wrong = http_answer(b'{"error":{"code":401,"message":"The username or password is wrong."}}', 401)
    async with ScriptedServer(wrong, token_answer("MIIF"), TAKEN) as server:
        sender = sender_to(server.url, iam_endpoint=server.url, **LOGIN)
        error = await error_of(sender)
        assert await sender.send(batch()) == [Delivered("e")]
        await sender.aclose()
    assert isinstance(error, BlockedError)
    assert error.code == "no_credentials"
    assert "The username or password is wrong." in error.message
    assert "examplepassword" not in error.message


async def test_a_token_may_be_as_long_as_the_vendor_allows() -> None:
    """16,384 characters, from IAM and to the bus."""
    long = "M" * 16_384
    async with ScriptedServer(token_answer(long), TAKEN) as server:
        sender = sender_to(server.url, iam_endpoint=server.url, **LOGIN)
        await sender.send(batch())
        await sender.aclose()
    assert server.received[1].headers["x-auth-token"] == long


async def test_without_credentials_the_vendors_chain_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its variables, to begin with; a key that changed there is found at the next renewal."""
    now = 1000.0
    monkeypatch.setenv("HUAWEICLOUD_SDK_AK", "OUTDATED")
    monkeypatch.setenv("HUAWEICLOUD_SDK_SK", "outdated")
    async with HuaweiEmulator() as bus:
        sender = sender_to(bus.url, monotonic=lambda: now, access_key="")
        assert isinstance(await error_of(sender), BlockedError)
        now += RENEWAL_PAUSE_SECONDS
        monkeypatch.setenv("HUAWEICLOUD_SDK_AK", ACCESS_KEY)
        monkeypatch.setenv("HUAWEICLOUD_SDK_SK", SECRET_KEY)
        (outcome,) = await sender.send(batch())
        await sender.aclose()
    assert isinstance(outcome, Delivered)


async def test_a_wrong_secret_blocks() -> None:
    """Retried as it is, it would be refused again and again."""
    async with HuaweiEmulator() as bus:
        sender = sender_to(bus.url, access_key=ACCESS_KEY, secret_key=Secret("wrong"))
        error = await error_of(sender)
        await sender.aclose()
    assert isinstance(error, BlockedError)
    assert "wrong" not in str(error)


async def test_a_missing_channel_blocks() -> None:
    """An operator can create it."""
    async with HuaweiEmulator() as bus:
        sender = sender_to(bus.url, channel_id="22222222-2222-3333-4444-555555555555")
        error = await error_of(sender)
        await sender.aclose()
    assert isinstance(error, BlockedError)
    assert error.code == "00014040"
    assert error.request_id is not None


@pytest.mark.parametrize("shape", RefusalShape)
async def test_a_refusal_is_understood_in_every_shape(shape: RefusalShape) -> None:
    """Whatever the form, the bus means the request: it is for the gateway to find the culprit."""
    async with HuaweiEmulator(HuaweiBusOptions(refusal_shape=shape)) as bus:
        bus.faults = Faults(poison=("poison",))
        sender = sender_to(bus.url)
        good, bad = event(), event(data=b'{"poison":1}')
        with pytest.raises(RefusedError):
            await sender.send(batch(good, bad))
        assert isinstance((await sender.send(batch(good)))[0], Delivered)
        try:
            (outcome,) = await sender.send(batch(bad))
        except RefusedError as error:
            code = error.code
        else:
            assert isinstance(outcome, Rejected)
            code = outcome.code
        await sender.aclose()
    assert code == "00513000"


@pytest.mark.parametrize("shape", [RefusalShape.LIST, RefusalShape.OBJECTS])
async def test_an_event_too_large_for_the_bus_is_refused_alone(shape: RefusalShape) -> None:
    """Where the bus's limit is lower than the configured one, and it names the event."""
    async with HuaweiEmulator(HuaweiBusOptions(max_event_bytes=1000, refusal_shape=shape)) as bus:
        sender = sender_to(bus.url)
        outcomes = await sender.send(batch(event_of_size(1001), event_of_size(1002), event_of_size(1000)))
        await sender.aclose()
    assert [type(outcome) for outcome in outcomes] == [RetryAlone, Rejected, RetryAlone]


@pytest.mark.parametrize("event_ids", EventIds)
async def test_no_failed_event_is_taken_for_a_delivered_one(event_ids: EventIds) -> None:
    """However the bus's answer names its events: those that it names wrongly are sent again."""
    async with HuaweiEmulator(HuaweiBusOptions(event_ids=event_ids)) as bus:
        bus.faults = Faults(script=(FailEntries(indexes=(1,), code="EG.00533012"),))
        sender = sender_to(bus.url)
        events = [event() for _ in range(3)]
        outcomes = await sender.send(batch(*events))
        await sender.aclose()
    taken = {received.id for received in bus.received}
    delivered = {
        one.id for one, outcome in zip(events, outcomes, strict=True) if isinstance(outcome, Delivered)
    }
    assert delivered <= taken
    assert (delivered == taken) == (event_ids is not EventIds.MUDDLED)


async def test_no_error_shows_a_secret() -> None:
    """Not even where everything goes wrong."""
    async with ScriptedServer(failed("APIGW.0301", 401)) as server:
        sender = sender_to(server.url)
        error = await error_of(sender)
        await sender.aclose()
    assert SECRET_KEY not in f"{error!r} {error} {sender.status()!r}"


async def test_the_status_names_the_endpoint_and_the_tokens_end() -> None:
    """Nothing is known of it before the first send, nor of configured credentials."""
    async with HuaweiEmulator(clock=lambda: NOW) as bus:
        sender = sender_to(bus.url, lambda: NOW, iam_endpoint=bus.url, **LOGIN)
        assert sender.status() == SenderStatus(bus.url, None)
        await sender.send(batch())
        assert sender.status() == SenderStatus(bus.url, NOW + 86_400)
        await sender.aclose()


async def test_closing_ends_a_fetch_under_way() -> None:
    """Who waits for it is told that there are no credentials."""
    async with ScriptedServer(b"") as server:
        sender = sender_to(server.url, iam_endpoint=server.url, **LOGIN)
        sending = asyncio.ensure_future(sender.send(batch()))
        await asyncio.wait({sending}, timeout=0.05)
        await sender.aclose()
        with pytest.raises(BlockedError):
            await sending


@pytest.mark.parametrize(
    "message",
    [
        "verify failed, canonical request:POST\nx-security-token:gQdummySecurityToken",
        "gQdummySecurityToken is not ours",
    ],
)
@pytest.mark.parametrize(
    "keys",
    [
        {
            "access_key": ACCESS_KEY,
            "secret_key": Secret(SECRET_KEY),
            "security_token": Secret("gQdummySecurityToken"),
        },
        {"token": Secret("gQdummySecurityToken")},
    ],
    ids=["key", "token"],
)
async def test_no_token_is_repeated(*, keys: dict[str, Any], message: str) -> None:
    """The gateway before the bus may quote what was signed; its words reach logs and `/status`."""
    async with ScriptedServer(failed("APIGW.0301", 401, message)) as server:
        sender = sender_to(server.url, **keys)
        error = await error_of(sender)
        await sender.aclose()
    assert error.code == "APIGW.0301"
    assert "gQdummySecurityToken" not in str(error)
