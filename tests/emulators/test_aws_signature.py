"""Whose requests the emulated bus believes: AWS Signature Version 4 and 4A, judged by the vendor's signer."""

import asyncio
import json
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from gateway.emulators.aws import AwsBusOptions, AwsEmulator
from gateway.emulators.aws_error import AwsError
from gateway.emulators.bus import Request
from gateway.emulators.sigv4 import AccessKey, SignatureVerifier
from tests.emulators.aws_client import call, entry, put, send, signed_headers

VECTORS: list[dict[str, Any]] = json.loads(
    Path(__file__, "../../vectors/aws.json").resolve().read_text(encoding="utf-8")
)
TEMPORARY = AccessKey("ASIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "exampletoken/+==")
BODY = b'{"Entries":[{"Source":"s","DetailType":"t","Detail":"{}"}]}'


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
async def test_a_request_signed_by_the_vendors_sdk_is_believed(vector: dict[str, Any]) -> None:
    """Every recorded request, SigV4 and SigV4A, is taken at the time it was signed."""
    options = AwsBusOptions(access_keys=(AccessKey(**vector["credentials"]),), buses=None)
    signed_at = datetime.fromisoformat(vector["time"]).timestamp()
    async with AwsEmulator(options, clock=lambda: signed_at) as bus:
        reply = await send(bus, vector["body"].encode(), vector["headers"])
        assert reply.status == 200, reply.body
        assert len(bus.received) == len(json.loads(vector["body"])["Entries"])


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
async def test_a_changed_body_is_not_believed(vector: dict[str, Any]) -> None:
    """One more space, and the signature is another's."""
    options = AwsBusOptions(access_keys=(AccessKey(**vector["credentials"]),))
    signed_at = datetime.fromisoformat(vector["time"]).timestamp()
    headers = {name: value for name, value in vector["headers"].items() if name != "Content-Length"}
    async with AwsEmulator(options, clock=lambda: signed_at) as bus:
        reply = await send(bus, vector["body"].encode() + b" ", headers)
    assert (reply.status, reply.code) == (400, "InvalidSignatureException")
    assert "does not match the signature you provided" in reply.message


@given(
    body=st.binary(max_size=200),
    region=st.from_regex(r"[a-z]{2}-[a-z]{4,9}-[1-9]", fullmatch=True),
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=16, max_size=40),
    token=st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
    value=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_whatever_the_vendors_signer_signs_is_believed(
    body: bytes, region: str, secret: str, token: str | None, value: str
) -> None:
    """Any body, region, secret, session token and further header, inner spaces included."""
    key = AccessKey("AKIDEXAMPLE", secret, token)
    headers = signed_headers(
        "http://127.0.0.1:4010/", body, key=key, region=region, extra={"X-Amz-Meta": value}
    )
    request = Request("POST", "/", "", CIMultiDict(headers), body, 0.0)
    verifier = SignatureVerifier([key], service="events")
    assert verifier.verify(request, time.time()) == region
    with pytest.raises(AwsError):
        verifier.verify(msgspec.structs.replace(request, body=body + b" "), time.time())


async def test_a_session_token_must_be_the_one_of_the_key() -> None:
    """Missing, another, or one where none belongs: not a client that is known."""
    async with AwsEmulator(AwsBusOptions(access_keys=(AccessKey(), TEMPORARY))) as bus:
        good = await put(bus, entry(), key=TEMPORARY)
        strays = [
            AccessKey(TEMPORARY.access_key_id, TEMPORARY.secret_access_key),
            AccessKey(TEMPORARY.access_key_id, TEMPORARY.secret_access_key, "anothertoken"),
            AccessKey(session_token="exampletoken/+=="),
        ]
        replies = [await put(bus, entry(), key=stray) for stray in strays]
    assert good.status == 200
    assert [reply.code for reply in replies] == ["UnrecognizedClientException"] * 3


async def test_a_temporary_key_expires() -> None:
    """To the moment; a permanent one still works then."""
    ends_at = now = time.time()
    key = msgspec.structs.replace(TEMPORARY, expires_at=ends_at)
    options = AwsBusOptions(access_keys=(AccessKey(), key))
    async with AwsEmulator(options, clock=lambda: now) as bus:
        now = ends_at - 0.001
        good = await put(bus, entry(), key=key)
        now = ends_at
        expired = await put(bus, entry(), key=key)
        permanent = await put(bus, entry())
    assert (expired.status, expired.code) == (400, "ExpiredTokenException")
    assert (good.status, permanent.status) == (200, 200)


async def test_an_unknown_access_key_is_not_recognised(bus: AwsEmulator) -> None:
    """By its id."""
    reply = await put(bus, entry(), key=AccessKey("AKIDANOTHER"))
    assert (reply.status, reply.code) == (403, "UnrecognizedClientException")


async def test_a_wrong_secret_is_an_invalid_signature(bus: AwsEmulator) -> None:
    """The message shows what should have been signed, to compare."""
    reply = await put(bus, entry(), key=AccessKey(secret_access_key="wrong"))
    assert (reply.status, reply.code) == (400, "InvalidSignatureException")
    assert "The Canonical String for this request should have been\n'POST\n/\n" in reply.message


@pytest.mark.parametrize(
    ("skew_seconds", "complaint"),
    [(-299, None), (299, None), (-302, "Signature not yet current"), (302, "Signature expired")],
)
async def test_a_clock_may_be_wrong_by_five_minutes(skew_seconds: float, complaint: str | None) -> None:
    """Beyond them the refusal speaks of time."""
    async with AwsEmulator(clock=lambda: time.time() + skew_seconds) as bus:
        reply = await put(bus, entry())
    if complaint is None:
        assert reply.status == 200
    else:
        assert (reply.status, reply.code) == (400, "InvalidSignatureException")
        assert reply.message.startswith(complaint)
        assert "5 min." in reply.message


async def test_a_request_that_is_not_signed_lacks_a_token(bus: AwsEmulator) -> None:
    """403, and nothing is received."""
    headers = {"X-Amz-Target": "AWSEvents.PutEvents", "Content-Type": "application/x-amz-json-1.1"}
    reply = await send(bus, BODY, headers)
    assert (reply.status, reply.code) == (403, "MissingAuthenticationToken")
    assert bus.received == []


def changed(headers: Mapping[str, str], name: str, old: str, new: str) -> dict[str, str]:
    """The headers with one part of one value replaced."""
    assert old in headers[name]
    return {**headers, name: headers[name].replace(old, new)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("AWS4-HMAC-SHA256", "AWS3", id="algorithm"),
        pytest.param("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", id="scope of the other algorithm"),
        pytest.param("Signature=", "Sign=", id="no signature"),
        pytest.param("SignedHeaders=", "Headers=", id="no signed headers"),
        pytest.param("Credential=", "Cred=", id="no credential"),
        pytest.param("/aws4_request", "", id="short scope"),
        pytest.param("aws4_request", "aws5_request", id="termination"),
    ],
)
async def test_an_authorization_that_cannot_be_read_is_incomplete(
    bus: AwsEmulator, old: str, new: str
) -> None:
    """403 with the code for it."""
    headers = changed(signed_headers(f"{bus.url}/", BODY), "Authorization", old, new)
    reply = await send(bus, BODY, headers)
    assert (reply.status, reply.code) == (403, "IncompleteSignature")


@pytest.mark.parametrize("rest", [None, "T050607", "T256199Z", "T050607+00:00"])
async def test_a_request_needs_a_date_in_basic_format(bus: AwsEmulator, rest: str | None) -> None:
    """Of the right day, but without a time that can be read, the signature is incomplete."""
    headers = signed_headers(f"{bus.url}/", BODY)
    day = headers.pop("X-Amz-Date")[:8]
    reply = await send(bus, BODY, headers if rest is None else {**headers, "X-Amz-Date": day + rest})
    assert (reply.status, reply.code) == (403, "IncompleteSignature")


async def test_signed_headers_are_sorted(bus: AwsEmulator) -> None:
    """As the recipe has them."""
    headers = signed_headers(f"{bus.url}/", BODY)
    swapped = changed(headers, "Authorization", "content-type;host", "host;content-type")
    reply = await send(bus, BODY, swapped)
    assert reply.message == "The names in 'SignedHeaders' must be sorted."


@pytest.mark.parametrize("name", ["content-type", "host", "x-amz-date", "x-amz-target"])
async def test_what_decides_must_be_signed(bus: AwsEmulator, name: str) -> None:
    """Each header that PutEvents needs and that is sent but not among the signed ones is named."""
    headers = signed_headers(f"{bus.url}/", BODY)
    names = "content-type;host;x-amz-date;x-amz-target"
    fewer = ";".join(part for part in names.split(";") if part != name)
    reply = await send(bus, BODY, changed(headers, "Authorization", names, fewer))
    assert reply.code == "InvalidSignatureException"
    assert reply.message == f"'{name}' must be a 'SignedHeader' in the AWS Authorization."


async def test_a_signature_is_for_one_service_and_day(bus: AwsEmulator) -> None:
    """The scope must name `events` and the day of the date."""
    other_service = await put(bus, entry(), service="sqs")
    headers = signed_headers(f"{bus.url}/", BODY)
    other_day = await send(
        bus, BODY, changed(headers, "Authorization", headers["X-Amz-Date"][:8], "20200101")
    )
    assert [other_service.code, other_day.code] == ["InvalidSignatureException"] * 2
    assert "correct service: 'events'" in other_service.message
    assert "Date in Credential scope" in other_day.message


async def test_a_region_can_be_demanded() -> None:
    """Any region is believed, unless one is configured."""
    async with AwsEmulator(AwsBusOptions(region="eu-west-1")) as bus:
        right = await put(bus, entry(), region="eu-west-1")
        wrong = await put(bus, entry(), region="us-east-1")
    assert (right.status, wrong.code) == (200, "InvalidSignatureException")


async def test_header_bytes_that_are_no_text_are_an_invalid_signature(bus: AwsEmulator) -> None:
    """A refusal, not a breakdown."""
    reader, writer = await connect(bus)
    headers = {**signed_headers(f"{bus.url}/", BODY), "Content-Length": str(len(BODY)), "Connection": "close"}
    lines = [f"{name}: {value}".encode() for name, value in headers.items()]
    head = b"\r\n".join([b"POST / HTTP/1.1", *lines, b"", b""])
    scoped = head.replace(b"/eu-west-1/", b"/eu-\xff-1/").replace(
        b"x-amz-target,", b"x-amz-\xfe;x-amz-target,"
    )
    writer.write(scoped + BODY)
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"InvalidSignatureException" in answer


@pytest.mark.parametrize(
    ("signing", "method", "path"),
    [
        pytest.param({"target": "AWSEvents.PutRule"}, "POST", "/", id="unknown operation"),
        pytest.param({"target": "AWSEvents.PUT_EVENTS"}, "POST", "/", id="not its name"),
        pytest.param({"target": "PutEvents"}, "POST", "/", id="no service"),
        pytest.param({"content_type": "application/json"}, "POST", "/", id="content type"),
        pytest.param({}, "PUT", "/", id="method"),
        pytest.param({}, "POST", "/events", id="path"),
        pytest.param({}, "POST", "/?a=1", id="query"),
    ],
)
async def test_another_way_in_is_an_unknown_operation(
    bus: AwsEmulator, signing: dict[str, Any], method: str, path: str
) -> None:
    """404, before anyone looks at the signature."""
    reply = await send(bus, BODY, signed_headers(f"{bus.url}/", BODY, **signing), method=method, path=path)
    assert (reply.status, reply.code) == (404, "UnknownOperationException")


async def test_a_compressed_body_is_taken_as_it_is(bus: AwsEmulator) -> None:
    """The signature covers the bytes on the wire, and the API knows no content coding."""
    headers = {**signed_headers(f"{bus.url}/", BODY), "Content-Encoding": "gzip"}
    assert (await send(bus, BODY, headers)).status == 200
    assert len(bus.received) == 1


def test_a_secret_is_not_shown() -> None:
    """Not in the representation of a key, which ends up in logs."""
    assert "wJalr" not in repr(AwsBusOptions())


async def test_describing_needs_a_signature_too(bus: AwsEmulator) -> None:
    """Every operation does."""
    reply = await call(bus, {}, target="AWSEvents.DescribeEventBus", key=AccessKey("AKIDANOTHER"))
    assert reply.code == "UnrecognizedClientException"


async def connect(bus: AwsEmulator) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A bare connection, for what no client library would send."""
    host, port = bus.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))
