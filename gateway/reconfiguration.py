"""A changed configuration taken up by the parts of a gateway that works: all that can change, or nothing."""

from collections.abc import Mapping

from msgspec import Struct

from gateway.admin.server import Admin
from gateway.bearer import BearerTokens
from gateway.config import Config, DestinationConfig
from gateway.config.change import Change, change
from gateway.config.conflicts import conflicts
from gateway.config.tls import server_context
from gateway.errors import ConfigError, ConfigFault
from gateway.logs import set_level
from gateway.pipeline.destination import Destination
from gateway.pipeline.fan_out import FanOut
from gateway.receiver.server import Receiver
from gateway.sender import Sender, SenderPlugin
from gateway.storage import unwritable
from gateway.wiring import access, dead_letters, destination_settings, receiver_limits


class Parts(Struct, frozen=True):
    """What takes it up."""

    plugins: Mapping[str, SenderPlugin]
    destinations: Mapping[str, Destination]
    receiver: Receiver
    intake: FanOut
    admin: Admin | None


def take_up(former: Config, new: Config, parts: Parts) -> Change:
    """Go from `former` to `new` as far as that goes. Raises ConfigError, and then nothing has changed."""
    found = change(former, new)
    config = found.config
    senders = {
        name: _sender_for(each, former.destinations[name], parts)
        for name, each in config.destinations.items()
    }
    asked, tls = config.receiver, server_context(config.receiver.tls)
    refuse_unusable(found)
    # From here on nothing fails.
    parts.receiver.retune(receiver_limits(asked), access(asked), tls)
    for name, each in config.destinations.items():
        before, destination = former.destinations[name], parts.destinations[name]
        if each != before:
            destination.adopt(senders[name], destination_settings(each))
        if each.dead_letters != before.dead_letters:
            destination.bury_in(dead_letters(each.dead_letters, name))
    if parts.admin is not None:
        parts.admin.tokens = BearerTokens(config.admin.tokens)
    parts.intake.drain_seconds = config.shutdown.deadline
    set_level(config.log.level)
    return found


def refuse_unusable(found: Change) -> None:
    """Raises ConfigError where what is new does not go with what stays, as a listener without its tokens.

    Also for directories of dead letters that cannot be used.
    """
    if faults := [ConfigFault(conflict.keys[0], conflict.message) for conflict in conflicts(found.config)]:
        raise ConfigError(faults)
    paths = {
        f"destinations.{name}.dead_letters.path": each.dead_letters.path
        for name, each in found.config.destinations.items()
    }
    if faults := unwritable(paths):
        raise ConfigError(faults)


def _sender_for(config: DestinationConfig, former: DestinationConfig, parts: Parts) -> Sender:
    """The one that there is, if nothing is new for it; a new one opens nothing before it sends."""
    if (former.type, former.sender) == (config.type, config.sender):
        return parts.destinations[config.name].sender
    return parts.plugins[config.type].create(config.sender)
