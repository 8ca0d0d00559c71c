"""Where a listener listens, as an operator writes it: "127.0.0.1:8080", "[::1]:8080", "unix:/path".

And who may connect to a Unix socket: "0660".
"""

import re
from ipaddress import AddressValueError, IPv6Address, ip_address
from typing import Self

_UNIX = "unix:"
_MODE = re.compile(r"0?[0-7]{3}")
_TCP = re.compile(r"(?:\[(?P<ipv6>[^\[\]]+)\]|(?P<name>[^\s:/\[\]]+)):(?P<port>[0-9]{1,5})")
_MAX_PORT = 65_535
_MAX_UNIX_PATH_BYTES = 107
"""sockaddr_un.sun_path of Linux holds 108, the last of them zero (unix(7))."""


class ListenAddress(str):
    """A TCP address with its port, or the path of a Unix socket; the text is as it was written.

    An address made by hand is not checked: `parse` does that.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """`text`, checked. Raises ValueError that says what is wrong with it."""
        if text.startswith(_UNIX):
            _check_path(text.removeprefix(_UNIX))
        else:
            _check_tcp(text)
        return cls(text)

    @property
    def path(self) -> str | None:
        """The Unix socket's path; None for TCP."""
        return self.removeprefix(_UNIX) if self.startswith(_UNIX) else None

    @property
    def host(self) -> str:
        """The TCP host without brackets."""
        return self.rpartition(":")[0].removeprefix("[").removesuffix("]")

    @property
    def port(self) -> int:
        """The TCP port; 0 lets the system choose one."""
        return int(self.rpartition(":")[2])

    @property
    def is_ephemeral(self) -> bool:
        """Whether the system chooses the port, so that the same text may stand for several addresses."""
        return self.path is None and self.port == 0

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect: a Unix socket, `localhost`, an address of loopback.

        Any other name is none of that, whatever it may stand for when it is looked up.
        """
        if self.path is not None or self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


class SocketMode(str):
    """A Unix socket's permissions in octal; the text is as it was written."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """`text`, checked. Raises ValueError that says what is wrong with it."""
        if _MODE.fullmatch(text) is None:
            raise ValueError('expected permissions in octal, like "0660"')
        return cls(text)

    @property
    def bits(self) -> int:
        """As chmod(2) takes them."""
        return int(self, 8)


def _check_path(path: str) -> None:
    if not path or "\0" in path:
        raise ValueError('expected a path after "unix:"')
    if len(path.encode()) > _MAX_UNIX_PATH_BYTES:
        raise ValueError(f"a Unix socket's path has at most {_MAX_UNIX_PATH_BYTES} bytes")


def _check_tcp(text: str) -> None:
    if (match := _TCP.fullmatch(text)) is None:
        raise ValueError('expected "host:port", "[::1]:8080" or "unix:/path"')
    if int(match["port"]) > _MAX_PORT:
        raise ValueError(f"a port is at most {_MAX_PORT}")
    if match["ipv6"] is not None:
        _check_ipv6(match["ipv6"])


def _check_ipv6(text: str) -> None:
    try:
        IPv6Address(text)
    except AddressValueError:
        raise ValueError("expected an IPv6 address in the brackets") from None
