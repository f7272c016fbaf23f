"use strict";
// The packed rows of the page, unpacked block by block on demand.

const KEPT_BLOCKS = 12;

class Rows {
  constructor(kind) {
    this.elements = [...document.querySelectorAll(`script[data-kind="${kind}"]`)];
    this.starts = [0];
    for (const element of this.elements) this.starts.push(this.starts.at(-1) + Number(element.dataset.rows));
    this.kept = new Map();
  }

  get length() {
    return this.starts.at(-1);
  }

  /** A block's rows, as lines of JSON. */
  async lines(block) {
    const known = this.kept.get(block);
    if (known) return known;
    const packed = Uint8Array.from(atob(this.elements[block].textContent), (sign) => sign.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const lines = (await new Response(stream).text()).split("\n");
    this.kept.set(block, lines);
    if (this.kept.size > KEPT_BLOCKS) this.kept.delete(this.kept.keys().next().value);
    return lines;
  }

  /** The row at a position, counted from 0. */
  async row(position) {
    let block = 0;
    while (this.starts[block + 1] <= position) block += 1;
    return JSON.parse((await this.lines(block))[position - this.starts[block]]);
  }

  /** Every block in turn: its first position and its lines. */
  async *walk() {
    for (let block = 0; block < this.elements.length; block += 1) yield [this.starts[block], await this.lines(block)];
  }
}

const FACTS = JSON.parse(at("facts").textContent);
