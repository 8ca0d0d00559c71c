// Sends events with the official JavaScript SDK. Reads {"url", "mode", "events"} from standard input: the mode
// is "binary", "structured" or "batched", the events are in the CloudEvents JSON format. Prints the bodies
// of the answers as a JSON list: the SDK's transport tells nothing else of them.
"use strict";

const { CloudEvent, HTTP, httpTransport } = require("cloudevents");
const { readFileSync } = require("node:fs");

const messages = {
  binary: (events) => events.map(HTTP.binary),
  structured: (events) => events.map(HTTP.structured),
  // The SDK reads batches but has no function that writes one; its events know how they look in one.
  batched: (events) => [
    { headers: { "content-type": "application/cloudevents-batch+json" }, body: JSON.stringify(events) },
  ],
};

function produce({ data_base64: encoded, ...event }) {
  return new CloudEvent(encoded === undefined ? event : { ...event, data: Buffer.from(encoded, "base64") });
}

async function main() {
  const { url, mode, events } = JSON.parse(readFileSync(0, "utf8"));
  const send = httpTransport(url);
  const answers = [];
  for (const message of messages[mode](events.map(produce))) {
    answers.push((await send(message)).body);
  }
  console.log(JSON.stringify(answers));
}

main();
