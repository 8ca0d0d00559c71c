"""Ignoring `Upgrade`: how a body is read that llhttp has already given to another protocol."""

from typing import Protocol


class ParserCallbacks(Protocol):
    """What httptools calls while it parses requests."""

    def on_message_begin(self) -> None:
        """The first byte of a request."""

    def on_url(self, piece: bytes) -> None:
        """A piece of the target."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header line."""

    def on_headers_complete(self) -> None:
        """The end of a head."""

    def on_body(self, piece: bytes) -> None:
        """A piece of the body, free of chunked coding."""

    def on_message_complete(self) -> None:
        """The end of a request."""


class HeadSeen:
    """A parser's callbacks for a request whose head is known already: the head it is told is skipped."""

    def __init__(self, connection: ParserCallbacks) -> None:
        self._connection = connection
        self._is_known = True
        self.on_body = connection.on_body
        self.on_message_complete = connection.on_message_complete

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        if not self._is_known:
            self._connection.on_message_begin()

    def on_url(self, piece: bytes) -> None:
        """A piece of the target."""
        if not self._is_known:
            self._connection.on_url(piece)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header line."""
        if not self._is_known:
            self._connection.on_header(name, value)

    def on_headers_complete(self) -> None:
        """The end of a head; the first is the one it was told."""
        if not self._is_known:
            self._connection.on_headers_complete()
        self._is_known = False
