"""The configuration of an EventGrid destination: where it leads, and its faults."""

from typing import Any

import msgspec
import pytest

from gateway.secret import Secret
from gateway.sender import Limits
from gateway.senders.huawei.config import (
    HuaweiConfig,
    check,
    iam_endpoint_of,
    limits_of,
    project_id_of,
    url_of,
)
from gateway.senders.huawei.entry import FRAME_BYTES, Extensions
from gateway.units import Size

PROJECT = "0123456789abcdef0123456789abcdef"
CHANNEL = "11111111-2222-3333-4444-555555555555"
ENDPOINT = "https://eg.cn-north-4.myhuaweicloud.com"
CHOSEN = {"endpoint": ENDPOINT, "project_id": PROJECT, "channel_id": CHANNEL}
SECRET = Secret("DummySecretKey000000000000000000000000001")
LOGIN = {"user": "publisher", "password": Secret("pass word"), "domain": "example"}


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own shell must not decide."""
    monkeypatch.delenv("HUAWEICLOUD_SDK_PROJECT_ID", raising=False)
    monkeypatch.delenv("HUAWEICLOUD_SDK_IAM_ENDPOINT", raising=False)


def config(**keys: Any) -> HuaweiConfig:
    return HuaweiConfig(**{**CHOSEN, **keys})


def faults(**keys: Any) -> dict[str, str]:
    return {fault.key: fault.message for fault in check(config(**keys))}


def test_endpoint_project_and_channel_are_all_that_is_needed() -> None:
    """Everything else has a default."""
    assert faults() == {}
    assert str(url_of(config())) == f"{ENDPOINT}/v1/{PROJECT}/channels/{CHANNEL}/events"


def test_keys_have_the_types_of_the_configuration_file() -> None:
    """Texts become enums; an unknown key is refused."""
    read = msgspec.convert({**CHOSEN, "extensions": "drop"}, HuaweiConfig)
    assert read.extensions is Extensions.DROP
    assert config().extensions is Extensions.SEND
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**CHOSEN, "chanel_id": CHANNEL}, HuaweiConfig)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4030", "http://127.0.0.1:4030/"])
def test_an_endpoint_may_be_private(endpoint: str) -> None:
    """A VPC's own domain name, or a server for tests."""
    assert faults(endpoint=endpoint) == {}
    assert str(url_of(config(endpoint=endpoint))).startswith("http://127.0.0.1:4030/v1/")


def test_the_project_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The configured one comes first."""
    monkeypatch.setenv("HUAWEICLOUD_SDK_PROJECT_ID", "fedcba9876543210fedcba9876543210")
    assert faults(project_id="") == {}
    assert project_id_of(config(project_id="")) == "fedcba9876543210fedcba9876543210"
    assert project_id_of(config()) == PROJECT


@pytest.mark.parametrize(
    ("endpoint", "iam_endpoint"),
    [
        (ENDPOINT, "https://iam.cn-north-4.myhuaweicloud.com"),
        ("https://eg.eu-west-101.myhuaweicloud.eu/", "https://iam.eu-west-101.myhuaweicloud.eu"),
        ("https://eg.ap-southeast-3.myhuaweicloud.com", "https://iam.ap-southeast-3.myhuaweicloud.com"),
        ("https://eg.cn-north-4.myhuaweicloud.com.example.com", ""),
        ("https://abc.cn-north-4.myhuaweicloud.com", ""),
        ("http://127.0.0.1:4030", ""),
    ],
)
def test_tokens_come_from_iam_of_the_same_region(endpoint: str, iam_endpoint: str) -> None:
    """Where the endpoint is a region's own: a password goes nowhere by guess."""
    assert iam_endpoint_of(config(endpoint=endpoint)) == iam_endpoint
    assert list(faults(endpoint=endpoint, **LOGIN)) == ([] if iam_endpoint else ["iam_endpoint"])


def test_iam_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the configuration, or in the SDK's variable."""
    monkeypatch.setenv("HUAWEICLOUD_SDK_IAM_ENDPOINT", "https://iam.example.com")
    assert iam_endpoint_of(config()) == "https://iam.example.com"
    assert iam_endpoint_of(config(iam_endpoint="http://127.0.0.1:4031")) == "http://127.0.0.1:4031"


def test_limits_default_to_the_buss_highest_with_some_slack() -> None:
    """20 events; a kibibyte of a request stays free; an event counts a comma beside its 64 KiB."""
    assert limits_of(config()) == Limits(20, 261_120, 65_537)
    assert limits_of(config()).max_bytes + FRAME_BYTES < 262_144


def test_an_event_fits_into_a_request() -> None:
    """Whatever is configured for one."""
    assert limits_of(config(max_request_bytes=Size(32 << 10))) == Limits(20, 31_744, 31_744)
    assert limits_of(config(max_event_bytes=Size(1000), max_request_events=5)) == Limits(5, 261_120, 1001)


@pytest.mark.parametrize(
    "keys",
    [
        {"access_key": "DUMMYACCESSKEY000001", "secret_key": SECRET},
        {"access_key": "DUMMYACCESSKEY000001", "secret_key": SECRET, "security_token": Secret("t/+==")},
        {"token": Secret("MIIF")},
        LOGIN,
        {**LOGIN, "iam_endpoint": "http://127.0.0.1:4031"},
        {"iam_endpoint": "http://127.0.0.1:4031"},
    ],
)
def test_there_are_four_ways_of_authentication(keys: dict[str, Any]) -> None:
    """An access key, a token, a login, or the vendor's chain."""
    assert faults(**keys) == {}


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"endpoint": ""}, "endpoint"),
        ({"endpoint": "127.0.0.1:4030"}, "endpoint"),
        ({"endpoint": "ftp://127.0.0.1"}, "endpoint"),
        ({"endpoint": "https://host/v1"}, "endpoint"),
        ({"endpoint": "https://user@host"}, "endpoint"),
        ({"endpoint": "https://host:99999"}, "endpoint"),
        ({"endpoint": "nonsense", **LOGIN}, "endpoint"),
        ({"iam_endpoint": "iam.example.com"}, "iam_endpoint"),
        ({"project_id": ""}, "project_id"),
        ({"project_id": "a/b"}, "project_id"),
        ({"project_id": "x" * 65}, "project_id"),
        ({"channel_id": ""}, "channel_id"),
        ({"channel_id": "../events"}, "channel_id"),
        ({"access_key": "DUMMYACCESSKEY000001"}, "secret_key"),
        ({"secret_key": SECRET}, "access_key"),
        ({"security_token": Secret("token")}, "security_token"),
        ({"access_key": "DUMMY KEY", "secret_key": SECRET}, "access_key"),
        ({"access_key": "DUMMYACCESSKEY000001", "secret_key": Secret("key\n")}, "secret_key"),
        ({"token": Secret("a\r\nb")}, "token"),
        (
            {
                "access_key": "DUMMYACCESSKEY000001",
                "secret_key": SECRET,
                "security_token": Secret("é"),
            },
            "security_token",
        ),
        ({"access_key": "DUMMYACCESSKEY000001", "secret_key": SECRET, "token": Secret("MIIF")}, "token"),
        ({"access_key": "DUMMYACCESSKEY000001", "secret_key": SECRET, **LOGIN}, "user"),
        ({"token": Secret("MIIF"), **LOGIN}, "user"),
        ({**LOGIN, "user": ""}, "user"),
        ({**LOGIN, "password": Secret("")}, "password"),
        ({**LOGIN, "domain": ""}, "domain"),
        ({**LOGIN, "endpoint": "http://127.0.0.1:4030"}, "iam_endpoint"),
        ({"max_request_events": 0}, "max_request_events"),
        ({"max_request_events": 21}, "max_request_events"),
        ({"max_request_bytes": Size(2047)}, "max_request_bytes"),
        ({"max_request_bytes": Size((256 << 10) + 1)}, "max_request_bytes"),
        ({"max_event_bytes": Size(0)}, "max_event_bytes"),
        ({"max_event_bytes": Size((64 << 10) + 1)}, "max_event_bytes"),
    ],
)
def test_each_fault_names_its_key(keys: dict[str, Any], fault: str) -> None:
    """And nothing else is faulted for it."""
    assert list(faults(**keys)) == [fault]


def test_all_faults_are_found_in_one_run() -> None:
    """An operator mends them together."""
    wrong = {"endpoint": "", "project_id": "", "channel_id": "", "access_key": "x", "token": Secret("y")}
    assert set(faults(**wrong, max_request_events=99)) == {
        "endpoint",
        "project_id",
        "channel_id",
        "secret_key",
        "token",
        "max_request_events",
    }


def test_no_fault_shows_a_secret() -> None:
    """Messages end on screens and in logs."""
    text = str(faults(access_key="A B", secret_key=Secret("hush hush"), security_token=Secret("ps st")))
    assert "hush" not in text
    assert "ps st" not in text
