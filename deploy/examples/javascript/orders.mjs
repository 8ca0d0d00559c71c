// An order service that tells of its orders with CloudEvents, posted to the gateway beside it.
//
//     node orders.mjs 1001 1002
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { CloudEvent, HTTP } from "cloudevents";

const GATEWAY_URL = process.env.GATEWAY_URL ?? "http://127.0.0.1:8080";
const GATEWAY_TOKEN = process.env.GATEWAY_TOKEN; // where the gateway asks for one
const AUTHORIZATION = GATEWAY_TOKEN ? { Authorization: `Bearer ${GATEWAY_TOKEN}` } : {};
const TIMEOUT_MS = 10_000; // longer than the longest `Prefer: wait`
const ACCEPTED = [200, 202];
const [NO_ANSWER, TOO_SLOW, NO_ROOM] = [0, 408, 503]; // worth another attempt; nothing else is
const BACKOFFS_MS = [100, 400, 1_600, 6_400];
const MAX_DELAY_MS = 60_000; // the most that the gateway asks for; a proxy may ask for more

/** Tells of an order. The id is made of it, so that it is the same again after a crash of ours. */
function happened(what, order) {
  return new CloudEvent({
    id: `${order}-${what}`,
    source: "/example/orders",
    type: `com.example.order.${what}`,
    subject: order,
    time: new Date().toISOString(),
    datacontenttype: "application/json",
    data: { order },
  });
}

/** Whether the gateway has it. If not it is still ours: keep it with the order, and post it later. */
async function post(event, headers) {
  const message = HTTP.structured(event); // once: what is posted again is the same, to the byte
  let answer;
  for (const backoff of [...BACKOFFS_MS, undefined]) {
    answer = await attempt(message.body, { ...message.headers, ...AUTHORIZATION, ...headers });
    if (ACCEPTED.includes(answer.status)) {
      console.error(`INFO ${event.id}: ${answer.status} ${answer.text}`);
      return true;
    }
    if (backoff === undefined || ![NO_ANSWER, TOO_SLOW, NO_ROOM].includes(answer.status)) break;
    const delay = Math.min(millisecondsOf(answer.retryAfter ?? "", backoff), MAX_DELAY_MS);
    console.error(`WARNING ${event.id}: ${answer.status}, again in ${(delay / 1000).toFixed(1)} s`);
    await sleep(delay * (1 + Math.random() / 5)); // so that not all come at once
  }
  // 4xx is a bug of ours. After 502 the gateway has it in its dead letters: it is not posted again.
  console.error(`ERROR ${event.id}: ${answer.status}, given up: ${answer.text}`);
  return false;
}

/** Posts once. fetch keeps connections alive by itself, if each answer is read to its end. */
async function attempt(body, headers) {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answer = await fetch(`${GATEWAY_URL}/events`, { method: "POST", body, headers, signal });
    return { status: answer.status, text: await answer.text(), retryAfter: answer.headers.get("Retry-After") };
  } catch (error) {
    return { status: NO_ANSWER, text: String(error.cause ?? error), retryAfter: null };
  }
}

/** What a Retry-After asks for, a number or (a proxy's) a date; the backoff where it asks for nothing. */
function millisecondsOf(retryAfter, backoff) {
  if (/^\d+$/.test(retryAfter)) return retryAfter * 1000;
  const delay = retryAfter.endsWith("GMT") ? Date.parse(retryAfter) - Date.now() : NaN;
  return delay > 0 ? delay : backoff;
}

let isPosted = true;
for (const order of process.argv.slice(2)) {
  // A tracing library has this from the request that is served, and sends it by itself.
  const traceparent = `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-01`;
  isPosted = (await post(happened("created", order), { traceparent })) && isPosted;
  // The goods leave when this is at the bus: 200 says that it is, 202 that it is held and will be.
  isPosted = (await post(happened("paid", order), { traceparent, Prefer: "wait=5" })) && isPosted;
}
process.exitCode = isPosted ? 0 : 1;
