// Makes elements, and writes into them only what has changed: a reader's selection stays, and nothing flickers.
// Whatever the gateway says goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; a child that is a string is text. */
export function element(name, attributes = {}, ...children) {
  return furnished(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function drawing(name, attributes = {}, ...children) {
  return furnished(document.createElementNS(SVG, name), attributes, children);
}

function furnished(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Make the node say `text`. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Give the node that attribute. */
export function mark(node, name, value) {
  if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/** A number as a reader wants it, with the exact one beside it for whoever reads the page by program. */
export function figure(name) {
  return element("data", { "data-figure": name, value: "" });
}

/** Show `value` in a `figure` as `text`. */
export function show(node, value, text) {
  mark(node, "value", value ?? "");
  write(node, text);
}

/** Makes `parent`'s children one for each key, in that order; what is there already stays. */
export class Children {
  #parent;
  #made = new Map();

  constructor(parent) {
    this.#parent = parent;
  }

  /** `make(key)` makes what is new and returns an object with a `root`. Returns those of `keys`, in order. */
  keep(keys, make) {
    const wanted = new Set(keys);
    for (const [key, { root }] of this.#made) {
      if (!wanted.has(key)) {
        root.remove();
        this.#made.delete(key);
      }
    }
    return [...wanted].map((key, index) => {
      if (!this.#made.has(key)) this.#made.set(key, make(key));
      const child = this.#made.get(key);
      const there = this.#parent.children[index];
      if (there !== child.root) this.#parent.insertBefore(child.root, there ?? null);
      return child;
    });
  }
}

/** A table with a caption. */
export function table(caption, columns, body) {
  const made = element("table", {}, element("caption", {}, caption));
  const heads = columns.map((column) => element("th", { scope: "col" }, column));
  if (heads.length) made.append(element("thead", {}, element("tr", {}, ...heads)));
  made.append(body);
  return made;
}

/** A wide table in a frame that scrolls where the screen is narrow, also by keyboard. */
export function wideTable(caption, columns, body) {
  return element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": caption },
    table(caption, columns, body));
}

/** A table of names and values: `show(entries)` takes pairs of a name and a text. */
export class Pairs {
  #body = element("tbody");
  #rows = new Children(this.#body);

  constructor(caption) {
    this.root = table(caption, [], this.#body);
  }

  show(entries) {
    const texts = new Map(entries);
    const rows = this.#rows.keep(texts.keys(), (name) => {
      const cell = element("td");
      return { root: element("tr", {}, element("th", { scope: "row" }, name), cell), cell };
    });
    [...texts.values()].forEach((text, index) => write(rows[index].cell, text));
  }
}
