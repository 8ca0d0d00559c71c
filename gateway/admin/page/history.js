// The last minutes of one destination, or of the disk, as far as this page has seen them.

import { since } from "./figures.js";

const WINDOW_SECONDS = 300;

/** A plot of less would be all noise. */
const LEAST_PLOT_SECONDS = 60;

/** Longer without a sample: the page was hidden, or the gateway away; no line is drawn across. */
const GAP_SECONDS = 10;

export class History {
  #samples = [];

  /** Note that part of a `/status`; `at` is in seconds of a clock that only goes on. */
  add(at, told) {
    this.#samples.push({ at, told });
    while (this.#samples[0].at < at - WINDOW_SECONDS) this.#samples.shift();
  }

  /** Runs of `{x, y}` without a gap: x from 0 (the first that is known) to 1 (now), y what `read` takes. */
  lines(read) {
    const lines = [];
    const now = this.#samples.at(-1).at;
    const seconds = Math.max(this.seconds, LEAST_PLOT_SECONDS);
    let before = -Infinity;
    for (const { at, told } of this.#samples) {
      if (at - before > GAP_SECONDS) lines.push([]);
      lines.at(-1).push({ x: 1 - (now - at) / seconds, y: read(told) });
      before = at;
    }
    return lines;
  }

  /** The highest value of that in the window. */
  most(read) {
    return Math.max(...this.#samples.map(({ told }) => read(told)));
  }

  /** By how much a counter has risen in the window. */
  rise(read) {
    return read(this.#samples.at(-1).told) - read(this.#samples[0].told);
  }

  /** What a histogram has counted in the window. */
  recent(name) {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    return since(last.told.histograms[name], first.told.histograms[name]);
  }

  /** How many seconds of the window there are. */
  get seconds() {
    return this.#samples.at(-1).at - this.#samples[0].at;
  }
}
