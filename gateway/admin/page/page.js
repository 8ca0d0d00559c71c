// The status page: joins what asks for the figures with what shows them.

import { Changes } from "./changes.js";
import { Destination } from "./destination.js";
import { Children, element, write } from "./elements.js";
import { clock, distance, span } from "./figures.js";
import { troubles } from "./health.js";
import { History } from "./history.js";
import { Poll } from "./poll.js";
import { Settings } from "./settings.js";
import { Overview, Receiver, Storage } from "./surroundings.js";

/** Where this tab keeps the token: gone when the tab is closed, and never sent but in `Authorization`. */
const TOKEN = "gateway.token";

const at = (id) => document.getElementById(id);

/** What holds figures and names, as it is before there are any. */
const BLANK = ["figures", "changes"].map((id) => at(id).cloneNode(true));

class Page {
  #poll = new Poll({
    told: (status) => this.#told(status),
    refused: (wasShown) => this.#refused(wasShown),
    failed: (why) => this.#failed(why),
  });
  #changes;
  #overview;
  #cards;
  #troubles;
  #receiver;
  #storage;
  #settings;
  #histories;
  #disk;
  #startedAt;
  #toldAt;

  start() {
    this.#empty();
    at("token-form").addEventListener("submit", (event) => this.#takeToken(event));
    at("forget").addEventListener("click", () => this.#leave());
    this.#poll.token = sessionStorage.getItem(TOKEN);
  }

  // What may come of a request.

  #told(status) {
    this.#begin(status.process.started_at);
    this.#note(status);
    this.#show(status);
    this.#toldAt = new Date();
    this.#reached();
  }

  #refused(wasShown) {
    this.#forget();
    at("token-form").hidden = false;
    write(at("token-fault"), wasShown ? "✖ The gateway does not take this token." : "");
    document.title = "Token needed | gateway";
    at("token").focus();
  }

  #failed(why) {
    const seen = this.#toldAt === null ? "" : ` What is shown is of ${clock(this.#toldAt)}.`;
    if (at("contact").hidden) this.#changes.note(`The gateway cannot be reached: ${why}`);
    write(at("contact"), `✖ The gateway cannot be reached: ${why}.${seen} This page goes on asking.`);
    at("contact").hidden = false;
    at("figures").classList.add("old");
    at("changes").hidden = false;
    document.title = "✖ unreachable | gateway";
  }

  // Tokens.

  #takeToken(event) {
    event.preventDefault();
    const token = at("token").value.trim();
    at("token").value = "";
    if (!/^[\w.~+/-]+=*$/.test(token)) {  // a b64token (RFC 6750 2.1); nothing else fits into the header
      write(at("token-fault"), "✖ This is no token: letters, digits and -._~+/ only.");
      return;
    }
    sessionStorage.setItem(TOKEN, token);
    this.#poll.token = token;
  }

  /** Ask without a token: the answer may be long in coming, and what is shown was for who had one. */
  #leave() {
    this.#forget();
    this.#poll.token = null;
  }

  #forget() {
    sessionStorage.removeItem(TOKEN);
    this.#empty();
  }

  // What is shown.

  /** Keep nothing of what the gateway has told, neither in the document nor here. */
  #empty() {
    for (const blank of BLANK) at(blank.id).replaceWith(blank.cloneNode(true));
    for (const id of ["process", "source", "successor", "contact"]) write(at(id), "");
    at("successor").hidden = at("contact").hidden = at("forget").hidden = true;
    document.title = "gateway";
    this.#changes = new Changes(at("changes-list"), at("no-changes"));
    this.#overview = new Overview(at("overview"), at("overview-table"));
    this.#cards = new Children(at("destinations"));
    this.#troubles = new Children(at("troubles"));
    this.#receiver = new Receiver(at("receiver"));
    this.#storage = new Storage(at("storage"));
    this.#settings = new Settings("Everything but the destinations");
    at("configuration").append(this.#settings.root);
    this.#histories = new Map();
    this.#disk = new History();
    this.#startedAt = this.#toldAt = null;
  }

  /** Another process counts from the beginning: what was seen of the one before is not comparable. */
  #begin(startedAt) {
    if (this.#startedAt !== null && this.#startedAt !== startedAt) {
      this.#histories.clear();
      this.#disk = new History();
      const text = `The gateway was started anew at ${clock(startedAt)}: another process answers, its counts begin at 0.`;
      write(at("successor"), text);
      at("successor").hidden = false;
      this.#changes.note(text);
    }
    this.#startedAt = startedAt;
  }

  #note(status) {
    const now = performance.now() / 1000;
    this.#changes.see(status);
    this.#disk.add(now, status.storage);
    for (const [name, destination] of Object.entries(status.destinations)) {
      if (!this.#histories.has(name)) this.#histories.set(name, new History());
      this.#histories.get(name).add(now, destination);
    }
  }

  #show(status) {
    const { destinations: settings, ...rest } = status.configuration;
    const names = Object.keys(status.destinations);
    this.#showTroubles(troubles(status, this.#histories, this.#disk));
    this.#overview.show(status.destinations);
    this.#cards.keep(names, (name) => new Destination(name)).forEach((card, index) => {
      const name = names[index];
      card.show(status.destinations[name], this.#histories.get(name), settings[name], status.time);
    });
    this.#receiver.show(status.receiver, status.time);
    this.#storage.show(status.storage, status.workers);
    this.#settings.show(rest);
    write(at("reload"), reloaded(status));
    write(at("process"), `${status.state} · up ${span(Math.floor(status.uptime_seconds))} · `
      + `version ${status.version} · process ${status.process.pid}`);
  }

  #showTroubles(found) {
    const items = this.#troubles.keep(found.length ? found.keys() : ["none"], (key) => ({
      root: element("li", { class: key === "none" ? "none" : "trouble" }),
    }));
    const texts = found.length ? found.map((text) => `✖ ${text}`) : ["✔ None."];
    items.forEach(({ root }, index) => write(root, texts[index]));
    document.title = found.length ? `✖ ${found[0]} | gateway` : "gateway";
  }

  #reached() {
    if (!at("contact").hidden) this.#changes.note("The gateway answers again.");
    at("contact").hidden = at("token-form").hidden = true;
    at("figures").hidden = at("changes").hidden = false;
    at("figures").classList.remove("old");
    at("forget").hidden = this.#poll.token === null;
    write(at("token-fault"), "");
    write(at("source"), `as of ${clock(this.#toldAt)}`);
  }
}

/** What came of the last time that the configuration was read; null: it cannot be read again. */
function reloaded({ last_reload: last, time }) {
  if (!last) return "";
  const what = last.successful ? "✔ Read and taken up" : "✖ Read, and not taken up,";
  return `${what} ${distance(last.at, time)}. ${last.faults.join("; ")}`;
}

new Page().start();
