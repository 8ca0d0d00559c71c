"""The configuration of an Alibaba Cloud EventBridge destination: where it leads, and its faults."""

from typing import Any

import msgspec
import pytest

from gateway.secret import Secret
from gateway.sender import Limits
from gateway.senders.alibaba import plugin
from gateway.senders.alibaba.config import AlibabaConfig, check, limits_of, url_of
from gateway.units import Size

ENDPOINT = "https://1234567890123456.eventbridge.cn-hangzhou.aliyuncs.com"
SECRET = Secret("dummyAccessKeySecret0000000001")
KEY = {"access_key_id": "LTAIdummyaccesskeyid0001", "access_key_secret": SECRET}


def config(**keys: Any) -> AlibabaConfig:
    return AlibabaConfig(**{"endpoint": ENDPOINT, "event_bus": "my-bus", **keys})


def faults(**keys: Any) -> dict[str, str]:
    return {fault.key: fault.message for fault in check(config(**keys))}


def test_endpoint_and_bus_are_all_that_is_needed() -> None:
    """Everything else has a default."""
    assert faults() == {}
    assert set(faults(endpoint="", event_bus="")) == {"endpoint", "event_bus"}


def test_unknown_keys_are_refused() -> None:
    """A typing error shall not pass for a setting."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"endpiont": ENDPOINT}, AlibabaConfig)


@pytest.mark.parametrize(
    "endpoint",
    [ENDPOINT, f"{ENDPOINT}/", "http://1.eventbridge.cn-hangzhou-vpc.aliyuncs.com", "http://127.0.0.1:4010"],
)
def test_events_are_posted_to_one_path_of_the_endpoint(endpoint: str) -> None:
    """Endpoints in a VPC have no TLS."""
    assert faults(endpoint=endpoint) == {}
    assert str(url_of(config(endpoint=endpoint))) == endpoint.rstrip("/") + "/openapi/putEvents"


@pytest.mark.parametrize(
    "endpoint",
    [
        "1.eventbridge.cn-hangzhou.aliyuncs.com",
        "ftp://1.eventbridge.cn-hangzhou.aliyuncs.com",
        f"{ENDPOINT}/openapi/putEvents",
        f"{ENDPOINT}?a=b",
        "https://user:secret@host",
        "https://host:99999",
    ],
)
def test_anything_but_an_origin_is_no_endpoint(endpoint: str) -> None:
    """A path, a query or a user would be lost."""
    assert set(faults(endpoint=endpoint)) == {"endpoint"}


@pytest.mark.parametrize("event_bus", ["b", "a-B-9", "x" * 127])
def test_names_of_buses_have_letters_digits_and_hyphens(event_bus: str) -> None:
    """Up to 127 of them."""
    assert faults(event_bus=event_bus) == {}


@pytest.mark.parametrize("event_bus", ["my_bus", "bus.eu", "bücher", "x" * 128, "eventbridge-reserved-1"])
def test_other_names_of_buses_are_faults(event_bus: str) -> None:
    """The service's own are, too."""
    assert set(faults(event_bus=event_bus)) == {"event_bus"}


@pytest.mark.parametrize(
    ("keys", "at_fault"),
    [
        ({**KEY}, set()),
        ({**KEY, "security_token": Secret("CAISdummySecurityToken/+==")}, set()),
        ({"access_key_id": "LTAIdummyaccesskeyid0001"}, {"access_key_secret"}),
        ({"access_key_secret": SECRET}, {"access_key_id"}),
        ({"security_token": Secret("CAISdummy")}, {"security_token"}),
        ({**KEY, "access_key_id": "LTAI:dummy"}, {"access_key_id"}),
        ({**KEY, "access_key_secret": Secret("with space")}, {"access_key_secret"}),
        ({**KEY, "security_token": Secret("line\n")}, {"security_token"}),
    ],
)
def test_credentials_come_together_or_not_at_all(keys: dict[str, Any], at_fault: set[str]) -> None:
    """And hold nothing that a header cannot."""
    assert set(faults(**keys)) == at_fault


def test_no_fault_shows_a_secret() -> None:
    """Faults are printed."""
    shown = str(list(check(config(**{**KEY, "access_key_secret": Secret("with space")}))))
    assert "with space" not in shown


def test_limits_default_to_the_lower_of_the_documented_ones() -> None:
    """The vendor's pages do not agree, and a request too large is refused as a whole."""
    assert limits_of(config()) == Limits(16, 262_144, 65_536)


def test_limits_may_be_raised_to_the_highest_documented_ones() -> None:
    """And no further."""
    highest = {"max_request_bytes": Size(1 << 20), "max_event_bytes": Size(256 << 10)}
    assert faults(**highest) == {}
    assert limits_of(config(**highest)) == Limits(16, 1 << 20, 256 << 10)


@pytest.mark.parametrize(
    ("keys", "at_fault"),
    [
        ({"max_request_events": 0}, "max_request_events"),
        ({"max_request_events": 17}, "max_request_events"),
        ({"max_request_bytes": Size(0), "max_event_bytes": Size(1)}, "max_request_bytes"),
        ({"max_request_bytes": Size((1 << 20) + 1)}, "max_request_bytes"),
        ({"max_event_bytes": Size(0)}, "max_event_bytes"),
        ({"max_request_bytes": Size(1 << 20), "max_event_bytes": Size((256 << 10) + 1)}, "max_event_bytes"),
        ({"max_request_bytes": Size(32 << 10)}, "max_event_bytes"),
    ],
)
def test_limits_beyond_the_bus_are_faults(keys: dict[str, Any], at_fault: str) -> None:
    """So is an event larger than the request that shall carry it."""
    assert at_fault in faults(**keys)


def test_the_plugin_builds_a_sender_that_opens_nothing() -> None:
    """Not even where it has to look for credentials."""
    sender = plugin.create(config())
    assert sender.limits == Limits(16, 262_144, 65_536)
    assert sender.status().endpoint == ENDPOINT
    assert plugin.config_type is AlibabaConfig
