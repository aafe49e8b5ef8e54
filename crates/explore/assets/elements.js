// Elements: small pieces of the page. Text from data enters as text alone.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** An element of HTML. */
function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** An element of a drawing. */
function draw(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

/** Signs for what cannot be seen. */
const SIGNS = { " ": "·", "\n": "¶", "\r": "¶", "\t": "→" };

/** A token's text with signs in the place of white space. */
function visible(text) {
  return Array.from(text, (letter) => SIGNS[letter] || letter).join("");
}

/** The same as elements, the signs set back. */
function visibleParts(text) {
  return Array.from(text.matchAll(/\s+|\S+/g), ([part]) =>
    /\s/.test(part) ? make("span", { class: "sign" }, visible(part)) : part,
  );
}

/** A number with so many decimals; a dash for none. */
function decimals(value, places) {
  return value === null ? "–" : value.toFixed(places);
}

/** How wide a drawing is in so much room; a window that is not laid out yet has none. */
function widthIn(room, { least, most }) {
  return Math.max(Math.min(room, most), least);
}

/** A number of things. */
function counted(number, thing) {
  return number === 1 ? `1 ${thing}` : `${number} ${thing}s`;
}

/** Colours that experts have before they come again. */
const COLOURS = 16;

/** The ground of an expert's colour, and its line. */
function ground(expert) {
  return `var(--ground-${expert % COLOURS})`;
}

function line(expert) {
  return `var(--line-${expert % 8})`;
}

/** An option list, with one chosen. */
function options(select, entries, chosen) {
  const made = entries.map(([value, text]) => {
    return make("option", { value, selected: value === chosen }, text);
  });
  select.replaceChildren(...made);
  select.value = chosen;
}
