// A small plot without axes: the shape of a figure over the last minutes. The figure itself stands beside it.

import { drawing, mark } from "./elements.js";

const WIDTH = 240;
const HEIGHT = 40;
const EDGE = 2;

export class Sparkline {
  #line = drawing("path", { class: "line" });
  #area = drawing("path", { class: "area" });

  constructor() {
    this.root = drawing("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "spark", role: "img",
    }, this.#area, this.#line);
  }

  /** Draw runs of points as `History.lines` gives them; `most` is the top of the plot. */
  draw(lines, most, words) {
    const top = most || 1;
    const places = lines.map((line) => line.map(({ x, y }) => [
      (x * WIDTH).toFixed(1), (HEIGHT - EDGE - (y / top) * (HEIGHT - 2 * EDGE)).toFixed(1),
    ]));
    mark(this.#line, "d", places.map(path).join(""));
    mark(this.#area, "d", places.map(filled).join(""));
    mark(this.root, "aria-label", words);
  }
}

/** A run of one point is a short dash: it would be invisible. */
function path(places) {
  const [[x, y], ...rest] = places;
  return `M${x} ${y}` + (rest.length ? rest.map((place) => `L${place.join(" ")}`).join("") : "h-1");
}

function filled(places) {
  return `${path(places)}L${places.at(-1)[0]} ${HEIGHT}L${places[0][0]} ${HEIGHT}Z`;
}
