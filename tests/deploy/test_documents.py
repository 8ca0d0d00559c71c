"""What no tool here can carry out: Compose's file and the clouds' policies are at least what they say."""

from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from gateway.config import load
from gateway.emulators.aws import AwsBusOptions
from gateway.sender import SenderPlugin

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = DEPLOY / "compose" / "compose.yaml"
PLUGINS: dict[str, SenderPlugin] = {
    found.name: found.load() for found in entry_points(group="gateway.senders")
}
RIGHTS = {
    "aws": ["events:PutEvents", "events:DescribeEventBus"],
    "alibaba": ["eventbridge:PutEvents"],
    "huawei": ["eg:channels:putEvents"],
}


def services() -> dict[str, dict[str, Any]]:
    document: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    return document


@pytest.mark.parametrize(("bus", "rights"), RIGHTS.items())
def test_a_policy_grants_what_its_sender_asks_for_and_nothing_else(bus: str, rights: list[str]) -> None:
    """No wildcard among the actions."""
    (statement,) = orjson.loads((DEPLOY / "policies" / f"{bus}.json").read_bytes())["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", rights)


def test_everything_that_compose_mounts_or_builds_from_is_there() -> None:
    """Paths are relative to its file."""
    for service in services().values():
        for source in (volume.split(":")[0] for volume in service.get("volumes", ())):
            assert not source.startswith(".") or (COMPOSE.parent / source).exists(), source
    build = services()["gateway"]["build"]
    assert (COMPOSE.parent / build["context"] / build["dockerfile"]).is_file()


def test_composes_configuration_is_valid_and_reaches_its_bus() -> None:
    """By the name of the service, with the keys that the emulated bus knows."""
    config = load(COMPOSE.with_name("gateway.toml"), environment={}, plugins=PLUGINS)
    sender: Any = config.destinations["orders"].sender
    *_, listen = services()["bus"]["command"]
    assert sender.endpoint == f"http://bus:{listen.rpartition(':')[2]}"
    assert sender.access_key_id in [key.access_key_id for key in AwsBusOptions().access_keys]
    assert int(services()["gateway"]["stop_grace_period"].removesuffix("s")) > config.shutdown.deadline + 10


def test_compose_runs_the_gateway_as_it_is_meant_to_run() -> None:
    """Read-only, without rights."""
    for name in ("gateway", "bus"):
        service = services()[name]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
