"""An order service that tells of its orders with CloudEvents, posted to the gateway beside it.

python orders.py 1001 1002
"""

import asyncio
import logging
import os
import random
import secrets
import sys
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from aiohttp import ClientError, ClientSession, ClientTimeout
from cloudevents.core.bindings.http import to_structured_event
from cloudevents.core.v1.event import CloudEvent

GATEWAY_URL = os.environ.get("GATEWAY_URL", "http://127.0.0.1:8080")
GATEWAY_TOKEN = os.environ.get("GATEWAY_TOKEN")  # where the gateway asks for one
AUTHORIZATION = {"Authorization": f"Bearer {GATEWAY_TOKEN}"} if GATEWAY_TOKEN else {}
TIMEOUT = ClientTimeout(total=10)  # longer than the longest `Prefer: wait`
ACCEPTED = {200, 202}
NO_ANSWER, TOO_SLOW, NO_ROOM = 0, 408, 503  # worth another attempt; nothing else is
BACKOFFS_SECONDS = (0.1, 0.4, 1.6, 6.4)
MAX_DELAY_SECONDS = 60.0  # the most that the gateway asks for; a proxy may ask for more

log = logging.getLogger("orders")


def happened(what: str, order: str) -> CloudEvent:
    """Tell of an order. The id is made of it, so that it is the same again after a crash of ours."""
    who = {"source": "/example/orders", "id": f"{order}-{what}", "type": f"com.example.order.{what}"}
    about = {"subject": order, "time": datetime.now(UTC), "datacontenttype": "application/json"}
    return CloudEvent({**who, **about}, {"order": order})


async def post(session: ClientSession, event: CloudEvent, **headers: str) -> bool:
    """Whether the gateway has it. If not it is still ours: keep it with the order, and post it later."""
    message = to_structured_event(event)  # once: what is posted again is the same, to the byte
    for backoff in (*BACKOFFS_SECONDS, None):
        status, text, retry_after = await attempt(session, message.body, message.headers | headers)
        if status in ACCEPTED:
            log.info("%s: %d %s", event.get_id(), status, text)
            return True
        if backoff is None or status not in {NO_ANSWER, TOO_SLOW, NO_ROOM}:
            break
        delay = min(seconds_of(retry_after, backoff), MAX_DELAY_SECONDS)
        log.warning("%s: %d, again in %.1f s", event.get_id(), status, delay)
        await asyncio.sleep(delay * random.uniform(1, 1.2))  # noqa: S311 - so that not all come at once
    # 4xx is a bug of ours. After 502 the gateway has it in its dead letters: it is not posted again.
    log.error("%s: %d, given up: %s", event.get_id(), status, text)
    return False


async def attempt(
    session: ClientSession, body: bytes, headers: dict[str, str]
) -> tuple[int, str, str | None]:
    """Post once: the status, the answer's text, and its Retry-After."""
    try:
        async with session.post("/events", data=body, headers=headers) as answer:
            return answer.status, await answer.text(), answer.headers.get("Retry-After")
    except (ClientError, TimeoutError) as error:
        return NO_ANSWER, f"{type(error).__name__}: {error}", None


def seconds_of(retry_after: str | None, backoff: float) -> float:
    """What a Retry-After asks for, a number or (a proxy's) a date; the backoff where it asks for nothing."""
    text = retry_after or ""
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError):
        return backoff
    return seconds if seconds > 0 else backoff


async def main(orders: list[str]) -> bool:
    """Take the orders; whether the gateway has an event of each step."""
    # One for all: connections are kept alive.
    async with ClientSession(GATEWAY_URL, headers=AUTHORIZATION, timeout=TIMEOUT) as session:
        posted = []
        for order in orders:
            # A tracing library has this from the request that is served, and sends it by itself.
            trace = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
            posted.append(await post(session, happened("created", order), traceparent=trace))
            # The goods leave when this is at the bus: 200 says that it is, 202 that it is held and will be.
            posted.append(await post(session, happened("paid", order), traceparent=trace, Prefer="wait=5"))
    return all(posted)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    sys.exit(0 if asyncio.run(main(sys.argv[1:])) else 1)
