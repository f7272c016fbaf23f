"use strict";
// The charts and tables of the calls: when each ran, how many items there were by then, what each batch used.

const TABLE_ROWS = 50;
const MOST_BARS = 100;
const MOST_POINTS = 2000;
const KINDS = [
  ["filled", "all its slots filled"], ["part", "some slots open"], ["none", "no slot filled"],
  ["reused", "reused: paid for earlier"],
];

function callOf(line) {
  const [began, seconds, batch, tried, sent, filled, why, finish, input, cached, output, thinking, cost, reused, hedge, model] = JSON.parse(line);
  const open = Object.values(why).reduce((sum, count) => sum + count, 0);
  const kind = reused ? "reused" : !filled ? "none" : open ? "part" : "filled";
  const root = parseInt(batch, 10);
  return { began, seconds, batch, root, tried, sent, filled, open, why, finish, input, cached, output, thinking, cost, reused, hedge, model, kind };
}

async function readCalls() {
  const calls = [];
  for await (const [, lines] of new Rows("calls").walk()) for (const line of lines) calls.push(callOf(line));
  calls.sort((one, other) => one.began - other.began);
  const start = calls.length ? calls[0].began : 0;
  const ends = []; // when each place is free again
  for (const call of calls) {
    call.from = call.began - start;
    call.to = call.from + call.seconds;
    let place = ends.findIndex((end) => end <= call.from + 0.001);
    if (place < 0) place = ends.push(0) - 1;
    ends[place] = call.to;
    call.place = place;
  }
  return { calls, start, places: ends.length, last: calls.reduce((most, call) => Math.max(most, call.to), 0) };
}

const whyOf = (call) => Object.entries(call.why).map(([reason, count]) => `${number(count)} ${reason}`).join(", ");

function saidOf(call) {
  const word = KINDS.find(([kind]) => kind === call.kind)[1];
  const open = call.open ? `, open: ${whyOf(call)}` : "";
  const notes = [call.sent > 1 ? `sent ${call.sent} times` : "", call.hedge ? "a second call that raced the first" : ""].filter(Boolean);
  return `Batch ${call.batch}, try ${call.tried}, at ${span(call.from)} for ${span(call.seconds)}: ${word} (${number(call.filled)} filled${open}; ` +
    `${call.finish}${notes.length ? `; ${notes.join("; ")}` : ""}), ${number(call.input)} tokens in, ${number(call.output)} out.`;
}

function drawCalls(plot, made) {
  const { ctx } = plot;
  const tints = { filled: colour("series-1"), part: colour("warn"), none: colour("bad"), reused: colour("idle") };
  const { left, top, width, height } = plot.bbox;
  const row = height / made.places;
  const gap = row > 4 ? devicePixelRatio : 0;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  for (const call of made.calls) {
    const from = plot.valToPos(call.from, "x", true);
    const to = Math.max(from + devicePixelRatio, plot.valToPos(call.to, "x", true) - gap);
    if (to < left || from > left + width) continue;
    const y = top + call.place * row;
    const tall = Math.max(1, row - gap);
    const whole = call.filled + call.open;
    ctx.fillStyle = tints[call.kind];
    ctx.fillRect(from, y, to - from, tall);
    if (call.kind === "part" && tall >= 4) { // the share that was filled, in its own colour
      ctx.fillStyle = tints.filled;
      const share = (tall * call.filled) / whole;
      ctx.fillRect(from, y + tall - share, to - from, share);
    }
    if ((call.tried > 1 || call.batch.includes(".")) && tall >= 4) { // a mark where slots were asked for again
      ctx.fillStyle = colour("ink");
      ctx.fillRect(from, y, 2 * devicePixelRatio, tall);
    }
  }
  ctx.restore();
}

function showCalls(made) {
  const { calls, places, last } = made;
  const said = at("calls-said");
  const first = new Date(made.start * 1000).toISOString().replace("T", " ").slice(0, 19);
  const usual = `From ${first} UTC, ${span(last)} in all, up to ${number(places)} at a time. Drag to look closer, double-click to go back.`;
  const counts = KINDS.map(([kind, word]) => [kind, word, calls.filter((call) => call.kind === kind).length]).filter(([, , count]) => count);
  const label = `Timeline of ${number(calls.length)} calls: ${counts.map(([, word, count]) => `${number(count)} ${word}`).join(", ")}. The table below has each.`;
  const under = (plot) => {
    const { left, top } = plot.cursor;
    if (left < 0) return said.replaceChildren(usual);
    const x = plot.posToVal(left, "x");
    const place = Math.floor((top * places) / plot.over.clientHeight);
    const thin = 2 * (plot.posToVal(1, "x") - plot.posToVal(0, "x"));
    const call = calls.find((one) => one.place === place && one.from - thin <= x && x <= one.to + thin);
    return said.replaceChildren(call ? saidOf(call) : usual);
  };
  chart(at("calls-chart"), label, () => ({
    height: Math.round(Math.min(380, Math.max(80, places * 13 + 40))),
    data: [[0, Math.max(last, 0.01)], [0, places]],
    scales: { x: { time: false }, y: { range: [0, places] } },
    axes: axes("time", null),
    series: [{}, { show: true, stroke: "transparent", points: { show: false } }],
    cursor: { drag: { x: true, y: false }, points: { show: false }, y: false },
    hooks: { draw: [(plot) => drawCalls(plot, made)], setCursor: [under] },
  }));
  said.replaceChildren(usual);
  const marks = calls.some((call) => call.tried > 1 || call.batch.includes(".")) ? [["again", "edge: asked again"]] : [];
  legend(at("calls-legend"), [...counts.map(([kind, word, count]) => [kind, `${word}: ${number(count)}`]), ...marks]);
  at("calls-details").addEventListener("toggle", () => callsTable(calls, 0), { once: true });
}

function callsTable(calls, page) {
  const shown = calls.slice(page * TABLE_ROWS, (page + 1) * TABLE_ROWS).map((call) => [
    call.batch, call.tried, span(call.from), span(call.seconds), call.sent, number(call.filled), whyOf(call) || "none", call.finish,
    number(call.input), number(call.cached), number(call.output), number(call.thinking), call.reused ? "paid earlier" : usd(call.cost), call.model,
  ]);
  const columns = ["batch", "try>", "began>", "took>", "sent>", "filled>", "open", "ended by", "in>", "cached>", "out>", "thinking>", "cost>", "model"];
  const buttons = made("div", { class: "pager" });
  pager(buttons, page, Math.ceil(calls.length / TABLE_ROWS), "calls", (to) => callsTable(calls, to));
  at("calls-table").replaceChildren(tableOf(columns, shown, "Calls"), buttons);
}

function showItems({ calls, last }) {
  const ends = calls.filter((call) => call.filled).sort((one, other) => one.to - other.to);
  const times = [0], counts = [0];
  const every = Math.max(1, Math.ceil(ends.length / MOST_POINTS));
  let sum = 0;
  ends.forEach((call, index) => {
    sum += call.filled;
    if (index % every === 0 || index === ends.length - 1) {
      times.push(call.to);
      counts.push(sum);
    }
  });
  const label = `${number(sum)} ${FACTS.noun} came in ${span(last)}; the table below has them over time.`;
  chart(at("items-chart"), label, () => ({
    height: 190,
    data: [times, counts],
    scales: { x: { time: false }, y: { range: (_, __, most) => [0, Math.max(most, 1) * 1.05] } },
    axes: axes("time", "count"),
    series: [{}, { stroke: colour("series-1"), width: 2, fill: `${colour("series-1")}22`, paths: uPlot.paths.stepped({ align: 1 }), points: { show: times.length < 40, size: 5, fill: colour("series-1") } }],
    cursor: { drag: { x: true, y: false }, y: false },
  }));
  const step = Math.max(1, Math.ceil(times.length / 25));
  const rows = times.map((time, i) => [span(time), number(counts[i]), percent(counts[i], FACTS.target)]).filter((_, i) => i % step === 0 || i === times.length - 1);
  at("items-over-time").replaceChildren(tableOf(["after", `${FACTS.noun} that came>`, "of the target>"], rows, `${FACTS.noun} over time`));
}

function binned(calls) {
  const most = calls.reduce((top, call) => Math.max(top, call.root), 0);
  const size = Math.max(1, Math.ceil(most / MOST_BARS));
  const bins = Array.from({ length: Math.ceil(most / size) }, (_, i) => ({
    first: i * size + 1, last: Math.min(most, (i + 1) * size), calls: 0, input: 0, cached: 0, output: 0, thinking: 0, cost: 0,
  }));
  for (const call of calls) {
    const bin = bins[Math.floor((call.root - 1) / size)];
    if (!bin || call.reused) continue;
    bin.calls += 1;
    for (const name of ["input", "cached", "output", "thinking"]) bin[name] += call[name];
    bin.cost = bin.cost === null || call.cost === null ? null : bin.cost + call.cost;
  }
  return { bins, size };
}

const binName = (bin) => (bin.first === bin.last ? `${bin.first}` : `${number(bin.first)}–${number(bin.last)}`);

function showTokens({ calls }) {
  const { bins, size } = binned(calls);
  at("tokens-bin").replaceChildren(size > 1 ? `each bar is ${number(size)} batches` : "");
  const layers = [
    ["thinking", "out, thinking", (bin) => bin.thinking, "series-4"], ["output", "out", (bin) => bin.output - bin.thinking, "series-3"],
    ["input", "in", (bin) => bin.input - bin.cached, "series-1"], ["cached", "in, cached", (bin) => bin.cached, "series-2"],
  ].filter(([, , value]) => bins.some((bin) => value(bin) > 0));
  const stack = layers.map((_, from) => bins.map((bin) => layers.slice(from).reduce((sum, [, , value]) => sum + value(bin), 0)));
  const across = bins.map((_, index) => index + 1);
  const bars = uPlot.paths.bars({ size: [0.75, 48] });
  const sums = (name) => bins.reduce((sum, bin) => sum + bin[name], 0);
  const label = `Tokens by batch: ${number(sums("input"))} in, ${number(sums("cached"))} of them cached, ${number(sums("output"))} out. The table below has each.`;
  const scales = (data) => ({ x: { time: false, range: [0.4, bins.length + 0.6] }, y: { range: [0, Math.max(1e-9, ...data) * 1.05] } });
  const line = (values, name) => ({ stroke: colour(name), fill: colour(name), width: 0, paths: bars, points: { show: false } });
  const ticks = (up) => {
    const [along, upward] = axes("batch", up);
    return [{ ...along, values: (_, at) => at.map((tick) => (bins[tick - 1] ? number(bins[tick - 1].first) : "")) }, upward];
  };
  const common = { cursor: { drag: { x: false, y: false }, y: false, points: { show: false } } };
  chart(at("tokens-chart"), label, () => ({
    ...common, height: 210, data: [across, ...stack], scales: scales(stack[0] || [1]), axes: ticks("count"),
    series: [{}, ...layers.map(([, , , name], i) => line(stack[i], name))],
  }));
  legend(at("tokens-legend"), [...layers].reverse().map(([, word, , name]) => [name, word]));
  const costs = bins.map((bin) => bin.cost ?? 0);
  if (costs.some((cost) => cost > 0)) {
    const said = `Cost by batch, ${usd(costs.reduce((sum, cost) => sum + cost, 0))} in all. The table below has each.`;
    chart(at("cost-chart"), said, () => ({
      ...common, height: 120, data: [across, costs], scales: scales(costs), axes: ticks("usd"), series: [{}, line(costs, "series-1")],
    }));
    at("cost-chart").before(made("h3", {}, "Cost by batch ", made("small", {}, "USD at list prices")));
  } else at("cost-chart").remove();
  const rows = bins.map((bin) => [binName(bin), number(bin.calls), number(bin.input), percent(bin.cached, bin.input), number(bin.output), number(bin.thinking), usd(bin.cost)]);
  at("tokens-table").replaceChildren(tableOf(["batch", "calls>", "in>", "cached>", "out>", "thinking>", "cost>"], rows, "Tokens and cost by batch"));
}

async function showAllCalls() {
  const made = await readCalls();
  if (!made.calls.length) {
    for (const id of ["calls-chart", "items-chart", "tokens-chart"]) at(id).replaceChildren("No call has come back.");
    for (const id of ["calls-details", "cost-chart"]) at(id).remove();
    for (const id of ["items-over-time", "tokens-table"]) at(id).closest("details").remove();
    return;
  }
  showCalls(made);
  showItems(made);
  showTokens(made);
}
