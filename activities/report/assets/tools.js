"use strict";
// Elements, numbers and colours for all parts of the page.

/** Make an element; texts go in as texts, never as markup. */
function made(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

const at = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString("en");
const percent = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)}%` : "");
const usd = (value) => (value === null ? "unknown price" : `$${value.toFixed(4)}`);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const pause = () => new Promise((done) => setTimeout(done));

/** Seconds as people write them: `4.2 s`, `3:05`, `2:03:00`. */
function span(seconds, finest = 0) {
  if (seconds < 60 && finest < 60) return `${Number(seconds.toFixed(finest && finest < 1 ? 2 : 1))} s`;
  const whole = Math.round(seconds);
  const two = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return hours ? `${hours}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}` : `${Math.floor(whole / 60)}:${two(whole % 60)}`;
}

/** A table in a region that scrolls. `columns` are titles; one that ends with `>` is of numbers. */
function tableOf(columns, rows, label) {
  const right = columns.map((title) => title.endsWith(">"));
  const titles = columns.map((title, i) => made("th", { scope: "col", class: right[i] ? "r" : null }, title.replace(/>$/, "")));
  const body = rows.map((row) =>
    made("tr", {}, ...row.map((value, i) => made(i ? "td" : "th", { scope: i ? null : "row", class: right[i] ? "r" : null }, String(value))))
  );
  const table = made("table", {}, made("thead", {}, made("tr", {}, ...titles)), made("tbody", {}, ...body));
  return made("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, table);
}

/** Buttons that lead through pages; `go` is called with a page from 0. */
function pager(place, page, pages, label, go) {
  place.replaceChildren();
  if (pages < 2) return;
  const button = (text, name, to) =>
    made("button", { type: "button", "aria-label": `${name} of ${label}`, disabled: to < 0 || to >= pages || to === page, onclick: () => go(to) }, text);
  const field = made("input", { type: "number", min: 1, max: pages, value: page + 1, "aria-label": `page of ${label}` });
  field.addEventListener("change", () => go(Math.min(pages, Math.max(1, Number(field.value) || 1)) - 1));
  place.append(
    button("First", "first page", 0), button("Previous", "previous page", page - 1),
    made("span", {}, "page "), field, made("span", {}, ` of ${number(pages)}`),
    button("Next", "next page", page + 1), button("Last", "last page", pages - 1)
  );
}

/** A small square and a word for each series. */
function legend(place, entries) {
  const swatch = (name) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    svg.setAttribute("viewBox", "0 0 10 10");
    svg.setAttribute("aria-hidden", "true");
    for (const side of ["width", "height"]) rect.setAttribute(side, "10");
    rect.setAttribute("class", `swatch-${name}`);
    svg.append(rect);
    return svg;
  };
  place.replaceChildren(...entries.map(([name, word]) => made("span", {}, swatch(name), word)));
}
