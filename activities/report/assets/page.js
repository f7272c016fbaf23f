"use strict";
// All parts of the page, in the order in which they are wanted.

async function begin() {
  await showSlots();
  await pause();
  await showAllCalls();
  document.documentElement.dataset.ready = "yes";
}

begin();
