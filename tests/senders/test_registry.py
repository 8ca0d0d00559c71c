"""The registry of senders."""

from gateway import senders
from gateway.senders.aws.config import AwsConfig
from gateway.senders.file import FileConfig


def test_the_senders_that_come_with_the_gateway_are_found_by_their_type() -> None:
    """The entry points of the package name them."""
    found = {name: senders.find(name) for name in ("aws", "file")}
    assert {name: plugin and plugin.config_type for name, plugin in found.items()} == {
        "aws": AwsConfig,
        "file": FileConfig,
    }


def test_an_unknown_type_has_no_plugin() -> None:
    """None, so that the configuration's fault can name the known ones."""
    assert senders.find("carrier-pigeon") is None


def test_the_known_types_are_listed_in_order() -> None:
    """For the message about an unknown one."""
    assert senders.types() == sorted(senders.types())
    assert {"aws", "file"} <= set(senders.types())
