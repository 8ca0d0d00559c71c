"""Messages over a pair of connected sockets that a worker and its supervisor alone have.

They are pickled: a configuration has the Structs of whatever senders there are, and secrets, which no other
form of ours shows. Nobody else can write to the socket.
"""

import asyncio
import pickle  # nosec B403
import socket
from contextlib import suppress
from typing import Self

from gateway.workers.messages import Message

_LENGTH_BYTES = 4


class Channel:
    """One end. `receive` is for one task; `aclose` is safe twice."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Self:
        """The channel over that end, which it owns from now on."""
        end.setblocking(False)  # noqa: FBT003 - the signature of socket
        return cls(*await asyncio.open_unix_connection(sock=end))

    def send(self, message: Message) -> None:
        """Put it on its way; nothing happens if the other side has gone."""
        if self._writer.is_closing():
            return
        text = pickle.dumps(message)
        self._writer.write(len(text).to_bytes(_LENGTH_BYTES, "big") + text)

    async def receive(self) -> Message | None:
        """The next message; None: the other side has gone."""
        try:
            length = int.from_bytes(await self._reader.readexactly(_LENGTH_BYTES), "big")
            text = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError):
            return None
        message: Message = pickle.loads(text)  # nosec B301 # noqa: S301 - of our own process at the other end alone
        return message

    async def aclose(self) -> None:
        """Hang up when everything sent has left, or nobody reads it any more."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
