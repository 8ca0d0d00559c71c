// A part of the configuration in use, behind a line that unfolds it. The gateway has masked the secrets.

import { Pairs, element } from "./elements.js";

export class Settings {
  #pairs;

  constructor(title) {
    this.#pairs = new Pairs("Every key with its value, defaults filled in and secrets masked");
    this.root = element("details", {}, element("summary", {}, title), this.#pairs.root);
  }

  show(settings) {
    this.#pairs.show(flat(settings, ""));
  }
}

/** Tables within tables as dotted keys. */
function flat(value, key) {
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([name, each]) => flat(each, key ? `${key}.${name}` : name));
  }
  return [[key, text(value)]];
}

function text(value) {
  if (value === null) return "not set";
  if (value === "") return "empty";
  if (Array.isArray(value)) return value.map(text).join(", ") || "none";
  return String(value);
}
