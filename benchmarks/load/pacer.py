"""Requests at planned times: `python -m benchmarks.load.pacer URL TEMPLATE RATE REQUESTS CONNECTIONS ID`.

Each request has a planned time, RATE of them a second, and is measured from that time to its answer: while
the server stands still, all that were due meanwhile are late, as they would be for independent producers.
(wrk sends a request only when the one before is answered: it would count one of them.) A request goes out
on a connection that awaits nothing; where there is none it waits, and that counts too.

No event loop: its timers keep to milliseconds, and this has a processor to itself. Prints one line of JSON.
"""

import gc
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from select import EPOLLIN, epoll
from socket import IPPROTO_TCP, TCP_NODELAY, create_connection
from time import perf_counter
from urllib.parse import urlsplit

import msgspec

from benchmarks.load.producer import Paced
from benchmarks.load.quantiles import quantile

ID = b"0" * 12
ACCEPTED = b"HTTP/1.1 202 "
HEAD_END = b"\r\n\r\n"
PATIENCE_SECONDS = 10.0
"""Beyond the plan's end: then the server does not answer at all."""


class Connection:
    """One request at a time, answered without a body."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = create_connection(address)
        self._socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self._answer = b""
        self.planned_at = 0.0

    def fileno(self) -> int:
        """For epoll."""
        return self._socket.fileno()

    def send(self, request: bytes, planned_at: float) -> None:
        """Write it whole."""
        self.planned_at = planned_at
        self._socket.sendall(request)

    def read(self) -> bytes:
        """The answer once its head is whole, else nothing. Raises ConnectionError if there will be none."""
        piece = self._socket.recv(65_536)
        if not piece:
            raise ConnectionError("the server closed a connection")
        answer = self._answer + piece
        self._answer = b"" if HEAD_END in answer else answer
        return answer if HEAD_END in answer else b""

    def close(self) -> None:
        """Close it."""
        self._socket.close()


class Plan:
    """When each request is due, and what became of it."""

    def __init__(self, template: bytes, *, rate: float, requests: int, first_id: int) -> None:
        self._pieces = template.split(ID)
        self._gap_seconds = 1 / rate
        self._requests = requests
        self._id = first_id
        self._sent = 0
        self._lags: list[float] = []
        self._latencies: list[float] = []
        self._refused = 0

    def run(self, connections: Sequence[Connection]) -> Paced:
        """Send everything, and wait for every answer."""
        idle = deque(connections)
        with epoll() as poll:
            by_number = {connection.fileno(): connection for connection in connections}
            for number in by_number:
                poll.register(number, EPOLLIN)
            began = perf_counter()
            end = began + self._requests * self._gap_seconds + PATIENCE_SECONDS
            while len(self._latencies) < self._requests:
                self._send_what_is_due(idle, began)
                for number, _ in poll.poll(0):
                    self._read(by_number[number], idle)
                if perf_counter() > end:
                    raise TimeoutError(f"{self._requests - len(self._latencies)} requests are not answered")
        return self._result()

    def _send_what_is_due(self, idle: deque[Connection], began: float) -> None:
        while idle and self._sent < self._requests:
            planned_at, now = began + self._sent * self._gap_seconds, perf_counter()
            if planned_at > now:
                return
            idle.popleft().send(self._next_request(), planned_at)
            self._lags.append(now - planned_at)
            self._sent += 1

    def _next_request(self) -> bytes:
        self._id += 1
        return (b"%012d" % self._id).join(self._pieces)

    def _read(self, connection: Connection, idle: deque[Connection]) -> None:
        if answer := connection.read():
            self._latencies.append(perf_counter() - connection.planned_at)
            self._refused += not answer.startswith(ACCEPTED)
            idle.append(connection)

    def _result(self) -> Paced:
        p50, p99, p999 = (quantile(self._latencies, share) for share in (0.5, 0.99, 0.999))
        accepted = self._requests - self._refused
        return Paced(accepted, self._refused, p50, p99, p999, quantile(self._lags, 0.99))


def main(arguments: Sequence[str]) -> None:
    """Run one plan."""
    url, template, rate, requests, connections, first_id = arguments
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    opened = [Connection((parts.hostname, parts.port)) for _ in range(int(connections))]
    plan = Plan(Path(template).read_bytes(), rate=float(rate), requests=int(requests), first_id=int(first_id))
    gc.disable()  # a pause of ours would be told as one of the server
    result = plan.run(opened)
    for connection in opened:
        connection.close()
    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
