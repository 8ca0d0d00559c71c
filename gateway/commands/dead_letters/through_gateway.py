"""Letters sent again through a running gateway, each posted to its destination."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence

import msgspec
from msgspec import Struct
from yarl import URL

from gateway.commands.dead_letters.letter import Letter
from gateway.commands.dead_letters.route import MAX_TRIES, Patience, Refused, Sent, Stuck, Verdict, Verdicts
from gateway.errors import UnavailableError
from gateway.secret import Secret
from gateway.senders.answer import Answer, retry_after_seconds
from gateway.senders.http import HttpClient

REQUEST_SECONDS = 30.0
"""How long one answer may take."""

HEADERS = {
    "Content-Type": "application/cloudevents+json",
    "Prefer": "respond-async",  # RFC 7240: a 202 is enough, and says that this letter need not be kept
}

ACCEPTED = (200, 202)
UNAUTHORIZED = 401
FORBIDDEN = 403
BUSY = 503
USUAL_WAIT_SECONDS = 1.0
"""Where a 503 does not say how long."""


class _Busy(Struct, frozen=True):
    """No room, or draining."""

    wait_seconds: float


class _Problem(Struct):
    """What is read of problem details (RFC 9457)."""

    title: str = ""
    detail: str = ""


_problems = msgspec.json.Decoder(_Problem)


class ThroughGateway:
    """Posts to the gateway at `url`, one event in flight on each of so many connections.

    `token` is the bearer token to show (RFC 6750 2.1); none where it is empty.
    """

    def __init__(self, url: URL, token: Secret, *, connections: int, patience: Patience) -> None:
        self._url = url
        self._token = token
        self._connections = connections
        self._patience = patience
        self._client = HttpClient("gateway-dead-letters")

    async def deliver(self, letters: Sequence[Letter]) -> AsyncGenerator[Verdicts, None]:
        """A group is one event for each connection. A gateway that is full is waited for as it asks."""
        waiting = deque((letter, 1) for letter in letters)
        while waiting:
            group = [waiting.popleft() for _ in range(min(self._connections, len(waiting)))]
            answers = await asyncio.gather(*[self._post(letter) for letter, _ in group])
            settled: list[tuple[Letter, Verdict]] = []
            again: list[tuple[Letter, int]] = []
            wait_seconds = 0.0
            for (letter, tries), answer in zip(group, answers, strict=True):
                if not isinstance(answer, _Busy):
                    settled.append((letter, answer))
                elif tries >= MAX_TRIES:
                    settled.append((letter, Stuck(str(BUSY), f"{tries} times")))
                else:
                    again.append((letter, tries + 1))
                    wait_seconds = max(wait_seconds, answer.wait_seconds)
            yield settled
            waiting.extendleft(reversed(again))
            if again and not await self._patience.wait(wait_seconds):
                return

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _post(self, letter: Letter) -> Verdict | _Busy:
        url = self._url / "events" / letter.content.destination
        shown = {"Authorization": f"Bearer {self._token.reveal()}"} if self._token else {}
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                answer = await self._client.post(url, {**HEADERS, **shown}, bytes(letter.content.event))
        except TimeoutError:
            return Stuck("timeout", f"no answer within {REQUEST_SECONDS:g} s")
        except UnavailableError as error:
            return Stuck(error.code, error.message)
        return judge(answer, now=time.time())


def judge(answer: Answer, *, now: float) -> Verdict | _Busy:
    """What a gateway's answer means; `now` is wall-clock seconds."""
    if answer.status in ACCEPTED:
        return Sent()
    if answer.status == BUSY:
        seconds = retry_after_seconds(answer.headers, now)
        return _Busy(USUAL_WAIT_SECONDS if seconds is None else seconds)
    reason = _reason(answer.body)
    if answer.status == UNAUTHORIZED:
        return Stuck(str(UNAUTHORIZED), f"{reason or 'unauthorized'}; --token-file shows one")
    kind = Stuck if answer.status == FORBIDDEN else Refused
    return kind(str(answer.status), reason)


def _reason(body: bytes) -> str:
    try:
        problem = _problems.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return problem.detail or problem.title
