"""The senders, one per bus, and the registry that finds them.

A sender is a `SenderPlugin` under the entry-point group `gateway.senders`; the entry point's name
is the `type` of its destinations. Installed packages may bring more.
"""

from importlib.metadata import EntryPoint, entry_points

from gateway.sender import SenderPlugin

GROUP = "gateway.senders"


def types() -> list[str]:
    """The known types of destination, in alphabetical order; loads none of them."""
    return sorted({entry_point.name for entry_point in entry_points(group=GROUP)})


def find(type_name: str) -> SenderPlugin | None:
    """The plugin that serves destinations of that type, or None; see `types` for what there is.

    Raises TypeError if the entry point names something else than a SenderPlugin, and what its
    module raises when it is imported.
    """
    return next((_load(found) for found in entry_points(group=GROUP, name=type_name)), None)


def plugins() -> dict[str, SenderPlugin]:
    """Every plugin by the type it serves."""
    return {found.name: _load(found) for found in entry_points(group=GROUP)}


def _load(entry_point: EntryPoint) -> SenderPlugin:
    plugin = entry_point.load()
    if not isinstance(plugin, SenderPlugin):
        raise TypeError(f"{entry_point.value} is not a SenderPlugin")
    return plugin
