"""By which names this machine is asked over loopback. Pure.

A page from elsewhere can have its own name stand for 127.0.0.1 once it is loaded (DNS rebinding): its browser
then lets it read what answers there, as if it were its own. But that browser sends the page's name as `Host`.
"""

import re
from ipaddress import ip_address

_HOST = re.compile(r"(?:\[(?P<ipv6>[^\[\]]*)\]|(?P<name>[^:\[\]]*))(?::[0-9]*)?")
"""Of a `Host` field (RFC 9112 3.2, RFC 3986 3.2.2)."""


def names_this_machine(host: str) -> bool:
    """Whether no page from elsewhere sends that `Host`: an address, `localhost`, a name below it, or none.

    Addresses are looked up nowhere, those names never beyond this machine (RFC 6761 6.3); the port is free.
    """
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    if (address := found["ipv6"]) is not None:
        return _is_address(address)
    name = found["name"].lower().removesuffix(".")
    return not host or _is_localhost(name) or _is_address(name)


def _is_localhost(name: str) -> bool:
    return name == "localhost" or (name.endswith(".localhost") and not name.startswith("."))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
