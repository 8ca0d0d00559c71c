// One destination: a section that is made once, and shows one status after another.

import { Pairs, element, figure, mark, show, wideTable, write } from "./elements.js";
import {
  about, bytes, count, distance, mean, quantileSpan, rate, share, span,
} from "./figures.js";
import { filling, sign, words } from "./health.js";
import { Settings } from "./settings.js";
import { Sparkline } from "./sparkline.js";

const DELAYS = [
  ["delivery_seconds", "Accepted to delivered"],
  ["linger_seconds", "Waiting for company"],
  ["bus_request_seconds", "Request to the bus"],
];

/** Who fills up later than in a day does not fill up: the forecast is a line through the last seconds. */
const A_DAY = 86400;

const QUANTILES = [0.5, 0.95, 0.99];

/** Those that one scale serves: whether what is accepted is delivered shows at a glance. */
const RATES = ["accepted_per_second", "delivered_per_second"];

export class Destination {
  #health = element("p", { class: "health", "data-figure": "health" });
  #endpoint = element("p", { class: "quiet endpoint" });
  #trends = [
    new Trend("Accepted", "accepted_per_second", rate),
    new Trend("Delivered", "delivered_per_second", rate),
    new Trend("Held", "held", count),
  ];
  #room = new Room();
  #error = new LastError();
  #accounts = new Accounts();
  #delays = new Delays();
  #lists = ["Batches", "Requests to the bus", "Retried, by reason", "Dead-lettered, by reason"].map(
    (caption) => new Pairs(caption),
  );
  #settings = new Settings("Configuration in use");

  constructor(name) {
    const id = `destination-${name}`;
    const heading = element("h2", { id, tabindex: "-1" }, name);
    this.root = element("section", { "aria-labelledby": id, "data-destination": name },
      element("div", { class: "title" }, heading, this.#health), this.#endpoint,
      element("div", { class: "trends" }, ...this.#trends.map((trend) => trend.root)),
      this.#room.root, this.#error.root, this.#accounts.root,
      element("div", { class: "parts" }, this.#delays.root, ...this.#lists.map((list) => list.root)),
      this.#settings.root);
  }

  /** `settings` are the destination's part of the configuration in use. */
  show(destination, history, settings, now) {
    mark(this.root, "data-health", destination.health);
    write(this.#health, `${sign(destination.health)} ${words(destination.health)}`);
    write(this.#endpoint, [settings?.type, destination.endpoint].filter(Boolean).join(" · "));
    const most = Math.max(...RATES.map((name) => history.most((each) => each[name])));
    for (const trend of this.#trends) trend.show(destination, history, most);
    this.#room.show(destination, now);
    this.#error.show(destination.last_error, now);
    this.#accounts.show(destination);
    this.#delays.show(destination.histograms, history);
    this.#showLists(destination, history);
    this.#settings.show(settings ?? {});
  }

  #showLists(destination, history) {
    const [batches, requests, retried, dead] = this.#lists;
    batches.show(batchFigures(destination, history));
    requests.show(requestFigures(destination));
    retried.show(counted(destination.retried_by_reason));
    dead.show([...counted(destination.dead_lettered_by_reason),
      ["not kept in any file", count(destination.dead_letters_dropped)]]);
  }
}

/** Counts by label, the label's underscores as spaces. */
export function counted(byLabel) {
  return Object.entries(byLabel).map(([label, number]) => [label.replaceAll("_", " "), count(number)]);
}

function batchFigures({ histograms, batches_by_reason: reasons, requests_saved: saved }, history) {
  return [
    ["mean fill lately", meanText(history.recent("batch_fill_ratio"), share)],
    ["mean fill in all", meanText(histograms.batch_fill_ratio, share)],
    ["mean events in all", meanText(histograms.batch_events, about)],
    ...counted(reasons).map(([reason, number]) => [`left because ${reason}`, number]),
    ["requests saved by packing", count(saved)],
  ];
}

function meanText(histogram, text) {
  const found = mean(histogram);
  return found === null ? "–" : text(found);
}

function requestFigures(destination) {
  const limit = destination.requests_per_second_limit;
  return [
    ...counted(destination.bus_requests_by_outcome),
    ["in flight", `${count(destination.requests_in_flight)} of ${count(destination.in_flight_limit)}`],
    ["limit of the rate", limit === null ? "none" : rate(limit)],
  ];
}

/** A figure, and its shape over the last minutes. */
class Trend {
  #name;
  #text;
  #value;
  #spark = new Sparkline();

  constructor(title, name, text) {
    [this.#name, this.#text, this.#value] = [name, text, figure(name)];
    this.root = element("div", { class: `trend ${name}` },
      element("h3", {}, title), element("p", { class: "large" }, this.#value), this.#spark.root);
  }

  show(destination, history, mostRate) {
    const read = (each) => each[this.#name];
    const value = read(destination);
    const most = history.most(read);
    show(this.#value, value, this.#text(value));
    this.#spark.draw(history.lines(read), RATES.includes(this.#name) ? mostRate : most,
      `In the last minutes seen, at most ${this.#text(most)}`);
  }
}

/** What is held, against what may be. */
class Room {
  #events = new Meter("Events held", "held");
  #bytes = new Meter("Bytes held", "buffer_bytes");
  #facts = element("p", { class: "facts" });

  constructor() {
    this.root = element("div", { class: "room" }, this.#events.root, this.#bytes.root, this.#facts);
  }

  show(destination, now) {
    this.#events.show(destination.held, destination.buffer_max_events, count);
    this.#bytes.show(destination.buffer_bytes, destination.buffer_max_bytes, bytes);
    const { buffered, in_flight: inFlight, retrying } = destination.held_by_state;
    const [full, expiry] = [destination.seconds_to_full, destination.credentials_expire_at];
    write(this.#facts, [
      `${count(buffered)} buffered, ${count(inFlight)} in flight, ${count(retrying)} awaiting a retry`,
      destination.held ? `oldest ${span(destination.oldest_event_age_seconds)}` : "nothing waits",
      full === null || full > A_DAY ? "not filling up" : filling(full),
      expiry === null ? "credentials: no expiry known" : `credentials expire ${distance(expiry, now)}`,
    ].join(" · "));
  }
}

class Meter {
  #meter;
  #text = element("span");

  constructor(title, name) {
    this.#meter = element("meter", { min: "0", low: "0.5", high: "0.8", optimum: "0", max: "1",
      "aria-label": title, "data-figure": `${name}_share` });
    this.root = element("p", { class: "meter" }, element("span", {}, title), this.#meter, this.#text);
  }

  show(value, most, text) {
    mark(this.#meter, "value", most ? (value / most).toFixed(4) : 0);
    write(this.#text, `${text(value)} of ${text(most)} (${share(most ? value / most : 0)})`);
  }
}

/** What the bus last complained of, in its own words. */
class LastError {
  #when = element("span", { class: "quiet" });
  #code = element("code", { "data-figure": "last_error_code" });
  #message = element("span");

  constructor() {
    this.root = element("p", { class: "error" }, element("strong", {}, "Last error "), this.#when, " ",
      this.#code, " ", this.#message);
  }

  show(error, now) {
    write(this.#when, error === null ? "none" : distance(error.at, now));
    write(this.#code, error?.code ?? "");
    write(this.#message, error?.message ?? "");
  }
}

/** Accepted = delivered + dead-lettered + expired + held. */
class Accounts {
  #figures = ["accepted", "delivered", "dead_lettered", "expired", "held"].map(figure);
  #verdict = element("p", { class: "verdict", "data-figure": "accounts" });

  constructor() {
    const terms = ["accepted", "= delivered", "+ dead-lettered", "+ expired", "+ held"];
    const pairs = terms.map((term, index) => element("div", {},
      element("dt", {}, term), element("dd", {}, this.#figures[index])));
    this.root = element("div", {}, element("h3", {}, "What became of the events"),
      element("dl", {}, ...pairs), this.#verdict);
  }

  show(destination) {
    for (const each of this.#figures) {
      const value = destination[each.getAttribute("data-figure")];
      show(each, value, count(value));
    }
    const lacking = destination.unaccounted;
    mark(this.#verdict, "data-holds", lacking === 0);
    const restored = destination.restored
      ? ` ${count(destination.restored)} of the accepted were taken back from disk at the start.` : "";
    write(this.#verdict, (lacking === 0
      ? "✔ The sum holds: every event is accounted for."
      : `✖ The sum does not hold: ${count(lacking)} events are neither settled nor held.`) + restored);
  }
}

/** Quantiles of the last minutes that this page has seen, and of all since the gateway's start. */
class Delays {
  #cells = DELAYS.map(() => QUANTILES.map(() => [element("td"), element("td")]));

  constructor() {
    const rows = DELAYS.map(([, title], index) => element("tr", {}, element("th", { scope: "row" }, title),
      ...this.#cells[index].map(([recent]) => recent), ...this.#cells[index].map(([, all]) => all)));
    const names = QUANTILES.map((q) => `${100 * q} %`);
    this.root = wideTable("Delays: so many took at most about that long, lately (as seen here) and in all", ["",
      ...names.map((name) => `${name} lately`), ...names.map((name) => `${name} in all`)],
    element("tbody", {}, ...rows));
    this.root.classList.add("wide");
  }

  show(histograms, history) {
    for (const [index, [name]] of DELAYS.entries()) {
      for (const [place, q] of QUANTILES.entries()) {
        const [recent, all] = this.#cells[index][place];
        write(recent, quantileSpan(history.recent(name), q));
        write(all, quantileSpan(histograms[name], q));
      }
    }
  }
}
