"""The configuration of an EventBridge destination: where it leads, and its faults."""

from typing import Any

import msgspec
import pytest

from gateway.secret import Secret
from gateway.sender import Limits
from gateway.senders.aws.config import AwsConfig, check, endpoint_of, limits_of, region_of
from gateway.senders.aws.entry import Detail
from gateway.units import Size

ARN = "arn:aws:events:eu-west-1:123456789012:event-bus/orders"
SECRET = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")


@pytest.fixture(autouse=True)
def no_region_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own shell must not decide."""
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)


def faults(**keys: Any) -> dict[str, str]:
    return {fault.key: fault.message for fault in check(AwsConfig(**{"region": "eu-west-1", **keys}))}


def test_a_region_is_all_that_is_needed() -> None:
    """Everything else has a default."""
    assert faults() == {}


def test_keys_have_the_types_of_the_configuration_file() -> None:
    """Texts become enums; the defaults are those of the documentation."""
    config = msgspec.convert({"region": "eu-west-1", "detail": "data", "resources": [ARN]}, AwsConfig)
    assert (config.detail, config.resources, config.event_bus) == (Detail.DATA, (ARN,), "default")
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"regoin": "eu-west-1"}, AwsConfig)


def test_the_configured_region_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the ARN's, then AWS_REGION, then AWS_DEFAULT_REGION."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-2")
    assert region_of(AwsConfig()) == "us-east-2"
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert region_of(AwsConfig()) == "us-east-1"
    assert region_of(AwsConfig(event_bus=ARN)) == "eu-west-1"
    assert region_of(AwsConfig(event_bus=ARN, region="eu-west-2")) == "eu-west-2"


@pytest.mark.parametrize(
    ("keys", "host"),
    [
        pytest.param({}, "events.eu-west-1.amazonaws.com", id="partition aws"),
        pytest.param(
            {"region": "cn-north-1"}, "events.cn-north-1.amazonaws.com.cn", id="partition aws-cn: Beijing"
        ),
        pytest.param(
            {"region": "cn-northwest-1"},
            "events.cn-northwest-1.amazonaws.com.cn",
            id="partition aws-cn: Ningxia",
        ),
        pytest.param(
            {"region": "us-gov-west-1"}, "events.us-gov-west-1.amazonaws.com", id="partition aws-us-gov: West"
        ),
        pytest.param(
            {"region": "us-gov-east-1"}, "events.us-gov-east-1.amazonaws.com", id="partition aws-us-gov: East"
        ),
        pytest.param(
            {"region": "eusc-de-east-1"}, "events.eusc-de-east-1.amazonaws.eu", id="partition aws-eusc"
        ),
        pytest.param(
            {"endpoint": "https://events.eu-west-1.api.aws"}, "events.eu-west-1.api.aws", id="dual stack"
        ),
        pytest.param(
            {"region": "us-east-1", "endpoint": "https://events-fips.us-east-1.amazonaws.com"},
            "events-fips.us-east-1.amazonaws.com",
            id="FIPS",
        ),
        pytest.param(
            {"endpoint_id": "abcde.veo"}, "abcde.veo.endpoint.events.amazonaws.com", id="global endpoint"
        ),
        pytest.param(
            {"endpoint_id": "abcde.veo", "region": "cn-north-1"},
            "abcde.veo.endpoint.events.amazonaws.com.cn",
            id="global endpoint, partition aws-cn",
        ),
    ],
)
def test_each_kind_of_endpoint_has_its_host(keys: dict[str, Any], host: str) -> None:
    """As the SDKs' rule set has it; dual stack and FIPS are chosen by naming their host."""
    assert str(endpoint_of(AwsConfig(**{"region": "eu-west-1", **keys}))) == f"https://{host}/"
    assert faults(**keys) == {}


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4010", "http://127.0.0.1:4010/"])
@pytest.mark.parametrize("endpoint_id", ["", "abcde.veo"])
def test_a_configured_endpoint_replaces_the_regions_and_the_global_one(
    endpoint: str, endpoint_id: str
) -> None:
    """Requests go to its root."""
    keys: dict[str, Any] = {"endpoint": endpoint, "endpoint_id": endpoint_id}
    assert faults(**keys) == {}
    assert str(endpoint_of(AwsConfig(region="eu-west-1", **keys))) == "http://127.0.0.1:4010/"


def test_limits_default_to_what_every_region_takes() -> None:
    """256 KiB, all of it for one event if need be."""
    assert limits_of(AwsConfig()) == Limits(10, 262_144, 262_144)


def test_an_event_never_uses_the_last_kibibyte_of_a_mebibyte() -> None:
    """For its envelope would not be delivered."""
    assert limits_of(AwsConfig(max_request_bytes=Size(1 << 20))) == Limits(10, 1 << 20, (1 << 20) - 1024)


@pytest.mark.parametrize("event_bus", ["orders", "my.bus_1-A", "default", ARN])
def test_a_bus_is_a_name_or_an_arn(event_bus: str) -> None:
    """Of the classic API."""
    assert faults(event_bus=event_bus) == {}


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"region": ""}, "region"),
        ({"region": "Ireland"}, "region"),
        ({"region": "eu-west-1.example.com/"}, "region"),
        ({"event_bus": ""}, "event_bus"),
        ({"event_bus": "my bus"}, "event_bus"),
        ({"event_bus": "x" * 1601}, "event_bus"),
        ({"event_bus": "arn:aws:events:eu-west-1:123456789012:rule/orders"}, "event_bus"),
        ({"event_bus": "arn:aws:events:eu-west-1:123456789012:event-busv2/o/" + "a" * 25}, "event_bus"),
        ({"endpoint_id": "abcde"}, "endpoint_id"),
        ({"endpoint_id": "abcde.veo.endpoint"}, "endpoint_id"),
        ({"endpoint_id": "-abcde.veo"}, "endpoint_id"),
        ({"endpoint_id": "abcde.veo-"}, "endpoint_id"),
        ({"endpoint_id": "abc_de.veo"}, "endpoint_id"),
        ({"endpoint_id": "abcde.veo/"}, "endpoint_id"),
        ({"endpoint_id": "a" * 47 + ".veo"}, "endpoint_id"),
        (
            {"endpoint_id": "abcde.veo", "endpoint": "https://events-fips.us-east-1.amazonaws.com"},
            "endpoint_id",
        ),
        ({"endpoint": "127.0.0.1:4010"}, "endpoint"),
        ({"endpoint": "ftp://127.0.0.1"}, "endpoint"),
        ({"endpoint": "https://host/path"}, "endpoint"),
        ({"endpoint": "https://user@host"}, "endpoint"),
        ({"endpoint": "https://host:99999"}, "endpoint"),
        ({"resources": (ARN, "orders")}, "resources[1]"),
        ({"resources": ("arn:" + "x" * 2045,)}, "resources[0]"),
        ({"access_key_id": "AKIDEXAMPLE"}, "secret_access_key"),
        ({"secret_access_key": SECRET}, "access_key_id"),
        ({"session_token": Secret("token")}, "session_token"),
        ({"access_key_id": "AKID EXAMPLE", "secret_access_key": SECRET}, "access_key_id"),
        ({"access_key_id": "AKIDEXAMPLE", "secret_access_key": Secret("key\n")}, "secret_access_key"),
        (
            {"access_key_id": "AKIDEXAMPLE", "secret_access_key": SECRET, "session_token": Secret("a\r\nb")},
            "session_token",
        ),
        ({"max_request_events": 0}, "max_request_events"),
        ({"max_request_events": 11}, "max_request_events"),
        ({"max_request_bytes": Size(0)}, "max_request_bytes"),
        ({"max_request_bytes": Size((1 << 20) + 1)}, "max_request_bytes"),
        ({"max_event_bytes": Size(0)}, "max_event_bytes"),
        ({"max_event_bytes": Size(262_145)}, "max_event_bytes"),
        ({"max_request_bytes": Size(1 << 20), "max_event_bytes": Size(1 << 20)}, "max_event_bytes"),
    ],
)
def test_each_fault_names_its_key(keys: dict[str, Any], fault: str) -> None:
    """And nothing else is faulted for it."""
    assert list(faults(**keys)) == [fault]


def test_all_faults_are_found_in_one_run() -> None:
    """An operator mends them together."""
    assert set(faults(region="x", event_bus="", max_request_events=99)) == {
        "region",
        "event_bus",
        "max_request_events",
    }


def test_the_longest_id_of_a_global_endpoint_is_taken() -> None:
    """Fifty characters; one more is a fault."""
    assert faults(endpoint_id="a" * 46 + ".veo") == {}


def test_fips_and_global_endpoints_exclude_each_other() -> None:
    """The SDKs refuse the pair too, and so would the endpoint."""
    found = faults(endpoint_id="abcde.veo", endpoint="https://events-fips.us-east-1.amazonaws.com")
    assert found == {"endpoint_id": "cannot be combined with a FIPS endpoint"}


def test_a_global_endpoint_needs_a_region_all_the_same() -> None:
    """It names the partition, as it does for the SDKs."""
    assert list(faults(endpoint_id="abcde.veo", region="")) == ["region"]


def test_no_fault_shows_a_secret() -> None:
    """Messages end on screens and in logs."""
    text = str(
        faults(access_key_id="A B", secret_access_key=Secret("hush hush"), session_token=Secret("ps st"))
    )
    assert "hush" not in text
    assert "ps st" not in text
