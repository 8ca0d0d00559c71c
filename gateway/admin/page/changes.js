// What has changed while this page looked: read out by screen readers, and kept for who looked away.

import { element } from "./elements.js";
import { clock } from "./figures.js";
import { words } from "./health.js";

const MOST = 50;

export class Changes {
  #list;
  #none;
  #before = new Map();

  constructor(list, none) {
    [this.#list, this.#none] = [list, none];
  }

  /** Compare a status with the one before. */
  see(status) {
    this.#compare("The gateway", status.state);
    for (const [name, { health, last_error: error }] of Object.entries(status.destinations)) {
      const why = health === "up" || error === null ? "" : ` (${error.code})`;
      this.#compare(name, words(health), why);
    }
  }

  /** Write a line, the newest first. */
  note(text) {
    this.#none.hidden = true;
    const now = new Date();
    this.#list.prepend(element("li", {},
      element("time", { datetime: now.toISOString() }, clock(now)), ` ${text}`));
    while (this.#list.children.length > MOST) this.#list.lastElementChild.remove();
  }

  #compare(subject, state, why = "") {
    const before = this.#before.get(subject);
    this.#before.set(subject, state);
    if (before !== undefined && before !== state) this.note(`${subject}: ${state}${why}`);
  }
}
