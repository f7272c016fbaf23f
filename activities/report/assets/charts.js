"use strict";
// uPlot in this page's style: thin rules, the page's colours, redrawn when the width or the colour scheme changes.

const CHARTS = [];
const STEPS = [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800];

function axes(across, up) {
  const common = () => ({ stroke: colour("soft"), font: "12px system-ui, sans-serif", ticks: { show: false } });
  const grid = { stroke: colour("line"), width: 1 };
  const whole = { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 5e6, 1e7] };
  const along = across === "time"
    ? { incrs: STEPS, values: (_, ticks, __, ___, step) => ticks.map((tick) => span(tick, step)) }
    : { ...whole, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? number(tick) : "")) };
  const money = up === "usd";
  const values = (_, ticks) => ticks.map((tick) => (money ? `$${tick}` : number(tick)));
  return [
    { ...common(), ...along, grid: { show: false }, size: 28, space: 70 },
    { ...common(), ...(money ? {} : whole), values, grid: up === null ? { show: false } : grid, size: up === null ? 14 : 62, space: 28, ...(up === null ? { values: (_, ticks) => ticks.map(() => "") } : {}) },
  ];
}

/** Draw the chart that `plan()` returns into an element, and redraw it when it must change. Screen readers get `label`. */
function chart(place, label, plan) {
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", label);
  const entry = { place, plot: null, width: 0 };
  entry.draw = () => {
    const width = Math.floor(place.clientWidth);
    if (!width) return;
    entry.width = width;
    if (entry.plot) entry.plot.destroy();
    const { data, ...options } = plan();
    entry.plot = new uPlot({ legend: { show: false }, padding: [8, 12, 0, 0], ...options, width }, data, place);
  };
  CHARTS.push(entry);
  entry.draw();
  new ResizeObserver(() => {
    if (Math.floor(place.clientWidth) !== entry.width) entry.draw();
  }).observe(place);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => CHARTS.forEach((entry) => entry.draw()));
