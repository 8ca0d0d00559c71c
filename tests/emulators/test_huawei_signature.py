"""Whose requests the emulated bus believes: the AK/SK signature as the vendor's SDK makes it."""

import json
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict

from gateway.emulators.bus import Request
from gateway.emulators.huawei import HuaweiBusOptions, HuaweiEmulator
from gateway.emulators.huawei_error import HuaweiError
from gateway.emulators.sdk_signature import AccessKey, SignatureVerifier
from tests.emulators.huawei_client import PATH, event, put, put_body, send, signature, signed_headers
from tests.emulators.wire import exchange_bytes

VECTORS: list[dict[str, Any]] = json.loads(
    Path(__file__, "../../vectors/huawei.json").resolve().read_text(encoding="utf-8")
)
TEMPORARY = AccessKey("DUMMYACCESSKEY000002", "DummySecretKey2", "gQpjbi1ub3J0aC00DummySecurityToken/+==")
BODY = json.dumps({"events": [event()]}).encode()


def access_key(vector: dict[str, Any]) -> AccessKey:
    names = ("access_key", "secret_key", "security_token")
    return AccessKey(**{name: value for name, value in vector["credentials"].items() if name in names})


def seconds(vector: dict[str, Any]) -> float:
    return datetime.fromisoformat(vector["time"]).timestamp()


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
async def test_a_request_signed_by_the_vendors_sdk_is_believed(vector: dict[str, Any]) -> None:
    """Every recorded request is taken at the time it was signed."""
    options = HuaweiBusOptions(access_keys=(access_key(vector),))
    async with HuaweiEmulator(options, clock=lambda: seconds(vector)) as bus:
        reply = await send(bus, vector["body"].encode(), vector["headers"], path=vector["path"])
        assert reply.status == 200, reply.body
        assert [received.members for received in bus.received] == json.loads(vector["body"])["events"]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
async def test_a_changed_body_is_not_believed(vector: dict[str, Any]) -> None:
    """One more space, and the signature is another's."""
    options = HuaweiBusOptions(access_keys=(access_key(vector),))
    headers = {name: value for name, value in vector["headers"].items() if name != "Content-Length"}
    async with HuaweiEmulator(options, clock=lambda: seconds(vector)) as bus:
        reply = await send(bus, vector["body"].encode() + b" ", headers, path=vector["path"])
        assert bus.received == []
    assert (reply.status, reply.code) == (401, "APIGW.0301")
    assert "verify aksk signature fail" in reply.message


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_the_client_of_these_tests_signs_as_the_sdk_does(vector: dict[str, Any]) -> None:
    """Otherwise these tests would only show that two mistakes agree."""
    headers = {name.lower(): value for name, value in vector["headers"].items()}
    names, _, expected = headers["authorization"].partition("SignedHeaders=")[2].partition(", Signature=")
    body = vector["body"].encode()
    assert signature(vector["path"], headers, names, body, access_key(vector).secret_key) == expected


def changed(headers: Mapping[str, str], old: str, new: str) -> dict[str, str]:
    """The headers with one part of the authorization replaced."""
    assert old in headers["authorization"]
    return {**headers, "authorization": headers["authorization"].replace(old, new)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("SDK-HMAC-SHA256", "V11-HMAC-SHA256", id="another algorithm"),
        pytest.param("Access=", "Credential=", id="no access key"),
        pytest.param("SignedHeaders=", "Headers=", id="no signed headers"),
        pytest.param("Signature=", "Sign=", id="no signature"),
        pytest.param("content-type;host", "host;content-type", id="not sorted"),
        pytest.param("host", "Host", id="not in lower case"),
        pytest.param("host;", "", id="the host is not signed"),
        pytest.param(";x-sdk-date", "", id="the date is not signed"),
        pytest.param("Access=DUMMY", "Access=ANOTHER", id="an unknown access key"),
    ],
)
async def test_another_authorization_is_incorrect(huawei: HuaweiEmulator, old: str, new: str) -> None:
    """401 with the gateway's code, and what is wrong in its message."""
    headers = signed_headers(huawei.url.removeprefix("http://"), BODY)
    reply = await send(huawei, BODY, changed(headers, old, new))
    assert (reply.status, reply.code) == (401, "APIGW.0301")
    assert reply.message.startswith("Incorrect IAM authentication information: ")
    assert huawei.received == []


@pytest.mark.parametrize(
    ("name", "value"), [("content-type", "application/json; charset=utf-8"), ("host", "eg.example")]
)
async def test_what_is_signed_may_not_change(huawei: HuaweiEmulator, name: str, value: str) -> None:
    """Each signed header, the host included; the message shows what was to be signed."""
    headers = signed_headers(huawei.url.removeprefix("http://"), BODY)
    reply = await send(huawei, BODY, {**headers, name: value})
    assert (reply.status, reply.code) == (401, "APIGW.0301")
    assert f"the canonical request is [POST\n{PATH}/\n\n" in reply.message


async def test_what_is_not_signed_may_change(huawei: HuaweiEmulator) -> None:
    """The user agent, unless the client signs it."""
    headers = signed_headers(huawei.url.removeprefix("http://"), BODY)
    assert (await send(huawei, BODY, {**headers, "User-Agent": "another"})).status == 200


async def test_a_wrong_secret_is_incorrect(huawei: HuaweiEmulator) -> None:
    """As every signature that does not match."""
    reply = await put(huawei, event(), key=AccessKey(secret_key="wrong"))
    assert (reply.status, reply.code) == (401, "APIGW.0301")


async def test_a_request_without_credentials_is_incorrect(huawei: HuaweiEmulator) -> None:
    """Neither token nor signature."""
    reply = await send(huawei, BODY, {"Content-Type": "application/json"})
    assert (reply.status, reply.code) == (401, "APIGW.0301")
    assert reply.document["request_id"] == reply.headers["X-Request-Id"]


@pytest.mark.parametrize(("skew_seconds", "status"), [(-898, 200), (898, 200), (-902, 401), (902, 401)])
async def test_a_clock_may_be_wrong_by_fifteen_minutes(skew_seconds: float, status: int) -> None:
    """As the signing guide says."""
    async with HuaweiEmulator(clock=lambda: time.time() + skew_seconds) as bus:
        reply = await put(bus, event())
    assert reply.status == status
    if status != 200:
        assert "15 minutes" in reply.message


@pytest.mark.parametrize("date", ["2026-03-04T05:06:07Z", "20260304", "20261304T050607Z"])
async def test_a_date_has_the_basic_format(huawei: HuaweiEmulator, date: str) -> None:
    """And nothing else is read, though it is signed."""
    reply = await put_body(huawei, BODY, x_sdk_date=date)
    assert reply.status == 401
    assert "YYYYMMDDTHHMMSSZ" in reply.message


async def test_a_security_token_must_be_the_one_of_the_key() -> None:
    """Missing, another, one where none belongs, or not signed: incorrect."""
    strays = [
        AccessKey(TEMPORARY.access_key, TEMPORARY.secret_key),
        AccessKey(TEMPORARY.access_key, TEMPORARY.secret_key, "another"),
        AccessKey(security_token=TEMPORARY.security_token),
    ]
    async with HuaweiEmulator(HuaweiBusOptions(access_keys=(AccessKey(), TEMPORARY))) as bus:
        good = await put(bus, event(), key=TEMPORARY)
        replies = [await put(bus, event(), key=stray) for stray in strays]
        host = bus.url.removeprefix("http://")
        unsigned = changed(signed_headers(host, BODY, key=TEMPORARY), ";x-security-token", "")
        replies.append(await send(bus, BODY, unsigned))
    assert good.status == 200
    assert [(reply.status, reply.code) for reply in replies] == [(401, "APIGW.0301")] * 4


def test_path_and_query_are_signed_in_one_form() -> None:
    """However they are encoded: segments percent-encoded with a slash at the end, parameters sorted."""
    authorization = "SDK-HMAC-SHA256 Access=DUMMYACCESSKEY000001, SignedHeaders=host;x-sdk-date, Signature=0"
    headers = CIMultiDict({"host": "h", "x-sdk-date": "20260304T050607Z", "Authorization": authorization})
    request = Request("POST", "/a%20b/%7Ec", "b=1&a=/", headers, b"", 0.0)
    with pytest.raises(HuaweiError) as caught:
        SignatureVerifier([AccessKey()]).verify(request, 1_772_600_767.0)
    assert "[POST\n/a%20b/~c/\na=%2F&b=1\nhost:h\nx-sdk-date:20260304T050607Z\n\n" in str(caught.value)


async def test_header_bytes_that_are_no_text_are_a_refusal(huawei: HuaweiEmulator) -> None:
    """Not a breakdown."""
    headers = signed_headers(huawei.url.removeprefix("http://"), BODY)
    answer = await exchange_bytes(huawei.url, PATH, headers, BODY, replaced=(b"Access=", b"Access=\xff"))
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"APIGW.0301" in answer


def test_a_secret_is_not_shown() -> None:
    """Neither a key's nor a user's: representations end up in logs."""
    assert "DummySecretKey" not in repr(HuaweiBusOptions())
    assert "examplepassword" not in repr(HuaweiBusOptions())
