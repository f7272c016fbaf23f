"use strict";
// The list of items, a page at a time, filtered by words, state, source and group.

const PAGE = 20;
const STATES = [
  ["", "any"], ["filled", "filled"], ["failed", "failed"], ["open", "not filled yet"], ["again", "took more than one call"], ["duplicate", "was a duplicate"],
];
const SOURCES = [["", "anything"], ["model", "the model"], ["fallback", "a template"]];
const GIST = ["title", "name", "question", "user", "inputs", "text"];

const slots = new Rows("slots");
let found = null; // positions that match, or null for all
let search = 0; // a newer search ends an older one

const wanted = () => ({
  words: at("find-text").value.trim(),
  state: at("find-state").value,
  source: at("find-source").value,
  group: at("find-group") ? at("find-group").value : "",
});

/** Yield every text and number in a value. */
function* textsOf(value) {
  if (value === null || value === undefined) return;
  if (typeof value === "object") for (const part of Object.values(value)) yield* textsOf(part);
  else yield String(value);
}

function matches(row, want, needle) {
  if (want.group !== "" && row.group !== Number(want.group)) return false;
  if (want.source && row.source !== want.source) return false;
  if (want.state === "again" ? row.calls.length < 2 : want.state === "duplicate" ? !row.duplicates.length : want.state && row.state !== want.state) return false;
  if (!needle) return true;
  for (const part of [row.key, row.reason, row.item]) for (const text of textsOf(part)) if (text.toLowerCase().includes(needle)) return true;
  return false;
}

async function find() {
  const own = ++search;
  at("list").ariaBusy = "true";
  const want = wanted();
  const needle = want.words.toLowerCase();
  if (!needle && !want.state && !want.source && want.group === "") {
    found = null;
    at("find-progress").hidden = true;
    return show(0);
  }
  found = [];
  let shown = false;
  const quoted = JSON.stringify(needle).slice(1, -1); // as the lines have it: a line without it need not be read
  at("find-progress").hidden = false;
  for await (const [first, lines] of slots.walk()) {
    if (own !== search) return undefined;
    lines.forEach((line, index) => {
      if (needle && !line.toLowerCase().includes(quoted)) return;
      if (matches(JSON.parse(line), want, needle)) found.push(first + index);
    });
    at("find-progress").value = (first + lines.length) / slots.length;
    at("find-said").replaceChildren(`${number(found.length)} found in ${number(first + lines.length)} of ${number(slots.length)}`);
    if (!shown && found.length >= PAGE) {
      shown = true;
      await show(0, true);
    }
    await pause();
  }
  if (own !== search) return undefined;
  at("find-progress").hidden = true;
  return show(0);
}

async function show(page, looking = false) {
  const count = found ? found.length : slots.length;
  const pages = Math.ceil(count / PAGE);
  const positions = Array.from({ length: Math.min(PAGE, count - page * PAGE) }, (_, i) => (found ? found[page * PAGE + i] : page * PAGE + i));
  const own = search;
  const rows = [];
  for (const position of positions) rows.push(await slots.row(position));
  if (own !== search) return;
  const words = wanted().words;
  at("list").replaceChildren(...rows.map((row) => entry(row, words)));
  if (looking) return;
  const whole = found ? `${number(count)} of ${number(slots.length)} match` : `${number(count)} ${FACTS.noun}`;
  at("find-said").replaceChildren(count > PAGE ? `${whole}; ${number(page * PAGE + 1)} to ${number(page * PAGE + rows.length)} are shown` : whole);
  for (const id of ["pager-above", "pager-below"]) {
    pager(at(id), page, pages, FACTS.noun, async (to) => {
      await show(to);
      if (id === "pager-below") at("items").scrollIntoView();
    });
  }
  at("list").ariaBusy = "false";
}

/** Return a text in which the search words are marked. */
function marked(text, words) {
  const parts = [];
  const low = text.toLowerCase(), needle = words.toLowerCase();
  let from = 0;
  if (needle && low.length === text.length) {
    for (let to = low.indexOf(needle); to >= 0; to = low.indexOf(needle, from)) {
      parts.push(text.slice(from, to), made("mark", {}, text.slice(to, to + needle.length)));
      from = to + needle.length;
    }
  }
  parts.push(text.slice(from));
  return parts;
}

function gistOf(row) {
  if (!row.item) return row.reason;
  const messages = row.item.messages;
  if (Array.isArray(messages)) return String((messages.find((message) => message.role === "user") || messages[0] || {}).content || "");
  const named = GIST.map((name) => row.item[name]).find((value) => typeof value === "string" && value);
  return named || textsOf(row.item).next().value || "";
}

function entry(row, words) {
  const story = [row.state === "open" ? "not filled yet" : row.state, row.source === "fallback" ? "from a template" : "", row.calls.length > 1 ? `${row.calls.length} calls` : "", row.duplicates.length ? "was a duplicate" : ""];
  const tone = row.state === "failed" ? "bad" : row.state === "filled" ? "good" : "";
  const summary = made("summary", {},
    made("span", { class: "key" }, ...marked(row.key, words)),
    made("span", { class: "gist" }, ...marked(gistOf(row).slice(0, 300), words)),
    made("span", { class: `state ${tone}` }, story.filter(Boolean).join(", "))
  );
  const element = made("details", { class: "item" }, summary);
  element.addEventListener("toggle", () => element.append(whole(row, words)), { once: true });
  return element;
}

function whole(row, words) {
  const parts = [];
  if (row.item) parts.push(valueOf(row.item, words));
  else parts.push(made("p", { class: "value" }, ...marked(row.reason, words)));
  parts.push(made("h3", {}, "Asked for"), made("p", { class: "value" }, row.brief));
  const lines = [
    ...row.calls.map(([batch, tried, came, finish]) => `batch ${batch}, try ${tried}: ${came} (${finish})`),
    ...row.duplicates.map(([round, of, likeness]) => `round ${round}: rejected, like ${of}${likeness === null ? "" : ` (${likeness})`}`),
    ...(row.item ? [row.source === "fallback" ? "filled from a template; no model wrote it" : `made by ${row.model} in batch ${row.batch}, try ${row.try}`] : []),
  ];
  parts.push(made("h3", {}, "How it came"), made("ul", { class: "story" }, ...lines.map((line) => made("li", {}, line))));
  return made("div", {}, ...parts);
}

/** Return a value in a readable way: fields as terms, lists as lists, texts as they are. */
function valueOf(value, words) {
  if (Array.isArray(value)) {
    return made(value.some((part) => part !== null && typeof part === "object") ? "ol" : "ul", {}, ...value.map((part) => made("li", {}, valueOf(part, words))));
  }
  if (value !== null && typeof value === "object") {
    return made("dl", {}, ...Object.entries(value).flatMap(([name, part]) => [made("dt", {}, name.replaceAll("_", " ")), made("dd", {}, valueOf(part, words))]));
  }
  return made("span", { class: "value" }, ...marked(value === null ? "none" : String(value), words));
}

function options(select, entries) {
  select.replaceChildren(...entries.map(([value, word]) => made("option", { value }, word)));
}

async function showSlots() {
  options(at("find-state"), STATES);
  options(at("find-source"), SOURCES);
  if (at("find-group")) options(at("find-group"), [["", "any"], ...FACTS.groups.map((name, index) => [String(index), name])]);
  const form = at("find");
  let timer = 0;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(find, 250);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    find();
  });
  form.addEventListener("reset", () => setTimeout(find));
  at("find-text").addEventListener("input", later);
  for (const select of form.querySelectorAll("select")) select.addEventListener("change", find);
  for (const link of document.querySelectorAll("[data-show]")) {
    link.addEventListener("click", () => {
      form.reset();
      at("find-state").value = link.dataset.show;
      find();
    });
  }
  await show(0);
}
