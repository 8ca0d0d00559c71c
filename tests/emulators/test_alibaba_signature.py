"""Whose requests the emulated bus believes: the `acs` signature as the vendor's SDKs make it."""

import json
import time
from datetime import datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any

import msgspec
import pytest
from multidict import CIMultiDict

from gateway.emulators.acs_signature import AccessKey, SignatureVerifier
from gateway.emulators.alibaba import AlibabaBusOptions, AlibabaEmulator
from gateway.emulators.alibaba_error import AlibabaError
from gateway.emulators.bus import Request
from tests.emulators.alibaba_client import PATH, event, put, put_body, send, signature, signed_headers
from tests.emulators.wire import exchange_bytes

VECTORS: list[dict[str, Any]] = json.loads(
    Path(__file__, "../../vectors/alibaba.json").resolve().read_text(encoding="utf-8")
)
TEMPORARY = AccessKey("STS.dummyaccesskeyid", "dummyAccessKeySecret0000000002", "CAISdummySecurityToken/+==")
BODY = json.dumps([event()]).encode()


def emulator(vector: dict[str, Any]) -> AlibabaEmulator:
    """A bus that knows the vector's credentials, at the time it was signed."""
    options = AlibabaBusOptions(
        access_keys=(AccessKey(**vector["credentials"]),), buses=None, is_time_required=False
    )
    signed_at = datetime.fromisoformat(vector["time"]).timestamp()
    return AlibabaEmulator(options, clock=lambda: signed_at)


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
async def test_a_request_signed_by_the_vendors_sdk_is_believed(vector: dict[str, Any]) -> None:
    """Every recorded request is taken at the time it was signed."""
    async with emulator(vector) as bus:
        reply = await send(bus, vector["body"].encode(), vector["headers"])
        assert reply.status == 200, reply.body
        assert [received.members for received in bus.received] == json.loads(vector["body"])


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
async def test_a_changed_signature_is_not_believed(vector: dict[str, Any]) -> None:
    """One other character, and nothing is received."""
    headers = {**vector["headers"]}
    start, _, old = headers["authorization"].rpartition(":")
    headers["authorization"] = f"{start}:{'A' if old[0] != 'A' else 'B'}{old[1:]}"
    async with emulator(vector) as bus:
        reply = await send(bus, vector["body"].encode(), headers)
        assert bus.received == []
    assert (reply.status, reply.code) == (403, "SignatureDoesNotMatch")


async def test_a_digest_of_the_body_must_be_right(alibaba: AlibabaEmulator) -> None:
    """With Content-MD5 the body is covered; without it, anyone may change it."""
    covered = await send(alibaba, BODY + b" ", signed_headers(BODY))
    open_ = await send(alibaba, BODY + b" ", signed_headers(BODY, is_body_signed=False))
    assert (covered.status, covered.code) == (403, "SignatureDoesNotMatch")
    assert "Content-MD5" in covered.message
    assert open_.status == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
        ("content-type", "application/cloudevents-batch+json"),
        ("date", formatdate(time.time() - 60, usegmt=True)),
        ("x-acs-signature-nonce", "another"),
        ("x-acs-more", "sent but not signed"),
    ],
)
async def test_what_is_signed_may_not_change(alibaba: AlibabaEmulator, name: str, value: str) -> None:
    """Method, digest, content type, date, and every header that begins with x-acs."""
    reply = await send(alibaba, BODY, {**signed_headers(BODY), name: value})
    assert (reply.status, reply.code) == (403, "SignatureDoesNotMatch")
    assert "The string to sign is [POST\n" in reply.message


async def test_what_is_not_signed_may_change(alibaba: AlibabaEmulator) -> None:
    """The version and other headers take no part."""
    headers = {**signed_headers(BODY), "x-eventbridge-version": "2020-04-01", "accept": "application/json"}
    assert (await send(alibaba, BODY, headers)).status == 200


async def test_a_nonce_is_good_for_one_request(alibaba: AlibabaEmulator) -> None:
    """The same request again is refused, with a message that speaks of it."""
    headers = signed_headers(BODY)
    first, again = await send(alibaba, BODY, headers), await send(alibaba, BODY, headers)
    assert (first.status, again.status, again.code) == (200, 403, "SignatureDoesNotMatch")
    assert "was used already" in again.message
    assert len(alibaba.received) == 1


async def test_a_request_that_was_not_believed_spends_no_nonce(alibaba: AlibabaEmulator) -> None:
    """Otherwise strangers could use up a client's."""
    headers = signed_headers(BODY)
    await send(alibaba, BODY, {**headers, "authorization": "acs:LTAIdummyaccesskeyid0001:wrong"})
    assert (await send(alibaba, BODY, headers)).status == 200


def test_nonces_are_bounded() -> None:
    """Memory is: the oldest may be used again once so many others have been."""
    verifier = SignatureVerifier([AccessKey()], max_nonces=2)
    requests = [Request("POST", PATH, "", CIMultiDict(signed_headers(BODY)), BODY, 0.0) for _ in range(3)]
    for request in requests:
        verifier.verify(request, time.time())
    with pytest.raises(AlibabaError, match="used already"):
        verifier.verify(requests[1], time.time())
    verifier.verify(requests[0], time.time())


@pytest.mark.parametrize(("skew_seconds", "status"), [(-898, 200), (898, 200), (-902, 403), (902, 403)])
async def test_a_clock_may_be_wrong_by_fifteen_minutes(skew_seconds: float, status: int) -> None:
    """Beyond them the refusal speaks of the date."""
    async with AlibabaEmulator(clock=lambda: time.time() + skew_seconds) as bus:
        reply = await put(bus, event())
    assert reply.status == status
    assert status == 200 or "is too far from" in reply.message


@pytest.mark.parametrize("date", [None, "2026-03-04T05:06:07Z", "4 Mar 2026 05:06:07 +0000", "nonsense"])
async def test_a_date_has_the_form_of_rfc_1123(alibaba: AlibabaEmulator, date: str | None) -> None:
    """And nothing else is read, though it is signed."""
    reply = await put_body(alibaba, BODY, date=date)
    assert (reply.status, reply.code) == (403, "SignatureDoesNotMatch")
    assert "RFC 1123" in reply.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x_acs_signature_method", "HMAC-SHA256"),
        ("x_acs_signature_method", None),
        ("x_acs_signature_version", "2.0"),
        ("x_acs_signature_nonce", None),
    ],
)
async def test_the_headers_of_the_signature_are_needed(
    alibaba: AlibabaEmulator, name: str, value: str | None
) -> None:
    """Each is named if it is missing or wrong."""
    reply = await put_body(alibaba, BODY, **{name: value})
    assert (reply.status, reply.code) == (403, "SignatureDoesNotMatch")
    assert name.replace("_", "-") in reply.message


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "acs LTAIdummyaccesskeyid0001:{signature}",
        "ACS:LTAIdummyaccesskeyid0001:{signature}",
        "acs:LTAIdummyaccesskeyid0001",
        "acs::{signature}",
        "{signature}",
    ],
)
async def test_another_form_of_authorization_is_refused(
    alibaba: AlibabaEmulator, authorization: str | None
) -> None:
    """The one with a space too, which the vendor's guide shows and no SDK sends."""
    headers = signed_headers(BODY)
    signed = headers.pop("authorization").rpartition(":")[2]
    if authorization is not None:
        headers["authorization"] = authorization.format(signature=signed)
    reply = await send(alibaba, BODY, headers)
    assert (reply.status, reply.code) == (403, "AccessDenied")


async def test_an_unknown_access_key_is_invalid(alibaba: AlibabaEmulator) -> None:
    """By its id."""
    reply = await put(alibaba, event(), key=AccessKey("LTAIanother"))
    assert (reply.status, reply.code) == (403, "InvalidAccessKeyId")


async def test_a_wrong_secret_does_not_match(alibaba: AlibabaEmulator) -> None:
    """The message shows what was to be signed, to compare."""
    reply = await put(alibaba, event(), key=AccessKey(access_key_secret="wrong"))
    assert (reply.status, reply.code) == (403, "SignatureDoesNotMatch")
    assert reply.message.endswith("\n/openapi/putEvents]")


async def test_a_security_token_must_be_the_one_of_the_key() -> None:
    """Missing, another, one where none belongs, or without naming the key: invalid."""
    keys = (AccessKey(), TEMPORARY)
    strays = [
        AccessKey(TEMPORARY.access_key_id, TEMPORARY.access_key_secret),
        AccessKey(TEMPORARY.access_key_id, TEMPORARY.access_key_secret, "another"),
        AccessKey(security_token="CAISdummySecurityToken/+=="),
    ]
    async with AlibabaEmulator(AlibabaBusOptions(access_keys=keys)) as bus:
        good = await put(bus, event(), key=TEMPORARY)
        replies = [await put(bus, event(), key=stray) for stray in strays]
        replies.append(await put(bus, event(), key=TEMPORARY, x_acs_accesskey_id=None))
    assert good.status == 200
    assert [(reply.status, reply.code) for reply in replies] == [(403, "SecurityTokenInvalid")] * 4


async def test_a_temporary_key_expires() -> None:
    """To the moment; a permanent one still works then."""
    ends_at = now = time.time()
    key = msgspec.structs.replace(TEMPORARY, expires_at=ends_at)
    options = AlibabaBusOptions(access_keys=(AccessKey(), key))
    async with AlibabaEmulator(options, clock=lambda: now) as bus:
        now = ends_at - 0.001
        good = await put(bus, event(), key=key)
        now = ends_at
        expired = await put(bus, event(), key=key)
        permanent = await put(bus, event())
    assert (expired.status, expired.code) == (403, "StsAccessIdExpired")
    assert (good.status, permanent.status) == (200, 200)


async def test_header_bytes_that_are_no_text_are_a_refusal(alibaba: AlibabaEmulator) -> None:
    """Not a breakdown."""
    replaced = (b"x-acs-signature-nonce: ", b"x-acs-signature-nonce: \xff")
    answer = await exchange_bytes(alibaba.url, PATH, signed_headers(BODY), BODY, replaced=replaced)
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"SignatureDoesNotMatch" in answer


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/openapi/putEvents"),
        ("POST", "/"),
        ("POST", "/openapi/putEvents?a=1"),
        ("POST", "/putEvents"),
    ],
)
async def test_another_way_in_is_not_found(alibaba: AlibabaEmulator, method: str, path: str) -> None:
    """404, before anyone looks at the signature."""
    reply = await send(alibaba, BODY, {}, method=method, path=path)
    assert reply.status == 404
    assert "Expected POST /openapi/putEvents" in reply.message


def test_a_secret_is_not_shown() -> None:
    """Not in the representation of a key, which ends up in logs."""
    assert "dummyAccessKeySecret" not in repr(AlibabaBusOptions())


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_the_client_of_these_tests_signs_as_the_sdk_does(vector: dict[str, Any]) -> None:
    """Otherwise these tests would only show that two mistakes agree."""
    headers = {name.lower(): value for name, value in vector["headers"].items()}
    expected = headers["authorization"].rpartition(":")[2]
    assert signature(headers, AccessKey(**vector["credentials"])) == expected
