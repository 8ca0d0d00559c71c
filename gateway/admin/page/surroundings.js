// What there is beside the destinations: the receiver, the disk, the workers, and a line for each destination.

import { Children, Pairs, element, wideTable, write } from "./elements.js";
import { bytes, count, distance, observed, quantileSpan, rate, span } from "./figures.js";
import { counted } from "./destination.js";
import { sign } from "./health.js";

export class Receiver {
  #lists = ["Connections", "Requests, by status", "Events, by content mode", "Events refused, by reason"].map(
    (caption) => new Pairs(caption),
  );

  constructor(place) {
    place.append(...this.#lists.map((list) => list.root));
  }

  show(receiver, now) {
    const [connections, requests, events, refused] = this.#lists;
    const expiry = receiver.certificate_expires_at;
    connections.show([
      ["listening on", receiver.listen.join(", ")],
      ["open", count(receiver.connections)],
      ["bodies being read", bytes(receiver.receiving_bytes)],
      ["certificate", expiry === null ? "none" : `expires ${distance(expiry, now)}`],
    ]);
    requests.show(orNone(counted(nonZero(receiver.requests_by_status))));
    events.show(orNone(counted(receiver.events_received_by_mode)));
    refused.show(orNone(counted(nonZero(receiver.events_refused_by_reason))));
  }
}

export class Storage {
  #journal = new Pairs("Journal");
  #body = element("tbody");
  #rows = new Children(this.#body);
  #workers = wideTable("Workers",
    ["Worker", "Process", "Up for", "Restarts", "Connections", "Accepted", "State"], this.#body);

  constructor(place) {
    place.append(this.#journal.root, this.#workers);
  }

  show(storage, workers) {
    const commits = storage.journal_commit_seconds;
    this.#journal.show([
      ["on disk", bytes(storage.journal_bytes)],
      ["writes that failed", count(storage.journal_failures)],
      ["records set aside at the start", count(storage.records_set_aside)],
      ["commits", count(observed(commits))],
      ["commit, 50 % at most", quantileSpan(commits, 0.5)],
      ["commit, 99 % at most", quantileSpan(commits, 0.99)],
    ]);
    this.#workers.hidden = workers === undefined;
    const rows = this.#rows.keep((workers ?? []).map(({ worker }) => worker), () => new Row(7));
    rows.forEach((row, index) => row.show(workerCells(workers[index])));
  }
}

function workerCells(worker) {
  return [
    worker.worker, worker.pid ?? "–", worker.uptime_seconds === null ? "–" : span(worker.uptime_seconds),
    count(worker.restarts), worker.connections === null ? "–" : count(worker.connections),
    count(worker.accepted), worker.unready_because ?? "ready",
  ].map(String);
}

/** A line for each destination, where there are several. */
export class Overview {
  #section;
  #body = element("tbody");
  #rows = new Children(this.#body);

  constructor(section, place) {
    this.#section = section;
    place.append(wideTable("All destinations",
      ["Destination", "Health", "Held", "Oldest", "Accepted", "Delivered", "Last error"], this.#body));
  }

  show(destinations) {
    const names = Object.keys(destinations);
    this.#section.hidden = names.length < 2;
    const rows = this.#rows.keep(names, (name) => new Row(6,
      element("a", { href: `#destination-${encodeURIComponent(name)}` }, name)));
    rows.forEach((row, index) => row.show(overviewCells(destinations[names[index]])));
  }
}

function overviewCells(destination) {
  return [
    `${sign(destination.health)} ${destination.health}`, count(destination.held),
    destination.held ? span(destination.oldest_event_age_seconds) : "–",
    rate(destination.accepted_per_second), rate(destination.delivered_per_second),
    destination.last_error?.code ?? "–",
  ];
}

/** A row of so many cells, behind a head if there is one. */
class Row {
  #cells;

  constructor(cells, ...head) {
    this.#cells = Array.from({ length: cells }, () => element("td"));
    const heads = head.map((each) => element("th", { scope: "row" }, each));
    this.root = element("tr", {}, ...heads, ...this.#cells);
  }

  show(texts) {
    texts.forEach((text, index) => write(this.#cells[index], text));
  }
}

const nonZero = (byLabel) => Object.fromEntries(Object.entries(byLabel).filter(([, number]) => number));

const orNone = (pairs) => (pairs.length ? pairs : [["none", "0"]]);
