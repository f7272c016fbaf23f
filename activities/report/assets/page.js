"use strict";
// Start all parts of the page, the most visible first.

async function begin() {
  await showSlots();
  await pause();
  await showAllCalls();
  document.documentElement.dataset.ready = "yes";
}

begin();
