"""What the connections of one receiver share: limits, counts, routes, the date, and one another."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from gateway.admission import Intake
from gateway.errors import Reason
from gateway.receiver.access import OPEN, Access
from gateway.receiver.heads import KnownHeads
from gateway.receiver.limits import ReceiverLimits
from gateway.receiver.peers import Peers
from gateway.receiver.responses import PHRASES, ResponseWriter
from gateway.receiver.routes import Routes
from gateway.snapshots import ReceiverStatistics

logger = logging.getLogger(__name__)

JITTER = 0.1
_GOLDEN_RATIO = 0.6180339887


class Connection(Protocol):
    """An open connection, as its receiver sees it."""

    @property
    def has_open_request(self) -> bool:
        """Whether there is a request that has begun to come and is not answered."""

    def write_known(self) -> None:
        """Write the answers that have become known."""

    def check_time(self, now: float) -> None:
        """End what has lasted too long at `now`."""

    def close_idle(self) -> None:
        """End the connection now if no request is under way."""

    def abort(self) -> None:
        """End the connection whatever is under way."""

    def judge(self) -> None:
        """Find out whether its client may post, as access is now."""

    def renew(self) -> None:
        """End with the next answer, as the handshake would not be the same today; there is none on Unix."""


class Service:
    """What all connections of one receiver share."""

    def __init__(
        self,
        intake: Intake,
        limits: ReceiverLimits,
        *,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        access: Access = OPEN,
    ) -> None:
        self.limits = limits
        self.access = access
        self.clock = clock
        self.wall_clock = wall_clock
        self.statistics = ReceiverStatistics(
            requests=dict.fromkeys(PHRASES, 0),
            events_refused=dict.fromkeys((reason.value for reason in Reason), 0),
        )
        self.routes = Routes(intake, limits, self.statistics, wall_clock, access)
        self.heads = KnownHeads(limits)
        self.writer = ResponseWriter(wall_clock())
        self.connections: set[Connection] = set()
        self.peers = Peers()
        self._connections_made = 0
        self._with_known: list[Connection] = []
        """Those that write at the end of this turn of the loop."""
        self.is_draining = False
        """Whether every answer is its connection's last."""
        self.on_connection_ended: Callable[[], None] = _nothing
        """Called when a connection has no open request any more, or is gone."""

    def retune(self, limits: ReceiverLimits, access: Access) -> None:
        """Go by these from now on; connections and known heads are judged anew: access may be withdrawn."""
        self.limits = limits
        self.access = access
        self.routes.retune(limits, access)
        self.heads = KnownHeads(limits)
        for connection in self.connections:
            connection.judge()

    def renew(self) -> None:
        """Let every connection end with its next answer, to be made anew under another TLS."""
        for connection in self.connections:
            connection.renew()

    def join(self, connection: Connection, peer: str | None) -> int:
        """Count one more connection, of that peer; how many times over the limits were taken before."""
        limits, peer_has, present = self.limits, self.peers.join(peer), len(self.connections)
        self.connections.add(connection)
        return max(present // limits.max_connections, peer_has // limits.max_connections_per_peer)

    def leave(self, connection: Connection, peer: str | None) -> None:
        """Count one less; it is gone, or has another in its place."""
        self.connections.remove(connection)
        self.peers.leave(peer)
        self.on_connection_ended()

    def end_of_age(self) -> float:
        """When a connection that is made now is to end.

        Spread without dice: multiples of the golden ratio keep their distance however many there are.
        """
        self._connections_made += 1
        jitter = 2 * JITTER * (self._connections_made * _GOLDEN_RATIO % 1 - 0.5)
        return self.clock() + (1 + jitter) * self.limits.max_connection_age_seconds

    def sweep(self) -> None:
        """Date the answers anew, and end every connection that is out of time."""
        self.writer.tick(self.wall_clock())
        now = self.clock()
        for connection in tuple(self.connections):
            connection.check_time(now)

    def write_soon(self, connection: Connection) -> None:
        """Have it write in the loop's next turn: one call for all connections, one write for each.

        What made its answer known, a bus's batch or a disk's, has more to tell first.
        """
        if not self._with_known:
            asyncio.get_running_loop().call_soon(self._write_known)
        self._with_known.append(connection)

    def _write_known(self) -> None:
        connections, self._with_known = self._with_known, []
        for connection in connections:
            try:
                connection.write_known()
            except Exception:  # the others' answers are not to wait for ever
                logger.exception("a connection failed")
                connection.abort()


def _nothing() -> None:
    pass
