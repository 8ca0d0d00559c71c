"""The registry of senders."""

from gateway import senders
from gateway.senders.alibaba.config import AlibabaConfig
from gateway.senders.aws.config import AwsConfig
from gateway.senders.file import FileConfig
from gateway.senders.huawei.config import HuaweiConfig


def test_the_senders_that_come_with_the_gateway_are_found_by_their_type() -> None:
    """The entry points of the package name them."""
    found = {name: senders.find(name) for name in ("alibaba", "aws", "file", "huawei")}
    assert {name: plugin and plugin.config_type for name, plugin in found.items()} == {
        "alibaba": AlibabaConfig,
        "aws": AwsConfig,
        "file": FileConfig,
        "huawei": HuaweiConfig,
    }


def test_an_unknown_type_has_no_plugin() -> None:
    """None, so that the configuration's fault can name the known ones."""
    assert senders.find("carrier-pigeon") is None


def test_the_known_types_are_listed_in_order() -> None:
    """For the message about an unknown one."""
    assert senders.types() == sorted(senders.types())
    assert {"aws", "file"} <= set(senders.types())
