// What the gateway calls the health of a destination, in signs and words; and everything that is wrong.

import { count, distance, span } from "./figures.js";

const SIGNS = { up: "●", throttled: "▲", down: "✖", blocked: "■" };

const WORDS = {
  up: "up",
  throttled: "throttled: the bus asks to be sent less",
  down: "down: the bus does not answer as it should",
  blocked: "blocked: somebody must mend something",
};

/** The sign of a health: it says the same as the colour beside it. */
export const sign = (health) => SIGNS[health] ?? "?";

/** A health in a few words. */
export const words = (health) => WORDS[health] ?? health;

/** A buffer that is full so soon is trouble. */
const SOON_SECONDS = 300;

/** Counters that should not rise. */
const RISES = [
  ["dead_lettered", "events dead-lettered"],
  ["expired", "events expired"],
  ["dead_letters_dropped", "dead letters dropped"],
];

/** When a buffer is full, which it may be already. */
export const filling = (seconds) => (seconds === 0 ? "full" : `full in ${span(seconds)}`);

/** Everything that is wrong, the worst first, as texts; `disk` is the history of the storage. */
export function troubles(status, histories, disk) {
  const found = [];
  if (status.unready_because !== null) found.push(`Not ready: ${status.unready_because}`);
  for (const [name, destination] of Object.entries(status.destinations)) {
    found.push(...destinationTroubles(destination, histories.get(name), status).map((text) => `${name}: ${text}`));
  }
  const failures = disk.rise((each) => each.journal_failures);
  if (failures) found.push(`${count(failures)} writes to a journal failed ${lately(disk)}`);
  if (status.last_reload?.successful === false) {
    found.push(`The configuration could not be read again: ${status.last_reload.faults.join("; ")}`);
  }
  return found;
}

function destinationTroubles(destination, history, status) {
  const found = [];
  if (destination.health !== "up") found.push(words(destination.health));
  if (destination.unaccounted) found.push(`${count(destination.unaccounted)} events are not accounted for`);
  const seconds = destination.seconds_to_full;
  if (seconds !== null && seconds < SOON_SECONDS) found.push(`the buffer is ${filling(seconds)}`);
  for (const [counter, words] of RISES) {
    const rise = history.rise((each) => each[counter]);
    if (rise) found.push(`${count(rise)} ${words} ${lately(history)}`);
  }
  const expiry = destination.credentials_expire_at;
  if (expiry !== null && Date.parse(expiry) < Date.parse(status.time)) {
    found.push(`the credentials expired ${distance(expiry, status.time)}`);
  }
  return found;
}

const lately = (history) => `in the last ${span(Math.max(1, Math.round(history.seconds)))}`;
